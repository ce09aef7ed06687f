"""
PROXY headers, written as HAProxy's specification has them.
"""

from __future__ import annotations

from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def line(source: str = "198.51.100.7", port: int = 4711) -> bytes:
    """
    :returns: a header of version 1.
    """
    six = ":" in source
    to = "2001:db8::1" if six else "192.0.2.1"
    return f"PROXY TCP{6 if six else 4} {source} {to} {port} 443\r\n".encode()


def binary(source: str = "198.51.100.7", port: int = 4711, more: bytes = b"") -> bytes:
    """
    :param more: what follows the addresses.
    :returns: a header of version 2.
    """
    six = ":" in source
    body = ip_address(source).packed + ip_address("2001:db8::1" if six else "192.0.2.1").packed
    body += port.to_bytes(2, "big") + (443).to_bytes(2, "big") + more
    return fixed(0x21, 0x21 if six else 0x11, len(body)) + body


def fixed(command: int, family: int, length: int) -> bytes:
    """
    :returns: what version 2 begins with.
    """
    return SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big")


#: A balancer's own test of a server, and what it says of what it does not know.
LOCAL = fixed(0x20, 0, 0)
UNKNOWN = b"PROXY UNKNOWN\r\n"
