"""
The transparent-TCP mode: every connection to our local port goes to one place,
through the transport, and the application need not know of it.

All connections have the same server and the same arguments, so what is wrong
with these is found before anybody connects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, causeOfFailure
from pyptwist.relay import RelayEnd, RelayingFactory, join

if TYPE_CHECKING:
    from pyptwist.interfaces import Context


class TransparentFactory(RelayingFactory):
    """
    For the listener that applications connect to.
    """

    def __init__(
        self, method: Any, context: Context, target: HostPort | None, arguments: Arguments
    ) -> None:
        """
        :param method: the ``IClientTransport`` that carries the connections.
        :param context: its surroundings.
        :param target: the transport's server; None if the arguments name it.
        :param arguments: the method's, for all connections.
        :raises ConfigurationError: if the method does not take them.
        """
        super().__init__()
        self.methodName: str = method.name
        self.endpoint = method.clientEndpoint(context, target, arguments)

    def buildProtocol(self, addr: IAddress | None) -> TransparentProtocol:
        return TransparentProtocol(self)


class TransparentProtocol(RelayEnd):
    """
    One application's connection: dialling, then a relay's end.
    """

    _log = Logger()

    def __init__(self, factory: TransparentFactory) -> None:
        self._transparent = factory
        self._dialling: Deferred[Any] | None = None

    def connectionMade(self) -> None:
        self._transparent.connections.add(self)
        # Nothing is read until it can be passed on.  An application that says
        # something and closes at once is heard, then, as it would be without us;
        # one that gives up costs an attempt in vain.
        self._transport.pauseProducing()
        self._dialling = dialling = self._transparent.dial(self._transparent.endpoint.connect)
        dialling.addCallbacks(self._reached, self._unreachable)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._transparent.connections.discard(self)
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        super().connectionLost(reason)

    @property
    def _transport(self) -> Any:
        return self.transport

    def _reached(self, remote: RelayEnd) -> None:
        self._dialling = None
        join(self, remote)

    def _unreachable(self, reason: Failure) -> None:
        self._dialling = None
        if self not in self._transparent.connections:
            return
        name, cause = self._transparent.methodName, causeOfFailure(reason)
        if cause is Cause.INTERNAL:
            self._log.failure("{method} failed", reason, method=name)
        else:
            self._log.warn(
                "{method}: no connection: {cause}: {why}",
                method=name,
                cause=cause.value,
                why=reason.getErrorMessage(),
            )
        self._transport.loseConnection()
