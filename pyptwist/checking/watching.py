"""
Between a method and its network: who sees when names are resolved and connections
made, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.checking.stages import Course, Stage
from pyptwist.interfaces import INetwork
from pyptwist.wrapping import WrappingFactory, WrappingNetwork

_PORT = 1  # that any address may have


class WatchedNetwork(WrappingNetwork):
    """
    Another network, whose client connections are watched.
    """

    def __init__(
        self,
        network: Any,
        dialling: Callable[[str], object],
        connected: Callable[[], object],
    ) -> None:
        """
        :param dialling: called with the host when a connection is begun.
        :param connected: called when one is made, before anything is sent on it.
        """
        super().__init__(network)
        self._dialling = dialling
        self._connected = connected

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        below = super().clientEndpoint(host, port)
        return _WatchedEndpoint(below, lambda: self._dialling(host), self._connected)


def watchDirect(network: Any, course: Course) -> INetwork:
    """
    :param network: made with ``WatchedReactor``.
    :returns: the network of methods that need no proxy.
    """

    def dialling(host: str) -> None:
        isName = HostPort(host, _PORT).ip is None
        course.enter(Stage.RESOLVE if isName else Stage.TCP)

    return WatchedNetwork(network, dialling, lambda: course.enter(Stage.HANDSHAKE))


def watchProxy(network: Any, course: Course) -> INetwork:
    """
    :returns: the network that reaches the upstream proxy.
    """
    return WatchedNetwork(
        network, lambda host: course.enter(Stage.PROXY), lambda: course.enter(Stage.TCP)
    )


def watchProxied(network: Any, course: Course) -> INetwork:
    """
    :returns: the network that goes through the proxy.
    """
    return WatchedNetwork(network, lambda host: None, lambda: course.enter(Stage.HANDSHAKE))


@implementer(IStreamClientEndpoint)
class _WatchedEndpoint:
    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        dialling: Callable[[], object],
        connected: Callable[[], object],
    ) -> None:
        self._endpoint = endpoint
        self._dialling = dialling
        self._connected = connected

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self._dialling()
        factory = _WatchedFactory(protocolFactory, self._connected)
        connecting: Deferred[IProtocol] = self._endpoint.connect(factory)
        return connecting


class _WatchedFactory(WrappingFactory):
    """
    Asked for a protocol at the moment when the connection is there.
    """

    def __init__(self, factory: IProtocolFactory, connected: Callable[[], object]) -> None:
        super().__init__(factory)
        self._connected = connected

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self._connected()
        return self._factory.buildProtocol(addr)  # type: ignore[arg-type]


# --- Names ------------------------------------------------------------------


@implementer(IReactorPluggableNameResolver)
class WatchedReactor:
    """
    The reactor, for one check's connections: its resolver is watched.
    """

    def __init__(self, reactor: Any, course: Course) -> None:
        self._reactor = reactor
        self.nameResolver = _WatchedResolver(reactor.nameResolver, course)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """
        For all, as ever.
        """
        former: IHostnameResolver = self._reactor.installNameResolver(resolver)
        return former

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IHostnameResolver)
class _WatchedResolver:
    def __init__(self, resolver: IHostnameResolver, course: Course) -> None:
        self._resolver = resolver
        self._course = course

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        receiver = _WatchedReceiver(resolutionReceiver, self._course)
        resolution: IHostResolution = self._resolver.resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
        return resolution


@implementer(IResolutionReceiver)
class _WatchedReceiver:
    def __init__(self, receiver: IResolutionReceiver, course: Course) -> None:
        self._receiver = receiver
        self._course = course
        self._count = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: IAddress) -> None:
        self._count += 1
        self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        if self._count:
            note = f"{self._count} address{'es' if self._count > 1 else ''}"
            self._course.enter(Stage.TCP, note)
        self._receiver.resolutionComplete()
