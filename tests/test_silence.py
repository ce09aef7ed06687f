"""
Tests for ``pyptwist.silence``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Effect, Finished
from pyptwist.errors import AuthenticationFailed, ClosedByPeer, HandshakeTimeout, PTError
from pyptwist.silence import SilentServerCodec, drainSeconds
from pyptwist.testing import fixedEntropy

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
        return self._hear(b"knock") and not self.ready()

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
