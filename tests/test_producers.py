"""
Tests for ``pyptwist.producers``.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.producers import ProducerMembrane


class Producer:
    """
    A producer of either kind, that writes down what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.onResume: Callable[[], object] = lambda: None

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        self.onResume()

    def stopProducing(self) -> None:
        self.told.append("stop")


class MembraneCase(SynchronousTestCase):
    streaming: bool

    def setUp(self) -> None:
        self.clock = Clock()
        self.producer = Producer()
        self.membrane = ProducerMembrane(self.clock, self.producer, self.streaming)
        self.membrane.start()

    def turns(self, count: int) -> list[str]:
        """
        :returns: what the producer is told in so many reactor turns.
        """
        self.producer.told.clear()
        for _ in range(count):
            self.clock.advance(0.001)
        return self.producer.told


class PushTests(MembraneCase):
    streaming = True

    def test_interface(self) -> None:
        verifyObject(IPushProducer, self.membrane)

    def test_quietAtFirst(self) -> None:
        """
        A push producer began by itself, and is told nothing without need.
        """
        self.membrane.resumeProducing()
        self.membrane.backlog(0)
        self.assertEqual(self.producer.told, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_below(self) -> None:
        """
        The transport below pauses and resumes it, and repeats change nothing.
        """
        for _ in range(2):
            self.membrane.pauseProducing()
        self.assertEqual(self.producer.told, ["pause"])
        for _ in range(2):
            self.membrane.resumeProducing()
        self.assertEqual(self.producer.told, ["pause", "resume"])

    def test_backlog(self) -> None:
        """
        The codec does so at two marks, far apart lest it flutter.
        """
        for size, told in (
            (limits.BACKLOG_PAUSE, []),
            (limits.BACKLOG_PAUSE + 1, ["pause"]),
            (limits.BACKLOG_PAUSE * 2, ["pause"]),
            (limits.BACKLOG_RESUME, ["pause"]),
            (limits.BACKLOG_RESUME - 1, ["pause", "resume"]),
            (limits.BACKLOG_RESUME, ["pause", "resume"]),
            (limits.BACKLOG_PAUSE, ["pause", "resume"]),
            (limits.BACKLOG_PAUSE + 1, ["pause", "resume", "pause"]),
        ):
            self.membrane.backlog(size)
            self.assertEqual(self.producer.told, told, size)

    def test_bothReasons(self) -> None:
        """
        While either reason lasts, the producer is paused; in either order.
        """
        full, empty = limits.BACKLOG_PAUSE + 1, 0
        for first, second in (
            (lambda: self.membrane.backlog(empty), self.membrane.resumeProducing),
            (self.membrane.resumeProducing, lambda: self.membrane.backlog(empty)),
        ):
            self.producer.told.clear()
            self.membrane.pauseProducing()
            self.membrane.backlog(full)
            first()
            self.assertEqual(self.producer.told, ["pause"])
            second()
            self.assertEqual(self.producer.told, ["pause", "resume"])

    def test_reentrant(self) -> None:
        """
        A producer that fills everything up again while it is resumed stays paused.
        """
        self.membrane.pauseProducing()
        self.producer.onResume = self.membrane.pauseProducing
        self.membrane.resumeProducing()
        self.assertEqual(self.producer.told, ["pause", "resume", "pause"])
        self.producer.onResume = lambda: None
        self.membrane.resumeProducing()
        self.assertEqual(self.producer.told, ["pause", "resume", "pause", "resume"])

    def test_stop(self) -> None:
        """
        It is stopped once, and told nothing more.
        """
        for _ in range(2):
            self.membrane.stopProducing()
        self.membrane.pauseProducing()
        self.membrane.resumeProducing()
        self.membrane.backlog(limits.BACKLOG_PAUSE + 1)
        self.membrane.release()
        self.assertEqual(self.producer.told, ["stop"])

    def test_release(self) -> None:
        """
        A producer that took its leave is told nothing, not even to stop.
        """
        self.membrane.release()
        self.membrane.pauseProducing()
        self.membrane.backlog(limits.BACKLOG_PAUSE + 1)
        self.membrane.stopProducing()
        self.assertEqual(self.producer.told, [])


class PullTests(MembraneCase):
    streaming = False

    def test_oncePerTurn(self) -> None:
        """
        A pull producer is asked once a reactor turn, and never within a call of
        its own.
        """
        self.assertEqual(self.producer.told, [])
        self.assertEqual(self.turns(3), ["resume"] * 3)

    def test_startedOnce(self) -> None:
        """
        However often it is told to begin.
        """
        self.membrane.start()
        self.membrane.resumeProducing()
        self.assertEqual(self.turns(1), ["resume"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_paused(self) -> None:
        """
        While paused it is asked for nothing; it knows no pauseProducing.
        """
        self.membrane.pauseProducing()
        self.assertEqual(self.turns(2), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.membrane.resumeProducing()
        self.assertEqual(self.turns(2), ["resume"] * 2)

    def test_backlog(self) -> None:
        self.membrane.backlog(limits.BACKLOG_PAUSE + 1)
        self.assertEqual(self.turns(2), [])
        self.membrane.backlog(0)
        self.assertEqual(self.turns(2), ["resume"] * 2)

    def test_pausedBeforeStart(self) -> None:
        """
        One that is registered on a full transport begins when there is room.
        """
        membrane = ProducerMembrane(self.clock, self.producer, False)
        self.membrane.release()
        membrane.pauseProducing()
        membrane.start()
        self.assertEqual(self.turns(2), [])
        membrane.resumeProducing()
        self.assertEqual(self.turns(2), ["resume"] * 2)

    def test_fillsUp(self) -> None:
        """
        One that fills the transport with each piece is asked for one at a time.
        """
        self.producer.onResume = self.membrane.pauseProducing
        self.assertEqual(self.turns(3), ["resume"])
        self.membrane.resumeProducing()
        self.assertEqual(self.turns(3), ["resume"])

    def test_leavesWhileProducing(self) -> None:
        """
        One that unregisters with its last piece leaves no timer behind.
        """
        self.producer.onResume = self.membrane.release
        self.assertEqual(self.turns(3), ["resume"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """
        It is stopped once, and then not asked any more.
        """
        for _ in range(2):
            self.membrane.stopProducing()
        self.assertEqual(self.producer.told, ["stop"])
        self.membrane.pauseProducing()
        self.membrane.resumeProducing()
        self.assertEqual(self.turns(2), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopWhileProducing(self) -> None:
        self.producer.onResume = self.membrane.stopProducing
        self.assertEqual(self.turns(3), ["resume", "stop"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_raises(self) -> None:
        """
        An error of the producer's is the reactor's to report; it is not asked
        again, since it would fail each turn, but it can still be stopped.
        """

        def fail() -> None:
            raise ZeroDivisionError

        self.producer.onResume = fail
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.membrane.stopProducing()
        self.assertEqual(self.producer.told, ["resume", "stop"])
