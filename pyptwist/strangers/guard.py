"""
What stands at a listener's door while its peers are strangers.

 1. Each connection accepted is watched: what the peer says is kept, and given
    to the method as well, which sees no difference.
 2. The method answers the peer, or lets it in: the watch is over, and costs
    nothing any more.
 3. The method finds that the peer is a stranger, or takes too long to decide,
    or the peer ends its side: the decoy is dialled, gets all that was said, and
    has the peer for itself.  The method lets go of the connection.
 4. The decoy cannot be reached: the method keeps the peer, as it does without
    a decoy.  Nothing is ever closed here.

The watch is kept at the bottom, on the network connection itself, so that it
does not matter how many layers stand on it, and which of them objects.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.errors import HandshakeTimeout, PTError, causeOfFailure
from pyptwist.interfaces import IRefusable, IRefusals
from pyptwist.relay import join
from pyptwist.strangers.mirror import MirrorEnd

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


@implementer(IRefusals)
class Guard:
    """
    One listener's.  Its methods find each connection by the network connection
    beneath.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        decoy: IStreamClientEndpoint,
        patience: float,
        name: str,
    ) -> None:
        """
        :param decoy: reaches the decoy.
        :param patience: seconds for which a peer may be a stranger.
        :param name: the method's, for the log.
        """
        self.reactor = reactor
        self.patience = patience
        self._decoy = decoy
        self._name = name
        self._isDown = False
        self._isFull = False
        self._isUseless = False
        self._watched: dict[ITransport | None, Watched] = {}
        self._handedOver: set[MirrorEnd] = set()

    # --- IRefusals ----------------------------------------------------------

    def refused(self, connection: IRefusable, error: PTError) -> None:
        watched = self._watched.get(connection.networkConnection)
        if watched is not None:
            watched.handOver(error)

    def committed(self, connection: IRefusable) -> None:
        watched = self._watched.get(connection.networkConnection)
        if watched is not None:
            if not watched.hasHeard and not self._isUseless:
                self._isUseless = True
                self._log.warn(
                    "{name}: the server does not wait for its peers to begin;"
                    " nobody will ever see the decoy",
                    name=self._name,
                )
            watched.letGo()

    # --- the listener's -----------------------------------------------------

    def closeAll(self) -> None:
        """
        Nobody listens any more: close what the decoy has, which nobody else
        can, and watch no longer.
        """
        for watched in list(self._watched.values()):
            watched.giveUp()
        for end in list(self._handedOver):
            end.abandon()

    # --- what those who are watched need ------------------------------------

    def watch(self, transport: Any, watched: Watched) -> None:
        """
        A connection was accepted.
        """
        self._watched[transport] = watched

    def forget(self, transport: Any) -> None:
        """
        The watch is over.
        """
        self._watched.pop(transport, None)

    def reserve(self) -> MirrorEnd | None:
        """
        :returns: what is to have the peer's connection; None if the decoy has
            all the connections that it may have.
        """
        if len(self._handedOver) >= limits.DECOYED:
            self._full()
            return None
        self._isFull = False
        end = MirrorEnd(self.reactor, self.release)
        self._handedOver.add(end)
        return end

    def _full(self) -> None:
        # Said once until there was room again.
        if not self._isFull:
            self._isFull = True
            self._log.warn(
                "{name}: the decoy has {count} connections, as many as it may have;"
                " more strangers get no answer from anybody",
                name=self._name,
                count=len(self._handedOver),
            )

    def release(self, end: MirrorEnd) -> None:
        """
        What was reserved is not needed.
        """
        self._handedOver.discard(end)

    def dial(self) -> Deferred[Any]:
        """
        :returns: the ``MirrorEnd`` that has the decoy's connection.
        """
        factory = Factory.forProtocol(lambda: MirrorEnd(self.reactor))
        factory.noisy = False
        dialling: Deferred[Any] = self._decoy.connect(factory)
        return dialling.addTimeout(limits.DECOY_CONNECT, self.reactor)

    def reached(self) -> None:
        """
        The decoy answers.
        """
        if self._isDown:
            self._isDown = False
            self._log.info("{name}: the decoy can be reached again", name=self._name)

    def unreachable(self, reason: Failure) -> None:
        """
        It does not.  Said once until it does, or a scan would fill the log.
        """
        if not self._isDown:
            self._isDown = True
            self._log.warn(
                "{name}: the decoy cannot be reached ({cause});"
                " until it can, strangers get no answer from anybody",
                name=self._name,
                cause=causeOfFailure(reason).value,
            )


