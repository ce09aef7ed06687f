"""
The doors to the outside.

No other module of the package connects or listens (a lint rule sees to that),
so an upstream proxy or an outbound address set here holds for everything.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    TCP6ServerEndpoint,
)
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from zope.interface import implementer

from pyptwist import limits
from pyptwist.activation import ActivatedServerEndpoint, socketName
from pyptwist.addresses import isName
from pyptwist.connectors import ReleasingReactor
from pyptwist.datagramport import DatagramPort
from pyptwist.endpoints import wrapClient
from pyptwist.errors import (
    ConfigurationError,
    DatagramsForbidden,
    UpstreamProxyError,
    causeOfFailure,
)
from pyptwist.interfaces import INetwork
from pyptwist.strangers.endings import closePlainly

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory
    from twisted.python.failure import Failure

    from pyptwist.proxies.upstream import UpstreamProxy


@implementer(INetwork)
class DirectNetwork:
    """
    This machine's own TCP and UDP.
    """

    def __init__(self, reactor: Any, bindV4: str | None = None, bindV6: str | None = None) -> None:
        """
        :param bindV4: the local address for connections to IPv4 peers.
        :param bindV6: the local address for connections to IPv6 peers.  Peers on
            this machine's loopback are reached from there whatever they say, as
            pt-spec 3.2.1 demands; a loopback address can be meant for these alone.
        """
        self._reactor = reactor
        self._connecting = ReleasingReactor(reactor)
        self._bindV4 = bindV4
        self._bindV6 = bindV6

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        return _TunedClientEndpoint(self._tcpEndpoint(host, port))

    def _tcpEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        peer = _parsed(host)
        if peer is None:
            return self._hostnameEndpoint(host, port)
        kind, bind = (
            (TCP4ClientEndpoint, self._bindV4)
            if peer.version == 4
            else (TCP6ClientEndpoint, self._bindV6)
        )
        if bind is not None and peer.is_loopback and not ip_address(bind).is_loopback:
            bind = None
        endpoint: IStreamClientEndpoint = kind(
            self._connecting, host, port, timeout=limits.CONNECT, bindAddress=_source(bind)
        )
        return endpoint

    def _hostnameEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        # One source address cannot serve both families: attempts of the other
        # family then fail, which is what an operator who binds wants.
        source = _source(self._bindV4 or self._bindV6)
        endpoint = HostnameEndpoint(
            self._connecting, host, port, timeout=limits.CONNECT, bindAddress=source
        )
        if endpoint._badHostname:
            # IDNA forbids what resolvers know all the same: a_b, r3---c.
            if not isName(host):
                raise ConfigurationError("this cannot be a host name")
            endpoint._badHostname = False
        # What knows less of IDNA than this, the resolver, would fail without a word.
        endpoint._hostText = endpoint._hostBytes.decode("ascii")
        return endpoint

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        if (name := socketName(host)) is not None:
            return _TunedServerEndpoint(ActivatedServerEndpoint(self._reactor, name, port))
        address = _parsed(host)
        if address is None:
            raise ConfigurationError("the address to listen on must be an IP address")
        kind = TCP4ServerEndpoint if address.version == 4 else TCP6ServerEndpoint
        return _TunedServerEndpoint(
            kind(self._reactor, port, backlog=limits.LISTEN_BACKLOG, interface=host)
        )

    def _datagramSource(self, host: str, port: int) -> str:
        """
        Any address and any port is what those ask for who send, and do not listen.
        """
        sources = {"0.0.0.0": self._bindV4, "::": self._bindV6}  # noqa: S104 - asked for
        return host if port else sources.get(host) or host

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        if socketName(host) is not None:
            raise ConfigurationError("the option 'systemd-socket' is for methods that use TCP")
        bound: IListeningPort = DatagramPort(
            self._reactor, protocol, self._datagramSource(host, port), port
        )
        bound.startListening()
        return bound


@implementer(INetwork)
class ProxiedNetwork:
    """
    Everything goes through an upstream proxy, or does not go.

    Names are resolved by the proxy, never here.
    """

    def __init__(self, reactor: Any, direct: Any, proxy: UpstreamProxy) -> None:
        """
        :param direct: the ``INetwork`` that reaches the proxy itself.
        """
        self._reactor = reactor
        self._direct = direct
        self._proxy = proxy

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        proxy = self._proxy
        tunnel = wrapClient(
            self._direct.clientEndpoint(proxy.address.host, proxy.address.port),
            self._reactor,
            proxy.codecFactory(host, port),
            "upstream-proxy",
            handshakeTimeout=limits.UPSTREAM_PROXY,
        )
        return _TunnelClientEndpoint(tunnel)

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        raise ConfigurationError("nothing can be listened on through an upstream proxy")

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        raise DatagramsForbidden("UDP cannot pass the upstream proxy")


@implementer(IStreamClientEndpoint)
class _TunnelClientEndpoint:
    """
    Blames the upstream proxy: a target that "refused" was never spoken to.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addErrback(_blameProxy)


def _blameProxy(reason: Failure) -> Failure:
    if reason.check(UpstreamProxyError) or not reason.check(ConnectError):
        return reason
    cause = causeOfFailure(reason).value
    raise UpstreamProxyError(f"the upstream proxy failed: {cause}") from reason.value


@implementer(IStreamClientEndpoint)
class _TunedClientEndpoint:
    """
    Sets the options of a socket that was connected.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(_tunedProtocol)


@implementer(IStreamServerEndpoint)
class _TunedServerEndpoint:
    """
    Sets the options of a listener, which accepted sockets inherit, and makes
    those end as they should.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(_tunedPort)


def _tunedProtocol(protocol: IProtocol) -> IProtocol:
    # The transport is gone if the protocol ended in its connectionMade.
    transport: Any = getattr(protocol, "transport", None)
    if hasattr(transport, "getHandle"):
        _tune(transport.getHandle())
        closePlainly(transport)
    return protocol


def _tunedPort(port: Any) -> Any:
    if (listener := getattr(port, "socket", None)) is not None:
        _tune(listener)
        accepted = port.transport
        port.transport = lambda *arguments: closePlainly(accepted(*arguments))
    return port


def _tune(connection: socket.socket) -> None:
    """
    No Nagle: the codec decides what a segment holds.  Keepalive: a peer that
    vanished must not be kept for ever.  Both, and the times, are what Go sets by
    itself, hence what the reference implementations' packets look like.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        # Not every system knows them.
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, limits.KEEPALIVE)


@lru_cache(limits.KNOWN_HOSTS)
def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _source(host: str | None) -> tuple[str, int] | None:
    return None if host is None else (host, 0)
