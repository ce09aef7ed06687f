"""
scramblesuit's server behind its endpoint, over a network in memory: what everybody
finds who is not let in, to the exact second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import AuthenticationFailed, Cause, ClosedByPeer, HandshakeTimeout
from pyptwist.testing import MemoryNetwork, fixedEntropy, memoryContext
from pyptwist.testing.applications import Application, Applications
from pyptwist.transports.scramblesuit.codec import ServerShared
from pyptwist.transports.scramblesuit.identity import loadState, writePassword
from pyptwist.transports.scramblesuit.method import ScrambleSuit
from tests.transports.obfs4.test_probing import Prober
from tests.transports.scramblesuit.pairs import mint, sent

WHERE = HostPort("127.0.0.1", 443)


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)
        self.applications = Applications()
        endpoint = ScrambleSuit().serverEndpoint(self.context, WHERE, Arguments())
        self.successResultOf(endpoint.listen(self.applications))
        self.arguments = endpoint.clientArguments
        state = loadState(Arguments(), self.context.stateDirectory, fixedEntropy(""), 0)
        self.silence = ServerShared(state, mint(), fixedEntropy("")).drain

    def connect(self, arguments: Arguments | None = None) -> Any:
        endpoint = ScrambleSuit().clientEndpoint(
            self.context, WHERE, self.arguments if arguments is None else arguments
        )
        return endpoint.connect(Factory.forProtocol(Application))

    def good(self) -> bytes:
        """
        :returns: the first message of a client that was let in.
        """
        attempt = self.connect()
        self.network.pump()
        self.successResultOf(attempt).transport.abortConnection()
        self.network.pump()
        return bytes(self.network.connections[-1][0].sent)

    def probe(self, data: bytes) -> Prober:
        prober = Prober(self.network.clock, data)
        raw = self.network.clientEndpoint(WHERE.host, WHERE.port)
        raw.connect(Factory.forProtocol(lambda: prober))
        self.network.pump()
        return prober

    def assertSilence(self, data: bytes) -> None:
        """
        Not a byte, and no end before its time.
        """
        prober = self.probe(data)
        self.network.pump(self.silence - 0.001)
        self.assertIsNone(prober.endedAfter)
        self.network.pump(0.002)
        assert prober.endedAfter is not None
        self.assertLess(abs(prober.endedAfter - self.silence), 0.0015)
        self.assertEqual(prober.received, b"")


class TestKeptOut(_Case):
    def test_garbage(self) -> None:
        for size in (0, 1, 100, 112, 192, 1531, 1532, 10 * 1024, 300_000):
            self.assertSilence(fixedEntropy(str(size))(size))
        self.assertEqual(self.applications.built, [])

    def test_http(self) -> None:
        self.assertSilence(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")

    def test_replays(self) -> None:
        """
        Handshakes of either kind that were good once.
        """
        withPassword, withTicket = self.good(), self.good()
        self.assertEqual(len(self.applications.built), 2)
        for handshake in (withPassword, withTicket):
            self.assertSilence(handshake)
            self.assertSilence(handshake + bytes(3000))
        self.assertEqual(len(self.applications.built), 2)
        failures = self.context.metrics.handshakesFailed
        self.assertEqual(failures, {Cause.AUTHENTICATION: 4})

    def fresh(self) -> bytes:
        """
        :returns: a client's first message that nobody has seen.
        """
        codec = ScrambleSuit().clientCodecFor(self.context, WHERE, self.arguments)()
        return sent(codec.start(0.0))

    def test_truncated(self) -> None:
        """
        Messages of either kind without their last bytes.
        """
        for _ in range(2):
            self.good()
            whole = self.fresh()
            for missing in (1, 16, 32):
                self.assertSilence(whole[:-missing])
        self.assertEqual(len(self.applications.built), 2)

    def test_tampered(self) -> None:
        """
        Messages of either kind with one bit changed.
        """
        for getThere in (self.fresh, self.good):
            message = bytearray(getThere())
            for at in (0, 60, 150, len(message) - 20, len(message) - 1):
                bad = message.copy()
                bad[at] ^= 1
                self.assertSilence(bytes(bad))

    def test_proberLeaves(self) -> None:
        """
        Who leaves first is not waited for.
        """
        prober = self.probe(bytes(10 * 1024))
        self.network.pump(1)
        assert prober.transport is not None
        prober.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class TestWrongClients(_Case):
    def refused(self, attempt: Any) -> None:
        """
        A client that does not know the server learns nothing of it.
        """
        self.network.pump(60)
        failure = self.failureResultOf(attempt)
        self.assertTrue(failure.check(ConnectError, ClosedByPeer, HandshakeTimeout), failure)
        self.assertFalse(failure.check(AuthenticationFailed), "it was answered")
        self.assertEqual(self.applications.built, [])
        [(_, server)] = self.network.connections
        self.assertEqual(bytes(server.sent), b"")
        self.network.pump(600)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_wrongPassword(self) -> None:
        self.refused(self.connect(Arguments(password=writePassword(bytes(20)))))

    def test_wrongHour(self) -> None:
        """
        A handshake is good in the hours before and after, and no longer.
        """
        clock = self.context.wallClock
        for skew, isGood in ((-3600, True), (3600, True), (7200, False)):
            self.context = replace(
                self.context,
                stateDirectory=None,
                wallClock=lambda skew=skew: clock() + skew,  # type: ignore[misc]
            )
            if isGood:
                self.good()
                self.assertEqual(len(self.applications.built), 1)
                self.applications.built.clear()
                self.network.connections.clear()
            else:
                self.refused(self.connect())
