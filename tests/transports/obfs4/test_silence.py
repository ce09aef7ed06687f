"""
What an obfs4 server says to those who do not know it: nothing, until a time
that tells nothing.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Finished, Ready
from pyptwist.crypto.seal import Seal
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    HandshakeFailed,
    HandshakeTimeout,
    PTError,
    ReplayDetected,
)
from pyptwist.testing.codecs import EPOCH, CodecPair, Side, fixedEntropy
from pyptwist.transports.obfs4.codec import ServerShared
from pyptwist.transports.obfs4.handshake import ServerIdentity, ServerKeys
from tests.transports.obfs4.pairs import (
    HOUR,
    IDENTITY,
    KEYS,
    NODE_ID,
    PRIVATE_KEY,
    PUBLIC_KEY,
    clientCodec,
    serverCodec,
    serverShared,
)

#: When the server of these keys closes: 30 s, and 24 s that its seed says.
END = 54.0


def request(identity: ServerIdentity = IDENTITY, time: float = EPOCH) -> bytes:
    side = Side(clientCodec(identity=identity, time=time))
    side.apply(side.codec.start(0))
    return side.takeOutbox()


class SilenceTests(SynchronousTestCase):
    """
    ``Obfs4ServerCodec``
    """

    def probe(
        self, *pieces: bytes, shared: ServerShared | None = None, start: float = 1000.0
    ) -> PTError | None:
        """
        Send pieces a second apart, and check that nothing happens before the
        end, and that it comes in time.

        :returns: the error it ends with.
        """
        codec = serverCodec(shared=shared)
        self.assertEqual(codec.start(start), [])
        now = start
        for piece in pieces:
            now += 1
            self.assertEqual(codec.receive(piece, now), [])
            self.assertLessEqual(len(codec.buffer), 8192)
        while codec.nextTimer is not None and codec.nextTimer < start + END:
            now = codec.nextTimer
            self.assertEqual(codec.timerFired(now), [])
        self.assertEqual(codec.nextTimer, start + END)
        self.assertEqual(codec.receive(request(), start + END - 0.1), [])
        self.assertEqual(codec.timerFired(start + END - 0.1), [])
        self.assertEqual(len(codec.buffer), 0)
        [finished] = codec.timerFired(start + END)
        assert isinstance(finished, Finished)
        self.assertEqual(codec.receive(request(), start + END), [])
        return finished.error

    def test_nothing(self) -> None:
        """
        A client that says nothing.
        """
        self.assertIsInstance(self.probe(), HandshakeTimeout)

    def test_garbage(self) -> None:
        """
        Little, much, and very much that makes no sense.
        """
        garbage = fixedEntropy("garbage")
        self.assertIsInstance(self.probe(garbage(100)), HandshakeTimeout)
        self.assertIsInstance(self.probe(garbage(8191)), HandshakeTimeout)
        self.assertIsInstance(self.probe(garbage(8192)), HandshakeFailed)
        self.assertIsInstance(self.probe(garbage(9000)), HandshakeFailed)
        self.assertIsInstance(self.probe(*[garbage(60_000)] * 5), HandshakeFailed)

    def test_otherIdentity(self) -> None:
        """
        A client of another server.
        """
        for identity in (
            ServerIdentity(NODE_ID[::-1], PUBLIC_KEY),
            ServerIdentity(NODE_ID, PUBLIC_KEY[::-1]),
        ):
            self.assertIsInstance(self.probe(request(identity)), HandshakeTimeout)

    def test_hours(self) -> None:
        """
        A client whose clock is two hours off.
        """
        for skew in (-2, 2):
            message = request(time=EPOCH + skew * HOUR)
            self.assertIsInstance(self.probe(message), AuthenticationFailed)

    def test_truncated(self) -> None:
        """
        A client that lacks its last byte, or has one more.
        """
        self.assertIsInstance(self.probe(request()[:-1]), HandshakeTimeout)
        self.assertIsInstance(self.probe(request() + b"x"), HandshakeTimeout)

    def test_badMac(self) -> None:
        """
        A message with its end, or its middle, changed.
        """
        for at in (-1, -33, 40):
            message = bytearray(request())
            message[at] ^= 1
            self.assertIsInstance(self.probe(bytes(message)), AuthenticationFailed)

    def test_lowOrder(self) -> None:
        """
        A client that knows the server, and has a key of low order.
        """
        hour = b"%d" % (EPOCH // HOUR)
        message = Seal(PUBLIC_KEY + NODE_ID).close(bytes(32), bytes(100), hour)
        self.assertIsInstance(self.probe(message), HandshakeFailed)

    def test_replay(self) -> None:
        """
        A message that was good the first time, on any connection.
        """
        shared = serverShared()
        codec = serverCodec(shared=shared)
        codec.start(0)
        self.assertEqual(codec.receive(request(), 1)[1:], [Ready()])
        for _ in range(2):
            self.assertIsInstance(self.probe(request(), shared=shared), ReplayDetected)

    def test_replayLater(self) -> None:
        """
        It stays known as long as its hour counts, not on its own connection
        only; another listener does not know it.
        """
        shared = serverShared()
        codec = serverCodec(shared=shared)
        codec.start(0)
        codec.receive(request(), 0)
        late = 3 * HOUR - 10
        self.assertIsInstance(self.probe(request(), shared=shared, start=late), ReplayDetected)
        other = serverCodec(shared=serverShared())
        other.start(0)
        self.assertEqual(other.receive(request(), 1)[1:], [Ready()])

    def test_closesFirst(self) -> None:
        """
        A client that closes first is not waited for, before and after it
        failed.
        """
        for data, kind in ((b"", ClosedByPeer), (b"x" * 9000, HandshakeFailed)):
            codec = serverCodec()
            codec.start(0)
            codec.receive(data, 1)
            [finished] = codec.receiveEnd(2)
            assert isinstance(finished, Finished)
            self.assertIsInstance(finished.error, kind)
            self.assertIs(codec.nextTimer, None)

    def test_oneByteAMinute(self) -> None:
        """
        A slow client does not get more time.
        """
        codec = serverCodec()
        codec.start(0)
        message = request()
        self.assertEqual(codec.receive(message[:1], 29), [])
        self.assertEqual(codec.timerFired(30), [])
        self.assertEqual(codec.receive(message[1:], 31), [])
        self.assertEqual(codec.nextTimer, END)

    def test_justInTime(self) -> None:
        """
        A handshake within 30 s is good, and no timer is left.
        """
        pair = CodecPair(clientCodec(), serverCodec())
        pair.start()
        pair.clock.advance(29.9)
        pair.run()
        self.assertTrue(pair.server.isReady)
        self.assertIs(pair.server.codec.nextTimer, None)
        self.assertEqual(pair.server.codec.timerFired(100.0), [])

    def test_delays(self) -> None:
        """
        The delay is the server's own, for all its life.
        """
        for seed, delay in ((bytes(24), 55), (b"\xff" * 24, 51), (bytes(range(24)), 24)):
            keys = ServerKeys(NODE_ID, PRIVATE_KEY, PUBLIC_KEY, seed)
            for source in ("1", "2"):
                self.assertEqual(ServerShared(keys, fixedEntropy(source)).drain, 30 + delay)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=5000), max_size=6), st.integers(0, 300))
    def test_anyGarbage(self, pieces: list[bytes], good: int) -> None:
        """
        Whatever comes, also behind the beginning of a good message.
        """
        self.probe(request()[:good], *pieces)

    def test_secretsHidden(self) -> None:
        """
        A server's keys do not get into a log.
        """
        self.assertNotIn(repr(PRIVATE_KEY), repr(KEYS))
