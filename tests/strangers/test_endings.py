"""
Tests for ``pyptwist.strangers.endings``, on this machine's TCP.
"""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from pyptwist.network import DirectNetwork
from pyptwist.strangers.endings import closeInSilence


class Ending(Protocol):
    """
    Reads nothing, and says when it is over.
    """

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


class EndingTests(TestCase):
    """
    The other end is a plain socket, which has sent something that nobody reads.
    """

    async def connected(self) -> tuple[Any, socket.socket]:
        """
        :returns: the transport, and the other end's socket.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        host, port = listener.getsockname()
        endpoint = DirectNetwork(reactor).clientEndpoint(host, port)
        protocol: Any = await endpoint.connect(Factory.forProtocol(Ending))
        self.protocol = protocol
        other, _ = listener.accept()
        self.addCleanup(other.close)
        other.settimeout(10)
        other.sendall(b"unread" * 10_000)
        transport = self.protocol.transport
        [came], _, _ = select.select([transport.getHandle()], [], [], 10)
        self.assertIs(came, transport.getHandle())
        return transport, other

    async def test_plainly(self) -> None:
        """
        The kernel resets a connection of which something was not read.
        """
        transport, other = await self.connected()
        transport.loseConnection()
        await self.protocol.over
        self.assertRaises(ConnectionResetError, other.recv, 1)

    async def test_inSilence(self) -> None:
        """
        Unless it is read: then there is a FIN.
        """
        transport, other = await self.connected()
        closeInSilence(transport)
        transport.loseConnection()
        await self.protocol.over
        self.assertEqual(other.recv(1), b"")

    async def test_abort(self) -> None:
        """
        Who resets does.
        """
        transport, other = await self.connected()
        closeInSilence(transport)
        transport.abortConnection()
        await self.protocol.over
        self.assertRaises(ConnectionResetError, other.recv, 1)


class OtherTests(SynchronousTestCase):
    def test_others(self) -> None:
        """
        Other transports are left alone.
        """
        transport = StringTransport()
        before = dict(vars(transport))
        closeInSilence(transport)
        self.assertEqual(vars(transport), before)
