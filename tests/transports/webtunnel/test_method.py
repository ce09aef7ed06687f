"""
Tests for ``pyptwist.transports.webtunnel``: both sides, in memory.
"""

from __future__ import annotations

import gc
import weakref
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import AuthenticationFailed, ConfigurationError, HandshakeFailed
from pyptwist.state import StateDirectory
from pyptwist.testing import EndpointConformance
from pyptwist.testing.applications import Applications
from pyptwist.testing.endpointcase import BRIDGE
from pyptwist.tls.client import securing
from pyptwist.tls.identity import chainHash
from pyptwist.transports.webtunnel.announcement import inventedAddress
from pyptwist.transports.webtunnel.client import WebTunnelClient
from pyptwist.transports.webtunnel.server import WebTunnelServer
from tests.certificates import authority


class WebTunnel(WebTunnelClient, WebTunnelServer):
    """
    Both sides.
    """


class WebTunnelCase(EndpointConformance):
    """
    Behind a web server, as it were.
    """

    method = WebTunnel
    plain = True  # a web server's answers depend on what it is asked
    answersStrangers = True


class SentElsewhere(WebTunnelCase):
    """
    A target means nothing to clients that have a URL: an argument says where to go.
    """

    def connecting(
        self, target: HostPort = BRIDGE, applications: Applications | None = None
    ) -> tuple[Deferred[Any], Applications]:
        applications = applications or Applications()
        elsewhere = self.clientArguments.updated(Arguments(addr=str(target)))
        endpoint = self.newMethod().clientEndpoint(self.context, None, elsewhere)
        return endpoint.connect(applications), applications


class URLTests(SentElsewhere, SynchronousTestCase):
    """
    Without TLS of its own.
    """

    serverArguments = Arguments(url="http://example.com/secret")


class TLSTests(SentElsewhere, SynchronousTestCase):
    """
    With TLS of its own.
    """

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        certificate, key = authority().issue().write(str(directory))
        (directory / "ca").write_bytes(authority().pem)
        self.authorities = str(directory / "ca")
        self.serverArguments = Arguments(
            url="https://example.com/secret", cert=certificate, key=key
        )
        super().setUp()

    def connecting(
        self, target: HostPort = BRIDGE, applications: Applications | None = None
    ) -> tuple[Deferred[Any], Applications]:
        trusting = Arguments(ca=self.authorities)
        self.clientArguments = self.clientArguments.updated(trusting)
        return super().connecting(target, applications)

    def test_restart(self) -> None:
        """
        See there: what the client adds is none of the server's.
        """

    def test_wrongCertificate(self) -> None:
        """
        A server is not believed to be another one.
        """
        self.clientArguments = self.clientArguments.updated(Arguments(servername="example.org"))
        attempt, applications = self.connecting()
        self.network.pump()
        reason = self.failureResultOf(attempt, AuthenticationFailed)
        self.assertIn("servername", str(reason.value))
        self.assertEqual(applications.built + self.servers.built, [])
        self.assertAtRest()

    def test_imitation(self) -> None:
        """
        It asks for somebody else, and takes nobody else.
        """
        imitating = Arguments({"sni-imitation": "www.example.net"})
        self.clientArguments = self.clientArguments.updated(imitating)
        client, _ = self.connected()
        tls: Any = self.network.connections[-1][1].protocol
        self.assertEqual(tls.getHandle().get_servername(), b"www.example.net")
        client.transport.abortConnection()
        domain = Arguments({"cert-domain": "www.example.net"})
        self.clientArguments = self.clientArguments.updated(domain)
        attempt, _ = self.connecting()
        self.network.pump()
        self.failureResultOf(attempt, AuthenticationFailed)
        self.assertAtRest()

    def test_chain(self) -> None:
        """
        It takes whoever has the right certificates, and nobody else.
        """
        pem = Path(self.serverArguments.require("cert")).read_bytes()
        right = chainHash([x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)])
        told = self.clientArguments
        for chain in (right, bytes(32)):
            pin = b64encode(chain).decode()
            named = Arguments(cert=pin, servername="another.example")
            self.clientArguments = told.updated(named)
            attempt, _ = self.connecting()
            self.network.pump()
            if chain is right:
                client: Any = self.successResultOf(attempt)
                client.transport.abortConnection()
                self.network.pump()
            else:
                self.failureResultOf(attempt, AuthenticationFailed)
        self.assertEqual(len(self.servers.built), 1)
        self.assertAtRest()

    def test_remains(self) -> None:
        """
        Nothing of a tunnel is left, however it ended.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        remains = []
        for ended in (0, 1, 2, 3) * 5:
            pair = self.connected()
            for end in pair:
                remains += [weakref.ref(end), weakref.ref(end.transport)]
                remains.append(weakref.ref(end.transport._codec))
                remains.append(weakref.ref(end.transport.transport))
            # In order, or by TCP alone.
            if ended < 2:
                pair[ended].transport.loseConnection()
            else:
                self.network.connections[0][ended - 2].loseConnection()
            self.network.pump(1)
            self.assertEqual([len(end.lost) for end in pair], [1, 1])
            self.network.connections.clear()
            self.servers.built.clear()
            del pair, end
        self.assertEqual([one() for one in remains if one() is not None], [])

    def test_remainsOfVisitors(self) -> None:
        """
        Nor of a visitor, who is answered, or goes before, in order or not.
        """
        network = self.network
        below = network.clientEndpoint(BRIDGE.host, BRIDGE.port)
        endpoint = securing(below, network.clock, "example.com", authority().pem)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        remains = []
        page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for said in (b"", b"GET / HT", page, b"GET /\r\n\r\n"):
            for isOrderly in (True, False):
                applications = Applications()
                endpoint.connect(applications)
                network.pump()
                visitor: Any = applications.built[0]
                visitor.transport.write(said)
                network.pump()
                [(client, server)] = network.connections
                # It is over, or it is a connection to be kept.
                tls: Any = server.protocol
                if tls is not None:
                    remains += [weakref.ref(tls), weakref.ref(tls.wrappedProtocol)]
                (visitor.transport if isOrderly else client).loseConnection()
                network.pump(1)
                self.assertFalse(server.connected)
                network.connections.clear()
                del applications, visitor, client, server, tls
        self.assertGreater(len(remains), 8)
        self.assertEqual([one() for one in remains if one() is not None], [])


class PlainTests(WebTunnelCase, SynchronousTestCase):
    """
    Without a URL: clients go to where it listens, with a path.
    """

    serverArguments = Arguments(path="/secret")

    def request(self, *more: str, path: str = "/secret") -> bytes:
        """
        :param more: header lines.
        :returns: what asks for the tunnel.
        """
        lines = [f"GET {path} HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket"]
        return "".join(f"{line}\r\n" for line in [*lines, *more, ""]).encode()

    def test_earlyPayload(self) -> None:
        """
        What comes right behind the request is payload, however it is cut.
        """
        data = self.request() + b"early"
        for pieces in (1, 7, len(data) - 4, len(data)):
            self.network.pieces = pieces
            stranger: Any = self.stranger()
            stranger.transport.write(data)
            self.network.pump()
            self.assertEqual(bytes(self.servers.built[-1].received), b"early")
            stranger.transport.abortConnection()
        self.assertAtRest()

    def test_serverFirst(self) -> None:
        """
        The answer comes alone; the server's first words come with the client's, or a
        little later.
        """
        self.servers.begin = lambda transport: transport.write(b"welcome")
        for said in (b"hello", b""):
            stranger: Any = self.stranger()
            stranger.transport.write(self.request())
            self.network.pump()
            head = bytes(stranger.received)
            self.assertTrue(head.endswith(b"websocket\r\n\r\n"))
            stranger.transport.write(said)
            self.network.pump(0 if said else limits.WEBTUNNEL_HUSH)
            self.assertEqual(bytes(stranger.received), head + b"welcome")
            stranger.transport.abortConnection()
        self.assertAtRest()

    def test_wrongPath(self) -> None:
        """
        Who does not know the path is told that nothing is there.
        """
        wrong = Arguments(url=f"http://{BRIDGE}/secre")
        attempt = WebTunnelClient().clientEndpoint(self.context, None, wrong)
        connecting = attempt.connect(Applications())
        self.network.pump()
        reason = self.failureResultOf(connecting, HandshakeFailed)
        self.assertIn("404", str(reason.value))
        self.assertEqual(self.servers.built, [])
        self.assertAtRest()

    def test_spellings(self) -> None:
        """
        A path may be written in several ways; a query does not matter, nor do other
        upgrades that are offered along with ours.
        """
        for path in ("/secret", "/s%65cret", "/secret?x"):
            stranger: Any = self.stranger()
            stranger.transport.write(self.request("Connection: keep-alive", path=path))
            self.network.pump()
            self.assertTrue(stranger.received.startswith(b"HTTP/1.1 101 "))
            stranger.transport.abortConnection()
        self.assertAtRest()

    def test_oneConnection(self) -> None:
        """
        One network connection for each, and no more.
        """
        pairs = [self.connected() for _ in range(3)]
        self.assertEqual(len(self.network.connections), 3)
        for (client, server), (here, there) in zip(pairs, self.network.connections, strict=True):
            self.assertIs(client.transport.networkConnection, here)
            self.assertIs(server.transport.networkConnection, there)
            client.transport.abortConnection()
        self.assertAtRest()

    def test_metrics(self) -> None:
        """
        Tunnels are counted, visitors are not.
        """
        stranger: Any = self.stranger()
        stranger.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.network.pump()
        self.assertEqual(self.context.metrics.handshakesBegun, 0)
        client, _ = self.connected()
        client.transport.abortConnection()
        self.assertEqual(self.context.metrics.handshakesDone, 2)
        self.assertAtRest()

    def test_noProtocolForVisitors(self) -> None:
        """
        The server's application hears of the listener's life.
        """
        self.assertEqual(self.servers.numPorts, 1)
        self.port.stopListening()
        self.assertEqual(self.servers.numPorts, 0)

    def test_remains(self) -> None:
        """
        After a thousand tunnels and a thousand visitors there is nothing of them.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        remains = []
        for _ in range(1000):
            client, server = self.connected()
            for end in (client, server):
                remains += [weakref.ref(end), weakref.ref(end.transport)]
                remains.append(weakref.ref(end.transport._codec))
            remains.append(weakref.ref(server.transport.networkConnection.protocol))
            client.transport.write(b"x")
            self.network.pump()
            client.transport.loseConnection()
            self.network.pump()
            visitor: Any = self.stranger()
            visitor.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            remains.append(weakref.ref(self.network.connections[-1][1].protocol))
            self.network.pump()
            self.assertTrue(visitor.received)
            self.network.connections.clear()
            self.servers.built.clear()
            del client, server, end, visitor
        self.assertEqual([one() for one in remains if one() is not None], [])


