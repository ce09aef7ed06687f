"""
Our child as a real process, in PT 2.1, 2.2 and 3.0, by flags, with a parent and
without one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.processes import PTChild
from pyptwist.testing.socksclient import socksConnect, socksRequest
from pyptwist.testing.streams import Address, Stream, bounded, connect, payload, sha256, together
from tests.peers import requirePeer

_CLEAN = Ended(0, None)
_SOON = 5.0
_SIZE = 256 * 1024

#: What each version is called, and what it answers.
_WORDS = {"2": "2", "2.1": "2.1", "1,2.2": "2.2", "2.2.1": "2.2.1", "3.0": "3.0", "1,3": "3"}


class DialectCase(TestCase):
    """
    Starts children by flags.
    """

    def start(self, *flags: str, command: Sequence[str] | None = None) -> PTChild:
        """
        :param command: ``pyptwist``'s by default.
        """
        directory = freshDirectory(self)
        directory.mkdir()
        self.directory = directory
        arguments = [*(command or pyptwistCommand()), *flags]
        return spawn(self, PTChild("ours"), arguments, baseEnvironment(), directory)

    async def ready(self, *flags: str, command: Sequence[str] | None = None) -> PTChild:
        """
        :returns: a child that has said all that it says at its start.
        """
        child = self.start(*flags, command=command)
        await child.whenReady()
        return child

    async def server(self, *flags: str, target: Address | None = None) -> Method:
        """
        :returns: an obfs4 server in front of an echo.
        """
        host, port = target or listen(self, echo).address
        child = await self.ready(
            *("-server", "-transport", "obfs4", "-bindhost", "127.0.0.1", "-bindport", "0"),
            *("-target", f"{host}:{port}", *flags),
        )
        return child.method("obfs4")

    def options(self, server: Method) -> dict[str, Any]:
        """
        :returns: a client's, with the server's address.
        """
        address = "{}:{}".format(*server.address)
        return {"serverAddress": address, "cert": server.arguments["cert"], "iat-mode": 0}

    async def assertEchoes(self, stream: Stream, size: int = _SIZE) -> None:
        data = payload(size, 7)
        _, digest = await together(stream.send(data), stream.digest(size))
        self.assertEqual(digest, sha256(data))


class VersionTests(DialectCase):
    """
    Both sides in each version.
    """

    async def test_through(self) -> None:
        """
        A client and a server carry data, and say their lines and no others.
        """
        for number, (offered, word) in enumerate(_WORDS.items()):
            command = (pyptwistCommand, twistdCommand)[number % 2]()
            version = ("-ptversion", offered)
            target = "{}:{}".format(*listen(self, echo).address)
            server = await self.ready(
                *(*version, "-server", "-transports", "obfs4,nonexistent"),
                *("-bindaddr", "obfs4-127.0.0.1:0,nonexistent-127.0.0.1:0"),
                *("-target", target, "-exit-on-stdin-close"),
                command=command,
            )
            bridge = server.method("obfs4")
            self.assertEqual(server.lines, [f"VERSION {word}", bridge.line, "SMETHODS DONE"])
            client = await self.ready(
                *("-exit-on-stdin-close=1", "-client", "-transports", "nonexistent,obfs4"),
                *("-options", json.dumps({"obfs4": self.options(bridge)}), *version),
                command=command,
            )
            method = client.method("obfs4")
            self.assertEqual(client.lines, [f"VERSION {word}", method.line, "CMETHODS DONE"])
            self.assertEqual(method.protocol, "socks5")
            # Whom the application names does not matter.
            await self.assertEchoes(await socksConnect(self, method.address, ("192.0.2.99", 9)))
            for child in (client, server):
                child.closeInput()
                self.assertEqual(await child.whenEnded(_SOON), _CLEAN)
                self.assertIn(b"nonexistent is ignored", child.errors)
                self.assertNotIn(b"-ERROR", child.errors)

    async def test_errors(self) -> None:
        """
        A method that fails is told of on standard error, and the child lives.
        """
        taken = "{}:{}".format(*listen(self).address)
        child = self.start(
            *("-server", "-transports", "obfs4,dummy", "-target", "127.0.0.1:1"),
            *("-bindaddr", f"obfs4-{taken},dummy-127.0.0.1:0", "-ptversion=3.0"),
        )
        await child.whenReady()
        self.assertEqual(set(child.methods), {"dummy"})
        self.assertEqual(child.refused, {})
        self.assertIn(b"SMETHOD-ERROR obfs4 ", child.errors)
        child.signal("TERM")
        self.assertEqual(await child.whenEnded(_SOON), _CLEAN)

    async def test_refused(self) -> None:
        """
        What cannot start says so on standard error, and ends by its own code.
        """
        for flags, code, error, said in (
            (("-ptversion", "9", "-client"), 78, b"VERSION-ERROR no-version\n", []),
            (("-client",), 64, b"ENV-ERROR neither -transport nor", ["VERSION 3.0"]),
            (("-client", "-trasport", "x"), 64, b"ENV-ERROR the command line: option -tr", []),
            (
                ("-transport", "x", "-proxy", "gopher://127.0.0.1:1", "-ptversion", "2"),
                69,
                b"PROXY-ERROR ",
                ["VERSION 2"],
            ),
        ):
            for command in (pyptwistCommand(), twistdCommand()):
                child = self.start(*flags, command=command)
                self.assertEqual(await child.whenEnded(20), Ended(code, None), child.story("said"))
                self.assertTrue(child.errors.startswith(error), child.errors)
                self.assertEqual(child.errors.count(b"\n"), 1)
                self.assertEqual(child.lines, said)

    async def test_log(self) -> None:
        """
        A parent that asks for messages gets them, as a level and a text.
        """
        child = await self.ready(
            *("-server", "-transport", "obfs4", "-bindhost", "127.0.0.1", "-bindport", "0"),
            *("-target", "127.0.0.1:1", "-ipcLogLevel", "INFO", "-enableLogging"),
        )
        await child.when(
            lambda: next((x for x in child.lines if x.startswith("LOG INFO What ")), None),
            _SOON,
            "a message",
        )
        child.signal("INT")
        self.assertEqual(await child.whenEnded(_SOON), _CLEAN)
        self.assertTrue((self.directory / "state" / "dispatcher.log").read_text())
        self.assertEqual(child.errors, b"")


class StandaloneTests(DialectCase):
    """
    Without a parent that asks for a version.
    """

    async def test_interrupt(self) -> None:
        """
        Both signals end it in good order; the end of its input does not.
        """
        for name in ("INT", "TERM"):
            child = await self.ready("-transport", "dummy")
            self.assertEqual(child.lines[0], "VERSION 3.0")
            child.closeInput()
            stream = await connect(self, child.method("dummy").address)
            stream.write(b"\5\1\0")
            self.assertEqual(await stream.read(2), b"\5\0")
            child.signal(name)
            self.assertEqual(await child.whenEnded(_SOON), _CLEAN)

    async def test_outlivesItsStarter(self) -> None:
        """
        A script may start it and go.
        """
        directory = freshDirectory(self)
        directory.mkdir()
        script = '"$@" >out 2>err & echo $!; until grep -q DONE out; do sleep 0.1; done'
        shell = spawn(
            self,
            Child("sh"),
            ["/bin/sh", "-c", script, "sh", *pyptwistCommand(), "-transport", "dummy"],
            baseEnvironment(),
            directory,
        )
        self.assertEqual(await shell.whenEnded(20), _CLEAN)
        pid = int(shell.lines[0])
        self.addCleanup(_end, pid)
        [line] = [x for x in (directory / "out").read_text().splitlines() if "dummy" in x]
        host, _, port = line.split()[3].rpartition(":")
        # Longer than between two looks at the parent: a second request is answered.
        for _ in range(3):
            stream = await connect(self, (host, int(port)))
            stream.write(b"\5\1\0")
            self.assertEqual(await stream.read(2), b"\5\0")
            await _pause(0.6)

    async def test_curl(self) -> None:
        """
        curl goes through with options on our command line, with a user name and
        password besides, and with those alone.
        """
        from tests.interop.test_curl import BODY, web

        target = listen(self, web).address
        server = await self.server(target=target)
        options = self.options(server)
        path = freshDirectory(self)
        path.write_text(json.dumps(options), encoding="utf-8")
        standing = await self.ready("-transport", "obfs4", "-optionsFile", str(path))
        asking = await self.ready("-transports", "obfs4")
        user = "cert={cert};iat-mode=0:".format(**options)
        for child, host, more in (
            (standing, "192.0.2.99", []),
            (standing, "192.0.2.99", ["--proxy-user", "unknown=1:"]),
            (asking, options["serverAddress"], ["--proxy-user", user]),
        ):
            page = freshDirectory(self)
            address = "{}:{}".format(*child.method("obfs4").address)
            curl = spawn(
                self,
                Child("curl"),
                [
                    *(requirePeer("curl"), "-q", "--no-progress-meter", "--noproxy", ""),
                    *("--max-time", "30", "--output", str(page), "--socks5", address),
                    *(*more, f"http://{host}/"),
                ],
                baseEnvironment(),
            )
            self.assertEqual(await curl.whenEnded(40), _CLEAN, curl.errors)
            self.assertEqual(sha256(page.read_bytes()), sha256(BODY))

    async def test_parameters(self) -> None:
        """
        An application that speaks method 9, all at once or bit by bit.
        """
        server = await self.server()
        client = await self.ready("-transport", "obfs4", "-ptversion", "2")
        text = json.dumps(self.options(server)).encode()
        block = len(text).to_bytes(4, "big") + text
        greeting, request = b"\5\1\x09", b"\5\1\0\1\x7f\0\0\1\0\1"
        stream = await connect(self, client.method("obfs4").address)
        stream.write(greeting + block + request)
        self.assertEqual(await stream.read(12), b"\5\x09\5\0\0\1" + bytes(6))
        await self.assertEchoes(stream)
        stream = await connect(self, client.method("obfs4").address)
        stream.write(greeting)
        self.assertEqual(await stream.read(2), b"\5\x09")
        stream.write(block)
        await socksRequest(stream, server.address)
        await self.assertEchoes(stream)
        for wrong, code in (
            (b"\0\0\0\2}{", 0x12),
            (b"\0\0\0\2{}" + request, 0x13),
            (b"\x7f\xff\xff\xff" + bytes(1024 * 1024), 0x10),
        ):
            stream = await connect(self, client.method("obfs4").address)
            stream.write(greeting + wrong)
            self.assertEqual(await stream.read(4), b"\5\x09" + bytes([5, code]))
            await stream.drop()

    async def test_transparent(self) -> None:
        """
        An application that knows no SOCKS; the server by an option, or by a flag.
        """
        server = await self.server("-mode", "transparent-TCP")
        options = self.options(server)
        target = options.pop("serverAddress")
        for flags in (
            ("-options", json.dumps({**options, "serverAddress": target})),
            ("-target", target, "-options", json.dumps({"obfs4": options})),
        ):
            client = await self.ready("-transparent", "-transport", "obfs4", *flags)
            method = client.method("obfs4")
            self.assertEqual(method.protocol, "transparent-TCP")
            await self.assertEchoes(await connect(self, method.address))
        child = await self.ready("-transparent", "-transport", "obfs4", "-target", target)
        self.assertEqual(child.methods, {})
        self.assertIn(b"CMETHOD-ERROR obfs4 ", child.errors)

    async def test_stack(self) -> None:
        """
        A stack that was defined beside the flags has options as any method has.
        """
        stack = ("--stack", "encoded=dummy|b64", "-transport", "encoded")
        target = "{}:{}".format(*listen(self, echo).address)
        bind = ("-bindhost", "127.0.0.1", "-bindport", "0")
        server = await self.ready("-server", *stack, *bind, "-target", target)
        address = "{}:{}".format(*server.method("encoded").address)
        options = json.dumps({"serverAddress": address})
        client = await self.ready(*stack, "-options", options, "-mode", "transparent-TCP")
        await self.assertEchoes(await connect(self, client.method("encoded").address))

    async def test_datagrams(self) -> None:
        """
        Datagrams go there and back, in both modes that have them.
        """
        for mode, datagram in (
            ("transparent-UDP", b"any datagram"),
            ("STUN", bytes.fromhex("0001 0004 2112a442") + b"transaction!" + b"body"),
        ):
            target = echoDatagrams(self)
            server = await self.server("-mode", mode, target=target)
            client = await self.ready(
                *("-mode", mode, "-transport", "obfs4"),
                *("-options", json.dumps(self.options(server))),
            )
            method = client.method("obfs4")
            self.assertEqual(method.protocol, mode)
            answer = await ask(self, method.address, datagram)
            self.assertEqual(answer, datagram)


class _Datagrams(DatagramProtocol):
    """
    Sends everything back; or keeps the first.
    """

    def __init__(self, isEcho: bool) -> None:
        self._isEcho = isEcho
        self.first: Deferred[bytes] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self._isEcho and self.transport is not None:
            self.transport.write(datagram, addr)
        elif not self.first.called:
            self.first.callback(datagram)


def _bind(test: TestCase, protocol: _Datagrams) -> Any:
    from twisted.internet import reactor

    anyReactor: Any = reactor
    port = anyReactor.listenUDP(0, protocol, interface="127.0.0.1")
    test.addCleanup(port.stopListening)
    return port


def echoDatagrams(test: TestCase) -> Address:
    """
    :returns: where datagrams come back from.
    """
    host = _bind(test, _Datagrams(isEcho=True)).getHost()
    return host.host, host.port


async def ask(test: TestCase, address: Address, datagram: bytes) -> bytes:
    """
    :returns: what comes back.
    """
    asking = _Datagrams(isEcho=False)
    _bind(test, asking).write(datagram, address)
    return await bounded(asking.first, 10, "a datagram")


async def _pause(seconds: float) -> None:
    from twisted.internet import reactor

    await deferLater(cast(Any, reactor), seconds)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
