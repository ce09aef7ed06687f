"""
scramblesuit between processes: obfs4proxy's client and ours, each with our server,
over loopback TCP, through their restarts.

obfs4proxy has no server side, and nobody else has one that still runs.
tests/transports/scramblesuit/test_probing.py has the exact times of what here is
only seen to be silent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import TestCase

from pyptwist.bridgeline import BridgeLine
from pyptwist.crypto.seal import Seal, SealSearch
from pyptwist.errors import HandshakeFailed
from pyptwist.state import StateDirectory
from pyptwist.testing.children import Child, spawn
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Stream, connect, payload, together
from pyptwist.testing.wiretap import Tap
from pyptwist.transports.scramblesuit.identity import STATE_FILE, ServerState, writePassword
from pyptwist.transports.scramblesuit.store import TICKETS_FILE
from pyptwist.transports.scramblesuit.tickets import TicketKeys, TicketMint
from tests.interop.exchange import A_WHILE, MIB, ends, exchange
from tests.interop.peering import BULK, greeting, question, reference
from tests.shown import shown

NAME: Final = "scramblesuit"

#: A server with these secrets closes silent connections after this many seconds,
#: the fewest that there are.
STATE: Final = ServerState(
    bytes(range(20)),
    bytes(range(32)),
    (84089).to_bytes(24, "big"),
    (TicketKeys(1_700_000_000, bytes(range(16)), bytes(range(32))),),
)
DRAIN: Final = 30.0

#: Seconds by which a loaded machine may be late.
SLACK: Final = 5.0

WRONG: Final = {"password": writePassword(bytes(20))}


class _Case(TestCase):
    """
    A server of ours behind a tap, and clients with one state directory.

    :cvar clientCommand: what the client is.
    """

    timeout = 120

    async def setUp(self) -> None:  # type: ignore[override]
        self.destination = listen(self)
        self.serverState, self.clientState = freshDirectory(self), freshDirectory(self)
        # obfs4proxy's own log goes there, too: the directory must exist.
        self.clientState.mkdir(mode=0o700)
        await self.startServer()
        self.tap = Tap(self, self.server.method(NAME).address)

    def clientCommand(self) -> Sequence[str]:
        """
        Ours, unless a subclass knows better.
        """
        return pyptwistCommand()

    async def startServer(self, port: int = 0) -> None:
        self.server: PTChild = await launchServer(
            self,
            twistdCommand(),
            self.destination.address,
            [NAME],
            environment={"TOR_PT_SERVER_BINDADDR": f"{NAME}-127.0.0.1:{port}"},
            state=self.serverState,
        )
        self.arguments = self.server.method(NAME).arguments

    async def restartServer(self) -> None:
        _, port = self.server.method(NAME).address
        await self.server.stop()
        await self.startServer(port)

    async def startClient(self, command: Sequence[str] | None = None) -> PTChild:
        return await launchClient(
            self, command or self.clientCommand(), [NAME], state=self.clientState
        )

    async def connected(self, client: PTChild) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection through the tap.
        """
        self.began = len(self.tap.toServer)
        proxy = client.method(NAME).address
        here = await socksConnect(self, proxy, self.tap.address, self.arguments)
        return here, await self.destination.accept()

    def kind(self) -> str:
        """
        :returns: what the first message of the last connection was about, which
            is seen by the server's secrets.
        """
        data = StateDirectory(self.serverState).read(STATE_FILE)
        assert data is not None
        state = ServerState.fromJSON(data)
        message = self.tap.toServer[self.began :]
        mint = TicketMint(state.ticketKeys, os.urandom, reactor.seconds, lambda keys: None)
        if mint.redeem(bytes(message[:112])) is not None:
            return "ticket"
        try:
            found = SealSearch(Seal(state.password), 192, 192, 1532).end(message)
        except HandshakeFailed:
            found = None
        return "password" if found else "neither"

    async def talk(self, client: PTChild, kind: str, size: int = 100_000) -> None:
        """
        One connection of this kind, from beginning to end.
        """
        here, there = await self.connected(client)
        await exchange(self, (here, there), size)
        self.assertEqual(self.kind(), kind)
        await together(here.drop(), there.drop())
        # Or its end would be recorded as the beginning of the next.
        await together(self.tap.streams[-1].lost(), self.tap.onward[-1].lost())


