"""
The statistics of flows must notice a difference, and only a difference.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.interop.likeness import SUSPICION, Comparison, Values, differences

#: Makes a sample of so many connections.
Sample = Callable[[random.Random, int], Values]

#: As a client has in `tests.interop.test_flowstatistics`, over both servers.
COUNT = 2000

TABLE = (1090, 1347, 1007, 551, 1021, 517, 1065, 1321, 251, 102)


def uniform(dice: random.Random, count: int) -> list[int]:
    return [141 + dice.randrange(8052) for _ in range(count)]


def burst(dice: random.Random, count: int) -> list[int]:
    return dice.choices(TABLE, k=count)


def sequence(rare: float) -> Sample:
    """
    :param rare: how likely the server sends twice.
    """
    return lambda dice, count: dice.choices(["CS", "CSS"], [1 - rare, rare], k=count)


class LikenessTests(SynchronousTestCase):
    def find(self, ours: Sample, theirs: Sample, seed: int = 0) -> list[str]:
        dice = random.Random(seed)

        async def measure(count: int) -> list[Comparison]:
            return [Comparison("it", ours(dice, count), theirs(dice, count))]

        found, _ = self.successResultOf(Deferred.fromCoroutine(differences(measure, COUNT)))
        return found

    def assertFound(self, ours: Sample, theirs: Sample) -> None:
        missed = sum(not self.find(ours, theirs, seed) for seed in range(20))
        self.assertLess(missed, 3)

    def test_alike(self) -> None:
        """
        What is alike is not different, whatever it is.
        """
        for sample in uniform, burst, sequence(0.0), sequence(0.001), sequence(0.5):
            for seed in range(20):
                self.assertEqual(self.find(sample, sample, seed), [])

    def test_tenthShorter(self) -> None:
        """
        Lengths that all are a tenth shorter.
        """
        self.assertFound(lambda *how: [length * 9 // 10 for length in uniform(*how)], uniform)

    def test_tenthElsewhere(self) -> None:
        """
        A tenth of the connections has another length.
        """

        def ours(dice: random.Random, count: int) -> list[int]:
            return [dice.choice([141] + [length] * 9) for length in uniform(dice, count)]

        self.assertFound(ours, uniform)

    def test_oneLength(self) -> None:
        """
        One of ten lengths of a table is one byte off.
        """
        self.assertFound(
            lambda *how: [length + (length == TABLE[4]) for length in burst(*how)], burst
        )

    def test_rareSequence(self) -> None:
        """
        One connection in fifty has a sequence that the others never have.
        """
        self.assertFound(sequence(0.02), sequence(0.0))

    def test_pValues(self) -> None:
        """
        Chance makes a p-value below a bound no more often than the bound says.
        """
        dice = random.Random(0)
        for sample in uniform, burst, sequence(0.01):
            comparisons = [
                Comparison("", sample(dice, 300), sample(dice, 300)) for _ in range(200)
            ]
            low = sum(each.pValue() < 0.05 for each in comparisons)
            self.assertLess(low, 20)

    def test_fluke(self) -> None:
        """
        What is not there when measured again, with more, was chance.
        """
        counts = []

        async def measure(count: int) -> list[Comparison]:
            counts.append(count)
            shift = 2 - len(counts)
            return [
                Comparison("it", [number + shift * count for number in range(count)], range(count))
            ]

        found, table = self.successResultOf(Deferred.fromCoroutine(differences(measure, COUNT)))
        self.assertEqual((found, counts), ([], [COUNT, 2 * COUNT]))
        name, first, again = table.split()
        self.assertEqual((name, float(again)), ("it", 1.0))
        self.assertLess(float(first), SUSPICION)
