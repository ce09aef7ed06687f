"""
What both sides of SOCKS5 share: numbers, addresses, and what replies mean.

::

    client  5, count, methods ...                           RFC 1928, section 3
    server  5, method
    client  1, length, user name, length, password          RFC 1929, section 2
    server  1, status
    client  length (4), JSON                                PT 3.0, section 1.4
    client  5, command, 0, type, address, port              RFC 1928, section 4
    server  5, reply, 0, type, address, port                RFC 1928, section 6

An address is 4 bytes, 16 bytes, or a length byte and a name; a port is two
bytes, big end first.  A request for a transport whose arguments name its server has
the address 0.0.0.0 and port 0, as replies do that have nothing to tell.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ConfigurationError
from pyptwist.proxies.hosts import requireTarget

VERSION: Final = 5
PASSWORD_VERSION: Final = 1
CONNECT: Final = 1
NO_METHOD: Final = 0xFF


class Method(IntEnum):
    """
    Ways to authenticate (RFC 1928, section 3).
    """

    NONE = 0
    PASSWORD = 2
    JSON = 9  # PT 2.1 to 3.0, section 1.4


class AddressType(IntEnum):
    """
    Forms of an address (RFC 1928, section 5).
    """

    IPV4 = 1
    NAME = 3
    IPV6 = 4


class ReplyCode(IntEnum):
    """
    Answers to a request (RFC 1928, section 6; from 16 on PT 2.1 to 3.0,
    section 1.4).
    """

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8
    SETTINGS_TOO_LARGE = 0x10
    SETTINGS_TIMEOUT = 0x11
    SETTINGS_MALFORMED = 0x12
    SETTINGS_INVALID = 0x13


#: What our own server answers.  "TTL expired" is what tor and obfs4proxy say, and
#: understand, for a time-out.
REPLY_OF_CAUSE: Final = {
    Cause.DNS: ReplyCode.HOST_UNREACHABLE,
    Cause.REFUSED: ReplyCode.CONNECTION_REFUSED,
    Cause.UNREACHABLE: ReplyCode.NETWORK_UNREACHABLE,
    Cause.TIMEOUT: ReplyCode.TTL_EXPIRED,
    Cause.UPSTREAM_PROXY: ReplyCode.GENERAL_FAILURE,
    Cause.ARGUMENTS: ReplyCode.GENERAL_FAILURE,
    Cause.HANDSHAKE: ReplyCode.GENERAL_FAILURE,
    Cause.AUTHENTICATION: ReplyCode.GENERAL_FAILURE,
    Cause.VERSION: ReplyCode.GENERAL_FAILURE,
    Cause.CLOSED_BY_PEER: ReplyCode.GENERAL_FAILURE,
    Cause.PROCESS: ReplyCode.GENERAL_FAILURE,
    Cause.INTERNAL: ReplyCode.GENERAL_FAILURE,
}

#: What somebody else's server means, where it says so; anything else is the
#: server's own trouble.  Whether a host is unreachable for lack of an address
#: cannot be told.
CAUSE_OF_REPLY: Final[dict[int, Cause]] = {
    ReplyCode.NETWORK_UNREACHABLE: Cause.UNREACHABLE,
    ReplyCode.HOST_UNREACHABLE: Cause.UNREACHABLE,
    ReplyCode.CONNECTION_REFUSED: Cause.REFUSED,
    ReplyCode.TTL_EXPIRED: Cause.TIMEOUT,
    ReplyCode.SETTINGS_TOO_LARGE: Cause.ARGUMENTS,
    ReplyCode.SETTINGS_MALFORMED: Cause.ARGUMENTS,
    ReplyCode.SETTINGS_INVALID: Cause.ARGUMENTS,
}


def encodeAddress(address: HostPort) -> bytes:
    """
    Write an address from its type to its port.

    :param address: see ``requireTarget``; or an IP address with any port.
    """
    port = address.port.to_bytes(2, "big")
    match address.ip:
        case IPv4Address() as ip:
            return bytes([AddressType.IPV4]) + ip.packed + port
        case IPv6Address() as ip:
            return bytes([AddressType.IPV6]) + ip.packed + port
    name = address.host.encode("ascii")
    return bytes([AddressType.NAME, len(name)]) + name + port


def addressLength(head: bytes | bytearray) -> int | None:
    """
    How long an address is, from its type to its port.

    :param head: its bytes, at least the first.
    :returns: 7 to 262 bytes; None if another byte is needed to tell.
    :raises ValueError: for an unknown type.
    """
    match AddressType(head[0]):
        case AddressType.IPV4:
            return 1 + 4 + 2
        case AddressType.IPV6:
            return 1 + 16 + 2
        case AddressType.NAME:
            return 1 + 1 + head[1] + 2 if len(head) > 1 else None


def decodeAddress(data: bytes) -> HostPort | None:
    """
    Read an address that ``encodeAddress`` could have written.

    :param data: of the length that ``addressLength`` tells.
    :returns: None for no address: 0.0.0.0 or ::, and port 0.
    :raises ConfigurationError: for another address's port 0, or a name that is none.
    """
    body, port = data[1:-2], int.from_bytes(data[-2:], "big")
    match AddressType(data[0]):
        case AddressType.IPV4:
            host = str(IPv4Address(body))
        case AddressType.IPV6:
            host = str(IPv6Address(body))
        case AddressType.NAME:
            host = _name(body[1:])
    address = HostPort(host, port)
    return None if address.isNowhere else requireTarget(address)


def _name(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigurationError("a host name must be in its ASCII form") from None
