"""
The replay filter's memory, its bound and its end.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.crypto.replay import ReplayFilter
from pyptwist.testing import fixedEntropy

#: Seconds from one event to the next: as a rule, a filter is full before it forgets.
steps = st.integers(0, 100) | st.floats(-200, limits.REPLAY_LIFETIME)


class ReplayFilterTests(SynchronousTestCase):
    """
    ``ReplayFilter``
    """

    def filter(self, capacity: int = 1000) -> ReplayFilter:
        return ReplayFilter(fixedEntropy("key"), capacity=capacity)

    def test_again(self) -> None:
        """
        What was seen is known; what was not is not.
        """
        replays = self.filter()
        self.assertFalse(replays.seenBefore(b"one", 5))
        self.assertTrue(replays.seenBefore(b"one", 5))
        self.assertFalse(replays.seenBefore(b"two", 6))
        self.assertTrue(replays.seenBefore(b"one", 7))

    def test_lifetime(self) -> None:
        """
        Three hours after it was first seen it is forgotten, however often it
        came meanwhile.
        """
        self.assertEqual(limits.REPLAY_LIFETIME, 3 * 60 * 60)
        replays = self.filter()
        replays.seenBefore(b"x", 100)
        self.assertTrue(replays.seenBefore(b"x", 100 + 3 * 3600 - 1))
        self.assertFalse(replays.seenBefore(b"x", 100 + 3 * 3600))
        self.assertEqual(len(replays), 1)

    def test_full(self) -> None:
        """
        The oldest makes room.
        """
        replays = self.filter(capacity=3)
        for number, data in enumerate([b"a", b"b", b"c", b"d"]):
            self.assertFalse(replays.seenBefore(data, number))
        self.assertEqual(len(replays), 3)
        self.assertFalse(replays.seenBefore(b"a", 5))
        self.assertTrue(replays.seenBefore(b"d", 6))

    def test_fullAndAskedAgain(self) -> None:
        """
        What is known makes no room: a handshake that is sent again costs nobody a place.
        """
        replays = self.filter(capacity=3)
        for data in (b"a", b"b", b"c", b"c", b"c"):
            replays.seenBefore(data, 0)
        self.assertEqual(len(replays), 3)
        self.assertTrue(replays.seenBefore(b"a", 1))

    def test_manyMoreThanFit(self) -> None:
        """
        The default bound holds, and costs the same for each.
        """
        replays = ReplayFilter(fixedEntropy("key"))
        for number in range(limits.REPLAY_CAPACITY + 1000):
            replays.seenBefore(number.to_bytes(4, "big"), 0)
        self.assertEqual(len(replays), 102400)

    def test_clockGoesBack(self) -> None:
        """
        A clock that went back empties the filter.
        """
        replays = self.filter()
        replays.seenBefore(b"a", 1000)
        replays.seenBefore(b"b", 2000)
        self.assertTrue(replays.seenBefore(b"a", 1500))
        self.assertFalse(replays.seenBefore(b"a", 999))
        self.assertFalse(replays.seenBefore(b"b", 999))

    def test_keyed(self) -> None:
        """
        The tags of two filters differ.
        """
        first, second = ReplayFilter(fixedEntropy("1")), ReplayFilter(fixedEntropy("2"))
        first.seenBefore(b"x", 0)
        second.seenBefore(b"x", 0)
        self.assertNotEqual(first._byAge, second._byAge)

    @given(st.lists(st.tuples(st.sampled_from(b"0123456789"), steps), max_size=60))
    def test_bounded(self, events: list[tuple[int, float]]) -> None:
        """
        Whatever comes and however the clock jumps, it knows what a list of what it
        saw would know.
        """
        replays = self.filter(capacity=5)
        known: list[tuple[bytes, float]] = []
        now = 0.0
        for number, step in events:
            data, now = bytes([number]), now + step
            if known and now < known[0][1]:
                known.clear()
            known = [each for each in known if now - each[1] < limits.REPLAY_LIFETIME]
            wasSeen = data in [each for each, _ in known]
            self.assertEqual(replays.seenBefore(data, now), wasSeen)
            if not wasSeen:
                known = [*known[-4:], (data, now)]
            self.assertTrue(replays.seenBefore(data, now))
            self.assertEqual(len(replays), len(known))
