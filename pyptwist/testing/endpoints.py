"""
The tests that every method's endpoints must pass, over a network in memory.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import ITransportConnection
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

_HOST = HostPort("127.0.0.1", 443)
_SETTLE = 600.0  # seconds: longer than any handshake, drain or linger
_UNBOUNDED = "a slow reader must pause the writer"


class Application(Protocol):
    """
    An application that notes what happens to it.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


class Applications(Factory):
    """
    :ivar built: every application, in order.
    """

    noisy = False

    def __init__(self) -> None:
        self.built: list[Application] = []

    def buildProtocol(self, addr: IAddress | None) -> Application:
        self.built.append(Application())
        return self.built[-1]


class Endless:
    """
    A push producer that writes until it is told to pause.

    :ivar limit: bytes that it writes at the most: nothing is endless where
        backpressure is broken.
    """

    def __init__(self, transport: Any, clock: Any, limit: int) -> None:
        self.transport = transport
        self.clock = clock
        self.limit = limit
        self.written = 0
        self.paused = False
        self.stopped = False
        clock.callLater(0, self.turn)

    def turn(self) -> None:
        """
        One reactor turn's worth.
        """
        if not self.paused and not self.stopped and self.written < self.limit:
            self.transport.write(b"endless " * 1024)
            self.written += 8192
            self.clock.callLater(0.001, self.turn)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        if self.paused:
            self.paused = False
            self.clock.callLater(0, self.turn)

    def stopProducing(self) -> None:
        self.stopped = True


