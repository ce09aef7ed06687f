"""
Tests for ``pyptwist.modes.recency``.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.modes.recency import Recency


class RecencyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[str] = []
        self.recency = Recency[str](self.clock, 10, self.expired.append)

    def test_expires(self) -> None:
        """
        Each flow ends when it has been silent for so long, and once.
        """
        self.recency.touch("a")
        self.clock.advance(4)
        self.recency.touch("b")
        self.clock.advance(4)
        self.recency.touch("a")
        self.clock.advance(5.9)
        self.assertEqual(self.expired, [])
        self.clock.advance(0.2)
        self.assertEqual(self.expired, ["b"])
        self.clock.advance(4)
        self.assertEqual(self.expired, ["b", "a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_forgotten(self) -> None:
        """
        A flow that is over does not expire; without flows there is no timer.
        """
        self.recency.touch("a")
        self.recency.touch("b")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.recency.forget("a")
        self.recency.forget("b")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.recency.forget("b")
        self.assertEqual(self.expired, [])

    def test_silent(self) -> None:
        """
        The one silent longest is known, if it was silent for long enough.
        """
        self.assertIsNone(self.recency.silent(0))
        for name in ("a", "b"):
            self.recency.touch(name)
            self.clock.advance(1)
        self.recency.touch("a")
        self.assertEqual(self.recency.silent(1), "b")
        self.assertIsNone(self.recency.silent(1.5))

    def test_returns(self) -> None:
        """
        A flow that expired may come again.
        """
        self.recency.touch("a")
        self.clock.advance(10)
        self.recency.touch("a")
        self.clock.advance(10)
        self.assertEqual(self.expired, ["a", "a"])
