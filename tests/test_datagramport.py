"""
Tests for ``pyptwist.datagramport``, with real sockets on the loopback interface.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone, MessageLengthError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.datagramport import DatagramPort
from tests.modes.datagrams import HERE, Peer


class DatagramPortTests(SynchronousTestCase):
    """
    Loopback delivers a datagram before ``send()`` returns, so nobody has to wait.
    """

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()

    def bind(self, protocol: Peer, host: str = HERE) -> DatagramPort:
        """
        :returns: an open port.
        """
        port = DatagramPort(self.reactor, protocol, host, 0)
        port.startListening()
        self.addCleanup(self._close, port)
        return port

    def _close(self, port: DatagramPort) -> None:
        if port.connected:
            port.connectionLost()

    def connected(self, port: DatagramPort, protocol: Peer) -> DatagramPort:
        """
        :returns: another one, connected to it.
        """
        other = self.bind(protocol, port.getHost().host)
        other.connect(port.getHost().host, port.getHost().port)
        return other

    def test_everySize(self) -> None:
        """
        Datagrams are read whole, from none to all that UDP carries.
        """
        here, there = Peer(), Peer()
        port = self.bind(here)
        self.connected(port, there)
        for size in (0, 1, 8192, 8193, 65507):
            there.send(bytes(size))
            port.doRead()
        self.assertEqual([len(datagram) for datagram in here.received], [0, 1, 8192, 8193, 65507])

    def test_tooLong(self) -> None:
        """
        What UDP does not carry is refused, as by Twisted's.
        """
        here, there = Peer(), Peer()
        port = self.bind(here)
        self.connected(port, there)
        self.assertRaises(MessageLengthError, there.send, bytes(65508))
        address = port.getHost()
        self.assertRaises(MessageLengthError, here.send, bytes(65508), (HERE, address.port))

    def test_ipv6(self) -> None:
        """
        IPv6 peers are named by host and port, too.
        """
        here, there = Peer(), Peer()
        other = self.connected(self.bind(here, "::1"), there)
        there.send(b"hello")
        here.transport.doRead()  # type: ignore[union-attr]
        self.assertEqual(here.senders, [("::1", other.getHost().port)])

    def test_peer(self) -> None:
        """
        Whom a port is connected to is said as the datagrams of that peer say it.
        """
        for host, bound in ((HERE, HERE), ("::ffff:127.0.0.1", "::"), ("0.0.0.0", "0.0.0.0")):
            here, there = Peer(), Peer()
            port = self.bind(here)
            other = self.bind(there, bound)
            other.connect(host, port.getHost().port)
            there.send(b"question")
            port.doRead()
            here.send(b"answer", here.senders[0])
            other.doRead()
            self.assertEqual(there.senders, [other.peer])

    def test_refused(self) -> None:
        """
        That nobody is there is told once for each time, closes nothing, and does not
        cost the datagram after it.
        """
        here, there = Peer(), Peer()
        port = self.bind(here)
        address = port.getHost()
        other = self.connected(port, there)
        port.connectionLost()
        there.send(b"nobody")
        other.doRead()
        self.assertEqual(there.refusals, 1)
        there.send(b"nobody")
        back = Peer()
        again = DatagramPort(self.reactor, back, HERE, address.port)
        again.startListening()
        self.addCleanup(self._close, again)
        there.send(b"somebody")
        again.doRead()
        self.assertEqual(there.refusals, 2)
        self.assertEqual(back.received, [b"somebody"])
        self.assertTrue(other.connected)

    def test_errorEvents(self) -> None:
        """
        Where the reactor takes the error for an end, as with epoll, it goes on
        reading; but not if nobody wants it to.
        """
        here, there = Peer(), Peer()
        port = self.bind(here)
        other = self.connected(port, there)
        port.connectionLost()
        for refusals, readers in ((1, [other]), (2, [])):
            there.send(b"nobody")
            if not readers:
                other.pauseProducing()
            self.reactor.removeAll()
            other.readConnectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.reactor.getReaders(), readers)
            self.assertEqual(there.refusals, min(refusals, 1))
        other.resumeProducing()
        other.doRead()
        self.assertEqual(there.refusals, 2)

    def test_bounded(self) -> None:
        """
        A flood of empty datagrams is read a bit at a time.
        """
        here, there = Peer(), Peer()
        port = self.bind(here)
        self.connected(port, there)
        for _ in range(limits.DATAGRAMS_READ + 10):
            there.send(b"")
        port.doRead()
        self.assertEqual(len(here.received), limits.DATAGRAMS_READ)
        port.doRead()
        self.assertEqual(len(here.received), limits.DATAGRAMS_READ + 10)

    def test_paused(self) -> None:
        """
        Who pauses in the midst of it gets no more; what has no room is counted.
        """

        class Once(Peer):
            def datagramReceived(self, datagram: bytes, addr: Any) -> None:
                super().datagramReceived(datagram, addr)
                transport: Any = self.transport
                transport.pauseProducing()

        here, there = Once(), Peer()
        port = self.bind(here)
        port.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.connected(port, there)
        for _ in range(100):
            there.send(bytes(1000))
        port.doRead()
        self.assertEqual(len(here.received), 1)
        self.assertNotIn(port, self.reactor.getReaders())
        port.resumeProducing()
        received = 0
        while len(here.received) > received:
            received = len(here.received)
            port.resumeProducing()
            port.doRead()
        self.assertEqual(received + port.dropped, 100)

    def test_protocolRaises(self) -> None:
        """
        A protocol's fault costs one datagram.
        """

        class Faulty(Peer):
            def datagramReceived(self, datagram: bytes, addr: Any) -> None:
                super().datagramReceived(datagram, addr)
                raise ValueError("faulty")

        here, there = Faulty(), Peer()
        port = self.bind(here)
        self.connected(port, there)
        for _ in range(2):
            there.send(b"hello")
        port.doRead()
        self.assertEqual(len(here.received), 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_stopListening(self) -> None:
        """
        Stopping ends in a Deferred, and leaves nothing.
        """
        here = Peer()
        port = self.bind(here)
        handle = port.getHandle()
        stopping = port.stopListening()
        self.assertNoResult(stopping)
        self.reactor.advance(0)
        self.successResultOf(stopping)
        self.assertEqual(handle.fileno(), -1)
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertIsNone(here.transport)

    def test_inUse(self) -> None:
        """
        A port that is taken is the error that Twisted has for it.
        """
        port = self.bind(Peer())
        other = DatagramPort(self.reactor, Peer(), HERE, port.getHost().port)
        self.assertRaises(CannotListenError, other.startListening)
