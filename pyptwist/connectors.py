"""
Outgoing connections that are freed when they are over.

Twisted's connector and the transport that it made know each other; so do the
connector and the factory of an endpoint; and a transport that never connected knows
two methods of its own.  So each connection, made or not, would wait for the garbage
collector, with all that is attached to it.
"""

from __future__ import annotations

from typing import Any
from weakref import proxy

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy


class ReleasingReactor:
    """
    A reactor for endpoints to connect with.  All but that is the other reactor's.
    """

    def __init__(self, reactor: Any) -> None:
        """
        :param reactor: the other.
        """
        self._reactor = reactor
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, port: int, factory: Any, *more: Any, **options: Any) -> Any:
        """
        As ``IReactorTCP.connectTCP``.
        """
        return self._reactor.connectTCP(host, port, _Releasing(factory), *more, **options)


class _Releasing(ClientFactory):
    """
    Stands between a connector and an endpoint's factory.
    """

    noisy = False

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self._transport: Any = None

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def startedConnecting(self, connector: Any) -> None:
        self._transport = getattr(connector, "transport", None)
        # Its transport keeps it for as long as there is something to stop.
        self._factory.startedConnecting(proxy(connector))

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self._transport = None
        return self._factory.buildProtocol(addr)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            # The reactor may call one more of them, and the last sets the others.
            transport.doRead = transport.doWrite = transport.doConnect = _nothing
        self._factory.clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        self._factory.clientConnectionLost(connector, reason)
        connector.transport = None


def _nothing() -> None:
    pass
