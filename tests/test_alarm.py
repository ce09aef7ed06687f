"""
Tests for ``pyptwist.alarm``.
"""

from __future__ import annotations

import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.alarm import Alarm


class AlarmTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.alarm = Alarm(self.clock)
        self.rung: list[tuple[str, float | None]] = []

    def ring(self, name: str = "ring") -> None:
        """
        Note that it rang, and what it says of itself meanwhile.
        """
        self.rung.append((name, self.alarm.at))

    def test_once(self) -> None:
        """
        It rings when it is due, once, and is off then.
        """
        self.alarm.set(105.0, self.ring)
        self.assertEqual(self.alarm.at, 105.0)
        self.clock.advance(4.5)
        self.assertEqual(self.rung, [])
        self.clock.pump([0.5, 100])
        self.assertEqual(self.rung, [("ring", None)])

    def test_anew(self) -> None:
        """
        Each setting replaces the one before.
        """
        self.alarm.set(105.0, self.ring)
        self.alarm.set(102.0, lambda: self.ring("sooner"))
        self.clock.pump([2, 100])
        self.assertEqual(self.rung, [("sooner", None)])

    def test_past(self) -> None:
        """
        What is overdue comes in the reactor's next turn.
        """
        self.alarm.set(3.0, self.ring)
        self.assertEqual((self.rung, self.alarm.at), ([], 3.0))
        self.clock.advance(0)
        self.assertEqual(self.rung, [("ring", None)])

    def test_off(self) -> None:
        """
        It can be turned off, in two ways, and as often as one likes.
        """
        for turnOff in (self.alarm.stop, lambda: self.alarm.set(None, self.ring)):
            self.alarm.set(105.0, self.ring)
            turnOff()
            turnOff()
            self.assertEqual((self.clock.getDelayedCalls(), self.alarm.at), ([], None))

    def test_setWhileRinging(self) -> None:
        """
        Whom it calls may set it again.
        """
        self.alarm.set(101.0, lambda: self.alarm.set(102.0, self.ring))
        self.clock.pump([1, 1])
        self.assertEqual(self.rung, [("ring", None)])

    def test_letsGo(self) -> None:
        """
        It does not keep alive whom it need not call.
        """

        class Owner:
            def __init__(self, clock: Clock) -> None:
                self.alarm = Alarm(clock)

            def ring(self) -> None:
                """
                Come to life.
                """

        for end in (lambda owner: owner.alarm.stop(), lambda owner: self.clock.advance(9)):
            owner: Owner | None = Owner(self.clock)
            assert owner is not None
            owner.alarm.set(self.clock.seconds() + 1, owner.ring)
            gone = weakref.ref(owner)
            end(owner)
            owner = None
            self.assertIsNone(gone())
