"""
Tests for ``pyptwist.doctor.machine`` and ``pyptwist.doctor.kernel``.
"""

from __future__ import annotations

import ctypes

from pyptwist.doctor import kernel
from pyptwist.doctor.case import Finding, Verdict
from pyptwist.doctor.machine import checkClock, checkDescriptors
from tests.doctor.machines import MachineCase

NOW = 4_000_000_000.0  # 2096-10-02


class DescriptorTests(MachineCase):
    """
    Tests for ``checkDescriptors``.
    """

    def limited(self, hard: int) -> Finding:
        return self.one(checkDescriptors, descriptors=lambda: (1024, hard))

    def test_limits(self) -> None:
        """
        What counts is how far the limit can be raised.
        """
        self.assertEqual(self.limited(4096).verdict, Verdict.OK)
        self.assertEqual(self.limited(-1).verdict, Verdict.OK)
        finding = self.limited(1024)
        self.assertEqual(finding.verdict, Verdict.WARNING)
        self.assertIn("512 connections", finding.text)
        self.assertIn("LimitNOFILE=65536", finding.remedy)

    def test_kernel(self) -> None:
        """
        The kernel's limits are the process's.
        """
        soft, hard = kernel.descriptors()
        self.assertTrue(hard == -1 or soft <= hard)


class ClockTests(MachineCase):
    """
    Tests for ``checkClock``.
    """

    def clock(self, isAdrift: bool | None = False, now: float = NOW) -> Finding:
        return self.one(checkClock, isClockAdrift=lambda: isAdrift, now=lambda: now)

    def test_verdicts(self) -> None:
        """
        One that is kept right is; one that is not may be; one of the past is not.
        """
        for isAdrift in (False, None):
            finding = self.clock(isAdrift)
            self.assertEqual(finding.verdict, Verdict.OK)
            self.assertIn("2096-10-02", finding.text)
        self.assertEqual(self.clock(True).verdict, Verdict.NOTE)
        finding = self.clock(now=1_000_000_000.0)
        self.assertEqual(finding.verdict, Verdict.ERROR)
        self.assertEqual(finding.remedy, "timedatectl set-ntp true")

    def test_kernel(self) -> None:
        """
        The kernel says yes or no; where it cannot be asked, nothing.
        """
        self.assertIn(kernel.isClockAdrift(), (True, False, None))

        class Library:
            def __init__(self, state: int | None) -> None:
                if state is not None:
                    self.adjtimex = lambda buffer: state

        for state, expected in ((0, False), (5, True), (-1, None), (None, None)):
            self.patch(ctypes, "CDLL", lambda name, state=state: Library(state))
            self.assertIs(kernel.isClockAdrift(), expected)
