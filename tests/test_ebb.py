"""
Tests for ``pyptwist.ebb``.
"""

from __future__ import annotations

import gc
import runpy
import sys
import weakref
from typing import Any
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import ebb, limits
from pyptwist.ebb import Ebb, giveBack
from tests.remains import withoutCollector


class EbbTests(SynchronousTestCase):
    """
    ``Ebb``
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.used = 1000
        self.times: list[float] = []
        self.ebb = Ebb(
            self.clock, lambda: self.used, lambda: self.times.append(self.clock.seconds())
        )
        self.ebb.startService()

    def use(self, *amounts: int) -> None:
        """
        Let so much be in use at one look after the other.
        """
        for amount in amounts:
            self.used = amount
            self.clock.advance(limits.MEMORY_LOOK)

    def test_crowd(self) -> None:
        """
        When a crowd has gone, memory is given back, once; with the next crowd,
        again.
        """
        self.use(3000, 6000, 4600, 4600)
        self.assertEqual(self.times, [])
        self.use(1000, 1000, 990, 1010)
        self.assertEqual(self.times, [6 * limits.MEMORY_LOOK])
        self.use(6000, 1000, 1000)
        self.assertEqual(self.times[1:], [11 * limits.MEMORY_LOOK])

    def test_going(self) -> None:
        """
        While it goes, nothing is done.
        """
        self.use(6000, 4000, 3000, 2000, 1500)
        self.assertEqual(self.times, [])
        self.use(1450)
        self.assertEqual(self.times, [6 * limits.MEMORY_LOOK])

    def test_few(self) -> None:
        """
        A few more or less are nothing.
        """
        self.use(*[1000, 1000, 1300] * 20)
        self.assertEqual(self.times, [])

    def test_unknown(self) -> None:
        """
        Where nobody says how much is in use, nothing is done.
        """
        self.use(0, 0)
        self.assertEqual(self.times, [])

    def test_stop(self) -> None:
        """
        A service that was stopped has no timer.
        """
        self.ebb.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_real(self) -> None:
        """
        What is given back is garbage, and what nobody uses.
        """
        withoutCollector(self)

        class Cycle:
            itself: Any

        cycle = Cycle()
        cycle.itself = cycle
        remembered = weakref.ref(cycle)
        del cycle
        self.assertIsNotNone(remembered())
        giveBack()
        self.assertIsNone(remembered())
        self.assertFalse(gc.isenabled())

    def test_withoutLibrary(self) -> None:
        """
        Python may be without what calls the C library: the collector remains.
        """
        collected: list[int] = []
        self.patch(gc, "collect", lambda: collected.append(1))
        with patch.dict(sys.modules, {"ctypes": None}):
            runpy.run_path(str(ebb.__file__))["giveBack"]()
        self.assertEqual(collected, [1])
