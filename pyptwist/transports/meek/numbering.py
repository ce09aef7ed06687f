"""
Numbers for requests, so that one can be repeated without harm.

The protocol as others speak it has none: whoever repeats a request after its
connection died sends bytes twice, or loses those of the answer.  Two of our own
kind agree on numbers, in a way that nobody else notices::

    session id       20 hexadecimal digits at random, and 12 that are computed from
                     them: the offer
    first request    an empty body: number 0
    first answer     16 bytes computed from the session id: the confirmation; then as
                     any other
    request, answer  4 bytes  number, big-endian; an answer has that of its request
                     1 byte   flags
                     up to 65531 bytes of payload (65515 in the first answer)

It is in ids and bodies because nothing else passes every reflector: some forward no
header but X-Session-Id.  A server of another kind answers anything but the
confirmation, and a client of another kind makes an offer by chance once in 2**48
sessions.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from enum import IntFlag

from pyptwist import limits
from pyptwist.errors import FramingError

#: Bytes of entropy in a session id.
ID_ENTROPY = 10

_OFFER = re.compile(r"[0-9a-f]{32}")
_HEADER = struct.Struct("!IB")
_CONFIRMATION = 16  # bytes
_LAST_NUMBER = 0xFFFFFFFF


class Flag(IntFlag):
    """
    What one side tells the other along with its payload.

    ``END``: no payload comes any more.  ``HOLD``: send no payload until further
    notice.  ``GONE``: there is no session, or none any more.
    """

    NONE = 0
    END = 1
    HOLD = 2
    GONE = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """
    The body of a request or of an answer.

    :ivar number: of the request.
    :ivar payload: up to ``room(number)`` bytes.
    """

    number: int
    flags: Flag = Flag.NONE
    payload: bytes = b""

    def encode(self) -> bytes:
        """
        :returns: the body.
        """
        return _HEADER.pack(self.number, self.flags) + self.payload

    @classmethod
    def decode(cls, body: bytes) -> Frame:
        """
        :raises FramingError: if it is none.
        """
        if len(body) < _HEADER.size:
            raise FramingError("a body is too short for its number")
        number, flags = _HEADER.unpack_from(body)
        if flags > sum(Flag):
            raise FramingError("a body has unknown flags")
        return cls(number, Flag(flags), body[_HEADER.size :])


def room(number: int) -> int:
    """
    :returns: bytes of payload in a body at the most.
    """
    rest = limits.MEEK_BODY - _HEADER.size
    return rest if number else rest - _CONFIRMATION


def following(number: int) -> int:
    """
    :returns: the next number.
    :raises FramingError: if there is none.
    """
    if number == _LAST_NUMBER:
        raise FramingError("the requests of a session are all used up")
    return number + 1


def offer(entropy: bytes) -> str:
    """
    :param entropy: ``ID_ENTROPY`` random bytes.
    :returns: a session id.
    """
    head = entropy.hex()
    return head + _check(head)


def isOffer(sessionId: str) -> bool:
    """
    Does whoever made the session id know of numbers?
    """
    if not _OFFER.fullmatch(sessionId):
        return False
    head, check = sessionId[: 2 * ID_ENTROPY], sessionId[2 * ID_ENTROPY :]
    return check == _check(head)


def confirmation(sessionId: str) -> bytes:
    """
    :returns: what the first answer of a server begins with that knows of numbers.
    """
    return hashlib.sha256(b"pyptwist meek confirmation " + sessionId.encode()).digest()[
        :_CONFIRMATION
    ]


def _check(head: str) -> str:
    digest = hashlib.sha256(b"pyptwist meek offer " + head.encode()).hexdigest()
    return digest[: 32 - 2 * ID_ENTROPY]
