"""
What clients are told, and what operators say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twisted.web.resource import Resource

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.tls import client
from pyptwist.tls.server import certificateNames
from pyptwist.web.folder import siteRoot
from pyptwist.web.forwarded import Forwarded

_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 1024  # characters: with all else, SOCKS carries 510


@dataclass(frozen=True)
class WebServer:
    """
    Where a client's requests go.

    :ivar dial: whom TCP is connected to: the front, if there is one.
    :ivar serverName: whose certificate is wanted, and asked for; None without TLS.
    :ivar host: for the header of this name: always the URL's.
    :ivar path: with the query.
    :ivar authorities: see ``pyptwist.tls.client.authorities``.
    """

    dial: HostPort
    serverName: str | None
    host: str
    path: str
    authorities: bytes | None = None

    def head(self, sessionId: str) -> tuple[bytes, bytes]:
        """
        :returns: what stands before the length of a body, and what follows it, up to
            the body: byte for byte as from obfs4proxy's client.
        """
        before = f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: "
        behind = f"X-Session-Id: {sessionId}\r\nAccept-Encoding: gzip\r\n\r\n"
        return before.encode("ascii"), behind.encode("ascii")


def webServer(arguments: Arguments, target: HostPort | None) -> WebServer:
    """
    Read a client's arguments.

    :param arguments: ``url``, ``front``, ``ca``; and ``utls``, which has no effect.
    :param target: the address of the bridge line, which counts only without a URL.
    :raises ConfigurationError: naming the argument that is missing or wrong.
    """
    arguments.protects("url", "front")
    if "url" not in arguments and "front" not in arguments and target is not None:
        # As the 2014 meek-client did.
        return WebServer(target, None, str(target), "/")
    scheme, host, path = _url(arguments.require("url"))
    where = _place("url", host, _PORTS[scheme])
    if "front" in arguments:
        where = _place("front", arguments.require("front"), _PORTS[scheme])
    if scheme == "http":
        return WebServer(where, None, host, path)
    return WebServer(where, where.host, host, path, client.authorities(arguments))


@dataclass(frozen=True)
class ServerOptions:
    """
    What an operator says.

    :ivar certificate: the files of the certificate and of its key; None without TLS.
    :ivar path: the only one that is meek's; None for any.
    :ivar turnaround: seconds for which an answer waits for something to say.
    :ivar shortestId: characters.
    :ivar sessions: at a time, at the most.
    :ivar sessionsEach: the same for one client's address.
    :ivar site: what visitors see; None for the reference's line of text.
    :ivar forwarded: whose word for a client's address counts.
    """

    certificate: tuple[str, str] | None = None
    path: str | None = None
    turnaround: float = limits.MEEK_TURNAROUND / 1000
    shortestId: int = limits.MEEK_ID_MINIMUM
    sessions: int = limits.MEEK_SESSIONS
    sessionsEach: int = limits.MEEK_SESSIONS_EACH
    site: Resource | None = field(default=None, compare=False)
    forwarded: Forwarded = field(default_factory=lambda: Forwarded(Arguments()), compare=False)


def serverOptions(arguments: Arguments) -> ServerOptions:
    """
    :raises ConfigurationError: naming the option that is wrong.
    """
    most = limits.MEEK_SESSIONS_MAXIMUM
    turnaround = arguments.integer(
        "turnaround", 0, limits.MEEK_TURNAROUND_MAXIMUM, default=limits.MEEK_TURNAROUND
    )
    return ServerOptions(
        certificate=_certificate(arguments),
        path=_path(arguments),
        turnaround=turnaround / 1000,
        shortestId=arguments.integer(
            "session-id-minimum", 1, limits.MEEK_ID_MAXIMUM, default=limits.MEEK_ID_MINIMUM
        ),
        sessions=arguments.integer("sessions", 1, most, default=limits.MEEK_SESSIONS),
        sessionsEach=arguments.integer(
            "sessions-per-address", 1, most, default=limits.MEEK_SESSIONS_EACH
        ),
        site=siteRoot(arguments),
        forwarded=Forwarded(arguments),
    )


def published(arguments: Arguments) -> Arguments:
    """
    What a server tells its clients: the URL and the front, if the operator says them.
    No server knows by what name the world reaches it.

    :raises ConfigurationError: if a client could not use them, or a bridge line
        cannot hold them.
    """
    told = [(key, arguments.require(key)) for key in ("url", "front") if key in arguments]
    for key, value in told:
        if set(value) & set(",=\\;#"):
            raise ConfigurationError(
                f"the option {key!r} must hold none of , = \\ ; and #, since tor would spoil it"
            )
    if told:
        webServer(Arguments(told), None)
    return Arguments(told)


def _url(text: str) -> tuple[str, str, str]:
    """
    :returns: scheme, host with its port as it is written, and path with query.
    """
    if len(text) > _LONGEST_URL or not re.fullmatch(r"[!-~]+", text):
        raise ConfigurationError(
            f"the argument 'url' must be up to {_LONGEST_URL} characters of ASCII, without blanks"
        )
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ConfigurationError("the argument 'url' is no URL") from None
    if parts.scheme not in _PORTS or not parts.netloc or "@" in parts.netloc:
        raise ConfigurationError(
            "the argument 'url' must begin with https or http, and have a host"
        )
    path = parts.path or "/"
    return parts.scheme, parts.netloc, f"{path}?{parts.query}" if parts.query else path


def _place(key: str, text: str, port: int) -> HostPort:
    """
    :param text: a host, with or without a port.
    """
    hasPort = re.search(r":[0-9]*$", text.rpartition("]")[2])
    try:
        place = HostPort.parse(text if hasPort else f"{text}:{port}")
    except ConfigurationError as error:
        raise ConfigurationError(f"the argument {key!r}: {error}") from None
    isHost = place.ip is not None or re.fullmatch(r"[A-Za-z0-9._-]+", place.host)
    if not place.port or not isHost:
        raise ConfigurationError(
            f"the argument {key!r} needs a host of ASCII letters, and a port from 1 on"
        )
    return place


def _certificate(arguments: Arguments) -> tuple[str, str] | None:
    isGiven = "cert" in arguments or "key" in arguments
    isPlain = arguments.flag("disable-tls", default=not isGiven)
    if not isGiven and not isPlain:
        raise ConfigurationError("TLS needs the options 'cert' and 'key', which name files")
    if isGiven and isPlain:
        raise ConfigurationError("the option 'disable-tls' contradicts 'cert' and 'key'")
    return certificateNames(arguments)


def _path(arguments: Arguments) -> str | None:
    if "path" not in arguments:
        return None
    path = arguments.require("path")
    if not re.fullmatch(r"/[!-~]*", path) or set(path) & set("?#"):
        raise ConfigurationError("the option 'path' must begin with /, and hold no ? and no #")
    return path
