"""
A SOCKS5 client for tests, speaking as tor does: nothing is sent before the
answer to the message before it has come.

It shares nothing with ``pyptwist.proxies``, which it is to test.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pyptwist.testing.streams import Address, Stream, connect

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


class SocksRefused(Exception):
    """
    The proxy said no.

    :ivar code: its reply code (RFC 1928, section 6), or ``NO_METHOD``, or
        ``BAD_PASSWORD``.
    """

    NO_METHOD = -1
    BAD_PASSWORD = -2

    def __init__(self, code: int) -> None:
        super().__init__(f"SOCKS reply {code}: {_REPLIES.get(code, 'unknown')}")
        self.code = code


_REPLIES: Final = {
    SocksRefused.NO_METHOD: "no acceptable way to authenticate",
    SocksRefused.BAD_PASSWORD: "the arguments were refused",
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


_FIELD: Final = 255  # bytes of a user name and of a password, at the most


async def socksConnect(
    test: TestCase,
    proxy: Address,
    target: Address,
    arguments: Mapping[str, str] | str | None = None,
    patience: float = Stream.patience,
) -> Stream:
    """
    Connect to a target through a SOCKS5 proxy, as tor does it.

    :param proxy: where the proxy listens, say ``Method.address`` of a client.
    :param target: an IPv4 or IPv6 address or a name, and a port.
    :param arguments: pluggable transport arguments, encoded here; or the
        encoded text, to send what no encoder makes; or None, for no
        authentication.
    :returns: the stream, at the first byte of payload.
    :raises SocksRefused: the proxy refused, its code within.
    :raises EOFError: the proxy closed without an answer.
    """
    stream = await connect(test, proxy, patience)
    await socksGreet(stream, arguments)
    await socksRequest(stream, target)
    return stream


def encodeSocksArguments(arguments: Mapping[str, str]) -> str:
    """
    ``k=v;k=v`` with the backslashes that tor writes: before ``;`` and ``\\``,
    none before ``=``.
    """

    def escape(text: str) -> str:
        return text.replace("\\", "\\\\").replace(";", "\\;")

    return ";".join(f"{escape(key)}={escape(value)}" for key, value in arguments.items())


async def socksGreet(stream: Stream, arguments: Mapping[str, str] | str | None = None) -> None:
    """
    The first half of ``socksConnect``: method choice and authentication.

    Up to 255 bytes of the arguments are the user name, the rest the password;
    if nothing is left, the password is one NUL.

    :raises ValueError: they are longer than tor takes in a bridge line.
    """
    text = arguments if isinstance(arguments, str) else encodeSocksArguments(arguments or {})
    if len(text.encode()) > 2 * _FIELD:
        raise ValueError(
            f"the arguments take {len(text.encode())} bytes, and tor passes {2 * _FIELD} on"
        )
    if arguments is None:
        stream.write(b"\x05\x01\x00")
    else:
        stream.write(b"\x05\x02\x00\x02")
    version, method = await stream.read(2)
    assert version == 5, version
    if method == 0xFF:
        raise SocksRefused(SocksRefused.NO_METHOD)
    if method != 2:
        return
    user, password = text.encode()[:_FIELD], text.encode()[_FIELD:] or b"\0"
    stream.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
    if (await stream.read(2))[1]:
        raise SocksRefused(SocksRefused.BAD_PASSWORD)


async def socksRequest(stream: Stream, target: Address) -> None:
    """
    The second half of ``socksConnect``: CONNECT and its answer.
    """
    host, port = target
    try:
        ip = ipaddress.ip_address(host)
        where = bytes([1 if ip.version == 4 else 4]) + ip.packed
    except ValueError:
        where = bytes([3, len(host)]) + host.encode()
    stream.write(b"\x05\x01\x00" + where + port.to_bytes(2, "big"))
    version, code, _, kind = await stream.read(4)
    assert version == 5, version
    if code:
        raise SocksRefused(code)
    length = {1: 4, 4: 16}.get(kind) or (await stream.read(1))[0]
    await stream.read(length + 2)
