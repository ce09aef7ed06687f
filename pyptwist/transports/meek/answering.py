"""
The server's side of a session: what to make of a request, and when to answer.

An answer waits for something to say, for a short time; and where the application
takes nothing, until it does.  With numbers (see ``numbering``), the last answer is
remembered, and a request that comes once more gets it once more.

Sans I/O.  A request is any object.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

from pyptwist import limits
from pyptwist.codec import Deliver, Finished
from pyptwist.errors import FramingError, PTError
from pyptwist.transports.meek.errors import SessionLost
from pyptwist.transports.meek.numbering import (
    Flag,
    Frame,
    confirmation,
    following,
    isOffer,
    room,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Answer a request.

    :ivar body: up to ``limits.MEEK_BODY`` bytes.
    """

    request: Any
    body: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """
    Do not answer a request as it wants it.

    :ivar isBad: whether it is its own fault; else its connection is to end without
        any answer.
    """

    request: Any
    isBad: bool = False


Outcome: TypeAlias = Answer | Drop | Deliver | Finished


class _Life(Enum):
    OPEN = auto()
    ENDING = auto()  # the application is done, but its bytes are not all fetched
    ENDED = auto()  # the application is gone; the client may not know yet
    FORGOTTEN = auto()


class ServerMachine:
    """
    One session, from its first request on.

    :ivar lingers: whether it is remembered for a while when it is over, so that its
        client hears of that.
    """

    def __init__(self, sessionId: str, turnaround: float, now: float) -> None:
        """
        :param turnaround: seconds for which an answer waits for something to say.
        """
        self._id = sessionId
        self._isNumbered = isOffer(sessionId)
        self._turnaround = turnaround
        self._life = _Life.OPEN
        self._last = Flag.END  # what the client is told at the end
        self._buffer = bytearray()
        self._number = -1
        self._answer: bytes | None = b""
        self._request: object | None = None
        self._queue: deque[tuple[object, bytes]] = deque()
        self._at: float | None = None
        self._heard = now
        self._paused = False
        self._surplus = 0  # bytes that it got all the same
        self._isHeld = False  # the client takes no payload
        self._toldToHold = False
        self._isWaitedFor = False  # the client has more to send
        self.lingers = True

    @property
    def backlog(self) -> int:
        """
        Bytes taken by send() that are in no answer yet, beyond what the next one
        holds: that much is always to be there.
        """
        return max(0, len(self._buffer) - limits.MEEK_BODY)

    @property
    def isForgotten(self) -> bool:
        """
        Is there nothing to remember of it any more?
        """
        isSpent = self._life is _Life.ENDED and not self.lingers and self._request is None
        return self._life is _Life.FORGOTTEN or isSpent

    @property
    def nextTimer(self) -> float | None:
        """
        When timerFired() wants to be called; None for never.
        """
        if self.isForgotten:
            return None
        end = self._heard + self._lifetime
        return end if self._at is None else min(self._at, end)

    # --- the network --------------------------------------------------------

    def requested(self, request: object, body: bytes, now: float) -> list[Outcome]:
        """
        A request came, whole.

        :param body: at most ``limits.MEEK_BODY`` bytes.
        """
        self._heard = now
        if self._isNumbered:
            try:
                return self._numbered(request, body, now)
            except FramingError:
                return [Drop(request, isBad=True)]
        if self._request is None:
            return self._plain(request, body, now)
        if len(self._queue) >= limits.MEEK_QUEUED:
            return [Drop(request, isBad=True)]
        self._queue.append((request, body))
        return []

    def gone(self, request: object, now: float) -> list[Outcome]:
        """
        A request's connection was lost before its answer.
        """
        if request is not self._request:
            self._queue = deque(each for each in self._queue if each[0] is not request)
            return []
        self._request = self._at = None
        return self._next(now)

    def cutOff(self) -> list[Outcome]:
        """
        No request can come any more.
        """
        return self._forget(SessionLost("the server has stopped"))

    def timerFired(self, now: float) -> list[Outcome]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
        if now >= self._heard + self._lifetime:
            return self._forget(SessionLost("the client was not heard of for too long"))
        if self._at is None or now < self._at:
            return []
        return self._respond(now)

    # --- the application ----------------------------------------------------

    def send(self, data: bytes, now: float) -> None:
        """
        The application writes.
        """
        if self._life is _Life.OPEN:
            self._buffer += data
            self._schedule(now)

    def sendEnd(self, now: float) -> list[Outcome]:
        """
        It writes no more: flush, then Finished.
        """
        if self._life is not _Life.OPEN:
            return []
        self._life, self._heard = _Life.ENDING, now
        outcomes = self._endIfFlushed()
        self._schedule(now)
        return outcomes

    def abort(self, now: float) -> list[Outcome]:
        """
        It drops everything, or is not there at all.
        """
        if self._life not in (_Life.OPEN, _Life.ENDING):
            return []
        self._last, self._heard = Flag.GONE, now
        outcomes = self._end(None)
        self._schedule(now)
        return outcomes

    def pause(self, now: float) -> None:
        """
        It takes nothing more for now.
        """
        self._paused = True
        self._schedule(now)

    def resume(self, now: float) -> None:
        """
        It takes everything again.
        """
        if self._paused:
            self._paused, self._surplus = False, 0
            if self._request is not None:
                self._at = now

    # --- requests -----------------------------------------------------------

    def _plain(self, request: object, body: bytes, now: float) -> list[Outcome]:
        if body and self._isSated:
            # The one before was not answered, and dropped by its client.
            return [Drop(request, isBad=True), *self._next(now)]
        self._request = request
        return self._accept(body, now)

    def _numbered(self, request: object, body: bytes, now: float) -> list[Outcome]:
        # The first request is made before the client knows what this server is.
        frame = Frame.decode(body) if body else Frame(0)
        if Flag.GONE in frame.flags:
            answer = Answer(request, Frame(frame.number, Flag.GONE).encode())
            return [answer, *self._forget(SessionLost("the client dropped the connection"))]
        if frame.number == self._number:
            return self._repeated(request)
        if self._answer is None or frame.number != following(self._number):
            raise FramingError("a request is not the next one")
        if frame.payload and (frame.number == 0 or self._toldToHold):
            return [Drop(request, isBad=True), *self._forget(FramingError("unasked payload"))]
        self._number, self._answer, self._request = frame.number, None, request
        self._isHeld = Flag.HOLD in frame.flags
        return self._accept(frame.payload, now, isEnd=Flag.END in frame.flags)

    def _repeated(self, request: object) -> list[Outcome]:
        if self._answer is not None:
            return [Answer(request, self._answer)]
        # The connection of the other one is dead, though we do not know it yet.
        other, self._request = self._request, request
        return [] if other is None else [Drop(other)]

    def _accept(self, payload: bytes, now: float, isEnd: bool = False) -> list[Outcome]:
        outcomes: list[Outcome] = []
        # Who sends as much as fits has more to send.
        full = room(max(self._number, 1)) if self._isNumbered else limits.MEEK_BODY
        self._isWaitedFor = len(payload) >= full
        if payload and self._life is _Life.OPEN:
            self._surplus += len(payload) if self._paused else 0
            outcomes.append(Deliver(payload))
        if isEnd:
            outcomes += self._end(None)
        self._schedule(now)
        return outcomes

    # --- answers ------------------------------------------------------------

    def _schedule(self, now: float) -> None:
        """
        When to answer: in the next turn if there is something to say, so that what
        is written in one turn is in one answer.
        """
        if self._request is None:
            self._at = None
        elif self._hasNews:
            self._at = now
        elif not self._paused:
            self._at = min(now + self._turnaround, self._at or now + self._turnaround)
        elif self._isNumbered:
            self._at = self._heard + max(self._turnaround, limits.MEEK_HELD)
        else:
            self._at = None

    @property
    def _hasNews(self) -> bool:
        # Whoever opens a session waits for it.
        isFirst = self._isNumbered and not self._number
        isWanted = bool(self._buffer) and not (self._isHeld or self._isSated)
        isHurried = self._isWaitedFor and not self._paused
        return isWanted or isFirst or isHurried or self._life is _Life.ENDED

    @property
    def _isSated(self) -> bool:
        """
        Must the client wait even for what there is to say?  A client that knows of no
        numbers cannot be told to hold what it has, and would bring more of it with
        its next request.
        """
        return self._surplus >= limits.MEEK_SURPLUS

    def _respond(self, now: float) -> list[Outcome]:
        request, self._request, self._at = self._request, None, None
        if self._isNumbered:
            self._answer = self._framed()
            return [Answer(request, self._answer), *self._endIfFlushed()]
        if self._life is _Life.ENDED and not self._buffer:
            # A status would have the reference's client wait for minutes.
            dropped: list[Outcome] = [Drop(each) for each, _ in self._queue]
            self._queue.clear()
            return [Drop(request), *dropped]
        answer = Answer(request, self._take(limits.MEEK_BODY))
        return [answer, *self._endIfFlushed(), *self._next(now)]

    def _framed(self) -> bytes:
        payload = b"" if self._isHeld else self._take(room(self._number))
        flags = Flag.NONE
        if self._life is not _Life.OPEN and not self._buffer:
            flags |= self._last
        if self._paused:
            flags |= Flag.HOLD
        self._toldToHold = self._paused
        mark = b"" if self._number else confirmation(self._id)
        return mark + Frame(self._number, flags, payload).encode()

    def _next(self, now: float) -> list[Outcome]:
        return self._plain(*self._queue.popleft(), now) if self._queue else []

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[: len(taken)]
        return taken

    # --- ends ---------------------------------------------------------------

    @property
    def _lifetime(self) -> float:
        return limits.MEEK_LINGER if self._life is _Life.ENDED else limits.MEEK_SESSION

    def _endIfFlushed(self) -> list[Outcome]:
        isFlushed = self._life is _Life.ENDING and not self._buffer
        return self._end(None) if isFlushed else []

    def _end(self, error: PTError | None) -> list[Outcome]:
        if self._life not in (_Life.OPEN, _Life.ENDING):
            return []
        self._life = _Life.ENDED
        self._paused = False
        self._buffer.clear()
        return [Finished(error)]

    def _forget(self, error: PTError) -> list[Outcome]:
        outcomes = self._end(error)
        self._life = _Life.FORGOTTEN
        waiting = [] if self._request is None else [self._request]
        dropped: list[Outcome] = [Drop(each) for each in waiting]
        dropped += [Drop(each) for each, _ in self._queue]
        self._request = self._at = self._answer = None
        self._queue.clear()
        return outcomes + dropped
