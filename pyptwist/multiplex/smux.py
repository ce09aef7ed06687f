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

from collections import OrderedDict, deque

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
    HEADER,
    UPDATE,
    Command,
    FrameReader,
    encodeFrame,
)
from pyptwist.multiplex.holding import Holding
from pyptwist.multiplex.keepalive import Keepalive
from pyptwist.multiplex.streams import Stream

_LAST_STREAM = (1 << 32) - 1

#: Bytes that are worth a frame with payload, in what is left of an output.
_LEAST = 1024

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
        self._urgent: OrderedDict[int, Stream] = OrderedDict()  # have a SYN, UPD or FIN
        self._ready: OrderedDict[int, Stream] = OrderedDict()  # have payload, and room
        self._refused: deque[int] = deque()
        self._holding = Holding(settings.buffer)
        self._keepalive = Keepalive(settings.keepalive, settings.timeout, now, isClient)

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
        return bool(self._keepalive.isPingDue or self._refused or self._urgent or self._ready)

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
            raise LocalProtocolError("this session can open no stream")
        number, self._next = self._next, self._next + 2
        stream = self._add(number)
        stream.synDue = True
        self._urgent[number] = stream
        return number

    def send(self, number: int, data: bytes) -> None:
        """
        Queue payload of a stream; too late, it is dropped.
        """
        stream = self._streams.get(number)
        if stream is not None and not stream.finDue:
            stream.outgoing += data
            self._schedule(stream)

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
                self._urgent[number] = stream

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
        self._ready.pop(number, None)
        stream.isPaused, stream.endDue, stream.hasPeerEnded = False, False, True
        if stream.synDue:
            self._forget(stream)
        else:
            stream.updateDue, stream.finDue = False, True
            self._urgent[number] = stream

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
        frames: list[bytes] = []
        streams: list[int] = []
        room = limit
        while self.hasOutput and (room > 0 or not frames):
            if self._keepalive.isPingDue:
                self._keepalive.isPingDue = False
                frame = self._frame(Command.NOP, 0)
            elif self._refused:
                frame = self._frame(Command.FIN, self._refused.popleft())
            elif self._urgent:
                number, stream = self._urgent.popitem(last=False)
                frame = self._control(stream)
                streams.append(number)
            elif frames and room < _LEAST:
                break
            else:
                number, stream = self._ready.popitem(last=False)
                frame = self._payload(stream, room if frames else limit)
                streams.append(number)
            frames.append(frame)
            room -= len(frame)
        return b"".join(frames), streams

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
        self._urgent.clear()
        self._ready.clear()
        self._refused.clear()
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
            self._schedule(stream)
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
            self._refused.append(number)
            if len(self._refused) > limits.SMUX_REFUSALS:
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
            events.append(StreamData(stream.number, data))

    def _take(self, stream: Stream, count: int) -> None:
        stream.consumed(count)
        if stream.updateDue:
            self._urgent[stream.number] = stream

    # --- what goes ----------------------------------------------------------

    def _schedule(self, stream: Stream) -> None:
        if stream.number not in self._ready and stream.sendable:
            self._ready[stream.number] = stream

    def _control(self, stream: Stream) -> bytes:
        frames = stream.control(self.settings.version)
        if stream.isOver:
            self._forget(stream)
        return frames

    def _payload(self, stream: Stream, room: int) -> bytes:
        """
        :param room: bytes that the frame should have at the most.
        :returns: one frame, and the stream's last one, if it is the last but one; none
            if the peer took back what it had allowed.
        """
        most = self.settings.frame
        data = stream.send(min(most, room - HEADER.size) if room >= _LEAST else most)
        frame = self._frame(Command.PSH, stream.number, data) if data else b""
        if stream.finDue and not stream.outgoing:
            return frame + self._control(stream)
        self._schedule(stream)
        return frame

    def _frame(self, command: Command, number: int, data: bytes = b"") -> bytes:
        return encodeFrame(self.settings.version, command, number, data)

    # --- life ---------------------------------------------------------------

    def _add(self, number: int) -> Stream:
        window = self.settings.window if self.settings.version == 2 else None
        self._streams[number] = stream = Stream(number, window)
        return stream

    def _forget(self, stream: Stream) -> None:
        self._holding.remove(len(stream.held))
        self._streams.pop(stream.number, None)
        self._urgent.pop(stream.number, None)
        self._ready.pop(stream.number, None)

    def _finish(self, error: PTError, events: list[Event]) -> None:
        self.close()
        events.append(SessionEnded(error))
