"""
Tests for ``pyptwist.connection``.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.connection import CodecConnection
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    FramingError,
    HandshakeTimeout,
    LocalProtocolError,
)
from pyptwist.interfaces import ICodec
from pyptwist.metrics import Metrics
from pyptwist.pieces import Pieces
from tests.memory import DrainingCodec, HelloCodec, SlowCodec


class Wire(StringTransport):
    """
    A transport that remembers how it was closed, and does not close by itself.
    """

    disconnected = False
    abortedConnection = False

    def loseConnection(self) -> None:
        self.disconnected = True

    def abortConnection(self) -> None:
        self.abortedConnection = True


class Recorder(Protocol):
    """
    An application that writes down what it hears.
    """

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def connectionMade(self) -> None:
        self.heard.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard.append(type(reason.value))


class PushProducer:
    """
    A producer that writes down what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class ConnectionCase(SynchronousTestCase):
    """
    A connection, on a wire, before its handshake.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.wire = Wire(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.application: Any = Recorder()
        self.ready: list[IProtocol] = []
        self.failures: list[Failure] = []

    def build(self, address: IAddress) -> Any:
        """
        Make the application's protocol.
        """
        return self.application

    def connect(self, codec: ICodec | None = None) -> CodecConnection:
        """
        :returns: a connection whose handshake has begun.
        """
        connection = CodecConnection(
            self.clock,
            codec or HelloCodec(),
            "hello",
            self.metrics,
            self.build,
            self.ready.append,
            self.failures.append,
        )
        connection.setDeadline(60)
        connection.makeConnection(self.wire)
        return connection

    def connected(self, codec: ICodec | None = None) -> CodecConnection:
        """
        :returns: the same, after the handshake.
        """
        connection = self.connect(codec)
        connection.dataReceived(b"hello")
        self.wire.clear()
        return connection

    def assertNothingLeft(self) -> None:
        """
        No timer runs any more.
        """
        self.assertEqual(self.clock.getDelayedCalls(), [])


class HandshakeTests(ConnectionCase):
    """
    Before Ready.
    """

    def test_noApplicationBeforeReady(self) -> None:
        """
        The application is built at Ready, and gets what came behind the handshake.
        """
        connection = self.connect()
        connection.dataReceived(b"hel")
        self.assertEqual(self.ready, [])
        connection.dataReceived(b"lopayload")
        self.assertEqual(self.ready, [self.application])
        self.assertEqual(self.application.heard, ["made", b"payload"])
        self.assertIs(self.application.transport, connection)

    def test_readSizes(self) -> None:
        """
        Little is read at once until Ready: a client that is sent garbage leaves
        the rest unread, and resets, where the reference does.
        """
        wire: Any = self.wire
        wire.bufferSize = 1
        connection = self.connect()
        self.assertEqual(wire.bufferSize, limits.HANDSHAKE_READ)
        connection.dataReceived(b"hello")
        self.assertEqual(wire.bufferSize, limits.TCP_READ)

    def test_ownReadSizes(self) -> None:
        """
        A codec may have others, which a relay learns of the connection.
        """
        codec, wire = HelloCodec(), cast("Any", self.wire)
        codec.pieces = Pieces(handshake=10, payload=20)
        wire.bufferSize = 1
        connection = self.connect(codec)
        self.assertEqual(wire.bufferSize, 10)
        connection.dataReceived(b"hello")
        self.assertEqual(wire.bufferSize, 20)
        self.assertEqual(connection.pieces, codec.pieces)

    def test_authenticationFails(self) -> None:
        """
        The peer's fault fails the attempt, and closes with FIN.
        """
        connection = self.connect()
        connection.dataReceived(b"HELLO")
        self.assertIsInstance(self.failures[0].value, AuthenticationFailed)
        self.assertTrue(self.wire.disconnected)
        self.assertFalse(self.wire.abortedConnection)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.failures), 1)
        self.assertNothingLeft()
        self.assertEqual(self.metrics.handshakesFailed[Cause.AUTHENTICATION], 1)

    def test_deadline(self) -> None:
        """
        A handshake that takes too long fails with a timeout.
        """
        self.connect()
        self.clock.advance(59.9)
        self.assertEqual(self.failures, [])
        self.clock.advance(0.2)
        self.assertIsInstance(self.failures[0].value, HandshakeTimeout)
        self.assertTrue(self.wire.disconnected)

    def test_peerCloses(self) -> None:
        """
        A peer that goes away during the handshake is a cause of its own.
        """
        connection = self.connect()
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertIsInstance(self.failures[0].value, ClosedByPeer)
        self.assertNothingLeft()

    def test_drain(self) -> None:
        """
        A codec that drains keeps the connection open, silent, until its time.
        """
        connection = self.connect(DrainingCodec())
        self.wire.clear()
        connection.dataReceived(b"HELLO")
        for _ in range(6):
            self.clock.advance(1)
            connection.dataReceived(b"?" * 100_000)
        self.assertFalse(self.wire.disconnected)
        self.clock.advance(1)
        self.assertTrue(self.wire.disconnected)
        self.assertEqual(self.wire.value(), b"")
        self.assertEqual(self.ready, [])

    def test_noProtocol(self) -> None:
        """
        A factory that refuses ends the connection.
        """
        self.application = None
        connection = self.connected()
        self.assertIsInstance(self.failures[0].value, NoProtocol)
        self.assertTrue(self.wire.disconnected)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertNothingLeft()

    def test_factoryRaises(self) -> None:
        """
        A factory that raises fails the attempt with what it raised.
        """
        self.build = lambda address: 1 / 0  # type: ignore[method-assign]
        self.connected()
        self.assertIsInstance(self.failures[0].value, ZeroDivisionError)
        self.assertTrue(self.wire.disconnected)

    def test_writeTooEarly(self) -> None:
        """
        Nobody can write before Ready.
        """
        self.assertRaises(LocalProtocolError, self.connect().write, b"early")

    def test_givenUp(self) -> None:
        """
        loseConnection before Ready fails the attempt.
        """
        connection = self.connect()
        connection.loseConnection()
        self.assertIsInstance(self.failures[0].value, ConnectionAborted)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertNothingLeft()


class OpenTests(ConnectionCase):
    """
    After Ready.
    """

    def test_write(self) -> None:
        """
        Both write methods go through the codec.
        """
        connection = self.connected()
        connection.write(b"a")
        connection.writeSequence([b"b", b"c"])
        connection.write(b"")
        self.assertEqual(self.wire.value(), b"abc")
        self.assertEqual(self.metrics.bytesSent, 3)

    def test_orderOfReentrantWrites(self) -> None:
        """
        What the application writes while it is told something comes behind
        what the codec had said already.
        """

        class Answering(HelloCodec):
            def _stream(self) -> bool:
                if not self.buffer:
                    return False
                self.deliver(self.take(len(self.buffer)))
                self.transmit(b"first ")
                return False

        connection = self.connected(Answering())
        self.application.dataReceived = lambda data: connection.write(b"second")
        connection.dataReceived(b"x")
        self.assertEqual(self.wire.value(), b"first second")

    def test_pausedMeansPaused(self) -> None:
        """
        A paused application gets nothing, not even what was decoded already.
        """
        connection = self.connect()
        self.application.connectionMade = connection.pauseProducing
        connection.dataReceived(b"hellopayload")
        connection.dataReceived(b" and more")
        self.assertEqual(self.application.heard, [])
        self.assertEqual(self.wire.producerState, "paused")
        connection.resumeProducing()
        self.assertEqual(b"".join(self.application.heard), b"payload and more")
        self.assertEqual(self.wire.producerState, "producing")

    def test_pausedAgainWhileReleased(self) -> None:
        """
        An application may pause at every piece.
        """
        connection = self.connected()
        connection.pauseProducing()
        connection.dataReceived(b"1")
        connection.dataReceived(b"2")
        pieces: list[bytes] = []

        def pause(data: bytes) -> None:
            pieces.append(data)
            connection.pauseProducing()

        self.application.dataReceived = pause
        connection.resumeProducing()
        self.assertEqual(pieces, [b"1"])
        self.assertEqual(self.wire.producerState, "paused")
        connection.resumeProducing()
        self.assertEqual(pieces, [b"1", b"2"])

    def test_endWaitsForPaused(self) -> None:
        """
        An end behind data that is held is told behind the data.
        """
        connection = self.connected()
        connection.pauseProducing()
        connection.dataReceived(b"last words~")
        self.assertFalse(self.wire.disconnected)
        connection.resumeProducing()
        self.assertTrue(self.wire.disconnected)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.application.heard, ["made", b"last words", ConnectionDone])

    def test_closeWhileHeld(self) -> None:
        """
        An application that closes while data and an end are held is closed.
        """
        connection = self.connected()
        connection.pauseProducing()
        connection.dataReceived(b"last words~")
        connection.loseConnection()
        self.assertTrue(self.wire.disconnected)

    def test_lostWhilePaused(self) -> None:
        """
        What came before the network connection was lost is not lost.
        """
        connection = self.connected()
        connection.pauseProducing()
        connection.dataReceived(b"payload")
        connection.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.application.heard, ["made", b"payload", ConnectionLost])

    def test_lostWhilePausingAgain(self) -> None:
        """
        Nor is what an application that pauses at every piece has not taken yet.
        """
        connection = self.connected()
        connection.pauseProducing()
        for piece in (b"1", b"2", b"3"):
            connection.dataReceived(piece)
        pieces: list[bytes] = []

        def pause(data: bytes) -> None:
            pieces.append(data)
            connection.pauseProducing()

        self.application.dataReceived = pause
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(pieces, [b"1", b"2", b"3"])
        self.assertEqual(self.application.heard, ["made", ConnectionDone])

    def test_framingError(self) -> None:
        """
        A peer that errs: close with FIN, tell the application why, and do not
        wait for ever until it takes what was written.
        """
        connection = self.connected()
        connection.dataReceived(b"good!bad")
        self.assertEqual(self.application.heard, ["made", b"good"])
        self.assertTrue(self.wire.disconnected)
        connection.write(b"ignored")
        self.assertEqual(self.wire.value(), b"")
        self.clock.advance(limits.CLOSE_LINGER)
        self.assertTrue(self.wire.abortedConnection)
        connection.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(self.application.heard[-1], FramingError)

    def test_networkConnection(self) -> None:
        """
        The connection at the bottom is reachable, until it is lost.
        """
        connection = self.connected()
        self.assertIs(connection.networkConnection, self.wire)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertIs(connection.networkConnection, None)
        self.assertEqual(connection.getPeer(), IPv4Address("TCP", "192.0.2.1", 1))

    def test_metrics(self) -> None:
        """
        Open connections are counted, up and down.
        """
        connection = self.connected()
        self.assertEqual(self.metrics.connectionsOpen, 1)
        connection.dataReceived(b"12345")
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.metrics.handshakesBegun, self.metrics.handshakesDone), (1, 1))
        self.assertEqual((self.metrics.connectionsOpen, self.metrics.bytesReceived), (0, 5))

    def test_noCycles(self) -> None:
        """
        After the end nothing but the application holds the connection.
        """
        connection = self.connected()
        connection.registerProducer(PushProducer(), True)
        connection.connectionLost(Failure(ConnectionDone()))
        reference = weakref.ref(connection)
        self.application.transport = None
        gc.disable()
        self.addCleanup(gc.enable)
        del connection
        self.assertIs(reference(), None)


class ProducerTests(ConnectionCase):
    """
    Backpressure towards the application.
    """

    def test_belowPauses(self) -> None:
        """
        A full transport pauses the producer, once.
        """
        connection, producer = self.connected(), PushProducer()
        connection.registerProducer(producer, True)
        membrane: Any = self.wire.producer
        membrane.pauseProducing()
        membrane.pauseProducing()
        membrane.resumeProducing()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_backlogPauses(self) -> None:
        """
        A codec that holds back too much pauses the producer, until little is left.
        """
        connection, producer = self.connected(SlowCodec()), PushProducer()
        connection.registerProducer(producer, True)
        connection.write(b"x" * limits.BACKLOG_PAUSE)
        self.assertEqual(producer.told, [])
        connection.write(b"x")
        self.assertEqual(producer.told, ["pause"])
        self.clock.pump([1] * 48)
        self.assertEqual(producer.told, ["pause"])
        self.clock.advance(1)
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_bothReasons(self) -> None:
        """
        The producer is let go when neither reason holds any more.
        """
        connection, producer = self.connected(SlowCodec()), PushProducer()
        connection.registerProducer(producer, True)
        connection.write(b"x" * (limits.BACKLOG_PAUSE + 1))
        membrane: Any = self.wire.producer
        membrane.pauseProducing()
        membrane.resumeProducing()
        self.assertEqual(producer.told, ["pause"])

    def test_pullProducer(self) -> None:
        """
        A pull producer is asked once a turn, but not while paused.
        """
        connection = self.connected()
        membranes: list[Any] = []
        asked: list[int] = []

        class Puller:
            def resumeProducing(self) -> None:
                asked.append(1)
                connection.write(b".")
                if len(asked) % 3 == 0:
                    membranes[0].pauseProducing()

            def stopProducing(self) -> None:
                asked.append(0)

        connection.registerProducer(Puller(), False)
        membranes.append(self.wire.producer)
        self.clock.advance(1)
        self.assertEqual(self.wire.value(), b".")
        self.clock.pump([1] * 9)
        self.assertEqual(self.wire.value(), b"...")
        membranes[0].resumeProducing()
        self.clock.pump([1] * 9)
        self.assertEqual(self.wire.value(), b"......")
        membranes[0].resumeProducing()
        connection.unregisterProducer()
        self.clock.pump([1] * 9)
        self.assertEqual(len(asked), 6)
        self.assertNothingLeft()

    def test_twoProducers(self) -> None:
        """
        There is one producer at a time.
        """
        connection = self.connected()
        connection.registerProducer(PushProducer(), True)
        self.assertRaises(LocalProtocolError, connection.registerProducer, PushProducer(), True)

    def test_lostStopsProducer(self) -> None:
        """
        The producer is stopped, once, when the connection is lost; one that
        comes later is stopped at once.
        """
        connection, producer, late = self.connected(), PushProducer(), PushProducer()
        connection.registerProducer(producer, True)
        connection.connectionLost(Failure(ConnectionLost()))
        connection.registerProducer(late, True)
        self.assertEqual([producer.told, late.told], [["stop"], ["stop"]])

    def test_closeWaitsForProducer(self) -> None:
        """
        loseConnection lets a registered producer finish, as Twisted's TLS does.
        """
        connection = self.connected()
        connection.registerProducer(PushProducer(), True)
        connection.loseConnection()
        connection.write(b"the rest")
        self.assertFalse(self.wire.disconnected)
        connection.unregisterProducer()
        self.assertTrue(self.wire.disconnected)
        self.assertEqual(self.wire.value(), b"the rest")


class EndTests(ConnectionCase):
    """
    How a connection ends from above.
    """

    def test_flush(self) -> None:
        """
        What the codec holds back is sent before the connection closes.
        """
        connection = self.connected(SlowCodec())
        connection.write(b"x" * 3000)
        connection.loseConnection()
        connection.write(b"too late")
        self.assertFalse(self.wire.disconnected)
        self.clock.pump([1, 1, 1])
        self.assertTrue(self.wire.disconnected)
        self.assertEqual(self.wire.value(), b"x" * 3000)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.application.heard, ["made", ConnectionDone])
        self.assertNothingLeft()

    def test_flushTakesTooLong(self) -> None:
        """
        A peer that never reads does not keep a connection that was closed.
        """
        connection = self.connected()
        connection.loseConnection()
        self.clock.advance(limits.CLOSE_FLUSH - 1)
        self.assertFalse(self.wire.abortedConnection)
        self.clock.advance(1)
        self.assertTrue(self.wire.abortedConnection)
        connection.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(self.application.heard, ["made", ConnectionAborted])

    def test_noDataAfterLoseConnection(self) -> None:
        """
        An application that closed hears nothing but the end.
        """
        connection = self.connected(SlowCodec())
        connection.write(b"x" * 3000)
        connection.loseConnection()
        connection.dataReceived(b"still talking")
        self.assertEqual(self.application.heard, ["made"])

    def test_abort(self) -> None:
        """
        abortConnection does not flush.
        """
        connection = self.connected(SlowCodec())
        connection.write(b"x" * 3000)
        connection.abortConnection()
        connection.abortConnection()
        self.assertTrue(self.wire.abortedConnection)
        connection.connectionLost(Failure(ConnectionAborted()))
        connection.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(self.application.heard, ["made", ConnectionAborted])
        self.assertEqual(self.wire.value(), b"")
        self.assertNothingLeft()

    def test_uselessCalls(self) -> None:
        """
        Calls after the end do nothing.
        """
        connection = self.connected()
        connection.connectionLost(Failure(ConnectionDone()))
        connection.write(b"x")
        connection.writeSequence([b"x"])
        connection.loseConnection()
        connection.abortConnection()
        connection.pauseProducing()
        connection.resumeProducing()
        connection.unregisterProducer()
        connection.dataReceived(b"x")
        self.assertEqual(self.application.heard, ["made", ConnectionDone])


class ChunkTests(SynchronousTestCase):
    """
    The cut of the network's bytes means nothing.
    """

    @given(st.lists(st.binary(min_size=1, max_size=9), max_size=20), st.data())
    def test_anyCut(self, messages: list[bytes], data: st.DataObject) -> None:
        """
        Any cut delivers the same bytes.
        """
        stream = b"hello" + b"".join(messages).replace(b"!", b"").replace(b"~", b"")
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=9).map(sorted))
        case = OpenTests("test_write")
        case.setUp()
        connection = case.connect()
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            connection.dataReceived(stream[start:end])
        self.assertEqual(b"".join(case.application.heard[1:]), stream[5:])