class _Life(Enum):
    WATCHED = auto()
    DIALLING = auto()
    OVER = auto()  # others have the connection, or it is lost


@implementer(IProtocol, IHalfCloseableProtocol)
class Watched:
    """
    The protocol of a connection while its peer is a stranger.

    In the end another protocol takes its place on the transport, which asks for
    its protocol anew at each event.
    """

    def __init__(self, guard: Guard, inner: Any) -> None:
        """
        :param inner: the method's protocol, an ``IRefusable``.
        """
        self._guard = guard
        self._inner = inner
        self._life = _Life.WATCHED
        self._said = bytearray()
        self._alarm = Alarm(guard.reactor)
        self._dialling: Deferred[Any] | None = None
        self._transport: Any = None

    # --- IProtocol ----------------------------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        self._transport = transport
        self._guard.watch(transport, self)
        self._alarm.set(self._guard.reactor.seconds() + self._guard.patience, self._late)
        self.connectionMade()

    def connectionMade(self) -> None:
        self._inner.makeConnection(self._transport)

    def dataReceived(self, data: bytes) -> None:
        self._said += data
        self._inner.dataReceived(data)
        if self._life is _Life.WATCHED and len(self._said) > limits.DECOY_RECORD:
            self._late()

    def readConnectionLost(self) -> None:
        # Servers that are none of ours answer all the same.
        self._late()

    def writeConnectionLost(self) -> None:
        """
        Nobody ends our side alone.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end()
        self._inner.connectionLost(reason)

    # --- how the watch ends -------------------------------------------------

    @property
    def hasHeard(self) -> bool:
        """
        Did the peer say anything?
        """
        return bool(self._said)

    def letGo(self) -> None:
        """
        The method has the connection for itself.
        """
        self._end()
        self._transport.protocol = self._inner

    def giveUp(self) -> None:
        """
        The method has it, since the decoy cannot.
        """
        self.letGo()
        # Had the peer ended its side, then this is met again, by the method.
        self._transport.resumeProducing()

    def handOver(self, error: PTError) -> None:
        """
        The decoy is to have the peer.

        :param error: why.
        """
        if self._life is not _Life.WATCHED:
            return
        end = self._guard.reserve()
        if end is None:
            self.giveUp()
            return
        self._life = _Life.DIALLING
        self._alarm.stop()
        self._transport.pauseProducing()
        self._dialling = self._guard.dial()
        self._dialling.addCallbacks(
            self._reached, self._unreachable, callbackArgs=(end, error), errbackArgs=(end,)
        )

    def _late(self) -> None:
        self.handOver(HandshakeTimeout())

    def _reached(self, decoy: MirrorEnd, end: MirrorEnd, error: PTError) -> None:
        self._guard.reached()
        said, writer = bytes(self._said), _transport(decoy)
        self._end()
        self._inner.detach(Failure(error))
        self._transport.protocol = end
        end.makeConnection(self._transport)  # type: ignore[no-untyped-call]
        writer.write(said)
        join(end, decoy)

    def _unreachable(self, reason: Failure, end: MirrorEnd) -> None:
        self._guard.release(end)
        # Else it was given up here, and the decoy is not to blame.
        if self._life is _Life.DIALLING:
            self._guard.unreachable(reason)
            self.giveUp()

    def _end(self) -> None:
        self._life = _Life.OVER
        self._guard.forget(self._transport)
        self._alarm.stop()
        self._said.clear()
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()  # does nothing if it is this that we come from


def _transport(end: MirrorEnd) -> Any:
    return end.transport
