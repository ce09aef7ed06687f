"""
Weighted tables of numbers: the lengths and delays that make each obfs4 or
scramblesuit server look a little different from every other.

Which numbers are in a table, and how likely each is, follows from a seed.
Which of them is drawn follows from the entropy source.  The reference draws by
the alias method; the sums of the weights, searched by halves, give the same
distribution, and cost nothing to prepare.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from pyptwist import limits
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.drbg import Drbg

#: Numbers in a table at most.
MAXIMUM_VALUES: Final = 100


class Table:
    """
    Numbers with weights, ready to be drawn from.

    :ivar values: the numbers.
    :ivar bounds: for each number the sum of the weights up to its own.
    """

    __slots__ = ("bounds", "values")

    def __init__(self, values: Sequence[int], weights: Sequence[float]) -> None:
        """
        :param values: 1 to 100 numbers of 0 to 65535.
        :param weights: as many, each 0.0 or more.
        """
        # Arrays take an eighth of the memory of tuples, and a client whose
        # server sends no seed keeps a table of its own for each connection.
        self.values = array("H", values)
        self.bounds = array("d", accumulate(weights))

    def sample(self, entropy: Entropy) -> int:
        """
        Draw a number.

        :param entropy: the source; 8 bytes are taken.
        """
        # More than 0 and at most the last bound, however it is rounded: a number
        # without weight is never drawn.
        draw = (int.from_bytes(entropy(8), "big") + 0.5) * 2.0**-64 * self.bounds[-1]
        return self.values[bisect_left(self.bounds, draw)]


def seededWeights(
    seed: bytes, minimum: int, maximum: int, biased: bool = False
) -> tuple[list[int], list[float]]:
    """
    What a seed says about a table: the same at both ends of a connection.

    :param seed: 24 bytes.
    :param minimum: the smallest number that may occur, 0 or more.
    :param maximum: the largest, up to 65535.
    :param biased: obfs4proxy's ``-obfs4-distBias``, and scramblesuit: a few
        numbers get nearly all the weight.
    :returns: the numbers, and the weight of each.
    """
    generator = Drbg(seed)
    span = maximum - minimum + 1
    numbers = generator.permutation(span)
    count = generator.intn(min(span, MAXIMUM_VALUES)) + 1
    draws = [generator.float64() for _ in range(count)]
    return [minimum + number for number in numbers[:count]], _weights(draws, biased)


@lru_cache(limits.SEEDED_TABLES)
def seededTable(seed: bytes, minimum: int, maximum: int, biased: bool = False) -> Table:
    """
    The table that a seed stands for.

    It costs about a millisecond, nearly all of it for the permutation, so the
    last few are kept: a client meets the same servers again and again.

    :param seed: see ``seededWeights``, as for the others.
    """
    return Table(*seededWeights(seed, minimum, maximum, biased))


def randomTable(entropy: Entropy, minimum: int, maximum: int, biased: bool = False) -> Table:
    """
    A table that no seed stands for, distributed as those of random seeds are.

    Nobody can tell it from a seeded one, since a seed that is never sent
    cannot be checked.  It costs a tenth, because it draws only the numbers
    that are kept.

    :param entropy: the source.
    :param minimum: the smallest number that may occur, 0 or more.
    :param maximum: the largest, up to 65535.
    :param biased: see ``seededWeights``.
    """
    span = maximum - minimum + 1
    count = uniform(entropy, 1, min(span, MAXIMUM_VALUES))
    # The first of a random order are what is left of random draws when those
    # that came before are left out.  A dict keeps them in order.
    values: dict[int, None] = {}
    while len(values) < count:
        draws = _draws(entropy, count - len(values))
        values.update(dict.fromkeys([minimum + (draw * span >> 64) for draw in draws]))
    weights = [draw * 2.0**-64 for draw in _draws(entropy, count)]
    return Table(list(values), _weights(weights, biased))


def _draws(entropy: Entropy, count: int) -> array[int]:
    """
    :returns: integers of 64 bits, in one call for entropy: it is a system call.
    """
    draws = array("Q", entropy(8 * count))
    if sys.byteorder == "little":
        draws.byteswap()  # the same numbers on every machine
    return draws


def _weights(draws: list[float], biased: bool) -> list[float]:
    """
    :param draws: each at least 0.0 and less than 1.0.
    :param biased: each takes its part of what those before have left.
    """
    if not biased:
        return draws
    weights = []
    total = 0.0
    for draw in draws:
        weight = (1.0 - total) * draw
        weights.append(weight)
        total += weight
    return weights
