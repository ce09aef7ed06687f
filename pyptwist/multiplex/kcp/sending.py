"""
The half of a KCP conversation that sends.

Bytes wait here without a number as long as the window is closed; each segment that
was sent waits for its acknowledgement, and is sent again when that is late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyptwist import limits
from pyptwist.multiplex.kcp.congestion import Congestion
from pyptwist.multiplex.kcp.segments import after, distance
from pyptwist.multiplex.kcp.settings import Settings

#: Bytes in a segment to a peer who may not be where he says that he is.
_CAUTIOUS: Final = 16

#: Segments that every implementation can take before it has said how many.
_WINDOW: Final = 128


class _Flight:
    """
    One segment under way.

    :ivar number: its place in the sequence.
    :ivar stamp: the timestamp of its last transmission, in milliseconds.
    :ivar due: when it is sent again, in milliseconds.
    :ivar timeout: milliseconds between its last transmission and ``due``.
    :ivar sent: how often it was sent.
    :ivar passed: acknowledgements of later ones since then.
    """

    __slots__ = ("data", "due", "number", "passed", "sent", "stamp", "timeout")

    def __init__(self, number: int, data: bytes) -> None:
        self.number = number
        self.data = data
        self.stamp = 0
        self.due = 0
        self.timeout = 0
        self.sent = 0
        self.passed = 0


class Sender:
    """
    Times are in whole milliseconds of a clock that never goes back; on the wire they
    are cut to 32 bits.

    :ivar pending: bytes that have no segment yet.
    :ivar peerWindow: segments that the peer says he can take.
    :ivar isProven: whether somebody has sent back a timestamp: only who received it
        knows it.
    :ivar isDead: whether a segment was sent as often as may be.
    :ivar isCautious: whether to send next to nothing until then.
    """

    def __init__(self, settings: Settings) -> None:
        self.pending = bytearray()
        self.peerWindow = _WINDOW
        self.isProven = False
        self.isDead = False
        self.isCautious = False
        self._settings = settings
        self._flights: dict[int, _Flight] = {}  # in the order of their numbers
        self._next = 0
        self._first = 0  # the first number that was not acknowledged
        self._ending = False
        self._due: int | None = None  # no segment is due before
        self._isPassed = False
        self._congestion = Congestion(settings)
        self._recovered = 0  # losses before that number were made up for
        self._trip = 0.0
        self._deviation = 0.0
        self._timeout = limits.KCP_FIRST_TIMEOUT

    # --- what the application does ------------------------------------------

    def end(self) -> None:
        """
        Send a segment without data, behind all that was sent.
        """
        self._ending = True

    @property
    def isFlushed(self) -> bool:
        """
        Has the peer got everything?
        """
        return not (self.pending or self._flights or self._ending)

    @property
    def isWaiting(self) -> bool:
        """
        Is there something to send for which there is no segment yet?
        """
        return bool(self.pending) or self._ending

    # --- what the peer says -------------------------------------------------

    def received(self, first: int) -> None:
        """
        The peer has all segments before that one.
        """
        if not 0 < distance(first, self._first) <= distance(self._next, self._first):
            return
        while self._first != first:
            if self._flights.pop(self._first, None) is not None:
                self._congestion.acknowledged(self.peerWindow)
            self._first = after(self._first)

    def acknowledged(self, number: int, stamp: int, now: int) -> None:
        """
        The peer has that segment.

        :param stamp: the timestamp that came back.
        """
        flight = self._flights.pop(number, None)
        if flight is None:
            return
        if stamp == flight.stamp & 0xFFFFFFFF:
            self.isProven = True
            self.isCautious = False
        self._measured(distance(now & 0xFFFFFFFF, stamp))
        self._congestion.acknowledged(self.peerWindow)
        if number == self._first:
            self._first = next(iter(self._flights), self._next)

    def passed(self, number: int, stamp: int) -> None:
        """
        A packet acknowledged that segment, and none behind it.  This says nothing about
        a segment that was sent again since that one was: else each hole would be filled
        for a whole round trip, again and again.

        :param stamp: the timestamp that came back with it.
        """
        for flight in self._flights.values():
            if distance(flight.number, number) >= 0:
                return
            if flight.sent > 1 and distance(stamp, flight.stamp & 0xFFFFFFFF) <= 0:
                continue
            flight.passed += 1
            if flight.passed >= self._settings.resend > 0:
                self._isPassed = True

    def hurry(self) -> None:
        """
        The way to the peer has changed: do not wait out the timeouts of the old one.
        """
        for flight in self._flights.values():
            flight.due = flight.stamp
            flight.timeout = self._timeout
        self._due = 0 if self._flights else None

    # --- what is to be sent -------------------------------------------------

    @property
    def due(self) -> int | None:
        """
        When ``again`` wants to be called.
        """
        if not self._flights:
            return None
        return 0 if self._isPassed else self._due

    @property
    def room(self) -> int:
        """
        Segments that may be begun now.
        """
        if self.isCautious:
            return 0 if self._flights else 1
        window = min(self._settings.sendWindow, self.peerWindow, self._congestion.window)
        return max(0, window - distance(self._next, self._first))

    def again(self, now: int, maximum: int) -> Iterator[tuple[int, bytes]]:
        """
        Segments that seem to be lost.

        :param maximum: as many of them.  The others are due still.
        :returns: number and data of each, to be sent now.
        """
        if self.due is None or now < self.due:
            return
        self._isPassed = False
        self._due = None
        for flight in self._flights.values():
            isLate = now >= flight.due
            if isLate or 0 < self._settings.resend <= flight.passed:
                if not maximum:
                    self._due = now
                    return
                maximum -= 1
                self._slowDown(flight, isLate)
                if isLate:
                    self._backOff(flight)
                yield self._transmit(flight, now)
            self._watch(flight)

    def fresh(self, now: int, maximum: int) -> Iterator[tuple[int, bytes]]:
        """
        Segments for what is pending, as many as the window allows.

        :param maximum: and no more than that.
        :returns: number and data of each, to be sent now.
        """
        size = _CAUTIOUS if self.isCautious else self._settings.payload
        for _ in range(min(self.room, maximum)):
            if self.pending:
                with memoryview(self.pending) as view:
                    data = bytes(view[:size])
                del self.pending[:size]
            elif self._ending:
                self._ending = False
                data = b""
            else:
                return
            flight = self._flights[self._next] = _Flight(self._next, data)
            self._next = after(self._next)
            flight.timeout = self._timeout
            if not self._settings.nodelay:
                flight.timeout += self._timeout >> 3
            yield self._transmit(flight, now)
            self._watch(flight)

    # --- inside -------------------------------------------------------------

    def _slowDown(self, flight: _Flight, isLate: bool) -> None:
        """
        Once for all that was under way together (RFC 6582 calls it "recover").
        """
        if distance(flight.number, self._recovered) < 0:
            return
        self._recovered = self._next
        if isLate:
            self._congestion.timedOut()
        else:
            self._congestion.lost(distance(self._next, self._first))

    def _transmit(self, flight: _Flight, now: int) -> tuple[int, bytes]:
        flight.sent += 1
        flight.passed = 0
        flight.stamp = now
        flight.due = now + flight.timeout
        if flight.sent >= limits.KCP_TRANSMISSIONS:
            self.isDead = True
        return flight.number, flight.data

    def _watch(self, flight: _Flight) -> None:
        if self._due is None or flight.due < self._due:
            self._due = flight.due

    def _backOff(self, flight: _Flight) -> None:
        longer = flight.timeout * 3 // 2 if self._settings.nodelay else flight.timeout * 2
        flight.timeout = min(max(longer, self._timeout), limits.KCP_LAST_TIMEOUT)

    def _measured(self, trip: int) -> None:
        """
        Computes the timeout from round trips as RFC 6298 does.  The timestamp tells
        which transmission was acknowledged, so that every one counts.

        :param trip: milliseconds; anything, if the peer lies.
        """
        if not 0 <= trip <= limits.KCP_LAST_TIMEOUT:
            return
        if not self._trip:
            self._trip, self._deviation = float(trip), trip / 2
        else:
            self._deviation += (abs(trip - self._trip) - self._deviation) / 4
            self._trip += (trip - self._trip) / 8
        least = limits.KCP_NODELAY_TIMEOUT if self._settings.nodelay else limits.KCP_TIMEOUT
        timeout = int(self._trip + max(self._settings.interval, 4 * self._deviation))
        self._timeout = min(max(timeout, least), limits.KCP_LAST_TIMEOUT)
