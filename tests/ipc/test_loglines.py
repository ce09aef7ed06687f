"""
Tests for ``pyptwist.ipc.loglines``.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.loglines import LogLines
from tests.ipc.parents import Parent


class LogLinesTests(SynchronousTestCase):
    """
    Tests for ``LogLines``.
    """

    def setUp(self) -> None:
        self.parent = Parent(self)
        self.clock = Clock()
        self.observer = LogLines(self.parent.reporter, self.clock)
        self.ours = Logger("pyptwist.modes.socks5.Socks5Protocol", observer=self.observer)
        self.theirs = Logger("example.method", observer=self.observer)

    def test_levels(self) -> None:
        """
        Warnings and errors of ours pass, and nothing less.
        """
        for level in ("debug", "info", "warn", "error", "critical"):
            getattr(self.ours, level)(f"at {level}")
        self.assertEqual(
            self.parent.heard(),
            [
                'LOG SEVERITY=warning MESSAGE="at warn"',
                'LOG SEVERITY=error MESSAGE="at error"',
                'LOG SEVERITY=error MESSAGE="at critical"',
            ],
        )

    def test_asked(self) -> None:
        """
        A parent that asks for more gets all of it, and one that asks for less,
        less.
        """
        for least, expected in (
            (Severity.DEBUG, 5),
            (Severity.INFO, 4),
            (Severity.ERROR, 2),
            (None, 0),
        ):
            observer = LogLines(self.parent.reporter, self.clock, least)
            ours = Logger("pyptwist.x", observer=observer)
            for level in ("debug", "info", "warn", "error", "critical"):
                getattr(ours, level)("x")
            self.assertEqual(len(self.parent.heard()), expected)
        observer = LogLines(self.parent.reporter, self.clock, Severity.INFO)
        for _ in range(limits.LOG_BURST + 10):
            Logger("pyptwist.x", observer=observer).info("x")
        self.assertEqual(len(self.parent.heard()), limits.LOG_BURST + 10)

    def test_others(self) -> None:
        """
        Of others only failures pass: they may be why nothing works.
        """
        self.theirs.error("routine")
        Logger("pyptwistish", observer=self.observer).error("routine")
        self.assertEqual(self.parent.heard(), [])
        try:
            raise ValueError("no such thing as 192.0.2.1:443")
        except ValueError:
            self.theirs.failure("it broke")
        self.assertEqual(
            self.parent.heard(),
            ['LOG SEVERITY=error MESSAGE="it broke: ValueError: no such thing as [scrubbed]"'],
        )

    def test_scrubbed(self) -> None:
        """
        No address passes.
        """
        self.ours.warn("{a} and {b}", a="[2001:db8::1]:443", b="bridge.example.org:80")
        self.assertEqual(
            self.parent.heard(), ['LOG SEVERITY=warning MESSAGE="[scrubbed] and [scrubbed]"']
        )

    def test_bounded(self) -> None:
        """
        A flood passes in part, then slowly, with a count of what was left out.
        """
        for number in range(limits.LOG_BURST + 7):
            self.ours.warn("{number}", number=number)
        self.assertEqual(len(self.parent.heard()), limits.LOG_BURST)
        self.clock.advance(limits.LOG_INTERVAL / 2)
        self.ours.warn("early")
        self.assertEqual(self.parent.heard(), [])
        self.clock.advance(limits.LOG_INTERVAL / 2)
        self.ours.warn("late")
        self.ours.warn("later")
        self.assertEqual(
            self.parent.heard(),
            ['LOG SEVERITY=warning MESSAGE="late (before this, 8 messages were left out)"'],
        )

    def test_restored(self) -> None:
        """
        After a pause there may be one more burst, and not a longer one.
        """
        for _ in range(2):
            for number in range(limits.LOG_BURST * 2):
                self.ours.warn("{number}", number=number)
            self.assertEqual(len(self.parent.heard()), limits.LOG_BURST)
            self.clock.advance(limits.LOG_INTERVAL * limits.LOG_BURST * 3)

    def test_deafParent(self) -> None:
        """
        What a parent did not read is counted as left out.
        """
        self.parent.fill()
        self.ours.warn("unheard")
        self.parent.drain()
        self.ours.warn("heard")
        self.assertEqual(
            self.parent.heard(),
            ['LOG SEVERITY=warning MESSAGE="heard (before this, 1 messages were left out)"'],
        )
