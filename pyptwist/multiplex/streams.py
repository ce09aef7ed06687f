"""
One stream of a smux session: its queues and its windows.

Windows are version 2's.  A side may have sent at most so many bytes more than the
peer said its application took: 256 KiB, until the peer says another number.  The
peer is told at the first read, and whenever half a window was read since.
"""

from __future__ import annotations

from pyptwist.errors import FramingError
from pyptwist.multiplex.frames import Command, encodeFrame, encodeUpdate

#: Bytes that each side may send before it was told anything.
INITIAL_WINDOW = 256 * 1024

_MODULUS = 1 << 32


class Stream:
    """
    What a session remembers of a stream, until its FIN is out.

    :ivar number: the peer knows it by that.
    :ivar outgoing: payload that is not sent yet.
    :ivar held: payload that came while the application was paused.
    :ivar isPaused: does the application take nothing?
    :ivar hasPeerEnded: did the peer's FIN come?
    :ivar endDue: is the application to be told so, behind what is held?
    :ivar synDue: is the peer to be told that there is this stream?
    :ivar updateDue: of a new window?
    :ivar finDue: of its end, behind what is queued?
    :ivar since: when the application began to take nothing of what is held.
    """

    __slots__ = (
        "_consumed",
        "_received",
        "_sent",
        "_unsaid",
        "_window",
        "_windowOfPeer",
        "endDue",
        "finDue",
        "hasPeerEnded",
        "held",
        "isPaused",
        "number",
        "outgoing",
        "since",
        "synDue",
        "updateDue",
    )

    def __init__(self, number: int, window: int | None) -> None:
        """
        :param window: bytes that we offer the peer; None in version 1, which knows
            no windows.
        """
        self.number = number
        self.outgoing = bytearray()
        self.held = bytearray()
        self.isPaused = False
        self.hasPeerEnded = False
        self.endDue = False
        self.synDue = False
        self.updateDue = False
        self.finDue = False
        self.since = 0.0
        self._window = window
        self._windowOfPeer = INITIAL_WINDOW
        self._sent = 0
        self._consumed = 0  # of what was sent, by the peer
        self._received = 0  # and taken by our application
        self._unsaid = 0  # of that, since the last update

    # --- out ----------------------------------------------------------------

    @property
    def sendable(self) -> int:
        """
        How many bytes of the queue the peer takes now.
        """
        if self._window is None:
            return len(self.outgoing)
        room = self._windowOfPeer - (self._sent - self._consumed) % _MODULUS
        return max(0, min(len(self.outgoing), room))

    def send(self, limit: int) -> bytes:
        """
        :param limit: bytes, 1 or more.
        :returns: the next to be sent, at most ``sendable``.
        """
        count = min(limit, self.sendable)
        with memoryview(self.outgoing) as view:
            data = bytes(view[:count])
        del self.outgoing[:count]
        self._sent = (self._sent + count) % _MODULUS
        return data

    @property
    def isOver(self) -> bool:
        """
        Is all said, but for the frames that are due?
        """
        return self.finDue and not self.outgoing

    def control(self, version: int) -> bytes:
        """
        :returns: the frames without payload that are due.
        """
        frames = b""
        if self.synDue:
            self.synDue = False
            frames += encodeFrame(version, Command.SYN, self.number)
        if self.updateDue:
            self.updateDue = False
            self._unsaid = 0
            frames += encodeUpdate(version, self.number, self._received, self._window or 0)
        if self.isOver:
            frames += encodeFrame(version, Command.FIN, self.number)
        return frames

    def update(self, consumed: int, window: int) -> None:
        """
        The peer's UPD came.

        :raises FramingError: if its application took what was never sent.
        """
        if (self._sent - consumed) % _MODULUS >= _MODULUS // 2:
            raise FramingError("the peer consumed more than it was sent")
        self._consumed, self._windowOfPeer = consumed, window

    # --- in -----------------------------------------------------------------

    def hold(self, data: bytes) -> None:
        """
        Keep what came, for later.

        :raises FramingError: if the peer does not keep to the window.
        """
        self.held += data
        if self._window is not None and len(self.held) > max(self._window, INITIAL_WINDOW):
            raise FramingError("the peer sent more than the stream's window")

    def release(self, limit: int) -> bytes:
        """
        :returns: the first bytes of what was held.
        """
        with memoryview(self.held) as view:
            data = bytes(view[:limit])
        del self.held[:limit]
        return data

    def consumed(self, count: int) -> None:
        """
        The application took some bytes.
        """
        if self._window is None:
            return
        isFirst = not self._received
        self._received = (self._received + count) % _MODULUS
        self._unsaid += count
        if isFirst or self._unsaid >= self._window // 2:
            self._unsaid = 0
            self.updateDue = not self.hasPeerEnded
