"""
Tests for what the documentation says: its examples run, and its lists are
complete.
"""

from __future__ import annotations

import ast
import re
import sys
from itertools import chain
from pathlib import Path
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase, TestCase

from pyptwist.scaffold import nextCommands
from pyptwist.scaffold.package import render
from pyptwist.testing.children import Child, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import connect
from tests.peers import requirePeer

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "doc"
EXAMPLES = DOC / "examples"


def blocks(page: Path, language: str) -> list[str]:
    """
    :returns: the contents of each block of code in a page.
    """
    pattern = rf"\.\. code-block:: {language}\n\n((?: +.+\n)+)"
    return [dedent(block).strip() for block in re.findall(pattern, page.read_text())]


class FirstTransportTests(SynchronousTestCase):
    """
    The chapter on a first transport shows the code that ``pyptwist new`` writes.
    """

    page = DOC / "extend" / "first.rst"

    def test_files(self) -> None:
        """
        It lists the files, all of them.
        """
        (listing,) = blocks(self.page, "none")
        folder, *lines = (line.split()[0] for line in listing.splitlines())
        self.assertEqual(folder, "demo_transport/")
        self.assertEqual(sorted(lines), sorted(render("demo_transport")))

    def test_code(self) -> None:
        """
        It shows every class of the method.
        """
        files = render("demo_transport")
        text = self.page.read_text()
        for name in ("codec", "method"):
            path = f"src/demo_transport/{name}.py"
            included = f".. literalinclude:: ../../pyptwist/scaffold/template/{path}\n"
            shown = re.findall(re.escape(included) + r"   :pyobject: (\w+)\n", text)
            body = ast.parse(files[path]).body
            classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
            self.assertEqual(shown, classes)

    def test_commands(self) -> None:
        """
        What to do next is what the command says, too.
        """
        commands = [command for block in blocks(self.page, "sh") for command in block.splitlines()]
        for command in nextCommands("demo_transport", "demo_transport", "python"):
            # The page exports the variable once.
            self.assertIn(re.sub("^PYTHONPATH=[^ ]+ ", "", command), commands)


class ApplicationTests(TestCase):
    """
    The examples for Twisted applications, as processes.
    """

    def start(self, example: str, *arguments: str) -> Child:
        """
        Start an example.
        """
        command = [sys.executable, str(EXAMPLES / example), *arguments]
        return spawn(self, Child(example), command, baseEnvironment())

    async def test_echo(self) -> None:
        """
        The server prints a bridge line; with it, the client reaches it.  So it is with
        a stack that is written out.
        """
        for method, name in (("obfs4", "obfs4"), ("smux|kcp", "smux_kcp")):
            state = freshDirectory(self)
            text = f"pt:{method}:0:interface=127.0.0.1:state={state}"
            server = self.start("echo_server.py", text)
            bridge = (await server.whenLine("^Bridge (.*)$"))[1]
            client = self.start("echo_client.py", "pt:bridge=" + bridge.replace(":", r"\:"))
            await client.whenLine(f"^{name} carried: is anybody there\\?$")
            self.assertEqual((await client.whenEnded()).code, 0)

    async def test_aio(self) -> None:
        """
        So it is with asyncio; and a client that reaches nobody says so.
        """
        server = self.start("aio_echo_server.py", "0", str(freshDirectory(self)))
        bridge = (await server.whenLine("^Bridge (.*)$"))[1]
        client = self.start("aio_echo_client.py", bridge)
        await client.whenLine("^obfs4 carried: is anybody there\\?$")
        self.assertEqual((await client.whenEnded()).code, 0)
        await server.stop()
        client = self.start("aio_echo_client.py", bridge)
        self.assertEqual((await client.whenEnded()).code, 1)
        self.assertEqual(client.errors, b"no connection: [Errno 111] Connection refused\n")

    async def test_tunnel(self) -> None:
        """
        The tunnel's port leads to the TCP server, until the program is told to end.
        """
        server = listen(self, echo)
        target = "{}:{}".format(*server.address)
        tunnel = self.start("tunnel.py", target, str(freshDirectory(self)))
        host, port = (await tunnel.whenLine("^[0-9.]+:[0-9]+$"))[0].split(":")
        stream = await connect(self, (host, int(port)))
        stream.write(b"is anybody there?")
        self.assertEqual(await stream.read(17), b"is anybody there?")
        tunnel.signal("TERM")
        self.assertEqual((await tunnel.whenEnded()).code, 0)


class TorrcTests(TestCase):
    """
    tor takes what the pages say to put into torrc.
    """

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

    async def test_stacks(self) -> None:
        """
        In the page on stacks.
        """
        await self.verify(DOC / "operate" / "stacks.rst")

    async def test_firstTransport(self) -> None:
        """
        In the chapter on a first transport.
        """
        await self.verify(DOC / "extend" / "first.rst")


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
        from pyptwist.ipc.flags import FLAGS
        from pyptwist.tap import Options

        page = (DOC / "operate" / "running.rst").read_text()
        listed = [str(name) for name, *_ in [*Options.optFlags, *Options.optParameters]]
        for name in {*listed, "stack"} - FLAGS.keys():
            self.assertIn(f"``--{name}", page)
        page = (DOC / "operate" / "standalone.rst").read_text()
        for name in FLAGS:
            self.assertIn(f"``-{name}", page)

    def test_configuration(self) -> None:
        """
        Each key of configuration files is explained, and what is said of the form is
        what ``check-config`` says.
        """
        from pyptwist.configfile.plan import KEYS, parse
        from pyptwist.configfile.tables import FileProblems

        page = (DOC / "operate" / "configuration.rst").read_text()
        listed = re.findall(r"^   \* - (``.*)$", page, re.MULTILINE)
        explained = set(re.findall("``([^`]+)``", "".join(listed)))
        self.assertEqual(explained, {key for keys in KEYS.values() for key in keys})
        file = (
            b'[[server]]\nmethod="obfs4"\nlisen=""\ntarget="[::1]:1"\n'
            b'[[client]]\nmethod="obfs4"\n[[client]]\nname="x"\nmethod="obfs4"\nmode="x"\n'
        )
        problems = self.assertRaises(FileProblems, parse, file, "/").problems
        (shown,) = blocks(DOC / "operate" / "configuration.rst", "console")
        said = [line.partition(": ")[2] for line in shown.splitlines()[1:]]
        self.assertEqual(said, list(problems))

    def test_readme(self) -> None:
        """
        The README has one command for the demo and one for the tests, and CI
        has no test command of its own.
        """
        demo, tests = blocks(ROOT / "README.rst", "sh")
        self.assertTrue(demo.endswith("pyptwist demo"))
        self.assertTrue(tests.endswith("trial -j2 tests"))
        self.assertEqual([demo.count("\n"), tests.count("\n")], [0, 0])
        self.assertNotIn("bin/trial", (ROOT / ".ci" / "run").read_text())
