"""
Lists of addresses and networks, as operators write them.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pyptwist.errors import ConfigurationError


class AddressRanges:
    """
    What ``in`` looks for an IP address in.
    """

    def __init__(self, option: str, text: str) -> None:
        """
        :param option: the name of the operator's option.
        :param text: its value: addresses and networks with commas between them.
        :raises ConfigurationError: naming the option, if it is something else.
        """
        try:
            self._networks = [ip_network(part.strip()) for part in text.split(",")]
        except ValueError:
            # Python's own text shows the address.
            raise ConfigurationError(
                f"the option {option!r} must be a list of addresses and networks, such as"
                " 192.0.2.1,10.0.0.0/8"
            ) from None

    def __contains__(self, host: object) -> bool:
        """
        :param host: an address as a text; what is none is in no network.
        """
        try:
            ip = ip_address(str(host))
        except ValueError:
            return False
        # How a socket for both families shows IPv4.
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._networks)
