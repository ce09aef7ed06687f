"""
The operator's option to believe what a reverse proxy says of its clients.

Each proxy puts the address that it sees at the end of the header
``X-Forwarded-For``, behind what its client put there, who may say what he likes.
So the header is read from its end, as far as those whom the operator trusts; the
first other address is the client's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ranges import AddressRanges, plainIP

_TRUSTED = "trust-forwarded-for"

#: Of a client whose proxy tells its address alone: tor closes connections whose client
#: has port 0.
_UNKNOWN_PORT = 1

#: The header, as HTTP libraries like to be asked for it.
HEADER = b"x-forwarded-for"


class Forwarded:
    """
    Whom to believe.
    """

    def __init__(self, arguments: Arguments) -> None:
        """
        :param arguments: ``trust-forwarded-for`` lists the proxies' addresses and
            networks, or is ``loopback``; without it nobody is believed.
        :raises ConfigurationError: if it is no such list.
        """
        self._proxies: AddressRanges | None = None
        if _TRUSTED in arguments:
            self._proxies = AddressRanges(_TRUSTED, arguments.require(_TRUSTED))

    def believes(self, peer: Any) -> bool:
        """
        :param peer: the address of the network connection's other end.
        :returns: may it say whose connection it is?
        """
        return self._proxies is not None and getattr(peer, "host", "") in self._proxies

    def client(self, peer: Any, values: Iterable[bytes]) -> IPv4Address | IPv6Address | None:
        """
        :param peer: the address of the network connection's other end.
        :param values: of the header, in order.
        :returns: the client's address, with port 1 if only that is told; None if the
            header is not to be believed, or does not say.
        """
        if not self.believes(peer):
            return None
        said = b",".join(values).decode("latin-1").split(",")
        for part in reversed(said):
            address = _address(part.strip())
            if address is None or not self.believes(address):
                return address
        return None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """
    :param text: an IP address, maybe with a port, as some proxies tell it.
    """
    ip, port = plainIP(text), 0
    if ip is None:
        try:
            place = HostPort.parse(text, allowName=False)
        except ConfigurationError:
            return None
        ip, port = plainIP(place.host), place.port
    kind = IPv6Address if ip is not None and ip.version == 6 else IPv4Address
    return kind("TCP", str(ip), port or _UNKNOWN_PORT)
