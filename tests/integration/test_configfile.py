"""
``pyptwist -config`` and its commands, as real processes.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.configfile.generate import freshOptions
from pyptwist.configfile.writing import value
from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, connect, payload, sha256, together
from pyptwist.transports.obfs4.identity import Identity
from tests.interop.test_curl import BODY, web
from tests.peers import requirePeer
from tests.ports import freePort

_EXAMPLE: Final = Path(__file__).resolve().parents[2] / "doc" / "examples" / "pt.toml"
_READY: Final = "^All of them listen\\.$"
_SIZE: Final = 256 * 1024


class FileCase(TestCase):
    def setUp(self) -> None:
        self.directory = freshDirectory(self)
        self.directory.mkdir(mode=0o755)

    def write(self, text: str) -> str:
        """
        :returns: the path of a file in a directory of its own.
        """
        path = self.directory / "pt.toml"
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def run_(
        self,
        *arguments: str,
        command: Sequence[str] | None = None,
        directory: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Child:
        """
        Start our command, by default anywhere but beside the file.
        """
        directory = directory or freshDirectory(self)
        directory.mkdir(exist_ok=True)
        words = [*(command or pyptwistCommand()), *arguments]
        environment = {**baseEnvironment(), **(variables or {})}
        return spawn(self, Child("pyptwist"), words, environment, directory)

    async def address(self, child: Child, name: str) -> Address:
        """
        :returns: where a section listens.
        """
        line = await child.whenLine(rf"^{name}: \w+ \w+ on ([0-9.]+):([0-9]+), mode ")
        return line[1], int(line[2])

    async def assertEchoes(self, stream: Stream) -> None:
        data = payload(_SIZE, 7)
        _, digest = await together(stream.send(data), stream.digest(_SIZE))
        self.assertEqual(digest, sha256(data))


class ServiceManager:
    """
    What starts a program as a service, and is told how that goes.

    :ivar variables: of the program.
    """

    def __init__(self, test: TestCase) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self._socket.close)
        self._socket.setblocking(False)
        self._socket.bind("")
        self.variables = {"NOTIFY_SOCKET": "@" + os.fsdecode(self._socket.getsockname()[1:])}

    def told(self) -> list[str]:
        """
        :returns: what it was told, since this was asked last.
        """
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(10_000).decode())
        return found


class ServingTests(FileCase):
    """
    All in one process.
    """

    def loop(self) -> str:
        """
        :returns: a file with two servers in front of a web server, and their clients.
        """
        target = "{}:{}".format(*listen(self, web).address)
        options, _ = freshOptions("obfs4", os.urandom)
        cert = Identity.fromOptions(options).cert
        one, two = freePort(), freePort()
        keys = value(dict(options.items()))
        return f"""
            [[server]]
            method = "obfs4"
            listen = "127.0.0.1:{one}"
            target = "{target}"
            options = {keys}
            [[server]]
            method = "obfs3"
            listen = "127.0.0.1:{two}"
            target = "{target}"
            [[client]]
            name = "socks"
            bridge = "obfs4 127.0.0.1:{one} cert={cert} iat-mode=0"
            [[client]]
            name = "plain"
            method = "obfs3"
            mode = "transparent-TCP"
            server = "127.0.0.1:{two}"
        """

    async def curl(self, *arguments: str) -> bytes:
        """
        :returns: what curl fetched.
        """
        page = freshDirectory(self)
        command = [requirePeer("curl"), "-q", "--no-progress-meter", "--noproxy", ""]
        command += ["--max-time", "30", "--output", str(page), *arguments]
        child = spawn(self, Child("curl"), command, baseEnvironment())
        self.assertEqual((await child.whenEnded(40)).code, 0, child.errors)
        return page.read_bytes()

    async def test_loop(self) -> None:
        """
        curl reaches the web server by both clients; the state is beside the file,
        with what clients of the servers need; nothing is left at the end.
        """
        path = self.write(self.loop())
        manager = ServiceManager(self)
        for command, dash in ((pyptwistCommand(), "-config"), (twistdCommand(), "--config")):
            child = self.run_(dash, path, command=command, variables=manager.variables)
            await child.whenLine(_READY)
            socks, plain = await self.address(child, "socks"), await self.address(child, "plain")
            fetched = await self.curl("--socks5", "{}:{}".format(*socks), "http://192.0.2.1:1/")
            self.assertEqual(sha256(fetched), sha256(BODY))
            fetched = await self.curl("http://{}:{}/".format(*plain))
            self.assertEqual(sha256(fetched), sha256(BODY))
            state = self.directory / "state" / "server-obfs4"
            lines = (state / "bridgelines.txt").read_text()
            self.assertRegex(lines, r"(?m)^Bridge obfs4 127\.0\.0\.1:[0-9]+ <FINGERPRINT> cert=")
            self.assertEqual(stat.S_IMODE(state.stat().st_mode), 0o700)
            child.signal("TERM")
            self.assertEqual(await child.whenEnded(), Ended(0, None))
            self.assertEqual(manager.told(), ["READY=1", "STOPPING=1"])
            self.assertNotIn(b"Traceback", child.errors)
            self.assertEqual(re.findall(rb"127\.0\.0\.1", child.errors), [])

    async def test_input(self) -> None:
        """
        The end of standard input ends it, if the file says so.
        """
        child = self.run_(
            "-config", self.write('exit-on-stdin-close = true\n[[client]]\nmethod = "obfs3"\n')
        )
        await child.whenLine(_READY)
        child.closeInput()
        self.assertEqual(await child.whenEnded(), Ended(0, None))

    async def test_log(self) -> None:
        """
        The log is where the file says, readable to nobody else; the command line
        comes before the file.
        """
        path = self.write(
            '[log]\nfile = "pt.log"\nlevel = "debug"\n[[client]]\nmethod = "obfs3"\n'
        )
        for more, errors in ((), rb""), (("--log-file", "other.log", "-logLevel", "error"), rb""):
            child = self.run_("-config", path, *more)
            await child.whenLine(_READY)
            child.signal("INT")
            self.assertEqual(await child.whenEnded(), Ended(0, None))
            self.assertEqual(child.errors, errors)
        log = self.directory / "pt.log"
        self.assertEqual(log.read_text().count("Ending: SIGINT."), 1)
        self.assertEqual(stat.S_IMODE(log.stat().st_mode), 0o600)
        self.assertEqual((self.directory / "state" / "other.log").read_text(), "")

    async def test_wrong(self) -> None:
        """
        A file that is wrong: exit code 78, and why.
        """
        path = self.write('[[client]]\nmethd = "obfs3"\nmode = 1\n')
        for command in (pyptwistCommand(), twistdCommand()):
            child = self.run_("--config", path, command=command)
            self.assertEqual(await child.whenEnded(), Ended(78, None))
            self.assertEqual(
                child.errors.decode().splitlines(),
                [
                    f"pyptwist: {path}: [[client]] 1, methd: there is no such key; "
                    "is method meant?",
                    f"pyptwist: {path}: [[client]] 1, method: this is missing",
                    f"pyptwist: {path}: [[client]] 1, mode: this must be a string",
                ],
            )

    async def test_taken(self) -> None:
        """
        If anything cannot start, nothing goes on: exit code 1, and each reason.
        """
        host, port = listen(self, echo).address
        path = self.write(
            '[[client]]\nmethod = "obfs4"\nbridge = "obfs4 192.0.2.1:1 cert=x iat-mode=0"\n'
            f'[[client]]\nname = "taken"\nmethod = "obfs3"\nlisten = "{host}:{port}"\n'
            '[[client]]\nname = "odd"\nmethod = "obfs5"\n[[client]]\nmethod = "obfs3"\n'
        )
        manager = ServiceManager(self)
        for command in (pyptwistCommand(), twistdCommand()):
            child = self.run_("--config", path, command=command, variables=manager.variables)
            self.assertEqual(await child.whenEnded(), Ended(1, None))
            said = child.errors.decode()
            self.assertRegex(said, "(?m)^pyptwist: client-obfs4: the argument 'cert' must ")
            self.assertRegex(said, "(?m)^pyptwist: taken: CannotListenError: .*in use")
            self.assertRegex(said, "(?m)^pyptwist: odd: there is no transport method 'obfs5'")
            self.assertRegex(said, "is obfs[0-9] meant\\?")
            self.assertNotIn("All of them", "\n".join(child.lines))
            reasons = re.findall("(?m)^pyptwist: (.+)$", said)
            self.assertEqual(manager.told(), [*(f"STATUS={why}" for why in reasons), "STOPPING=1"])

    async def test_example(self) -> None:
        """
        The documentation's file runs, as far as its addresses are on this machine.
        """
        text = _EXAMPLE.read_text()
        text = re.sub(r'(listen = )".*"', r'\1"127.0.0.1:0"', text)
        text = text.replace("/var/lib/pt", "state").replace("/var/log/pt", "pt")
        child = self.run_("-config", self.write(text))
        await child.whenLine(_READY)
        child.signal("TERM")
        self.assertEqual(await child.whenEnded(), Ended(0, None))


class CommandTests(FileCase):
    async def check(self, path: str) -> tuple[int | None, list[str], list[str]]:
        """
        :returns: the exit status of check-config, and what it says and complains of.
        """
        child = self.run_("check-config", path)
        ended = await child.whenEnded()
        return ended.code, child.lines, child.errors.decode().splitlines()

    async def test_check(self) -> None:
        """
        The documentation's file is right, and none of its directories is made.
        """
        code, lines, errors = await self.check(self.write(_EXAMPLE.read_text()))
        self.assertEqual((code, errors), (0, []))
        self.assertEqual(
            lines,
            [
                "server-obfs4: obfs4 server",
                "server-b64_obfs4: b64_obfs4 server",
                "for-tor: obfs3 server",
                "client-obfs4: obfs4 client",
                "vpn: scramblesuit client",
            ],
        )

    async def test_exposed(self) -> None:
        """
        A file that all users can read is right, but its owner should know.
        """
        path = self.write('[[client]]\nmethod = "obfs3"\n')
        os.chmod(path, 0o644)
        code, lines, errors = await self.check(path)
        self.assertEqual((code, lines), (0, ["client-obfs3: obfs3 client"]))
        warning = f"{path}: all users of this machine can read what keys are in it; "
        self.assertEqual(errors, [f"{warning}chmod 600 {path}"])
        child = self.run_("-config", path)
        await child.whenLine(_READY)
        child.signal("INT")
        await child.whenEnded()
        self.assertTrue(child.errors.startswith(f"pyptwist: {warning}".encode()))

    async def test_methods(self) -> None:
        """
        What the methods do not like is found, and nothing listens or is written.
        """
        path = self.write(
            '[stacks]\nodd = "obfs4|absent"\n'
            '[[server]]\nmethod = "obfs4"\nlisten = "127.0.0.1:1"\ntarget = "127.0.0.1:2"\n'
            "options = {iat-mode = 3}\n"
            '[[server]]\nmethod = "obfs3"\nlisten = "127.0.0.1:3"\ntarget = "127.0.0.1:2"\n'
            'options = {decoy = "127.0.0.1:4"}\n'
            '[[client]]\nmethod = "obsf4"\n[[client]]\nmethod = "od"\n'
            '[[client]]\nname = "x"\nmethod = "obfs4"\nserver = "192.0.2.1:1"\n'
        )
        code, lines, errors = await self.check(path)
        self.assertEqual((code, lines), (1, []))
        starts = (
            "[stacks]: odd cannot be used: ",
            "[[server]] 1: the argument 'iat-mode' must be between 0 and 2",
            "[[server]] 2: obfs3 cannot have a decoy: ",
            "[[client]] 1: there is no transport method 'obsf4' for this role; installed: ",
            "[[client]] 2: there is no transport method 'od' for this role; installed: ",
            "[[client]] 3: the argument 'cert' is missing",
        )
        self.assertEqual(len(errors), len(starts), errors)
        for error, start in zip(errors, starts, strict=True):
            self.assertTrue(error.startswith(f"{path}: {start}"), error)
        self.assertTrue(errors[3].endswith("; is obfs4 meant?"), errors[3])
        self.assertTrue(errors[4].endswith("; is odd meant?"), errors[4])
        self.assertEqual(os.listdir(self.directory), ["pt.toml"])

    async def test_usage(self) -> None:
        child = self.run_("check-config")
        self.assertEqual((await child.whenEnded()).code, 2)

    async def pair(self, method: str, mode: str = "socks5") -> None:
        """
        A pair of files works as it was written.
        """
        target = "{}:{}".format(*listen(self, echo).address)
        child = self.run_(
            *("generate-config", method, "--server", f"127.0.0.1:{freePort()}"),
            *("--listen", "127.0.0.1:0", "--target", target, "--mode", mode),
            *("--directory", str(self.directory / "new")),
        )
        self.assertEqual((await child.whenEnded()).code, 0, child.errors)
        server, client = child.lines
        for path in child.lines:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertEqual((await self.check(path))[0], 0)
        await self.run_("-config", server).whenLine(_READY)
        serving = self.run_("-config", client)
        await serving.whenLine(_READY)
        address = await self.address(serving, "client-\\w+")
        if mode == "socks5":
            stream = await socksConnect(self, address, ("192.0.2.1", 1))
        else:
            stream = await connect(self, address)
        await self.assertEchoes(stream)

    async def test_obfs4(self) -> None:
        await self.pair("obfs4")

    async def test_scramblesuit(self) -> None:
        await self.pair("scramblesuit", "transparent-TCP")

    async def test_obfs2(self) -> None:
        await self.pair("obfs2")

    async def test_stack(self) -> None:
        await self.pair("obfs4|b64", "transparent-TCP")

    async def test_dispatchers(self) -> None:
        """
        shapeshifter-dispatcher's flags do the same as the command.
        """
        flags = ("-generateConfig", "-transport", "obfs4", "-serverIP", "192.0.2.1:443")
        child = self.run_(*flags, "-mode", "STUN", directory=self.directory)
        self.assertEqual((await child.whenEnded()).code, 0, child.errors)
        self.assertEqual(len(child.lines), 2)
        for line in child.lines:
            path = self.directory / line
            self.assertEqual((await self.check(str(path)))[0], 0)
            self.assertIn('mode = "STUN"', path.read_text(encoding="utf-8"))
        for wrong, text in (
            (flags, b"is there already"),
            (flags[:3], b"-generateConfig needs -serverIP"),
            ((*flags, "-client"), b"-generateConfig and -client exclude each other"),
            ((*flags, "-polish"), b"-toneburst and -polish go with -transport Replicant alone"),
            (("-toneburst",), b"-toneburst goes with -generateConfig alone"),
            (flags[3:], b"-serverIP goes with -generateConfig alone"),
        ):
            child = self.run_(*wrong, directory=self.directory)
            self.assertEqual((await child.whenEnded()).code, 1, child.errors)
            self.assertIn(text, child.errors)

    async def test_replicant(self) -> None:
        """
        With shapeshifter-dispatcher's flags for the parts that it is to have.
        """
        flags = ("-generateConfig", "-transport", "Replicant", "-serverIP", "192.0.2.1:443")
        child = self.run_(*flags, "-toneburst", "-polish", directory=self.directory)
        self.assertEqual((await child.whenEnded()).code, 0, child.errors)
        for line in child.lines:
            text = (self.directory / line).read_text(encoding="utf-8")
            self.assertIn("Starburst", text)
            self.assertIn("DarkStar", text)

    async def test_exclusions(self) -> None:
        path = self.write('[[client]]\nmethod = "obfs3"\n')
        for more in (("-client",), ("--stack", "a=obfs4|b64"), ("list",)):
            child = self.run_("-config", path, *more)
            self.assertEqual((await child.whenEnded()).code, 64 if "-client" in more else 1)
            self.assertIn(b"exclude each other", child.errors)
