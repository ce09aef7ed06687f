"""
Tests for ``pyptwist.transports.optimizer.strategies``.
"""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.transports.optimizer.strategies import STRATEGIES
from tests.transports.optimizer.fakes import Known, choices, never, strategy


class EveryStrategyTests(SynchronousTestCase):
    """
    What they have in common.
    """

    def test_one(self) -> None:
        """
        Each works with one transport, again and again, also when it failed.
        """
        for name in STRATEGIES:
            chosen = strategy(name, 1)
            for isGood in (True, False, True):
                self.assertEqual(chosen.choose(()), 0, name)
                chosen.report(0, isGood, 1.0)
            self.assertIsNone(chosen.choose({0}), name)

    def test_round(self) -> None:
        """
        In a round, each but ``first`` offers every transport once, also when another
        connection is tried at the same time.
        """
        for name in STRATEGIES:
            chosen, expected = strategy(name, 5), 1 if name == "first" else 5
            passed: tuple[list[int], list[int]] = [], []
            for _ in range(expected):
                for one in passed:
                    number = chosen.choose(one)
                    chosen.report(number, False, 1.0)
                    one.append(number)
            for one in passed:
                self.assertEqual(sorted(one), list(range(expected)), name)
                self.assertIsNone(chosen.choose(one), name)

    def test_names(self) -> None:
        """
        Names are the reference's, and one that can be written in lower case.
        """
        self.assertEqual(
            list(STRATEGIES),
            [
                "first",
                "random",
                "rotate",
                "track",
                "minimizeDialDuration",
                "minimize-dial-duration",
            ],
        )
        self.assertIs(STRATEGIES["minimize-dial-duration"], STRATEGIES["minimizeDialDuration"])


class PlainTests(SynchronousTestCase):
    """
    Strategies that learn nothing.
    """

    def test_first(self) -> None:
        chosen = strategy("first", 3)
        self.assertEqual([chosen.choose(()) for _ in range(4)], [0] * 4)

    def test_random(self) -> None:
        """
        Each is as likely as the others, and those of a round are not repeated.
        """
        chosen = strategy("random", 4, "dice")
        drawn = Counter(chosen.choose(()) for _ in range(4000))
        # Five standard deviations, of a seed that is always the same.
        self.assertTrue(all(abs(drawn[number] - 1000) < 140 for number in range(4)), drawn)
        rest = Counter(chosen.choose({0, 2}) for _ in range(1000))
        self.assertTrue(all(abs(rest[number] - 500) < 80 for number in (1, 3)), rest)

    def test_rotate(self) -> None:
        """
        The reference's order: the second is the first.
        """
        chosen = strategy("rotate", 3)
        self.assertEqual([chosen.choose(()) for _ in range(7)], [1, 2, 0, 1, 2, 0, 1])
        self.assertEqual([strategy("rotate", 2).choose(()) for _ in range(2)], [1, 1])

    def test_rotateOn(self) -> None:
        """
        The next connection goes on where the last one, whose tries failed, has ended.
        """
        chosen = strategy("rotate", 4)
        self.assertEqual(choices(chosen, 4, lambda number: number == 3), [1, 2, 3])
        self.assertEqual(choices(chosen, 4, lambda number: True), [0])


class TrackTests(SynchronousTestCase):
    """
    One after the other of those that work.
    """

    def test_dead(self) -> None:
        """
        Each that is dead is tried once, the others then in turn.
        """
        chosen = strategy("track", 5)
        tried = [choices(chosen, 5, lambda number: number in (1, 3)) for _ in range(6)]
        self.assertEqual(tried, [[0, 1], [2, 3], [4, 1], [3], [1], [3]])

    def test_allDead(self) -> None:
        """
        The dead are tried when nothing else is left, in their order; and one that
        recovers is good from then on.
        """
        chosen = strategy("track", 3)
        self.assertEqual(choices(chosen, 3, never), [0, 1, 2])
        self.assertEqual(choices(chosen, 3, lambda number: number == 2), [0, 1, 2])
        self.assertEqual(choices(chosen, 3, lambda number: number == 2), [2])
        chosen.report(2, False, 1.0)
        self.assertEqual(choices(chosen, 3, never), [0, 1, 2])

    def test_saved(self) -> None:
        """
        What was learnt is kept when a search ends.
        """
        for name, saved in (("track", 1), ("minimizeDialDuration", 1), ("rotate", 0)):
            known = Known()
            chosen = strategy(name, 3, knowledge=known)
            chosen.report(1, False, 2.5)
            chosen.ended()
            self.assertEqual((known.saved, len(known.health)), (saved, saved), name)


class MinimizeTests(SynchronousTestCase):
    """
    The fastest.
    """

    def test_unknown(self) -> None:
        """
        Those of which nothing is known come first, in their order; then the fastest
        one, for ever, however long others took.
        """
        chosen = strategy("minimizeDialDuration", 3)
        for seconds in (3.0, 1.0, 2.0):
            number = chosen.choose(())
            chosen.report(number, True, seconds)
        for _ in range(3):
            self.assertEqual(chosen.choose(()), 1)
            chosen.report(1, True, 1.5)
        chosen.report(1, True, 2.5)
        self.assertEqual(chosen.choose(()), 2)

    def test_failed(self) -> None:
        """
        One that failed is behind all that work, and a slow one is no worse than that.
        """
        chosen = strategy("minimizeDialDuration", 3)
        chosen.report(0, False, 0.1)
        chosen.report(1, True, 59.0)
        chosen.report(2, True, 10 * limits.OPTIMIZER)
        self.assertEqual(choices(chosen, 3, never)[0], 1)
        chosen.report(1, True, 59.0)
        self.assertEqual(chosen.choose({1}), 2)
        self.assertEqual(chosen.choose({1, 2}), 0)

    def test_ties(self) -> None:
        """
        Of those that are alike it is the next one's turn.
        """
        chosen = strategy("minimizeDialDuration", 3)
        for number in range(3):
            chosen.report(number, True, 1.0)
        self.assertEqual([chosen.choose(()) for _ in range(4)], [0, 1, 2, 0])
