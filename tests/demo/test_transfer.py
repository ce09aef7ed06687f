"""
Tests for ``pyptwist.demo.transfer``.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.demo.transfer import Application, Destination, Download, Sink, Source, Talk, Upload
from pyptwist.errors import FramingError
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.dummy import Dummy


class Spoiler(Protocol):
    """
    A destination that answers with zeros.
    """

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(bytes(1000))


class TransferTests(SynchronousTestCase):
    """
    Applications and destination, in memory.
    """

    def run_(self, application: Any, server: type[Protocol] = Destination) -> Deferred[Any]:
        """
        :returns: the application's ``done``, when all is quiet.
        """
        network = MemoryNetwork(pieces=1000)
        context, method = memoryContext(self.mktemp(), network=network), Dummy()
        address, arguments = HostPort("127.0.0.1", 1), Arguments()
        listening = method.serverEndpoint(context, address, arguments)
        listening.listen(Factory.forProtocol(server))
        factory: Any = Factory()
        factory.buildProtocol = lambda address: application
        method.clientEndpoint(context, address, arguments).connect(factory)
        network.pump(10)
        done: Deferred[Any] = application.done
        return done

    def test_bothWays(self) -> None:
        """
        Any size goes through, and progress ends at that size.
        """
        kinds: tuple[type[Application], ...] = (Upload, Download)
        for kind in kinds:
            for size in (1, 7, 65536, 65537, 200_000):
                moved: list[int] = []
                self.assertIs(self.successResultOf(self.run_(kind(size, moved.append))), True)
                self.assertEqual(moved[-1], size)
                self.assertEqual(moved, sorted(moved))

    def test_spoiled(self) -> None:
        """
        What is changed on the way is noticed.
        """
        kinds: tuple[type[Application], ...] = (Upload, Download)
        for kind in kinds:
            done = self.run_(kind(100, lambda moved: None), Spoiler)
            self.assertIs(self.successResultOf(done), False)
        self.failureResultOf(self.run_(Talk(b"hello"), Spoiler), FramingError)

    def test_cutOff(self) -> None:
        """
        A connection that ends early is a failure.
        """

        class Closing(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.loseConnection()

        applications: tuple[Any, ...] = (
            Upload(100, lambda moved: None),
            Download(100, lambda moved: None),
            Talk(b"hello"),
        )
        for application in applications:
            self.failureResultOf(self.run_(application, Closing), ConnectionDone)

    def test_talk(self) -> None:
        """
        What is said comes back.
        """
        self.assertIsNone(self.successResultOf(self.run_(Talk(b"hello" * 1000))))


class SourceTests(SynchronousTestCase):
    """
    Tests for ``Source``.
    """

    def test_hash(self) -> None:
        """
        Its hash is that of what it wrote, in which no chunk is like another.
        """
        chunks: list[bytes] = []

        class Transport:
            def registerProducer(self, producer: Source, streaming: bool) -> None:
                self.producer = producer

            def unregisterProducer(self) -> None:
                del self.producer

            write = chunks.append

        transport = Transport()
        finished = Source(transport, 300_000, lambda moved: None).start()
        while hasattr(transport, "producer"):
            transport.producer.resumeProducing()
        self.assertEqual(self.successResultOf(finished), sha256(b"".join(chunks)).digest())
        self.assertEqual(len(b"".join(chunks)), 300_000)
        self.assertEqual(len(set(chunks)), len(chunks))


class SinkTests(SynchronousTestCase):
    """
    Tests for ``Sink``.
    """

    @given(st.binary(max_size=50), st.binary(max_size=50), st.integers(1, 20))
    def test_pieces(self, data: bytes, rest: bytes, piece: int) -> None:
        """
        The pieces make no difference, and what follows is kept.
        """
        sink = Sink(len(data), lambda moved: None)
        whole = data + rest
        for start in range(0, len(whole), piece):
            sink.receive(whole[start : start + piece])
        self.assertEqual(sink.digest, sha256(data).digest())
        self.assertEqual(sink.rest, rest)

    def test_incomplete(self) -> None:
        """
        There is no hash before the end.
        """
        sink = Sink(3, lambda moved: None)
        sink.receive(b"ab")
        self.assertIsNone(sink.digest)
