"""
A smux session, without any I/O: many streams in one.

Bytes that come go into ``receive``; bytes for the peer are fetched from
``output``, only when the network takes some: so it is decided as late as can be
whose turn it is.

 - Streams with payload have their turns in a circle, one frame each: a stream's
   backlog costs the others nothing.  Frames without payload go first.
 - An application that takes nothing (``pause``) stops its own stream, in version 2:
   the peer's window is used up, and no longer.  Version 1 has no windows: whatever
   the peer sends on is held.
 - All streams together hold at most ``SmuxSettings.buffer`` and one read more.  Then
   the session ``isFull``, and whoever drives it reads nothing, as in the reference:
   one stream can stop all others, in version 1, and some dozen in version 2.  A slow
   reader may do that, since the alternative is to break its stream.  One that took
   nothing at all for ``limits.SMUX_STALL`` seconds, while a full session with other
   streams waits for it, loses its stream.
 - A FIN ends both directions, for the reference: it says nothing more, and throws
   away what still comes.  So ``end`` flushes, says FIN and forgets the stream.
 - There is no reset: ``reset`` says FIN, too, but at once.

Whatever the peer does wrong ends the session, and no more.
"""

from __future__ import annotations

from pyptwist import limits
from pyptwist.errors import FramingError, LocalProtocolError, PTError, Unresponsive
from pyptwist.multiplex.events import (
    Event,
    SessionEnded,
    SmuxSettings,
    StreamData,
    StreamEnded,
    StreamLost,
    StreamOpened,
)
from pyptwist.multiplex.frames import (
    UPDATE,
    Command,
    FrameReader,
)
from pyptwist.multiplex.holding import Holding
from pyptwist.multiplex.keepalive import Keepalive
from pyptwist.multiplex.streams import Stream
from pyptwist.multiplex.turns import Turns

_LAST_STREAM = (1 << 32) - 1

#: Bytes of what was held that an application gets at once: as one read of TCP's.
_RELEASE = 64 * 1024


