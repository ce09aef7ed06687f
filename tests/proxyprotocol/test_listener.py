"""
Tests for ``pyptwist.proxyprotocol.listener``: who is let in behind a load balancer, and who
the server takes them for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.proxyprotocol.listener import AnnouncedNetwork, Arriving, Door
from pyptwist.ranges import AddressRanges
from pyptwist.registry import Methods
from pyptwist.strangers import decoy
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.transports.dummy import Dummy
from tests.decoys import BRIDGE, FOR_EVER, GARBAGE, SITE, Scene
from tests.proxyheaders import LOCAL, UNKNOWN, binary, line

_PEER = IPv4Address("TCP", "198.51.100.7", 4711)


class Noting(Applications):
    """
    :ivar peers: who the server says that its clients are, when they are built, and
        when they are there.
    """

    def __init__(self) -> None:
        super().__init__(lambda transport: self.peers.append(transport.getPeer()))
        self.peers: list[Any] = []

    def buildProtocol(self, addr: Any) -> Any:
        self.peers.append(addr)
        return super().buildProtocol(addr)


class BehindBalancer(Scene):
    """
    A bridge that wants headers.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clients: Any = Noting()

    def serveBehind(self, name: str = "obfs4", **more: str) -> Arguments:
        """
        :param more: options.
        :returns: what clients need.
        """
        options = Arguments({"proxy-protocol": "1", **more})
        endpoint = decoy.serverEndpoint(
            Methods().server(name), self.context, BRIDGE, options, self.network
        )
        self.port: Any = self.successResultOf(endpoint.listen(self.clients))
        return endpoint.clientArguments

    def connectBehind(self, header: bytes, name: str, arguments: Arguments) -> Any:
        """
        :returns: a client's application, that comes by a balancer.
        """
        connecting = self.attemptBehind(header, name, arguments)
        self.network.pump()
        return self.successResultOf(connecting)

    def attemptBehind(self, header: bytes, name: str, arguments: Arguments) -> Any:
        """
        :returns: what becomes of one.
        """
        network = _Balanced(self.network, header)
        context = replace(self.context, network=network)
        endpoint = Methods().client(name).clientEndpoint(context, BRIDGE, arguments)
        return endpoint.connect(Applications())

    def assertTalk(self, client: Any) -> None:
        """
        Bytes pass both ways.
        """
        client.transport.write(b"question " * 5000)
        self.network.pump()
        server: Any = self.clients.built[-1]
        self.assertEqual(bytes(server.received), b"question " * 5000)
        server.transport.write(b"answer " * 5000)
        self.network.pump()
        self.assertEqual(bytes(client.received), b"answer " * 5000)
        client.transport.loseConnection()
        self.assertAtRest()


class _Balanced:
    """
    A network on which each connection begins with a header.
    """

    def __init__(self, network: MemoryNetwork, header: bytes) -> None:
        self._network = network
        self._header = header

    def clientEndpoint(self, host: str, port: int) -> Any:
        below, header = self._network.clientEndpoint(host, port), self._header

        class Endpoint:
            def connect(self, factory: Any) -> Any:
                class Announcing(Factory):
                    def buildProtocol(self, addr: Any) -> Any:
                        inner = factory.buildProtocol(addr)
                        connect = inner.makeConnection

                        def makeConnection(transport: Any) -> None:
                            transport.write(header)
                            connect(transport)

                        inner.makeConnection = makeConnection
                        return inner

                return below.connect(Announcing())

        return Endpoint()


