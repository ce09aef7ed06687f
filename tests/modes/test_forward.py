"""
Tests for ``pyptwist.modes.forward``.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.endpoints import wrapServer
from pyptwist.extorport import ExtORPortServer
from pyptwist.modes.forward import (
    ForwardFactory,
    _hostPort,
    extendedORPortBackend,
    orPortBackend,
)
from pyptwist.testing import MemoryNetwork, fixedEntropy
from pyptwist.testing.applications import Applications

ORPORT = HostPort("127.0.0.1", 9001)
COOKIE = bytes(range(32))


class ForwardCase(SynchronousTestCase):
    """
    A client that reaches a forwarding server.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.orPort = Applications()

    def forward(self, backend: Any) -> ForwardFactory:
        """
        Listen for clients, and forward them.
        """
        factory = ForwardFactory(backend, "hello")
        self.successResultOf(self.network.serverEndpoint("127.0.0.1", 443).listen(factory))
        return factory

    def listenORPort(self) -> None:
        """
        Be tor.
        """
        endpoint = self.network.serverEndpoint(ORPORT.host, ORPORT.port)
        self.successResultOf(endpoint.listen(self.orPort))

    def client(self) -> Any:
        """
        :returns: a client, connected to the forwarding server.
        """
        applications = Applications()
        connecting = self.network.clientEndpoint("127.0.0.1", 443).connect(applications)
        self.network.pump()
        client: Any = self.successResultOf(connecting)
        return client


class RaisingTests(ForwardCase):
    """
    Whatever goes wrong on the way to the destination.
    """

    def test_raised(self) -> None:
        """
        A client is let go if a backend, or its endpoint, raises.
        """

        class Endpoint:
            def connect(self, factory: object) -> Any:
                raise ZeroDivisionError

        def backend(client: object) -> Any:
            if self.backendWorks:
                return Endpoint()
            raise ZeroDivisionError

        factory = self.forward(backend)
        for self.backendWorks in (True, False):
            client = self.client()
            self.network.pump()
            self.assertEqual(len(client.lost), 1)
            self.assertEqual(factory.connections, set())


class ORPortTests(ForwardCase):
    """
    The plain ORPort.
    """

    def test_forwarded(self) -> None:
        """
        Bytes pass both ways, those that came before tor answered included.
        """
        self.listenORPort()
        factory = self.forward(orPortBackend(self.network, ORPORT))
        client = self.client()
        client.transport.write(b"to tor")
        self.network.pump()
        tor: Any = self.orPort.built[0]
        tor.transport.write(b"from tor")
        self.network.pump()
        self.assertEqual(bytes(tor.received), b"to tor")
        self.assertEqual(bytes(client.received), b"from tor")
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(len(tor.lost), 1)
        self.assertEqual(factory.connections, set())

    def test_unreachable(self) -> None:
        """
        If tor is not there, the client is let go, with one log line that names
        the cause and no address.
        """
        factory = self.forward(orPortBackend(self.network, ORPORT))
        client = self.client()
        self.network.pump()
        self.assertEqual(len(client.lost), 1)
        self.assertEqual(factory.connections, set())

    def test_closeAll(self) -> None:
        """
        The program's end closes both sides of every connection.
        """
        self.listenORPort()
        factory = self.forward(orPortBackend(self.network, ORPORT))
        clients = [self.client() for _ in range(3)]
        factory.closeAll()
        self.network.pump()
        sides = clients + self.orPort.built
        self.assertEqual([len(side.lost) for side in sides], [1] * 6)

    def test_clientLeavesWhileDialling(self) -> None:
        """
        A client that leaves early cancels the attempt.
        """
        self.listenORPort()
        self.forward(orPortBackend(self.network, ORPORT))
        applications = Applications()
        connecting = self.network.clientEndpoint("127.0.0.1", 443).connect(applications)
        self.network.clock.advance(0)
        client: Any = self.successResultOf(connecting)
        client.transport.abortConnection()
        self.network.pump()
        self.assertEqual(
            [len(tor.lost) for tor in self.orPort.built], [1] * len(self.orPort.built)
        )
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class ExtendedORPortTests(ForwardCase):
    """
    The extended ORPort.
    """

    def setUp(self) -> None:
        super().setUp()
        self.cookieFile = self.mktemp()
        self.codecs: list[ExtORPortServer] = []

    def writeCookie(self, cookie: bytes) -> None:
        """
        Be tor, starting.
        """
        with open(self.cookieFile, "wb") as file:
            file.write(b"! Extended ORPort Auth Cookie !\x0a" + cookie)
        os.chmod(self.cookieFile, 0o600)

    def listenExtended(self, cookie: bytes) -> None:
        """
        Be tor, listening.
        """

        def codec() -> ExtORPortServer:
            self.codecs.append(ExtORPortServer(cookie, fixedEntropy("tor")))
            return self.codecs[-1]

        below = self.network.serverEndpoint(ORPORT.host, ORPORT.port)
        endpoint = wrapServer(below, self.network.clock, codec, "ext-orport")
        self.successResultOf(endpoint.listen(self.orPort))

    def forwardExtended(self) -> ForwardFactory:
        """
        Forward to tor.
        """
        return self.forward(
            extendedORPortBackend(
                self.network.clock,
                self.network,
                ORPORT,
                self.cookieFile,
                "hello",
                fixedEntropy("us"),
            )
        )

    def test_told(self) -> None:
        """
        tor learns the client's address and the transport's name, then carries bytes.
        """
        self.writeCookie(COOKIE)
        self.listenExtended(COOKIE)
        self.forwardExtended()
        client = self.client()
        client.transport.write(b"to tor")
        self.network.pump()
        self.assertEqual(bytes(self.orPort.built[0].received), b"to tor")
        self.assertEqual(self.codecs[0].transportName, "hello")
        self.assertEqual(str(self.codecs[0].userAddress).rpartition(":")[0], "127.0.0.1")

    def test_cookieUnreadable(self) -> None:
        """
        What the operator can mend is in the log in words.
        """
        self.cookieFile = "/nonexistent/cookie"
        self.forwardExtended()
        with capturedLogs() as events:
            client = self.client()
            self.network.pump()
        self.assertEqual(len(client.lost), 1)
        said = [formatEvent(event) for event in events]
        wanted = "forwarded: arguments: the ext-ORPort's cookie file cannot be read (No such"
        self.assertTrue(any(wanted in text for text in said), said)

    def test_cookieReadAgain(self) -> None:
        """
        A new cookie, as tor makes at each start, is used for the next client;
        a missing one costs that client only.
        """
        self.listenExtended(COOKIE)
        self.forwardExtended()
        self.assertEqual(len(self.client().lost), 1)
        self.writeCookie(bytes(32))
        refused = self.client()
        self.network.pump(1)
        self.assertEqual(len(refused.lost), 1)
        self.writeCookie(COOKIE)
        self.assertEqual(self.client().lost, [])
        self.assertEqual(len(self.orPort.built), 1)


class AddressTests(SynchronousTestCase):
    """
    What tor is told of a client.
    """

    def test_ipOnly(self) -> None:
        """
        IP addresses are told, without the zone that tor refuses; others are not.
        """
        self.assertEqual(
            [
                _hostPort(IPv4Address("TCP", "192.0.2.1", 5)),
                _hostPort(IPv6Address("TCP", "fe80::1%eth0", 5)),
                _hostPort(UNIXAddress("/tmp/x")),
                _hostPort(None),
            ],
            [HostPort("192.0.2.1", 5), HostPort("fe80::1", 5), None, None],
        )