if TYPE_CHECKING:
    _Base = _Case
else:
    _Base = object


class KindsTests(_Base):
    """
    What every client does.
    """

    async def test_bulk(self) -> None:
        """
        A password first, then tickets.
        """
        client = await self.startClient()
        await self.talk(client, "password", BULK)
        await self.talk(client, "ticket", BULK)

    async def test_restarts(self) -> None:
        """
        Tickets outlive the client's process and the server's.
        """
        client = await self.startClient()
        await self.talk(client, "password")
        await client.stop()
        client = await self.startClient()
        await self.talk(client, "ticket")
        await self.restartServer()
        await self.talk(client, "ticket")
        await client.stop()
        await self.restartServer()
        await self.talk(await self.startClient(), "ticket")
        for path in (self.serverState / STATE_FILE, self.clientState / TICKETS_FILE):
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    async def test_conversations(self) -> None:
        """
        Whoever speaks first, and whoever is silent.
        """
        client = await self.startClient()
        for kind in ("password", "ticket", "ticket"):
            streams = await self.connected(client)
            await question(self, streams)
            self.assertEqual(self.kind(), kind)
        await greeting(self, await self.connected(client))
        await ends(self, await self.connected(client))
        here, there = await self.connected(client)
        await ends(self, (there, here))

    async def test_manners(self) -> None:
        """
        Tiny writes and huge ones.
        """
        client = await self.startClient()
        for _ in ("password", "ticket"):
            streams = await self.connected(client)
            await exchange(self, streams, 2000, chunk=1)
            await exchange(self, streams, 4 * MIB, chunk=MIB)

    async def test_many(self) -> None:
        """
        Connections at the same time share no ticket.
        """
        client = await self.startClient()
        await self.talk(client, "password")
        pairs = await together(*(self.connected(client) for _ in range(8)))

        # Who was accepted first need not be who dialled first.
        async def echo(there: Stream) -> None:
            await there.send(await there.read(1000))

        async def ask(here: Stream, number: int) -> None:
            await here.send(payload(1000, number))
            self.assertEqual(await here.read(1000), payload(1000, number))

        await together(
            *(echo(there) for _, there in pairs),
            *(ask(here, number) for number, (here, _) in enumerate(pairs)),
        )
        await self.talk(client, "ticket")

    async def test_serverForgets(self) -> None:
        """
        A ticket for keys that are lost leads nowhere; the next connection uses
        the password.
        """
        client = await self.startClient()
        await self.talk(client, "password")
        _, port = self.server.method(NAME).address
        await self.server.stop()
        shutil.rmtree(self.serverState)
        state = STATE.toJSON().replace(
            writePassword(STATE.password).encode(), self.arguments["password"].encode()
        )
        StateDirectory(self.serverState).write(STATE_FILE, state)
        await self.startServer(port)
        heard, let = len(self.tap.toClient), len(self.destination.streams)
        self.began = len(self.tap.toServer)
        here = await socksConnect(
            self, client.method(NAME).address, self.tap.address, self.arguments
        )
        await here.send(b"is anybody there?")
        here.patience = A_WHILE
        with self.assertRaises(TimeoutError):
            await here.readSome()
        self.assertEqual((len(self.tap.toClient), len(self.destination.streams)), (heard, let))
        self.assertEqual(self.kind(), "neither")
        await here.drop()
        await self.talk(client, "password")


class TestTheirClient(KindsTests, _Case):
    """
    obfs4proxy's.
    """

    def clientCommand(self) -> Sequence[str]:
        return reference()

    async def test_changing(self) -> None:
        """
        obfs4proxy and we take over each other's tickets.
        """
        for number, command in enumerate((reference(), pyptwistCommand()) * 2):
            client = await self.startClient(command)
            await self.talk(client, "ticket" if number else "password")
            await client.stop()
        shown(NAME, "obfs4proxy's client")


class TestOurClient(KindsTests, _Case):
    """
    Ours.
    """


