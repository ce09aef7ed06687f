"""
SOCKS4a, the client's side.

::

    client  4, 1, port (2), IPv4 address (4), user id, 0
    client  4, 1, port (2), 0, 0, 0, 1, user id, 0, name, 0     without an address
    server  0, code, 6 bytes that mean nothing

Sources: "SOCKS: A protocol for TCP proxy across firewalls", Ying-Da Lee, and
"SOCKS 4A: A Simple Extension to SOCKS 4 Protocol" by the same.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError, UpstreamProxyError
from pyptwist.proxies.hosts import requireTarget
from pyptwist.proxies.tunnel import TunnelCodec

_VERSION: Final = 4
_CONNECT: Final = 1
_REPLY_VERSION: Final = 0
_REPLY_LENGTH: Final = 8
_NAME_FOLLOWS: Final = bytes([0, 0, 0, 1])


class _Code(IntEnum):
    GRANTED = 90
    FAILED = 91
    NO_IDENTD = 92
    OTHER_USER = 93


_REASONS: dict[int, str] = {
    _Code.FAILED: "the SOCKS4 proxy refused or failed",
    _Code.NO_IDENTD: "the SOCKS4 proxy wants an identd on this machine",
    _Code.OTHER_USER: "the SOCKS4 proxy knows another user",
}


class Socks4aClient(TunnelCodec):
    """
    A tunnel through a SOCKS4a proxy.

    An IPv6 address goes as if it were a name, its text: the protocol has no
    other form for it.  tor's SOCKS port takes that; others refuse it.
    """

    def __init__(self, target: HostPort, userId: bytes = b"") -> None:
        """
        :param target: where to; a name goes to the proxy as it is.
        :param userId: 0 to 255 bytes, none of them NUL.
        :raises ConfigurationError: if the target or the user id cannot be sent.
        """
        super().__init__()
        if b"\0" in userId or len(userId) > 255:
            raise ConfigurationError("a SOCKS4 user id has at most 255 bytes and no NUL")
        address, name = _encode(requireTarget(target))
        port = target.port.to_bytes(2, "big")
        self._request = bytes([_VERSION, _CONNECT]) + port + address + userId + b"\0" + name
        self.state = self._reply

    def begin(self) -> None:
        self.transmit(self._request)

    def endOfInput(self) -> None:
        self.finish(None if self.isReady else UpstreamProxyError("the SOCKS4 proxy closed"))

    def _reply(self) -> bool:
        head = self.buffer[:2]
        if head and head[0] != _REPLY_VERSION:
            raise UpstreamProxyError("the upstream proxy does not speak SOCKS4")
        if len(head) == 2 and head[1] != _Code.GRANTED:
            # The rest means nothing, and may never come.
            raise UpstreamProxyError(_REASONS.get(head[1], "the SOCKS4 proxy gave no known reply"))
        if len(self.buffer) < _REPLY_LENGTH:
            return False
        self.take(_REPLY_LENGTH)
        self.established()
        return False


def _encode(target: HostPort) -> tuple[bytes, bytes]:
    """
    :returns: the address field, and what comes at the end.
    """
    ip = target.ip
    if not isinstance(ip, IPv4Address):
        return _NAME_FOLLOWS, target.host.encode("ascii") + b"\0"
    if ip.packed.startswith(b"\0\0\0"):
        raise ConfigurationError("SOCKS4a keeps addresses that begin with 0.0.0 for itself")
    return ip.packed, b""
