"""
The modes transparent-UDP and STUN through obfs4, over real sockets: in one
process, and as children that were started by flags.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.modes.framing import LENGTH, STUN, Framing
from pyptwist.modes.udp import ClientFlows, ServerFlowsFactory
from pyptwist.network import DirectNetwork
from pyptwist.registry import clientTransports, serverTransports
from pyptwist.state import StateDirectory
from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.processes import PTChild
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, payload
from tests.integration.talkers import PATIENCE, EchoTalker, Talker, bind, talkTo
from tests.modes.datagrams import HERE, counted
from tests.peers import requirePeer

_KERNEL = HostPort(HERE, 0)


def bindingRequest(transaction: bytes) -> bytes:
    """
    :returns: STUN's simplest message (RFC 8489, section 5).
    """
    return b"\x00\x01\x00\x00\x21\x12\xa4\x42" + transaction


def bindingResponse(request: bytes, address: Address) -> bytes:
    """
    :returns: the answer to it, with XOR-MAPPED-ADDRESS (section 14.2).
    """
    port = address[1] ^ 0x2112
    host = bytes(a ^ b for a, b in zip(b"\x7f\0\0\1", b"\x21\x12\xa4\x42", strict=True))
    attribute = struct.pack(">HHxBH4s", 0x0020, 8, 1, port, host)
    return b"\x01\x01" + struct.pack(">H", len(attribute)) + request[4:20] + attribute


class StunServer(Talker):
    """
    Answers binding requests.
    """

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        super().datagramReceived(datagram, addr)
        self.send(bindingResponse(datagram, addr), addr)


class Side:
    """
    One side's surroundings.
    """

    def __init__(self, test: TestCase) -> None:
        self.network = DirectNetwork(theReactor())
        self.metrics = Metrics()
        directory = StateDirectory(str(freshDirectory(test)))
        self.context = Context(theReactor(), self.network, directory, self.metrics)


class Pair:
    """
    An obfs4 client and server in this process.
    """

    def __init__(self, test: TestCase, target: Address, framing: Framing) -> None:
        self.test = test
        self.here, self.there = Side(test), Side(test)
        self.framing = framing
        self.server = ServerFlowsFactory(
            self.there.context, self.there.network, HostPort(*target), framing, "obfs4"
        )
        self.address: Address = (HERE, 0)

    async def start(self) -> Pair:
        """
        Open both ports.
        """
        endpoint = serverTransports()["obfs4"].serverEndpoint(
            self.there.context, _KERNEL, Arguments()
        )
        listener = cast(Any, await endpoint.listen(self.server))
        self.listener = listener
        self.test.addCleanup(maybeDeferred, listener.stopListening)
        self.client = ClientFlows(
            clientTransports()["obfs4"],
            self.here.context,
            self.here.network,
            _KERNEL,
            HostPort(HERE, listener.getHost().port),
            endpoint.clientArguments,
            self.framing,
        )
        port = cast(Any, await self.client.listen())
        self.port = port
        self.test.addCleanup(self.stop)
        self.address = HERE, port.getHost().port
        return self

    async def stop(self) -> None:
        """
        Close them, and wait until the last connection is gone: trial finds what
        is left.
        """
        await maybeDeferred(self.port.stopListening)
        self.server.closeAll()
        await settled(
            lambda: not (self.here.metrics.connectionsOpen or self.there.metrics.connectionsOpen)
        )


async def settled(condition: Any) -> None:
    """
    Wait for what nobody tells of.
    """
    deadline = theReactor().seconds() + PATIENCE
    while not condition():
        if theReactor().seconds() > deadline:
            raise TimeoutError("it never settles")
        await deferLater(theReactor(), 0.02, lambda: None)


class InProcessTests(TestCase):
    async def pair(self, framing: Framing = LENGTH, echo: Talker | None = None) -> Pair:
        """
        :returns: a client and a server in front of an echo, or something else.
        """
        self.echo = echo or EchoTalker()
        self.target: Any = bind(self, self.echo)
        return await Pair(self, (HERE, self.target.getHost().port), framing).start()

    async def test_nothingLost(self) -> None:
        """
        Of 2000 datagrams to the target, and as many back, with at most 64 on their
        way, all arrive, as they were and in order.
        """
        pair = await self.pair()
        app = talkTo(self, pair.address)
        data = payload(2000 * 1200)
        datagrams = [data[at : at + 1200] for at in range(0, len(data), 1200)]
        # Fewer may wait for the connection: it has to be there.
        app.send(datagrams[0])
        await app.receive(1)
        for number, datagram in enumerate(datagrams[1:], 1):
            await app.receive(number - 63)
            app.send(datagram)
        self.assertEqual(await app.receive(2000), datagrams)
        self.assertEqual(self.echo.received, datagrams)
        for side in (pair.here, pair.there):
            self.assertEqual(counted(side.metrics.datagramsDropped), {})
            self.assertEqual(side.metrics.datagramsReceived, 2000)
            self.assertEqual(side.metrics.datagramsSent, 2000)
            self.assertEqual(side.metrics.flowsOpen, 1)

    async def test_everySize(self) -> None:
        """
        From empty datagrams to the longest that there are.
        """
        pair = await self.pair()
        app = talkTo(self, pair.address)
        sizes = [0, 1, 2, 255, 256, 1448, 1500, 8192, 16384, 32767, 65506, 65507]
        for number, size in enumerate(sizes):
            app.send(payload(size, size))
            received = await app.receive(number + 1)
            self.assertEqual(received[number], payload(size, size))

    async def test_severalApplications(self) -> None:
        """
        Twenty at once, each with a flow of its own.
        """
        pair = await self.pair()
        apps = [talkTo(self, pair.address) for _ in range(20)]
        for turn in range(5):
            for number, app in enumerate(apps):
                app.send(b"%d says %d" % (number, turn))
        for number, app in enumerate(apps):
            expected = [b"%d says %d" % (number, turn) for turn in range(5)]
            self.assertEqual(await app.receive(5), expected)
        self.assertEqual(len(set(self.echo.senders)), 20)
        self.assertEqual(len(pair.client.connections), 20)

    async def test_questions(self) -> None:
        """
        As DNS is used: one question, one answer, a fresh port for each; the first
        datagram of a flow is not lost.
        """
        pair = await self.pair()
        for number in range(20):
            app = talkTo(self, pair.address)
            app.send(b"question %d" % number)
            self.assertEqual(await app.receive(1), [b"question %d" % number])
        self.assertEqual(counted(pair.here.metrics.datagramsDropped), {})

    async def test_targetReturns(self) -> None:
        """
        A target that dies costs its datagrams; when it is back, the same flow
        reaches it.
        """
        pair = await self.pair()
        app = talkTo(self, pair.address)
        await app.ask(b"before")
        port = self.target.getHost().port
        await self.target.stopListening()
        app.send(b"nobody")
        await settled(lambda: counted(pair.there.metrics.datagramsDropped).get("REFUSED"))
        bind(self, EchoTalker(), port)
        await app.ask(b"after")
        self.assertEqual(len(pair.server.connections), 1)
        self.assertEqual(len(pair.client.connections), 1)

    async def test_connectionDies(self) -> None:
        """
        When the transport connection is cut, both sides forget the flow; the next
        datagram gets a new one.
        """
        pair = await self.pair()
        app = talkTo(self, pair.address)
        await app.ask(b"before")
        (flow,) = pair.server.connections
        transport: Any = flow.transport
        transport.abortConnection()
        await settled(lambda: not (pair.server.connections or pair.client.connections))
        self.assertEqual(pair.here.metrics.flowsOpen, 0)
        await app.ask(b"after")
        self.assertEqual(len(set(self.echo.senders)), 2)

    async def test_serverIsGone(self) -> None:
        """
        Without a server, datagrams are dropped and counted, and we dial once a
        second at the most.
        """
        pair = await self.pair()
        await maybeDeferred(pair.listener.stopListening)
        app = talkTo(self, pair.address)
        for _ in range(20):
            app.send(b"hello?")
            await deferLater(theReactor(), 0.01, lambda: None)
        await settled(lambda: counted(pair.here.metrics.datagramsDropped).get("FAILED") == 20)
        self.assertEqual(pair.here.metrics.flowsOpen, 0)

    async def test_binding(self) -> None:
        """
        STUN's binding request and its answer; what is not STUN is dropped by the
        client already.
        """
        pair = await self.pair(STUN, StunServer())
        app = talkTo(self, pair.address)
        app.send(b"not STUN")
        requests = [bindingRequest(payload(12, number)) for number in range(10)]
        for request in requests:
            app.send(request)
        answers = await app.receive(10)
        self.assertEqual(self.echo.received, requests)
        mapped = self.echo.senders[0]
        self.assertEqual(answers, [bindingResponse(request, mapped) for request in requests])
        self.assertEqual(counted(pair.here.metrics.datagramsDropped), {"FRAMING": 1})

    async def test_channelData(self) -> None:
        """
        TURN's ChannelData passes in both directions, without its padding.
        """
        pair = await self.pair(STUN)
        app = talkTo(self, pair.address)
        messages = [b"\x40\x01" + struct.pack(">H", size) + bytes(size) for size in range(9)]
        for message in messages:
            app.send(message.ljust(len(message) + 3 & ~3, b"\0"))
        self.assertEqual(await app.receive(9), messages)


class ChildTests(TestCase):
    """
    As processes.
    """

    timeout = 120

    async def child(self, mode: str, state: Any, *flags: str) -> PTChild:
        """
        Start one, and wait until it is ready.
        """
        command = [*pyptwistCommand(), "-ptversion", "3.0", "-transport", "obfs4"]
        command += ["-mode", mode, "-state", str(state), *flags]
        child = spawn(self, PTChild("ours"), command, baseEnvironment())
        await child.whenReady()
        return child

    async def server(self, mode: str, target: Address, port: int = 0) -> PTChild:
        """
        In front of a target.
        """
        return await self.child(
            *(mode, self.state, "-server", "-bindhost", HERE, "-bindport", str(port)),
            *("-target", "{}:{}".format(*target)),
        )

    async def client(self, mode: str, server: PTChild) -> PTChild:
        """
        Of that server.
        """
        bridge = server.method("obfs4")
        options = {**bridge.arguments, "serverAddress": "{}:{}".format(*bridge.address)}
        return await self.child(
            mode, freshDirectory(self), "-client", "-options", json.dumps(options)
        )

    def setUp(self) -> None:
        self.state = freshDirectory(self)

    def sockets(self, child: Child) -> int:
        """
        :returns: how many a process has.
        """
        directory = f"/proc/{child.pid}/fd"
        links = [os.path.join(directory, name) for name in os.listdir(directory)]
        return sum(os.path.lexists(link) and "socket" in os.readlink(link) for link in links)

    async def test_through(self) -> None:
        """
        Both sides by flags; each flow costs a socket on the client and two on the
        server, which are gone with the application's silence or the client's end.
        """
        echo = EchoTalker()
        target = HERE, bind(self, echo).getHost().port
        server = await self.server("transparent-UDP", target)
        client = await self.client("transparent-UDP", server)
        self.assertEqual(client.method("obfs4").protocol, "transparent-UDP")
        before = self.sockets(client), self.sockets(server)
        apps = [talkTo(self, client.method("obfs4").address) for _ in range(5)]
        for number, app in enumerate(apps):
            await app.ask(b"application %d" % number)
        after = self.sockets(client), self.sockets(server)
        self.assertEqual(after, (before[0] + 5, before[1] + 10))
        client.signal("KILL")
        await client.whenEnded()
        await settled(lambda: self.sockets(server) == before[1])

    async def test_serverKilled(self) -> None:
        """
        A server that is killed in the midst of it and comes back is used again.
        """
        echo = EchoTalker()
        target = HERE, bind(self, echo).getHost().port
        server = await self.server("transparent-UDP", target)
        client = await self.client("transparent-UDP", server)
        idle = self.sockets(client)
        app = talkTo(self, client.method("obfs4").address)
        await app.ask(b"before")
        server.signal("KILL")
        await server.whenEnded()
        await settled(lambda: self.sockets(client) == idle)
        await self.server("transparent-UDP", target, server.method("obfs4").address[1])
        await app.ask(b"after")

    async def test_coturn(self) -> None:
        """
        A TURN client allocates, binds channels and sends through coturn, by way of
        the STUN mode, and loses nothing.
        """
        turnserver, client = requirePeer("turnserver"), requirePeer("turnutils_uclient")
        directory = freshDirectory(self)
        directory.mkdir()
        # It wants a port by number; this one was free a moment ago.
        free: Any = bind(self, Talker())
        port = free.getHost().port
        await free.stopListening()
        spawn(
            self,
            Child("turnserver"),
            [
                *(turnserver, "-n", "--listening-ip", HERE, "--relay-ip", HERE, "-p", str(port)),
                *("--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "--allow-loopback-peers"),
                *("--lt-cred-mech", "--user", "user:pass", "--realm", "example.org"),
                *("--log-file", "stdout", "--simple-log", "--pidfile", str(directory / "pid")),
                *("--db", str(directory / "db")),
            ],
            baseEnvironment(),
            directory,
        )
        server = await self.server("STUN", (HERE, port))
        here = await self.client("STUN", server)
        prober = talkTo(self, (HERE, port))
        await prober.askUntil(bindingRequest(bytes(12)), lambda: bool(prober.received))
        talking = spawn(
            self,
            Child("turnutils_uclient"),
            [
                *(client, "-n", "10", "-m", "1", "-l", "171", "-y", "-u", "user", "-w", "pass"),
                *("-p", str(here.method("obfs4").address[1]), HERE),
            ],
            baseEnvironment(),
            directory,
        )
        # Ten each of two clients, on two channels.
        await talking.whenLine("Total lost packets 0 ", PATIENCE)
        await talking.whenLine("start_mclient: tot_send_msgs=40, tot_recv_msgs=40$", PATIENCE)
