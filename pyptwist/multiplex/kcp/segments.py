"""
KCP's segments, as they go over the wire: little endian, back to back in a packet.

====== ===== ==================================================================
offset bytes
====== ===== ==================================================================
0      4     conversation, the same in both directions
4      1     command: 81 data, 82 acknowledgement, 83 "what is your window?", 84 "this
             is my window"
5      1     fragments of the same message that follow
6      2     window: segments that the sender of this one can take
8      4     timestamp, milliseconds on the clock of whoever sent the data: an
             acknowledgement brings it back
12     4     number, of data; of the data acknowledged
16     4     number of the first segment that the sender of this one has not received
20     4     length of what follows
24           data
====== ===== ==================================================================
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from pyptwist.errors import FramingError

#: conversation, command, fragments, window, timestamp, number, received, length
HEADER: Final = struct.Struct("<IBBHIIII")

_MASK = 0xFFFFFFFF
_HALF = 0x80000000


class Command(IntEnum):
    """
    What a segment is for.
    """

    PUSH = 81
    ACKNOWLEDGE = 82
    ASK = 83
    TELL = 84


#: command, window, timestamp, number, received, data
Segment = tuple[int, int, int, int, int, bytes]

_COMMANDS = frozenset(int(command) for command in Command)


def readPacket(packet: bytes, conversation: int) -> Iterator[Segment]:
    """
    Take a packet apart.

    :param packet: what one datagram carried.
    :param conversation: whose segments these must be, 32 bits.
    :raises FramingError: at the first segment that is none.
    """
    start, end = 0, len(packet)
    while end - start >= HEADER.size:
        whose, command, _, window, timestamp, number, received, length = HEADER.unpack_from(
            packet, start
        )
        start += HEADER.size
        if whose != conversation:
            raise FramingError("a segment belongs to another conversation")
        if command not in _COMMANDS or length > end - start:
            raise FramingError("a datagram holds something that is no segment")
        yield command, window, timestamp, number, received, packet[start : start + length]
        start += length
    if start != end:
        raise FramingError("a datagram ends within a segment")


def conversationOf(packet: bytes) -> int | None:
    """
    Which conversation does a packet begin?

    :returns: None if it does not look like any conversation's first one.
    """
    if len(packet) < HEADER.size:
        return None
    conversation, command, _, _, _, number, _, length = HEADER.unpack_from(packet)
    if command != Command.PUSH or number >= _FIRST or not 0 < length <= len(packet) - HEADER.size:
        return None
    return int(conversation)


#: Segments that may overtake the first one: any implementation's least window.
_FIRST = 32


def after(number: int, count: int = 1) -> int:
    """
    :returns: the number of a segment that many places on.
    """
    return (number + count) & _MASK


def distance(number: int, other: int) -> int:
    """
    :returns: how far ``number`` lies behind ``other`` in the sequence, which goes round
        after 32 bits; negative if it lies before.
    """
    apart = (number - other) & _MASK
    return apart - (_MASK + 1) if apart >= _HALF else apart
