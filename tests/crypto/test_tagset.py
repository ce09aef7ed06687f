"""
Tests for ``pyptwist.crypto.tagset``.
"""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.tagset import TagSet

#: Numbers of which many want the same slot, the first or the last one among them.
NUMBERS = st.builds(
    lambda low, high: (high << 32 | low) or 1,
    st.sampled_from([0, 1, 2, 62, 63]),
    st.integers(0, 9),
)


class TagSetTests(SynchronousTestCase):
    """
    ``TagSet``
    """

    @given(st.lists(st.tuples(st.booleans(), NUMBERS), max_size=120))
    def test_likeASet(self, steps: list[tuple[bool, int]]) -> None:
        """
        It does what Python's own sets do, however numbers get in each other's way.
        """
        tags = TagSet()
        model: set[int] = set()
        for isNew, number in steps:
            self.assertEqual(number in tags, number in model)
            for each in (tags, model):
                (each.add if isNew else each.discard)(number)
            self.assertEqual(len(tags), len(model))
        everything = {number + (high << 32) for number in range(64) for high in range(10)} - {0}
        self.assertEqual({number for number in everything if number in tags}, model)

    def test_many(self) -> None:
        """
        It grows, and what is in it stays.
        """
        tags, dice = TagSet(), random.Random(1)
        numbers = [dice.getrandbits(64) or 1 for _ in range(5000)]
        for number in numbers:
            tags.add(number)
        for number in numbers[::2]:
            tags.discard(number)
        self.assertEqual([number in tags for number in numbers], [False, True] * 2500)
        self.assertEqual(len(tags), 2500)

    def test_largest(self) -> None:
        """
        All 64 bits count.
        """
        tags = TagSet()
        tags.add(2**64 - 1)
        self.assertIn(2**64 - 1, tags)
        self.assertNotIn(2**63 - 1, tags)
        tags.clear()
        self.assertEqual(len(tags), 0)
        self.assertNotIn(2**64 - 1, tags)
