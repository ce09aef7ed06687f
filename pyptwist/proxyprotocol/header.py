"""
The header with which a load balancer says whose connection it is that it brings:
HAProxy's PROXY protocol, versions 1 and 2.

::

    1   "PROXY TCP4 192.0.2.1 198.51.100.1 40000 443\\r\\n"     at most 107 bytes
    2   0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A                  12 bytes
        version and command (1), family (1), length (2)      4 bytes
        addresses, ports, and more                           as many bytes as that says

Twisted has parsers for both, and a wrapper that drops a header if its first bytes
come in two pieces.  So the pieces are put together here, and the parsers see
headers that are whole.

Source: HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.protocols.haproxy._exceptions import InvalidProxyHeader
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser

from pyptwist import limits
from pyptwist.errors import HandshakeFailed

_LINE_START: Final = V1Parser.PROXYSTR + b" "
_LINE_END: Final = V1Parser.NEWLINE
_LONGEST_LINE: Final = 107  # bytes, its end included
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP[46](?: [0-9A-Fa-f:.]+){2}(?: [0-9]{1,5}){2})\r\n"
)
_SIGNATURE: Final = V2Parser.PREFIX
_FIXED: Final = len(_SIGNATURE) + 4
_VERSIONS: Final = {IPv4Address: 4, IPv6Address: 6}

#: A TCP address, as Twisted has it.
Address = IPv4Address | IPv6Address


def headerLength(data: bytes | bytearray) -> int | None:
    """
    :param data: all that has come so far.
    :returns: how many of its bytes are the header; None if it is not all there.
    :raises HandshakeFailed: if it cannot become one.
    """
    start = bytes(data[: len(_SIGNATURE)])
    if _SIGNATURE.startswith(start):
        return _lengthOfBinary(data)
    if _LINE_START.startswith(start[: len(_LINE_START)]):
        end = data.find(_LINE_END, 0, _LONGEST_LINE)
        if end < 0 and len(data) >= _LONGEST_LINE:
            raise HandshakeFailed("the PROXY header was too long")
        return None if end < 0 else end + len(_LINE_END)
    raise HandshakeFailed("there was no PROXY header")


def announced(header: bytes) -> tuple[Address, Address] | None:
    """
    :param header: a whole one, and nothing behind it.
    :returns: whom the connection is from, and to where it was made; None if the
        header does not tell, as a balancer's own test of a server does not.
    :raises HandshakeFailed: if it is malformed.
    """
    try:
        if header.startswith(_SIGNATURE):
            found = V2Parser.parse(header)
        else:
            if not _LINE.fullmatch(header):
                raise InvalidProxyHeader
            # It wants a blank behind UNKNOWN, which may stand alone, and minds none
            # behind the rest.
            found = V1Parser.parse(header.removesuffix(_LINE_END) + b" ")
        source, destination = _checked(found.source), _checked(found.destination)
    except (InvalidProxyHeader, ValueError):
        raise HandshakeFailed("the PROXY header was malformed") from None
    return None if source is None or destination is None else (source, destination)


def _lengthOfBinary(data: bytes | bytearray) -> int | None:
    if len(data) < _FIXED:
        return None
    length = _FIXED + int.from_bytes(data[_FIXED - 2 : _FIXED], "big")
    if length > limits.PROXY_HEADER:
        raise HandshakeFailed("the PROXY header was too long")
    return length if len(data) >= length else None


def _checked(address: Any) -> Address | None:
    """
    Twisted's parsers believe any text that stands where an address should.

    :returns: the address, in its usual spelling; None if it is not one of TCP.
    :raises ValueError: if it is none at all.
    """
    if not isinstance(address, IPv4Address | IPv6Address) or address.type != "TCP":
        return None
    ip = ip_address(address.host)
    if ip.version != _VERSIONS[type(address)] or not 0 <= address.port <= 0xFFFF:
        raise ValueError
    return type(address)("TCP", str(ip), address.port)
