"""
The client's endpoint.

``connect()`` fires with the first answer: until then nobody knows whether there is
a server of meek's at all.  obfs4proxy says success before it has dialled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import ClosedByPeer, PTError, causeOfFailure
from pyptwist.interfaces import Context
from pyptwist.tls.client import securing
from pyptwist.transports.meek.arguments import WebServer
from pyptwist.transports.meek.exchange import Exchange
from pyptwist.transports.meek.numbering import ID_ENTROPY, offer
from pyptwist.transports.meek.polling import ClientMachine
from pyptwist.virtual import IVirtualSession, VirtualConnection

if TYPE_CHECKING:
    from collections.abc import Callable


@implementer(IStreamClientEndpoint)
class MeekClientEndpoint:
    """
    Each connection is a session of its own, on HTTP connections of its own.
    """

    def __init__(self, context: Context, server: WebServer, methodName: str) -> None:
        """
        :raises ConfigurationError: if no certificate can have the server's name.
        """
        self._context = context
        self._server = server
        self._methodName = methodName
        below = context.network.clientEndpoint(server.dial.host, server.dial.port)
        if server.serverName is not None:
            below = securing(below, context.reactor, server.serverName, server.authorities)
        self._below = below

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        def cancel(_: object) -> None:
            session.cancel()

        sessionId = offer(self._context.entropy(ID_ENTROPY))
        exchange = Exchange(self._context.reactor, self._below, *self._server.head(sessionId))
        result: Deferred[IProtocol] = Deferred(cancel)
        session = ClientSession(
            self._context,
            ClientMachine(sessionId),
            exchange,
            self._methodName,
            protocolFactory.buildProtocol,
            result,
        )
        session.start()
        return result


@implementer(IVirtualSession)
class ClientSession:
    """
    Drives the machine of one session.
    """

    def __init__(
        self,
        context: Context,
        machine: ClientMachine,
        exchange: Exchange,
        methodName: str,
        build: Callable[[IAddress], IProtocol | None],
        result: Deferred[IProtocol],
    ) -> None:
        """
        :param build: makes the application's protocol; None refuses.
        :param result: is told how it began.
        """
        self._reactor = context.reactor
        self._metrics = context.metrics
        self._machine = machine
        self._exchange = exchange
        self._methodName = methodName
        self._build: Callable[[IAddress], IProtocol | None] | None = build
        self._result: Deferred[IProtocol] | None = result
        self._connection: VirtualConnection | None = None
        self._timer = Alarm(self._reactor)
        self._isOver = False

    def start(self) -> None:
        """
        Make the first request.
        """
        self._metrics.handshakesBegun += 1
        self._apply(self._machine.start(self._now()))

    def cancel(self) -> None:
        """
        Nobody wants the connection any more, of which nobody was told yet.
        """
        reason = Failure(ConnectingCancelledError(self._exchange.peer))
        if self._connection is None:
            self._fail(reason)
        else:  # by the application, which is just being connected
            self._tell(reason)
            self._connection.abortConnection()

    # --- IVirtualSession ----------------------------------------------------

    def send(self, data: bytes) -> None:
        self._machine.send(data, self._now())
        self._settle()

    def sendEnd(self) -> None:
        self._apply(self._machine.sendEnd(self._now()))

    def abort(self) -> None:
        farewell = self._machine.farewell()
        self._exchange.cut()
        self._release()
        if farewell is None:
            self._exchange.close()
            return
        exchange = self._exchange
        parting = exchange.post(farewell, limits.MEEK_FAREWELL)
        parting.addBoth(lambda _: exchange.close())

    def pauseReceiving(self) -> None:
        self._machine.pause()
        self._settle()

    def resumeReceiving(self) -> None:
        self._machine.resume(self._now())
        self._settle()

    # --- inside -------------------------------------------------------------

    def _now(self) -> float:
        return float(self._reactor.seconds())

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if self._isOver:
                return
            if isinstance(effect, Transmit):
                self._ask(bytes(effect.data))
            elif isinstance(effect, Ready):
                self._open()
            elif isinstance(effect, Deliver):
                assert self._connection is not None
                self._connection.deliver(effect.data)
            else:
                self._end(effect)
        self._settle()

    def _settle(self) -> None:
        if self._isOver:
            return
        if self._machine.nextTimer != self._timer.at:
            self._timer.set(self._machine.nextTimer, self._timerFired)
        if self._connection is not None:
            self._connection.backlog(self._machine.backlog)

    def _timerFired(self) -> None:
        self._apply(self._machine.timerFired(self._now()))

    def _ask(self, body: bytes) -> None:
        isFirst = self._connection is None
        seconds = limits.CLIENT_HANDSHAKE if isFirst else limits.MEEK_ANSWER_TIME
        self._exchange.post(body, seconds).addCallbacks(self._answered, self._failed)

    def _answered(self, body: bytes) -> None:
        if not self._isOver:
            self._apply(self._machine.answered(body, self._now()))

    def _failed(self, reason: Failure) -> None:
        if self._isOver:
            return
        if self._connection is None:
            self._fail(reason)
        else:
            isOurs = isinstance(reason.value, PTError)
            why = str(reason.value) if isOurs else causeOfFailure(reason).value
            isUnreachable = not isOurs and isinstance(reason.value, ConnectError)
            self._apply(self._machine.failed(self._now(), why, isUnreachable))

    def _open(self) -> None:
        build, self._build = self._build, None
        host, peer = self._exchange.host, self._exchange.peer
        assert build is not None and host is not None and peer is not None
        try:
            protocol = build(peer)
            if protocol is None:
                raise NoProtocol
        except Exception:
            reason = Failure()
            self.abort()
            self._tell(reason)
            return
        self._connection = VirtualConnection(
            self._reactor, self, self._methodName, self._metrics, host, peer
        )
        self._connection.open(protocol)
        self._tell(protocol)

    def _end(self, effect: Finished) -> None:
        connection = self._connection
        if connection is None:
            self._fail(Failure(effect.error or ClosedByPeer()))
            return
        self._release()
        self._exchange.close()
        connection.ended(effect.error)

    def _fail(self, reason: Failure) -> None:
        self._release()
        self._exchange.close()
        self._tell(reason)

    def _tell(self, outcome: IProtocol | Failure) -> None:
        result, self._result = self._result, None
        if result is None or result.called:
            return
        if isinstance(outcome, Failure):
            self._metrics.handshakesFailed[causeOfFailure(outcome)] += 1
            result.errback(outcome)
        else:
            result.callback(outcome)

    def _release(self) -> None:
        self._isOver = True
        self._timer.stop()
        self._connection = self._build = None
