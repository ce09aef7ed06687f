"""
What a smux session holds for readers that take nothing, and who has to go when that
is too much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import inf

from pyptwist import limits
from pyptwist.multiplex.streams import Stream


class Holding:
    """
    :ivar isFull: is there so much that nothing more may come?
    :ivar stalledAt: when ``stalled`` is to be asked; None for never.
    """

    def __init__(self, limit: int) -> None:
        """
        :param limit: bytes of all streams.
        """
        self.isFull = False
        self.stalledAt: float | None = None
        self._limit = limit
        self._held = 0

    def add(self, count: int, now: float) -> None:
        """
        So many bytes more are held.
        """
        self._held += count
        if self._held >= self._limit and not self.isFull:
            self.isFull = True
            if self.stalledAt is None:
                self.stalledAt = now + limits.SMUX_STALL

    def remove(self, count: int) -> None:
        """
        So many bytes less.
        """
        self._held -= count
        if self._held < self._limit:
            # Not the end of what is stalled: a slow reader beside it makes a little room.
            self.isFull = False

    def clear(self) -> None:
        """
        Nothing is held.
        """
        self.remove(self._held)
        self.stalledAt = None

    def stalled(self, streams: Collection[Stream], now: float) -> Iterator[Stream]:
        """
        :param streams: all of the session.
        :returns: those that have to go: they took nothing for too long, and hold most.
            Each must be gone before the next is asked for.  A stream that is alone may
            stay: it holds up nobody.
        """
        latest = now - limits.SMUX_STALL if len(streams) > 1 else -inf
        holding = sorted(
            (stream for stream in streams if stream.held),
            key=lambda stream: len(stream.held),
            reverse=True,
        )
        for stream in holding:
            if self.isFull and stream.since <= latest:
                yield stream
        self.stalledAt = None
        if self.isFull:
            since = min(stream.since for stream in holding if stream.held)
            self.stalledAt = max(since + limits.SMUX_STALL, now + limits.SMUX_STALL / 2)
