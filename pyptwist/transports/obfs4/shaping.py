"""
How frames become writes: lengths and times that follow tables, not payload.

obfs4-spec.txt section 6 leaves this open; what follows is what obfs4proxy does,
to look like it.  A burst is one write of the application, or 32 KiB of it: a
relay of obfs4proxy's reads no more at once.

Mode 0: the burst goes out at once, padded so that its length modulo 1448
follows the length table.  Mode 1: the padded burst goes out in pieces of 1448
bytes, with a pause from the delay table behind each.  Mode 2: the same, but
each piece has a length of its own from the table, and padding is added whenever
too little is there for it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import SEED_LENGTH
from pyptwist.crypto.probdist import Table, randomTable, seededTable
from pyptwist.transports.obfs4.framing import (
    FRAME_OVERHEAD,
    MAXIMUM_FRAME,
    MAXIMUM_PAYLOAD,
    FrameEncoder,
    dataPackets,
    paddingPacket,
)

_LONGEST_DELAY: Final = 100
_DELAY_UNIT: Final = 100e-6

#: Times that one burst of mode 2 may be padded.  Some tables with one length
#: only would have it padded for ever, as obfs4proxy then does.
_MAXIMUM_PADDINGS: Final = 16

#: Times that a length of mode 2 is drawn.  A table may hold nothing but 0.
_MAXIMUM_DRAWS: Final = 256


class Tables:
    """
    The length table and the delay table of one server, or of one client that
    does not know its server's yet.

    Made when first needed: most servers need no delays, and a seed that nobody
    draws from costs nothing.
    """

    __slots__ = ("_delays", "_entropy", "_lengths", "_seed")

    def __init__(self, entropy: Entropy, seed: bytes | None = None) -> None:
        """
        :param entropy: throws the dice.
        :param seed: 24 bytes; None for a random one.
        """
        self._entropy = entropy
        self._seed = seed
        self._lengths: Table | None = None
        self._delays: Table | None = None

    def reseed(self, seed: bytes) -> None:
        """
        Go over to other tables.

        :param seed: 24 bytes.
        """
        self._seed = seed
        self._lengths = self._delays = None

    def length(self) -> int:
        """
        Draw a length.

        :returns: 0 to 1448 bytes.
        """
        if self._lengths is None:
            self._lengths = self._table(self._seed, MAXIMUM_FRAME)
        return self._lengths.sample(self._entropy)

    def delay(self) -> float:
        """
        Draw a pause.

        :returns: 0 to 0.01 seconds.
        """
        if self._delays is None:
            seed = self._seed and sha256(self._seed).digest()[:SEED_LENGTH]
            self._delays = self._table(seed, _LONGEST_DELAY)
        return self._delays.sample(self._entropy) * _DELAY_UNIT

    def _table(self, seed: bytes | None, maximum: int) -> Table:
        if seed is None:
            return randomTable(self._entropy, 0, maximum)
        return seededTable(seed, 0, maximum)


class Shaper:
    """
    Mode 0, and what the others have in common with it.

    :ivar nextTimer: when ``resume`` wants to be called; None for never.
    :ivar backlog: bytes that wait for it.
    """

    nextTimer: float | None = None
    backlog: int = 0

    def __init__(self, encoder: FrameEncoder, tables: Tables) -> None:
        self._encoder = encoder
        self._tables = tables

    def write(self, data: bytes, now: float) -> bytearray:
        """
        Take one burst.

        :param data: 1 byte or more, and at most ``limits.OBFS4_BURST``.
        :param now: seconds on the clock of ``nextTimer``.
        :returns: what goes out at once, maybe nothing.
        """
        return self._padded(data)

    def resume(self, now: float) -> bytearray:
        """
        ``nextTimer`` has come.

        :returns: what goes out now, maybe nothing.
        """
        return bytearray()

    def _padded(self, data: bytes) -> bytearray:
        packets = dataPackets(data)
        length = len(data) + FRAME_OVERHEAD * len(packets)
        return self._encoder.seal(packets + paddingPackets(length, self._tables.length()))


class PacedShaper(Shaper):
    """
    Mode 1.

    obfs4proxy's write ends after the pause behind its last piece, and what the
    application sent meanwhile becomes the next burst.  So it is here.

    Reactors on epoll end a pause at the next full millisecond.  So do Go's
    programs, whose gaps show it: to keep time better would tell the two apart.
    """

    def __init__(self, encoder: FrameEncoder, tables: Tables) -> None:
        super().__init__(encoder, tables)
        self._waiting = bytearray()
        self._burst = bytearray()

    def write(self, data: bytes, now: float) -> bytearray:
        self._waiting += data
        self.backlog += len(data)
        return bytearray() if self.nextTimer is not None else self.resume(now)

    def resume(self, now: float) -> bytearray:
        self.nextTimer = None
        if not self._burst and self._waiting:
            self._begin(bytes(self._waiting[: limits.OBFS4_BURST]))
            del self._waiting[: limits.OBFS4_BURST]
        piece = self._take(self._pieceLength()) if self._burst else bytearray()
        if piece:
            self.nextTimer = now + self._tables.delay()
        self.backlog = len(self._waiting) + len(self._burst)
        return piece

    def _begin(self, data: bytes) -> None:
        self._burst = self._padded(data)

    def _pieceLength(self) -> int:
        return MAXIMUM_FRAME

    def _take(self, count: int) -> bytearray:
        piece = self._burst[:count]
        del self._burst[:count]
        return piece


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
