"""
Connections that count what they read, beneath Twisted's HTTP client, which has no
bounds of its own: neither for the number of header fields, nor for interim answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

#: Is told of each connection that is made.
Connected: TypeAlias = "Callable[[Metered, ITransport], object]"


@implementer(IStreamClientEndpoint)
class Metering:
    """
    An endpoint whose connections count what they read.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, connected: Connected) -> None:
        self._endpoint = endpoint
        self._connected = connected

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        factory = _Factory(protocolFactory, self._connected)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda metered: metered.inner)


class _Factory(Factory):
    """
    Gives one connection.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory, connected: Connected) -> None:
        """
        :param factory: twisted.web's, whose start and end would be logged.
        """
        self._parts: tuple[IProtocolFactory, Connected] | None = factory, connected

    def buildProtocol(self, addr: Any) -> Metered | None:
        # Twisted's connector keeps its factory, in a cycle.
        parts, self._parts = self._parts, None
        inner = None if parts is None else parts[0].buildProtocol(addr)
        return None if inner is None or parts is None else Metered(inner, parts[1])


class Metered(Protocol):
    """
    Lets its inner protocol read as much as one answer may have.

    :ivar inner: it writes to the transport itself.
    :ivar allowance: bytes that may still come.
    """

    def __init__(self, inner: IProtocol, connected: Connected) -> None:
        self.inner: Any = inner
        self.allowance = limits.MEEK_ANSWER
        self._connected: Connected | None = connected
        self._patience: Alarm | None = None

    def connectionMade(self) -> None:
        connected, self._connected = self._connected, None
        assert connected is not None and self.transport is not None
        connected(self, self.transport)
        self.inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.allowance -= len(data)
        if self.allowance < 0:
            self.drop()
        else:
            self.inner.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        if self._patience is not None:
            self._patience.stop()
        inner, self.inner = self.inner, None
        inner.connectionLost(reason)

    def expire(self, reactor: IReactorTime) -> None:
        """
        It is being closed: give it a time for that.
        """
        if self.transport is not None:
            self._patience = Alarm(reactor)
            self._patience.set(reactor.seconds() + limits.CLOSE_LINGER, self.drop)

    def drop(self) -> None:
        """
        Close at once.
        """
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()
