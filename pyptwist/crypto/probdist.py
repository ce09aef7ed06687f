"""
Weighted tables of numbers: the lengths and delays that make each obfs4 or
scramblesuit server look a little different from every other.

Which numbers are in a table, and how likely each is, follows from a seed.
Which of them is drawn follows from the entropy source, by Vose's version of
the alias method (M. D. Vose, "A linear algorithm for generating random numbers
with a given distribution", 1991).
"""

from __future__ import annotations

import struct
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from pyptwist import limits
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.drbg import Drbg

#: Numbers in a table at most.
MAXIMUM_VALUES: Final = 100

_64_BITS: Final = (1 << 64) - 1


class Table:
    """
    Numbers with weights, ready to be drawn from.

    :ivar values: the numbers.
    :ivar aliases: for each number the index of the one that stands in for it.
    :ivar probabilities: for each number how likely it is kept once its side of
        the die is up, 0.0 to 1.0.
    """

    __slots__ = ("aliases", "probabilities", "values")

    def __init__(self, values: Sequence[int], weights: Sequence[float]) -> None:
        """
        :param values: 1 to 100 numbers of 0 to 65535.
        :param weights: as many, each 0.0 or more.
        """
        # Arrays take an eighth of the memory of tuples, and a client whose
        # server sends no seed keeps a table of its own for each connection.
        self.values = array("H", values)
        aliases, probabilities = _aliases(weights)
        self.aliases = array("B", aliases)
        self.probabilities = array("d", probabilities)

    def sample(self, entropy: Entropy) -> int:
        """
        Draw a number.

        :param entropy: the source; 8 bytes are taken.
        """
        # One draw gives the side of the die (the bits from 64 up) and the toss
        # of that side's coin (those below).
        draw = int.from_bytes(entropy(8), "big") * len(self.values)
        index = draw >> 64
        if (draw & _64_BITS) * 2.0**-64 > self.probabilities[index]:
            index = self.aliases[index]
        return self.values[index]


def seededWeights(
    seed: bytes, minimum: int, maximum: int, biased: bool = False
) -> tuple[list[int], list[float]]:
    """
    What a seed says about a table: the same at both ends of a connection.

    :param seed: 24 bytes.
    :param minimum: the smallest number that may occur, 0 or more.
    :param maximum: the largest, up to 65535.
    :param biased: obfs4proxy's C{-obfs4-distBias}, and scramblesuit: a few
        numbers get nearly all the weight.
    :returns: the numbers, and the weight of each.
    """
    generator = Drbg(seed)
    span = maximum - minimum + 1
    numbers = generator.permutation(span)
    count = generator.intn(min(span, MAXIMUM_VALUES)) + 1
    weights = _biased(generator, count) if biased else _unbiased(generator, count)
    return [minimum + number for number in numbers[:count]], weights


@lru_cache(limits.SEEDED_TABLES)
def seededTable(seed: bytes, minimum: int, maximum: int, biased: bool = False) -> Table:
    """
    The table that a seed stands for.

    It costs about a millisecond, nearly all of it for the permutation, so the
    last few are kept: a client meets the same servers again and again.

    :param seed: see L{seededWeights}, as for the others.
    """
    return Table(*seededWeights(seed, minimum, maximum, biased))


def randomTable(entropy: Entropy, minimum: int, maximum: int) -> Table:
    """
    A table that no seed stands for, distributed as those of random seeds are.

    Nobody can tell it from a seeded one, since a seed that is never sent
    cannot be checked.  It costs a tenth, because it draws only the numbers
    that are kept.

    :param entropy: the source.
    :param minimum: the smallest number that may occur, 0 or more.
    :param maximum: the largest, up to 65535.
    """
    span = maximum - minimum + 1
    count = uniform(entropy, 1, min(span, MAXIMUM_VALUES))
    # The first of a random order are what is left of random draws when those
    # that came before are left out.  A dict keeps them in order.
    values: dict[int, None] = {}
    while len(values) < count:
        draws = _draws(entropy, count - len(values))
        values.update(dict.fromkeys([minimum + (draw * span >> 64) for draw in draws]))
    return Table(list(values), [draw * 2.0**-64 for draw in _draws(entropy, count)])


def _draws(entropy: Entropy, count: int) -> tuple[int, ...]:
    """
    :returns: integers of 64 bits, in one call for entropy: it is a system call.
    """
    return struct.unpack(f">{count}Q", entropy(8 * count))


def _unbiased(generator: Drbg, count: int) -> list[float]:
    return [generator.float64() for _ in range(count)]


def _biased(generator: Drbg, count: int) -> list[float]:
    weights = []
    total = 0.0
    for _ in range(count):
        weight = (1.0 - total) * generator.float64()
        weights.append(weight)
        total += weight
    return weights


def _aliases(weights: Sequence[float]) -> tuple[list[int], list[float]]:
    count = len(weights)
    total = _sum(weights)
    scaled = [weight * count / total for weight in weights]
    aliases = [0] * count
    # What is left in a worklist at the end is 1, but for rounding.
    probabilities = [1.0] * count
    # Which pairs meet decides about the table: first in, first out, as the
    # reference does it.
    small = deque(index for index in range(count) if scaled[index] < 1.0)
    large = deque(index for index in range(count) if scaled[index] >= 1.0)
    while small and large:
        less, more = small.popleft(), large.popleft()
        probabilities[less] = scaled[less]
        aliases[less] = more
        scaled[more] = scaled[more] + scaled[less] - 1.0
        (small if scaled[more] < 1.0 else large).append(more)
    return aliases, probabilities


def _sum(weights: Iterable[float]) -> float:
    # Not sum(), which Python 3.12 made more exact than the reference is.
    total = 0.0
    for weight in weights:
        total += weight
    return total
