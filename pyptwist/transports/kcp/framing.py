"""
What stands around KCP's packets in a datagram.

``session``, our own:

====== ===== ==================================================================
offset bytes
====== ===== ==================================================================
0      8     session: random, chosen by the client; whoever knows it may speak
8      1     kind, see ``Kind``
9            a KCP packet; or what the kind has
====== ===== ==================================================================

The conversation's number in KCP's packets is the session's first 4 bytes, little
endian.

``kcptun``, which kcptun and kcp-go speak without encryption and error correction
(``--crypt none --datashard 0 --parityshard 0``):

====== ===== ==================================================================
offset bytes
====== ===== ==================================================================
0      16    random
16     4     CRC-32 of what follows, little endian
20           a KCP packet
====== ===== ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, Protocol
from zlib import crc32

from pyptwist.multiplex.kcp.segments import HEADER

SESSION: Final = 8
COOKIE: Final = 16

#: What each side says must be so and no other way.
VERSION: Final = b"\x01"

Entropy = Callable[[int], bytes]


class Kind(IntEnum):
    """
    What a datagram is for.
    """

    PACKET = 0  # KCP's
    HELLO = 1  # client: may I?  A version, and zeros up to a challenge's length
    CHALLENGE = 2  # server: say this, if you are where you seem to be.  A cookie
    ANSWER = 3  # client: the cookie
    ACCEPT = 4  # server: you may
    PING = 5  # are you there?  Zeros, up to a challenge's length
    PONG = 6  # yes
    OVER = 7  # I have everything, up to your end
    ABORT = 8  # there is no such session, or no more


#: What follows the kind, where that is fixed.  No kind that a server answers is
#: shorter than the answer, so that nobody can make it send more than he sent.
_BODIES: Final = {
    Kind.HELLO: VERSION + bytes(COOKIE - 1),
    Kind.ACCEPT: b"",
    Kind.PING: bytes(COOKIE),
    Kind.PONG: b"",
    Kind.OVER: b"",
    Kind.ABORT: b"",
}
_WITH_COOKIE: Final = frozenset({Kind.CHALLENGE, Kind.ANSWER})
_KINDS: Final = {int(kind): kind for kind in Kind}


class Framing(Protocol):
    """
    One of the two.

    :ivar name: in the argument ``framing``.
    :ivar overhead: bytes before a packet.
    :ivar hasSessions: whether there are sessions, and kinds but ``PACKET``.
    """

    name: str
    overhead: int
    hasSessions: bool

    def seal(self, session: bytes, kind: Kind, body: bytes = b"") -> bytes:
        """
        :param session: ``SESSION`` bytes; of no account without sessions.
        :param body: the packet, or the cookie; nothing for other kinds.
        :returns: the datagram; empty if it cannot be said.
        """

    def open(self, datagram: bytes) -> tuple[bytes, Kind, bytes] | None:
        """
        :returns: session, kind and body; None if it is garbage.  Without sessions, it is
            the conversation's number.
        """


class SessionFraming:
    """
    See above.
    """

    name = "session"
    overhead = SESSION + 1
    hasSessions = True

    def seal(self, session: bytes, kind: Kind, body: bytes = b"") -> bytes:
        return b"%b%c%b" % (session, kind, body or _BODIES.get(kind, b""))

    def open(self, datagram: bytes) -> tuple[bytes, Kind, bytes] | None:
        if len(datagram) < self.overhead:
            return None
        kind, body = _KINDS.get(datagram[SESSION]), datagram[self.overhead :]
        if kind is None or not _isBody(kind, body):
            return None
        return datagram[:SESSION], kind, body


def _isBody(kind: Kind, body: bytes) -> bool:
    if kind in _WITH_COOKIE:
        return len(body) == COOKIE
    if kind is Kind.PACKET:
        return len(body) >= HEADER.size
    return body == _BODIES[kind]


class KcptunFraming:
    """
    See above.
    """

    name = "kcptun"
    overhead = 20
    hasSessions = False

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def seal(self, session: bytes, kind: Kind, body: bytes = b"") -> bytes:
        if kind is not Kind.PACKET:
            return b""
        return b"".join((self._entropy(16), crc32(body).to_bytes(4, "little"), body))

    def open(self, datagram: bytes) -> tuple[bytes, Kind, bytes] | None:
        packet = datagram[self.overhead :]
        if crc32(packet).to_bytes(4, "little") != datagram[16 : self.overhead]:
            return None
        # The conversation's number: all of a session that there is.
        return (packet[:4], Kind.PACKET, packet) if _isBody(Kind.PACKET, packet) else None
