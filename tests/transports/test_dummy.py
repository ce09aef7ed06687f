"""
Tests for ``pyptwist.transports.dummy``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist.arguments import Arguments
from pyptwist.codec import READY, Deliver, Finished, Transmit
from pyptwist.interfaces import IClientTransport, ICodec, IServerTransport
from pyptwist.testing import CodecConformance, EndpointConformance, memoryContext
from pyptwist.transports.dummy import Dummy, DummyCodec


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Dummy
    plain = True


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Dummy
    plain = True

    def test_plain(self) -> None:
        """
        The wire carries the payload and nothing else.
        """
        client, server = self.connected()
        client.transport.write(b"there")
        server.transport.write(b"back")
        self.network.pump()
        [ends] = self.network.connections
        self.assertEqual([bytes(end.sent) for end in ends], [b"there", b"back"])


class TestCodec(SynchronousTestCase):
    def test_interface(self) -> None:
        verifyObject(ICodec, DummyCodec())

    def test_readyAtOnce(self) -> None:
        codec = DummyCodec()
        self.assertEqual(codec.start(0.0), [READY])
        self.assertIsNone(codec.nextTimer)

    @given(st.lists(st.binary(min_size=1)))
    def test_unchanged(self, pieces: list[bytes]) -> None:
        """
        Each piece goes through as it is, at once.
        """
        codec = DummyCodec()
        codec.start(0.0)
        for piece in pieces:
            self.assertEqual(codec.receive(piece, 1.0), [Deliver(piece)])
            self.assertEqual(codec.send(piece, 1.0), [Transmit(piece)])
        self.assertEqual(codec.backlog, 0)

    def test_large(self) -> None:
        """
        There is no longest piece, and nothing of it is kept.
        """
        codec = DummyCodec()
        codec.start(0.0)
        piece = bytes(1 << 20)
        self.assertEqual(codec.receive(piece, 1.0), [Deliver(piece)])
        self.assertEqual(len(codec.buffer), 0)

    def test_ends(self) -> None:
        """
        Either side's end is an orderly one.
        """
        for end in ("sendEnd", "receiveEnd"):
            codec = DummyCodec()
            codec.start(0.0)
            self.assertEqual(getattr(codec, end)(1.0), [Finished()])


class TestMethod(SynchronousTestCase):
    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, Dummy())
        verifyObject(IServerTransport, Dummy())
        self.assertEqual(Dummy().name, "dummy")

    def test_noArguments(self) -> None:
        """
        None are needed, and what others might want is ignored.
        """
        context = memoryContext(self.mktemp())
        _, clientArguments = Dummy().serverCodec(context, Arguments(any="thing"))
        self.assertEqual(clientArguments, Arguments())
        self.assertIsInstance(Dummy().clientCodec(context, Arguments(any="thing"))(), DummyCodec)