class EndpointConformance(_Case):
    """
    Mix into a trial test case, and set ``method``::

        class MineTests(EndpointConformance, SynchronousTestCase):
            method = Mine

    :cvar method: a class that provides both roles.
    :cvar serverArguments: the operator's options.
    :cvar flushSeconds: how long a connection may take for 80 KiB each way.
    :cvar boundedBuffer: bytes that may wait anywhere for a slow reader.
    """

    method: Any
    serverArguments = Arguments()
    flushSeconds = 60.0
    boundedBuffer = 1024 * 1024

    def setUp(self) -> None:
        """
        A server that listens, and a client that can reach it.
        """
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.network = MemoryNetwork()
        self.context = memoryContext(directory.name, "endpoints", self.network)
        self.servers = Applications()
        endpoint = self.method().serverEndpoint(self.context, _HOST, self.serverArguments)
        self.clientArguments = endpoint.clientArguments
        self.port = self.successResultOf(endpoint.listen(self.servers))

    def connecting(self, target: HostPort = _HOST) -> tuple[Deferred[Any], Applications]:
        """
        :returns: an attempt that was just begun, and the client's applications.
        """
        applications = Applications()
        endpoint = self.method().clientEndpoint(self.context, target, self.clientArguments)
        return endpoint.connect(applications), applications

    def connected(self) -> tuple[Any, Any]:
        """
        :returns: both sides' applications, connected.
        """
        attempt, _ = self.connecting()
        self.network.pump()
        client = self.successResultOf(attempt)
        self.network.pump()
        return client, self.servers.built[-1]

    def assertAtRest(self) -> None:
        """
        Nothing is left: no timer, no open connection.
        """
        self.network.pump(_SETTLE)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.context.metrics.connectionsOpen, 0)

    def test_payload(self) -> None:
        """
        Bytes pass both ways; each side hears once that it is over.
        """
        client, server = self.connected()
        client.transport.write(b"question " * 9000)
        server.transport.writeSequence([b"ans", b"wer " * 9000])
        self.network.pump(self.flushSeconds)
        self.assertEqual(bytes(server.received), b"question " * 9000)
        self.assertEqual(bytes(client.received), b"ans" + b"wer " * 9000)
        client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual([len(client.lost), len(server.lost)], [1, 1])

    def test_lastWords(self) -> None:
        """
        What was written before loseConnection arrives.
        """
        client, server = self.connected()
        server.transport.write(b"good bye " * 20_000)
        server.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(bytes(client.received), b"good bye " * 20_000)

    def test_transportConnection(self) -> None:
        """
        Applications get an ``ITransportConnection`` that names its method.
        """
        for application in self.connected():
            connection = application.transport
            self.assertTrue(ITransportConnection.providedBy(connection))
            self.assertEqual(connection.methodName, self.method().name)
            self.assertTrue(connection.getPeer().host)
            self.assertTrue(connection.getHost().host)
            connection.abortConnection()
        self.assertAtRest()

    def test_refused(self) -> None:
        """
        Nobody listens: a ``ConnectError`` kind, and no application is built.
        """
        attempt, applications = self.connecting(HostPort("127.0.0.1", 1))
        self.network.pump()
        self.failureResultOf(attempt, ConnectionRefusedError)
        self.assertEqual(applications.built, [])
        self.assertAtRest()

    def test_cancelBeforeConnect(self) -> None:
        """
        An attempt that is given up at once leaves nothing behind.
        """
        attempt, applications = self.connecting()
        attempt.cancel()
        self.failureResultOf(attempt)
        self.assertEqual(applications.built, [])
        self.assertAtRest()
        self.assertEqual(self.network.connections, [])

    def test_cancelDuringHandshake(self) -> None:
        """
        An attempt that is given up after the network connection was made closes
        it, and fails as cancelled attempts do.
        """
        silent = HostPort("127.0.0.1", 444)
        listening = self.network.serverEndpoint(silent.host, silent.port)
        self.successResultOf(listening.listen(Applications()))
        attempt, _ = self.connecting(silent)
        self.network.pump()
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        if not outcomes:
            attempt.cancel()
            self.assertTrue(outcomes[0].check(ConnectingCancelledError), outcomes[0])
        else:
            # There is no handshake to give up.
            outcomes[0].transport.loseConnection()
        self.assertAtRest()

    def test_abort(self) -> None:
        """
        abortConnection ends both sides at once.
        """
        client, server = self.connected()
        client.transport.write(b"never mind")
        client.transport.abortConnection()
        self.assertAtRest()
        self.assertEqual([len(client.lost), len(server.lost)], [1, 1])
        client.transport.write(b"too late")
        client.transport.loseConnection()
        client.transport.abortConnection()
        self.assertAtRest()

    def test_silentServer(self) -> None:
        """
        A server that never says anything ends in a ``ConnectError`` kind, in
        bounded time, unless the method has no handshake.
        """
        silent = HostPort("127.0.0.1", 444)
        listening = self.network.serverEndpoint(silent.host, silent.port)
        self.successResultOf(listening.listen(Applications()))
        attempt, _ = self.connecting(silent)
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.network.pump(_SETTLE)
        self.assertEqual(len(outcomes), 1, "the attempt never ends")
        if isinstance(outcomes[0], Failure):
            self.assertTrue(outcomes[0].check(ConnectError), outcomes[0])
        else:
            outcomes[0].transport.abortConnection()
        self.assertAtRest()

    def test_prober(self) -> None:
        """
        Somebody who connects, sends garbage and hangs on reaches no
        application (unless every byte is payload), gets no answer, and is not
        kept for ever.
        """
        prober = Application()
        factory = Factory.forProtocol(lambda: prober)
        self.network.clientEndpoint(_HOST.host, _HOST.port).connect(factory)
        self.network.pump()
        assert prober.transport is not None
        greeting = bytes(prober.received)
        prober.transport.write(b"GET / HTTP/1.0\r\n\r\n" * 10)
        self.network.pump(_SETTLE)
        if not self.servers.built:
            self.assertEqual(bytes(prober.received), greeting)
            self.assertEqual(len(prober.lost), 1)
        prober.transport.loseConnection()
        self.assertAtRest()

    def _slowReader(self, writer: Any, reader: Any) -> None:
        reader.transport.pauseProducing()
        producer = Endless(writer.transport, self.network.clock, self.boundedBuffer)
        writer.transport.registerProducer(producer, True)
        self.network.pump(300)
        self.assertLess(producer.written, self.boundedBuffer, _UNBOUNDED)
        self.assertTrue(producer.paused, _UNBOUNDED)
        self.assertLess(self._buffered(), self.boundedBuffer)
        before = producer.written
        producer.limit += before
        reader.transport.resumeProducing()
        self.network.pump(60)
        self.assertGreater(producer.written, before)
        producer.stopped = True
        self.network.pump(600)
        self.assertEqual(len(reader.received), producer.written)
        writer.transport.unregisterProducer()
        writer.transport.loseConnection()
        self.assertAtRest()

    def _buffered(self) -> int:
        return max(end.maximumBuffered for pair in self.network.connections for end in pair)

    def test_slowClient(self) -> None:
        """
        A client that does not read stops the server's producer.
        """
        client, server = self.connected()
        self._slowReader(server, client)

    def test_slowServer(self) -> None:
        """
        A server that does not read stops the client's producer.
        """
        client, server = self.connected()
        self._slowReader(client, server)

    def test_networkConnection(self) -> None:
        """
        The network connection is reachable, or None where there is not just one.
        """
        client, _ = self.connected()
        ends = [None, *(end for pair in self.network.connections for end in pair)]
        self.assertIn(client.transport.networkConnection, ends)
        client.transport.abortConnection()
        self.assertAtRest()
