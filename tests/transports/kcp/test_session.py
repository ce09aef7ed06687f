"""
Tests for ``pyptwist.transports.kcp.session``: timers that ring late.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Effect
from pyptwist.transports.kcp.session import Session


class Stream:
    """
    One that wants to be called once.

    :ivar happened: in this order.
    """

    backlog = 0

    def __init__(self) -> None:
        self.nextTimer: float | None = 1.0
        self.happened: list[Any] = []

    def timerFired(self, now: float) -> list[Effect]:
        self.nextTimer = None
        self.happened.append(now)
        return []


class Connection:
    def backlog(self, count: int) -> None:
        """
        There is none.
        """


class TimerTests(SynchronousTestCase):
    """
    A machine that is busy, or was asleep.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = Stream()
        session = Session(self.clock, cast(Any, self.stream), lambda _: None, lambda _: None)
        session.carry(cast(Any, Connection()))

    def test_onTime(self) -> None:
        """
        Who is called in time is called at once.
        """
        self.clock.advance(1.0)
        self.assertEqual(self.stream.happened, [1.0])

    def test_late(self) -> None:
        """
        Who is called late is called behind what has come meanwhile.
        """
        self.clock.callLater(3.0, self.stream.happened.append, "what came")
        self.clock.advance(3.0)
        self.assertEqual(self.stream.happened, ["what came", 3.0])
        self.assertEqual(self.clock.getDelayedCalls(), [])
