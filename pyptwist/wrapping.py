"""
Factories and transports that stand beneath others.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.protocols.policies import ProtocolWrapper


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


def beneath(transport: Any) -> Any:
    """
    :param transport: of a protocol, maybe one of Twisted's wrappers, such as TLS.
    :returns: the transport that is none, at the bottom; None if it is lost.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport
