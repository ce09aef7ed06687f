"""
A memory of what was seen before.

A censor who recorded a good handshake may send it again, to see whether the
server answers.  So the server remembers each one for as long as its date is
accepted.
"""

from __future__ import annotations

from array import array

from siphash24 import siphash24

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.tagset import TagSet


class ReplayFilter:
    """
    Remembers byte strings for a while, up to a number of them.

    What is kept of each is a SipHash-2-4 tag of 8 bytes under a random key, so
    that nobody can make two strings meet on purpose, and memory is bounded
    whatever their length.  The oldest is forgotten when the filter is full.

    One filter may be shared by many connections.  It lives in memory only.
    """

    def __init__(
        self,
        entropy: Entropy,
        lifetime: float = limits.REPLAY_LIFETIME,
        capacity: int = limits.REPLAY_CAPACITY,
    ) -> None:
        """
        :param entropy: makes the key of 16 bytes.
        :param lifetime: seconds for which a string is remembered.
        :param capacity: how many are remembered, 1 or more.
        """
        self._key = entropy(16)
        self._lifetime = lifetime
        self._capacity = capacity
        self._tags = TagSet()
        # Those before the first are forgotten.
        self._first = 0
        self._times, self._byAge = array("d"), array("Q")

    def __len__(self) -> int:
        return len(self._tags)

    def seenBefore(self, data: bytes, now: float) -> bool:
        """
        Was this seen within the lifetime?  From now on it was.

        Seeing it again does not make it live longer.

        :param data: what identifies a handshake, such as its MAC.
        :param now: seconds on the clock of all the calls before.  If it went
            back, everything is forgotten, since entries dated in the future
            would stay too long.
        """
        self._forget(now)
        # A set of tags has no 0.
        tag = int.from_bytes(siphash24(data, key=self._key).digest(), "big") or 1
        if tag in self._tags:
            return True
        if len(self._tags) >= self._capacity:
            self._forgetFirst()
        self._tags.add(tag)
        self._times.append(now)
        self._byAge.append(tag)
        return False

    def _forget(self, now: float) -> None:
        if not self._tags:
            return
        if now < self._times[self._first] or now - self._times[-1] >= self._lifetime:
            self._tags.clear()
            self._first = len(self._times)
        while self._tags and now - self._times[self._first] >= self._lifetime:
            self._forgetFirst()
        if 2 * self._first >= len(self._times):
            del self._times[: self._first], self._byAge[: self._first]
            self._first = 0

    def _forgetFirst(self) -> None:
        self._tags.discard(self._byAge[self._first])
        self._first += 1
