"""
The operator's option to believe what a reverse proxy says of its clients.

Each proxy puts the address that it sees at the end of the header
``X-Forwarded-For``, behind what its client put there, who may say what he likes.
So the header is read from its end, as far as those whom the operator trusts; the
first other address is the client's.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from pyptwist.arguments import Arguments
from pyptwist.ranges import AddressRanges

_TRUSTED = "trust-forwarded-for"

_LOOPBACK = "loopback"
_LOOPBACK_NETWORKS = "127.0.0.0/8,::1"

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
            listed = arguments.require(_TRUSTED).replace(_LOOPBACK, _LOOPBACK_NETWORKS)
            self._proxies = AddressRanges(_TRUSTED, listed)

    def client(self, peer: Any, values: Iterable[bytes]) -> IPv4Address | IPv6Address | None:
        """
        :param peer: the address of the network connection's other end.
        :param values: of the header, in order.
        :returns: the client's address, with the port of the peer's, since nobody
            tells the client's; None if the header is not to be believed, or does
            not say.
        """
        if self._proxies is None or getattr(peer, "host", "") not in self._proxies:
            return None
        said = b",".join(values).decode("latin-1").split(",")
        for text in (part.strip() for part in reversed(said)):
            if text in self._proxies:
                continue
            try:
                ip = ip_address(text)
            except ValueError:
                return None
            kind = IPv4Address if ip.version == 4 else IPv6Address
            return kind("TCP", str(ip), peer.port)
        return None
