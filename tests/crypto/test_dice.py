"""
Fair dice.
"""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.dice import uniform
from pyptwist.testing import fixedEntropy


class UniformTests(SynchronousTestCase):
    """
    ``uniform``
    """

    def test_ends(self) -> None:
        """
        Both bounds are reached, and nothing beyond them.
        """
        self.assertEqual(uniform(bytes, 77, 8128), 77)
        self.assertEqual(uniform(lambda n: b"\xff" * n, 77, 8128), 8128)
        self.assertEqual(uniform(lambda n: b"\xff" * n, 5, 5), 5)

    def test_even(self) -> None:
        """
        Each result is as likely as the others.
        """
        entropy = fixedEntropy("dice")
        seen = Counter(uniform(entropy, -3, 6) for _ in range(10_000))
        self.assertEqual(sorted(seen), list(range(-3, 7)))
        # A standard deviation is 30.
        self.assertTrue(all(abs(count - 1000) < 130 for count in seen.values()), seen)
