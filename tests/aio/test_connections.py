"""
Tests for ``pyptwist.aio.connections``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.aio.connections import Connection
from pyptwist.aio.failures import ConnectionFailed
from pyptwist.errors import (
    Cause,
    FramingError,
)
from tests.aio.programs import Noting


class FakeLoop:
    """
    Of a loop what connections use.
    """

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.later: tuple[float, Callable[[], object]] | None = None
        self.mistakes: list[tuple[str, Exception]] = []

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """
        For ``turn``.
        """
        self.calls.append(lambda: callback(*arguments))

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeLoop:
        """
        For ``expire``; there is one at a time.
        """
        assert self.later is None
        self.later = (delay, callback)
        return self

    def cancel(self) -> None:
        """
        What was to be called later is not.
        """
        self.later = None

    def expire(self) -> float:
        """
        :returns: how many seconds later it was, that is now.
        """
        assert self.later is not None
        delay, callback = self.later
        self.later = None
        callback()
        return delay

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """
        Of somebody's mistake.
        """
        self.mistakes.append((context["message"], context["exception"]))

    def turn(self) -> None:
        """
        One turn of the loop.
        """
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class ConnectionTests(SynchronousTestCase):
    """
    An asyncio transport above a fake connection.
    """

    def setUp(self) -> None:
        self.loop = FakeLoop()
        self.protocol = Noting()
        self.below = StringTransport(
            IPv4Address("TCP", "127.0.0.1", 1), IPv6Address("TCP", "::1", 2)
        )
        self.connection = Connection(cast(Any, self.loop), self.protocol)
        self.connection.makeConnection(self.below)
        self.assertEqual(self.told(), ["made"])

    def told(self) -> list[Any]:
        """
        :returns: what the protocol was told since this was asked last.
        """
        told, self.protocol.told = self.protocol.told, []
        return told

    def lose(self, reason: Exception) -> None:
        """
        The connection below is lost.
        """
        self.connection.connectionLost(Failure(reason))
        self.assertEqual(self.told(), [])
        self.loop.turn()

    def test_bytes(self) -> None:
        """
        Both ways.
        """
        self.connection.dataReceived(b"in")
        self.connection.write(b"o")
        self.connection.write(memoryview(b"u"))
        self.connection.writelines([bytearray(b"t"), b"!"])
        self.assertEqual(self.told(), [b"in"])
        self.assertEqual(self.below.value(), b"out!")
        self.assertRaises(TypeError, self.connection.write, "text")

    def test_extra(self) -> None:
        """
        It knows its addresses in the socket module's form, and what is below.
        """
        known = self.connection.get_extra_info
        self.assertEqual(known("sockname"), ("127.0.0.1", 1))
        self.assertEqual(known("peername"), ("::1", 2, 0, 0))
        self.assertIs(known("pt_connection"), self.below)
        self.assertEqual(known("socket", 7), 7)

    def test_backpressure(self) -> None:
        """
        What the connection does not take waits, and the protocol is paused above
        one mark, and let go below the other.
        """
        self.connection.set_write_buffer_limits(high=100, low=10)
        self.assertEqual(self.connection.get_write_buffer_limits(), (10, 100))
        self.connection.pauseProducing()
        self.connection.write(b"x" * 100)
        self.assertEqual(self.told(), [])
        self.connection.write(b"x")
        self.connection.write(b"x")
        self.assertEqual(self.told(), ["pause"])
        self.assertEqual(self.connection.get_write_buffer_size(), 102)
        self.assertEqual(self.below.value(), b"")
        self.connection.resumeProducing()
        self.assertEqual(self.told(), ["resume"])
        self.assertEqual(self.below.value(), b"x" * 102)

    def test_pieces(self) -> None:
        """
        No more is written below than until it says that it is full.
        """
        written = []

        def write(data: bytes) -> None:
            written.append(len(data))
            if len(written) == 2:
                self.connection.pauseProducing()

        self.patch(self.below, "write", write)
        self.connection.write(bytes(10 * limits.TCP_READ))
        self.assertEqual(written, [limits.TCP_READ] * 2)
        self.assertEqual(self.connection.get_write_buffer_size(), 8 * limits.TCP_READ)
        self.assertEqual(self.told(), ["pause"])

    def test_order(self) -> None:
        """
        What is let go while it is being written stays in order.
        """
        written = []

        def write(data: bytes) -> None:
            self.connection.pauseProducing()
            self.connection.resumeProducing()
            written.append(data[:1])

        self.patch(self.below, "write", write)
        pieces = [b"1", b"2", b"3"]
        self.connection.write(b"".join(piece * limits.TCP_READ for piece in pieces))
        self.assertEqual(written, pieces)

    def test_limits(self) -> None:
        """
        The marks are asyncio's.
        """
        connection = self.connection
        self.assertEqual(connection.get_write_buffer_limits(), (16 * 1024, 64 * 1024))
        for arguments, expected in (({"high": 0}, (0, 0)), ({"low": 5}, (5, 20)), ({}, None)):
            connection.set_write_buffer_limits(**arguments)
            self.assertEqual(connection.get_write_buffer_limits(), expected or (16384, 65536))
        self.assertRaises(ValueError, connection.set_write_buffer_limits, 1, 2)

    def test_limitsLowered(self) -> None:
        """
        Lower marks are heeded at once.
        """
        self.connection.pauseProducing()
        self.connection.write(b"some")
        self.connection.set_write_buffer_limits(high=3)
        self.assertEqual(self.told(), ["pause"])

    def test_reading(self) -> None:
        """
        Reading pauses at once, and goes on in another turn.
        """
        self.assertTrue(self.connection.is_reading())
        self.connection.pause_reading()
        self.assertFalse(self.connection.is_reading())
        self.assertEqual(self.below.producerState, "paused")
        self.connection.resume_reading()
        self.assertEqual(self.below.producerState, "paused")
        self.loop.turn()
        self.assertEqual(self.below.producerState, "producing")

    def test_readingChanged(self) -> None:
        """
        Who pauses again before that stays paused.
        """
        self.connection.pause_reading()
        self.connection.resume_reading()
        self.connection.pause_reading()
        self.loop.turn()
        self.assertEqual(self.below.producerState, "paused")

    def test_close(self) -> None:
        """
        What waits is written, then the connection is closed; nothing else is
        written, or told but the end.
        """
        self.connection.pauseProducing()
        self.connection.write(b"last")
        self.connection.close()
        self.connection.close()
        self.assertTrue(self.connection.is_closing())
        self.assertFalse(self.connection.is_reading())
        self.connection.write(b"never")
        self.connection.dataReceived(b"never")
        self.assertFalse(self.below.disconnecting)
        self.connection.resumeProducing()
        self.assertEqual(self.below.value(), b"last")
        self.assertTrue(self.below.disconnecting)
        self.assertIsNone(self.below.producer)
        self.lose(error.ConnectionDone())
        self.assertEqual(self.told(), [("lost", None)])

    def test_closeNeverRead(self) -> None:
        """
        A peer that reads nothing does not keep a closed connection for ever.
        """
        self.connection.pauseProducing()
        self.connection.write(b"last")
        self.connection.close()
        self.assertFalse(self.below.disconnected)
        self.assertEqual(self.loop.expire(), limits.CLOSE_FLUSH)
        self.assertTrue(self.below.disconnected)
        self.lose(error.ConnectionAborted())
        self.assertEqual(self.told(), [("lost", None)])

    def test_closeRead(self) -> None:
        """
        No timer is left of one that was closed in order, or lost, or aborted.
        """
        for end in (
            lambda connection: connection.resumeProducing(),
            lambda connection: connection.connectionLost(Failure(error.ConnectionLost())),
            lambda connection: connection.abort(),
        ):
            self.setUp()
            self.connection.pauseProducing()
            self.connection.write(b"last")
            self.connection.close()
            self.assertIsNotNone(self.loop.later)
            end(self.connection)
            self.assertIsNone(self.loop.later)

    def test_abort(self) -> None:
        """
        What waits is dropped; that it was aborted here is no error.
        """
        self.connection.pauseProducing()
        self.connection.write(b"never")
        self.connection.abort()
        self.assertTrue(self.below.disconnected)
        self.lose(error.ConnectionAborted())
        self.assertEqual(self.told(), [("lost", None)])
        self.connection.abort()

    def test_peerCloses(self) -> None:
        """
        The peer's end is an end of file, then the end of the connection: there is
        no half of one.
        """
        self.assertFalse(self.connection.can_write_eof())
        self.lose(error.ConnectionDone())
        self.assertEqual(self.told(), ["eof", ("lost", None)])
        for harmless in (self.connection.close, self.connection.resume_reading):
            harmless()
        self.connection.write(b"never")

    def test_lost(self) -> None:
        """
        An end without order is an error of asyncio's kind.
        """
        self.lose(error.ConnectionLost())
        ((_, exception),) = self.told()
        self.assertIsInstance(exception, ConnectionResetError)
        self.assertIsInstance(exception.__cause__, error.ConnectionLost)

    def test_tampered(self) -> None:
        """
        What TCP does not know is an error of ours, that is a ``ConnectionError``.
        """
        self.lose(FramingError())
        ((_, exception),) = self.told()
        self.assertIsInstance(exception, ConnectionFailed)
        self.assertIs(exception.cause, Cause.HANDSHAKE)

    def test_mistakes(self) -> None:
        """
        What a protocol raises is the loop's to show; in ``data_received`` it ends
        the connection, as with asyncio's own transports.
        """

        class Wrong(Noting):
            def __getattribute__(self, name: str) -> Any:
                told = super().__getattribute__(name)
                return told if name in ("told", "note") else self.note(told)

            def note(self, told: Any) -> Any:
                def wrong(*arguments: Any) -> None:
                    told(*arguments)
                    raise KeyError(told.__name__)

                return wrong

        self.below.unregisterProducer()
        self.protocol = Wrong()
        self.connection = Connection(cast(Any, self.loop), self.protocol)
        self.connection.makeConnection(self.below)
        self.connection.set_write_buffer_limits(high=0)
        self.connection.pauseProducing()
        self.connection.write(b"x")
        self.connection.resumeProducing()
        self.assertEqual(self.told(), ["made", "pause", "resume"])
        self.connection.dataReceived(b"in")
        self.assertTrue(self.below.disconnected)
        self.connection.dataReceived(b"more")
        self.assertEqual(self.told(), [b"in"])
        self.lose(error.ConnectionAborted())
        ((_, exception),) = self.told()
        self.assertEqual(str(exception), "'data_received'")
        self.assertEqual(
            [str(mistake) for _, mistake in self.loop.mistakes],
            [
                "'connection_made'",
                "'pause_writing'",
                "'resume_writing'",
                "'data_received'",
                "'connection_lost'",
            ],
        )

    def test_protocol(self) -> None:
        """
        It can be given another protocol.
        """
        other = Noting()
        self.assertIs(self.connection.get_protocol(), self.protocol)
        self.connection.set_protocol(other)
        self.connection.dataReceived(b"in")
        self.assertEqual(other.told, [b"in"])