class ClientTests(BehindBalancer):
    """
    Whoever comes by the balancer.
    """

    def test_methods(self) -> None:
        """
        Each method, and a stack, works behind one, with either version; also those
        whose server speaks first, which it does behind the header.
        """
        for name in ("dummy", "obfs2", "obfs3", "obfs4", "scramblesuit", "obfs4 | b64"):
            for header in (line(), binary()):
                self.setUp()
                options = {"password": "A" * 32} if name == "scramblesuit" else {}
                arguments = self.serveBehind(name, **options)
                self.assertTalk(self.connectBehind(header, name, arguments))
                self.assertEqual(self.clients.peers, [_PEER] * 2, name)

    def test_pieces(self) -> None:
        """
        However the header comes, and what is behind it, all is there.
        """
        for pieces in range(1, 40, 3):
            for header in (line(), binary(more=b"\x04\x00\x03abc" * 100)):
                self.setUp()
                arguments = self.serveBehind()
                self.network.pieces = pieces
                self.assertTalk(self.connectBehind(header, "obfs4", arguments))

    def test_networkConnection(self) -> None:
        """
        What is beneath is the transport itself, and not something around it, which
        says who the header names; also in the end.
        """
        arguments = self.serveBehind()
        client = self.connectBehind(line("2001:db8::7"), "obfs4", arguments)
        server: Any = self.clients.built[0].transport
        bottom = server.networkConnection
        self.assertIs(bottom, self.network.connections[0][1])
        self.assertIs(bottom.protocol, server)
        peer = IPv6Address("TCP", "2001:db8::7", 4711)
        self.assertEqual([server.getPeer(), bottom.getPeer()], [peer, peer])
        self.assertEqual(server.getHost(), IPv6Address("TCP", "2001:db8::1", 443))
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(server.getPeer(), peer)

    def test_readSize(self) -> None:
        """
        Little is read at once until the header is there; then as much as before,
        for methods that do not say how much they want.
        """
        door = Door(self.context, AddressRanges("x", "192.168.1.1"), "x")
        sizes: list[int] = []
        transport: Any = StringTransport()
        transport.bufferSize = 65536
        applications = Applications(lambda below: sizes.append(below.bufferSize))
        arriving = Arriving(door, applications)
        arriving.makeConnection(transport)
        self.assertEqual(transport.bufferSize, limits.HANDSHAKE_READ)
        arriving.dataReceived(line())
        self.assertEqual(sizes, [65536])

    def test_untold(self) -> None:
        """
        A header may say nothing: then it is the balancer itself who comes.
        """
        for header in (LOCAL, UNKNOWN):
            self.setUp()
            arguments = self.serveBehind()
            self.assertTalk(self.connectBehind(header, "obfs4", arguments))
            self.assertEqual([peer.host for peer in self.clients.peers], ["127.0.0.1"] * 2)

    def test_decoy(self) -> None:
        """
        A stranger who comes by the balancer is the decoy's, which sees no header.
        """
        self.openSite()
        arguments = self.serveBehind(decoy=str(SITE))
        for pieces in (1, 64 * 1024):
            self.network.pieces = pieces
            peer = self.stranger(line() + GARBAGE[:9000])
            self.network.pump(limits.DECOY_AFTER)
            self.assertSeen(peer, GARBAGE[:9000])
        self.network.pieces = 1
        self.assertEqual(bytes(self.stranger(binary()).received), b"")
        self.assertEqual(len(self.site.built), 2)
        client = self.connectBehind(binary(), "obfs4", arguments)
        client.transport.write(b"question")
        self.network.pump(FOR_EVER)
        self.assertEqual(bytes(self.clients.built[0].received), b"question")
        self.assertEqual(bytes(self.site.built[2].received), b"")

    def test_stranger(self) -> None:
        """
        Without a decoy it is the method that is silent.
        """
        self.serveBehind()
        peer = self.stranger(line() + GARBAGE)
        self.assertAtRest()
        self.assertEqual(bytes(peer.received), b"")
        self.assertEqual(self.clients.built, [])


class StrangerTests(BehindBalancer):
    """
    Whoever does not.
    """

    def assertSilence(self, peer: Any) -> None:
        """
        Nobody answers; and the end is that of any stranger.
        """
        begun = self.network.clock.seconds()
        peer.transport.write(GARBAGE)
        self.assertAtRest()
        self.assertEqual((bytes(peer.received), len(peer.lost)), (b"", 1))
        self.assertGreater(peer.lostAt - begun, limits.SILENT_HANDSHAKE)
        self.assertEqual((self.clients.built, self.site.built), ([], []))
        self.assertFalse(self.network.connections[-1][1].aborted)

    def test_noHeader(self) -> None:
        """
        Neither garbage, nor half a header, nor a malformed one, nor nothing: and
        no decoy, which is for those who come by the balancer.
        """
        for said in (GARBAGE, b"", line()[:-1], binary()[:11], b"PROXY TCP4 a b 1 2\r\n"):
            self.setUp()
            self.openSite()
            self.serveBehind(decoy=str(SITE))
            self.assertSilence(self.stranger(said))
            self.assertEqual(sum(self.context.metrics.handshakesFailed.values()), 1)

    def test_oneEnd(self) -> None:
        """
        Whatever they say, and when, they end after the same time, as they would
        without the option within the same bounds.
        """
        self.serveBehind()
        lasted = []
        for said in (b"", GARBAGE, line()[:9]):
            begun = self.network.clock.seconds()
            peer = self.stranger(said)
            self.assertAtRest()
            lasted.append(round(peer.lostAt - begun, 6))
        self.assertEqual(len(set(lasted)), 1, lasted)
        self.assertGreater(lasted[0], limits.SILENT_HANDSHAKE)
        self.assertLessEqual(lasted[0], limits.SILENT_HANDSHAKE + limits.SILENT_SPREAD + 1)

    def test_client(self) -> None:
        """
        Not even a client, who could say later that it is somebody else.
        """
        arguments = self.serveBehind()
        endpoint = Methods().client("obfs4").clientEndpoint(self.context, BRIDGE, arguments)
        attempt = endpoint.connect(Applications())
        self.network.pump(FOR_EVER)
        self.failureResultOf(attempt)
        self.assertEqual(self.clients.built, [])

    def test_late(self) -> None:
        """
        A header is waited for, and not for ever.
        """
        for patience, isThere in ((-0.001, True), (0.001, False)):
            self.setUp()
            self.serveBehind("dummy")
            peer = self.stranger()
            self.network.pump(limits.PROXY_PATIENCE + patience)
            peer.transport.write(line())
            self.network.pump()
            self.assertEqual(bool(self.clients.built), isThere)
            peer.transport.loseConnection()
            self.assertAtRest()
            failed = self.context.metrics.handshakesFailed
            self.assertEqual(set(failed), set() if isThere else {Cause.TIMEOUT})

    def test_elsewhere(self) -> None:
        """
        Those who may not send headers are not let in by one, clients or not.
        """
        options = {"proxy-protocol-from": "192.0.2.0/24,2001:db8::1"}
        arguments = self.serveBehind(**options)
        attempt = self.attemptBehind(line(), "obfs4", arguments)
        self.network.pump(FOR_EVER)
        self.failureResultOf(attempt)
        self.assertSilence(self.stranger(line()))

    def test_leaves(self) -> None:
        """
        Who leaves before its header is there leaves nothing behind: balancers do,
        to see if a server lives.
        """
        self.serveBehind()
        for said in (b"", line()[:9]):
            self.stranger(said).transport.loseConnection()
            self.network.pump()
            self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.context.metrics.handshakesFailed, {})

    def test_logged(self) -> None:
        """
        An operator who forgot half of it finds the reason in the log, once.
        """
        with capturedLogs() as events:
            self.serveBehind()
            for _ in range(3):
                self.stranger(GARBAGE)
        [event] = [
            e for e in events if e["log_namespace"] == "pyptwist.proxyprotocol.listener.Door"
        ]
        self.assertEqual(str(event["why"]), "there was no PROXY header")

    def test_refusedByFactory(self) -> None:
        """
        A method may build nothing.
        """
        door = Door(self.context, AddressRanges("x", "127.0.0.1"), "x")
        nobody = Applications()
        nobody.isOpen = False
        endpoint = AnnouncedNetwork(self.network, door).serverEndpoint(BRIDGE.host, BRIDGE.port)
        endpoint.listen(nobody)
        peer = self.stranger(line())
        self.assertEqual(len(peer.lost), 1)
        self.assertAtRest()


