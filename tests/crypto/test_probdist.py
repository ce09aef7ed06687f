"""
Distribution tables, against those of Go's packages.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import accumulate

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.probdist import Table, randomTable, seededTable, seededWeights
from pyptwist.testing import fixedEntropy

SEED = bytes(range(24))

# Made with obfs4proxy 0.0.14's common/probdist.
VALUES = [1090, 1347, 1007, 551, 1021, 517, 1065, 1321, 251, 102, 143, 1024, 134]
WEIGHTS = [
    0.24016925758129232,
    0.11160154084027242,
    0.40531225914374686,
    0.22396592594255443,
    0.40804977766304795,
    0.34942447115389191,
    0.60563763682069138,
    0.41464799057499657,
    0.30582909621712806,
    0.9105745391118143,
    0.069689988240680845,
    0.33587964137519488,
    0.44854266600397102,
]


class SeededTests(SynchronousTestCase):
    """
    ``seededWeights`` and ``seededTable``
    """

    def test_lengths(self) -> None:
        """
        A length table is the reference's, to the last bit.
        """
        self.assertEqual(seededWeights(SEED, 0, 1448), (VALUES, WEIGHTS))
        table = seededTable(SEED, 0, 1448)
        self.assertEqual(list(table.values), VALUES)
        self.assertEqual(list(table.bounds), list(accumulate(WEIGHTS)))

    def test_delays(self) -> None:
        """
        So is the delay table that goes with it.
        """
        seed = sha256(SEED).digest()[:24]
        self.assertEqual(seed.hex(), "1d64add2a6388367c9bc2d1f1b384b069a6ef382cdaaa897")
        values, weights = seededWeights(seed, 0, 100)
        self.assertEqual((len(values), len(weights)), (89, 89))
        self.assertEqual(values[:10], [24, 77, 84, 74, 56, 91, 27, 75, 62, 97])

    def test_biased(self) -> None:
        """
        The biased kind, with a minimum that is not 0.
        """
        values, weights = seededWeights(SEED, 21, 1448, biased=True)
        self.assertEqual(len(values), 48)
        first = [value - 21 for value in values[:8]]
        self.assertEqual(first, [1090, 1347, 1007, 551, 1021, 517, 1065, 1321])
        wanted = [0.13173945929382694, 0.11447283226382443, 0.71006047766020997]
        self.assertEqual(weights[:4], [*wanted, 0.012225002352283918])
        self.assertLessEqual(sum(weights), 1.0)

    def test_kept(self) -> None:
        """
        A seed that comes again costs nothing.
        """
        self.assertIs(seededTable(SEED, 0, 1448), seededTable(bytes(range(24)), 0, 1448))
        self.assertIsNot(seededTable(SEED, 0, 1448), seededTable(SEED, 0, 1447))


class SampleTests(SynchronousTestCase):
    """
    ``Table.sample``
    """

    def test_follows(self) -> None:
        """
        Numbers come up as their weights say.
        """
        table = seededTable(SEED, 0, 1448)
        entropy = fixedEntropy("sample")
        count = 20_000
        seen = Counter(table.sample(entropy) for _ in range(count))
        self.assertEqual(set(seen), set(VALUES))
        for value, weight in zip(VALUES, WEIGHTS, strict=True):
            expected = count * weight / sum(WEIGHTS)
            self.assertLess(abs(seen[value] - expected), 4 * expected**0.5, value)

    def test_extremes(self) -> None:
        """
        The lowest and the highest draw stay inside, even where weights are 0.
        """
        table = Table([7, 8, 9], [1.0, 0.0, 0.0])
        self.assertEqual(table.sample(bytes), 7)
        self.assertEqual(table.sample(lambda n: b"\xff" * n), 7)
        entropy = fixedEntropy("extremes")
        self.assertEqual({table.sample(entropy) for _ in range(100)}, {7})

    def test_single(self) -> None:
        """
        One number is always drawn.
        """
        entropy = fixedEntropy("single")
        table = Table([1448], [0.3])
        self.assertEqual({table.sample(entropy) for _ in range(20)}, {1448})


class RandomTests(SynchronousTestCase):
    """
    ``randomTable``
    """

    def test_shape(self) -> None:
        """
        Distributed as tables of random seeds: 1 to 100 different numbers, all
        equally likely.
        """
        entropy = fixedEntropy("random tables")
        tables = [randomTable(entropy, 0, 1448) for _ in range(300)]
        sizes = [len(table.values) for table in tables]
        self.assertTrue(all(len(set(table.values)) == len(table.values) for table in tables))
        self.assertTrue(all(1 <= size <= 100 for size in sizes))
        # Standard deviations: 1.7 and 3.4.
        self.assertLess(abs(sum(sizes) / len(sizes) - 50.5), 7)
        numbers = [number for table in tables for number in table.values]
        self.assertLessEqual(max(numbers), 1448)
        self.assertLess(abs(sum(numbers) / len(numbers) - 724), 15)

    def test_biased(self) -> None:
        """
        A few numbers have nearly all the weight, as with random seeds.
        """
        entropy = fixedEntropy("biased tables")
        tables = [randomTable(entropy, 21, 1448, biased=True) for _ in range(300)]
        firsts = [table.bounds[0] for table in tables]
        self.assertTrue(all(max(table.bounds) <= 1.0 for table in tables))
        # Of a uniform draw: half, with a standard deviation of 0.017.
        self.assertLess(abs(sum(firsts) / len(firsts) - 0.5), 0.07)
        fifths = [table.bounds[4] for table in tables if len(table.values) > 4]
        # Five draws leave 1/32 on the average.
        self.assertLess(abs(1 - sum(fifths) / len(fifths) - 1 / 32), 0.02)
        self.assertGreaterEqual(min(min(table.values) for table in tables), 21)

    def test_small(self) -> None:
        """
        No more numbers than there are.
        """
        entropy = fixedEntropy("small")
        for _ in range(50):
            self.assertLessEqual(set(randomTable(entropy, 3, 5).values), {3, 4, 5})
