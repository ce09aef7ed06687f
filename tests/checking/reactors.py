"""
A reactor that resolves names and connects as a test tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import implementer


@implementer(IHostnameResolver)
class Resolver:
    """
    :ivar receivers: who waits for addresses.
    """

    def __init__(self) -> None:
        self.receivers: list[IResolutionReceiver] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.receivers.append(resolutionReceiver)
        resolution: Any = object()
        resolutionReceiver.resolutionBegan(resolution)
        return resolution  # type: ignore[no-any-return]

    def answer(self, *hosts: str) -> None:
        """
        Resolve the last name to these.
        """
        for host in hosts:
            self.receivers[-1].addressResolved(IPv4Address("TCP", host, 443))
        self.receivers[-1].resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class ScriptedReactor(MemoryReactorClock):
    """
    Connections are made when a test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver: Any = Resolver()

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        former, self.nameResolver = self.nameResolver, resolver
        return former  # type: ignore[no-any-return]

    def accept(self, index: int = -1) -> tuple[Any, StringTransport]:
        """
        Let a TCP connection be made.

        :returns: its protocol and its transport.
        """
        factory: Any = self.tcpClients[index][2]
        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 443))
        transport = _Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport


class _Transport(StringTransport):
    """
    One that tells its protocol of the end.
    """

    protocol: Any = None

    def loseConnection(self) -> None:
        self._end()

    def abortConnection(self) -> None:
        self._end()

    def _end(self) -> None:
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))
