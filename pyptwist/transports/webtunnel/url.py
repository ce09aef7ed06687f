"""
Where a webtunnel server is, and the path that is its secret: its URL, as a rule.

It is read as the reference's clients, which are written in Go, read it, since both
sides must come to the same path.

Sources: Tor's webtunnel; Go's ``net/url``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError

_URL, _PATH = "url", "path"
_PORTS = {"http": 80, "https": 443}

_BAD = re.compile(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]%/]*")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LEFT = "/$&+,:;=@"  # what Go leaves as it is when it has to encode a path itself


@dataclass(frozen=True, repr=False)
class TunnelURL:
    """
    :ivar isSecure: is there TLS?
    :ivar where: the host and the port.
    :ivar path: begins with a slash; ASCII, percent-encoded.
    """

    isSecure: bool
    where: HostPort
    path: str

    @classmethod
    def of(cls, arguments: Arguments) -> Self:
        """
        :param arguments: ``url``, as in ``https://example.com/secret``; a query and
            a fragment mean nothing.
        :raises ConfigurationError: if it is missing or wrong.
        """
        text = arguments.require(_URL)
        if _BAD.search(text):
            raise _wrong("it holds a blank, or a percent sign without two digits")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise _wrong("its host or port is malformed") from None
        if parts.scheme not in _PORTS or not host:
            raise _wrong("it must begin with https or http, and have a host and a path")
        if port == 0:
            raise _wrong("port 0 cannot be connected to")
        try:
            where = HostPort(host, port or _PORTS[parts.scheme])
        except ConfigurationError as error:
            raise _wrong(str(error)) from None
        return cls(parts.scheme == "https", where, "/" + _escaped(parts.path).removeprefix("/"))

    @classmethod
    def at(cls, target: HostPort | None, arguments: Arguments) -> Self:
        """
        :param target: where the server is, if it has no URL.
        :param arguments: ``url``; or ``path`` alone.
        :raises ConfigurationError: if they do not say where it is, and what its secret
            is.
        """
        if _URL in arguments or _PATH not in arguments or target is None:
            return cls.of(arguments)
        return cls(False, target, pathOf(arguments))

    @property
    def text(self) -> str:
        """
        The whole of it, without what tor's lines cannot hold.
        """
        scheme = "https" if self.isSecure else "http"
        where = str(self.where).removesuffix(f":{_PORTS[scheme]}")
        return f"{scheme}://{where}{sayable(self.path)}"

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return "<TunnelURL>"


def pathOf(arguments: Arguments) -> str:
    """
    :param arguments: ``path``, of a server without a URL.
    :returns: percent-encoded, with a slash at its beginning.
    :raises ConfigurationError: if it is no path.
    """
    path = arguments.require(_PATH)
    if not path.startswith("/") or set(path) & set("?#") or _BAD.search(path):
        raise ConfigurationError(f"the argument {_PATH!r} must be like /PATH")
    return _escaped(path)


def sayable(path: str) -> str:
    """
    :returns: the same path without what tor's lines cannot hold.
    """
    return path.replace(",", "%2C").replace("=", "%3D")


def plainPath(target: bytes) -> bytes:
    """
    :param target: a path, maybe with a query, in any spelling of HTTP's.
    :returns: what it means, to be compared.
    """
    return unquote_to_bytes(target.partition(b"?")[0])


def hostHeader(name: str) -> str:
    """
    :param name: a host's, or an IP address.
    :returns: what a request says that it is for: without a port, whichever it is,
        since the reference leaves it away.
    :raises ConfigurationError: if it is no name of a host.
    """
    if ":" in name:
        return f"[{HostPort(name, 0).host}]"
    try:
        header = name.encode("idna").decode("ascii")
    except ValueError:
        header = ""
    if not _NAME.fullmatch(header):
        raise ConfigurationError("the server's name is no host name")
    return header


def _escaped(path: str) -> str:
    if _ENCODED.fullmatch(path):
        return path
    return quote(unquote_to_bytes(path), safe=_LEFT)


def _wrong(how: str) -> ConfigurationError:
    return ConfigurationError(f"the argument {_URL!r}: {how}")
