"""
Marks and MACs: how obfs4 and scramblesuit end a handshake message that has no
length and must look random.

::

    begin | padding | mark 16 | MAC 16

    mark = HMAC(begin)
    MAC  = HMAC(all before the MAC | E)

HMAC is HMAC-SHA256 cut to 16 bytes, with a key that both sides know beforehand:
who does not can neither make nor find them.  E is the date, as a number of
hours, so that an old message is worth nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

from pyptwist.errors import HandshakeFailed

#: Bytes of a mark, and of a MAC.
TAG_LENGTH: Final = 16


def epochHour(unixTime: float) -> int:
    """
    The date, as handshakes know it.

    :param unixTime: seconds since 1970.
    :returns: full hours since 1970.
    """
    return int(unixTime) // 3600


def hoursAround(hour: int) -> list[bytes]:
    """
    The dates that a server accepts: its own, the one before and the one after.

    :param hour: see ``epochHour``.
    :returns: each as it goes into a MAC, in decimal digits.
    """
    return [b"%d" % (hour + skew) for skew in (0, -1, 1)]


class Seal:
    """
    Makes and checks marks and MACs.
    """

    def __init__(self, key: bytes) -> None:
        """
        :param key: of the HMAC.
        """
        self._key = key

    def tag(self, data: bytes | bytearray | memoryview) -> bytes:
        """
        :returns: the HMAC, cut to 16 bytes.
        """
        return hmac.digest(self._key, data, "sha256")[:TAG_LENGTH]

    def close(self, begin: bytes, rest: bytes, hour: bytes) -> bytes:
        """
        Make a message.

        :param begin: what the mark is made of.
        :param rest: what follows it, padding included.
        :param hour: the date, in decimal digits.
        """
        message = begin + rest + self.tag(begin)
        return message + self.tag(message + hour)

    def isClosed(self, message: bytes | bytearray, hours: Sequence[bytes]) -> bytes:
        """
        :param message: all of it.
        :param hours: the dates that are good.
        :returns: the hour for which the MAC at the end is right, or nothing.
        """
        matched = b""
        for hour in hours:
            # Each is tried, so that time does not tell which.
            if hmac.compare_digest(self.tag(message[:-TAG_LENGTH] + hour), message[-TAG_LENGTH:]):
                matched = hour
        return matched


class SealSearch:
    """
    Looks for the end of a message of which more and more comes.

    What was searched once is not searched again: a peer that sends byte by byte
    costs no more than one that does not.
    """

    def __init__(self, seal: Seal, begin: int, first: int, maximum: int) -> None:
        """
        :param seal: makes the mark.
        :param begin: bytes of what the mark is made of.
        :param first: where the mark may be at the earliest.
        :param maximum: bytes of the longest message.
        """
        self._seal = seal
        self._begin = begin
        self._searched = first
        self._minimum = first + 2 * TAG_LENGTH
        self._maximum = maximum
        self._mark = b""

    def end(self, message: bytearray) -> int | None:
        """
        :param message: all that came so far; may go on behind the message.
        :returns: how many bytes the message has; None if more has to come.
        :raises HandshakeFailed: it would be too long.
        """
        if len(message) < self._minimum:
            return None
        self._mark = self._mark or self._seal.tag(message[: self._begin])
        at = message.find(self._mark, self._searched, self._maximum)
        if at >= 0 and at + 2 * TAG_LENGTH <= min(len(message), self._maximum):
            return at + 2 * TAG_LENGTH
        if len(message) >= self._maximum:
            raise HandshakeFailed
        self._searched = at if at >= 0 else max(self._searched, len(message) - TAG_LENGTH + 1)
        return None
