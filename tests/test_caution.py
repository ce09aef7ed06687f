"""
Tests for ``pyptwist.caution``.
"""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import caution
from pyptwist.caution import warnOnce


class WarnOnceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(caution, "_warned", set())

    def test_warning(self) -> None:
        with capturedLogs() as events:
            warnOnce("veil", "it is thin; use a wall instead")
        [event] = events
        self.assertIs(event["log_level"], LogLevel.warn)
        self.assertEqual(formatEvent(event), "veil: it is thin; use a wall instead")

    def test_once(self) -> None:
        """
        A hundred connections are no reason to say it a hundred times.
        """
        with capturedLogs() as events:
            for _ in range(100):
                warnOnce("veil", "it is thin")
        self.assertEqual(len(events), 1)

    def test_eachMethod(self) -> None:
        with capturedLogs() as events:
            for name in ("veil", "curtain", "veil"):
                warnOnce(name, "it is thin")
        self.assertEqual([event["name"] for event in events], ["veil", "curtain"])
