"""
Tests for ``pyptwist.network``.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IResolutionReceiver,
)
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.endpoints import wrapClient, wrapServer
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    DatagramsForbidden,
    UpstreamProxyError,
    causeOf,
)
from pyptwist.interfaces import INetwork
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.transports.dummy import DummyCodec

PROXY = IPv4Address("TCP", "192.0.2.9", 1080)


@implementer(IHostnameResolver, IHostResolution)
class Resolver:
    """
    Knows one name, ``example.org``, and writes down what it was asked.
    """

    name = ""

    def __init__(self, *addresses: IAddress) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        resolutionReceiver.resolutionBegan(self)
        for address in self.addresses:
            resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
        return self

    def cancel(self) -> None:
        raise AssertionError("it is done at once")


class NetworkCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.resolver = Resolver()
        self.reactor.installNameResolver(self.resolver)
        self.failures: list[Failure] = []

    def dial(self, network: Any, host: str, port: int = 443) -> Deferred[IProtocol]:
        """
        :returns: an attempt to connect, just begun.
        """
        connecting: Deferred[IProtocol] = network.clientEndpoint(host, port).connect(
            Factory.forProtocol(Protocol)
        )
        connecting.addErrback(self._failed)
        return connecting

    def _failed(self, reason: Failure) -> None:
        self.failures.append(reason)

    @property
    def dialled(self) -> list[tuple[str, int]]:
        """
        Every address to which a connection was begun.
        """
        return [(host, port) for host, port, *_ in self.reactor.tcpClients]

    def accept(self, transport: StringTransport | None = None) -> tuple[Any, StringTransport]:
        """
        Let the last connection that was begun come about.
        """
        transport = transport or StringTransport()
        protocol: Any = self.reactor.tcpClients[-1][2].buildProtocol(PROXY)
        protocol.makeConnection(transport)
        return protocol, transport


class DirectTests(NetworkCase):
    def test_interface(self) -> None:
        verifyObject(INetwork, DirectNetwork(self.reactor))

    def test_addresses(self) -> None:
        """
        An IP address of either kind is dialled as it is, and in bounded time.
        """
        for host in ("192.0.2.1", "2001:db8::1"):
            self.dial(DirectNetwork(self.reactor), host)
            where, port, _, timeout, bind = self.reactor.tcpClients[-1]
            self.assertEqual((where, port, timeout, bind), (host, 443, limits.CONNECT, None))
        self.assertEqual(self.resolver.asked, [])

    def test_bindAddresses(self) -> None:
        """
        Each family has a local address of its own.
        """
        network = DirectNetwork(self.reactor, bindV4="192.0.2.8", bindV6="2001:db8::8")
        for host, bind in (("192.0.2.1", "192.0.2.8"), ("2001:db8::1", "2001:db8::8")):
            self.dial(network, host)
            self.assertEqual(self.reactor.tcpClients[-1][4], (bind, 0))

    def test_otherFamilysBindAddress(self) -> None:
        """
        A local address says nothing about the other family.
        """
        self.dial(DirectNetwork(self.reactor, bindV4="192.0.2.8"), "2001:db8::1")
        self.dial(DirectNetwork(self.reactor, bindV6="2001:db8::8"), "192.0.2.1")
        self.assertEqual([client[4] for client in self.reactor.tcpClients], [None, None])

    def test_loopbackUnbound(self) -> None:
        """
        Peers on this machine are not reached from an address of the outside; one of
        the inside can be meant for nobody else.
        """
        outside = DirectNetwork(self.reactor, bindV4="192.0.2.8", bindV6="2001:db8::8")
        for host in ("127.0.0.1", "127.1.2.3", "::1"):
            self.dial(outside, host)
            self.assertIsNone(self.reactor.tcpClients[-1][4])
        self.dial(DirectNetwork(self.reactor, bindV4="127.0.0.2"), "127.0.0.1")
        self.assertEqual(self.reactor.tcpClients[-1][4], ("127.0.0.2", 0))

    def test_name(self) -> None:
        """
        A name is resolved, and all of its addresses are tried.
        """
        self.resolver.addresses = (
            IPv6Address("TCP", "2001:db8::1", 443),
            IPv4Address("TCP", "192.0.2.1", 443),
        )
        self.dial(DirectNetwork(self.reactor), "example.org")
        self.assertEqual(self.resolver.asked, ["example.org"])
        self.reactor.advance(1)
        self.assertEqual(self.dialled, [("2001:db8::1", 443), ("192.0.2.1", 443)])

    def test_unusualName(self) -> None:
        """
        Names that IDNA forbids, and that resolvers know, are resolved.
        """
        for name in ("a_b.example", "r3---c.example", "-a.example"):
            self.dial(DirectNetwork(self.reactor), name)
            self.assertEqual(self.resolver.asked[-1], name)

    def test_internationalName(self) -> None:
        """
        The resolver gets the ASCII form of a name: Python's own conversion, on the way
        to the system's, refuses some, and nobody would hear of that.
        """
        for name, asked in (
            ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "xn--bcher-kva.example"),
            ("\N{HEBREW LETTER ALEF}1.example", "xn--1-zhc.example"),
        ):
            self.dial(DirectNetwork(self.reactor), name)
            self.assertEqual(self.resolver.asked[-1], asked)

    def test_impossibleName(self) -> None:
        """
        What can be no name is refused before anybody is asked.
        """
        for name in ("a..b", "x" * 64, "a b", "\N{SNOWMAN}..b"):
            with self.assertRaises(ConfigurationError) as caught:
                DirectNetwork(self.reactor).clientEndpoint(name, 443)
            self.assertNotIn(name, str(caught.exception))

    def test_nameBound(self) -> None:
        """
        A local address holds for names, too: no connection leaves without it.
        """
        self.resolver.addresses = (
            IPv4Address("TCP", "192.0.2.1", 443),
            IPv6Address("TCP", "2001:db8::1", 443),
        )
        for binds, source in (
            ({"bindV4": "192.0.2.8"}, "192.0.2.8"),
            ({"bindV6": "2001:db8::8"}, "2001:db8::8"),
            ({"bindV4": "192.0.2.8", "bindV6": "2001:db8::8"}, "192.0.2.8"),
        ):
            self.reactor.tcpClients.clear()
            self.dial(DirectNetwork(self.reactor, **binds), "example.org")
            self.reactor.advance(1)
            self.assertEqual([client[4] for client in self.reactor.tcpClients], [(source, 0)] * 2)

    def test_unknownName(self) -> None:
        """
        A name that nobody knows is the cause ``dns``.
        """
        self.dial(DirectNetwork(self.reactor), "example.org")
        [failure] = self.failures
        assert failure.value is not None
        self.assertIs(causeOf(failure.value), Cause.DNS)

    def test_listen(self) -> None:
        """
        A listener is on the one address that was named.
        """
        network = DirectNetwork(self.reactor)
        for host, port in (("192.0.2.1", 443), ("::1", 0)):
            self.successResultOf(network.serverEndpoint(host, port).listen(Factory()))
            where, _, backlog, interface = self.reactor.tcpServers[-1]
            self.assertEqual((interface, where, backlog), (host, port, limits.LISTEN_BACKLOG))

    def test_listenOnName(self) -> None:
        """
        What a name means here is for no resolver to say.
        """
        network = DirectNetwork(self.reactor)
        self.assertRaises(ConfigurationError, network.serverEndpoint, "localhost", 443)
        self.assertEqual(self.resolver.asked, [])

    def test_datagrams(self) -> None:
        """
        UDP goes where it is told, and the reactor reads it.
        """
        protocol = DatagramProtocol()
        port: Any = DirectNetwork(self.reactor).bindDatagrams(protocol, "127.0.0.1", 0)
        self.addCleanup(port.connectionLost)
        self.assertIs(protocol.transport, port)
        self.assertEqual(port.getHost().host, "127.0.0.1")
        self.assertEqual(self.reactor.getReaders(), [port])

    def test_datagramSource(self) -> None:
        """
        Who sends does so from the address that was set, for its kind; who listens, where
        he wants.
        """
        network = DirectNetwork(self.reactor, bindV4="127.0.0.2")
        for host, port, bound in (
            ("0.0.0.0", 0, "127.0.0.2"),
            ("::", 0, "::"),
            ("127.0.0.1", 0, "127.0.0.1"),
        ):
            made: Any = network.bindDatagrams(DatagramProtocol(), host, port)
            self.addCleanup(made.connectionLost)
            self.assertEqual(made.getHost().host, bound)

    def test_systemdDatagrams(self) -> None:
        """
        Sockets that systemd opened are of TCP.
        """
        network = DirectNetwork(self.reactor)
        self.assertRaises(
            ConfigurationError, network.bindDatagrams, DatagramProtocol(), "systemd=x", 443
        )

    def test_goneAtOnce(self) -> None:
        """
        A protocol that closes as soon as it is connected, or has no TCP below,
        is handed over all the same.
        """

        class Gone(Protocol):
            def connectionMade(self) -> None:
                self.transport = None

        for kind in (Gone, Protocol):
            endpoint = DirectNetwork(self.reactor).clientEndpoint("192.0.2.1", 443)
            connecting = endpoint.connect(Factory.forProtocol(kind))
            self.accept()
            self.assertIsInstance(self.successResultOf(connecting), kind)


class ProxiedCase(NetworkCase):
    """
    A SOCKS5 proxy at ``PROXY``; nobody must ask the resolver for anything.
    """

    text = "socks5://192.0.2.9:1080"

    def setUp(self) -> None:
        super().setUp()
        self.direct = DirectNetwork(self.reactor)
        self.network = ProxiedNetwork(self.reactor, self.direct, UpstreamProxy.parse(self.text))
        self.addCleanup(self.assertNothingAround)

    def assertNothingAround(self) -> None:
        """
        No name was resolved, and nothing but the proxy was spoken to.
        """
        self.assertEqual(self.resolver.asked, [])
        self.assertLessEqual(set(self.dialled), {(PROXY.host, PROXY.port)})
        self.assertEqual(self.reactor.tcpServers, [])

    def assertFailed(self, text: str) -> UpstreamProxyError:
        """
        The attempt failed, and the proxy is to blame.
        """
        [failure] = self.failures
        error = failure.value
        assert isinstance(error, UpstreamProxyError)
        self.assertIsInstance(error, ConnectError)
        self.assertIs(causeOf(error), Cause.UPSTREAM_PROXY)
        self.assertIn(text, str(error))
        self.assertNotIn(PROXY.host, str(error))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return error


class ProxiedTests(ProxiedCase):
    def test_interface(self) -> None:
        verifyObject(INetwork, self.network)

    def test_allGoesToTheProxy(self) -> None:
        """
        Whatever the target, it is the proxy that is dialled; the target's name
        is left to it.
        """
        for host, request in (
            ("192.0.2.1", b"\1\xc0\0\2\1"),
            ("2001:db8::1", b"\4\x20\1\x0d\xb8" + bytes(11) + b"\1"),
            ("example.org", b"\3\x0bexample.org"),
            ("localhost", b"\3\x09localhost"),
            ("127.0.0.1", b"\1\x7f\0\0\1"),
        ):
            self.dial(self.network, host)
            self.assertEqual(self.reactor.tcpClients[-1][3], limits.CONNECT)
            protocol, wire = self.accept()
            protocol.dataReceived(b"\5\0")
            self.assertTrue(wire.value().endswith(b"\5\1\0" + request + b"\1\xbb"), wire.value())
            protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.dialled, [(PROXY.host, PROXY.port)] * 5)

    def test_connected(self) -> None:
        """
        The attempt succeeds when the proxy says so, and not before.
        """
        connecting = self.dial(self.network, "example.org")
        protocol, wire = self.accept()
        protocol.dataReceived(b"\5\0\5\0\0\1\0\0\0\0\0")
        self.assertNoResult(connecting)
        protocol.dataReceived(b"\0payload")
        application: Any = self.successResultOf(connecting)
        wire.clear()
        application.transport.write(b"question")
        self.assertEqual(wire.value(), b"question")
        self.assertIs(application.transport.networkConnection, wire)

    def test_bindAddress(self) -> None:
        """
        The way to the proxy has the local address that was asked for.
        """
        direct = DirectNetwork(self.reactor, bindV4="192.0.2.8")
        proxied = ProxiedNetwork(self.reactor, direct, UpstreamProxy.parse(self.text))
        self.dial(proxied, "2001:db8::1")
        self.assertEqual(self.reactor.tcpClients[-1][4], ("192.0.2.8", 0))

    def test_badTarget(self) -> None:
        """
        A target that the proxy cannot be asked for fails before any packet.
        """
        for host in ("fe80::1%eth0", "ex\xe4mple.org", "a" * 300):
            self.assertRaises(ConfigurationError, self.network.clientEndpoint, host, 443)
        self.assertRaises(ConfigurationError, self.network.clientEndpoint, "example.org", 0)
        self.assertEqual(self.dialled, [])

    def test_noListening(self) -> None:
        """
        Nobody could reach a listener but around the proxy.
        """
        for host in ("0.0.0.0", "127.0.0.1"):
            self.assertRaises(ConfigurationError, self.network.serverEndpoint, host, 443)

    def test_noDatagrams(self) -> None:
        """
        UDP would go around it.
        """
        self.assertRaises(
            DatagramsForbidden, self.network.bindDatagrams, DatagramProtocol(), "0.0.0.0", 0
        )
        self.assertFalse(hasattr(self.reactor, "udp"))


class ProxyFailureTests(ProxiedCase):
    """
    It is the proxy's failure, never the target's, and the target is not tried
    without it.
    """

    def test_unreachable(self) -> None:
        connecting = self.dial(self.network, "192.0.2.1")
        refused = Failure(ConnectionRefusedError())
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, refused)
        self.successResultOf(connecting)
        error = self.assertFailed("refused")
        self.assertIs(error.__cause__, refused.value)

    def test_refuses(self) -> None:
        self.dial(self.network, "192.0.2.1")
        protocol, _ = self.accept()
        protocol.dataReceived(b"\5\0\5\2\0\1\0\0\0\0\0\0")
        protocol.connectionLost(Failure(ConnectionDone()))
        # What the proxy said is passed on as it is.
        error = self.assertFailed("not allowed")
        self.assertIs(error.__cause__, None)

    def test_garbage(self) -> None:
        self.dial(self.network, "192.0.2.1")
        protocol, _ = self.accept()
        protocol.dataReceived(b"SSH-2.0-OpenSSH\r\n" * 2000)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFailed("")

    def test_closes(self) -> None:
        self.dial(self.network, "192.0.2.1")
        protocol, _ = self.accept()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFailed("")

    def test_silent(self) -> None:
        """
        A proxy that never answers ends in bounded time.
        """
        self.dial(self.network, "192.0.2.1")
        protocol, _ = self.accept()
        self.reactor.advance(limits.UPSTREAM_PROXY - 1)
        self.assertEqual(self.failures, [])
        self.reactor.advance(1)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFailed("timeout")

    def test_notTheProxysFault(self) -> None:
        """
        What the application does is not blamed on the proxy.
        """

        class Nothing(Factory):
            def buildProtocol(self, addr: IAddress | None) -> None:
                return None

        endpoint = self.network.clientEndpoint("192.0.2.1", 443)
        connecting = endpoint.connect(Nothing())
        protocol, _ = self.accept()
        protocol.dataReceived(b"\5\0\5\0\0\1\0\0\0\0\0\0")
        self.failureResultOf(connecting, NoProtocol)

    def test_cancel(self) -> None:
        """
        Neither is giving up, at any moment.
        """
        self.dial(self.network, "192.0.2.1").cancel()
        connecting = self.dial(self.network, "192.0.2.1")
        protocol, wire = self.accept()
        connecting.cancel()
        self.assertTrue(wire.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        for failure in self.failures:
            self.assertFalse(failure.check(UpstreamProxyError), failure)
        self.assertTrue(self.failures[0].check(ConnectingCancelledError, CancelledError))
        self.assertEqual(len(self.failures), 2)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class Connected(Protocol):
    """
    Tells when it is connected, and when it is over.
    """

    def __init__(self) -> None:
        self.made: Deferred[Any] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(self.transport)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost.callback(None)


def _closed(transport: Any, application: Connected) -> Deferred[None]:
    transport.loseConnection()
    return application.lost


class LoopbackTests(TestCase):
    """
    The real thing.
    """

    async def connect(self, network: Any, wrapped: bool) -> tuple[Any, Any]:
        """
        :returns: the sockets of both ends of a connection.
        """
        client, server = Connected(), Connected()
        endpoint = network.serverEndpoint("127.0.0.1", 0)
        if wrapped:
            endpoint = wrapServer(endpoint, reactor, DummyCodec, "dummy")
        port = await endpoint.listen(Factory.forProtocol(lambda: server))
        self.addCleanup(port.stopListening)
        endpoint = network.clientEndpoint("127.0.0.1", port.getHost().port)
        if wrapped:
            endpoint = wrapClient(endpoint, reactor, DummyCodec, "dummy")
        await endpoint.connect(Factory.forProtocol(lambda: client))
        ends = [await end.made for end in (client, server)]
        for end, application in zip(ends, (client, server), strict=True):
            self.addCleanup(_closed, end, application)
        # A codec that is ready at once calls us in the midst of being connected.
        await deferLater(reactor, 0)
        if wrapped:
            ends = [end.networkConnection for end in ends]
        return ends[0], ends[1]

    async def assertTuned(self, wrapped: bool) -> None:
        for end in await self.connect(DirectNetwork(reactor), wrapped):
            for level, option, expected in (
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.KEEPALIVE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limits.KEEPALIVE),
            ):
                self.assertEqual(end.socket.getsockopt(level, option), expected)

    async def test_tuned(self) -> None:
        """
        Nagle's algorithm is off at both ends: what a codec writes leaves as it
        is, at once.  A peer that vanished is found out.
        """
        await self.assertTuned(wrapped=False)

    async def test_tunedBelowACodec(self) -> None:
        """
        So it is with a codec between.
        """
        await self.assertTuned(wrapped=True)

    async def test_plainClose(self) -> None:
        """
        A connection with something unread ends in a reset and no FIN before it,
        whichever end was left unread; one that was read to its end, in a FIN.
        """
        for leaving, unread in ((0, True), (1, True), (0, False)):
            ends = await self.connect(DirectNetwork(reactor), wrapped=False)
            end, peer = ends[leaving], ends[1 - leaving]
            for side in ends:
                side.pauseProducing()
            if unread:
                peer.socket.send(b"never read")
            end.loseConnection()
            while not end.disconnected:
                await deferLater(reactor, 0)
            # Linux has another error for a reset behind a FIN: EPIPE.
            expected = errno.ECONNRESET if unread else 0
            self.assertEqual(peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), expected)

    async def test_bindAddress(self) -> None:
        """
        The peer sees the local address that was asked for.
        """
        network = DirectNetwork(reactor, bindV4="127.0.0.2")
        client, server = await self.connect(network, wrapped=False)
        self.assertEqual(client.getHost().host, "127.0.0.2")
        self.assertEqual(server.getPeer().host, "127.0.0.2")
