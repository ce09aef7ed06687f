"""
What drives a codec: a protocol for the transport below, a transport for the
application above.

Timers, producers, close order and the handshake's deadline are written here,
once, for every one-to-one method.

 1. The network connection is made; the codec starts; the deadline runs.
 2. Until Ready there is no application: a probe never reaches it.
 3. At Ready the application's protocol is built and connected.
 4. An orderly end from above flushes the codec, then closes below.  The
    application hears connectionLost once, when the connection below is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IProtocol, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.attempts import Awaited, Build
from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import HandshakeTimeout, LocalProtocolError, PTError, causeOfFailure
from pyptwist.interfaces import ICodec, IRefusable, IRefusals
from pyptwist.metrics import Metrics
from pyptwist.producers import ProducerMembrane, setReadSize
from pyptwist.promptness import Paced, promptWriter
from pyptwist.strangers.dismissal import Wary
from pyptwist.strangers.endings import closeInSilence
from pyptwist.whereabouts import Whereabouts

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


class _Life(Enum):
    HANDSHAKE = auto()
    OPEN = auto()
    ENDING = auto()  # the application said loseConnection
    FINISHED = auto()  # the codec is done; the connection below is being closed
    LOST = auto()


@implementer(IProtocol, IRefusable)
class CodecConnection(Whereabouts, Wary, Paced, Awaited):
    """
    One transport connection on one network connection, through one codec.

    :ivar methodName: the name of the transport method.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        codec: ICodec,
        methodName: str,
        metrics: Metrics,
        build: Build,
        ready: Callable[[IProtocol], object],
        failed: Callable[[Failure], object],
        refusals: IRefusals | None = None,
    ) -> None:
        """
        :param reactor: for the clock and its timers.
        :param codec: fresh, of this connection alone.
        :param build: see ``Awaited``, as for ``ready`` and ``failed``.
        :param refusals: told of what the codec finds out about the peer.
        """
        Wary.__init__(self, refusals)
        Awaited.__init__(self, build, ready, failed)
        # All from the start: Python has cheap places only for a first object's attributes.
        self.transport = self._peer = self._host = None
        self._reactor = reactor
        self._codec: ICodec | None = codec
        self.methodName = methodName
        self._metrics = metrics
        self._transmit: Callable[[bytes], Any] | None = None
        self.disconnecting = False
        self._protocol: IProtocol | None = None
        self._life = _Life.HANDSHAKE
        self._error: BaseException | None = None
        self._applying = self._isPatient = False
        self._later: list[Effect] = []
        self._paused = False
        self._held: list[Deliver | Finished] = []
        self._membrane: ProducerMembrane | None = None
        self._timer = Alarm(reactor)  # the codec's
        self._deadline = Alarm(reactor)  # our own

    # --- IProtocol: the connection below ------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        self.transport = transport
        self._transmit = promptWriter(transport) if self._refusals is None else self._firstWords
        setReadSize(transport, self.pieces.handshake)
        self._metrics.handshakesBegun += 1
        self.connectionMade()

    def connectionMade(self) -> None:
        assert self._codec is not None
        self._apply(self._codec.start(self._reactor.seconds()))

    def dataReceived(self, data: bytes) -> None:
        if self._codec is not None:
            self._apply(self._codec.receive(data, self._reactor.seconds()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._life is _Life.LOST:
            return
        self._deadline.stop()
        self._release(everything=True)
        if self._codec is not None and self._life is not _Life.FINISHED:
            self._apply(self._codec.receiveEnd(self._reactor.seconds()))
        self._release(everything=True)
        self._lost(reason)

    # --- ITransportConnection: the application above ------------------------

    def write(self, data: bytes) -> None:
        if self._life is _Life.OPEN or (self._life is _Life.ENDING and self._membrane):
            if data:
                self._metrics.bytesSent += len(data)
                assert self._codec is not None
                self._apply(self._codec.send(data, self._reactor.seconds()))
        elif self._life is _Life.HANDSHAKE:
            raise LocalProtocolError("write() was called before the handshake was done")

    def writeSequence(self, data: Iterable[bytes]) -> None:
        # One write, so that the codec can shape it as one burst.
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self._life is _Life.HANDSHAKE:
            self._finish(ConnectionAborted())
        elif self._life is _Life.OPEN:
            self._life = _Life.ENDING
            self.disconnecting = True
            held, self._held = self._held, []
            if held and type(held[-1]) is Finished:
                self._finish(held[-1].error)
            elif self._membrane is None:
                self._end()

    def abortConnection(self) -> None:
        if self._protocol is not None and getattr(self._codec, "refusal", None) is not None:
            self.loseConnection()  # a stranger sees no reset
        elif self._life in (_Life.HANDSHAKE, _Life.OPEN, _Life.ENDING):
            self._finish(ConnectionAborted(), abort=True)
        elif self._life is _Life.FINISHED:
            self.transport.abortConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._membrane is not None:
            raise LocalProtocolError("a producer is registered already")
        if self._life not in (_Life.OPEN, _Life.ENDING):
            producer.stopProducing()
            return
        self._membrane = ProducerMembrane(self._reactor, producer, streaming)
        self.transport.registerProducer(self._membrane, True)
        self._membrane.start()
        assert self._codec is not None
        self._membrane.backlog(self._codec.backlog)

    def unregisterProducer(self) -> None:
        if self._membrane is None:
            return
        self._membrane.release()
        self._membrane = None
        if self.transport is not None:
            self.transport.unregisterProducer()
        if self._life is _Life.ENDING:
            self._end()

    def pauseProducing(self) -> None:
        self._paused = True
        if self.transport is not None and self._life is not _Life.FINISHED:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        self._release()
        # What was released may have paused us again, or ended us.
        if not self._paused and self.transport is not None and not self.disconnecting:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        self.loseConnection()

    # --- effects ------------------------------------------------------------

    def _apply(self, effects: list[Effect]) -> None:
        """
        Applications re-enter (they write in dataReceived), so what their calls cause
        waits for the effects before it: order on the wire is the codec's order.
        """
        if self._applying:
            self._later += effects
            return
        self._applying = True
        try:
            while effects:
                for effect in effects:
                    self._applyOne(effect)
                effects, self._later = self._later, []
        finally:
            self._applying = False
        if self._codec is not None and self._life is not _Life.FINISHED:
            if self._codec.nextTimer != self._timer.at:
                self._timer.set(self._codec.nextTimer, self._timerFired)
            if self._membrane is not None:
                self._membrane.backlog(self._codec.backlog)
            self._pace()
            if self._codec.refusal is not None:
                self._refuse(self._codec.refusal)

    def _applyOne(self, effect: Effect) -> None:
        if self._life in (_Life.FINISHED, _Life.LOST):
            return
        if isinstance(effect, Transmit):
            assert self._transmit is not None
            # Twisted takes bytes and nothing that is like them.
            self._transmit(bytes(effect.data))
        elif isinstance(effect, Deliver):
            self._deliver(effect)
        elif isinstance(effect, Ready):
            self._connectApplication()
        elif self._held:
            # The data before the end was not taken yet.
            self._held.append(effect)
        elif effect.error and self._life is _Life.HANDSHAKE and self._refusals:
            # A codec that would close instead of keeping silent: what comes is
            # dropped here, until somebody takes the connection or the deadline.
            self._codec = None
            self._timer.stop()
            self._refuse(effect.error)
        else:
            self._finish(effect.error)

    def _deliver(self, effect: Deliver) -> None:
        if self._life is not _Life.OPEN:
            return
        if self._paused or self._held:
            # At most what one read of the network held: it is paused, too.
            self._held.append(effect)
            return
        self._metrics.bytesReceived += len(effect.data)
        assert self._protocol is not None
        self._protocol.dataReceived(effect.data)

    def _release(self, everything: bool = False) -> None:
        """
        Hand over what was held while the application was paused.

        :param everything: even if it pauses again, since it is now or never.
        """
        while self._held and self._life is _Life.OPEN and (everything or not self._paused):
            self._paused = False
            held, self._held = self._held, []
            for index, effect in enumerate(held):
                if self._paused:
                    self._held[:0] = held[index:]
                    break
                self._applyOne(effect)

    def _connectApplication(self) -> None:
        self.rememberAddresses()
        try:
            protocol = self._built(self.getPeer())
        except Exception:
            self._fail(Failure())
            self._finish(None)
            return
        self._deadline.stop()
        setReadSize(self.transport, self.pieces.payload)
        self._life = _Life.OPEN
        self._protocol = protocol
        if not isinstance(protocol, CodecConnection):
            self._commit()
        self._metrics.handshakesDone += 1
        self._metrics.connectionsOpen += 1
        self._connected(protocol, self)

    # --- strangers ----------------------------------------------------------

    def _firstWords(self, data: bytes) -> None:
        self._transmit = promptWriter(self.transport)
        self._commit()
        self._transmit(data)

    def refuse(self, error: PTError) -> None:
        if self._codec is not None and self._life is not _Life.FINISHED:
            self._apply(self._codec.refuse(error, self._reactor.seconds()))
            if self._codec is not None and self._codec.refusal is None:
                self._refuse(error)  # to this layer nobody is a stranger

    def detach(self, reason: Failure) -> None:
        above = self._protocol
        if isinstance(above, CodecConnection):
            above.detach(reason)
        if self._life is not _Life.LOST:
            self._lost(reason)

    # --- ends ---------------------------------------------------------------

    def _end(self) -> None:
        assert self._codec is not None
        self._apply(self._codec.sendEnd(self._reactor.seconds()))

    def _finish(self, error: BaseException | None, abort: bool = False) -> None:
        """
        Close what is below, and let its connectionLost tell the application.
        """
        below = self.transport
        wasReady = self._protocol is not None
        self._life = _Life.FINISHED
        self.disconnecting = True
        self._error = error
        self._stopTimers()
        self._releaseMembrane()
        if not wasReady:
            self._fail(Failure(error if error is not None else ConnectionDone()))
        if abort:
            below.abortConnection()
            return
        # No abort: probers see a reset only where the reference resets, too.
        if self._codec is not None and self._codec.refusal is not None:
            closeInSilence(self.networkConnection)
        if self._paused:
            # TLS closes when it has read the end of the other side.
            below.resumeProducing()
        below.loseConnection()
        if self._life is not _Life.LOST:
            # Who does not read what was sent must not keep the connection for ever.
            patience = limits.CLOSE_FLUSH if error is None else limits.CLOSE_LINGER
            self._deadline.set(self._reactor.seconds() + patience, below.abortConnection)

    def _lost(self, reason: Failure) -> None:
        protocol, error = self._protocol, self._error
        self._life = _Life.LOST
        self.disconnecting = True
        self._stopTimers()
        self._releaseMembrane()
        self.transport = self._transmit = self._codec = self._protocol = None
        if protocol is None:
            self._fail(reason)
        else:
            self._metrics.connectionsOpen -= 1
            protocol.connectionLost(reason if error is None else Failure(error))

    def _fail(self, reason: Failure) -> None:
        if self._failed is not None:
            self._metrics.handshakesFailed[causeOfFailure(reason)] += 1
        super()._fail(reason)

    def _releaseMembrane(self) -> None:
        membrane, self._membrane = self._membrane, None
        if membrane is not None:
            self.transport.unregisterProducer()
            membrane.stopProducing()

    # --- timers -------------------------------------------------------------

    def setDeadline(self, seconds: float) -> None:
        """
        Fail, unless Ready comes in time.  Call it at most once, first.

        :param seconds: from now on.
        """
        self._deadline.set(self._reactor.seconds() + seconds, self._deadlinePassed)

    def _deadlinePassed(self) -> None:
        self._finish(HandshakeTimeout())

    def _timerFired(self) -> None:
        assert self._codec is not None
        self._apply(self._codec.timerFired(self._reactor.seconds()))

    def _stopTimers(self) -> None:
        self._deadline.stop()
        self._timer.stop()
