"""
webtunnel as a transport method: the server's side.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.logger import Logger
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.certificates import CertificateFiles, securingServer
from pyptwist.connection import CodecConnection
from pyptwist.endpoints import logUnbuilt
from pyptwist.errors import ConfigurationError
from pyptwist.forwarded import HEADER, Forwarded
from pyptwist.interfaces import Context, IServerTransport, IServerTransportEndpoint
from pyptwist.transports.webtunnel.codec import WebTunnelServerCodec
from pyptwist.transports.webtunnel.folder import siteRoot
from pyptwist.transports.webtunnel.site import Secret, TunnelSite
from pyptwist.transports.webtunnel.url import TunnelURL, pathOf, sayable

#: Of the reference whose protocol this is.
_VERSION = "0.0.2"


_STATE_FILE = "webtunnel_path"
_PATH_LENGTH = 16  # bytes, of which nobody guesses as many

_log = Logger()


@implementer(IServerTransport)
class WebTunnelServer:
    """
    The method ``webtunnel``, for servers.
    """

    name = "webtunnel"

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        :param arguments: ``url``, under which clients reach the server, and whose
            path is the secret.  Without it they reach it where it listens, without
            TLS, and ``path`` is the secret; or else the state directory has one.
            ``site``, a folder for everybody else.  ``cert`` and ``key``, the files of
            a certificate, to speak TLS without a web server in front that does.
            ``trust-forwarded-for``, whom to believe whose connection it is.
        :raises ConfigurationError: naming what is wrong, and the cure.
        """
        told = _announced(arguments) if "url" in arguments else _bare(context, arguments)
        endpoint = context.network.serverEndpoint(bind.host, bind.port)
        if (certificate := _certificate(arguments)) is not None:
            endpoint = securingServer(endpoint, context.reactor, certificate)
        return WebTunnelServerEndpoint(context, endpoint, arguments, told)


@dataclass(frozen=True)
class _Announcement:
    """
    :ivar path: the secret.
    """

    path: str
    arguments: Arguments
    address: HostPort | None = None


def _announced(arguments: Arguments) -> _Announcement:
    url = TunnelURL.of(arguments)
    if "path" in arguments:
        raise ConfigurationError("the arguments 'url' and 'path' exclude each other")
    if "cert" in arguments and not url.isSecure:
        raise ConfigurationError("with the option 'cert', the argument 'url' must say https")
    _requireSecret("url", url.path)
    told = Arguments(url=url.text, ver=_VERSION)
    return _Announcement(url.path, told, inventedAddress(url.text))


def _bare(context: Context, arguments: Arguments) -> _Announcement:
    if "cert" in arguments:
        raise ConfigurationError("the option 'cert' needs the argument 'url': it says https")
    path = pathOf(arguments) if "path" in arguments else _pathKept(context)
    _requireSecret("path", path)
    _log.info("webtunnel has no 'url': its clients reach it where it listens, without TLS")
    return _Announcement(path, Arguments(path=sayable(path)))


def _pathKept(context: Context) -> str:
    state = context.stateDirectory
    if state is None:
        raise ConfigurationError(
            "the argument 'url' is missing, as in https://HOST/PATH; there is no state directory"
            " to keep a path in"
        )
    kept = state.read(_STATE_FILE)
    if kept is None:
        kept = b"/" + urlsafe_b64encode(context.entropy(_PATH_LENGTH)).rstrip(b"=")
        state.write(_STATE_FILE, kept + b"\n")
    try:
        return pathOf(Arguments(path=kept.decode("ascii").strip()))
    except ValueError:
        raise ConfigurationError(
            f"{state.path(_STATE_FILE)} holds no path; remove it to have another one made"
        ) from None


def _requireSecret(key: str, path: str) -> None:
    if not path.strip("/"):
        raise ConfigurationError(f"the argument {key!r} needs a path that nobody can guess")


def _certificate(arguments: Arguments) -> CertificateFiles | None:
    given = [key for key in ("cert", "key") if key in arguments]
    if len(given) == 1:
        raise ConfigurationError("the options 'cert' and 'key' need each other")
    if not given:
        return None
    return CertificateFiles(arguments.require("cert"), arguments.require("key"))


@implementer(IServerTransportEndpoint)
class WebTunnelServerEndpoint:
    """
    :ivar clientArguments: ``url`` and ``ver``, or ``path``.
    :ivar clientAddress: for bridge lines, where clients go by the URL and never
        connect to it.  It is the reference's, made of the URL, so that it is another
        one for each bridge, by which tor tells them apart, and so that bridge lines do
        not tell where the machine behind the web server is.
    """

    def __init__(
        self, context: Context, endpoint: Any, arguments: Arguments, told: _Announcement
    ) -> None:
        """
        :param endpoint: where to listen, TLS included.
        """
        self.clientArguments = told.arguments
        self.clientAddress = told.address
        self._secret = Secret(told.path)
        self._root = siteRoot(arguments)
        self._forwarded = Forwarded(arguments)
        self._context = context
        self._name = context.alias or WebTunnelServer.name
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        def opens(request: Any) -> CodecConnection:
            tunnel = _Tunnel(
                self._context.reactor,
                WebTunnelServerCodec(),
                self._name,
                self._context.metrics,
                protocolFactory.buildProtocol,
                _ignore,
                logUnbuilt,
            )
            tunnel.client = self._client(request)
            return tunnel

        site = TunnelSite(self._root, self._context.reactor, self._secret, protocolFactory, opens)
        listening: Deferred[IListeningPort] = self._endpoint.listen(site)
        return listening

    def _client(self, request: Any) -> IAddress | None:
        values = request.requestHeaders.getRawHeaders(HEADER, [])
        return self._forwarded.client(request.channel.getPeer(), values)


class _Tunnel(CodecConnection):
    """
    :ivar client: whose connection it is; None for the peer's.
    """

    client: IAddress | None = None

    def getPeer(self) -> IAddress:
        return self.client or super().getPeer()


def inventedAddress(url: str) -> HostPort:
    """
    :param url: of a server.
    :returns: an address of those that are kept for documentation (RFC 3849).
    """
    digest = sha256(b"WEBTUNNEL+" + url.encode("ascii")).digest()
    return HostPort(str(IPv6Address(b"\x20\x01\x0d\xb8" + digest[4:16])), 443)


def _ignore(result: object) -> None:
    pass
