"""
Feeds a client's codec what a proxy says, in pieces of every kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import Cause, LocalProtocolError
from pyptwist.interfaces import ICodec
from pyptwist.testing.codecs import Side, oneByOne

#: Payload that would not survive any decoding or line handling.
PAYLOAD = bytes(range(256)) + b"\r\n\r\n\n\0"


@dataclass(frozen=True)
class Outcome:
    """
    All that a codec did.

    :ivar failure: the error's class, text and cause.
    """

    sent: bytes
    delivered: bytes
    ready: bool
    failure: tuple[type, str, Cause] | None


def outcome(codec: ICodec, pieces: Iterable[bytes]) -> Outcome:
    """
    Start a codec and give it what the peer sends, piece by piece.
    """
    side = Side(codec)
    side.apply(codec.start(0.0))
    for piece in pieces:
        side.apply(codec.receive(piece, 0.0))
    error = side.error
    failure = None if error is None else (type(error), str(error), error.cause)
    return Outcome(b"".join(side.transmitted), bytes(side.delivered), side.isReady, failure)


def everyCut(
    test: SynchronousTestCase, make: Callable[[], ICodec], data: bytes, longest: int = 200
) -> Outcome:
    """
    Assert that it does not matter how the peer's bytes are cut up.

    :param data: all that the peer sends.
    :param longest: after how many bytes the cuts in two may stop.
    :returns: what came out.
    """
    whole = outcome(make(), [data])
    test.assertEqual(outcome(make(), oneByOne(data)), whole, "byte by byte")
    for at in range(1, min(len(data), longest)):
        test.assertEqual(outcome(make(), [data[:at], data[at:]]), whole, f"cut at {at}")
    return whole


def everyPrefix(test: SynchronousTestCase, make: Callable[[], ICodec], data: bytes) -> None:
    """
    Assert that a proxy that closes anywhere before the end of its handshake is
    reported as an upstream proxy's failure, and bytes are never lost in silence.

    :param data: a whole good handshake.
    """
    for length in range(len(data)):
        side = Side(make())
        side.apply(side.codec.start(0.0))
        side.apply(side.codec.receive(data[:length], 0.0))
        test.assertFalse(side.isReady or side.isFinished, f"after {length} bytes")
        side.apply(side.codec.receiveEnd(0.0))
        test.assertIsNot(side.error, None, f"after {length} bytes")
        assert side.error is not None
        test.assertIs(side.error.cause, Cause.UPSTREAM_PROXY)


class TunnelMixin:
    """
    What holds for every client codec of a proxy.  Mix in, and say how to make
    one, and what a proxy answers to let it through.
    """

    accepting: bytes

    def make(self) -> ICodec:
        raise AssertionError("tell how")

    def _case(self) -> SynchronousTestCase:
        assert isinstance(self, SynchronousTestCase)
        return self

    def test_accepted(self) -> None:
        """
        Bytes behind the proxy's answer are payload, however the answer is cut.
        """
        done = everyCut(self._case(), self.make, self.accepting + PAYLOAD)
        self._case().assertEqual((done.ready, done.delivered, done.failure), (True, PAYLOAD, None))

    def test_closedEarly(self) -> None:
        """
        A proxy that closes before its answer is complete has failed.
        """
        everyPrefix(self._case(), self.make, self.accepting)

    def test_nothingWithoutAnswer(self) -> None:
        """
        No payload can leave before the proxy has agreed.
        """
        codec = self.make()
        codec.start(0.0)
        self._case().assertRaises(LocalProtocolError, codec.send, b"early", 0.0)

    def test_passesByReference(self) -> None:
        """
        Once through, chunks are neither copied nor kept, of whatever size.
        """
        test, side = self._case(), Side(self.make())
        side.apply(side.codec.start(0.0))
        side.apply(side.codec.receive(self.accepting, 0.0))
        chunk = b"x" * 1_000_000
        (down,) = side.codec.receive(chunk, 0.0)
        (up,) = side.codec.send(chunk, 0.0)
        test.assertIs(getattr(down, "data", None), chunk)
        test.assertIs(getattr(up, "data", None), chunk)
        test.assertEqual((side.codec.receive(b"", 0.0), side.codec.send(b"", 0.0)), ([], []))
        side.apply(side.codec.receiveEnd(0.0))
        test.assertTrue(side.isFinished)
        test.assertIs(side.error, None)
        test.assertEqual((side.codec.receive(chunk, 0.0), side.codec.send(chunk, 0.0)), ([], []))
