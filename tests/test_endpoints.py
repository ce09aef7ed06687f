"""
Tests for ``pyptwist.endpoints``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import (
    CodecClientTransport,
    CodecServerTransport,
    wrapClient,
    wrapServer,
)
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    ConfigurationError,
    HandshakeTimeout,
    causeOfFailure,
)
from pyptwist.interfaces import ITransportConnection
from pyptwist.metrics import Metrics
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Applications
from tests.memory import DrainingCodec, Hello, HelloCodec

HERE = HostPort("127.0.0.1", 443)


class Counting(Applications):
    """
    Counts what factories are told of their lives.
    """

    def __init__(self) -> None:
        super().__init__()
        self.life: list[str] = []

    def doStart(self) -> None:
        self.life.append("start")

    def doStop(self) -> None:
        self.life.append("stop")


class Refusing(Factory):
    """
    Wants nobody.
    """

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> None:
        return None


class EndpointCase(SynchronousTestCase):
    """
    A network with a server of the hello method.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.metrics = Metrics()
        self.servers = Counting()

    def listen(self, codec: Any = HelloCodec, **more: Any) -> Any:
        """
        :returns: the port of a server.
        """
        below = self.network.serverEndpoint(HERE.host, HERE.port)
        endpoint = wrapServer(below, self.network.clock, codec, "hello", **more)
        return self.successResultOf(endpoint.listen(self.servers))

    def client(self, codec: Any = HelloCodec, **more: Any) -> Any:
        """
        :returns: a client's endpoint.
        """
        below = self.network.clientEndpoint(HERE.host, HERE.port)
        return wrapClient(below, self.network.clock, codec, "hello", self.metrics, **more)

    def connect(self, applications: Any = None, **more: Any) -> Deferred[Any]:
        """
        :returns: an attempt, as far as it comes without time passing.
        """
        attempt: Deferred[Any] = self.client(**more).connect(applications or Applications())
        self.network.pump()
        return attempt


class ClientTests(EndpointCase):
    """
    ``wrapClient``
    """

    def test_firesAtReady(self) -> None:
        """
        connect() fires when payload may flow, not when TCP is connected.
        """
        silent = self.network.serverEndpoint(HERE.host, HERE.port)
        applications = Applications()
        self.successResultOf(silent.listen(applications))
        attempt = self.connect()
        self.assertNoResult(attempt)
        server: Any = applications.built[0]
        server.transport.write(b"hello and payload")
        self.network.pump()
        client = self.successResultOf(attempt)
        self.assertEqual(bytes(client.received), b" and payload")

    def test_codecFirst(self) -> None:
        """
        The codec, and so its keys, are made before anything is dialled; what
        fails there fails the attempt.
        """

        def broken() -> Any:
            raise ConfigurationError("no keys")

        self.failureResultOf(self.client(broken).connect(Applications()), ConfigurationError)
        self.network.pump()
        self.assertEqual(self.network.connections, [])

    def test_freshCodecs(self) -> None:
        """
        An endpoint may connect more than once, each time with a codec of its own.
        """
        self.listen()
        endpoint = self.client()
        attempts = [endpoint.connect(Applications()) for _ in range(2)]
        self.network.pump()
        for attempt in attempts:
            self.successResultOf(attempt)
        self.assertEqual(self.metrics.connectionsOpen, 2)

    def test_unused(self) -> None:
        """
        A codec is told that it is for nothing; not so one whose connection was made.
        """
        told: list[str] = []

        class Told(HelloCodec):
            def begin(self) -> None:
                told.append("begun")
                super().begin()

            def unused(self) -> None:
                told.append("unused")

        self.failureResultOf(self.connect(codec=Told))
        self.assertEqual(told, ["unused"])
        attempt = self.client(codec=Told).connect(Applications())
        attempt.cancel()
        self.failureResultOf(attempt)
        self.assertEqual(told, ["unused"] * 2)
        self.listen()
        self.successResultOf(self.connect(codec=Told)).transport.abortConnection()
        self.network.pump(100)
        self.assertEqual(told, ["unused"] * 2 + ["begun"])

    def test_failures(self) -> None:
        """
        Each way to fail has its kind and cause, and is counted.
        """
        outcomes = [self.failureResultOf(self.connect(), ConnectionRefusedError)]
        applications = Applications()
        silent = self.network.serverEndpoint(HERE.host, HERE.port)
        self.successResultOf(silent.listen(applications))
        wrong, leaves, quiet = self.connect(), self.connect(), self.connect(handshakeTimeout=5)
        servers: list[Any] = applications.built
        servers[0].transport.write(b"HELLO")
        servers[1].transport.loseConnection()
        self.network.pump(5)
        outcomes.append(self.failureResultOf(wrong, AuthenticationFailed))
        outcomes.append(self.failureResultOf(leaves, ClosedByPeer))
        outcomes.append(self.failureResultOf(quiet, HandshakeTimeout))
        causes = [Cause.REFUSED, Cause.AUTHENTICATION, Cause.CLOSED_BY_PEER, Cause.TIMEOUT]
        self.assertEqual([causeOfFailure(outcome) for outcome in outcomes], causes)
        self.assertEqual(self.metrics.handshakesFailed, dict.fromkeys(causes[1:], 1))
        self.network.pump(60)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_noProtocol(self) -> None:
        """
        A factory that wants no connection gets none.
        """
        self.listen()
        attempt = self.connect(Refusing())
        self.failureResultOf(attempt, NoProtocol)
        self.assertEqual(len(self.servers.built[0].lost), 1)

    def test_cancelled(self) -> None:
        """
        An attempt can be given up at any time, with one kind of failure.
        """
        silent = self.network.serverEndpoint(HERE.host, HERE.port)
        self.successResultOf(silent.listen(Applications()))
        early = self.client().connect(Applications())
        late = self.connect()
        early.cancel()
        late.cancel()
        for attempt in (early, late):
            self.failureResultOf(attempt, ConnectingCancelledError)
        self.network.pump(60)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_cancelledByApplication(self) -> None:
        """
        Also by the application that is being connected: it hears of one end, and
        nobody of a success.
        """
        self.listen()
        applications = Applications(lambda transport: attempt.cancel())
        attempt = self.client().connect(applications)
        self.network.pump(60)
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertEqual([len(one.lost) for one in applications.built], [1])


