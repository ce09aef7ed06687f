"""
Tests for ``pyptwist.loopback.wiretap``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.loopback.wiretap import Look, Wiretap
from pyptwist.testing.memory import MemoryNetwork


class Reversing(Protocol):
    """
    Answers with what it hears, backwards.
    """

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data[::-1])


class Hearing(Protocol):
    """
    Keeps what it hears.
    """

    heard = b""
    isLost = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.isLost = True


class WiretapTests(SynchronousTestCase):
    """
    Tests for ``Wiretap``.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.seen: list[tuple[bytearray, bytearray]] = []
        tap = Wiretap(self.network.clientEndpoint("127.0.0.1", 1), self.watch)
        self.network.serverEndpoint("127.0.0.1", 2).listen(tap)

    def watch(self) -> tuple[Look, Look]:
        client, server = bytearray(), bytearray()
        self.seen.append((client, server))
        return client.extend, server.extend

    def connect(self) -> Any:
        connecting = self.network.clientEndpoint("127.0.0.1", 2).connect(
            Factory.forProtocol(Hearing)
        )
        self.network.pump()
        return self.successResultOf(connecting)

    def test_passes(self) -> None:
        """
        Everything passes and is looked at, each connection by itself.
        """
        self.network.serverEndpoint("127.0.0.1", 1).listen(Factory.forProtocol(Reversing))
        for data in (bytes(range(200)), b"more"):
            client = self.connect()
            client.transport.write(data)
            self.network.pump()
            self.assertEqual(client.heard, data[::-1])
            self.assertEqual(self.seen[-1], (data, data[::-1]))
        self.assertEqual(len(self.seen), 2)

    def test_unreachable(self) -> None:
        """
        Without a server the connection is closed.
        """
        client = self.connect()
        self.network.pump()
        self.assertTrue(client.isLost)
        self.assertEqual(self.seen, [(b"", b"")])