class ForwardedTests(SynchronousTestCase):
    """
    Whose connection it is.
    """

    HEADER = "X-Forwarded-For: 203.0.113.9, 198.51.100.7"

    def peer(self, *headers: str, **options: str) -> Any:
        """
        :returns: the address that the server's application is told.
        """
        case = PlainTests("test_payload")
        case.serverArguments = PlainTests.serverArguments.updated(Arguments(options))
        case.setUp()
        self.addCleanup(case.doCleanups)
        stranger: Any = case.stranger()
        stranger.transport.write(case.request(*headers))
        case.network.pump()
        [server] = case.servers.built
        told: Any = server.transport.getPeer()  # type: ignore[union-attr]
        self.port = case.network.connections[0][0].getHost().port
        stranger.transport.abortConnection()
        case.network.pump()
        self.assertEqual(server.transport.getPeer(), told)  # type: ignore[union-attr]
        return told

    def test_notTold(self) -> None:
        """
        Nobody is believed by default.
        """
        self.assertEqual(self.peer(self.HEADER), IPv4Address("TCP", "127.0.0.1", self.port))

    def test_notTheProxy(self) -> None:
        """
        Nor is somebody else than the one who may be.
        """
        found = self.peer(self.HEADER, **{"trust-forwarded-for": "127.0.0.2"})
        self.assertEqual(found.host, "127.0.0.1")

    def test_theProxy(self) -> None:
        """
        The last address is the one that the proxy saw itself.
        """
        found = self.peer(self.HEADER, **{"trust-forwarded-for": "127.0.0.1"})
        self.assertEqual(found, IPv4Address("TCP", "198.51.100.7", 1))

    def test_severalProxies(self) -> None:
        """
        As far as they are known.
        """
        trusted = {"trust-forwarded-for": "127.0.0.1,198.51.100.0/24"}
        self.assertEqual(self.peer(self.HEADER, **trusted).host, "203.0.113.9")
        found = self.peer("X-Forwarded-For: 2001:db8::9", self.HEADER, **trusted)
        self.assertEqual(found.host, "203.0.113.9")
        found = self.peer("X-Forwarded-For: 2001:db8::9", **trusted)
        self.assertEqual(found, IPv6Address("TCP", "2001:db8::9", 1))

    def test_nothing(self) -> None:
        """
        A header that does not say.
        """
        for header in ("X-Forwarded-For: unknown", "X-Forwarded-For: 127.0.0.1", "X: y"):
            found = self.peer(header, **{"trust-forwarded-for": "127.0.0.1"})
            self.assertEqual(found.host, "127.0.0.1")


