"""
Tests for ``pyptwist.testing.memory``: where it matters to a transport, it behaves
as TCP does under Twisted.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IListeningPort,
    IPushProducer,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist.errors import DatagramsForbidden
from pyptwist.interfaces import INetwork
from pyptwist.testing import MemoryNetwork, MemoryTransport, memory

HERE = ("192.0.2.1", 443)
WRITE_MARK = 64 * 1024  # Twisted's TCP transports' (abstract.FileDescriptor.bufferSize)


class Recorder(Protocol):
    """
    Writes down what it hears, piece by piece.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ends: list[type[BaseException] | None] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ends.append(reason.type)


class Recorders(Factory):
    """
    Makes them, and keeps them.
    """

    noisy = False

    def __init__(self) -> None:
        self.built: list[Recorder] = []

    def buildProtocol(self, addr: IAddress | None) -> Recorder:
        self.built.append(Recorder())
        return self.built[-1]


class Nobody(Factory):
    """
    Makes none.
    """

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> None:
        return None


class PushProducer:
    """
    Writes down what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class MemoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.start(MemoryNetwork())

    def start(self, network: MemoryNetwork) -> None:
        """
        Begin with a network, and a server in it.
        """
        self.network = network
        self.accepted = Recorders()
        self.port: Any = self.successResultOf(network.serverEndpoint(*HERE).listen(self.accepted))

    def connect(self) -> tuple[Any, Any]:
        """
        :returns: a client's and a server's protocol, connected.
        """
        attempt = self.network.clientEndpoint(*HERE).connect(Recorders())
        self.network.pump()
        return self.successResultOf(attempt), self.accepted.built[-1]


class NetworkTests(MemoryCase):
    def test_interfaces(self) -> None:
        verifyObject(INetwork, self.network)
        verifyObject(IStreamClientEndpoint, self.network.clientEndpoint(*HERE))
        verifyObject(IStreamServerEndpoint, self.network.serverEndpoint(*HERE))
        verifyObject(IListeningPort, self.port)

    def test_connect(self) -> None:
        """
        Nothing happens within the call; then both ends are connected.
        """
        attempt = self.network.clientEndpoint(*HERE).connect(Recorders())
        self.assertNoResult(attempt)
        self.assertEqual(self.accepted.built, [])
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        [server] = self.accepted.built
        [ends] = self.network.connections
        self.assertEqual(ends, (client.transport, server.transport))

    def test_latency(self) -> None:
        """
        Distance makes connecting take its time, and each piece.
        """
        self.network.latency = 2.0
        attempt = self.network.clientEndpoint(*HERE).connect(Recorders())
        self.network.pump(1.9)
        self.assertNoResult(attempt)
        self.network.pump(0.1)
        client: Any = self.successResultOf(attempt)
        client.transport.write(b"far away")
        self.network.pump(1.9)
        [server] = self.accepted.built
        self.assertEqual(server.heard, [])
        self.network.pump(0.1)
        self.assertEqual(server.heard, [b"far away"])

    def test_addresses(self) -> None:
        """
        Each end knows both addresses, and no two clients have the same.
        """
        clients = set()
        for _ in range(2):
            client, server = self.connect()
            self.assertEqual(client.transport.getPeer(), server.transport.getHost())
            self.assertEqual(client.transport.getHost(), server.transport.getPeer())
            self.assertEqual(client.transport.getPeer().host, HERE[0])
            clients.add(client.transport.getHost())
        self.assertEqual(len(clients), 2)

    def test_written(self) -> None:
        """
        Who looks on sees each write that is taken, by whom, when it is made.
        """
        seen: list[tuple[MemoryTransport, bytes]] = []

        class Watched(MemoryNetwork):
            def written(self, end: MemoryTransport, data: bytes) -> None:
                seen.append((end, data))

        self.start(Watched())
        client, server = self.connect()
        client.transport.write(b"one")
        client.transport.write(b"")
        client.transport.writeSequence([b"t", b"wo"])
        server.transport.write(b"three")
        expected = [
            (client.transport, b"one"),
            (client.transport, b"two"),
            (server.transport, b"three"),
        ]
        self.assertEqual(seen, expected)
        client.transport.loseConnection()
        client.transport.write(b"late")
        self.assertEqual(seen, expected)

    def test_refused(self) -> None:
        """
        Host and port both have to be right.
        """
        for address in (("192.0.2.1", 444), ("192.0.2.2", 443)):
            attempt = self.network.clientEndpoint(*address).connect(Recorders())
            self.network.pump()
            self.failureResultOf(attempt, ConnectionRefusedError)
        self.assertEqual(self.network.connections, [])

    def test_cancelled(self) -> None:
        factory = Recorders()
        attempt = self.network.clientEndpoint(*HERE).connect(factory)
        attempt.cancel()
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.network.pump()
        self.assertEqual(factory.built + self.accepted.built, [])

    def test_clientRefuses(self) -> None:
        """
        A client factory that builds nothing is ``NoProtocol``, as in Twisted.
        """
        attempt = self.network.clientEndpoint(*HERE).connect(Nobody())
        self.network.pump()
        self.failureResultOf(attempt, NoProtocol)
        self.assertEqual(self.accepted.built, [])

    def test_serverRefuses(self) -> None:
        """
        A server factory that builds nothing drops the connection.
        """
        self.network.serverEndpoint("192.0.2.2", 443).listen(Nobody())
        attempt = self.network.clientEndpoint("192.0.2.2", 443).connect(Recorders())
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        self.assertEqual(client.ends, [ConnectionLost])

    def test_factoryRaises(self) -> None:
        """
        What a factory raises is the attempt's failure.
        """

        class Broken(Recorders):
            def buildProtocol(self, addr: IAddress | None) -> Recorder:
                raise ZeroDivisionError

        attempt = self.network.clientEndpoint(*HERE).connect(Broken())
        self.network.pump()
        self.failureResultOf(attempt, ZeroDivisionError)

    def test_ports(self) -> None:
        """
        A port is taken once; 0 takes one that is free; a closed one is free.
        """
        again = self.network.serverEndpoint(*HERE)
        self.failureResultOf(again.listen(Recorders()), CannotListenError)
        chosen = set()
        for _ in range(2):
            listening = self.network.serverEndpoint("192.0.2.1", 0).listen(Recorders())
            port: Any = self.successResultOf(listening)
            chosen.add(port.getHost().port)
        self.assertEqual(len(chosen - {0, 443}), 2)
        self.successResultOf(self.port.stopListening())
        self.successResultOf(again.listen(Recorders()))

    def test_stopListening(self) -> None:
        """
        New connections are refused, those that are open stay; the factory is
        told, once.
        """
        told: list[str] = []

        class Told(Recorders):
            def startFactory(self) -> None:
                told.append("start")

            def stopFactory(self) -> None:
                told.append("stop")

        port: Any = self.successResultOf(self.network.serverEndpoint("::1", 1).listen(Told()))
        client, _ = self.connect()
        for stopping in (port, port, self.port):
            self.successResultOf(stopping.stopListening())
        self.assertEqual(told, ["start", "stop"])
        attempt = self.network.clientEndpoint(*HERE).connect(Recorders())
        self.network.pump()
        self.failureResultOf(attempt, ConnectionRefusedError)
        self.assertEqual(client.ends, [])

    def test_datagrams(self) -> None:
        self.assertRaises(
            DatagramsForbidden, self.network.bindDatagrams, DatagramProtocol(), "192.0.2.1", 0
        )


class PumpTests(SynchronousTestCase):
    def test_order(self) -> None:
        """
        Everything that is due happens, in its order and at its time, also what
        is put off meanwhile.
        """
        clock = Clock()
        network = MemoryNetwork(clock)
        happened: list[tuple[str, float]] = []

        def note(what: str) -> None:
            happened.append((what, clock.seconds()))
            if what == "first":
                clock.callLater(1, note, "third")

        clock.callLater(2, note, "second")
        clock.callLater(1.5, note, "first")
        clock.callLater(5, note, "later")
        network.pump(4)
        self.assertEqual(happened, [("first", 1.5), ("second", 2.0), ("third", 2.5)])
        self.assertEqual(clock.seconds(), 4.0)

    def test_neverAtRest(self) -> None:
        """
        What goes on for ever is an error, and no hang.
        """
        network = MemoryNetwork()
        self.patch(memory, "_TURNS", 100)

        def again() -> None:
            network.clock.callLater(1e-9, again)

        again()
        self.assertRaises(AssertionError, network.pump, 1.0)


class StreamTests(MemoryCase):
    def test_interfaces(self) -> None:
        client, _ = self.connect()
        for interface in (ITransport, IConsumer, IPushProducer):
            verifyObject(interface, client.transport)
        self.assertIsInstance(client.transport, MemoryTransport)

    def test_later(self) -> None:
        """
        What is written arrives in a later turn, joined, and both ways.
        """
        client, server = self.connect()
        client.transport.write(b"a")
        client.transport.writeSequence([b"b", b"c"])
        server.transport.write(b"d")
        self.assertEqual((client.heard, server.heard), ([], []))
        self.network.pump()
        self.assertEqual((client.heard, server.heard), ([b"d"], [b"abc"]))
        self.assertEqual(bytes(client.transport.sent), b"abc")

    def test_pieces(self) -> None:
        """
        One read yields no more than was asked for.
        """
        self.start(MemoryNetwork(pieces=3))
        client, server = self.connect()
        client.transport.write(b"abcdefgh")
        self.network.pump()
        self.assertEqual(server.heard, [b"abc", b"def", b"gh"])

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.binary(max_size=100)), st.integers(1, 60))
    def test_nothingLost(self, writes: list[bytes], pieces: int) -> None:
        """
        Whatever is written before the end arrives, in order.
        """
        self.start(MemoryNetwork(pieces=pieces))
        client, server = self.connect()
        for data in writes:
            client.transport.write(data)
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(b"".join(server.heard), b"".join(writes))
        self.assertEqual((client.ends, server.ends), ([ConnectionDone], [ConnectionDone]))
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_pausedReader(self) -> None:
        """
        A paused reader reads nothing, not even the end; the writer waits.
        """
        for data in (b"a", b""):
            client, server = self.connect()
            server.transport.pauseProducing()
            client.transport.write(data)
            client.transport.loseConnection()
            self.network.pump(60)
            self.assertEqual((server.heard, server.ends, client.ends), ([], [], []))
            server.transport.resumeProducing()
            self.network.pump()
            self.assertEqual(b"".join(server.heard), data)
            self.assertEqual(server.ends, [ConnectionDone])

    def test_pausedWithinRead(self) -> None:
        """
        A reader that pauses while it reads gets no further piece.
        """
        self.start(MemoryNetwork(pieces=1))
        client, server = self.connect()
        server.dataReceived = lambda data: (
            server.heard.append(data),
            server.transport.pauseProducing(),
        )
        client.transport.write(b"abc")
        self.network.pump()
        self.assertEqual(server.heard, [b"a"])
        server.transport.resumeProducing()
        self.network.pump()
        self.assertEqual(server.heard, [b"a", b"b"])


class ProducerTests(MemoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.client, self.server = self.connect()
        self.producer = PushProducer()
        self.client.transport.registerProducer(self.producer, True)

    def test_mark(self) -> None:
        """
        A producer is paused, once, when more waits than the mark, and resumed
        when all of it has gone.
        """
        self.server.transport.pauseProducing()
        self.client.transport.write(bytes(WRITE_MARK))
        self.assertEqual(self.producer.told, [])
        for _ in range(2):
            self.client.transport.write(b"x")
        self.assertEqual(self.producer.told, ["pause"])
        self.network.pump(60)
        self.assertEqual(self.producer.told, ["pause"])
        self.server.transport.resumeProducing()
        self.network.pump()
        self.assertEqual(self.producer.told, ["pause", "resume"])
        self.assertEqual(self.client.transport.maximumBuffered, WRITE_MARK + 2)

    def test_unregister(self) -> None:
        """
        A producer that took its leave is told nothing.
        """
        self.client.transport.write(bytes(WRITE_MARK + 1))
        self.client.transport.unregisterProducer()
        self.network.pump()
        self.client.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.producer.told, ["pause"])

    def test_lost(self) -> None:
        """
        It is stopped when the connection is lost, whoever ended it; one that
        comes too late is stopped at once.
        """
        self.server.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.producer.told, ["stop"])
        late = PushProducer()
        self.client = self.network.connections[0][0]
        self.client.registerProducer(late, True)
        self.assertEqual(late.told, ["stop"])


class EndTests(MemoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.client, self.server = self.connect()

    def assertEnds(self, client: type[Exception], server: type[Exception]) -> None:
        """
        Both ends heard once that it is over, and nothing is left.
        """
        self.network.pump(60)
        self.assertEqual((self.client.ends, self.server.ends), ([client], [server]))
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        for end in self.network.connections[0]:
            self.assertIs(end.protocol, None)
            self.assertIs(end.other, None)

    def test_lose(self) -> None:
        """
        What was written before is flushed, what is written after is not.
        """
        self.server.transport.write(b"a")
        self.server.transport.loseConnection()
        self.server.transport.write(b"b")
        self.assertTrue(self.server.transport.disconnecting)
        self.assertEnds(ConnectionDone, ConnectionDone)
        self.assertEqual(self.client.heard, [b"a"])

    def test_loseBoth(self) -> None:
        """
        When both close, neither hears the other's last words.
        """
        for end in (self.client, self.server):
            end.transport.write(b"a")
            end.transport.loseConnection()
        self.assertEnds(ConnectionDone, ConnectionDone)

    def test_stopProducing(self) -> None:
        self.client.transport.stopProducing()
        self.assertEnds(ConnectionDone, ConnectionDone)

    def test_abort(self) -> None:
        """
        What waits is dropped; nobody is called within the call.
        """
        self.client.transport.write(b"a")
        self.client.transport.abortConnection()
        self.assertEqual(self.client.ends, [])
        self.assertEnds(ConnectionAborted, ConnectionLost)
        self.assertEqual(self.server.heard, [])
        self.assertTrue(self.network.connections[0][0].aborted)

    def test_abortPaused(self) -> None:
        """
        An abort reaches a peer that does not read, too.
        """
        self.server.transport.pauseProducing()
        self.client.transport.write(b"a")
        self.network.pump()
        self.client.transport.abortConnection()
        self.assertEnds(ConnectionAborted, ConnectionLost)

    def test_afterTheEnd(self) -> None:
        """
        Calls that come too late do nothing.
        """
        ends = self.network.connections[0]
        self.client.transport.loseConnection()
        self.network.pump()
        for end in ends:
            end.write(b"late")
            end.loseConnection()
            end.abortConnection()
            end.resumeProducing()
            end.unregisterProducer()
        self.assertEnds(ConnectionDone, ConnectionDone)
