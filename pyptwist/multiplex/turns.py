"""
What a smux session sends next, and of which stream.

Frames without payload go first: they are few, and others wait for what they say.
Streams with payload have their turns in a circle, one frame each.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from pyptwist.multiplex.frames import HEADER, Command, encodeFrame
from pyptwist.multiplex.keepalive import Keepalive
from pyptwist.multiplex.streams import Stream

#: Bytes that are worth a frame with payload, in what is left of an output.
_LEAST = 1024


class Turns:
    """
    True if there is anything to be sent.
    """

    def __init__(self, version: int, frame: int, keepalive: Keepalive) -> None:
        """
        :param frame: payload bytes in one at the most.
        :param keepalive: knows when a NOP is due.
        """
        self._version = version
        self._frame = frame
        self._keepalive = keepalive
        self._urgent: OrderedDict[int, Stream] = OrderedDict()  # have a SYN, UPD or FIN
        self._ready: OrderedDict[int, Stream] = OrderedDict()  # have payload, and room
        self._refused: deque[int] = deque()

    def __bool__(self) -> bool:
        return bool(self._keepalive.isPingDue or self._refused or self._urgent or self._ready)

    @property
    def hasMuch(self) -> bool:
        """
        Is there more than a few bytes of payload, which might wait for others to join
        them?  What is left of a write that was a little too long is as few.
        """
        if len(self._ready) == 1 and not self._urgent:
            return next(iter(self._ready.values())).sendable >= _LEAST
        return bool(self)

    def announce(self, stream: Stream) -> None:
        """
        It has a frame without payload.
        """
        self._urgent[stream.number] = stream

    def queue(self, stream: Stream) -> None:
        """
        It may have payload, or room for it.
        """
        if stream.number not in self._ready and stream.sendable:
            self._ready[stream.number] = stream

    def refuse(self, number: int) -> int:
        """
        The peer opened a stream that it cannot have.

        :returns: how many refusals wait.
        """
        self._refused.append(number)
        return len(self._refused)

    def remove(self, stream: Stream) -> None:
        """
        It has nothing to send any more.
        """
        self._urgent.pop(stream.number, None)
        self._ready.pop(stream.number, None)

    def clear(self) -> None:
        """
        Nobody has.
        """
        self._urgent.clear()
        self._ready.clear()
        self._refused.clear()

    def output(self, limit: int) -> tuple[bytes, list[Stream]]:
        """
        :param limit: bytes at the most; but at least one frame, if there is any.
        :returns: those, and of which streams they are.  The FIN of one that ``isOver``
            is among them.
        """
        frames: list[bytes] = []
        streams: list[Stream] = []
        room = limit
        while self and (room > 0 or not frames):
            if self._keepalive.isPingDue:
                self._keepalive.isPingDue = False
                frame = encodeFrame(self._version, Command.NOP, 0)
            elif self._refused:
                frame = encodeFrame(self._version, Command.FIN, self._refused.popleft())
            elif self._urgent:
                _, stream = self._urgent.popitem(last=False)
                frame = stream.control(self._version)
                streams.append(stream)
            elif frames and room < _LEAST:
                break
            else:
                _, stream = self._ready.popitem(last=False)
                frame = self._payload(stream, room)
                streams.append(stream)
            frames.append(frame)
            room -= len(frame)
        return b"".join(frames), streams

    def _payload(self, stream: Stream, room: int) -> bytes:
        """
        :param room: bytes that the frame should have at the most, if that is worth one.
        :returns: one frame, and the stream's last one, if it is the last but one; none
            if the peer took back what it had allowed.
        """
        most = min(self._frame, room - HEADER.size) if room >= _LEAST else self._frame
        data = stream.send(most)
        frame = encodeFrame(self._version, Command.PSH, stream.number, data) if data else b""
        if stream.isOver:
            self.remove(stream)
            return frame + stream.control(self._version)
        self.queue(stream)
        return frame
