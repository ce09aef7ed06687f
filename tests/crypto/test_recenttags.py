"""
Tests for ``pyptwist.crypto.recenttags``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.recenttags import RecentTags
from pyptwist.testing.codecs import fixedEntropy

STRINGS = [b"%d" % number for number in range(12)]


class RecentTagsTests(SynchronousTestCase):
    """
    Those of late, and no others.
    """

    @given(st.lists(st.sampled_from(STRINGS), max_size=200), st.integers(1, 9))
    def test_model(self, added: list[bytes], capacity: int) -> None:
        """
        As a list would have it.
        """
        recent = RecentTags(fixedEntropy("recent"), capacity)
        model: list[bytes] = []
        for each in added:
            recent.add(each)
            if each not in model:
                model = [*model, each][-capacity:]
            self.assertEqual([each for each in STRINGS if each in recent], sorted(model, key=int))
            self.assertEqual(len(recent), len(model))

    def test_bound(self) -> None:
        """
        What is forgotten takes no place.
        """
        recent = RecentTags(fixedEntropy("recent"), 100)
        for number in range(10_000):
            recent.add(b"%d" % number)
        self.assertEqual(len(recent), 100)
        self.assertLessEqual(len(recent._byAge), 200)
        self.assertLessEqual(len(recent._tags._slots), 512)

    def test_keyed(self) -> None:
        """
        Nobody knows where a string lies.
        """
        one, other = (RecentTags(fixedEntropy(seed), 9) for seed in ("one", "other"))
        for recent in (one, other):
            recent.add(b"x")
        self.assertNotEqual(one._byAge, other._byAge)
