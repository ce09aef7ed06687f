"""
Fair dice, thrown with an injected source of entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: Gives that many unpredictable bytes, as ``os.urandom`` does.
Entropy: TypeAlias = Callable[[int], bytes]


def uniform(entropy: Entropy, minimum: int, maximum: int) -> int:
    """
    Draw an integer, each equally likely.

    The 64 bits behind a draw are scaled, not rejected: a bias of at most
    (maximum - minimum) / 2**64 is beyond any measurement, and the time that it
    takes says nothing about the result.

    :param entropy: the source; 8 bytes are taken.
    :param minimum: the smallest result.
    :param maximum: the largest result, not below the minimum and less than
        2**32 above it.
    :returns: an integer from minimum to maximum, both included.
    """
    bits = int.from_bytes(entropy(8), "big")
    return minimum + (bits * (maximum - minimum + 1) >> 64)
