"""
Tests for ``pyptwist.ipc.reporter``.
"""

from __future__ import annotations

import os
import threading
from io import StringIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import LocalProtocolError
from pyptwist.ipc.dialects import PT3, PT21, PT22
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.reporter import Reporter
from tests.ipc.parents import Parent


class ReporterTests(SynchronousTestCase):
    """
    Tests for ``Reporter``.
    """

    def setUp(self) -> None:
        self.parent = Parent(self)
        self.reporter = self.parent.reporter

    def test_lines(self) -> None:
        """
        Each line arrives at once, and whole.
        """
        self.reporter.write("VERSION 1")
        self.assertEqual(self.parent.heard(), ["VERSION 1"])
        self.reporter.write("CMETHODS DONE")
        self.assertEqual(self.parent.heard(), ["CMETHODS DONE"])

    def test_order(self) -> None:
        """
        What tor does not survive is not written.
        """
        for line in ("VERSION 1", "CMETHOD x socks5 127.0.0.1:1", "CMETHODS DONE"):
            self.reporter.write(line)
        self.parent.heard()
        self.assertTrue(self.reporter.isDone)
        for line in ("CMETHODS DONE", "CMETHOD y socks5 127.0.0.1:1", "VERSION 1", "ENV-ERROR x"):
            self.assertRaises(LocalProtocolError, self.reporter.write, line)
        self.assertEqual(self.parent.heard(), [])

    def test_errors(self) -> None:
        """
        From PT 2.1 on, lines that tell of errors are on standard error.
        """
        for dialect in (PT21, PT22, PT3):
            errors = StringIO()
            reporter = Reporter(self.parent.writing, errors)
            reporter.speak(dialect)
            self.assertIs(reporter.dialect, dialect)
            for line in ("VERSION 2", "CMETHOD-ERROR x y", "CMETHODS DONE"):
                reporter.write(line)
            self.assertEqual(self.parent.heard(), ["VERSION 2", "CMETHODS DONE"])
            self.assertEqual(errors.getvalue(), "CMETHOD-ERROR x y\n")
            errors.close()
            # Nobody minds a standard error that is gone.
            Reporter(None, errors).write("VERSION-ERROR no-version")

    def test_levels(self) -> None:
        """
        PT 2.2 and 3.0 have levels instead of keys, and a least one.
        """
        self.reporter.speak(PT3)
        for severity in Severity:
            self.reporter.log(severity, 'a "b"\n\u00fc')
        text = r'a "b" \xfc'
        self.assertEqual(
            self.parent.heard(),
            [f"LOG {level} {text}" for level in ("DEBUG", "INFO", "INFO", "WARN", "ERROR")],
        )
        for least, count in ((Severity.INFO, 4), (Severity.ERROR, 1), (None, 0)):
            self.reporter.limitLog(least)
            self.assertTrue(all(self.reporter.log(severity, "x") for severity in Severity))
            self.assertEqual(len(self.parent.heard()), count)

    def test_log(self) -> None:
        """
        Log lines may come at any time, before VERSION and after the end too.
        """
        self.assertTrue(self.reporter.log(Severity.WARNING, 'be "careful"\n'))
        self.reporter.write("VERSION 1")
        self.reporter.write("CMETHODS DONE")
        self.reporter.log(Severity.NOTICE, "well")
        self.assertEqual(
            self.parent.heard(),
            [
                r'LOG SEVERITY=warning MESSAGE="be \"careful\""',
                "VERSION 1",
                "CMETHODS DONE",
                'LOG SEVERITY=notice MESSAGE="well"',
            ],
        )

    def test_logNeverWaits(self) -> None:
        """
        A parent that does not read costs it the message, not us our time.
        """
        self.parent.fill()
        self.assertFalse(self.reporter.log(Severity.ERROR, "x" * 5000))
        self.parent.drain()
        self.assertTrue(self.reporter.log(Severity.ERROR, "heard"))
        self.assertEqual(self.parent.heard(), ['LOG SEVERITY=error MESSAGE="heard"'])

    def test_longestLogLine(self) -> None:
        """
        The longest log line fits into what a writable pipe surely takes.
        """
        self.reporter.log(Severity.WARNING, "\\\xe9" * 9999)
        [line] = self.parent.heard()
        self.assertLess(len(line), 4096)

    def test_waits(self) -> None:
        """
        A line of the configuration waits for a slow parent, also if somebody
        has made the descriptor non-blocking.
        """
        for blocking in (True, False):
            with self.subTest(blocking=blocking):
                parent = Parent(self)
                filled = parent.fill()
                os.set_blocking(parent.writing, blocking)
                writing = threading.Thread(target=parent.reporter.write, args=("VERSION 1",))
                writing.start()
                data = b""
                while not data.endswith(b"VERSION 1\n"):
                    data += parent.drain()
                writing.join()
                self.assertEqual(len(data), filled + len("VERSION 1\n"))

    def test_pieces(self) -> None:
        """
        A system call that takes a part of a line gets the rest later.
        """
        written: list[bytes] = []

        def write(descriptor: int, data: bytes) -> int:
            written.append(data[:3])
            return len(written[-1])

        self.patch(os, "write", write)
        self.reporter.write("VERSION 1")
        self.assertEqual(b"".join(written), b"VERSION 1\n")

    def test_parentLeaves(self) -> None:
        """
        A parent that has closed its end is no error, and the order still holds.
        """
        self.parent.leave()
        self.reporter.write("VERSION 1")
        self.assertFalse(self.reporter.log(Severity.ERROR, "anybody?"))
        self.reporter.write("CMETHODS DONE")
        self.assertTrue(self.reporter.isDone)
        self.assertRaises(LocalProtocolError, self.reporter.write, "CMETHODS DONE")

    def test_leavesBeforeLog(self) -> None:
        """
        The same when a log line comes first.
        """
        self.parent.leave()
        for _ in range(2):
            self.reporter.log(Severity.ERROR, "anybody?")

    def test_nowhere(self) -> None:
        """
        A process that was started without standard output reports to nobody.
        """
        reporter: Any = Reporter(None)
        reporter.write("VERSION 1")
        self.assertFalse(reporter.log(Severity.ERROR, "x"))
