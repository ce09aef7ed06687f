"""
How bursts become writes: lengths and times that follow tables, not payload.

A burst is one write of the application, or 32 KiB of it: a relay of obfs4proxy's
reads no more at once.  What the frames of a burst are, and how it is padded, is
the method's business; when its bytes go out is decided here.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, Protocol

from pyptwist import limits
from pyptwist.codec import CodecBase, Deliver, Effect, Transmit
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import SEED_LENGTH
from pyptwist.crypto.probdist import Table, randomTable, seededTable
from pyptwist.errors import FramingError

#: Bytes of the longest frame: a TCP segment over Ethernet, less a little.
SEGMENT: Final = 1448

_LONGEST_DELAY: Final = 100
_DELAY_UNIT: Final = 100e-6


class Tables:
    """
    The length table and the delay table of one server, or of one client that
    does not know its server's yet.

    Made when first needed: most servers need no delays, and a seed that nobody
    draws from costs nothing.
    """

    __slots__ = ("_biased", "_delays", "_entropy", "_lengths", "_seed", "_shortest")

    def __init__(
        self,
        entropy: Entropy,
        seed: bytes | None = None,
        shortest: int = 0,
        biased: bool = False,
    ) -> None:
        """
        :param entropy: throws the dice.
        :param seed: 24 bytes; None for a random one.
        :param shortest: the smallest length that may occur.
        :param biased: see ``pyptwist.crypto.probdist.seededWeights``.
        """
        self._entropy = entropy
        self._seed = seed
        self._shortest = shortest
        self._biased = biased
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

        :returns: up to 1448 bytes.
        """
        if self._lengths is None:
            self._lengths = self._table(self._seed, self._shortest, SEGMENT)
        return self._lengths.sample(self._entropy)

    def delay(self) -> float:
        """
        Draw a pause.

        :returns: 0 to 0.01 seconds.
        """
        if self._delays is None:
            seed = self._seed and sha256(self._seed).digest()[:SEED_LENGTH]
            self._delays = self._table(seed, 0, _LONGEST_DELAY)
        return self._delays.sample(self._entropy) * _DELAY_UNIT

    def _table(self, seed: bytes | None, minimum: int, maximum: int) -> Table:
        if seed is None:
            return randomTable(self._entropy, minimum, maximum, self._biased)
        return seededTable(seed, minimum, maximum, self._biased)


class Shaper:
    """
    Each burst goes out at once: write ``padded``.

    :ivar nextTimer: when ``resume`` wants to be called; None for never.
    :ivar backlog: bytes that wait for it.
    """

    nextTimer: float | None = None
    backlog: int = 0

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def padded(self, data: bytes) -> bytearray:
        """
        :returns: the frames of one burst, padded.
        """
        raise TypeError(f"{type(self).__name__} must define padded")

    def write(self, data: bytes, now: float) -> bytearray:
        """
        Take one burst.

        :param data: 1 byte or more, and at most ``limits.BURST``.
        :param now: seconds on the clock of ``nextTimer``.
        :returns: what goes out at once, maybe nothing.
        """
        return self.padded(data)

    def resume(self, now: float) -> bytearray:
        """
        ``nextTimer`` has come.

        :returns: what goes out now, maybe nothing.
        """
        return bytearray()


class PacedShaper(Shaper):
    """
    The padded burst goes out in pieces of 1448 bytes, with a pause from the
    delay table behind each.

    obfs4proxy's write ends after the pause behind its last piece, and what the
    application sent meanwhile becomes the next burst.  So it is here.

    Reactors on epoll end a pause at the next full millisecond.  So do Go's
    programs, whose gaps show it: to keep time better would tell the two apart.
    """

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self._waiting = bytearray()
        self._burst = bytearray()

    def write(self, data: bytes, now: float) -> bytearray:
        self._waiting += data
        self.backlog += len(data)
        return bytearray() if self.nextTimer is not None else self.resume(now)

    def resume(self, now: float) -> bytearray:
        self.nextTimer = None
        if not self._burst and self._waiting:
            self._begin(bytes(self._waiting[: limits.BURST]))
            del self._waiting[: limits.BURST]
        piece = self._take(self._pieceLength()) if self._burst else bytearray()
        if piece:
            self.nextTimer = now + self._tables.delay()
        self.backlog = len(self._waiting) + len(self._burst)
        return piece

    def _begin(self, data: bytes) -> None:
        self._burst = self.padded(data)

    def _pieceLength(self) -> int:
        return SEGMENT

    def _take(self, count: int) -> bytearray:
        piece = self._burst[:count]
        del self._burst[:count]
        return piece


class Decoder(Protocol):
    """
    Opens the frames of one direction.
    """

    def open(self, data: bytes, payloads: list[Any]) -> None:
        """
        Open all frames that are complete now.

        :param data: the bytes that came.
        :param payloads: where the payload goes to, bytes or bytearrays, also what
            came before the error.
        :raises FramingError: the stream was tampered with, or the peer errs.
        """


class ShapedCodec(CodecBase):
    """
    A codec that sends through a shaper and receives through a decoder, which
    are there from ``Ready`` on.
    """

    _shaper: Shaper
    _decoder: Decoder

    def open(self, data: bytes) -> None:
        """
        Deliver the payload of what came.
        """
        payloads: list[Any] = []
        error = None
        try:
            self._decoder.open(data, payloads)
        except FramingError as caught:
            # Its traceback leads back to here: that is a cycle.
            error = caught.with_traceback(None)
        if payloads:
            self.out.append(Deliver(b"".join(payloads)))
        if error:
            self.finish(error)

    def opened(self) -> None:
        """
        One read was opened: see what the decoder found besides payload.
        """

    def send(self, data: bytes, now: float) -> list[Effect]:
        if not self.isReady or self.isFinished:
            return super().send(data, now)
        shaper, burst = self._shaper, limits.BURST
        # Each burst is a write of its own, and ends in a segment of its own.
        effects: list[Effect] = [
            Transmit(frames)
            for at in range(0, len(data), burst)
            if (frames := shaper.write(data[at : at + burst], now))
        ]
        self.nextTimer, self.backlog = shaper.nextTimer, shaper.backlog
        return effects

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if not self.isReady or self.isFinished:
            return super().receive(data, now)
        self.open(data)
        self.opened()
        return self._effects()

    def timer(self) -> None:
        if not self.isReady:
            super().timer()
            return
        frames = self._shaper.resume(self.now)
        self.nextTimer, self.backlog = self._shaper.nextTimer, self._shaper.backlog
        self.transmit(frames)

    def isFlushed(self) -> bool:
        # obfs4proxy sleeps behind its last piece, too, before it closes.
        return self.nextTimer is None
