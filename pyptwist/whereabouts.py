"""
Where a transport connection is: between which addresses, and over what.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, ITransport

from pyptwist.interfaces import ITransportConnection
from pyptwist.wrapping import beneath


class Whereabouts:
    """
    A part of ``ITransportConnection``, for whoever has one transport below.

    :ivar transport: the connection below; None before and after its life.
    """

    transport: Any = None
    _peer: IAddress | None = None
    _host: IAddress | None = None

    def rememberAddresses(self) -> None:
        """
        Ask for the addresses now: a TCP transport that is lost has no socket to
        ask, and applications want them in connectionLost.
        """
        self._peer, self._host = self.transport.getPeer(), self.transport.getHost()

    def getPeer(self) -> IAddress:
        peer: IAddress = self._peer or self.transport.getPeer()
        return peer

    def getHost(self) -> IAddress:
        host: IAddress = self._host or self.transport.getHost()
        return host

    @property
    def networkConnection(self) -> ITransport | None:
        """
        The one connection at the bottom, whatever stands between, TLS included; None
        once lost.
        """
        below = beneath(self.transport)
        if ITransportConnection.providedBy(below):
            bottom: ITransport | None = below.networkConnection
            return bottom
        return below  # type: ignore[no-any-return]
