"""
Tests for ``pyptwist.strangers.guard``: what does not depend on the method.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import LogLevel, capturedLogs

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase, CodecFactory
from pyptwist.endpoints import CodecServerTransport
from pyptwist.errors import AuthenticationFailed, Cause
from pyptwist.interfaces import Context
from pyptwist.registry import Methods
from pyptwist.testing.applications import Application, Endless
from tests.decoys import BRIDGE, FOR_EVER, GARBAGE, Scene
from tests.memory import Hello


class Hasty(CodecBase):
    """
    Closes on strangers, as no server should, and lets in without a word.
    """

    def begin(self) -> None:
        self.state = self._awaiting

    def _awaiting(self) -> bool:
        if self.take(len(self.buffer)) != b"let me in":
            raise AuthenticationFailed
        self.ready()
        return False


class Undecided(CodecBase):
    """
    Waits for a word that does not come.
    """

    maximumBuffer = 1 << 30

    def begin(self) -> None:
        self.state = self._waiting

    def _waiting(self) -> bool:
        return False


class Simple(CodecServerTransport):
    """
    The method of one of these.
    """

    name = "simple"

    def __init__(self, codec: CodecFactory) -> None:
        self._codec = codec

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return self._codec, arguments


class GuardTests(Scene):
    """
    What does not depend on the method.
    """

    def test_closingMethod(self) -> None:
        """
        A method that closes on strangers does not where there is a decoy.
        """
        self.openSite()
        self.serve(Simple(Hasty))
        self.assertSeen(self.stranger(b"GET /"), b"GET /")
        self.assertEqual(self.context.metrics.handshakesFailed, {Cause.AUTHENTICATION: 1})

    def test_closingMethodAlone(self) -> None:
        """
        Nor if the decoy cannot be reached; it is kept for as long as a handshake.
        """
        self.serve(Simple(Hasty))
        peer = self.stranger(b"GET /")
        peer.transport.write(b"more")
        self.assertAtRest()
        self.assertEqual(bytes(peer.received), b"")
        self.assertEqual(peer.lostAt, limits.SERVER_HANDSHAKE)

    def test_readyWithoutAWord(self) -> None:
        """
        Who was let in is, also if nobody says anything for long.
        """
        self.openSite()
        self.serve(Simple(Hasty))
        self.stranger(b"let me in")
        self.network.pump(FOR_EVER)
        self.assertEqual((len(self.clients.built), self.site.built), (1, []))

    def test_useless(self) -> None:
        """
        A method that does speak first, and does not say that it does, is found
        out by the first connection.
        """
        self.openSite()
        with capturedLogs() as events:
            self.serve(Hello())
            greeted = [bytes(self.stranger(GARBAGE).received) for _ in range(2)]
        self.assertEqual((greeted, self.site.built), ([b"hello"] * 2, []))
        [event] = [e for e in events if e["log_namespace"] == "pyptwist.strangers.guard.Guard"]
        self.assertEqual(event["log_level"], LogLevel.warn)

    def test_lateAnswer(self) -> None:
        """
        Who was answered by one layer is no stranger, whatever another layer says:
        the decoy's answer would not fit behind ours.
        """
        self.openSite()
        needed = self.serve(Methods().server("obfs4 | obfs4"))
        below = Arguments(
            [(key.removeprefix("obfs42-"), v) for key, v in needed.items() if "obfs42-" in key]
        )
        endpoint = Methods().client("obfs4").clientEndpoint(self.context, BRIDGE, below)
        attempt = endpoint.connect(Factory.forProtocol(Application))
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        client.transport.write(GARBAGE)
        self.assertAtRest()
        self.assertEqual(self.site.built, [])
        self.assertEqual((len(client.lost), bytes(client.received)), (1, b""))

    def test_endless(self) -> None:
        """
        What is kept of one peer is bounded, whatever the method thinks of it.
        """
        self.openSite()
        self.serve(Simple(Undecided))
        said = GARBAGE * 10
        self.assertSeen(self.stranger(said), said)
        self.assertEqual(self.context.metrics.handshakesFailed, {Cause.TIMEOUT: 1})

    def test_full(self) -> None:
        """
        The decoy has so many and no more; the others are kept silent.
        """
        self.patch(limits, "DECOYED", 2)
        self.openSite()
        self.serve(Methods().server("obfs4"))
        first, _, third = (self.stranger(GARBAGE) for _ in range(3))
        self.assertEqual(len(self.site.built), 2)
        first.transport.loseConnection()
        self.network.pump()
        self.stranger(GARBAGE)
        self.assertEqual(len(self.site.built), 3)
        self.assertEqual(third.lost, [])
        self.network.pump(FOR_EVER)
        self.assertEqual((len(third.lost), bytes(third.received)), (1, b""))

    def test_fullIsSaid(self) -> None:
        """
        Once, until there was room again.
        """
        self.patch(limits, "DECOYED", 1)
        self.openSite()
        self.serve(Methods().server("obfs4"))
        with capturedLogs() as events:
            first, *_ = (self.stranger(GARBAGE) for _ in range(3))
            first.transport.loseConnection()
            self.network.pump()
            for _ in range(2):
                self.stranger(GARBAGE)
        warned = [event for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual([event["count"] for event in warned], [1, 1])

    def test_warnings(self) -> None:
        """
        A decoy that is down is told of once, and once that it is back; without
        addresses.
        """
        with capturedLogs() as events:
            self.serve(Methods().server("obfs4"))
            for _ in range(3):
                self.stranger(GARBAGE)
            self.openSite()
            for _ in range(3):
                self.stranger(GARBAGE)
        ours = [
            event for event in events if event["log_namespace"] == "pyptwist.strangers.guard.Guard"
        ]
        self.assertEqual([event["log_level"] for event in ours], [LogLevel.warn, LogLevel.info])
        self.assertEqual(ours[0]["name"], "obfs4")
        self.assertEqual(ours[0]["cause"], Cause.REFUSED.value)
        self.assertNotIn("192.0.2", repr(ours))
        self.assertEqual(len(self.site.built), 3)

    def test_slowDecoy(self) -> None:
        """
        A decoy that does not read stops the peer; nothing is lost.
        """
        self.openSite()
        self.serve(Methods().server("obfs4"))
        peer = self.stranger(GARBAGE)
        host: Any = self.site.built[0]
        self._slowly(peer, host, len(GARBAGE))

    def test_slowPeer(self) -> None:
        """
        A peer that does not read stops the decoy.
        """
        self.openSite()
        self.serve(Methods().server("obfs4"))
        peer = self.stranger(GARBAGE)
        self._slowly(self.site.built[0], peer, 0)

    def _slowly(self, writer: Any, reader: Any, before: int) -> None:
        reader.transport.pauseProducing()
        producer = Endless(writer.transport, self.network.clock, 10 * 1024 * 1024)
        writer.transport.registerProducer(producer, True)
        self.network.pump(60)
        self.assertTrue(producer.paused)
        self.assertLess(producer.written, 512 * 1024)
        reader.transport.resumeProducing()
        self.network.pump(60)
        producer.stopped = True
        self.network.pump(1)
        self.assertGreater(producer.written, 512 * 1024)
        self.assertEqual(len(reader.received), before + producer.written)

    def test_abort(self) -> None:
        """
        A peer that resets is gone, before and after; the decoy sees it, too.
        """
        self.openSite()
        self.serve(Methods().server("obfs4"))
        for said in (b"", GARBAGE):
            peer = self.stranger(said)
            peer.transport.abortConnection()
            self.network.pump()
        self.assertAtRest()
        [host] = self.site.built
        self.assertEqual(len(host.lost), 1)


class DiallingTests(Scene):
    """
    While the decoy is dialled.
    """

    def setUp(self) -> None:
        super().setUp()
        self.local = Stalling()
        self.serve(Methods().server("obfs4"))
        self.peer = self.stranger(GARBAGE)

    def test_patience(self) -> None:
        """
        A decoy that does not accept is waited for so long, and no longer.
        """
        [attempt] = self.local.attempts
        self.network.pump(limits.DECOY_CONNECT - 0.001)
        self.assertNoResult(attempt)
        self.network.pump(0.001)
        self.assertEqual(self.local.cancelled, 1)
        self.assertEqual(self.peer.lost, [])
        self.assertAtRest()
        self.assertEqual(len(self.peer.lost), 1)

    def test_notRead(self) -> None:
        """
        Meanwhile nothing is read, so that it is not kept either.
        """
        self.peer.transport.write(GARBAGE)
        self.network.pump(1)
        [(there, _)] = self.network.connections
        self.assertEqual(len(there.sent), len(GARBAGE))

    def test_peerLeaves(self) -> None:
        """
        A peer that has gone is not announced to the decoy.
        """
        self.peer.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.local.cancelled, 1)
        self.assertAtRest()

    def test_stopped(self) -> None:
        """
        Nobody is handed over once nobody listens.
        """
        self.port.stopListening()
        self.network.pump()
        self.assertEqual((self.local.cancelled, self.peer.lost), (1, []))
        self.assertAtRest()

    def test_methodEnds(self) -> None:
        """
        Nor if the method's own end comes first.
        """
        self.patch(limits, "DECOY_CONNECT", FOR_EVER)
        other = self.stranger(GARBAGE)
        self.network.pump(FOR_EVER - 1)
        self.assertEqual((len(other.lost), self.local.cancelled), (1, 2))
        self.assertAtRest()


class Stalling:
    """
    Reaches nobody, and never says so.

    :ivar attempts: each.
    :ivar cancelled: how many of them were given up.
    """

    def __init__(self) -> None:
        self.attempts: list[Deferred[IProtocol]] = []
        self.cancelled = 0

    def clientEndpoint(self, host: str, port: int) -> Any:
        return self

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        def cancel(_: object) -> None:
            self.cancelled += 1

        self.attempts.append(Deferred(cancel))
        return self.attempts[-1]
