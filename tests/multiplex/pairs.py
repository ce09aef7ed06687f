"""
A client's and a server's session, and what they tell.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pyptwist.errors import PTError
from pyptwist.multiplex.events import (
    Event,
    SessionEnded,
    SmuxSettings,
    StreamData,
    StreamEnded,
    StreamLost,
    StreamOpened,
)
from pyptwist.multiplex.smux import SmuxSession

WHOLE = 1 << 30  # more than any test has


class Side:
    """
    One session, with all that it told.

    :ivar opened: numbers of the streams that the peer opened, in order.
    :ivar received: payload by stream.
    :ivar ended: numbers of the streams that the peer ended, in order.
    :ivar lost: numbers of the streams that this side gave up.
    :ivar error: why the session ended.
    """

    def __init__(self, isClient: bool, now: float = 0.0, **settings: Any) -> None:
        self.session = SmuxSession(isClient, SmuxSettings(**settings), now)
        self.opened: list[int] = []
        self.received: dict[int, bytearray] = defaultdict(bytearray)
        self.ended: list[int] = []
        self.lost: list[int] = []
        self.error: PTError | None = None

    def apply(self, events: list[Event]) -> None:
        """
        Take note.
        """
        for event in events:
            assert self.error is None, "nothing follows the end"
            if isinstance(event, StreamOpened):
                self.opened.append(event.stream)
            elif isinstance(event, StreamData):
                assert event.stream not in self.ended
                self.received[event.stream] += event.data
            elif isinstance(event, StreamEnded):
                assert event.stream not in self.ended
                self.ended.append(event.stream)
            elif isinstance(event, StreamLost):
                self.lost.append(event.stream)
            elif isinstance(event, SessionEnded):
                self.error = event.error

    def receive(self, data: bytes, now: float = 0.0) -> None:
        """
        Bytes from the peer.
        """
        self.apply(self.session.receive(data, now))

    def output(self, limit: int = WHOLE) -> bytes:
        """
        :returns: bytes for the peer.
        """
        return self.session.output(limit)[0]

    def resume(self, number: int, now: float = 0.0) -> None:
        """
        Take all that was held.
        """
        while event := self.session.resume(number, now):
            self.apply([event])


class Pair:
    """
    Both.
    """

    def __init__(self, **settings: Any) -> None:
        self.client, self.server = Side(True, **settings), Side(False, **settings)

    def run(self, now: float = 0.0) -> int:
        """
        Carry bytes until nobody has any more.

        :returns: how many.
        """
        carried = 0
        while True:
            up, down = self.client.output(), self.server.output()
            if not up and not down:
                return carried
            carried += len(up) + len(down)
            self.server.receive(up, now)
            self.client.receive(down, now)