class TestPaced(_Case):
    """
    With pauses between packets, on both sides.
    """

    async def startServer(self, port: int = 0) -> None:
        self.server = await launchServer(
            self,
            pyptwistCommand(),
            self.destination.address,
            [NAME],
            {NAME: {"iat-mode": "1"}},
            state=self.serverState,
        )
        self.arguments = self.server.method(NAME).arguments

    async def test_exchange(self) -> None:
        self.assertEqual(self.arguments["iat-mode"], "1")
        client = await self.startClient()
        await self.talk(client, "password", 256 * 1024)
        await self.talk(client, "ticket", 256 * 1024)
        # It does not care about an argument that it does not know.
        await self.talk(await self.startClient(reference()), "ticket", 256 * 1024)


class TestBridgeLine(_Case):
    """
    What the operator is told.
    """

    async def test_command(self) -> None:
        """
        The bridge line that the command prints is good.
        """
        command = [*pyptwistCommand(), "bridge-line", "--state", str(self.serverState)]
        command += ["--fingerprint", "0123456789ABCDEF0123456789ABCDEF01234567"]
        child = spawn(self, Child("bridge-line"), command, baseEnvironment())
        await child.whenEnded()
        [line] = child.lines
        bridge = BridgeLine.parse(line)
        host, port = self.server.method(NAME).address
        self.assertEqual(str(bridge.address), f"{host}:{port}")
        self.assertEqual(dict(bridge.arguments.texts()), self.arguments)
        self.arguments = dict(bridge.arguments.texts())
        await self.talk(await self.startClient(), "password")


class TestKeptOut(_Case):
    """
    Who neither knows the password nor has a ticket.
    """

    async def startServer(self, port: int = 0) -> None:
        StateDirectory(self.serverState).write(STATE_FILE, STATE.toJSON())
        await super().startServer(port)

    async def wrongPassword(self, command: Sequence[str]) -> None:
        """
        A client with another password is not answered, and gives up when the
        server closes.
        """
        tap = Tap(self, self.server.method(NAME).address)
        client = await launchClient(self, command, [NAME])
        stream = await connect(self, client.method(NAME).address, patience=DRAIN + 20)
        await socksGreet(stream, WRONG)
        before = reactor.seconds()
        with self.assertRaises((SocksRefused, EOFError)):
            await socksRequest(stream, tap.address)
        self.assertInTime(reactor.seconds() - before, str(command))
        self.assertGreaterEqual(len(tap.toServer), 224)
        self.assertEqual(bytes(tap.toClient), b"")

    def assertInTime(self, passed: float, what: str) -> None:
        self.assertTrue(DRAIN - 0.1 <= passed <= DRAIN + SLACK, f"{what}: after {passed} s")

    async def probed(self, name: str, probe: bytes) -> None:
        """
        Send a probe, and wait for its end.
        """
        before = reactor.seconds()
        stream = await connect(self, self.server.method(NAME).address, patience=DRAIN + 20)
        await stream.send(probe)
        self.assertEqual(await stream.readToEnd(), b"", name)
        self.assertInTime(reactor.seconds() - before, name)
        assert stream.reason is not None
        # A reset would tell that there was something unread.
        self.assertTrue(stream.reason.check(ConnectionDone), name)

    async def handshakes(self) -> list[bytes]:
        """
        :returns: what a client of theirs sent that was let in, with a password
            and with a ticket.
        """
        client = await self.startClient(reference())
        found = []
        for kind in ("password", "ticket"):
            await self.talk(client, kind, 10)
            found.append(bytes(self.tap.toServer[self.began :]))
        return found

    async def test_silence(self) -> None:
        """
        Nothing is answered, and all end at the same time, with a FIN.
        """
        self.assertEqual(self.arguments, {"password": writePassword(STATE.password)})
        withPassword, withTicket = await self.handshakes()
        letIn = len(self.destination.streams)
        probes = {
            "silent": b"",
            "one byte": b"\x16",
            "http": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            "garbage": payload(10 * 1024, 5),
            "just too long": payload(1532, 6),
            "a password's message, again": withPassword,
            "a ticket's message, again": withTicket,
            "a ticket's message, changed": withTicket[:150] + bytes(2000),
        }
        await together(
            *(self.probed(name, probe) for name, probe in probes.items()),
            self.wrongPassword(reference()),
            self.wrongPassword(pyptwistCommand()),
        )
        self.assertEqual(len(self.destination.streams), letIn)
