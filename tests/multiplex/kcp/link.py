"""
Two KCP conversations on a path that loses, delays and reorders.
"""

from __future__ import annotations

import heapq
import random

from pyptwist.multiplex.kcp import Conversation, Settings

_LONGEST = 3600.0  # seconds, of a clock that costs no time


class Link:
    """
    :ivar now: seconds.
    :ivar ends: both conversations.
    :ivar received: what each got.
    :ivar packets: how many each sent.
    :ivar reading: whether each takes what comes.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        other: Settings | None = None,
        loss: float = 0.0,
        late: float = 0.0,
        delay: float = 0.02,
        seed: int = 1,
    ) -> None:
        """
        :param loss: how many of the packets are lost.
        :param late: how many take up to twice as long.
        :param delay: seconds.
        """
        settings = settings or Settings()
        self.now = 0.0
        self.ends = (
            Conversation(7, settings, 0.0, 2**32 - 100),
            Conversation(7, other or settings, 0.0, 12345),
        )
        self.received = (bytearray(), bytearray())
        self.packets = [0, 0]
        self.reading = [True, True]
        self.loss, self.late, self.delay = loss, late, delay
        self.random = random.Random(seed)
        self._wire: list[tuple[float, int, int, bytes]] = []

    def flush(self, end: int) -> None:
        """
        Put on the wire what one end has to send.
        """
        for packet in self.ends[end].transmit(self.now):
            self.packets[end] += 1
            if self.random.random() < self.loss:
                continue
            delay = self.delay
            if self.random.random() < self.late:
                delay *= 1 + self.random.random()
            heapq.heappush(self._wire, (self.now + delay, sum(self.packets), 1 - end, packet))

    def take(self, end: int) -> None:
        """
        Let one end's application take what came, if it reads.
        """
        if self.reading[end]:
            self.received[end].extend(self.ends[end].take())

    def run(self, seconds: float = _LONGEST) -> bool:
        """
        :returns: whether it came to rest.
        """
        deadline = self.now + seconds
        self.flush(0)
        self.flush(1)
        while (at := self._next()) is not None:
            if at > deadline:
                self.now = deadline
                return False
            self.now = max(self.now, at)
            self._deliver()
            self.flush(0)
            self.flush(1)
        return True

    def _next(self) -> float | None:
        times = [end.nextTimer for end in self.ends]
        if self._wire:
            times.append(self._wire[0][0])
        return min((at for at in times if at is not None), default=None)

    def _deliver(self) -> None:
        while self._wire and self._wire[0][0] <= self.now:
            _, _, end, packet = heapq.heappop(self._wire)
            self.ends[end].receive(packet, self.now)
            self.take(end)
            self.flush(end)
