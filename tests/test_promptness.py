"""
Tests for ``pyptwist.promptness``.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist.codec import CodecBase
from pyptwist.network import DirectNetwork
from pyptwist.promptness import Paced, joinSmallWrites, promptWriter


class Ending(Protocol):
    """
    Says when it is over.
    """

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


class ConnectedCase(TestCase):
    """
    A real connection, whose other end is a plain socket.
    """

    async def connected(self) -> tuple[Any, socket.socket]:
        """
        :returns: a protocol, and the socket at the other end.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        host, port = listener.getsockname()
        endpoint = DirectNetwork(reactor).clientEndpoint(host, port)
        protocol = await endpoint.connect(Factory.forProtocol(Ending))
        other, _ = listener.accept()
        self.addCleanup(other.close)
        other.settimeout(10)
        return protocol, other

    async def finish(self, protocol: Any, other: socket.socket) -> None:
        """
        Close both ends.
        """
        other.close()
        protocol.transport.loseConnection()
        await protocol.over


class PromptWriterTests(ConnectedCase):
    async def test_atOnce(self) -> None:
        """
        Bytes are on their way before the reactor turns.
        """
        protocol, other = await self.connected()
        promptWriter(protocol.transport)(b"now")
        self.assertEqual(other.recv(10), b"now")
        await self.finish(protocol, other)

    async def test_noDelay(self) -> None:
        """
        Neither does the kernel wait.
        """
        protocol, other = await self.connected()
        protocol.transport.setTcpNoDelay(False)
        promptWriter(protocol.transport)
        self.assertTrue(protocol.transport.getTcpNoDelay())
        await self.finish(protocol, other)

    async def test_inOrder(self) -> None:
        """
        What was written before, in the ordinary way, stays before.
        """
        protocol, other = await self.connected()
        protocol.transport.write(b"first ")
        promptWriter(protocol.transport)(b"second")
        protocol.transport.loseConnection()
        await protocol.over
        self.assertEqual(other.recv(20, socket.MSG_WAITALL), b"first second")

    async def test_moreThanTheKernelTakes(self) -> None:
        """
        The rest waits in the transport, and pauses its producer.
        """
        protocol, other = await self.connected()
        told: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

            def stopProducing(self) -> None:
                told.append("stop")

        protocol.transport.registerProducer(Producer(), True)
        write = promptWriter(protocol.transport)
        piece = bytes(range(256)) * 4096
        written = 0
        while not told:
            write(piece)
            written += len(piece)
        write(b"the end")
        self.assertEqual(set(told), {"pause"})
        protocol.transport.unregisterProducer()
        protocol.transport.loseConnection()
        received = bytearray()
        while not received.endswith(b"the end"):
            pause: Deferred[None] = Deferred()
            anyReactor: Any = reactor
            anyReactor.callLater(0, pause.callback, None)
            await pause
            received += other.recv(1 << 20)
        self.assertEqual(len(received), written + 7)
        self.assertEqual(bytes(received[:-7]), piece * (written // len(piece)))
        await protocol.over

    async def test_reset(self) -> None:
        """
        A peer that reset the connection is noticed by the reactor, once.
        """
        protocol, other = await self.connected()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        other.close()
        write = promptWriter(protocol.transport)
        write(b"into the void")
        await protocol.over
        write(b"and after the end")

    async def test_neverAroundTLS(self) -> None:
        """
        A connection on which TLS was begun is written to by TLS alone.
        """
        protocol, other = await self.connected()
        encrypted: list[bytes] = []
        protocol.transport.TLS = True
        self.patch(protocol.transport, "write", encrypted.append)
        promptWriter(protocol.transport)(b"secret")
        self.assertEqual(encrypted, [b"secret"])
        protocol.transport.TLS = False
        await self.finish(protocol, other)

    def test_otherTransports(self) -> None:
        """
        All others are written to as ever.
        """
        transport = StringTransport()
        promptWriter(transport)(b"data")
        self.assertEqual(transport.value(), b"data")


class Carrier(Paced):
    """
    A connection.
    """

    def __init__(self, transport: Any, codec: Any) -> None:
        self.transport = transport
        self._codec = codec
        self._isPatient = False

    def turn(self) -> None:
        """
        The codec was called.
        """
        self._pace()


class PatienceTests(ConnectedCase):
    async def test_patient(self) -> None:
        """
        The kernel joins small writes from when the codec is patient; others may change
        that, and it is done once.
        """
        protocol, other = await self.connected()
        codec = CodecBase()
        carrier = Carrier(protocol.transport, codec)
        carrier.turn()
        self.assertTrue(protocol.transport.getTcpNoDelay())
        codec.patient = True
        carrier.turn()
        self.assertFalse(protocol.transport.getTcpNoDelay())
        protocol.transport.setTcpNoDelay(True)
        carrier.turn()
        self.assertTrue(protocol.transport.getTcpNoDelay())
        await self.finish(protocol, other)

    async def test_joinSmallWrites(self) -> None:
        """
        Of no effect on what is no TCP, or is lost.
        """
        joinSmallWrites(StringTransport())
        joinSmallWrites(None)
        protocol, other = await self.connected()
        transport = protocol.transport
        await self.finish(protocol, other)
        joinSmallWrites(transport)
