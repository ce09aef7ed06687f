"""
Tests for ``pyptwist.demo.wire``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.demo.wire import Observer, excerpt
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


class ObserverTests(SynchronousTestCase):
    """
    Tests for ``Observer``.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.observer = Observer(self.network.clientEndpoint("127.0.0.1", 1))
        self.network.serverEndpoint("127.0.0.1", 2).listen(self.observer)

    def connect(self) -> Any:
        connecting = self.network.clientEndpoint("127.0.0.1", 2).connect(
            Factory.forProtocol(Hearing)
        )
        self.network.pump()
        return self.successResultOf(connecting)

    def test_observes(self) -> None:
        """
        Everything passes, and the beginning of each direction is kept.
        """
        self.network.serverEndpoint("127.0.0.1", 1).listen(Factory.forProtocol(Reversing))
        client = self.connect()
        data = bytes(range(200))
        client.transport.write(data)
        self.network.pump()
        self.assertEqual(client.heard, data[::-1])
        assert self.observer.client is not None and self.observer.server is not None
        self.assertEqual(self.observer.client.seen, data[:64])
        self.assertEqual(self.observer.server.seen, data[::-1][:64])

    def test_unreachable(self) -> None:
        """
        Without a server the connection is closed.
        """
        client = self.connect()
        self.network.pump()
        self.assertTrue(client.isLost)
        self.assertIsNone(self.observer.client)


class ExcerptTests(SynchronousTestCase):
    """
    Tests for ``excerpt``.
    """

    def test_rows(self) -> None:
        """
        Rows of sixteen, in hex and as text.
        """
        self.assertEqual(
            excerpt(b"GET / HTTP/1.1\r\n\xffz"),
            "    47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..\n"
            "    ff 7a" + " " * 44 + ".z",
        )

    def test_bounded(self) -> None:
        """
        Four rows at most.
        """
        self.assertEqual(excerpt(b"").count("\n"), 0)
        self.assertEqual(excerpt(bytes(1000)).count("\n"), 3)
