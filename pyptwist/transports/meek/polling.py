"""
The client's side of a session: when to ask, what to send, and what to make of the
answer.

::

    OPENING    the first request is under way; it is empty, so that nothing is lost
               with it
    WAITING    until there is something to send, or it is time to ask
    ASKING     a request is under way: never more than one
    REPEATING  it failed, and will be made once more, the same
    OVER

Sans I/O.  ``Transmit`` is the body of one request.
"""

from __future__ import annotations

from enum import Enum, auto

from pyptwist import limits
from pyptwist.codec import READY, Deliver, Effect, Finished, Transmit
from pyptwist.errors import ClosedByPeer, FramingError, PTError
from pyptwist.transports.meek.errors import SessionLost
from pyptwist.transports.meek.numbering import Flag, Frame, confirmation, following, room


class _Life(Enum):
    OPENING = auto()
    WAITING = auto()
    ASKING = auto()
    REPEATING = auto()
    OVER = auto()


class ClientMachine:
    """
    One session.

    :ivar isNumbered: whether the server knows of numbers, so that a request can be
        repeated; unknown before ``Ready``.
    """

    def __init__(self, sessionId: str) -> None:
        """
        :param sessionId: an offer of numbers.
        """
        self.isNumbered = False
        self._id = sessionId
        self._life = _Life.OPENING
        self._buffer = bytearray()
        self._number = 0
        self._body = b""
        self._spoke = False
        self._interval = 0.0
        self._at: float | None = None
        self._heard = self._asked = 0.0
        self._retry = limits.MEEK_RETRY
        self._paused = False
        self._isHeld = False  # the server takes no payload
        self._toldToHold = False
        self._endBy: float | None = None

    @property
    def backlog(self) -> int:
        """
        Bytes taken by send() that are in no request yet, beyond what the next one
        holds: that much is always to be there.
        """
        return max(0, len(self._buffer) - limits.MEEK_BODY)

    @property
    def nextTimer(self) -> float | None:
        """
        When timerFired() wants to be called; None for never.
        """
        times = [at for at in (self._at, self._endBy) if at is not None]
        return min(times, default=None)

    # --- the application ----------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """
        Called once, first.
        """
        self._heard = self._asked = now
        return [Transmit(b"")]

    def send(self, data: bytes, now: float) -> None:
        """
        The application writes; only after Ready, and before sendEnd.
        """
        self._buffer += data
        self._hurry(now)

    def sendEnd(self, now: float) -> list[Effect]:
        """
        The application writes no more: flush, then Finished, after
        ``limits.CLOSE_FLUSH`` at the latest.
        """
        self._endBy = now + limits.CLOSE_FLUSH
        if self._life is _Life.WAITING and not self.isNumbered and not self._buffer:
            return self._finish(None)
        self._hurry(now)
        return []

    def pause(self) -> None:
        """
        The application takes nothing more for now.  A server that knows of numbers
        is told so, and asked on; another one is not asked, nor sent anything: each
        answer may hold data.
        """
        self._paused = True
        if self._life is _Life.WAITING and not self._mayAsk:
            self._at = None

    def resume(self, now: float) -> None:
        """
        It takes everything again.
        """
        if self._paused:
            self._paused = False
            if self._life is _Life.WAITING:
                self._at = now

    def farewell(self) -> bytes | None:
        """
        It drops everything.

        :returns: the body of one more request, whose answer nobody needs; None if
            the server would not understand it.
        """
        tells = self.isNumbered and self._life is not _Life.OVER
        self._finish(None)
        return Frame(self._number, Flag.GONE).encode() if tells else None

    # --- the network --------------------------------------------------------

    def answered(self, body: bytes, now: float) -> list[Effect]:
        """
        A request had its answer.

        :param body: at most ``limits.MEEK_BODY`` bytes.
        """
        try:
            return (
                self._opened(body, now) if self._life is _Life.OPENING else self._read(body, now)
            )
        except FramingError:
            # A page of somebody between us, or an answer that he kept.
            return self.failed(now)

    def failed(
        self, now: float, why: str = "the answer is none of meek's", isUnreachable: bool = False
    ) -> list[Effect]:
        """
        A request had none, or one of another status than 200: nobody knows
        whether the server got it.

        :param why: for the error, should this be the end.
        :param isUnreachable: whether there was not even a connection.
        """
        if self._life is _Life.OPENING:
            return self._finish(ClosedByPeer(why))
        if not self.isNumbered:
            # To repeat it may double bytes, and not to repeat it may lose some.
            return self._finish(SessionLost(f"a request failed, and cannot be repeated: {why}"))
        if self._endBy is not None and isUnreachable and not (self._buffer or self._spoke):
            # There is nothing but the end to tell; who is there sees it in time.
            return self._finish(None)
        if now - self._heard >= limits.MEEK_PATIENCE:
            return self._finish(SessionLost(f"requests failed for too long: {why}"))
        self._life = _Life.REPEATING
        self._at = now + self._retry
        self._retry = min(2 * self._retry, limits.MEEK_RETRY_MAXIMUM)
        return []

    def timerFired(self, now: float) -> list[Effect]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
        if self._endBy is not None and now >= self._endBy:
            return self._finish(None)
        if self._at is None or now < self._at:
            return []
        self._at = None
        if not self.isNumbered and now - self._asked >= limits.MEEK_PATIENCE:
            # The reference's server would take it for another session's first one, and
            # join two streams.
            return self._finish(SessionLost("the server was not asked for too long"))
        if self._life is _Life.WAITING:
            try:
                self._compose()
            except FramingError as error:
                return self._finish(error)
        self._life, self._asked = _Life.ASKING, now
        return [Transmit(self._body)]

    # --- inside -------------------------------------------------------------

    @property
    def _mayAsk(self) -> bool:
        return self.isNumbered or not self._paused or self._endBy is not None

    def _hurry(self, now: float) -> None:
        """
        Data cuts a wait short: in the next turn, so that what is written in one
        turn is in one request.
        """
        holds = self._isHeld and bool(self._buffer)
        if self._life is _Life.WAITING and self._mayAsk and not holds:
            self._at = now

    def _compose(self) -> None:
        if not self.isNumbered:
            self._body = self._take(limits.MEEK_BODY)
            self._spoke = bool(self._body)
            return
        self._number = following(self._number)
        payload = b"" if self._isHeld else self._take(room(self._number))
        flags = Flag.NONE
        if self._paused or self._endBy is not None:
            flags |= Flag.HOLD
        self._toldToHold = Flag.HOLD in flags
        if self._endBy is not None and not self._buffer:
            flags |= Flag.END
        self._spoke = bool(payload)
        self._body = Frame(self._number, flags, payload).encode()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[: len(taken)]
        return taken

    def _opened(self, body: bytes, now: float) -> list[Effect]:
        mark = confirmation(self._id)
        if not body.startswith(mark):
            self._wait(bool(body), now)
            return [READY, *([Deliver(body)] if body else [])]
        self.isNumbered = True
        frame = Frame.decode(body[len(mark) :])
        if frame.number:
            raise FramingError("an answer is not to this request")
        if Flag.GONE in frame.flags:
            return self._finish(ClosedByPeer("the server lets nobody in for now"))
        return [READY, *self._heed(frame, now)]

    def _read(self, body: bytes, now: float) -> list[Effect]:
        if self.isNumbered:
            frame = Frame.decode(body)
            if frame.number != self._number:
                raise FramingError("an answer is not to this request")
            if Flag.GONE in frame.flags:
                return self._finish(SessionLost("the server knows no such session any more"))
            return self._heed(frame, now)
        self._wait(bool(body), now)
        effects: list[Effect] = [Deliver(body)] if body else []
        if self._endBy is not None and not self._buffer:
            effects += self._finish(None)
        return effects

    def _heed(self, frame: Frame, now: float) -> list[Effect]:
        if frame.payload and self._toldToHold:
            return self._finish(FramingError("payload came that was not to come"))
        self._isHeld = Flag.HOLD in frame.flags
        effects: list[Effect] = [Deliver(frame.payload)] if frame.payload else []
        if Flag.END in frame.flags:
            return effects + self._finish(None)
        self._wait(bool(frame.payload), now)
        return effects

    def _wait(self, gotSome: bool, now: float) -> None:
        """
        When to ask next: at once where there was traffic, later and later where
        there was none.
        """
        self._life = _Life.WAITING
        self._heard, self._retry, self._body = now, limits.MEEK_RETRY, b""
        if gotSome or self._spoke:
            self._interval = 0.0
        elif not self._interval or (self._isHeld and self._buffer):
            self._interval = limits.MEEK_POLL
        else:
            grown = self._interval * limits.MEEK_POLL_GROWTH
            self._interval = min(grown, limits.MEEK_POLL_MAXIMUM)
        self._spoke = False
        self._at = now + self._interval if self._mayAsk else None
        if self._buffer or self._endBy is not None:
            self._hurry(now)

    def _finish(self, error: PTError | None) -> list[Effect]:
        self._life = _Life.OVER
        self._at = self._endBy = None
        self._buffer.clear()
        return [Finished(error)]
