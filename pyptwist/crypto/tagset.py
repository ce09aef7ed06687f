"""
A set of numbers of 64 bits that takes 16 to 32 bytes for each, in one piece.

Python's own takes three times as much, in many pieces: a server that remembers each
of its clients for hours would keep, with these few bytes, the memory around them.
"""

from __future__ import annotations

from array import array
from typing import Final

_NUMBER: Final = "Q"
_SMALLEST: Final = 64  # slots; always a power of two


class TagSet:
    """
    Holds numbers that nobody can choose, such as keyed hashes, and not 0.

    A number is in the slot that its last bits say, or in one of those behind it,
    before the first empty one.  Half of the slots are empty, at least.
    """

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self._slots[self._find(number)] == number

    def add(self, number: int) -> None:
        """
        :param number: 1 to 2 ** 64 - 1.
        """
        at = self._find(number)
        if not self._slots[at]:
            self._slots[at] = number
            self._count += 1
            if 2 * self._count > len(self._slots):
                self._grow()

    def discard(self, number: int) -> None:
        """
        Remove it, if it is there.
        """
        slots, mask = self._slots, len(self._slots) - 1
        at = hole = self._find(number)
        if not slots[hole]:
            return
        # Whoever is behind it, and would not be found any more, moves forward.
        while other := slots[at := (at + 1) & mask]:
            if (at - other) & mask >= (at - hole) & mask:
                slots[hole] = other
                hole = at
        slots[hole] = 0
        self._count -= 1

    def clear(self) -> None:
        """
        Remove all.
        """
        self._count = 0
        self._slots = array(_NUMBER, bytes(8 * _SMALLEST))

    def _find(self, number: int) -> int:
        """
        :returns: where it is, or the empty slot where it would be.
        """
        slots, mask = self._slots, len(self._slots) - 1
        at = number & mask
        while slots[at] not in (0, number):
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        before = self._slots
        self._slots = array(_NUMBER, bytes(2 * before.itemsize * len(before)))
        for number in filter(None, before):
            self._slots[self._find(number)] = number
