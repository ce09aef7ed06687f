"""
The table of ``tests.transports.optimizer.table``, and what it must show.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.transports.optimizer.table import DIALS, row, table

_PAGE: Final = Path(__file__).resolve().parents[3] / "doc" / "transports" / "optimizer.rst"


class TableTests(SynchronousTestCase):
    """
    Five transports, of which the first, the third and the fifth are dead.
    """

    def test_first(self) -> None:
        """
        Nothing but the first, which never connects.
        """
        found = row("first")
        self.assertEqual(found.tries[1:], [0, 0, 0, 0])
        self.assertGreater(found.tries[0], DIALS)
        self.assertEqual((found.failed, found.connected), (DIALS, [0] * 5))

    def test_others(self) -> None:
        """
        Every other strategy connects each time.
        """
        for name in ("random", "rotate", "track", "minimizeDialDuration"):
            found = row(name)
            self.assertEqual((found.failed, sum(found.connected)), (0, DIALS), name)
            self.assertEqual([found.connected[n] for n in (0, 2, 4)], [0, 0, 0], name)

    def test_rotate(self) -> None:
        """
        Both that work in turn, and the dead again and again.
        """
        found = row("rotate")
        self.assertEqual(found.connected, [0, 50, 0, 50, 0])
        for dead in (0, 2, 4):
            self.assertGreaterEqual(found.tries[dead], 49)

    def test_random(self) -> None:
        """
        Both that work alike, but for chance: three standard deviations, of one seed.
        """
        found = row("random")
        self.assertTrue(35 <= found.connected[1] <= 65, found)

    def test_track(self) -> None:
        """
        Both that work in turn, and the dead once an hour.
        """
        found = row("track")
        self.assertEqual(found.connected, [0, 50, 0, 50, 0])
        self.assertEqual([found.tries[n] for n in (0, 2, 4)], [2, 2, 2])

    def test_minimize(self) -> None:
        """
        The faster one, but for one try of each of the others in an hour.
        """
        found = row("minimizeDialDuration")
        self.assertEqual(found.tries, [2, 2, 2, 98, 2])

    def test_names(self) -> None:
        """
        The same strategy has two names.
        """
        self.assertEqual(row("minimize-dial-duration"), row("minimizeDialDuration"))

    def test_page(self) -> None:
        """
        The manual has the table; ``python -m tests.transports.optimizer.table`` prints
        it.
        """
        self.assertIn(table(), _PAGE.read_text(encoding="utf-8"))
