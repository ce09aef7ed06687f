"""
Our child among badly behaved plugins, and what its logs show.
"""

from __future__ import annotations

import stat
from pathlib import Path
from textwrap import dedent

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Ended
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect

_NOISE = """
    import os, subprocess, sys
    print("NOISE printed")
    print("NOISE printed to the original", file=sys.__stdout__)
    print("CMETHOD NOISE socks5 127.0.0.1:1")
    sys.stderr.write("NOISE in errors\\n")
"""

_LOUD_NOISE = """
    print("NOISE flushed", flush=True)
    os.write(1, b"NOISE written\\n")
    subprocess.run(["/bin/echo", "NOISE of a program"])
"""


class HostileCase(TestCase):
    """
    Plugins of others.
    """

    timeout = 120

    def setUp(self) -> None:
        self.packages = freshDirectory(self)
        (self.packages / "twisted" / "plugins").mkdir(parents=True)

    def plugin(self, name: str, code: str) -> None:
        """
        Drop in a plugin module.
        """
        self.module(f"twisted/plugins/{name}", code)

    def module(self, name: str, *code: str) -> None:
        """
        Write a module that can be imported.
        """
        text = "".join(map(dedent, code))
        (self.packages / f"{name}.py").write_text(text, encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        """
        :returns: what makes a child find these modules, first of all.
        """
        path = baseEnvironment().get("PYTHONPATH")
        found = f"{self.packages}:{path}" if path else str(self.packages)
        return {"PYTHONPATH": found, "PYTHONUNBUFFERED": "", **more}

    def assertQuiet(self, child: PTChild, methods: int = 1) -> None:
        """
        Nothing but the IPC was on standard output.
        """
        for line in child.lines:
            self.assertRegex(line, r"^(VERSION|STATUS|LOG|CMETHOD|CMETHOD-ERROR|CMETHODS) ")
            self.assertNotIn("NOISE", line.replace("LOG", "", 1) if "LOG" in line else line)
        self.assertEqual(len([line for line in child.lines if "socks5" in line]), methods)


class HostilePluginTests(HostileCase):
    """
    Standard output is ours alone.
    """

    async def test_printsAtImport(self) -> None:
        """
        Whatever a plugin module prints when it is found goes to standard error,
        for ``pyptwist`` even if it is not buffered.
        """
        for name in ("aaa_plugins", "zzz_plugins"):
            self.plugin(name, _NOISE)
        twistd = await launchClient(self, twistdCommand(), ["dummy"], self.environment())
        self.assertQuiet(twistd)
        self.assertIn(b"NOISE printed\n", twistd.errors)
        self.plugin("aaa_plugins", dedent(_NOISE) + dedent(_LOUD_NOISE))
        loud = self.environment(PYTHONUNBUFFERED="1")
        pyptwist = await launchClient(self, pyptwistCommand(), ["dummy"], loud)
        self.assertQuiet(pyptwist)
        for text in (b"NOISE flushed", b"NOISE written\n", b"NOISE of a program\n"):
            self.assertIn(text, pyptwist.errors)

    async def test_loudBehindUs(self) -> None:
        """
        ``twistd pt`` has its output safe as soon as twistd finds it.
        """
        self.plugin("zzz_plugins", dedent(_NOISE) + dedent(_LOUD_NOISE))
        loud = self.environment(PYTHONUNBUFFERED="1")
        path = loud["PYTHONPATH"].split(":")
        loud["PYTHONPATH"] = ":".join([*path[1:], path[0]])
        twistd = await launchClient(self, twistdCommand(), ["dummy"], loud)
        self.assertQuiet(twistd)

    async def test_raisesAtImport(self) -> None:
        """
        A plugin that cannot be imported costs nobody else anything.
        """
        for number, statement in enumerate(
            ("raise ValueError('at 192.0.2.1:443')", "raise SystemExit(3)", "import nonexistent")
        ):
            self.plugin(f"bad{number}_plugins", f"print('NOISE')\n{statement}\n")
        for command in (twistdCommand(), pyptwistCommand()):
            child = await launchClient(self, command, ["dummy"], self.environment())
            self.assertQuiet(child)
            for line in child.lines:
                self.assertNotIn("192.0.2.1", line)

    async def test_badMethods(self) -> None:
        """
        Methods that print, raise or exit when their code is imported are their
        own problem; the one that only prints works.
        """
        self.plugin(
            "methods_plugins",
            """
            from pyptwist.registry import TransportPlugin
            noisy = TransportPlugin("noisy", client="methodnoisy.Method")
            raising = TransportPlugin("raising", client="methodraising.Method")
            exiting = TransportPlugin("exiting", client="methodexiting.Method")
            missing = TransportPlugin("missing", client="methodmissing.Method")
            one = TransportPlugin("quarrel", client="a.B")
            other = TransportPlugin("quarrel", client="c.D")
            impossible = TransportPlugin("not-a-name", client="a.B")
            """,
        )
        method = "\nfrom pyptwist.transports.dummy import Dummy as Method\n"
        self.module("methodnoisy", _NOISE, _LOUD_NOISE, method)
        self.module("methodraising", _NOISE, "raise ValueError('two\\nlines, 192.0.2.1:443')\n")
        self.module("methodexiting", "import sys\nsys.exit('NOISE')\n")
        names = ["noisy", "raising", "exiting", "missing", "quarrel", "dummy"]
        for command in (twistdCommand(), pyptwistCommand()):
            child = await launchClient(self, command, names, self.environment())
            self.assertEqual(sorted(child.methods), ["dummy", "noisy"])
            self.assertEqual(child.refused["raising"], "ValueError: two lines, [scrubbed]")
            self.assertIn("SystemExit", child.refused["exiting"])
            self.assertIn("methodmissing", child.refused["missing"])
            self.assertIn("define the method 'quarrel'", child.refused["quarrel"])
            child.closeInput()
            self.assertEqual(await child.whenEnded(), Ended(0, None))
            self.assertEqual(child.lines[8], "CMETHODS DONE")


class LogTests(TestCase):
    """
    What a failed connection leaves behind.
    """

    async def failing(self, *options: str, state: Path | None = None) -> PTChild:
        """
        :returns: a client that could not reach 127.0.0.2:1.
        """
        command = [*twistdCommand(), *options]
        client = await launchClient(self, command, ["dummy"], state=state)
        with self.assertRaises(SocksRefused) as caught:
            await socksConnect(self, client.method("dummy").address, ("127.0.0.2", 1))
        self.assertEqual(caught.exception.code, 5)
        await client.whenLine("^LOG SEVERITY=warning .*dummy: no connection: refused")
        client.closeInput()
        await client.whenEnded()
        return client

    async def test_standardError(self) -> None:
        """
        The log is on standard error; no address is in it, nor in our lines.
        """
        client = await self.failing()
        self.assertIn("dummy: no connection: refused", client.errors.decode())
        self.assertNotIn("127.0.0.2", client.errors.decode() + "".join(client.lines))

    async def test_file(self) -> None:
        """
        It can be a file, which is its owner's alone.
        """
        state = freshDirectory(self)
        client = await self.failing("--log-file=child.log", "--log-level=debug", state=state)
        self.assertNotIn("dummy", client.errors.decode())
        path = state / "child.log"
        self.assertIn("dummy: no connection: refused", path.read_text("utf-8"))
        self.assertNotIn("127.0.0.2", path.read_text("utf-8"))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    async def test_level(self) -> None:
        """
        What is beneath the level is not in it.
        """
        client = await self.failing("--log-level=error")
        self.assertEqual(client.errors.decode(), "")

    async def test_unforwarded(self) -> None:
        """
        A bridge whose tor cannot be reached says so to the operator.
        """
        server = await launchServer(self, twistdCommand(), ("127.0.0.2", 1), ["dummy"])
        client = await launchClient(self, twistdCommand(), ["dummy"])
        stream = await socksConnect(
            self, client.method("dummy").address, server.method("dummy").address
        )
        line = await server.whenLine("^LOG SEVERITY=error ")
        self.assertIn("could not be forwarded: refused", line.string)
        await stream.lost()
