"""
Tests for ``pyptwist.tables``.
"""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.tables import aligned
from pyptwist.testing.environments import baseEnvironment


class AlignedTests(SynchronousTestCase):
    """
    Tests for ``aligned``.
    """

    def test_columns(self) -> None:
        """
        Each column is as wide as its widest cell, and lines end with text.
        """
        self.assertEqual(
            aligned([("A", "B", ""), ("long", "x", ""), ("y", "", "note")]),
            "A     B\nlong  x\ny        note",
        )

    def test_right(self) -> None:
        """
        Numbers stand flush right.
        """
        self.assertEqual(aligned([("", "n"), ("a", "1"), ("b", "20")], [1]), "    n\na   1\nb  20")


class ShowTests(SynchronousTestCase):
    """
    Tests for ``show``.
    """

    def test_nobodyReads(self) -> None:
        """
        Who stops reading is no error.
        """
        reading, writing = os.pipe()
        os.close(reading)
        code = "from pyptwist.tables import show; show('one'); show('two')"
        ended = subprocess.run(
            [sys.executable, "-c", code],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=baseEnvironment(),
            timeout=30,
            check=False,
        )
        os.close(writing)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
