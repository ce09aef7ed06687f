"""
obfs4 behind its endpoints, over a network in memory: who is let in, and what
everybody else finds, to the exact second.

tests/interop/test_obfs4.py does the same with obfs4proxy.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import AuthenticationFailed, Cause, HandshakeTimeout
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.testing import MemoryNetwork, fixedEntropy, memoryContext
from pyptwist.testing.applications import Application, Applications
from pyptwist.transports.obfs4.identity import encodeCert
from pyptwist.transports.obfs4.method import Obfs4
from tests.transports.obfs4.test_method import (
    CERT,
    NODE_ID,
    OPTIONS,
    PUBLIC_KEY,
    WHERE,
    withMode,
)

# 30 s for a handshake, and the 24 s that obfs4proxy 0.0.14 draws from the seed
# in OPTIONS.
SILENCE = 54.0


class Prober(Protocol):
    """
    Sends something, and notes what happens and when.
    """

    def __init__(self, clock: Any, data: bytes) -> None:
        self._clock = clock
        self._data = data
        self.received = b""
        self.endedAfter: float | None = None

    def connectionMade(self) -> None:
        self._start = self._clock.seconds()
        assert self.transport is not None
        self.transport.write(self._data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.endedAfter = self._clock.seconds() - self._start


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)

    def serve(self, options: Arguments = OPTIONS) -> tuple[Applications, Arguments]:
        applications = Applications()
        endpoint = Obfs4().serverEndpoint(self.context, WHERE, options)
        self.successResultOf(endpoint.listen(applications))
        return applications, endpoint.clientArguments

    def connect(self, arguments: Arguments) -> Any:
        endpoint = Obfs4().clientEndpoint(self.context, WHERE, arguments)
        return endpoint.connect(Factory.forProtocol(Application))

    def probe(self, data: bytes) -> Prober:
        prober = Prober(self.network.clock, data)
        raw = self.network.clientEndpoint(WHERE.host, WHERE.port)
        raw.connect(Factory.forProtocol(lambda: prober))
        self.network.pump()
        return prober

    def assertSilence(self, prober: Prober) -> None:
        """
        Not a byte, and no end before its time.
        """
        self.network.pump(SILENCE - 0.001)
        self.assertIsNone(prober.endedAfter)
        self.network.pump(0.001)
        self.assertEqual(prober.endedAfter, SILENCE)
        self.assertEqual(prober.received, b"")


class TestLetIn(_Case):
    def test_modes(self) -> None:
        """
        Each mode carries both ways, whatever the other side's is.
        """
        there, back = b"there" * 5000, b"back" * 5000
        for serverMode in range(3):
            for clientMode in range(3):
                self.setUp()
                applications, arguments = self.serve(withMode(serverMode))
                attempt = self.connect(arguments.updated(Arguments({"iat-mode": str(clientMode)})))
                self.network.pump()
                client = self.successResultOf(attempt)
                server: Any = applications.built[0]
                client.transport.write(there)
                server.transport.write(back)
                self.network.pump()
                # Who has no delays has sent all by now, and nobody else.
                self.assertEqual(bytes(server.received) == there, clientMode == 0)
                self.assertEqual(bytes(client.received) == back, serverMode == 0)
                self.network.pump(5)
                self.assertEqual(bytes(server.received), there)
                self.assertEqual(bytes(client.received), back)

    def test_oldArguments(self) -> None:
        self.serve()
        old = {"node-id": NODE_ID.hex(), "public-key": PUBLIC_KEY.hex(), "iat-mode": "0"}
        attempt = self.connect(Arguments(old))
        self.network.pump()
        self.successResultOf(attempt)

    def test_stateCarriesOver(self) -> None:
        """
        A bridge line from one run of the server works in the next.
        """
        _, arguments = self.serve(Arguments())
        directory = self.context.stateDirectory
        self.setUp()
        self.context = Context(
            self.network.clock, self.network, directory, Metrics(), fixedEntropy("another")
        )
        self.serve(Arguments())
        attempt = self.connect(arguments)
        self.network.pump()
        self.successResultOf(attempt)

    def wrongly(self, arguments: dict[str, str]) -> None:
        """
        A client that does not know the server learns nothing of it.
        """
        applications, _ = self.serve()
        attempt = self.connect(Arguments({**arguments, "iat-mode": "0"}))
        self.network.pump(59.999)
        # The server ends in silence before the client's patience does.
        failure = self.failureResultOf(attempt)
        self.assertTrue(failure.check(ConnectError, HandshakeTimeout), failure)
        self.assertEqual(applications.built, [])
        [(_, server)] = self.network.connections
        self.assertEqual(bytes(server.sent), b"")
        self.network.pump(600)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_wrongCert(self) -> None:
        self.wrongly({"cert": encodeCert(NODE_ID, bytes(31) + b"\x09")})

    def test_wrongNodeId(self) -> None:
        self.wrongly({"cert": encodeCert(bytes(20), PUBLIC_KEY)})

    def test_silentServer(self) -> None:
        """
        The client gives up after 60 s.
        """
        raw = self.network.serverEndpoint(WHERE.host, WHERE.port)
        self.successResultOf(raw.listen(Applications()))
        attempt = self.connect(Arguments({"cert": CERT, "iat-mode": "0"}))
        self.network.pump(59.999)
        self.assertNoResult(attempt)
        self.network.pump(0.001)
        self.failureResultOf(attempt, HandshakeTimeout)


class TestKeptOut(_Case):
    def test_silentProbe(self) -> None:
        self.serve()
        self.assertSilence(self.probe(b""))

    def test_garbage(self) -> None:
        applications, _ = self.serve()
        for size in (1, 100, 141, 8191, 8192, 9000, 10 * 1024, 300_000):
            self.assertSilence(self.probe(fixedEntropy(str(size))(size)))
        self.assertEqual(applications.built, [])

    def test_http(self) -> None:
        self.serve()
        self.assertSilence(self.probe(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))

    def goodHandshake(self, arguments: Arguments) -> bytes:
        attempt = self.connect(arguments)
        self.network.pump()
        self.successResultOf(attempt).transport.abortConnection()
        self.network.pump()
        return bytes(self.network.connections[-1][0].sent)

    def test_replay(self) -> None:
        """
        A handshake that was good once is not even closed on at once.
        """
        applications, arguments = self.serve()
        handshake = self.goodHandshake(arguments)
        self.assertEqual(len(applications.built), 1)
        self.assertSilence(self.probe(handshake))
        self.assertEqual(len(applications.built), 1)
        failures = self.context.metrics.handshakesFailed
        self.assertEqual(failures, {Cause.AUTHENTICATION: 1})

    def test_truncated(self) -> None:
        applications, arguments = self.serve()
        recorded = Obfs4().clientCodec(self.context, arguments)().start(0.0)
        whole: Any = recorded[0]
        for missing in (1, 16, 32, 100):
            self.assertSilence(self.probe(bytes(whole.data[:-missing])))
        self.assertEqual(applications.built, [])

    def test_oneByteMore(self) -> None:
        """
        A client says nothing before the server's answer: who does is none.
        """
        applications, arguments = self.serve()
        recorded = Obfs4().clientCodec(self.context, arguments)().start(0.0)
        whole: Any = recorded[0]
        self.assertSilence(self.probe(bytes(whole.data) + b"x"))
        self.assertEqual(applications.built, [])

    def test_proberLeaves(self) -> None:
        """
        Who leaves first is not waited for.
        """
        self.serve()
        prober = self.probe(bytes(10 * 1024))
        self.network.pump(1)
        assert prober.transport is not None
        prober.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_delayIsTheBridges(self) -> None:
        """
        The time of the end differs between bridges, not between probes.
        """
        seed = "8ab9c2d1a5d34f0c77e1b0c4d5e6f708192a3b4c5d6e7f80"
        self.serve(OPTIONS.updated(Arguments({"drbg-seed": seed})))
        for data in (b"", bytes(10 * 1024)):
            prober = self.probe(data)
            self.network.pump(100)
            self.assertEqual(prober.endedAfter, 30.0 + 12.0)

    def test_wrongHour(self) -> None:
        """
        A handshake is good in the hours before and after, and no longer.
        """
        applications, arguments = self.serve()
        here = self.context
        for skew, isGood in ((-7200, False), (-3600, True), (3600, True), (7200, False)):
            self.context = Context(
                here.reactor,
                here.network,
                None,
                Metrics(),
                here.entropy,
                lambda skew=skew: here.wallClock() + skew,  # type: ignore[misc]
            )
            before = len(applications.built)
            attempt = self.connect(arguments)
            self.network.pump()
            self.assertEqual(len(applications.built) - before, isGood, skew)
            if isGood:
                # The server answered in the client's own hour.
                self.successResultOf(attempt)
            else:
                self.network.pump(70)
                self.assertFalse(
                    self.failureResultOf(attempt).check(AuthenticationFailed), "it was answered"
                )
