"""
Transport connections that are not one network connection.

A stream of a multiplexer, a session of polls, a conversation in datagrams: what
carries them differs, but an application expects the same of all of them.  That is
written here, once: when it may be called, who is paused, and how it ends.

 1. A session makes its connection, and opens it once payload may flow: only then
    is there an application.
 2. An application that is paused is delivered nothing: what comes waits here, and
    the session is told to take no more from its peer.
 3. What the session has taken and not got rid of pauses the application's producer.
 4. An orderly end from above lets the session flush, for a while; an end from below
    comes behind all that was delivered.  Either way the application hears
    connectionLost once, and never while it is in a call of its own, but for
    resumeProducing: that brings at once what waited for it.
 5. What an application raises ends its connection: others on the same session are
    not concerned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocol, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.errors import LocalProtocolError
from pyptwist.interfaces import ITransportConnection
from pyptwist.metrics import Metrics
from pyptwist.producers import ProducerMembrane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IReactorTime


class IVirtualSession(Interface):
    """
    What a virtual connection stands on: one stream's worth of whatever carries it.

    It is called only between ``open`` and the connection's end, which it brings
    about by ``ended``; and maybe while it is in a call of the connection's.
    """

    def send(data: bytes) -> None:
        """
        The application wrote.  Take it, and say with ``backlog`` how much of all
        that was taken is not gone yet.

        :param data: 1 byte or more.
        """

    def sendEnd() -> None:
        """
        The application writes no more: flush, then call ``ended``.  What comes for
        it from now on is thrown away.  Called at most once.
        """

    def abort() -> None:
        """
        Drop everything, and tell the peer, if it can be told at once.  The
        connection is over and must not be called any more.
        """

    def pauseReceiving() -> None:
        """
        The application takes no more: stop the peer, as far as it can be stopped.
        What comes all the same is delivered, and waits.
        """

    def resumeReceiving() -> None:
        """
        The application takes more.
        """


class _Life(Enum):
    WAITING = auto()
    OPEN = auto()
    ENDING = auto()  # the application said loseConnection, and has a producer still
    FLUSHING = auto()  # the session was told
    LOST = auto()


@implementer(ITransportConnection)
class VirtualConnection:
    """
    One transport connection, on a session.

    :ivar methodName: the name of the transport method.
    :ivar disconnecting: was its end begun?
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        session: Any,
        methodName: str,
        metrics: Metrics,
        host: IAddress,
        peer: IAddress,
        networkConnection: ITransport | None = None,
    ) -> None:
        """
        :param reactor: for the clock and its timers.
        :param session: the ``IVirtualSession``, of this connection alone.
        :param host: what ``getHost`` gives.
        :param peer: what ``getPeer`` gives.
        :param networkConnection: the one network connection beneath, if there is
            exactly one, and if it is this connection's alone.
        """
        self._reactor = reactor
        self._session: Any = session
        self.methodName = methodName
        self._metrics = metrics
        self._host = host
        self._peer = peer
        self.networkConnection = networkConnection
        self.disconnecting = False
        self._life = _Life.WAITING
        self._protocol: IProtocol | None = None
        self._membrane: ProducerMembrane | None = None
        self._backlog = 0
        self._paused = False
        self._toldPaused = False
        self._held: deque[bytes] = deque()
        self._end: Failure | None = None
        self._busy = False
        self._turn = Alarm(reactor)
        self._patience = Alarm(reactor)

    # --- the session below --------------------------------------------------

    @property
    def isOver(self) -> bool:
        """
        Has the application heard its last word, or never will hear one?
        """
        return self._life is _Life.LOST

    def open(self, protocol: IProtocol) -> None:
        """
        Payload may flow.  What was delivered before comes now.

        :param protocol: the application's.
        :raises LocalProtocolError: unless it is called once, before the end.
        """
        if self._life is not _Life.WAITING:
            raise LocalProtocolError("a connection opens once")
        self._life = _Life.OPEN
        self._protocol = protocol
        self._metrics.handshakesDone += 1
        self._metrics.connectionsOpen += 1
        with self._quietly():
            self._tell(protocol.makeConnection, self)
        self._release()

    def deliver(self, data: bytes) -> None:
        """
        Bytes for the application.

        :param data: any number.  What comes after ``pauseReceiving`` is kept, and is
            the session's to bound.
        """
        if data and self._end is None and self._life in (_Life.WAITING, _Life.OPEN):
            self._held.append(data)
            self._release()

    @property
    def held(self) -> int:
        """
        How many bytes wait for an application that is paused.
        """
        return sum(map(len, self._held))

    def backlog(self, count: int) -> None:
        """
        :param count: bytes that the session was sent and that are not gone yet.
        """
        self._backlog = count
        if self._membrane is not None:
            with self._quietly():
                self._tell(self._membrane.backlog, count)

    def ended(self, reason: Failure | BaseException | None = None) -> None:
        """
        Nothing more comes or goes.  The first time counts.

        :param reason: why; None after an orderly end.
        """
        if self._end is not None or self._life is _Life.LOST:
            return
        if not isinstance(reason, Failure):
            reason = Failure(ConnectionDone() if reason is None else reason)
        self._end = reason
        if self._life is _Life.WAITING:
            self._lose()
        else:
            self._release()

    # --- ITransportConnection: the application above ------------------------

    def getHost(self) -> IAddress:
        return self._host

    def getPeer(self) -> IAddress:
        return self._peer

    def write(self, data: bytes) -> None:
        if self._life is _Life.WAITING:
            raise LocalProtocolError("write() was called before the connection was open")
        isOpen = self._life is _Life.OPEN or (self._life is _Life.ENDING and self._membrane)
        if data and isOpen and self._end is None:
            self._metrics.bytesSent += len(data)
            with self._quietly():
                self._session.send(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self._life is not _Life.OPEN:
            return
        self._life = _Life.ENDING
        self.disconnecting = True
        self._held.clear()
        if self._end is not None:
            self._soon()
        elif self._membrane is None:
            self._flush()

    def abortConnection(self) -> None:
        if self._life in (_Life.OPEN, _Life.ENDING, _Life.FLUSHING):
            self.disconnecting = True
            self._life = _Life.FLUSHING
            self._held.clear()
            if self._end is None:
                self._end = Failure(ConnectionAborted())
                with self._quietly():
                    self._session.abort()
            self._soon()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._membrane is not None:
            raise LocalProtocolError("a producer is registered already")
        if self._end is not None or self._life not in (_Life.OPEN, _Life.ENDING):
            producer.stopProducing()
            return
        self._membrane = ProducerMembrane(self._reactor, producer, streaming)
        self._membrane.start()
        self._membrane.backlog(self._backlog)

    def unregisterProducer(self) -> None:
        membrane, self._membrane = self._membrane, None
        if membrane is not None:
            membrane.release()
            if self._life is _Life.ENDING and self._end is None:
                self._flush()

    def pauseProducing(self) -> None:
        self._paused = True
        self._tellSession()

    def resumeProducing(self) -> None:
        self._paused = False
        self._release()
        self._tellSession()

    def stopProducing(self) -> None:
        self.loseConnection()

    # --- inside -------------------------------------------------------------

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """
        Until this is over the application hears nothing: it, or the session, is in
        the middle of something.  What comes is told in a later turn, unless whoever
        is busy looks himself.
        """
        if self._busy:
            yield
            return
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            if self._isDue():
                self._soon()

    def _isDue(self) -> bool:
        if self._life is _Life.OPEN and self._held:
            return not self._paused
        return self._end is not None and self._life is not _Life.LOST

    def _soon(self) -> None:
        if self._turn.at is None:
            self._turn.set(self._reactor.seconds(), self._release)

    def _release(self) -> None:
        """
        Hand over what waits, in its order, as long as it is wanted.
        """
        if self._busy:
            return
        self._busy = True
        try:
            while self._held and self._life is _Life.OPEN and not self._paused:
                data = self._held.popleft()
                self._metrics.bytesReceived += len(data)
                assert self._protocol is not None
                self._tell(self._protocol.dataReceived, data)
        finally:
            self._busy = False
        if self._end is not None and not (self._held and self._life is _Life.OPEN):
            self._lose()
        else:
            self._tellSession()

    def _tell(self, what: Callable[..., object], *arguments: Any) -> None:
        try:
            what(*arguments)
        except Exception:
            reason = Failure()
            self._log.failure("An application failed, and its connection is closed", reason)
            if self._end is None and self._life is not _Life.LOST:
                self._end = reason
                self._session.abort()
            self._held.clear()

    def _tellSession(self) -> None:
        """
        Once, of each change; and never what an application that is paused still has
        to take.
        """
        paused = self._paused or bool(self._held)
        if paused != self._toldPaused and self._life is _Life.OPEN and self._end is None:
            self._toldPaused = paused
            with self._quietly():
                (self._session.pauseReceiving if paused else self._session.resumeReceiving)()

    def _flush(self) -> None:
        self._life = _Life.FLUSHING
        self._patience.set(self._reactor.seconds() + limits.CLOSE_FLUSH, self.abortConnection)
        with self._quietly():
            if self._toldPaused:
                # Some sessions get rid of what they have only while they read.
                self._toldPaused = False
                self._session.resumeReceiving()
            if self._end is None:
                self._session.sendEnd()

    def _lose(self) -> None:
        protocol, reason, membrane = self._protocol, self._end, self._membrane
        wasOpen = self._life is not _Life.WAITING
        self._life = _Life.LOST
        self.disconnecting = True
        self._turn.stop()
        self._patience.stop()
        self._held.clear()
        self._session = self._protocol = self._membrane = self.networkConnection = None
        if membrane is not None:
            self._tell(membrane.stopProducing)
        if wasOpen and protocol is not None:
            self._metrics.connectionsOpen -= 1
            self._tell(protocol.connectionLost, reason)
