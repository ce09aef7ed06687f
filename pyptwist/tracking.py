"""
Which network connections are open: for whoever must leave none behind.

Endpoints tell an application of connections that are ready.  Those whose
handshake goes on, those of strangers that are kept in silence, and those that
are being closed are known to the network alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist.strangers.endings import closeInSilence
from pyptwist.wrapping import WrappingFactory, WrappingNetwork, WrappingServerEndpoint

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class OpenConnections:
    """
    The transports of a network, as long as they are connected; and its sockets of
    UDP, which whatever runs over datagrams has instead.
    """

    def __init__(self) -> None:
        # What is lost need not say so: nobody else holds on to it.
        self._transports: WeakSet[Any] = WeakSet()
        self._ports: WeakSet[Any] = WeakSet()

    def add(self, transport: Any) -> None:
        """
        :param transport: of TCP, or one that has ``connected`` as well.
        """
        self._transports.add(transport)

    def addPort(self, port: Any) -> None:
        """
        :param port: of UDP, or one that has ``connected`` as well.
        """
        self._ports.add(port)

    def __len__(self) -> int:
        return len(self._connected()) + len(self._bound())

    def close(self) -> None:
        """
        Close all of them, in order: no stranger sees a reset.
        """
        for transport in self._connected():
            closeInSilence(transport)
            transport.loseConnection()

    def abort(self) -> None:
        """
        Close all of them, whatever they have to send.
        """
        for transport in self._connected():
            transport.abortConnection()
        for port in self._bound():
            port.stopListening()

    def lose(self) -> None:
        """
        Let all of them be lost now, and not in another turn of a reactor that will
        have none.
        """
        for transport in self._connected():
            transport.connectionLost(Failure(ConnectionLost()))
        for port in self._bound():
            port.connectionLost()

    def _connected(self) -> list[Any]:
        return [transport for transport in list(self._transports) if transport.connected]

    def _bound(self) -> list[Any]:
        return [port for port in list(self._ports) if port.connected]


async def settled(reactor: Any, seconds: float, isOver: Callable[[], bool]) -> None:
    """
    Wait until something is so, or the time is over.

    :param reactor: for its clock.
    :param seconds: at the most.
    """
    deadline = reactor.seconds() + seconds
    while not isOver() and reactor.seconds() < deadline:
        await deferLater(reactor, seconds / _LOOKS)


_LOOKS = 50


class TrackedNetwork(WrappingNetwork):
    """
    A network that knows its connections.

    :ivar open: them.
    """

    def __init__(self, network: Any, known: OpenConnections | None = None) -> None:
        """
        :param known: where to keep them, with those of others.
        """
        super().__init__(network)
        self.open = OpenConnections() if known is None else known

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        return _TrackedClientEndpoint(super().clientEndpoint(host, port), self.open)

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        introducing = partial(_Introducing, known=self.open)
        return WrappingServerEndpoint(super().serverEndpoint(host, port), introducing)

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        bound = super().bindDatagrams(protocol, host, port)
        if hasattr(bound, "connected"):
            self.open.addPort(bound)
        return bound


@implementer(IStreamClientEndpoint)
class _TrackedClientEndpoint:
    def __init__(self, endpoint: IStreamClientEndpoint, known: OpenConnections) -> None:
        self._endpoint = endpoint
        self._known = known

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(self._connected)

    def _connected(self, protocol: IProtocol) -> IProtocol:
        # It is gone if the protocol ended in its connectionMade.
        transport = getattr(protocol, "transport", None)
        if transport is not None:
            self._known.add(transport)
        return protocol


class _Introducing(WrappingFactory):
    def __init__(self, factory: IProtocolFactory, known: OpenConnections) -> None:
        super().__init__(factory)
        self._known = known

    def buildProtocol(self, addr: IAddress) -> _Introduction | None:  # type: ignore[override]
        inner = self._factory.buildProtocol(addr)
        return None if inner is None else _Introduction(inner, self._known)


class _Introduction:
    """
    The protocol of an accepted connection, until it is told its transport.
    """

    def __init__(self, inner: Any, known: OpenConnections) -> None:
        self._inner = inner
        self._known = known

    def makeConnection(self, transport: Any) -> None:
        self._known.add(transport)
        transport.protocol = self._inner
        self._inner.makeConnection(transport)


class Clientele(WrappingFactory):
    """
    Somebody's factory, whose protocols are known while they are connected.

    :ivar connections: them.
    """

    def __init__(self, factory: IProtocolFactory) -> None:
        super().__init__(factory)
        self.connections: set[_Application] = set()

    def buildProtocol(self, addr: IAddress) -> _Application | None:  # type: ignore[override]
        protocol = self._factory.buildProtocol(addr)
        return None if protocol is None else _Application(protocol, self)

    def closeAll(self) -> None:
        """
        Close every connection, flushing what is under way.
        """
        for application in list(self.connections):
            application.transport.loseConnection()


@implementer(IProtocol)
class _Application:
    """
    Stands between a transport connection and its protocol, which has that for
    its transport as if there were nobody.
    """

    transport: Any

    def __init__(self, protocol: IProtocol, factory: Clientele) -> None:
        self._protocol = protocol
        self._factory = factory

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._factory.connections.add(self)
        self.connectionMade()

    def connectionMade(self) -> None:
        self._protocol.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._factory.connections.discard(self)
        self._protocol.connectionLost(reason)
