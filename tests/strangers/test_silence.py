"""
Tests for ``pyptwist.strangers.silence``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Effect, Finished
from pyptwist.errors import AuthenticationFailed, ClosedByPeer, HandshakeTimeout, PTError
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds
from pyptwist.testing import fixedEntropy
from pyptwist.transports.dummy import DummyCodec

_DRAIN = 47.5


class _Knocking(SilentServerCodec):
    """
    Wants to hear ``knock``, and nothing but ``ok`` then.
    """

    drain = _DRAIN

    def __init__(self) -> None:
        super().__init__()
        self.state = self._closed

    def _closed(self) -> bool:
        heard = self._hear(b"knock")
        if heard:
            self.ready()
        return heard

    def _hear(self, word: bytes) -> bool:
        if len(self.buffer) < len(word):
            return False
        if self.take(len(word)) != word:
            raise AuthenticationFailed
        self.state = self._open
        return True

    def _open(self) -> bool:
        return self._hear(b"ok")


def _errors(effects: list[Effect]) -> list[PTError | None]:
    return [effect.error for effect in effects if isinstance(effect, Finished)]


class SilentServerCodecTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codec = _Knocking()
        self.assertEqual(self.codec.start(1000.0), [])

    def _assertDrains(self, cause: type[PTError]) -> None:
        for more in (b"knock", b"\0" * 100_000):
            self.assertEqual(self.codec.receive(more, 1031.0), [])
            self.assertEqual(len(self.codec.buffer), 0)
        self.assertEqual(self.codec.nextTimer, 1000.0 + _DRAIN)
        self.assertEqual(self.codec.timerFired(1000.0 + _DRAIN - 0.1), [])
        [error] = _errors(self.codec.timerFired(1000.0 + _DRAIN))
        self.assertIsInstance(error, cause)

    def test_wrong(self) -> None:
        """
        A handshake that is wrong is answered by nothing, until the time drawn.
        """
        self.assertEqual(self.codec.receive(b"knack", 1005.0), [])
        self._assertDrains(AuthenticationFailed)

    def test_nothing(self) -> None:
        """
        A peer that says nothing sees the same end as one that errs.
        """
        self.assertEqual(self.codec.nextTimer, 1000.0 + limits.SILENT_HANDSHAKE)
        self.assertEqual(self.codec.timerFired(1000.0 + limits.SILENT_HANDSHAKE), [])
        self._assertDrains(HandshakeTimeout)

    def test_slow(self) -> None:
        """
        The time runs from the beginning, however often something comes.
        """
        self.codec.receive(b"kn", 1029.0)
        self.assertEqual(self.codec.timerFired(1030.0), [])
        self._assertDrains(HandshakeTimeout)

    def test_leastDrain(self) -> None:
        """
        A server that drew the least time ends with the wait for a handshake, and
        not as long again later.
        """
        self.codec.drain = limits.SILENT_HANDSHAKE
        self.codec.timerFired(1000.0 + limits.SILENT_HANDSHAKE)
        [error] = _errors(self.codec.timerFired(1000.0 + limits.SILENT_HANDSHAKE))
        self.assertIsInstance(error, HandshakeTimeout)

    def test_right(self) -> None:
        """
        There is no timer for a peer that is ready; its errors end it at once.
        """
        self.assertEqual(self.codec.receive(b"knock", 1005.0), [READY])
        self.assertIs(self.codec.nextTimer, None)
        [error] = _errors(self.codec.receive(b"no", 1006.0))
        self.assertIsInstance(error, AuthenticationFailed)

    def test_departure(self) -> None:
        """
        A peer that goes is gone, with the error that it made, if it did.
        """
        other = _Knocking()
        other.start(0.0)
        self.assertIsInstance(_errors(other.receiveEnd(1.0))[0], ClosedByPeer)
        self.codec.receive(b"knack", 1005.0)
        self.assertIsInstance(_errors(self.codec.receiveEnd(1006.0))[0], AuthenticationFailed)


class _Gullible(_Knocking):
    """
    Is ready when anybody has knocked.
    """

    def knowsPeer(self) -> bool:
        return False


class ReadyTests(SynchronousTestCase):
    """
    A server that is ready and does not know its peer yet.
    """

    def setUp(self) -> None:
        self.codec = _Gullible()
        self.codec.start(1000.0)
        self.assertEqual(self.codec.receive(b"knock", 1005.0), [READY])

    def test_wrong(self) -> None:
        """
        It ends as if it had never been ready, whatever its application does.
        """
        self.assertEqual(self.codec.receive(b"no", 1006.0), [])
        self.assertIsInstance(self.codec.refusal, AuthenticationFailed)
        self.assertEqual(self.codec.send(b"answer", 1007.0), [])
        self.assertEqual(self.codec.sendEnd(1008.0), [])
        self.assertEqual(self.codec.nextTimer, 1000.0 + _DRAIN)
        [error] = _errors(self.codec.timerFired(1000.0 + _DRAIN))
        self.assertIsInstance(error, AuthenticationFailed)

    def test_late(self) -> None:
        """
        Who errs later does not see when, either.
        """
        self.assertEqual(self.codec.receive(b"no", 1000.0 + 7.3 * _DRAIN), [])
        self.assertEqual(self.codec.nextTimer, 1000.0 + 8 * _DRAIN)

    def test_end(self) -> None:
        """
        An application that ends before any error is at liberty to.
        """
        self.assertEqual(self.codec.sendEnd(1006.0), [Finished()])

    def test_refusedAbove(self) -> None:
        """
        A stranger to the layer above is one here, at once and once.
        """
        first, second = AuthenticationFailed(), HandshakeTimeout()
        self.assertEqual(self.codec.refuse(first, 1030.0), [])
        self.assertEqual(self.codec.refuse(second, 1031.0), [])
        self.assertIs(self.codec.refusal, first)
        self.assertEqual(self.codec.receive(b"ok", 1032.0), [])
        self.assertEqual(_errors(self.codec.timerFired(1000.0 + _DRAIN)), [first])
        self.assertEqual(self.codec.refuse(second, 1100.0), [])

    def test_knownBelow(self) -> None:
        """
        A codec that knows its peer, or lets in anybody, leaves him to those above.
        """
        for codec in (_Knocking(), DummyCodec()):
            codec.start(1000.0)
            codec.receive(b"knock", 1001.0)
            self.assertEqual(codec.refuse(AuthenticationFailed(), 1002.0), [])
            self.assertIs(codec.refusal, None)
            self.assertIs(codec.nextTimer, None)


class DrainSecondsTests(SynchronousTestCase):
    @given(st.text())
    def test_range(self, seed: str) -> None:
        """
        No less than a handshake may take, and less than the connection's own deadline.
        """
        seconds = drainSeconds(fixedEntropy(seed))
        self.assertGreaterEqual(seconds, limits.SILENT_HANDSHAKE)
        self.assertLess(seconds, limits.SERVER_HANDSHAKE)

    def test_servers(self) -> None:
        """
        Each server has its own.
        """
        times = {drainSeconds(fixedEntropy(str(n))) for n in range(50)}
        self.assertGreater(len(times), 40)
