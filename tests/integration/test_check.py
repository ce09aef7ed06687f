"""
``pyptwist check``, as a user sees it, against servers of ours and of others.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
)
from pyptwist.testing.processes import launchServer
from pyptwist.testing.streams import Address, Stream
from tests.integration.tornet import TorNetwork
from tests.integration.upstreamproxies import microsocks
from tests.peers import requirePeer

#: The beginning of a ServerHello, as far as anybody looks.
_RECORD = b"\x16\x03\x03\x00\x7a\x02"


async def answerTLS(stream: Stream) -> None:
    """
    Handler: what begins as TLS is answered so.
    """
    if (await stream.read(5))[:2] == b"\x16\x03":
        await stream.send(_RECORD)
    else:
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class CheckCase(TestCase):
    """
    Runs the command.
    """

    async def check(self, *words: str, status: int = 0) -> Child:
        """
        :returns: the process, which has ended with that status and no traceback.
        """
        command = [*pyptwistCommand(), "check", *words]
        child = spawn(self, Child("check"), command, baseEnvironment())
        ended = await child.whenEnded()
        self.assertEqual(ended, Ended(status, None), child.story("status"))
        self.assertNotIn(b"Traceback", child.errors)
        return child

    async def document(self, *words: str, status: int = 0) -> dict[str, Any]:
        child = await self.check("--json", *words, status=status)
        found: dict[str, Any] = json.loads("\n".join(child.lines))
        return found

    async def line(
        self, destination: Address, command: list[str] | None = None, method: str = "obfs4"
    ) -> str:
        """
        :returns: the bridge line of a server.
        """
        server = await launchServer(self, command or pyptwistCommand(), destination, [method])
        bridge = server.method(method)
        address = HostPort(*bridge.address)
        return str(BridgeLine(method, address, None, Arguments(bridge.arguments)))

    def stages(self, bridge: dict[str, Any]) -> list[tuple[str, str | None]]:
        """
        :returns: names and causes.
        """
        return [(stage["name"], stage["cause"]) for stage in bridge["stages"]]


class CheckTests(CheckCase):
    """
    One bridge after the other.
    """

    async def test_well(self) -> None:
        """
        Ours, and obfs4proxy's; with traffic, and without.
        """
        for command in (None, [requirePeer("obfs4proxy")]):
            line = await self.line(listen(self, echo).address, command)
            child = await self.check(line)
            self.assertRegex(
                "\n".join(child.lines),
                r"^Bridge 1: obfs4 IPv4 ok\n  tcp +\d\.\d{3} s  ok\n  handshake +\d\.\d{3} s  ok$",
            )
            child = await self.check(line, "--kib", "256")
            self.assertRegex(child.lines[-1], r"  traffic .* ok  256 KiB there and back$")

    async def test_tls(self) -> None:
        """
        What stands behind a bridge may be what tor expects, or not.
        """
        line = await self.line(listen(self, answerTLS).address)
        child = await self.check("--tls", *line.split())
        self.assertRegex(child.lines[-1], r"  traffic .* ok  TLS answered$")
        line = await self.line(listen(self, echo).address, method="obfs3")
        document = await self.document("--tls", line, status=1)
        self.assertEqual(self.stages(document["bridges"][0])[-1], ("traffic", "handshake"))

    async def test_tor(self) -> None:
        """
        An unmodified tor answers, behind a transport of ours.
        """
        network = TorNetwork(self)
        await network.start()
        bridge = await network.startBridge("bridge", "obfs4", pyptwistCommand())
        child = await self.check("--tls", await bridge.whenBridgeLine())
        self.assertRegex(child.lines[-1], r"  traffic .* ok  TLS answered$")

    async def test_otherDestination(self) -> None:
        """
        One that says something else, one that says nothing, and none.
        """
        line = await self.line(listen(self, answerTLS).address)
        document = await self.document("--kib=1", line, status=1)
        self.assertEqual(self.stages(document["bridges"][0])[-1], ("traffic", "handshake"))
        silent = await self.line(listen(self).address)
        document = await self.document("--tls", "--timeout=1", silent, status=1)
        self.assertEqual(self.stages(document["bridges"][0])[-1], ("traffic", "timeout"))
        gone = listen(self)
        line = await self.line(gone.address)
        await gone.stop()
        document = await self.document("--tls", line, status=1)
        self.assertEqual(self.stages(document["bridges"][0])[-1], ("traffic", "closed-by-peer"))

    async def test_send(self) -> None:
        """
        Any request can be sent, and so much of an answer waited for.
        """
        request = freshDirectory(self)
        request.write_bytes(b"x" * 3000)
        line = await self.line(listen(self, echo).address)
        child = await self.check(line, "--send", str(request), "--kib=2")
        self.assertRegex(child.lines[-1], r"  traffic .* ok  \d{4} bytes of answer$")

    async def test_many(self) -> None:
        """
        Each of several says what is wrong with it; from a file, some at a time.
        """
        good = await self.line(listen(self, echo).address)
        silent, dead = listen(self), listen(self)
        await dead.stop()
        head, _, rest = good.partition("cert=")
        wrong = f"{head}cert={'A' * 70}{rest[70:]}"
        lines = [
            good,
            wrong,
            f"dummy 127.0.0.1:{dead.address[1]}",
            "dummy nowhere.invalid:443",
            f"obfs3 127.0.0.1:{silent.address[1]}",
            "obfs4 127.0.0.1:443",
            "this is none",
        ]
        file = freshDirectory(self)
        file.write_text("# mine\n\n" + "\n".join(text.removeprefix("Bridge ") for text in lines))
        document = await self.document("--file", str(file), "--timeout=1.5", "--jobs=3", status=1)
        self.assertEqual(
            [self.stages(bridge)[-1] for bridge in document["bridges"]],
            [
                ("handshake", None),
                ("handshake", "timeout"),
                ("tcp", "refused"),
                ("resolve", "dns"),
                ("handshake", "timeout"),
                ("line", "arguments"),
                ("line", "arguments"),
            ],
        )
        self.assertEqual([b["number"] for b in document["bridges"]], [1, 2, 3, 4, 5, 6, 7])
        text = json.dumps(document)
        self.assertNotIn("127.0.0.1", text)
        self.assertNotIn("nowhere", text)
        self.assertNotIn("AAAA", text)

    async def test_input(self) -> None:
        """
        Lines come from standard input, too; the last one is a summary.
        """
        line = await self.line(listen(self, echo).address)
        command = [*pyptwistCommand(), "check", "-"]
        child = spawn(self, Child("check"), command, baseEnvironment())
        child.transport.write(f"{line}\n{line}\n".encode())
        child.closeInput()
        self.assertEqual(await child.whenEnded(), Ended(0, None))
        self.assertEqual(child.lines[-1], "All 2 bridges are well.")
        self.assertEqual(child.errors, b"")

    async def test_proxy(self) -> None:
        """
        Through an upstream proxy there is one stage more.
        """
        line = await self.line(listen(self, echo).address)
        proxy = await microsocks(self)
        document = await self.document(line, "--proxy", proxy.url())
        self.assertEqual(
            self.stages(document["bridges"][0]),
            [("proxy", None), ("tcp", None), ("handshake", None)],
        )
        document = await self.document(line, "--proxy", "http://127.0.0.1:9", status=1)
        self.assertEqual(self.stages(document["bridges"][0]), [("proxy", "upstream-proxy")])

    async def test_name(self) -> None:
        """
        A name is resolved, and shown on demand.
        """
        line = await self.line(listen(self, echo).address)
        document = await self.document(line.replace("127.0.0.1", "localhost"), "--show-addresses")
        [bridge] = document["bridges"]
        self.assertEqual([name for name, _ in self.stages(bridge)][:2], ["resolve", "tcp"])
        self.assertIn("localhost:", bridge["address"])

    async def test_interrupted(self) -> None:
        """
        Who interrupts it is not told that all is well.
        """
        silent = listen(self)
        command = [*pyptwistCommand(), "check", f"obfs3 127.0.0.1:{silent.address[1]}"]
        child = spawn(self, Child("check"), command, baseEnvironment())
        await silent.accept()
        child.signal("INT")
        self.assertIn(await child.whenEnded(), (Ended(130, None), Ended(None, signal.SIGINT)))
        self.assertEqual(child.lines, [])

    async def test_usage(self) -> None:
        """
        An error in the command line has a status of its own.
        """
        await self.check("--tls", status=2)
