"""
Tests for the manual pages' sources, ``doc/man``: they know every command and every
option.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ipc.flags import FLAGS
from pyptwist.versioned import VersionedOptions

DOCUMENTATION = Path(__file__).resolve().parents[1] / "doc"


def load(name: str) -> Any:
    """
    :returns: a module of the documentation's, which are in no package.
    """
    path = DOCUMENTATION / "extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ManualTests(SynchronousTestCase):
    """
    Tests for ``doc/man``, and for the text that its pages take from the code.
    """

    def setUp(self) -> None:
        self.lines = load("commandline")
        self.commands = self.lines.commands()

    def test_commands(self) -> None:
        """
        The commands are found, and those of commands.
        """
        for words in ((), ("check",), ("generate-config",), ("tunnel",), ("tunnel", "client")):
            self.assertIn(words, self.commands)

    def test_pages(self) -> None:
        """
        There is a page for each command, it takes this command's text, and the
        index names it.  There is no other page.
        """
        index = (DOCUMENTATION / "man" / "index.rst").read_text().split()
        pages = {path.stem for path in (DOCUMENTATION / "man").glob("*.rst")} - {"index"}
        self.assertEqual(pages, {self.lines.pageName(words) for words in self.commands})
        for words in self.commands:
            name = self.lines.pageName(words)
            page = (DOCUMENTATION / "man" / f"{name}.rst").read_text().splitlines()
            self.assertIn(" ".join((".. usage::", *words)), page)
            self.assertEqual(page[0], " ".join(("pyptwist", *words)))
            self.assertIn(name, index)

    def test_options(self) -> None:
        """
        Each option of each command is described, with its value if it has one.
        """
        for words in self.commands:
            options = self.lines.optionsOf(words)
            lines = self.lines.manual(words).splitlines()
            for name in options.longOpt:
                bare = name.rstrip("=")
                isFlag = not words and bare in FLAGS
                head = f".. option:: {'-' if isFlag else '--'}{bare}"
                [place] = [n for n, line in enumerate(lines) if f"{line} ".startswith(f"{head} ")]
                self.assertEqual(lines[place] != head, name.endswith("="), head)
                self.assertTrue(lines[place + 2].strip(), head)

    def test_flags(self) -> None:
        """
        The flags of the specifications keep their one dash, and the names of their
        values.
        """
        text = self.lines.manual(())
        for flag in FLAGS.values():
            value = f" {flag.value}" if flag.value else ""
            self.assertIn(f".. option:: -{flag.name}{value}\n", text)

    def test_subcommands(self) -> None:
        """
        A command that has commands refers to their pages.
        """
        self.assertIn(":manpage:`pyptwist-check-config(1)`\n", self.lines.manual(()))
        self.assertIn(":manpage:`pyptwist-tunnel-server(1)`\n", self.lines.manual(("tunnel",)))
        self.assertNotIn("Commands", self.lines.manual(("check",)))

    def test_prose(self) -> None:
        """
        What reStructuredText would take for markup is not.
        """
        for text, expected in (
            ("as in 'b64_obfs4=obfs4|b64'", r"as in 'b64\_obfs4=obfs4\|b64'"),
            ("With --send: wait; -target.", "With ``--send``: wait; ``-target``."),
            ("  a\n   *b* `c` d- - e-f <g>", r"a \*b\* \`c\` d- - e-f \<g\>"),
        ):
            self.assertEqual(self.lines.prose(text), expected)

    def test_version(self) -> None:
        """
        Each command tells this program's version, not Twisted's.
        """
        for words in self.commands:
            self.assertIsInstance(self.lines.optionsOf(words), VersionedOptions, words)

    def test_default(self) -> None:
        """
        A default is told.
        """
        text = self.lines.manual(("tunnel", "server"))
        self.assertIn("The transport method. [default: obfs4]", text)
