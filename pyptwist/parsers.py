r"""
Transports in Twisted's endpoint strings.

One prefix reads the registry, so every method that is installed can be used
wherever a Twisted program takes an endpoint string.

A client, shortest and fullest::

    pt:bridge=obfs4 192.0.2.1\:443 cert=AbC... iat-mode=0
    pt:obfs4:192.0.2.1:443:cert=AbC...:iat-mode=0:proxy=socks5\://127.0.0.1\:9050

One whose arguments name the server::

    pt:meek:url=https\://example.org/

A server, shortest and fullest::

    pt:obfs4:443:state=/var/lib/bridge
    pt:obfs4:443:interface=192.0.2.1:state=/var/lib/bridge:iat-mode=1

A stack, written out in the place of a method's name, there or in a bridge line::

    pt:obfs4|b64:192.0.2.1:443:obfs4-cert=AbC...:obfs4-iat-mode=0
    pt:obfs4|b64:443:state=/var/lib/bridge

As in every endpoint string, a colon within a value is written ``\:``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, INetwork
from pyptwist.ipc.options import located
from pyptwist.metrics import Metrics
from pyptwist.misspelt import Watch, watching
from pyptwist.registry import clientTransport, serverTransport
from pyptwist.remotes import Remote
from pyptwist.state import StateDirectory

_CLIENT_FORM = (
    r"pt:METHOD:HOST:PORT:key=value..., pt:METHOD:key=value... if the arguments name the "
    r"server, or pt:bridge=METHOD HOST\:PORT key=value ..."
)
_SERVER_FORM = "pt:METHOD:PORT:key=value..."
_COLONS = r"; within a value, as in a URL, each colon is written \:"


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class ClientParser:
    """
    Reads ``pt:`` client strings.

    Keys of its own: ``bridge`` (a whole bridge line, instead of method, host
    and port), ``proxy`` (an upstream proxy, as ``socks5://...``),
    ``bindAddress`` (the local IP address to connect from) and ``state`` (a
    directory).  All others are the transport's arguments.
    """

    prefix = "pt"

    # Twisted passes nothing but strings, and lets a key be called anything.
    def parseStreamClient(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> IStreamClientEndpoint:
        """
        :raises ConfigurationError: if the string makes no sense; it is a ``ValueError``.
        """
        with watching("pt") as watch:
            own = watch.own(Arguments(kwargs))
            network = _clientNetwork(reactor, own.get("proxy"), own.get("bindAddress"))
            context = _context(reactor, network, own.get("state"))
            rest = own.without("proxy", "bindAddress", "state")
            name, target, arguments = _clientTarget(args, rest, watch)
            endpoint: IStreamClientEndpoint = clientTransport(name).clientEndpoint(
                context, target, arguments
            )
        return endpoint


@implementer(IPlugin, IStreamServerEndpointStringParser)
class ServerParser:
    """
    Reads ``pt:`` server strings.

    Keys of its own: ``interface`` (the local IP address; all of IPv4 unless
    told otherwise), ``state`` (the directory that keeps the server's keys), and
    those of ``pyptwist.strangers.decoy``, which every server has.  All others are the
    transport's options.
    """

    prefix = "pt"

    # Twisted passes nothing but strings, and lets a key be called anything.
    def parseStreamServer(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> IStreamServerEndpoint:
        """
        :raises ConfigurationError: if the string makes no sense; it is a ``ValueError``.
        """
        from pyptwist.network import DirectNetwork
        from pyptwist.strangers import decoy

        if len(args) != 2:
            raise ConfigurationError(f"a pt server is written {_SERVER_FORM}{_COLONS}")
        name, port = args
        network = DirectNetwork(reactor)
        with watching("pt") as watch:
            own = watch.own(Arguments(kwargs))
            context = _context(reactor, network, own.get("state"))
            interface = own.get("interface", "0.0.0.0")  # noqa: S104 - it is the public side
            bind = HostPort(interface or "", _port(port))
            method, options = serverTransport(name), own.without("state", "interface")
            return decoy.serverEndpoint(method, context, bind, options, network)


def _clientTarget(
    args: tuple[str, ...], own: Arguments, watch: Watch
) -> tuple[str, HostPort | None, Arguments]:
    line, own = own.get("bridge"), own.without("bridge")
    if line is not None and not args:
        server = Remote.parse(line)
        return server.method, server.target, watch.handed(server.arguments).updated(own)
    if line is not None or len(args) not in (1, 3):
        raise ConfigurationError(f"a pt client is written {_CLIENT_FORM}{_COLONS}")
    if len(args) == 1:
        return args[0], *located(own, None)
    name, host, port = args
    target = HostPort(host, _port(port))
    if not target.port:
        raise ConfigurationError("port 0 cannot be connected to")
    return name, target, own


def _clientNetwork(reactor: Any, proxy: str | None, bindAddress: str | None) -> INetwork:
    # Imported here, since every twistd command imports this module.
    from pyptwist.network import DirectNetwork, ProxiedNetwork
    from pyptwist.proxies.upstream import UpstreamProxy

    bind = None if bindAddress is None else HostPort(bindAddress, 0)
    if bind is not None and bind.ip is None:
        raise ConfigurationError("bindAddress must be an IP address")
    version = bind.ip.version if bind is not None and bind.ip is not None else None
    direct = DirectNetwork(
        reactor,
        bindV4=bindAddress if version == 4 else None,
        bindV6=bindAddress if version == 6 else None,
    )
    if proxy is None:
        return direct
    return ProxiedNetwork(reactor, direct, UpstreamProxy.parse(proxy))


def _context(reactor: Any, network: INetwork, state: str | None) -> Context:
    directory = None if state is None else StateDirectory(state)
    return Context(reactor, network, directory, Metrics())


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ConfigurationError("the port must be a decimal number")
    return int(text)
