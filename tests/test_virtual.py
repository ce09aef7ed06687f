"""
Tests for ``pyptwist.virtual``.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.errors import FramingError, LocalProtocolError
from pyptwist.interfaces import ITransportConnection
from pyptwist.metrics import Metrics
from pyptwist.testing.applications import Application
from pyptwist.virtual import IVirtualSession, VirtualConnection

STEPS = ["write", "deliver", "pause", "resume", "lose", "abort", "ended", "turn"]
HERE, THERE = IPv4Address("TCP", "127.0.0.1", 1), IPv4Address("TCP", "192.0.2.1", 2)


@implementer(IVirtualSession)
class Session:
    """
    Writes down what it is told, and carries nothing anywhere.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.answer: Any = None

    def send(self, data: bytes) -> None:
        self.told.append(data)
        if self.answer is not None:
            self.answer(data)

    def sendEnd(self) -> None:
        self.told.append("end")

    def abort(self) -> None:
        self.told.append("abort")

    def pauseReceiving(self) -> None:
        self.told.append("pause")

    def resumeReceiving(self) -> None:
        self.told.append("resume")


class Producer:
    """
    Writes down what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Doing(Application):
    """
    Does something with its transport whenever it hears something.
    """

    def __init__(self, made: Any = None, received: Any = None) -> None:
        super().__init__()
        self._made, self._received = made, received
        self.pieces: list[bytes] = []

    def connectionMade(self) -> None:
        if self._made is not None:
            self._made(self.transport)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.pieces.append(data)
        if self._received is not None:
            self._received(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.transport = None


class VirtualCase(SynchronousTestCase):
    """
    A connection on a session that does nothing.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.session = Session()
        self.connection = VirtualConnection(
            self.clock, self.session, "virtual", self.metrics, HERE, THERE
        )

    def opened(self, application: Any = None) -> Any:
        """
        :returns: the application above the connection, which is open.
        """
        application = application or Application()
        self.connection.open(application)
        return application

    def turn(self) -> None:
        """
        A turn of the reactor.
        """
        self.clock.advance(0)


class OpeningTests(VirtualCase):
    """
    Before there is an application, and when there is one.
    """

    def test_interface(self) -> None:
        verifyObject(ITransportConnection, self.connection)
        verifyObject(IVirtualSession, self.session)

    def test_addresses(self) -> None:
        """
        They stay for whoever asks in connectionLost.
        """
        self.opened()
        self.connection.ended()
        self.assertEqual((self.connection.getHost(), self.connection.getPeer()), (HERE, THERE))

    def test_early(self) -> None:
        """
        What is delivered before the application is there comes behind its
        connectionMade.
        """
        self.connection.deliver(b"early")
        application = self.opened(Doing(made=lambda transport: transport.write(b"first")))
        self.assertEqual(application.pieces, [b"early"])
        self.assertEqual(self.session.told, [b"first"])

    def test_neverOpen(self) -> None:
        """
        What ended has no application, and gets none.
        """
        self.connection.ended(FramingError())
        self.assertTrue(self.connection.isOver)
        with self.assertRaises(LocalProtocolError):
            self.opened()
        self.assertEqual(self.metrics.connectionsOpen, 0)

    def test_writeBeforeOpen(self) -> None:
        with self.assertRaises(LocalProtocolError):
            self.connection.write(b"too early")

    def test_metrics(self) -> None:
        self.opened()
        self.assertEqual((self.metrics.handshakesDone, self.metrics.connectionsOpen), (1, 1))
        self.connection.write(b"abc")
        self.connection.deliver(b"de")
        self.connection.ended()
        counted = (self.metrics.bytesSent, self.metrics.bytesReceived)
        self.assertEqual((*counted, self.metrics.connectionsOpen), (3, 2, 0))

    def test_lostInConnectionMade(self) -> None:
        """
        An application that leaves at once hears of its end, later.
        """
        self.session.sendEnd = self.connection.ended  # type: ignore[method-assign]
        lost: list[int] = []

        def leave(transport: Any) -> None:
            transport.loseConnection()
            lost.append(len(application.lost))

        application: Doing = Doing(made=leave)
        self.opened(application)
        self.turn()
        self.assertEqual(lost, [0])
        self.assertEqual(len(application.lost), 1)


