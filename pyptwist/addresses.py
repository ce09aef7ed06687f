"""
A host and a port, written the way that the pluggable transport specs write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from pyptwist.errors import ConfigurationError

_LONGEST_NAME = 255  # RFC 1035, section 2.3.4; also all that SOCKS5 can carry.


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """
    Where to connect or listen.

    :ivar host: a host name, an IPv4 address, or an IPv6 address without brackets.
    :ivar port: 0 to 65535; 0 only where the kernel may choose.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 0xFFFF:
            raise ConfigurationError("a port must be between 0 and 65535")
        if not self.host or len(self.host) > _LONGEST_NAME:
            raise ConfigurationError("a host must have 1 to 255 characters")
        if any(c.isspace() or not c.isprintable() for c in self.host):
            raise ConfigurationError("a host must not hold blanks or control characters")
        if set(self.host) & set(":[]"):
            _requireIPv6(self.host)

    def __str__(self) -> str:
        """
        :returns: ``192.0.2.1:443``, ``[2001:db8::1]:443`` or ``example.org:443``.
        """
        if ":" in self.host:
            return f"[{self.host}]:{self.port}"
        return f"{self.host}:{self.port}"

    @property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """
        The host as an IP address, or None if it is a name.
        """
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def isLoopback(self) -> bool:
        """
        Does the host certainly stay on this machine?  A name never does, since
        a resolver decides what it means.
        """
        address = self.ip
        return address is not None and address.is_loopback

    @property
    def isNowhere(self) -> bool:
        """
        Is it no address at all, in a form that demands one (``NOWHERE``)?
        """
        address = self.ip
        return self.port == 0 and address is not None and address.is_unspecified

    @classmethod
    def parse(cls, text: str, *, allowName: bool = True) -> HostPort:
        """
        Read ``host:port``; IPv6 must be in brackets.

        :param text: for instance ``[2001:db8::1]:443``.
        :param allowName: False where the specs want an IP address, so that
            nothing is ever resolved.
        :raises ConfigurationError: naming what is wrong, without the text.
        """
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ConfigurationError("an address must be HOST:PORT")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            _requireIPv6(host)
        elif ":" in host:
            raise ConfigurationError("an IPv6 address must be in brackets, as in [::1]:443")
        if not (port.isascii() and port.isdigit() and len(port) <= 5):
            raise ConfigurationError("a port must be a decimal number")
        parsed = cls(host, int(port))
        if not allowName and parsed.ip is None:
            raise ConfigurationError("an IP address is needed here, not a host name")
        return parsed


#: What is written where an address must be and there is none: RFC 1928 has it for what
#: is not known yet.  So a SOCKS request says that the arguments name the server.
NOWHERE: Final = HostPort("0.0.0.0", 0)  # noqa: S104


def _requireIPv6(host: str) -> None:
    try:
        IPv6Address(host)
    except ValueError:
        raise ConfigurationError("a host with colons or brackets is no IPv6 address") from None