class OptionTests(SynchronousTestCase):
    """
    What can be asked for.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), "proxy", self.network)

    def endpoint(self, **options: str) -> Any:
        """
        :param options: with ``_`` for ``-``.
        """
        named = Arguments({key.replace("_", "-"): text for key, text in options.items()})
        return decoy.serverEndpoint(Dummy(), self.context, BRIDGE, named, self.network)

    def test_none(self) -> None:
        """
        Without the option, or with it turned off, nobody needs a header.
        """
        seen: list[Any] = []

        class Method(Dummy):
            def serverEndpoint(self, context: Context, *more: Any) -> Any:
                seen.append((context, *more))

        for options in ({}, {"proxy-protocol": "0"}):
            arguments = Arguments({"a": "b", **options})
            decoy.serverEndpoint(Method(), self.context, BRIDGE, arguments, self.network)
            self.assertEqual(seen.pop(), (self.context, BRIDGE, Arguments(a="b")))

    def test_values(self) -> None:
        """
        Nonsense is refused, with the name of the option, and no address.
        """
        for text in ("", "v2", "2"):
            with self.assertRaisesRegex(ConfigurationError, "'proxy-protocol'"):
                self.endpoint(proxy_protocol=text)
        for text in ("", "example.org", "192.0.2.1,", "192.0.2.1/24", "10.0.0.0/8;::1"):
            with self.assertRaisesRegex(ConfigurationError, "'proxy-protocol-from'") as caught:
                self.endpoint(proxy_protocol="1", proxy_protocol_from=text)
            if text:
                self.assertNotIn(repr(text), str(caught.exception))
        with self.assertRaisesRegex(ConfigurationError, "nothing without"):
            self.endpoint(proxy_protocol_from="192.0.2.1")

    def test_admits(self) -> None:
        """
        By default it is this machine, in all of its spellings.
        """
        door = Door(self.context, AddressRanges("x", "127.0.0.0/8,::1"), "x")
        wide = Door(self.context, AddressRanges("x", "10.0.0.0/8, 2001:db8::/32"), "x")
        for host, expected in (
            ("127.0.0.1", (True, False)),
            ("127.9.9.9", (True, False)),
            ("::1", (True, False)),
            ("::ffff:127.0.0.1", (True, False)),
            ("10.1.2.3", (False, True)),
            ("::ffff:10.1.2.3", (False, True)),
            ("2001:db8::9", (False, True)),
            ("fe80::1%eth0", (False, False)),
            ("192.0.2.1", (False, False)),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            peer = kind("TCP", host, 5)
            self.assertEqual((door.admits(peer), wide.admits(peer)), expected, host)
        self.assertFalse(door.admits(UNIXAddress("/run/x")))

    def test_datagrams(self) -> None:
        """
        A method over UDP cannot have headers, and does not go on without.
        """
        network = AnnouncedNetwork(
            self.network, Door(self.context, AddressRanges("x", "::1"), "x")
        )
        with self.assertRaises(ConfigurationError):
            network.bindDatagrams(DatagramProtocol(), "192.0.2.1", 53)
        self.network.serverEndpoint(SITE.host, SITE.port).listen(Applications())
        connecting = network.clientEndpoint(SITE.host, SITE.port).connect(Applications())
        self.network.pump()
        self.successResultOf(connecting)