class ReceivingTests(VirtualCase):
    """
    From the session to the application.
    """

    def test_paused(self) -> None:
        """
        It hears nothing while it is paused, and then everything, in its order.
        """
        application = self.opened(Doing())
        self.connection.pauseProducing()
        self.connection.pauseProducing()
        for piece in (b"a", b"b", b"c"):
            self.connection.deliver(piece)
        self.assertEqual((application.pieces, self.connection.held), ([], 3))
        self.assertEqual(self.session.told, ["pause"])
        self.connection.resumeProducing()
        self.connection.resumeProducing()
        self.assertEqual((application.pieces, self.connection.held), ([b"a", b"b", b"c"], 0))
        self.assertEqual(self.session.told, ["pause", "resume"])

    def test_pausesAtEachPiece(self) -> None:
        """
        The session is not let go before all is taken.
        """
        application = self.opened(Doing(received=lambda transport: transport.pauseProducing()))
        self.connection.deliver(b"a")
        self.connection.deliver(b"b")
        self.connection.resumeProducing()
        self.assertEqual(application.pieces, [b"a", b"b"])
        self.assertEqual(self.session.told, ["pause"])
        self.connection.resumeProducing()
        self.assertEqual(self.session.told, ["pause", "resume"])

    def test_pausesAndResumesWithin(self) -> None:
        """
        Both in one call, while more waits: the session goes on.
        """

        def flutter(transport: Any) -> None:
            transport.pauseProducing()
            transport.resumeProducing()

        self.connection.deliver(b"a")
        self.connection.deliver(b"b")
        application = self.opened(Doing(received=flutter))
        self.assertEqual(application.pieces, [b"a", b"b"])
        self.assertEqual(self.session.told[-1], "resume")

    def test_endWaits(self) -> None:
        """
        The end comes behind what was delivered before it.
        """
        application = self.opened(Doing())
        self.connection.pauseProducing()
        self.connection.deliver(b"last")
        self.connection.ended(FramingError())
        self.connection.deliver(b"behind the end")
        self.assertEqual(application.lost, [])
        self.connection.resumeProducing()
        self.assertEqual(application.pieces, [b"last"])
        self.assertIsInstance(application.lost[0].value, FramingError)

    def test_answersWithin(self) -> None:
        """
        A session that answers each write at once does not enter the application
        again.
        """
        depth: list[int] = []

        def enter(transport: Any) -> None:
            depth.append(depth[-1] + 1 if depth else 1)
            if len(application.pieces) < 3:
                transport.write(b"more")
            depth[-1] -= 1

        self.session.answer = self.connection.deliver
        application = self.opened(Doing(received=enter))
        self.connection.write(b"begin")
        self.assertEqual(application.pieces, [])
        self.turn()
        self.assertEqual(application.pieces, [b"begin", b"more", b"more"])
        self.assertEqual(depth, [0, 0, 0])

    def test_raises(self) -> None:
        """
        What an application raises ends its connection, and is told to nobody below.
        """

        def fail(transport: Any) -> None:
            raise ZeroDivisionError

        application = self.opened(Doing(received=fail))
        self.connection.deliver(b"a")
        self.connection.deliver(b"b")
        self.assertEqual(application.pieces, [b"a"])
        self.assertEqual(self.session.told, ["abort"])
        self.assertIsInstance(application.lost[0].value, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_raisesAtOnce(self) -> None:
        """
        Likewise, before it is connected.
        """

        def fail(transport: Any) -> None:
            raise ZeroDivisionError

        application = self.opened(Doing(made=fail))
        self.assertEqual(self.session.told, ["abort"])
        self.assertEqual(len(application.lost), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class SendingTests(VirtualCase):
    """
    From the application to the session.
    """

    def test_writes(self) -> None:
        self.opened()
        self.connection.write(b"a")
        self.connection.write(b"")
        self.connection.writeSequence([b"b", b"c"])
        self.assertEqual(self.session.told, [b"a", b"bc"])

    def test_backlog(self) -> None:
        """
        What the session holds back pauses the producer.
        """
        self.opened()
        producer = Producer()
        self.connection.registerProducer(producer, True)
        for count in (limits.BACKLOG_PAUSE, limits.BACKLOG_PAUSE + 1, limits.BACKLOG_RESUME):
            self.connection.backlog(count)
        self.assertEqual(producer.told, ["pause"])
        self.connection.backlog(limits.BACKLOG_RESUME - 1)
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_backlogBefore(self) -> None:
        """
        One that registers late is paused at once.
        """
        self.opened()
        self.connection.backlog(limits.BACKLOG_PAUSE + 1)
        producer = Producer()
        self.connection.registerProducer(producer, True)
        self.assertEqual(producer.told, ["pause"])

    def test_producerRaises(self) -> None:
        """
        What a producer raises ends its connection, whatever it was told, and the
        session hears nothing of it: it has others to see to.
        """
        for word in ("pauseProducing", "resumeProducing", "stopProducing"):
            self.setUp()
            application = self.opened()
            producer = Producer()
            setattr(producer, word, lambda: 1 // 0)
            self.connection.registerProducer(producer, True)
            self.connection.backlog(limits.BACKLOG_PAUSE + 1)
            self.connection.backlog(0)
            self.connection.ended()
            self.turn()
            self.assertEqual(len(application.lost), 1)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual(self.metrics.connectionsOpen, 0)
            isEarly = word != "stopProducing"
            self.assertEqual(self.session.told, ["abort"] * isEarly)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_twoProducers(self) -> None:
        self.opened()
        self.connection.registerProducer(Producer(), True)
        with self.assertRaises(LocalProtocolError):
            self.connection.registerProducer(Producer(), True)

    def test_producerBehindTheEnd(self) -> None:
        """
        It is told to stop.
        """
        self.opened()
        self.connection.ended()
        producer = Producer()
        self.connection.registerProducer(producer, True)
        self.assertEqual(producer.told, ["stop"])

    def test_producerStopped(self) -> None:
        """
        The end from below stops the producer.
        """
        self.opened()
        producer = Producer()
        self.connection.registerProducer(producer, True)
        self.connection.ended()
        self.assertEqual(producer.told, ["stop"])

    def test_pullProducer(self) -> None:
        """
        It is asked once a turn, until the session holds back too much.
        """

        class Pull:
            def resumeProducing(pull) -> None:
                self.connection.write(b"x")

            def stopProducing(pull) -> None:
                pass

        self.opened()
        self.connection.registerProducer(Pull(), False)
        self.clock.pump([1, 1, 1])
        self.connection.backlog(limits.BACKLOG_PAUSE + 1)
        self.clock.pump([1, 1, 1])
        self.assertEqual(self.session.told, [b"x"] * 3)
        self.connection.unregisterProducer()


class EndingTests(VirtualCase):
    """
    How it ends.
    """

    def test_orderly(self) -> None:
        """
        The session flushes; the application hears of it when that is done.
        """
        application = self.opened()
        self.connection.write(b"last")
        self.connection.loseConnection()
        self.connection.loseConnection()
        self.connection.write(b"too late")
        self.assertTrue(self.connection.disconnecting)
        self.assertEqual((self.session.told, application.lost), ([b"last", "end"], []))
        self.connection.deliver(b"not wanted any more")
        self.connection.ended()
        self.assertIsInstance(application.lost[0].value, ConnectionDone)
        self.assertEqual(application.received, b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endedMeanwhile(self) -> None:
        """
        A session that finds its end when it reads again is not asked for one.
        """
        self.opened()
        self.connection.pauseProducing()
        self.session.resumeReceiving = self.connection.ended  # type: ignore[method-assign]
        self.connection.loseConnection()
        self.turn()
        self.assertEqual(self.session.told, ["pause"])
        self.assertTrue(self.connection.isOver)

    def test_producerFirst(self) -> None:
        """
        A producer may finish before the end.
        """
        self.opened()
        self.connection.registerProducer(Producer(), True)
        self.connection.loseConnection()
        self.connection.write(b"rest")
        self.connection.unregisterProducer()
        self.assertEqual(self.session.told, [b"rest", "end"])

    def test_paused(self) -> None:
        """
        A session that was stopped goes on, so that it can flush.
        """
        self.opened()
        self.connection.pauseProducing()
        self.connection.loseConnection()
        self.assertEqual(self.session.told, ["pause", "resume", "end"])

    def test_flushTakesTooLong(self) -> None:
        """
        A peer that reads nothing does not keep the connection for ever.
        """
        application = self.opened()
        self.connection.loseConnection()
        self.clock.advance(limits.CLOSE_FLUSH - 1)
        self.assertEqual(application.lost, [])
        self.clock.advance(1)
        self.turn()
        self.assertEqual(self.session.told, ["end", "abort"])
        self.assertIsInstance(application.lost[0].value, ConnectionAborted)

    def test_abort(self) -> None:
        """
        It is told later, never within the call.
        """
        application = self.opened()
        self.connection.abortConnection()
        self.connection.abortConnection()
        self.assertEqual((self.session.told, application.lost), (["abort"], []))
        self.turn()
        self.assertIsInstance(application.lost[0].value, ConnectionAborted)

    def test_leavesHeldData(self) -> None:
        """
        An application that goes does not wait for what it has not taken.
        """
        application = self.opened(Doing())
        self.connection.pauseProducing()
        self.connection.deliver(b"not wanted")
        self.connection.ended()
        self.connection.loseConnection()
        self.turn()
        self.assertEqual((application.pieces, len(application.lost)), ([], 1))

    def test_freed(self) -> None:
        """
        What is over is freed at once.
        """
        gc.disable()
        self.addCleanup(gc.enable)
        application = self.opened(Doing())
        self.connection.registerProducer(Producer(), True)
        self.connection.ended()
        connection = weakref.ref(self.connection)
        del self.connection, application
        self.assertIsNone(connection())


class Chaos(Protocol):
    """
    An application that checks what it hears, whatever it does itself.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = 0
        self.calling = False

    def dataReceived(self, data: bytes) -> None:
        assert not self.calling and not self.lost
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert not self.calling
        self.lost += 1


class AnyOrderTests(VirtualCase):
    """
    Whatever happens in whatever order.
    """

    @given(st.lists(st.sampled_from(STEPS)))
    def test_anyOrder(self, steps: list[str]) -> None:
        """
        What was delivered is heard in its order and only while it is wanted, the
        session hears of each change once, and there is one end.
        """
        self.setUp()
        application = Chaos()
        connection = self.connection
        self.opened(application)
        self.session.sendEnd = connection.ended  # type: ignore[method-assign]
        actions: dict[str, Callable[[], object]] = {
            "write": lambda: connection.write(b"something"),
            "deliver": lambda: connection.deliver(piece),
            "pause": connection.pauseProducing,
            "resume": connection.resumeProducing,
            "lose": connection.loseConnection,
            "abort": connection.abortConnection,
            "ended": connection.ended,
            "turn": self.turn,
        }
        delivered = bytearray()
        for number, step in enumerate(steps):
            piece = bytes([number % 256])
            delivered += piece * (step == "deliver")
            application.calling = step in ("write", "pause", "lose", "abort")
            actions[step]()
            application.calling = False
        self.turn()
        self.assertTrue(delivered.startswith(application.received))
        told = [each for each in self.session.told if each in ("pause", "resume")]
        self.assertEqual(told, (["pause", "resume"] * len(told))[: len(told)])
        if {"lose", "abort"} & set(steps):
            self.assertEqual(application.lost, 1)
        self.assertEqual(connection.isOver, bool(application.lost))
        self.assertEqual(self.metrics.connectionsOpen, 1 - application.lost)
