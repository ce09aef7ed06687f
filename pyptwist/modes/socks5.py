"""
The socks5 mode: an application asks our local SOCKS port for a target, and the
transport reaches it.

The success reply is sent when the transport connection is ready, never before:
the application must learn that a bridge does not answer.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.errors import Cause, causeOfFailure
from pyptwist.ipc.options import located
from pyptwist.misspelt import watching
from pyptwist.proxies.socks5server import (
    PT1_METHODS,
    Refuse,
    Reply,
    Request,
    Socks5Negotiation,
)
from pyptwist.proxies.socks5wire import Method
from pyptwist.relay import RelayEnd, RelayingFactory, join

if TYPE_CHECKING:
    from pyptwist.arguments import Arguments
    from pyptwist.interfaces import Context


class Socks5Factory(RelayingFactory):
    """
    For the listener that applications connect to.
    """

    def __init__(
        self,
        transport: Any,
        context: Context,
        authentication: Collection[Method] = PT1_METHODS,
        arguments: Arguments | None = None,
        handed: Collection[str] = (),
    ) -> None:
        """
        :param transport: the ``IClientTransport`` that carries the connections.
        :param context: its surroundings.
        :param authentication: how applications may say their arguments.
        :param arguments: for all connections: what applications say comes before
            them, and they may name the server (``serverAddress``), before an
            application.  None for PT 1, where there is no such thing.
        :param handed: which of their keys come from a bridge line.
        """
        super().__init__()
        self.method = transport
        self.context = context
        self.authentication = authentication
        self._arguments = arguments
        self._handed = handed

    def clientEndpoint(self, request: Request) -> IStreamClientEndpoint:
        """
        :returns: what reaches the server of a request.
        :raises ConfigurationError: if its arguments are wrong.
        """
        with watching(self.method.name) as watch:
            target, arguments = request.target, watch.handed(request.arguments)
            if self._arguments is not None:
                arguments = watch.mixed(self._arguments, self._handed).updated(arguments)
                target, arguments = located(arguments, target)
            endpoint: IStreamClientEndpoint = self.method.clientEndpoint(
                self.context, target, arguments
            )
        return endpoint

    def buildProtocol(self, addr: IAddress | None) -> Socks5Protocol:
        return Socks5Protocol(self)


class Socks5Protocol(RelayEnd):
    """
    One application's connection: negotiation, dialling, then a relay's end.
    """

    _log = Logger()

    def __init__(self, factory: Socks5Factory) -> None:
        self._socks = factory
        self._negotiation: Socks5Negotiation | None = Socks5Negotiation(factory.authentication)
        self._dialling: Deferred[Any] | None = None
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._socks.connections.add(self)
        self._deadline = self._socks.context.reactor.callLater(
            limits.SOCKS_NEGOTIATION, self._tooSlow
        )

    def dataReceived(self, data: bytes) -> None:
        if self._negotiation is None:
            super().dataReceived(data)
            return
        negotiation = self._negotiation
        for event in negotiation.receive(data):
            if isinstance(event, Reply):
                self._write(event.data)
            elif isinstance(event, Request):
                self._dial(event)
            else:
                self._refuse(event)
        if self._negotiation is not None and negotiation.trailing:
            # Until then we read on, only to notice when the application leaves.
            self._pause()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._socks.connections.discard(self)
        self._negotiation = None
        self._stopDeadline()
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        super().connectionLost(reason)

    # --- inside -------------------------------------------------------------

    def _dial(self, request: Request) -> None:
        self._stopDeadline()
        self._dialling = dialling = self._socks.dial(
            lambda factory: self._socks.clientEndpoint(request).connect(factory)
        )
        dialling.addCallbacks(self._reached, self._unreachable)

    def _reached(self, remote: RelayEnd) -> None:
        negotiation, self._negotiation = self._negotiation, None
        self._dialling = None
        if negotiation is None:  # the application was gone a moment before
            remote.abandon()
            return
        self._write(negotiation.succeed())
        if negotiation.trailing and remote.transport is not None:
            remote.transport.write(bytes(negotiation.trailing))
        join(self, remote)

    def _unreachable(self, reason: Failure) -> None:
        negotiation, self._negotiation = self._negotiation, None
        self._dialling = None
        if negotiation is None:
            return
        cause = causeOfFailure(reason)
        self._report(cause, reason)
        self._write(negotiation.refuse(cause))
        self._close()

    def _refuse(self, event: Refuse) -> None:
        if not event.isMidway:
            self._negotiation = None
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        self._log.info(
            "{method}: an application's request was refused: {why}",
            method=self._socks.method.name,
            why=event.error,
        )
        if event.data:
            self._write(event.data)
        if event.isMidway:
            self._hangUp()
        else:
            self._close()

    def _report(self, cause: Cause, reason: Failure) -> None:
        if cause is Cause.INTERNAL:
            self._log.failure("{method} failed", reason, method=self._socks.method.name)
        else:
            self._log.warn(
                "{method}: no connection: {cause}: {why}",
                method=self._socks.method.name,
                cause=cause.value,
                why=reason.getErrorMessage(),
            )

    def _tooSlow(self) -> None:
        self._deadline = None
        if self._negotiation is not None:
            self._write(self._negotiation.expire())
        self._close()

    def _stopDeadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def _pause(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()

    def _hangUp(self) -> None:
        """
        Say no more, and discard what still comes, as long as a negotiation may
        take.
        """
        transport: Any = self.transport
        transport.loseWriteConnection()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