class SmuxSession:
    """
    One side of a session.

    :ivar isFinished: is it over?
    """

    def __init__(self, isClient: bool, settings: SmuxSettings, now: float) -> None:
        """
        :param isClient: clients open streams; servers are told of them.
        :param now: seconds on any clock that never goes back.
        """
        self.settings = settings
        self.isFinished = False
        self._isClient = isClient
        self._reader = FrameReader(settings.version)
        self._streams: dict[int, Stream] = {}
        self._next = 3
        self._holding = Holding(settings.buffer)
        self._keepalive = Keepalive(settings.keepalive, settings.timeout, now, isClient)
        self._turns = Turns(settings.version, settings.frame, self._keepalive)

    # --- what is there ------------------------------------------------------

    def __len__(self) -> int:
        """
        How many streams there are.
        """
        return len(self._streams)

    def __contains__(self, number: object) -> bool:
        """
        Is there such a stream?  Not, once its FIN is out.
        """
        return number in self._streams

    @property
    def hasNumbers(self) -> bool:
        """
        Are there numbers for new streams?  Each is used once.
        """
        return not self.isFinished and self._next <= _LAST_STREAM

    @property
    def canOpen(self) -> bool:
        """
        Is there room for one more stream?
        """
        return self._isClient and self.hasNumbers and len(self) < self.settings.streams

    @property
    def isFull(self) -> bool:
        """
        Is nothing to be received, for now?
        """
        return self._holding.isFull

    @property
    def hasOutput(self) -> bool:
        """
        Is there anything that the network could have?
        """
        return bool(self._turns)

    @property
    def hasMuch(self) -> bool:
        """
        Is that more than a few bytes of payload, which might wait for others to join
        them?
        """
        return self._turns.hasMuch

    @property
    def nextTimer(self) -> float | None:
        """
        When ``timerFired`` wants to be called; None for never.
        """
        timers = (self._keepalive.nextTimer, self._holding.stalledAt)
        return min((timer for timer in timers if timer is not None), default=None)

    def backlog(self, number: int) -> int:
        """
        :returns: bytes of a stream that were taken by ``send`` and are not out.
        """
        stream = self._streams.get(number)
        return 0 if stream is None else len(stream.outgoing)

    # --- the application's side ---------------------------------------------

    def open(self) -> int:
        """
        :returns: the number of a new stream, which may be written to at once.
        :raises LocalProtocolError: unless ``canOpen``.
        """
        if not self.canOpen:
            raise LocalProtocolError("the session can open no stream")
        number, self._next = self._next, self._next + 2
        stream = self._add(number)
        stream.synDue = True
        self._turns.announce(stream)
        return number

    def send(self, number: int, data: bytes) -> None:
        """
        Queue payload of a stream; too late, it is dropped.
        """
        stream = self._streams.get(number)
        if stream is not None and not stream.finDue:
            stream.outgoing += data
            self._turns.queue(stream)

    def end(self, number: int) -> None:
        """
        Say FIN behind what is queued.  What comes until then is delivered.
        """
        stream = self._streams.get(number)
        if stream is not None and stream.hasPeerEnded:
            self.reset(number)  # nobody would read what is queued, nor make room for it
        elif stream is not None:
            stream.finDue = True
            if not stream.outgoing:
                self._turns.announce(stream)

    def reset(self, number: int) -> None:
        """
        Say FIN at once, if the peer has heard of the stream; what is queued or held is
        dropped, and so is what comes.
        """
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.outgoing.clear()
        self._holding.remove(len(stream.held))
        stream.held.clear()
        self._turns.remove(stream)
        stream.isPaused, stream.endDue, stream.hasPeerEnded = False, False, True
        if stream.synDue:
            self._forget(stream)
        else:
            stream.updateDue, stream.finDue = False, True
            self._turns.announce(stream)

    def pause(self, number: int, now: float) -> None:
        """
        The application takes nothing until ``resume``: hold what comes for it.
        """
        stream = self._streams.get(number)
        if stream is not None:
            stream.isPaused = True
            stream.since = now

    def resume(self, number: int, now: float) -> Event | None:
        """
        The application takes something: the first of what was held.

        Call it again, until it returns None, or pause again: only then does what
        comes take its usual way.
        """
        stream = self._streams.get(number)
        if stream is None or not stream.isPaused:
            return None
        stream.since = now
        if stream.held:
            data = stream.release(_RELEASE)
            self._holding.remove(len(data))
            self._take(stream, len(data))
            return StreamData(number, data)
        stream.isPaused = False
        if stream.endDue:
            stream.endDue = False
            return StreamEnded(number)
        return None

    # --- the network's side -------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """
        Bytes from the peer, cut anyhow.  Never raises on what he sent.
        """
        events: list[Event] = []
        if self.isFinished:
            return events
        try:
            for command, number, payload in self._reader.receive(data):
                self._keepalive.heard(now)
                self._handle(command, number, payload, now, events)
        except FramingError as error:
            self._finish(error, events)
        return events

    def output(self, limit: int) -> tuple[bytes, list[int]]:
        """
        What the network is to have next.

        :param limit: bytes at the most; but at least one frame, if there is any.
        :returns: those, which are none if there is nothing; and the streams that got
            rid of something.
        """
        data, streams = self._turns.output(limit)
        for stream in streams:
            if stream.isOver:
                self._forget(stream)
        return data, [stream.number for stream in streams]

    def timerFired(self, now: float) -> list[Event]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
        events: list[Event] = []
        wasFull = self.isFull
        if self._holding.stalledAt is not None and now >= self._holding.stalledAt:
            for stream in self._holding.stalled(self._streams.values(), now):
                error = Unresponsive("its reader took nothing, and held up others")
                events.append(StreamLost(stream.number, error))
                self.reset(stream.number)
        if self._keepalive.isSilent(now, excused=wasFull):
            self._finish(Unresponsive("the peer was silent for too long"), events)
        return events

    def close(self) -> None:
        """
        The network connection is gone, or about to be: forget everything.
        """
        self.isFinished = True
        self._streams.clear()
        self._turns.clear()
        self._holding.clear()
        self._keepalive.stop()

    # --- what came ----------------------------------------------------------

    def _handle(
        self, command: Command, number: int, data: bytes, now: float, events: list[Event]
    ) -> None:
        stream = self._streams.get(number)
        if command is Command.SYN:
            if stream is None:
                self._opened(number, events)
        elif stream is None or stream.hasPeerEnded:
            pass  # it was forgotten here before the peer knew
        elif command is Command.PSH:
            self._received(stream, data, now, events)
        elif command is Command.UPD:
            stream.update(*UPDATE.unpack(data))
            self._turns.queue(stream)
        elif command is Command.FIN:
            stream.hasPeerEnded = True
            stream.updateDue = False
            stream.endDue = bool(stream.held)
            if not stream.endDue:
                events.append(StreamEnded(number))

    def _opened(self, number: int, events: list[Event]) -> None:
        if number % 2 == 0 and not self._isClient:
            raise FramingError("the peer opened a stream with a number of ours")
        if self._isClient or len(self) >= self.settings.streams:
            if self._turns.refuse(number) > limits.SMUX_REFUSALS:
                raise FramingError("the peer opens more and more streams")
        else:
            self._add(number)
            events.append(StreamOpened(number))

    def _received(self, stream: Stream, data: bytes, now: float, events: list[Event]) -> None:
        if stream.isPaused:
            if not stream.held:
                stream.since = now
            stream.hold(data)
            self._holding.add(len(data), now)
        else:
            self._take(stream, len(data))
            last = events[-1] if events else None
            if isinstance(last, StreamData) and last.stream == stream.number:
                # One write of the application's, instead of one for each piece.
                events[-1] = StreamData(stream.number, last.data + data)
            else:
                events.append(StreamData(stream.number, data))

    def _take(self, stream: Stream, count: int) -> None:
        stream.consumed(count)
        if stream.updateDue:
            self._turns.announce(stream)

    # --- life ---------------------------------------------------------------

    def _add(self, number: int) -> Stream:
        window = self.settings.window if self.settings.version == 2 else None
        self._streams[number] = stream = Stream(number, window)
        return stream

    def _forget(self, stream: Stream) -> None:
        self._holding.remove(len(stream.held))
        self._streams.pop(stream.number, None)
        self._turns.remove(stream)

    def _finish(self, error: PTError, events: list[Event]) -> None:
        self.close()
        events.append(SessionEnded(error))
