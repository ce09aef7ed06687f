"""
Tables of lengths and delays.  What is made of them is in the tests of the methods.
"""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.probdist import seededWeights
from pyptwist.shaping import Shaper, Tables
from pyptwist.testing import fixedEntropy

SEED = bytes(range(24))
DELAY_SEED = bytes.fromhex("1d64add2a6388367c9bc2d1f1b384b069a6ef382cdaaa897")

#: Numbers in obfs4's length table of ``SEED``, as obfs4proxy 0.0.14 has it.
LENGTHS = {1090, 1347, 1007, 551, 1021, 517, 1065, 1321, 251, 102, 143, 1024, 134}


class TablesTests(SynchronousTestCase):
    """
    ``Tables``
    """

    def test_seeded(self) -> None:
        """
        A seed gives the reference's numbers.
        """
        tables = Tables(fixedEntropy("tables"), SEED)
        self.assertEqual({tables.length() for _ in range(500)}, LENGTHS)
        delays = {round(tables.delay() * 10_000) for _ in range(3000)}
        self.assertLessEqual(delays, set(seededWeights(DELAY_SEED, 0, 100)[0]))
        self.assertGreater(len(delays), 60)

    def test_random(self) -> None:
        """
        Without a seed there are tables all the same, of one's own.
        """
        lengths = set()
        for seed in ("one", "two"):
            tables = Tables(fixedEntropy(seed))
            drawn = {tables.length() for _ in range(300)}
            self.assertLessEqual(len(drawn), 100)
            lengths |= drawn
            self.assertTrue(all(0 <= tables.delay() <= 0.01 for _ in range(100)))
        self.assertNotEqual(lengths, LENGTHS)

    def test_reseed(self) -> None:
        """
        Both tables change.
        """
        tables = Tables(fixedEntropy("reseed"))
        tables.length(), tables.delay()
        tables.reseed(SEED)
        self.assertEqual({tables.length() for _ in range(500)}, LENGTHS)
        delays = {round(tables.delay() * 10_000) for _ in range(300)}
        self.assertLessEqual(delays, set(seededWeights(DELAY_SEED, 0, 100)[0]))

    def test_biased(self) -> None:
        """
        scramblesuit's: from 21 on, and few of them often.
        """
        numbers, weights = seededWeights(SEED, 21, 1448, biased=True)
        for tables in (
            Tables(fixedEntropy("biased"), SEED, 21, biased=True),
            Tables(fixedEntropy("biased"), None, 21, biased=True),
        ):
            drawn = Counter(tables.length() for _ in range(2000))
            self.assertGreaterEqual(min(drawn), 21)
            self.assertGreater(sum(count for _, count in drawn.most_common(5)), 1000)
            if tables._seed:
                self.assertLessEqual(set(drawn), set(numbers))
                expected = 2000 * weights[0] / sum(weights)
                self.assertLess(abs(drawn[numbers[0]] - expected), 4 * expected**0.5)

    def test_lazy(self) -> None:
        """
        A peer that sends seed after seed costs nothing.
        """

        def exhausted(count: int) -> bytes:
            raise AssertionError("entropy was used")

        tables = Tables(exhausted)
        for number in range(10_000):
            tables.reseed(number.to_bytes(24, "big"))


class ShaperTests(SynchronousTestCase):
    """
    ``Shaper``
    """

    def test_undefined(self) -> None:
        """
        Who forgets to say what a burst is gets to hear of it.
        """
        shaper = Shaper(Tables(fixedEntropy("")))
        self.assertIn("padded", str(self.assertRaises(TypeError, shaper.write, b"x", 0.0)))
