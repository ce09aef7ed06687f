"""
Tests for what the documentation says: its examples run, and its lists are
complete.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.children import Child, spawn
from tests.destinations import echo, listen
from tests.processes import (
    baseEnvironment,
    freshDirectory,
    launchClient,
    launchServer,
    requirePeer,
    twistdCommand,
)
from tests.socksclient import socksConnect

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "doc"
EXAMPLES = DOC / "examples"
VEIL = EXAMPLES / "veil"


def load(directory: Path, name: str) -> Any:
    """
    Import a module of an example, without making its plugins known here.
    """
    sys.path.insert(0, str(directory))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(directory))


def blocks(page: Path, language: str) -> list[str]:
    """
    :returns: the contents of each block of code in a page.
    """
    pattern = rf"\.\. code-block:: {language}\n\n((?: +.+\n)+)"
    return [dedent(block).strip() for block in re.findall(pattern, page.read_text())]


# The example's own tests, run as they are.
VeilTests = load(VEIL, "test_veil").VeilTests


class VeilProcessTests(TestCase):
    """
    A method of somebody else's, found by its plugin file alone.
    """

    timeout = 60

    async def test_underTwistd(self) -> None:
        """
        ``twistd pt`` carries bytes with it, in both roles.
        """
        base = baseEnvironment()
        path = os.pathsep.join(filter(None, [base.get("PYTHONPATH"), str(VEIL)]))
        options = {"veil": {"secret": "00112233445566778899aabbccddeeff"}}
        server = await launchServer(
            self,
            twistdCommand(),
            listen(self, echo).address,
            ["veil"],
            options,
            {"PYTHONPATH": path},
        )
        client = await launchClient(self, twistdCommand(), ["veil"], {"PYTHONPATH": path})
        bridge = server.method("veil")
        self.assertEqual(bridge.arguments, options["veil"])
        stream = await socksConnect(
            self, client.method("veil").address, bridge.address, bridge.arguments
        )
        await stream.send(b"lifted")
        self.assertEqual(await stream.read(6), b"lifted")


class ApplicationTests(TestCase):
    """
    The examples for Twisted applications, as processes.
    """

    timeout = 60

    def start(self, example: str, *arguments: str) -> Child:
        """
        Start an example.
        """
        command = [sys.executable, str(EXAMPLES / example), *arguments]
        return spawn(self, Child(example), command, baseEnvironment())

    async def test_echo(self) -> None:
        """
        The server prints a bridge line; with it, the client reaches it.
        """
        state = freshDirectory(self)
        server = self.start("echo_server.py", f"pt:obfs4:0:interface=127.0.0.1:state={state}")
        bridge = (await server.whenLine("^Bridge (.*)$"))[1]
        client = self.start("echo_client.py", "pt:bridge=" + bridge.replace(":", r"\:"))
        await client.whenLine("^obfs4 carried: is anybody there\\?$")
        self.assertEqual((await client.whenEnded()).code, 0)


class TorrcTests(TestCase):
    """
    tor takes what the pages say to put into torrc.
    """

    timeout = 60

    async def verify(self, page: Path) -> None:
        """
        Have tor check each torrc in a page.
        """
        tor = requirePeer("tor")
        texts = [text for text in blocks(page, "text") if "TransportPlugin" in text]
        self.assertNotEqual(texts, [])
        for text in texts:
            directory = freshDirectory(self)
            directory.mkdir(mode=0o700)
            torrc = directory / "torrc"
            torrc.write_text(f"DataDirectory {directory}\nContactInfo nobody\n{text}\n")
            command = [tor, "--verify-config", "-f", str(torrc)]
            child = spawn(self, Child("tor"), command, baseEnvironment())
            await child.whenLine("Configuration was valid")
            warnings = [line for line in child.lines if "[warn]" in line]
            self.assertEqual([w for w in warnings if "running Tor as root" not in w], [])

    async def test_readme(self) -> None:
        """
        In the README.
        """
        await self.verify(ROOT / "README.rst")

    async def test_client(self) -> None:
        """
        In the quickstart for clients.
        """
        await self.verify(DOC / "quickstart" / "client.rst")

    async def test_bridge(self) -> None:
        """
        In the quickstart for bridges.
        """
        await self.verify(DOC / "quickstart" / "bridge.rst")


class CompletenessTests(SynchronousTestCase):
    """
    What must be listed is listed.
    """

    def test_dependencies(self) -> None:
        """
        Each dependency has its entry, and each entry is one.
        """
        tree = ast.parse((ROOT / "setup.py").read_text())
        lists = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("DEPENDENCIES", "EXTRAS")
        }
        required = [*lists["DEPENDENCIES"], *chain(*lists["EXTRAS"].values())]
        names = {re.split("[<>=;]", requirement)[0] for requirement in required}
        page = (DOC / "design" / "dependencies.rst").read_text()
        self.assertEqual(set(re.findall(r"^([\w.-]+)\n   ", page, re.MULTILINE)), names)

    def test_options(self) -> None:
        """
        Each option of ``twistd pt`` is explained.
        """
        from pyptwist.tap import Options

        page = (DOC / "operate" / "running.rst").read_text()
        for name, *_ in [*Options.optFlags, *Options.optParameters]:
            self.assertIn(f"``--{name}", page)

    def test_readme(self) -> None:
        """
        The README has one command for the demo and one for the tests, and CI
        has no test command of its own.
        """
        demo, tests = blocks(ROOT / "README.rst", "sh")
        self.assertTrue(demo.endswith("pyptwist demo"))
        self.assertTrue(tests.endswith("trial tests"))
        self.assertEqual([demo.count("\n"), tests.count("\n")], [0, 0])
        self.assertNotIn("bin/trial", (ROOT / ".ci" / "run").read_text())
