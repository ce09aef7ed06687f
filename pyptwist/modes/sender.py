"""
Frames on their way into a transport connection.

UDP has no backpressure: nobody can be told to wait.  So what a connection does
not take waits here, up to a bound, and beyond it is dropped by whoever asked.

Frames are written at the end of the reactor's turn, those of one turn together: a
burst of datagrams is one burst of the transport's, with one padding, and not one
of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall


class Room:
    """
    Bytes that senders may hold together.

    :ivar free: how many are left.
    """

    __slots__ = ("free",)

    def __init__(self, size: int) -> None:
        self.free = size


class Turn:
    """
    Senders that have something to write when the reactor's turn is over.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._senders: set[Sender] = set()
        self._call: IDelayedCall | None = None

    def add(self, sender: Sender) -> None:
        self._senders.add(sender)
        if self._call is None:
            self._call = self._reactor.callLater(0, self._over)

    def remove(self, sender: Sender) -> None:
        self._senders.discard(sender)
        if not self._senders and self._call is not None:
            self._call.cancel()
            self._call = None

    def _over(self) -> None:
        self._call = None
        senders, self._senders = self._senders, set()
        for sender in senders:
            sender.flush()


class SenderOwner(Protocol):
    """
    What a sender tells.
    """

    def congested(self, isFull: bool) -> None:
        """
        The connection takes nothing for now, or takes again.
        """

    def broken(self, reason: Failure, lost: int) -> None:
        """
        Writing to the connection failed, though it did not close.

        :param lost: datagrams that were being written.
        """


@implementer(IPushProducer)
class Sender:
    """
    One connection's.  Until it has the connection, it holds.
    """

    _log = Logger()

    __slots__ = ("_frames", "_full", "_owner", "_room", "_size", "_transport", "_turn")

    def __init__(self, owner: SenderOwner, room: Room, turn: Turn) -> None:
        """
        :param room: shared with others.
        :param turn: the listener's.
        """
        self._owner: SenderOwner | None = owner
        self._room = room
        self._turn = turn
        self._transport: Any = None
        self._frames: list[bytes] = []
        self._size = 0
        self._full = False

    def put(self, frame: bytes, limit: int) -> bool:
        """
        :param limit: bytes that may be held, this frame included.
        :returns: whether the frame was taken.
        """
        cost = len(frame) + limits.DATAGRAM_OVERHEAD
        if self._size + cost > limit or cost > self._room.free:
            return False
        self._frames.append(frame)
        self._size += cost
        self._room.free -= cost
        if self._transport is not None and not self._full:
            if self._size >= limits.BURST:
                self.flush()
            else:
                self._turn.add(self)
        return True

    def connect(self, transport: Any) -> None:
        """
        Write what is held, and from now on whatever comes.
        """
        self._transport = transport
        transport.registerProducer(self, True)
        self.flush()

    def flush(self) -> None:
        """
        Write until there is nothing left, or the connection takes no more.
        """
        while self._frames and not self._full and self._transport is not None:
            before = len(self._frames)
            piece = self._take()
            lost = before - len(self._frames)
            try:
                self._transport.write(piece)
            except Exception:
                self._failed(Failure(), lost)

    def end(self) -> int:
        """
        Close the connection behind what is held.

        :returns: how many datagrams it did not take.
        """
        transport, rest = self._transport, b"".join(self._frames)
        lost = self.discard()
        if transport is None:
            return lost
        transport.unregisterProducer()
        try:
            transport.write(rest)
            lost = 0
        except Exception:
            # Whoever ends one flow has others to end.
            self._log.failure("a flow's connection took no write at its end")
        transport.loseConnection()
        return lost

    def discard(self) -> int:
        """
        Forget the connection, and what is held.

        :returns: how many datagrams that were.
        """
        frames, self._frames = self._frames, []
        self._room.free += self._size
        self._size = 0
        self._transport = self._owner = None
        self._turn.remove(self)
        return len(frames)

    def pauseProducing(self) -> None:
        self._full = True
        if self._owner is not None:
            self._owner.congested(True)

    def resumeProducing(self) -> None:
        self._full = False
        self.flush()
        if not self._full and self._owner is not None:
            self._owner.congested(False)

    def stopProducing(self) -> None:
        """
        The connection is lost, as its protocol hears by itself.
        """
        self._transport = None

    def _failed(self, reason: Failure, lost: int) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.unregisterProducer()
        if self._owner is not None:
            self._owner.broken(reason, lost)

    def _take(self) -> bytes:
        """
        :returns: the frames that make up the next write: one burst's worth, so
            that a full connection is noticed before all is written.
        """
        frames, count, size = self._frames, 0, 0
        while count < len(frames) and (not count or size + len(frames[count]) <= limits.BURST):
            size += len(frames[count])
            count += 1
        piece = b"".join(frames[:count])
        del frames[:count]
        cost = size + count * limits.DATAGRAM_OVERHEAD
        self._size -= cost
        self._room.free += cost
        return piece
