"""
Lists of addresses and networks, as operators write them.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from pyptwist.errors import ConfigurationError

IPAddress: TypeAlias = IPv4Address | IPv6Address

#: This machine itself, for which operators have a word.
LOOPBACK: Final = "loopback"
_LOOPBACK_NETWORKS = ip_network("127.0.0.0/8"), ip_network("::1/128")


class AddressRanges:
    """
    What ``in`` looks for an IP address in.
    """

    def __init__(self, option: str, text: str) -> None:
        """
        :param option: the name of the operator's option.
        :param text: its value: addresses and networks with commas between them, or
            ``LOOPBACK``, for this machine.
        :raises ConfigurationError: naming the option, if it is something else.
        """
        try:
            self._networks = [
                network for part in text.split(",") for network in _networks(part.strip())
            ]
        except ValueError:
            # Python's own text shows the address.
            raise ConfigurationError(
                f"the option {option!r} must be IP addresses and networks (ADDRESS/BITS), with"
                f" commas between them, or {LOOPBACK}"
            ) from None

    def __contains__(self, host: object) -> bool:
        """
        :param host: an address as a text; what is none is in no network.
        """
        ip = plainIP(str(host))
        return ip is not None and any(ip in network for network in self._networks)


def plainIP(text: str) -> IPAddress | None:
    """
    :returns: the IP address that a text is, without what it may have about it: the
        name of a network interface, or the prefix with which a socket for both
        families shows IPv4.  None if it is none.
    """
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or IPv6Address(int(ip))


def _networks(part: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return _LOOPBACK_NETWORKS if part == LOOPBACK else (ip_network(part),)
