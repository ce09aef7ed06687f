"""
Tests for ``pyptwist inspect`` in memory; the interoperation tests compare.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from pyptwist.inspection import Options
from tests.inspection.subjects import without
from tests.plugins import installPlugins
from tests.test_main import MainCase

PLUGIN = """
from pyptwist.registry import TransportPlugin

DUMMY = "pyptwist.transports.dummy.Dummy"
plain = TransportPlugin("plain", client=DUMMY, server=DUMMY)
KCP = "pyptwist.transports.kcp.method.Kcp"
dgram = TransportPlugin("dgram", client=KCP, server=KCP)
reach = TransportPlugin("reach", client=DUMMY)
STRICT = "tests.inspection.test_memory.Strict"
strict = TransportPlugin("strict", client=STRICT, server=STRICT)
"""


class InspectTests(MainCase):
    """
    The whole command.
    """

    def setUp(self) -> None:
        super().setUp()
        installPlugins(self, {"some": PLUGIN})

    def inspect(self, *arguments: str) -> str:
        """
        :returns: what is printed.
        """
        self.assertIsNone(self.run_("inspect", *arguments))
        self.assertEqual(self.errors.getvalue(), "")
        return self.outputs.getvalue()

    def refused(self, *arguments: str) -> str:
        """
        :returns: why it is.
        """
        code = self.run_("inspect", *arguments)
        self.assertIsInstance(code, str)
        return str(code)

    def test_whole(self) -> None:
        """
        It says what was done, and what was seen.
        """
        text = self.inspect("plain", "--connections=40")
        self.assertTrue(text.startswith("plain: 40 connections, in memory."))
        self.assertIn("The first packets of the first connection", text)
        self.assertIn("client: bytes 0 to 63 are 474554202f", text)

    def test_datagrams(self) -> None:
        """
        Of a method over UDP, datagrams are shown and drawn.
        """
        path = os.path.abspath(self.mktemp())
        text = self.inspect("dgram", "--connections=32", f"--plot={path}")
        self.assertTrue(text.startswith("dgram: 32 connections, in memory.  A datagram is"))
        self.assertIn("client's datagrams, within a connection: bytes 0 to 7", text)
        with open(path, "rb") as file:
            self.assertEqual(file.read(4), b"\x89PNG")

    def test_hint(self) -> None:
        """
        An option that may be misspelt is told of, once for each side.
        """
        pairs = ("--option=mood=1", "--argument=mood=1")
        self.assertIsNone(self.run_("inspect", "dgram", "--connections=2", "--fresh", *pairs))
        told = "pyptwist: there is no option 'mood': is 'mode' meant?\n"
        self.assertEqual(self.errors.getvalue(), told * 2)

    def test_order(self) -> None:
        """
        Options may stand before the method as well.
        """
        self.assertTrue(self.inspect("--connections", "2", "plain").startswith("plain: 2 "))

    def test_stacks(self) -> None:
        """
        A stack can be looked at, by its expression or by a name.
        """
        self.assertTrue(
            self.inspect("plain | plain", "--connections=1").startswith("plain | plain: 1 ")
        )
        self.assertIsNone(
            self.run_("--stack", "twice=plain|plain", "inspect", "twice", "--connections=1")
        )
        self.assertTrue(self.outputs.getvalue().startswith("twice: 1 "))

    def test_payload(self) -> None:
        """
        A file can be what the applications say.
        """
        path = Path(self.mktemp())
        path.write_bytes(b"x" * 333)
        text = self.inspect("plain", "--connections=1", f"--payload={path}")
        self.assertIn("client    333", text)
        for content in (b"", bytes((1 << 20) + 1)):
            path.write_bytes(content)
            self.assertIn("1 to 1048576 bytes", self.refused("plain", f"--payload={path}"))
        path.unlink()
        self.assertIn("cannot read", self.refused("plain", f"--payload={path}"))

    def test_plot(self) -> None:
        """
        Histograms go into a file.
        """
        path = os.path.abspath(self.mktemp())
        self.assertIn(path, self.inspect("plain", "--connections=2", f"--plot={path}"))
        with open(path, "rb") as file:
            self.assertEqual(file.read(4), b"\x89PNG")

    def test_noPlot(self) -> None:
        """
        What is missing for that is told before anything is done.
        """
        without(self, "matplotlib")
        path = self.mktemp()
        self.assertIn("pyptwist[plot]", self.refused("plain", f"--plot={path}"))
        self.assertEqual(self.outputs.getvalue(), "")

    def test_unknown(self) -> None:
        """
        A method must be there, and play both roles.
        """
        self.assertIn("installed: dgram, plain, reach, strict", self.refused("nix"))
        self.assertIn("'reach' can be a client alone", self.refused("reach"))

    def test_fails(self) -> None:
        """
        A method that fails is told why.
        """
        reason = self.refused("strict")
        self.assertTrue(reason.startswith("pyptwist: strict: "))
        self.assertIn("the peer failed to authenticate", reason)

    def test_wrong(self) -> None:
        """
        What is wrong with a command line is said before anything is done.
        """
        for arguments, reason in (
            ((), "name one method"),
            (("a", "b"), "name one method"),
            (("plain", "--what"), "option --what not recognized"),
            (("plain", "--connections=0"), "'connections' must be"),
            (("plain", "--connections=x"), "'connections' must be"),
            (("plain", "--option=x"), "--option must be KEY=VALUE"),
            (("plain", "--argument==x"), "--argument must be KEY=VALUE"),
            (("plain", "--against=x", "--fresh"), "--fresh is for"),
            (("plain|plain", "--against=x"), "pyptwist --stack 'NAME=plain|plain' inspect NAME"),
            (("plain", "--against=/nonexistent/peer"), "there is no program"),
            (("plain", "--against="), "there is no program"),
            (("plain", "--against='"), "--against: No closing quotation"),
        ):
            reason_ = self.refused(*arguments)
            self.assertIn(reason, reason_)
            self.assertIn("Try: pyptwist inspect --help", reason_)

    def test_options(self) -> None:
        """
        Options and arguments reach the method, which refuses those that it
        does not know how to read.
        """
        self.assertIsNone(self.run_("inspect", "plain", "--option=a=b=c", "--argument=d="))

    def test_documented(self) -> None:
        """
        The commands that the documentation shows can be given.
        """
        page = Path(__file__).parents[2] / "doc" / "extend" / "looking.rst"
        lines = re.findall(r"^    pyptwist (.* )?inspect (.*)$", page.read_text(), re.MULTILINE)
        self.assertGreater(len(lines), 5)
        for _, line in lines:
            Options().parseOptions(shlex.split(line))

    def test_help(self) -> None:
        """
        The help has examples.
        """
        self.assertEqual(self.run_("inspect", "--help"), 0)
        for text in ("--against", "--plot", "Examples:", "pyptwist inspect obfs4 --against"):
            self.assertIn(text, self.outputs.getvalue())
