"""
Tests for ``pyptwist.inspection.statistics``.
"""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.statistics import Summary, distance, likelihood, quantities, summary
from tests.inspection.subjects import without


class QuantityTests(SynchronousTestCase):
    """
    Tests for ``quantities``.
    """

    def test_all(self) -> None:
        """
        Each takes its values from every flow that has some.
        """
        flow = Flow()
        flow.add(Side.CLIENT, bytes(2000), 1.0)
        flow.add(Side.SERVER, bytes(5), 1.25)
        flow.add(Side.CLIENT, bytes(7), 1.5)
        short = Flow()
        short.add(Side.CLIENT, bytes(9), 1.0)
        found = {quantity.name: quantity.sample([flow, short]) for quantity in quantities()}
        self.assertEqual(
            found,
            {
                "client's flight 1, bytes": [2000, 9],
                "server's flight 1, bytes": [5],
                "client's flight 2, bytes": [7],
                "server's flight 2, bytes": [],
                "client's packets": [3, 1],
                "client's packets, bytes": [1448, 552, 7, 9],
                "client's gaps, ms": [250.0],
                "server's packets": [1, 0],
                "server's packets, bytes": [5],
                "server's gaps, ms": [250.0],
            },
        )

    def test_datagrams(self) -> None:
        """
        Of datagrams, the first ones of each side are measured one by one, too.
        """
        flow = Flow(isDatagrams=True)
        flow.add(Side.CLIENT, bytes(2000), 1.0)
        flow.add(Side.CLIENT, bytes(5), 1.25)
        flow.add(Side.SERVER, b"", 1.5)
        found = {quantity.name: quantity.sample([flow]) for quantity in quantities(True)}
        expected = {
            "client's flight 1, bytes": [2005],
            "client's datagram 1, bytes": [2000],
            "client's datagram 2, bytes": [5],
            "client's datagram 3, bytes": [],
            "server's datagram 1, bytes": [0],
            "client's datagrams": [2],
            "client's datagrams, bytes": [2000, 5],
            "server's gaps, ms": [250.0],
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertFalse([name for name in found if "packet" in name])

    def test_show(self) -> None:
        """
        Bytes are whole, milliseconds have a fraction.
        """
        shown = {quantity.name: quantity.show(7.123) for quantity in quantities()}
        self.assertEqual(shown["client's packets"], "7")
        self.assertEqual(shown["client's gaps, ms"], "7.12")


class SummaryTests(SynchronousTestCase):
    """
    Tests for ``summary``.
    """

    def test_numbers(self) -> None:
        """
        Four numbers, or nothing.
        """
        self.assertEqual(summary([3, 1, 1, 9]), Summary(1, 2, 9, 3))
        self.assertIsNone(summary([]))


class DistanceTests(SynchronousTestCase):
    """
    Tests for ``distance`` and ``likelihood``.
    """

    def test_ends(self) -> None:
        """
        It is 0 for the same samples, and 1 for those that do not overlap.
        """
        self.assertEqual(distance([1, 2, 3], [3, 2, 1]), 0)
        self.assertEqual(distance([1, 2], [3]), 1)
        self.assertEqual(distance([1, 2, 3, 4], [1, 2, 9, 9]), 0.5)

    def test_scipy(self) -> None:
        """
        It is what others say it is.
        """
        stats: Any = import_module("scipy.stats")
        source = random.Random(3)
        for size in (8, 50, 300):
            one = [source.randrange(20) for _ in range(size)]
            other = [source.randrange(22) for _ in range(size + 7)]
            expected = stats.ks_2samp(one, other, method="asymp")
            self.assertAlmostEqual(distance(one, other), expected.statistic)
            self.assertEqual(likelihood(one, other), expected.pvalue)

    def test_few(self) -> None:
        """
        A few values say nothing.
        """
        self.assertIsNone(likelihood([1] * 7, [1] * 100))

    def test_withoutScipy(self) -> None:
        """
        It is known without scipy, its likelihood is not.
        """
        without(self, "scipy.stats")
        self.assertIsNone(likelihood([1] * 100, [2] * 100))
        self.assertEqual(distance([1] * 100, [2] * 100), 1)
