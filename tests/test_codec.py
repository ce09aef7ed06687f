"""
Tests for ``pyptwist.codec``.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.codec import READY, CodecBase, Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    HandshakeTimeout,
    LocalProtocolError,
    PTError,
)
from pyptwist.interfaces import ICodec
from tests.memory import DrainingCodec, HelloCodec, SlowCodec

DEADLINE = 7.0  # when a DrainingCodec that failed at 0.0 ends


class Framed(CodecBase):
    """
    The peer says ``hi``, then sends frames: a byte that is the length, and as
    many bytes.  No frame is empty.
    """

    maximumBuffer = 100

    def begin(self) -> None:
        self.state = self._greeting
        self.nextTimer = self.now + 10

    def _greeting(self) -> bool:
        if len(self.buffer) < 2:
            return False
        if self.take(2) != b"hi":
            raise AuthenticationFailed()
        self.nextTimer = None
        self.ready()
        self.state = self._frame
        return True

    def _frame(self) -> bool:
        if not self.buffer or len(self.buffer) <= self.buffer[0]:
            return False
        size = self.take(1)[0]
        if not size:
            raise FramingError("a frame was empty")
        self.deliver(self.take(size))
        return True

    def timer(self) -> None:
        self.finish(HandshakeTimeout())


def ready(codec: CodecBase, greeting: bytes = b"hello") -> CodecBase:
    """
    :returns: a codec that has seen its peer's greeting.
    """
    codec.start(0.0)
    codec.receive(greeting, 0.0)
    return codec


def joined(effects: list[Effect]) -> list[object]:
    """
    :returns: the effects, with adjacent payload joined, in a form that compares.
    """
    result: list[object] = []
    for effect in effects:
        if isinstance(effect, Deliver):
            if result and isinstance(result[-1], bytes):
                result[-1] += effect.data
            else:
                result.append(effect.data)
        elif isinstance(effect, Finished):
            result.append((type(effect.error), str(effect.error)))
        else:
            result.append(effect)
    return result


class EffectTests(SynchronousTestCase):
    def test_values(self) -> None:
        """
        Effects are values that nobody changes.
        """
        for one, same, other in (
            (Transmit(b"a"), Transmit(b"a"), Transmit(b"b")),
            (Deliver(b"a"), Deliver(b"a"), Transmit(b"a")),
            (Ready(), READY, Finished()),
            (Finished(), Finished(None), Finished(PTError())),
        ):
            self.assertEqual(one, same)
            self.assertNotEqual(one, other)
        self.assertRaises(AttributeError, setattr, Transmit(b"a"), "data", b"b")


class EmittingTests(SynchronousTestCase):
    """
    What subclasses call.
    """

    def setUp(self) -> None:
        self.codec = CodecBase()

    def test_transmitJoins(self) -> None:
        """
        What goes on the wire in one call goes in one piece.
        """
        self.codec.transmit(b"a")
        self.codec.transmit(bytearray(b"b"))
        self.codec.transmit(b"")
        self.assertEqual(self.codec.out, [Transmit(b"ab")])

    def test_transmitKeepsOrder(self) -> None:
        """
        Bytes are not joined across another effect.
        """
        self.codec.transmit(b"a")
        self.codec.ready()
        self.codec.transmit(b"b")
        self.assertEqual(self.codec.out, [Transmit(b"a"), READY, Transmit(b"b")])

    def test_nothing(self) -> None:
        """
        No bytes are no effect.
        """
        self.codec.transmit(b"")
        self.codec.deliver(b"")
        self.assertEqual(self.codec.out, [])

    def test_take(self) -> None:
        self.codec.buffer += b"abcdef"
        self.assertEqual(self.codec.take(2), b"ab")
        self.assertEqual(self.codec.take(0), b"")
        self.assertEqual(bytes(self.codec.buffer), b"cdef")

    def test_finish(self) -> None:
        """
        Only the first end counts; it lets go of the input and of the timer.
        """
        error = PTError("first")
        self.codec.buffer += b"unread"
        self.codec.nextTimer = 1.0
        self.codec.finish(error)
        self.codec.finish(PTError("second"))
        self.codec.finish()
        self.assertEqual(self.codec.out, [Finished(error)])
        self.assertEqual(len(self.codec.buffer), 0)
        self.assertIs(self.codec.nextTimer, None)


class StateTests(SynchronousTestCase):
    def test_interface(self) -> None:
        verifyObject(ICodec, CodecBase())

    def test_start(self) -> None:
        """
        Starting says the first words; nothing is ready by that alone.
        """
        codec = HelloCodec()
        self.assertEqual(codec.start(5.0), [Transmit(b"hello")])
        self.assertEqual(codec.now, 5.0)
        self.assertFalse(codec.isReady)

    def test_statesFollow(self) -> None:
        """
        A state that says so is followed by the next, on the bytes that are there.
        """
        codec = Framed()
        self.assertEqual(codec.start(0.0), [])
        effects = codec.receive(b"hi\3one\3two\3th", 0.0)
        self.assertEqual(effects, [READY, Deliver(b"onetwo")])
        self.assertEqual(codec.receive(b"r", 0.0), [Deliver(b"thr")])

    def test_noState(self) -> None:
        """
        A codec without a first state is a bug, and not the peer's.
        """
        codec = CodecBase()
        codec.start(0.0)
        self.assertRaises(LocalProtocolError, codec.receive, b"x", 0.0)

    def test_finishes(self) -> None:
        """
        No state is asked again once one has finished, whatever it returns.
        """

        asked: list[bytes] = []

        class Once(CodecBase):
            def begin(self) -> None:
                self.state = self._first

            def _first(self) -> bool:
                asked.append(bytes(self.buffer))
                self.finish()
                return len(asked) < 5

        codec = Once()
        codec.start(0.0)
        self.assertEqual(codec.receive(b"x", 0.0), [Finished()])
        self.assertEqual(asked, [b"x"])

    def test_failedHandshake(self) -> None:
        """
        What a state raises ends the codec, behind what went before it.
        """
        codec = Framed()
        codec.start(0.0)
        [effect] = codec.receive(b"no", 0.0)
        self.assertIsInstance(getattr(effect, "error", None), AuthenticationFailed)
        self.assertIs(codec.nextTimer, None)

    def test_failedFrame(self) -> None:
        codec = ready(Framed(), b"hi")
        effects = codec.receive(b"\1a\0\1b", 0.0)
        self.assertEqual(joined(effects), [b"a", (FramingError, "a frame was empty")])

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.binary(min_size=1, max_size=12), max_size=8),
        st.binary(max_size=3),
        st.lists(st.integers(1, 9)),
    )
    def test_anyChunking(self, frames: list[bytes], rest: bytes, sizes: list[int]) -> None:
        """
        However the network cuts the input, it means the same.
        """
        data = b"hi" + b"".join(bytes([len(frame)]) + frame for frame in frames) + rest
        whole, pieces = Framed(), Framed()
        expected = whole.start(0.0) + whole.receive(data, 0.0)
        effects = pieces.start(0.0)
        for size in [*sizes, len(data)]:
            effects += pieces.receive(data[:size], 0.0)
            data = data[size:]
        self.assertEqual(joined(effects), joined(expected))
        self.assertEqual(pieces.buffer, whole.buffer)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.binary(max_size=300)))
    def test_garbage(self, pieces: list[bytes]) -> None:
        """
        Whatever comes, nothing is raised, little is kept and the end is the end.
        """
        codec = Framed()
        codec.start(0.0)
        effects = []
        for piece in pieces:
            effects += codec.receive(piece, 0.0)
            self.assertTrue(len(codec.buffer) <= codec.maximumBuffer)
        effects += codec.receiveEnd(0.0)
        ends = [effect for effect in effects if isinstance(effect, Finished)]
        self.assertEqual(effects[-1:], ends)


class BoundTests(SynchronousTestCase):
    def test_default(self) -> None:
        self.assertEqual(CodecBase.maximumBuffer, limits.HANDSHAKE_BUFFER)

    def test_unreadHandshake(self) -> None:
        """
        A handshake that does not end within the bound has failed.
        """

        class Endless(Framed):
            def _greeting(self) -> bool:
                return False

        codec = Endless()
        codec.start(0.0)
        self.assertEqual(codec.receive(b"x" * 100, 0.0), [])
        self.assertEqual(
            joined(codec.receive(b"x", 0.0)), [(HandshakeFailed, "the handshake was too long")]
        )

    def test_unreadFrame(self) -> None:
        """
        So has a frame; the bound itself is still allowed.
        """
        codec = ready(Framed(), b"hi")
        self.assertEqual(codec.receive(b"\xff" + b"x" * 99, 0.0), [])
        self.assertEqual(
            joined(codec.receive(b"x", 0.0)), [(FramingError, "a frame was too long")]
        )

    def test_readAtOnce(self) -> None:
        """
        What is read at once may be of any size.
        """
        codec = ready(Framed(), b"hi")
        effects = codec.receive(b"\5hello" * 1000, 0.0)
        self.assertEqual(joined(effects), [b"hello" * 1000])

    def test_tooMuchIsDrained(self) -> None:
        """
        A codec that answers nobody does not answer this either.
        """

        class Endless(DrainingCodec):
            def _hello(self) -> bool:
                return False

            def failed(self, error: Exception) -> None:
                self.drainUntil(DEADLINE, HandshakeFailed(str(error)))

        codec = Endless()
        codec.start(0.0)
        self.assertEqual(codec.receive(bytes(codec.maximumBuffer + 1), 0.0), [])
        self.assertEqual(len(codec.buffer), 0)


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codec = DrainingCodec()
        self.codec.start(0.0)
        self.effects = self.codec.receive(b"WRONG and more", 0.0)

    def assertEnds(self, effects: list[Effect]) -> None:
        """
        It is over, for the reason for which draining began.
        """
        [effect] = effects
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, AuthenticationFailed)
        self.assertIs(self.codec.nextTimer, None)

    def test_silent(self) -> None:
        """
        Nothing is said, and nothing kept, whatever comes.
        """
        self.assertEqual(self.effects, [])
        for data in (b"hello", bytes(100_000)):
            self.assertEqual(self.codec.receive(data, 1.0), [])
            self.assertEqual(len(self.codec.buffer), 0)
        self.assertEqual(self.codec.nextTimer, DEADLINE)

    def test_deadline(self) -> None:
        """
        It ends then, and not before.
        """
        self.assertEqual(self.codec.timerFired(DEADLINE - 0.001), [])
        self.assertEqual(self.codec.nextTimer, DEADLINE)
        self.assertEnds(self.codec.timerFired(DEADLINE))

    def test_peerCloses(self) -> None:
        """
        It ends when the peer gives up.
        """
        self.assertEnds(self.codec.receiveEnd(1.0))

    def test_notReady(self) -> None:
        self.assertRaises(LocalProtocolError, self.codec.send, b"data", 1.0)

    def test_afterReady(self) -> None:
        """
        Draining after Ready is as silent, whatever the application writes.
        """
        codec = self.codec = DrainingCodec()
        ready(codec)
        codec.drainUntil(DEADLINE, AuthenticationFailed())
        self.assertEqual(codec.send(b"data", 1.0), [])
        self.assertEqual(codec.receive(b"data", 1.0), [])
        self.assertEnds(codec.sendEnd(1.0))


class TimerTests(SynchronousTestCase):
    def test_due(self) -> None:
        codec = Framed()
        codec.start(5.0)
        self.assertEqual(codec.nextTimer, 15.0)
        [effect] = codec.timerFired(15.0)
        self.assertIsInstance(getattr(effect, "error", None), HandshakeTimeout)

    def test_early(self) -> None:
        """
        A timer that fires early does nothing, and stays set.
        """
        codec = Framed()
        codec.start(5.0)
        self.assertEqual(codec.timerFired(14.999), [])
        self.assertEqual(codec.nextTimer, 15.0)

    def test_unset(self) -> None:
        """
        So does one that was not set, or no longer is.
        """
        codec = ready(Framed(), b"hi")
        self.assertEqual(codec.timerFired(99.0), [])
        self.assertTrue(codec.isReady)

    def test_again(self) -> None:
        """
        A timer may set itself again.
        """
        codec = ready(SlowCodec())
        codec.send(bytes(2000), 0.0)
        self.assertEqual(codec.timerFired(1.0), [Transmit(bytes(1024))])
        self.assertEqual(codec.nextTimer, 2.0)
        self.assertEqual(codec.timerFired(2.5), [Transmit(bytes(976))])
        self.assertIs(codec.nextTimer, None)


class SendTests(SynchronousTestCase):
    def test_beforeReady(self) -> None:
        """
        Sending too early is the caller's bug, which the cause tells.
        """
        codec = HelloCodec()
        for _ in range(2):
            error = self.assertRaises(LocalProtocolError, codec.send, b"data", 0.0)
            self.assertIs(error.cause, Cause.INTERNAL)
            codec.start(0.0)

    def test_plain(self) -> None:
        codec = ready(HelloCodec())
        self.assertEqual(codec.send(b"data", 3.0), [Transmit(b"data")])
        self.assertEqual(codec.now, 3.0)
        self.assertEqual(codec.send(b"", 3.0), [])

    def test_afterFinished(self) -> None:
        codec = ready(HelloCodec())
        codec.finish()
        codec.receiveEnd(0.0)
        self.assertEqual(codec.send(b"data", 0.0), [])


class EndTests(SynchronousTestCase):
    def test_sendEnd(self) -> None:
        self.assertEqual(ready(HelloCodec()).sendEnd(1.0), [Finished()])

    def test_flush(self) -> None:
        """
        What a codec holds back is sent before the end.
        """

        class Holding(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.held = data

            def flush(self) -> None:
                self.transmit(self.held)

        codec = ready(Holding())
        self.assertEqual(codec.send(b"data", 0.0), [])
        self.assertEqual(codec.sendEnd(0.0), [Transmit(b"data"), Finished()])

    def test_endWaits(self) -> None:
        """
        The end comes behind a backlog, as soon as that is gone, and meanwhile
        the peer is heard.
        """
        codec = ready(SlowCodec())
        codec.send(bytes(2000), 0.0)
        self.assertEqual(codec.sendEnd(0.0), [])
        self.assertEqual(codec.receive(b"more", 0.5), [Deliver(b"more")])
        self.assertEqual(codec.timerFired(1.0), [Transmit(bytes(1024))])
        self.assertEqual(codec.timerFired(2.0), [Transmit(bytes(976)), Finished()])

    def test_peerLetsGo(self) -> None:
        """
        A backlog may also end because the peer asks for more.
        """

        class Asked(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.held = data
                self.backlog = len(data)

            def _stream(self) -> bool:
                if self.buffer:
                    self.take(len(self.buffer))
                    self.transmit(self.held)
                    self.backlog = 0
                return False

        codec = ready(Asked())
        codec.send(b"data", 0.0)
        self.assertEqual(codec.sendEnd(0.0), [])
        self.assertEqual(codec.receive(b"?", 0.0), [Transmit(b"data"), Finished()])

    def test_peerEnds(self) -> None:
        """
        Before Ready that is a failure, and afterwards it is not.
        """
        codec = Framed()
        codec.start(0.0)
        [effect] = codec.receiveEnd(1.0)
        self.assertIsInstance(getattr(effect, "error", None), ClosedByPeer)
        self.assertEqual(ready(Framed(), b"hi").receiveEnd(1.0), [Finished()])

    def test_silentAfterFinished(self) -> None:
        """
        Nothing follows, however the codec finished.
        """
        for end in (
            lambda codec: codec.sendEnd(0.0),
            lambda codec: codec.receiveEnd(0.0),
            lambda codec: codec.receive(b"\0", 0.0),
        ):
            codec = ready(Framed(), b"hi")
            [effect] = end(codec)
            self.assertIsInstance(effect, Finished)
            for said in (
                codec.receive(b"data", 1.0),
                codec.receiveEnd(1.0),
                codec.sendEnd(1.0),
                codec.send(b"data", 1.0),
                codec.timerFired(99.0),
            ):
                self.assertEqual(said, [])
            self.assertIs(codec.nextTimer, None)
            self.assertEqual(len(codec.buffer), 0)
