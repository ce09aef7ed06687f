"""
The last of many byte strings, in 24 to 48 bytes for each, in three pieces.
"""

from __future__ import annotations

from array import array

from siphash24 import siphash24

from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.tagset import TagSet


class RecentTags:
    """
    Remembers byte strings, up to a number of them; the oldest go first.

    What is kept of each is a SipHash-2-4 tag of 8 bytes under a random key: peers may
    choose the strings, and not where their tags lie.
    """

    def __init__(self, entropy: Entropy, capacity: int) -> None:
        """
        :param entropy: makes the key of 16 bytes.
        :param capacity: how many are remembered, 1 or more.
        """
        self._key = entropy(16)
        self._capacity = capacity
        self._tags = TagSet()
        self._byAge = array("Q")
        self._first = 0  # those before it are forgotten

    def __len__(self) -> int:
        return len(self._tags)

    def __contains__(self, data: bytes) -> bool:
        return self._tag(data) in self._tags

    def add(self, data: bytes) -> None:
        """
        Remember it; if it is known already, it does not become younger.
        """
        tag = self._tag(data)
        if tag in self._tags:
            return
        if len(self._tags) >= self._capacity:
            self._tags.discard(self._byAge[self._first])
            self._first += 1
            if 2 * self._first >= len(self._byAge):
                del self._byAge[: self._first]
                self._first = 0
        self._tags.add(tag)
        self._byAge.append(tag)

    def _tag(self, data: bytes) -> int:
        # A set of tags has no 0.
        return int.from_bytes(siphash24(data, key=self._key).digest(), "big") or 1
