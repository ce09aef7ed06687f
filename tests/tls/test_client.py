"""
Tests for ``pyptwist.tls.client``.
"""

from __future__ import annotations

import gc
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    NoProtocol,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.ssl import TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import wrapClient, wrapServer
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    ConfigurationError,
    FramingError,
    HandshakeFailed,
    HandshakeTimeout,
    causeOfFailure,
)
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.testing import EndpointConformance, MemoryNetwork
from pyptwist.testing.applications import Applications
from pyptwist.tls.client import authorities, securing
from pyptwist.tls.identity import chainHash
from pyptwist.tls.transport import freeing
from pyptwist.transports.dummy import DummyCodec
from tests.certificates import Authority, Issued, authority

ADDRESS = HostPort("192.0.2.1", 443)


@implementer(IStreamServerEndpoint)
class TLSServer:
    """
    One of Twisted's, over any endpoint.
    """

    def __init__(self, below: Any, issued: Issued, clock: Any, **options: Any) -> None:
        self.below = below
        self.options = issued.options(**options)
        self.clock = clock

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        below = TLSMemoryBIOFactory(self.options, False, factory, clock=self.clock)
        listening: Deferred[IListeningPort] = self.below.listen(freeing(below))
        return listening


class TLSCase(SynchronousTestCase):
    """
    A network with a server on it.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.servers = Applications()

    def serve(self, issued: Issued, **options: Any) -> None:
        """
        Listen with TLS.
        """
        below = self.network.serverEndpoint(ADDRESS.host, ADDRESS.port)
        server = TLSServer(below, issued, self.network.clock, **options)
        self.successResultOf(server.listen(self.servers))

    def endpoint(
        self, name: str = "example.com", trusted: bytes | None = None, **options: Any
    ) -> IStreamClientEndpoint:
        """
        A client of the server.
        """
        below = self.network.clientEndpoint(ADDRESS.host, ADDRESS.port)
        trusted = trusted or authority().pem
        return securing(below, self.network.clock, name, trusted, **options)

    def attempt(self, *arguments: Any, **options: Any) -> Deferred[Any]:
        """
        Connect, as far as it goes.
        """
        self.applications = Applications()
        attempt = self.endpoint(*arguments, **options).connect(self.applications)
        self.network.pump()
        return attempt

    def failure(self, attempt: Deferred[Any], kind: type[Exception]) -> str:
        """
        :returns: what the failure of an attempt says.
        """
        reason = self.failureResultOf(attempt, kind)
        self.assertEqual(self.applications.built, [])
        if kind is not ConnectingCancelledError:  # it has the address by Twisted's will
            self.assertTrue(reason.check(ConnectError))
            self.assertNotIn(ADDRESS.host, str(reason.value))
        self.network.pump(limits.TLS_HANDSHAKE)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertFalse(any(end.connected for end in self.network.connections[-1]))
        return str(reason.value)


class CertificateTests(TLSCase):
    """
    Whose certificate is taken.
    """

    def test_right(self) -> None:
        """
        A name that has nothing to do with the host that is dialled.
        """
        self.serve(authority().issue(["example.org", "example.com"]))
        for name in ("example.com", "EXAMPLE.com."):
            client = self.successResultOf(self.attempt(name))
            client.transport.write(b"question")
            self.network.pump()
            self.assertEqual(bytes(self.servers.built[-1].received), b"question")
            self.assertEqual(client.transport.getHandle().get_servername(), b"example.com")
            self.assertIsNone(client.transport.negotiatedProtocol)

    def test_address(self) -> None:
        """
        An IP address instead of a name: nothing is asked for by SNI.
        """
        self.serve(authority().issue([], ["192.0.2.7", "2001:db8::7"]))
        for name in ("192.0.2.7", "2001:db8::7"):
            client = self.successResultOf(self.attempt(name))
            self.assertIsNone(client.transport.getHandle().get_servername())
        self.assertIn("servername", self.failure(self.attempt("192.0.2.8"), AuthenticationFailed))

    def test_wrongName(self) -> None:
        """
        The text says what to do.
        """
        self.serve(authority().issue(["example.org"]))
        attempt = self.attempt()
        self.assertIn("servername", self.failure(attempt, AuthenticationFailed))

    def test_cause(self) -> None:
        """
        A certificate that is refused is a matter of authentication.
        """
        self.serve(authority().issue(["example.org"]))
        reason = self.failureResultOf(self.attempt())
        self.assertIs(causeOfFailure(reason), Cause.AUTHENTICATION)

    def test_noName(self) -> None:
        """
        The common name alone is none, whatever Twisted makes of it.
        """
        self.serve(authority().issue(["example.com"], nameless=True))
        self.failure(self.attempt(), AuthenticationFailed)
        self.flushLoggedErrors()

    def test_strangeAuthority(self) -> None:
        """
        Somebody whom nobody knows vouches for the name.
        """
        self.serve(Authority().issue())
        self.assertIn("'ca'", self.failure(self.attempt(), AuthenticationFailed))

    def test_expired(self) -> None:
        """
        Out of date.
        """
        self.serve(authority().issue(days=-3))
        self.assertIn("out of date", self.failure(self.attempt(), AuthenticationFailed))

    def test_severalAuthorities(self) -> None:
        """
        Any of those in the file will do.
        """
        self.serve(authority().issue())
        self.successResultOf(self.attempt(trusted=Authority().pem + authority().pem))

    def test_platform(self) -> None:
        """
        Without a file, this machine's authorities are asked, who know nothing of
        ours; OpenSSL's variable changes that.
        """
        self.serve(authority().issue())
        self.patch(os, "environ", {k: v for k, v in os.environ.items() if "SSL_" not in k})
        below = self.network.clientEndpoint(ADDRESS.host, ADDRESS.port)

        def attempt() -> Deferred[Any]:
            endpoint = securing(below, self.network.clock, "example.com")
            self.applications = Applications()
            attempt = endpoint.connect(self.applications)
            self.network.pump()
            return attempt

        self.failure(attempt(), AuthenticationFailed)
        # OpenSSL reads the process's own variables.
        file = Path(self.mktemp())
        file.write_bytes(authority().pem)
        self.patch(os, "environ", _RealEnvironment(SSL_CERT_FILE=str(file)))
        self.addCleanup(os.unsetenv, "SSL_CERT_FILE")
        os.putenv("SSL_CERT_FILE", str(file))
        self.successResultOf(attempt())


class IdentityTests(TLSCase):
    """
    Another name than the one that is asked for; or none at all.
    """

    def asked(self, attempt: Deferred[Any]) -> Any:
        """
        :returns: the name that the server was told.
        """
        client = self.successResultOf(attempt)
        client.transport.write(b"question")
        self.network.pump()
        self.assertEqual(bytes(self.servers.built[-1].received), b"question")
        return client.transport.getHandle().get_servername()

    def chain(self, *issued: bytes) -> bytes:
        """
        :param issued: certificates, in PEM.
        :returns: their hash.
        """
        found = [x509.load_pem_x509_certificate(one) for one in issued]
        return chainHash([one.public_bytes(Encoding.DER) for one in found])

    def test_asked(self) -> None:
        """
        The server is told a name that its certificate need not have.
        """
        self.serve(authority().issue())
        self.assertEqual(self.asked(self.attempt(asked="Example.Net.")), b"example.net")
        self.assertIsNone(self.asked(self.attempt(asked="192.0.2.9")))

    def test_askedInVain(self) -> None:
        """
        The certificate must have the other one, and somebody must vouch for it.
        """
        self.serve(authority().issue(["example.net"]))
        attempt = self.attempt(asked="example.net")
        self.assertIn("servername", self.failure(attempt, AuthenticationFailed))
        attempt = self.attempt("example.net", Authority().pem, asked="a.example")
        self.assertIn("'ca'", self.failure(attempt, AuthenticationFailed))

    def test_askedOnlyNames(self) -> None:
        """
        It is checked as the other one is.
        """
        self.assertRaises(ConfigurationError, self.endpoint, asked="a b")

    def test_chain(self) -> None:
        """
        Certificates that are known need neither a name nor anybody to vouch for them.
        """
        vouching = Authority()
        issued = vouching.issue(["example.org"])
        second = crypto.load_certificate(crypto.FILETYPE_PEM, vouching.pem)
        for more, chain in (
            ([], self.chain(issued.certificate)),
            ([second], self.chain(issued.certificate, vouching.pem)),
        ):
            self.network, self.servers = MemoryNetwork(), Applications()
            self.serve(issued, extraCertChain=more)
            self.assertEqual(self.asked(self.attempt(chain=chain)), b"example.com")

    def test_wrongChain(self) -> None:
        """
        No others will do, however good they are.
        """
        issued = authority().issue()
        self.serve(issued)
        for chain in (bytes(32), self.chain(issued.certificate, authority().pem)):
            attempt = self.attempt(chain=chain)
            self.assertIn("certificates", self.failure(attempt, AuthenticationFailed))
        self.assertEqual([one for one in self.servers.built if one.received], [])

    def test_remains(self) -> None:
        """
        Nothing of ours, at once, neither of who was let in nor of who was not.
        """
        issued = authority().issue()
        self.serve(issued)
        right = self.chain(issued.certificate)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        remains = []
        for options in ({"asked": "a.example"}, {"chain": right}, {"chain": bytes(32)}) * 10:
            attempt = self.attempt(**options)
            client, server = self.network.connections[-1]
            tls: Any = client.protocol
            if tls is not None:
                remains.append(weakref.ref(tls.wrappedProtocol))
            attempt.addErrback(lambda reason: reason.trap(AuthenticationFailed) and None)
            client.loseConnection()
            self.network.pump(1)
            self.assertFalse(server.connected)
            self.network.connections.clear()
            self.servers.built.clear()
            del attempt, client, server, tls, self.applications
        self.assertEqual(len(remains), 20)
        self.assertEqual([one() for one in remains if one() is not None], [])

    def test_noChain(self) -> None:
        """
        What no certificates have is the hash of none: it proves nothing.
        """
        for chain in (b"", bytes(31), bytes(33)):
            self.assertRaises(ConfigurationError, self.attempt, chain=chain)

    def test_chainHash(self) -> None:
        """
        As Tor's webtunnel was seen to compute it.
        """
        for count, expected in (
            (1, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"),
            (2, "11914c19a28a98c57d12f3cce6c32b7944784f4b4781a706c24eb1dc284e2856"),
            (3, "a40d775eba1f1e32eb741c3df6dfcb6406df6df7d3e8f938dad6a2b1e1d01b06"),
        ):
            self.assertEqual(chainHash([b"one", b"two", b"three"][:count]).hex(), expected)
        self.assertEqual(chainHash([]), b"")


class _RealEnvironment(dict[str, str]):
    def __init__(self, **more: str) -> None:
        super().__init__({**os.environ, **more})


class HandshakeTests(TLSCase):
    """
    What else may happen before TLS is agreed upon.
    """

    def test_interface(self) -> None:
        """
        It is an endpoint.
        """
        verifyObject(IStreamClientEndpoint, self.endpoint())

    def test_versions(self) -> None:
        """
        1.2 and 1.3 are spoken; an older server is told so.
        """
        for newest, spoken in ((TLSVersion.TLSv1_2, "TLSv1.2"), (TLSVersion.TLSv1_3, "TLSv1.3")):
            self.setUp()
            self.serve(authority().issue(), lowerMaximumSecurityTo=newest)
            client = self.successResultOf(self.attempt())
            self.assertEqual(client.transport.getHandle().get_protocol_version_name(), spoken)

    def test_noTLS(self) -> None:
        """
        The server says something else, or that it will not.
        """
        alert = bytes.fromhex("15030300020246")
        for said, words in ((b"HTTP/1.1 400 Bad Request\r\n\r\n", "version"), (alert, "alert")):
            self.setUp()
            self.servers.begin = lambda transport, said=said: transport.write(said)
            self.listenPlainly()
            self.assertIn(words, self.failure(self.attempt(), HandshakeFailed))

    def listenPlainly(self) -> None:
        """
        Without TLS.
        """
        below = self.network.serverEndpoint(ADDRESS.host, ADDRESS.port)
        self.successResultOf(below.listen(self.servers))

    def test_closed(self) -> None:
        """
        The server hangs up.
        """
        self.servers.begin = lambda transport: transport.loseConnection()
        self.listenPlainly()
        self.failure(self.attempt(), ClosedByPeer)

    def test_aborted(self) -> None:
        """
        Or resets the connection.
        """
        self.servers.begin = lambda transport: transport.abortConnection()
        self.listenPlainly()
        self.failure(self.attempt(), ClosedByPeer)

    def test_silence(self) -> None:
        """
        It says nothing: that ends.
        """
        self.listenPlainly()
        attempt = self.attempt()
        self.network.pump(limits.TLS_HANDSHAKE - 1)
        self.assertNoResult(attempt)
        self.network.pump(1)
        self.failure(attempt, HandshakeTimeout)

    def test_refused(self) -> None:
        """
        Nobody is there: what the network says is passed on.
        """
        self.failureResultOf(self.attempt(), ConnectError)
        self.assertEqual(self.network.connections, [])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """
        Before the connection, and in the handshake.
        """
        self.listenPlainly()
        applications = Applications()
        attempt: Deferred[Any] = self.endpoint().connect(applications)
        attempt.cancel()
        self.failureResultOf(attempt, ConnectingCancelledError)
        attempt = self.attempt()
        attempt.cancel()
        self.failure(attempt, ConnectingCancelledError)

    def test_cancelledByApplication(self) -> None:
        """
        By the application that is being connected: it is told of one end, and nobody
        of a success.
        """
        self.serve(authority().issue())
        applications = Applications(lambda transport: attempt.cancel())
        attempt: Deferred[Any] = self.endpoint().connect(applications)
        self.network.pump()
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertEqual([len(one.lost) for one in applications.built], [1])

    def test_noProtocol(self) -> None:
        """
        The application's factory refuses.
        """
        self.serve(authority().issue())
        applications = Applications()
        applications.isOpen = False
        attempt = self.endpoint().connect(applications)
        self.network.pump()
        self.failureResultOf(attempt, NoProtocol)
        self.assertFalse(any(end.connected for end in self.network.connections[-1]))

    def test_protocols(self) -> None:
        """
        Offered in their order.
        """
        self.serve(authority().issue(), acceptableProtocols=[b"http/1.1", b"h2"])
        client = self.successResultOf(self.attempt(protocols=(b"http/1.1",)))
        self.assertEqual(client.transport.negotiatedProtocol, b"http/1.1")
        client = self.successResultOf(self.attempt())
        self.assertIsNone(client.transport.negotiatedProtocol)

    def test_names(self) -> None:
        """
        What cannot be in a certificate.
        """
        for name in ("", "a b", "*.example.com", "a" * 64 + ".com", "-\N{SNOWMAN}\0", "a..b"):
            self.assertRaises(ConfigurationError, self.endpoint, name)


class ConnectionTests(TLSCase):
    """
    From then on.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve(authority().issue())
        self.client: Any = self.successResultOf(self.attempt())
        self.server: Any = self.servers.built[0]
        self.tcp = self.network.connections[0]

    def test_end(self) -> None:
        """
        In order, from the other side.
        """
        self.server.transport.write(b"last words")
        self.server.transport.loseConnection()
        self.network.pump()
        self.assertEqual(bytes(self.client.received), b"last words")
        self.assertTrue(self.client.lost[0].check(ConnectionDone))

    def test_truncated(self) -> None:
        """
        TCP ends where TLS does not.
        """
        self.tcp[1].loseConnection()
        self.network.pump()
        self.assertTrue(self.client.lost[0].check(ConnectionLost))

    def test_tampered(self) -> None:
        """
        A record that is none.
        """
        self.tcp[1].write(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.network.pump()
        self.assertTrue(self.client.lost[0].check(FramingError))

    def test_remains(self) -> None:
        """
        Nothing, at once, but for what Twisted's TLS leaves to the collector: not us.
        """
        standing = weakref.ref(self.client.transport.wrappedProtocol)
        self.server.transport.loseConnection()
        self.network.pump()
        self.assertIsNone(standing())


class AuthoritiesTests(SynchronousTestCase):
    """
    Tests for ``authorities``.
    """

    def test_none(self) -> None:
        """
        This machine's.
        """
        self.assertIsNone(authorities(Arguments()))

    def test_file(self) -> None:
        """
        The file's.
        """
        file = Path(self.mktemp())
        file.write_bytes(authority().pem)
        self.assertEqual(authorities(Arguments(ca=str(file))), authority().pem)

    def test_wrong(self) -> None:
        """
        The text names the argument, not the file.
        """
        junk, huge = Path(self.mktemp()), Path(self.mktemp())
        junk.write_bytes(b"junk")
        huge.write_bytes(bytes(limits.CERTIFICATES + 1))
        for path in (junk, huge, "/nowhere", "/", "a\0b", ""):
            error = self.assertRaises(ConfigurationError, authorities, Arguments(ca=str(path)))
            self.assertIn("'ca'", str(error))
            self.assertNotIn(str(path) or "-", str(error).replace("'ca'", ""))


@implementer(IClientTransport, IServerTransport)
class Secured:
    """
    A codec over TLS, as a method.
    """

    name = "dummy"
    issued = authority().issue()

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        if target is None:
            raise ConfigurationError("it needs a target")
        below = context.network.clientEndpoint(target.host, target.port)
        secured = securing(below, context.reactor, "example.com", authority().pem)
        return wrapClient(secured, context.reactor, DummyCodec, self.name, context.metrics)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        below = context.network.serverEndpoint(bind.host, bind.port)
        secured = TLSServer(below, self.issued, context.reactor)
        return wrapServer(secured, context.reactor, DummyCodec, self.name, metrics=context.metrics)


class CodecTests(EndpointConformance, SynchronousTestCase):
    """
    A codec's connection over TLS behaves as over TCP.
    """

    method = Secured
    plain = True

    def test_closeWhilePaused(self) -> None:
        """
        Who does not read any more need not wait for long for TLS to end.
        """
        client, server = self.connected()
        client.transport.pauseProducing()
        client.transport.loseConnection()
        client.transport.pauseProducing()
        self.network.pump(1)
        self.assertEqual([len(client.lost), len(server.lost)], [1, 1])
        self.assertAtRest()


class Layered(Secured):
    """
    The same where the network is a codec's, as an upstream proxy is.
    """

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        network = StackedNetwork(context.network, context.reactor)
        return super().clientEndpoint(replace(context, network=network), target, arguments)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        network = StackedNetwork(context.network, context.reactor)
        return super().serverEndpoint(replace(context, network=network), bind, arguments)


class StackedNetwork:
    """
    Puts a codec beneath everything.
    """

    def __init__(self, network: Any, reactor: Any) -> None:
        self.network = network
        self.reactor = reactor

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        below = self.network.clientEndpoint(host, port)
        return wrapClient(below, self.reactor, DummyCodec, "dummy")

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        below = self.network.serverEndpoint(host, port)
        return wrapServer(below, self.reactor, DummyCodec, "dummy")


class LayeredTests(EndpointConformance, SynchronousTestCase):
    """
    TLS on a connection of a codec's.
    """

    method = Layered
    plain = True
