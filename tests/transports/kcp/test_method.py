"""
Tests for ``pyptwist.transports.kcp.method``, and of where there is no UDP.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, ConfigurationError, causeOfFailure
from pyptwist.multiplex.kcp import MODES
from pyptwist.network import ProxiedNetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.stacks import Stack
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.testing.endpointcase import BRIDGE
from pyptwist.transports.kcp import client
from pyptwist.transports.kcp.method import Kcp
from tests.transports.kcp.case import SERVER, KcpCase, PathNetwork


class ArgumentTests(KcpCase, SynchronousTestCase):
    """
    What an operator may say.
    """

    def parts(self, **arguments: str) -> Any:
        """
        What became of it.
        """
        endpoint: Any = Kcp().clientEndpoint(self.context, BRIDGE, Arguments(arguments))
        return endpoint._parts

    def test_defaults(self) -> None:
        parts = self.parts()
        settings = parts.options.settings
        self.assertEqual(parts.framing.name, "session")
        self.assertEqual(parts.options.keepalive, limits.KCP_KEEPALIVE)
        self.assertEqual(settings.packet, limits.KCP_DATAGRAM - 9)
        self.assertEqual(
            (settings.nodelay, settings.interval, settings.resend, settings.congestion),
            MODES["fast"],
        )
        windows = limits.KCP_SEND_WINDOW, limits.KCP_RECEIVE_WINDOW
        self.assertEqual((settings.sendWindow, settings.receiveWindow), windows)

    def test_modes(self) -> None:
        """
        kcptun's and snowflake's numbers, each of which can be set by itself.
        """
        for mode, numbers in {
            "normal": (False, 40, 2),
            "fast": (False, 30, 2),
            "fast2": (True, 20, 2),
            "fast3": (True, 10, 2),
            "snowflake": (False, 10, 0),
        }.items():
            settings = self.parts(mode=mode).options.settings
            self.assertEqual((settings.nodelay, settings.interval, settings.resend), numbers)
            self.assertFalse(settings.congestion)
        given = {"nodelay": "0", "interval": "25", "resend": "5", "nc": "0", "mode": "fast3"}
        settings = self.parts(**given).options.settings
        self.assertEqual((settings.nodelay, settings.interval, settings.resend), (False, 25, 5))
        self.assertTrue(settings.congestion)

    def test_sizes(self) -> None:
        parts = self.parts(
            framing="kcptun", mtu="1200", sndwnd="200", rcvwnd="300", keepalive="25"
        )
        settings = parts.options.settings
        self.assertEqual(settings.packet, 1180)
        self.assertEqual((settings.sendWindow, settings.receiveWindow), (200, 300))
        self.assertEqual(parts.options.keepalive, 25)

    def test_nonsense(self) -> None:
        """
        Is refused with its name, on either side.
        """
        for key, value in (
            ("framing", "tcp"),
            ("mode", "fastest"),
            ("nodelay", "2"),
            ("interval", "9"),
            ("resend", "-1"),
            ("nc", "maybe"),
            ("mtu", "1501"),
            ("sndwnd", "127"),
            ("rcvwnd", "65536"),
            ("keepalive", "0"),
        ):
            for make in (Kcp().clientEndpoint, Kcp().serverEndpoint):
                error = self.assertRaises(
                    ConfigurationError, make, self.context, BRIDGE, Arguments({key: value})
                )
                self.assertIn(repr(key), str(error))

    def test_clientArguments(self) -> None:
        """
        A client need not be told what it takes for granted.
        """
        for framing, told in (("session", {}), ("kcptun", {"framing": "kcptun"})):
            endpoint = Kcp().serverEndpoint(self.context, BRIDGE, Arguments(framing=framing))
            self.assertEqual(endpoint.clientArguments, Arguments(told))

    def test_datagramSizes(self) -> None:
        """
        None is larger than it may be, with either framing.
        """
        for framing in ("session", "kcptun"):
            self.serverArguments = Arguments(framing=framing, mtu="500")
            network = self.network = PathNetwork()
            self.context = replace(self.context, network=network, reactor=network.clock)
            endpoint = self.serverEndpoint(self.serverArguments)
            self.successResultOf(endpoint.listen(self.servers))
            self.clientArguments = self.serverArguments
            attempt, _ = self.connecting()
            self.network.pump()
            connected = self.successResultOf(attempt)
            connected.transport.write(bytes(100_000))
            self.network.pump(1)
            self.assertEqual(len(self.servers.built[-1].received), 100_000)
            self.assertEqual(max(len(d) for d, _, to in network.sent if to == SERVER), 500)


class NoDatagramsTests(SynchronousTestCase):
    """
    Where UDP is forbidden, nothing goes around.
    """

    def context(self, network: Any) -> Any:
        return replace(memoryContext(self.mktemp()), network=network)

    def test_upstreamProxy(self) -> None:
        """
        The attempt fails and says why; no name is looked up and no socket bound.
        """
        network = ProxiedNetwork(None, None, UpstreamProxy.parse("socks5://127.0.0.1:1080"))
        context = self.context(network)
        endpoint = Kcp().clientEndpoint(context, HostPort("example.org", 1), Arguments())
        reason = self.failureResultOf(endpoint.connect(Applications()), ConnectError)
        self.assertIs(causeOfFailure(reason), Cause.UPSTREAM_PROXY)
        self.assertEqual(str(reason.value), "kcp needs UDP: UDP cannot pass the upstream proxy")

    def test_server(self) -> None:
        """
        A server cannot listen.
        """
        endpoint = Kcp().serverEndpoint(self.context(MemoryNetwork()), BRIDGE, Arguments())
        self.failureResultOf(endpoint.listen(Applications()), ConfigurationError)

    def test_upperLayer(self) -> None:
        """
        Nor is kcp anything but the lowest layer of a stack, which is said at once.
        """
        context = self.context(PathNetwork())
        stack = Stack("kcp | b64")
        for make in (stack.serverEndpoint, stack.clientEndpoint):
            error = self.assertRaises(ConfigurationError, make, context, BRIDGE, Arguments())
            self.assertIn("kcp needs UDP", str(error))


class NameTests(KcpCase, SynchronousTestCase):
    """
    Servers that have a name.
    """

    def dial(self, found: Deferred[str]) -> Deferred[Any]:
        """
        :param found: what looking the name up gives.
        """
        self.patch(client, "lookUp", lambda reactor, host: found)
        endpoint = Kcp().clientEndpoint(
            self.context, HostPort("bridge.example.org", BRIDGE.port), Arguments()
        )
        return endpoint.connect(Factory.forProtocol(Protocol))

    def test_name(self) -> None:
        found: Deferred[str] = Deferred()
        attempt = self.dial(found)
        self.network.pump()
        self.assertNoResult(attempt)
        found.callback(BRIDGE.host)
        self.network.pump()
        protocol = self.successResultOf(attempt)
        self.assertEqual(protocol.transport.getPeer(), IPv4Address("UDP", *SERVER))
        protocol.transport.abortConnection()
        self.assertAtRest()

    def test_unknown(self) -> None:
        found: Deferred[str] = Deferred()
        attempt = self.dial(found)
        found.errback(DNSLookupError("no such name"))
        reason = self.failureResultOf(attempt, DNSLookupError)
        self.assertIs(causeOfFailure(reason), Cause.DNS)
        self.assertAtRest()
        self.assertEqual(list(self.network.ports), [SERVER])

    def test_cancel(self) -> None:
        found: Deferred[str] = Deferred()
        attempt = self.dial(found)
        attempt.cancel()
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertAtRest()
        self.assertEqual(list(self.network.ports), [SERVER])

    def test_spelling(self) -> None:
        """
        An address may be spelled in several ways.
        """
        endpoint = Kcp().serverEndpoint(self.context, HostPort("2001:db8::1", 443), Arguments())
        self.successResultOf(endpoint.listen(self.servers))
        target = HostPort("2001:DB8:0:0::1", 443)
        attempt = (
            Kcp()
            .clientEndpoint(self.context, target, Arguments())
            .connect(Factory.forProtocol(Protocol))
        )
        self.network.pump()
        protocol: Any = self.successResultOf(attempt)
        self.assertEqual(protocol.transport.getPeer(), IPv6Address("UDP", "2001:db8::1", 443))
        protocol.transport.abortConnection()
        self.assertAtRest()

    def test_ipv6(self) -> None:
        """
        The other kind of address takes the other kind of socket.
        """
        bound: list[str] = []
        bindDatagrams = self.network.bindDatagrams

        def binding(protocol: Any, host: str, port: int) -> Any:
            bound.append(host)
            return bindDatagrams(protocol, host, port)

        self.patch(self.network, "bindDatagrams", binding)
        endpoint = Kcp().clientEndpoint(self.context, HostPort("2001:db8::1", 443), Arguments())
        attempt = endpoint.connect(Factory.forProtocol(Protocol))
        attempt.cancel()
        reason = self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertEqual(bound[-1], "::")
        self.assertEqual(
            reason.value.address,
            IPv6Address("UDP", "2001:db8::1", 443),
        )
        self.assertAtRest()
