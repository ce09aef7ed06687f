"""
Factories, networks and transports that stand beneath others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import implementer

from pyptwist.interfaces import INetwork

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class WrappingFactory(Factory):
    """
    Builds what stands beneath the protocols of another factory, and passes its own
    life on to that.  A subclass writes ``buildProtocol``.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        """
        :param factory: the other.
        """
        self._factory = factory

    def startFactory(self) -> None:
        self._factory.doStart()

    def stopFactory(self) -> None:
        self._factory.doStop()


@implementer(INetwork)
class WrappingNetwork:
    """
    A network that is another one.  A subclass changes what it has to.
    """

    def __init__(self, network: Any) -> None:
        """
        :param network: the ``INetwork`` that does the work.
        """
        self._network = network

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        endpoint: IStreamClientEndpoint = self._network.clientEndpoint(host, port)
        return endpoint

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        endpoint: IStreamServerEndpoint = self._network.serverEndpoint(host, port)
        return endpoint

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        bound: IListeningPort = self._network.bindDatagrams(protocol, host, port)
        return bound


@implementer(IStreamServerEndpoint)
class WrappingServerEndpoint:
    """
    Has a factory beneath each that listens.
    """

    def __init__(
        self, endpoint: IStreamServerEndpoint, wrap: Callable[[IProtocolFactory], Factory]
    ) -> None:
        """
        :param endpoint: does the work.
        :param wrap: makes what stands beneath a factory.
        """
        self._endpoint = endpoint
        self._wrap = wrap

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = self._endpoint.listen(self._wrap(protocolFactory))
        return listening


def beneath(transport: Any) -> Any:
    """
    :param transport: of a protocol, maybe one of Twisted's wrappers, such as TLS.
    :returns: the transport that is none, at the bottom; None if it is lost.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport
