"""
How frames become writes.

obfs4-spec.txt section 6 leaves this open; what follows is what obfs4proxy does,
to look like it.

Mode 0: the burst goes out at once, padded so that its length modulo 1448
follows the length table.  Mode 1: the padded burst goes out in pieces of 1448
bytes, with a pause from the delay table behind each.  Mode 2: the same, but
each piece has a length of its own from the table, and padding is added whenever
too little is there for it.
"""

from __future__ import annotations

from typing import Final

from pyptwist import shaping
from pyptwist.shaping import Tables
from pyptwist.transports.obfs4.framing import (
    FRAME_OVERHEAD,
    MAXIMUM_FRAME,
    MAXIMUM_PAYLOAD,
    FrameEncoder,
    dataPackets,
    paddingPacket,
)

#: Times that one burst of mode 2 may be padded.  Some tables with one length
#: only would have it padded for ever, as obfs4proxy then does.
_MAXIMUM_PADDINGS: Final = 16

#: Times that a length of mode 2 is drawn.  A table may hold nothing but 0.
_MAXIMUM_DRAWS: Final = 256


class Shaper(shaping.Shaper):
    """
    Mode 0, and what the others have in common with it.
    """

    def __init__(self, encoder: FrameEncoder, tables: Tables) -> None:
        super().__init__(tables)
        self._encoder = encoder

    def padded(self, data: bytes) -> bytearray:
        packets = dataPackets(data)
        length = len(data) + FRAME_OVERHEAD * len(packets)
        return self._encoder.seal(packets + paddingPackets(length, self._tables.length()))


class PacedShaper(Shaper, shaping.PacedShaper):
    """
    Mode 1.
    """


class ParanoidShaper(PacedShaper):
    """
    Mode 2.
    """

    _paddings = 0

    def _begin(self, data: bytes) -> None:
        self._burst = self._encoder.seal(dataPackets(data))
        self._paddings = 0

    def _pieceLength(self) -> int:
        for _ in range(_MAXIMUM_DRAWS):
            # At a length of 0 obfs4proxy gives up; to draw again hurts nobody.
            length = self._tables.length()
            if length and self._reaches(length):
                return length
        return MAXIMUM_FRAME

    def _reaches(self, length: int) -> bool:
        if len(self._burst) >= length or self._paddings == _MAXIMUM_PADDINGS:
            return True
        self._paddings += 1
        self._burst += self._encoder.seal(paddingPackets(len(self._burst), length))
        # Two frames of padding are too long for this length, and long enough
        # for any other.
        return len(self._burst) == length


def paddingPackets(length: int, target: int) -> list[bytes]:
    """
    What has to follow a burst for its last segment to have a certain length.

    A gap too small for a frame is filled with a full frame and one that is as
    much longer than the gap as a frame's overhead is.  That misses the target
    by 21 bytes; obfs4proxy does the same.

    :param length: bytes in the burst so far.
    :param target: bytes wanted in its last segment of 1448, 0 to 1448.
    """
    gap = target - length % MAXIMUM_FRAME
    if gap < 0:
        gap += MAXIMUM_FRAME
    if gap > FRAME_OVERHEAD:
        return [paddingPacket(gap - FRAME_OVERHEAD)]
    return [paddingPacket(MAXIMUM_PAYLOAD), paddingPacket(gap)] if gap else []
