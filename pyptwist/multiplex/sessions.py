"""
A smux session that has a network: a protocol for the connection below, a source of
streams for who is above.

 1. Bytes from below go to the session (``pyptwist.multiplex.smux``), and what that
    tells goes to the streams' connections.
 2. What applications write is fetched once in a reactor turn, and only while the
    connection below takes it.
 3. A full session pauses the connection below; a connection below that is full pauses
    all that write.
 4. When the connection below is gone, so are all streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IProtocol,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.multiplex.connections import SessionStream
from pyptwist.multiplex.events import (
    Event,
    SessionEnded,
    SmuxSettings,
    StreamData,
    StreamLost,
    StreamOpened,
)
from pyptwist.multiplex.smux import SmuxSession
from pyptwist.promptness import promptWriter
from pyptwist.whereabouts import Whereabouts

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pyptwist.metrics import Metrics


@implementer(IProtocol, IPushProducer)
class SmuxConnection(Whereabouts):
    """
    One session on one connection.

    :ivar machine: the session; None before there is a connection.
    :ivar isBelowFull: does the connection below take nothing, for now?
    """

    machine: Any = None
    _write: Any = None

    def __init__(self, reactor: IReactorTime, settings: SmuxSettings, isClient: bool) -> None:
        """
        :param isClient: who opens the streams.
        """
        self.isBelowFull = False
        self._reactor = reactor
        self._settings = settings
        self._isClient = isClient
        self._streams: dict[int, SessionStream] = {}
        self._resumed: dict[int, SessionStream] = {}  # may have what the session held
        self._isReadingPaused = False
        self._isPumping = False
        self._isClosing = False
        self._error: BaseException | None = None
        self._turn = Alarm(reactor)
        self._timer = Alarm(reactor)
        self._patience = Alarm(reactor)

    # --- IProtocol: the connection below ------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        self.transport = transport
        self.rememberAddresses()
        self.machine = SmuxSession(self._isClient, self._settings, self._reactor.seconds())
        self._write = promptWriter(transport)
        self.transport.registerProducer(self, True)
        self.connectionMade()
        self._wait()

    def connectionMade(self) -> None:
        """
        There are no streams yet.
        """

    def dataReceived(self, data: bytes) -> None:
        self._apply(self.machine.receive(data, self._reactor.seconds()))
        self._pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._error is not None:
            reason = Failure(self._error)
        elif reason.check(ConnectionDone):
            # In order for the session, but none of its streams was ended.
            reason = Failure(ConnectionLost())
        self._isClosing, self.transport, self._write = True, None, None
        for alarm in (self._turn, self._timer, self._patience):
            alarm.stop()
        for stream in list(self._streams.values()):
            self._release(stream, everything=True)
        self.machine.close()
        self._endStreams(reason)

    # --- IPushProducer: the connection below --------------------------------

    def pauseProducing(self) -> None:
        self.isBelowFull = True

    def resumeProducing(self) -> None:
        self.isBelowFull = False
        self._pump()

    def stopProducing(self) -> None:
        """
        ``connectionLost`` comes.
        """

    # --- streams ------------------------------------------------------------

    def add(self, number: int, protocol: IProtocol, methodName: str, metrics: Metrics) -> None:
        """
        Connect an application to a stream that was just opened.
        """
        stream = SessionStream(self, number, self._reactor, methodName, metrics)
        self._streams[number] = stream
        metrics.handshakesBegun += 1
        stream.connection.open(protocol)

    def pause(self, stream: SessionStream) -> None:
        """
        The stream's application takes nothing.
        """
        self._resumed.pop(stream.number, None)
        self.machine.pause(stream.number, self._reactor.seconds())

    def resume(self, stream: SessionStream) -> None:
        """
        It does again, from the next turn on: it may be in a call of its own.
        """
        self._resumed[stream.number] = stream
        self.soon()

    def forget(self, stream: SessionStream) -> None:
        """
        The stream's application has gone.
        """
        self._streams.pop(stream.number, None)
        self._resumed.pop(stream.number, None)
        stream.connection = None
        self.machine.reset(stream.number)
        self.soon()

    def soon(self) -> None:
        """
        There is something to be done in the next turn.
        """
        if self._turn.at is None and self.transport is not None:
            self._turn.set(self._reactor.seconds(), self._turned)

    # --- for subclasses -----------------------------------------------------

    def opened(self, number: int) -> None:
        """
        The peer opened a stream.
        """

    def quiet(self) -> None:
        """
        There are no streams, and all is said.  May be called again and again.
        """

    def close(self, error: BaseException | None = None) -> None:
        """
        End the session: in order, or since the peer erred.
        """
        if self._isClosing or self.transport is None:
            return
        self._isClosing = True
        self._error = error
        self.machine.close()
        self._timer.stop()
        self._turn.stop()
        patience = limits.CLOSE_FLUSH if error is None else limits.CLOSE_LINGER
        self._patience.set(self._reactor.seconds() + patience, self.transport.abortConnection)
        self.transport.unregisterProducer()
        if self._isReadingPaused:
            self.transport.resumeProducing()  # its own end may have to be read
        self.transport.loseConnection()

    # --- inside -------------------------------------------------------------

    def _turned(self) -> None:
        resumed, self._resumed = self._resumed, {}
        for stream in resumed.values():
            self._release(stream)
        self._pump()

    def _release(self, stream: SessionStream, everything: bool = False) -> None:
        """
        Hand over what the session held, as long as it is taken.
        """
        while everything or not stream.isPaused:
            event = self.machine.resume(stream.number, self._reactor.seconds())
            if event is None:
                break
            self._apply([event])

    def _pump(self) -> None:
        """
        Give the connection below what it takes.
        """
        if self._isPumping:
            return  # what is below took some, and told so at once
        self._isPumping = True
        isDue = self.machine.hasOutput
        while isDue and not self.isBelowFull and self.transport is not None:
            data, numbers = self.machine.output(limits.SMUX_WRITE)
            if data:
                self._write(data)
            for number in numbers:
                self._went(number)
            isDue = self.machine.hasMuch
        self._isPumping = False
        if self.machine.hasOutput and not self.isBelowFull:
            self.soon()
        self._settle()

    def _went(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        if number in self.machine:
            stream.tellBacklog()
        else:
            self._end(stream, None)

    def _settle(self) -> None:
        """
        After anything happened: read, or not; wait, until when.
        """
        if self.transport is None or self._isClosing:
            return
        if self._isReadingPaused != self.machine.isFull:
            self._isReadingPaused = self.machine.isFull
            if self._isReadingPaused:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()
        self._wait()
        if not self.machine and not self.machine.hasOutput:
            self.quiet()

    def _wait(self) -> None:
        if self.machine.nextTimer != self._timer.at:
            self._timer.set(self.machine.nextTimer, self._timerFired)

    def _timerFired(self) -> None:
        self._apply(self.machine.timerFired(self._reactor.seconds()))
        self._pump()

    def _apply(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, SessionEnded):
                self._endStreams(Failure(event.error))
                self.close(event.error)
            elif isinstance(event, StreamOpened):
                self.opened(event.stream)
            elif event.stream in self._streams:
                stream = self._streams[event.stream]
                if isinstance(event, StreamData):
                    stream.connection.deliver(event.data)
                else:
                    self._end(stream, event.error if isinstance(event, StreamLost) else None)

    def _end(self, stream: SessionStream, reason: Any) -> None:
        """
        No more of this stream.
        """
        self._streams.pop(stream.number, None)
        self._resumed.pop(stream.number, None)
        self.machine.reset(stream.number)
        stream.end(reason)

    def _endStreams(self, reason: Failure) -> None:
        streams, self._streams = self._streams, {}
        self._resumed.clear()
        for stream in streams.values():
            stream.end(reason)
