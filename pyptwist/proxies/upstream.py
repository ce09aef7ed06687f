"""
The proxy that a client must go through, as ``TOR_PT_PROXY`` names it.

::

    socks4a://[USER@]IP:PORT
    socks5://[USER:PASSWORD@]IP:PORT
    http://[USER[:PASSWORD]@]IP:PORT

tor writes user name and password as they are, without percent-encoding, so a
password may hold ``@``, ``:`` and ``/``: the last ``@`` ends it, and the first ``:``
ends the user name.  IPv6 addresses are in brackets.  tor resolves the proxy's own
name itself and fills in the port that its torrc left out, so an IP address and
a port are required here: a name would be resolved outside of the proxy.

Source: pt-spec, section 3.2.2; what tor 0.4.9 was seen to write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pyptwist.addresses import HostPort
from pyptwist.codec import CodecFactory
from pyptwist.errors import ConfigurationError


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamProxy:
    """
    An upstream proxy, checked as far as that goes without asking it.

    :ivar scheme: ``socks4a``, ``socks5`` or ``http``.
    :ivar address: of the proxy: an IP address and a port that is not 0.
    :ivar username: None for no authentication.
    :ivar password: None where there is no user name, or no password.
    """

    scheme: str
    address: HostPort
    username: str | None = None
    password: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in _CHECKS:
            raise ConfigurationError(
                f"this kind of upstream proxy is not supported; use {', '.join(_CHECKS)}"
            )
        if self.address.ip is None:
            raise ConfigurationError("an upstream proxy needs an IP address, not a host name")
        if not self.address.port:
            raise ConfigurationError("an upstream proxy's port must not be 0")
        if self.username is None and self.password is not None:
            raise ConfigurationError("an upstream proxy's password needs a user name")
        for text in (self.username, self.password):
            _checkText(text)
        _CHECKS[self.scheme](self.username, self.password)

    def __repr__(self) -> str:
        """
        :returns: neither address nor credentials: it may be logged.
        """
        return f"<UpstreamProxy {self.scheme}{', credentials' if self.username else ''}>"

    def uri(self) -> str:
        """
        :returns: what ``parse`` reads, credentials included.
        """
        password = "" if self.password is None else f":{self.password}"
        credentials = "" if self.username is None else f"{self.username}{password}@"
        return f"{self.scheme}://{credentials}{self.address}"

    @classmethod
    def parse(cls, text: str) -> UpstreamProxy:
        """
        Read ``TOR_PT_PROXY``.

        :param text: see the module's text for the forms.
        :raises ConfigurationError: fit for a ``PROXY-ERROR`` line; nothing of the
            text is repeated.
        """
        scheme, mark, rest = text.partition("://")
        if not mark:
            raise ConfigurationError(
                "an upstream proxy must be written SCHEME://[USER:PASSWORD@]IP:PORT"
            )
        credentials, at, address = rest.rpartition("@")
        username, colon, password = credentials.partition(":")
        return cls(
            scheme.lower(),
            HostPort.parse(address, allowName=False),
            username if at else None,
            password if colon else None,
        )

    def codecFactory(self, host: str, port: int) -> CodecFactory:
        """
        How to tunnel to a target, on a connection to ``address``.

        :param host: a name or an IP address; a name is left to the proxy.
        :param port: 1 to 65535.
        :returns: makes a codec for one connection to the proxy.
        :raises ConfigurationError: if this kind of proxy cannot be asked for
            that target.
        """
        target = HostPort(host, port)
        make = _FACTORIES[self.scheme](target, _encode(self.username), _encode(self.password))
        # What is wrong with the target shows now, and not when connected.
        make()
        return make


# --- What differs between the kinds -----------------------------------------

# The codecs are imported on use: most clients have no upstream proxy, and the
# start-up time of a child counts.


def _socks4aFactory(
    target: HostPort, username: bytes | None, password: bytes | None
) -> CodecFactory:
    from pyptwist.proxies.socks4a import Socks4aClient

    return partial(Socks4aClient, target, username or b"")


def _socks5Factory(
    target: HostPort, username: bytes | None, password: bytes | None
) -> CodecFactory:
    from pyptwist.proxies.socks5 import Socks5Client

    return partial(Socks5Client, target, _pair(username, password))


def _httpFactory(target: HostPort, username: bytes | None, password: bytes | None) -> CodecFactory:
    from pyptwist.proxies.httpconnect import HTTPConnectClient

    return partial(HTTPConnectClient, target, _pair(username, password))


def _checkSocks4a(username: str | None, password: str | None) -> None:
    if password is not None:
        raise ConfigurationError("SOCKS4a has no passwords; use socks5")
    if username is not None and not 1 <= len(_encode(username) or b"") <= 255:
        raise ConfigurationError("a SOCKS4a user name must be 1 to 255 bytes long")


def _checkSocks5(username: str | None, password: str | None) -> None:
    if username is None:
        return
    for text in (username, password):
        if not 1 <= len(_encode(text) or b"") <= 255:
            raise ConfigurationError(
                "SOCKS5 needs both a user name and a password, 1 to 255 bytes each"
            )


def _checkHTTP(username: str | None, password: str | None) -> None:
    if username == "":
        raise ConfigurationError("an HTTP proxy's user name must not be empty")
    if username is not None and ":" in username:
        raise ConfigurationError("an HTTP proxy's user name must not hold a colon")


_CHECKS: dict[str, Callable[[str | None, str | None], None]] = {
    "socks4a": _checkSocks4a,
    "socks5": _checkSocks5,
    "http": _checkHTTP,
}

_FACTORIES: dict[str, Callable[[HostPort, bytes | None, bytes | None], CodecFactory]] = {
    "socks4a": _socks4aFactory,
    "socks5": _socks5Factory,
    "http": _httpFactory,
}


def _pair(username: bytes | None, password: bytes | None) -> tuple[bytes, bytes] | None:
    return None if username is None else (username, password or b"")


def _encode(text: str | None) -> bytes | None:
    # The environment's bytes that are no UTF-8 come as lone surrogates.
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _checkText(text: str | None) -> None:
    try:
        data = _encode(text) or b""
    except UnicodeEncodeError:
        raise ConfigurationError("an upstream proxy's credentials must be UTF-8") from None
    if any(byte < 0x20 or byte == 0x7F for byte in data):
        raise ConfigurationError("an upstream proxy's credentials must hold no control characters")