class ServerTests(EndpointCase):
    """
    ``wrapServer``
    """

    def test_builtAtReady(self) -> None:
        """
        Who fails to authenticate reaches no application, and is kept until the
        codec's own time.
        """
        self.listen(DrainingCodec)
        prober = Applications()
        self.network.clientEndpoint(HERE.host, HERE.port).connect(prober)
        self.network.pump()
        probing: Any = prober.built[0]
        probing.transport.write(b"HELLO")
        self.network.pump(6.9)
        self.assertEqual(probing.lost, [])
        self.network.pump(0.2)
        self.assertEqual(len(probing.lost), 1)
        self.assertEqual(self.servers.built, [])

    def test_deadline(self) -> None:
        """
        Silence is ended by the adapter where the codec does not.
        """
        self.listen(handshakeTimeout=9)
        prober = Applications()
        self.network.clientEndpoint(HERE.host, HERE.port).connect(prober)
        self.network.pump(8.9)
        self.assertEqual(prober.built[0].lost, [])
        self.network.pump(0.2)
        self.assertEqual(len(prober.built[0].lost), 1)

    def test_brokenFactory(self) -> None:
        """
        What the application's factory raises ends the connection, and is told to
        somebody; that it wants none, and what peers do, is not.
        """
        self.listen()
        for broken in (ZeroDivisionError(), NoProtocol()):

            def build(addr: object, broken: Exception = broken) -> None:
                raise broken

            self.patch(self.servers, "buildProtocol", build)
            client = self.successResultOf(self.connect())
            self.network.pump()
            self.assertEqual(len(client.lost), 1)
        prober = Applications()
        self.network.clientEndpoint(HERE.host, HERE.port).connect(prober)
        self.network.pump()
        prober.built[0].transport.abortConnection()  # type: ignore[union-attr]
        self.network.pump()
        [logged] = self.flushLoggedErrors()
        self.assertTrue(logged.check(ZeroDivisionError))

    def test_factoryLife(self) -> None:
        """
        The application's factory hears when the listener starts and stops.
        """
        port = self.listen()
        port.stopListening()
        self.assertEqual(self.servers.life, ["start", "stop"])

    def test_clientArguments(self) -> None:
        """
        What clients need is known before listen().
        """
        context = memoryContext(self.mktemp(), "", self.network)
        endpoint = Hello().serverEndpoint(context, HERE, Arguments())
        self.assertEqual(endpoint.clientArguments, Arguments(greeting="hello"))


class StackTests(EndpointCase):
    """
    Codecs over codecs.
    """

    def test_networkConnection(self) -> None:
        """
        The bottom is reachable through any number of layers; ends pass them.
        """
        below = self.network.serverEndpoint(HERE.host, HERE.port)
        middle = wrapServer(below, self.network.clock, HelloCodec, "lower")
        upper = wrapServer(middle, self.network.clock, HelloCodec, "upper")
        self.successResultOf(upper.listen(self.servers))
        attempt = wrapClient(
            self.client(), self.network.clock, HelloCodec, "upper", self.metrics
        ).connect(Applications())
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        self.assertIs(client.transport.networkConnection, self.network.connections[0][0])
        self.assertTrue(ITransportConnection.providedBy(client.transport.transport))
        client.transport.write(b"through both")
        client.transport.loseConnection()
        self.network.pump(60)
        self.assertEqual(bytes(self.servers.built[0].received), b"through both")
        self.assertEqual(len(self.servers.built[0].lost), 1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class BaseClassTests(SynchronousTestCase):
    """
    What authors build on.
    """

    def test_targetNeeded(self) -> None:
        """
        One-to-one methods need to know where to.
        """
        context = memoryContext(self.mktemp())
        self.assertRaises(ConfigurationError, Hello().clientEndpoint, context, None, Arguments())

    def test_unwritten(self) -> None:
        """
        An author who forgot a half hears of it.
        """
        context = memoryContext(self.mktemp())
        client, server = CodecClientTransport(), CodecServerTransport()
        client.name = server.name = "unwritten"
        self.assertRaises(TypeError, client.clientEndpoint, context, HERE, Arguments())
        self.assertRaises(TypeError, server.serverEndpoint, context, HERE, Arguments())