class ArgumentTests(SynchronousTestCase):
    """
    What can be asked for.
    """

    def setUp(self) -> None:
        case = PlainTests("test_payload")
        case.setUp()
        self.addCleanup(case.doCleanups)
        self.context = replace(case.context, stateDirectory=None)

    def client(self, **arguments: str) -> None:
        """
        Make an endpoint.
        """
        given = {"url": "http://example.com/secret", **arguments}
        WebTunnelClient().clientEndpoint(self.context, None, Arguments(given))

    def server(self, **arguments: str) -> Any:
        """
        :returns: an endpoint.
        """
        given = {"url": "https://example.com/secret", **arguments}
        return WebTunnelServer().serverEndpoint(self.context, BRIDGE, Arguments(given))

    def test_client(self) -> None:
        """
        What is right, and what means nothing.
        """
        self.client(utls="hellochrome_auto", ver="9.9.9", servername="b", addr="[::1]:1")
        self.client(url="https://example.com/secret", utls="", addr="localhost:443")

    def test_clientWrong(self) -> None:
        """
        The text names what is wrong.
        """
        for arguments in (
            {"addr": ""},
            {"addr": "192.0.2.1"},
            {"addr": "192.0.2.1:0"},
            {"addr": "::1:80"},
            {"url": "https://example.com/x", "ca": "/nowhere"},
        ):
            error = self.assertRaises(ConfigurationError, self.client, **arguments)
            self.assertIn(repr(list(arguments)[-1]), str(error))
        for name in ("", "a b", "a/b"):
            error = self.assertRaises(ConfigurationError, self.client, servername=name)
            self.assertIn("name", str(error))

    def test_server(self) -> None:
        """
        What clients are told, and tor: an address that is the reference's.
        """
        endpoint = self.server()
        expected = Arguments(url="https://example.com/secret", ver="0.0.3")
        self.assertEqual(endpoint.clientArguments, expected)
        address = HostPort("2001:db8:bce5:252f:cb34:2be1:d5a3:9c16", 443)
        self.assertEqual(endpoint.clientAddress, address)
        self.assertEqual(inventedAddress("https://example.com/secret"), address)

    def test_serverWrong(self) -> None:
        """
        The text names what is wrong.
        """
        nowhere = Arguments(url="https://example.com/x", cert="/nowhere", key="/nowhere")
        self.assertRaises(ConfigurationError, self.server, **dict(nowhere.texts()))
        for arguments in (
            {"url": "https://example.com"},
            {"url": "http://example.com/x", "cert": "x", "key": "x"},
            {"path": "/x"},
            {"cert": "x"},
            {"key": "x"},
            {"site": "/nowhere"},
            {"site": __file__},
            {"site": "a\0b"},
            {"site": ""},
            {"trust-forwarded-for": "everybody"},
            {"trust-forwarded-for": ""},
        ):
            error = self.assertRaises(ConfigurationError, self.server, **arguments)
            self.assertIn(repr(next(iter(arguments))), str(error))

    def test_path(self) -> None:
        """
        A server without a URL has a path that it made, and keeps; or one that it was
        told, of which tor's lines get what they can hold.
        """
        self.context = replace(self.context, stateDirectory=StateDirectory(self.mktemp()))
        serve = WebTunnelServer().serverEndpoint
        first, again = (serve(self.context, BRIDGE, Arguments()) for _ in range(2))
        self.assertEqual(first.clientArguments, again.clientArguments)
        self.assertRegex(str(first.clientArguments.get("path")), r"\A/[A-Za-z0-9_-]{22}\Z")
        told = serve(self.context, BRIDGE, Arguments(path="/a,b=c"))
        self.assertEqual(told.clientArguments, Arguments(path="/a%2Cb%3Dc"))

    def test_pathWrong(self) -> None:
        """
        What is no path, or no secret; and a file that was tampered with.
        """
        state = StateDirectory(self.mktemp())
        context = replace(self.context, stateDirectory=state)
        serve = WebTunnelServer().serverEndpoint
        for path in ("", "/", "//", "secret", "/a b", "/a?b", "/a#b", "/%"):
            error = self.assertRaises(
                ConfigurationError, serve, context, BRIDGE, Arguments(path=path)
            )
            self.assertIn("'path'", str(error))
        for data in (b"", b"x", b"/\xff"):
            state.write("webtunnel_path", data)
            self.assertRaises(ConfigurationError, serve, context, BRIDGE, Arguments())
        self.assertRaises(ConfigurationError, serve, self.context, BRIDGE, Arguments())
        arguments = Arguments(path="/x", cert="x", key="x")
        self.assertRaises(ConfigurationError, serve, context, BRIDGE, arguments)
