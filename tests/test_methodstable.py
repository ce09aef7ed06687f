"""
Tests for ``tests.shown`` and ``tests.methodstable``: what the README says of
methods is what tests have shown.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.methodstable import BEGIN, END, MODES, README, read, replaced, table
from tests.shown import VARIABLE, shown


class TableTests(SynchronousTestCase):
    """
    From a test to the README.
    """

    def test_written(self) -> None:
        """
        What was shown is in the file that the variable names, and nowhere without
        it.
        """
        path = Path(self.mktemp())
        self.patch(os, "environ", {VARIABLE: str(path)})
        shown("a", "socks5")
        shown("a|b", "tor")
        shown("a", "somebody's client")
        self.patch(os, "environ", {})
        shown("a", "STUN")
        found = read(path.read_text().splitlines())
        self.assertEqual(found, {"a": {"socks5", "somebody's client"}, "a|b": {"tor"}})

    def test_table(self) -> None:
        """
        Methods first, stacks behind them.
        """
        rows = table({"a|b": {"tor"}, "z": {*MODES, "x's server", "x's client"}}).splitlines()
        self.assertEqual(
            [row.split() for row in rows[3:5]],
            [
                ["``z``", *["yes"] * 5, "x's", "client,", "x's", "server"],
                ["``a|b``", "yes", "itself"],
            ],
        )
        self.assertEqual(len({len(row) for row in (rows[0], rows[2], rows[5])}), 1)

    def test_replaced(self) -> None:
        """
        The table of today takes the place of the one before.
        """
        once = replaced(f"before\n{BEGIN}old{END}after", {"z": {"tor"}})
        self.assertEqual(once, f"before\n{BEGIN}{table({'z': {'tor'}})}{END}after")
        self.assertEqual(replaced(once, {"z": {"tor"}}), once)

    def test_place(self) -> None:
        """
        The README has one.
        """
        text = README.read_text(encoding="utf-8")
        self.assertEqual((text.count(BEGIN), text.count(END)), (1, 1))
