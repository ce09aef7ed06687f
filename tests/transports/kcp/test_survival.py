"""
What a conversation lives through, and what it does not.
"""

from __future__ import annotations

import random
from errno import ENETUNREACH
from typing import Any
from unittest import mock

from twisted.internet.error import (
    CannotListenError,
    ConnectBindError,
    ConnectionDone,
    ConnectionLost,
    NoRouteError,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import HandshakeTimeout, PeerReset, Unresponsive
from pyptwist.testing.datagrams import MemoryDatagramPort
from pyptwist.testing.endpointcase import BRIDGE
from pyptwist.testing.streams import Address
from pyptwist.transports.kcp.framing import Kind
from tests.transports.kcp.case import SERVER, KcpCase

DATA = random.Random(5).randbytes(200_000)


class SurvivalTests(KcpCase, SynchronousTestCase):
    """
    Our own framing.
    """

    def lose(self, kinds: set[Kind], count: int = 1) -> None:
        """
        Lose the first datagrams of some kinds.
        """
        left = dict.fromkeys(kinds, count)

        def loses(datagram: bytes, source: Address, to: Address) -> bool:
            kind = Kind(datagram[8])
            if left.get(kind, 0):
                left[kind] -= 1
                return True
            return False

        self.network.loses = loses

    def assertTransfers(self, client: Any, server: Any, pump: float = 60.0) -> None:
        """
        Data goes both ways, behind what is under way.
        """
        before = len(server.received), len(client.received)
        client.transport.write(DATA)
        server.transport.write(DATA[::-1])
        self.network.pump(pump)
        self.assertTrue(bytes(server.received).endswith(DATA))
        self.assertTrue(bytes(client.received).endswith(DATA[::-1]))
        self.assertEqual((len(server.received) - before[0]) % len(DATA), 0)
        self.assertEqual((len(client.received) - before[1]) % len(DATA), 0)

    def test_lostHandshake(self) -> None:
        """
        Every datagram of the handshake may be lost, twice.
        """
        for kind in (Kind.HELLO, Kind.CHALLENGE, Kind.ANSWER, Kind.ACCEPT):
            self.lose({kind}, 2)
            attempt, _ = self.connecting()
            self.network.pump(20)
            client = self.successResultOf(attempt)
            self.assertTransfers(client, self.servers.built[-1])
            client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(len(self.servers.built), 4, "an answer that came twice opened twice")

    def test_deafServer(self) -> None:
        """
        A server that never answers is asked ever less often, and given up.
        """
        self.network.loses = lambda *_: True
        attempt, _ = self.connecting()
        self.network.pump(limits.KCP_HANDSHAKE - 0.1)
        self.assertNoResult(attempt)
        self.network.pump(0.2)
        self.failureResultOf(attempt, HandshakeTimeout)
        self.assertLess(len(self.network.sent), 8)
        self.assertAtRest()

    def test_moved(self) -> None:
        """
        A client that comes from elsewhere in the middle goes on, and nothing is lost.
        """
        client, server = self.connected()
        for _ in range(3):
            client.transport.write(DATA)
            server.transport.write(DATA)
            self.network.move(self.clientAddress())
            self.assertTransfers(client, server, 5.0)
        peer = server.transport.getPeer()
        self.assertEqual(peer.host, "127.0.0.1", "getPeer is where the client began")
        client.transport.loseConnection()
        self.assertAtRest()

    def test_movedWhileIdle(self) -> None:
        """
        A client that says nothing is found again within a keepalive's time.
        """
        client, server = self.connected()
        self.network.move(self.clientAddress())
        self.network.pump(limits.KCP_KEEPALIVE + 1)
        server.transport.write(b"there you are")
        self.network.pump()
        self.assertEqual(bytes(client.received), b"there you are")
        client.transport.abortConnection()
        self.assertAtRest()

    def test_movedWhileReading(self) -> None:
        """
        Nor does a client need long that has nothing to say, but was told something.
        """
        client, server = self.connected()
        server.transport.write(DATA * 3)
        self.network.pump(0.002)
        self.network.move(self.clientAddress())
        self.network.pump(0.5)
        self.assertLess(len(client.received), 3 * len(DATA))
        self.network.pump(limits.KCP_STOPPED)
        self.assertTrue(bytes(client.received) == 3 * DATA)
        client.transport.abortConnection()
        self.assertAtRest()

    def test_movedBack(self) -> None:
        """
        Late datagrams from where a client was do not bring it back there.
        """
        client, server = self.connected()
        old = self.clientAddress()
        client.transport.write(b"old")
        self.network.pump()
        late = next(d for d, source, _ in reversed(self.network.sent) if source == old)
        self.network.move(old)
        client.transport.write(b"new")
        self.network.pump(1)
        self.say(late, old)
        self.network.pump(1)
        server.transport.write(b"answer")
        self.network.pump()
        self.assertEqual(bytes(client.received), b"answer")
        client.transport.abortConnection()
        self.assertAtRest()

    def test_cutOff(self) -> None:
        """
        A client whose socket has been cut off takes another one.
        """
        client, server = self.connected()
        old = self.clientAddress()
        self.network.loses = lambda datagram, source, to: old in (source, to)
        self.network.pump(limits.KCP_KEEPALIVE * (limits.KCP_REBIND + 2))
        self.assertNotEqual(self.clientAddress(), old)
        self.assertTransfers(client, server)
        client.transport.loseConnection()
        self.assertAtRest()

    def test_noNetwork(self) -> None:
        """
        A machine without a network has no use for another socket: the old one and the
        new one are closed, until there is a network again.
        """
        client, server = self.connected()
        refusal = OSError(ENETUNREACH, "Network is unreachable")
        self.network.loses = lambda *_: True
        with mock.patch.object(MemoryDatagramPort, "connect", side_effect=refusal):
            self.network.pump(limits.KCP_KEEPALIVE * (limits.KCP_REBIND + 1))
            self.assertEqual(list(self.network.ports), [SERVER])
        self.network.loses = lambda *_: False
        self.network.pump(limits.KCP_KEEPALIVE * limits.KCP_REBIND)
        self.assertTransfers(client, server)
        client.transport.loseConnection()
        self.assertAtRest()

    def test_noWay(self) -> None:
        """
        Without one from the start connecting fails as it does with TCP.
        """
        refusal = OSError(ENETUNREACH, "Network is unreachable")
        with mock.patch.object(MemoryDatagramPort, "connect", side_effect=refusal):
            attempt, _ = self.connecting()
            self.failureResultOf(attempt, NoRouteError)
        unbound = CannotListenError("192.0.2.5", 0, OSError("there is no such address"))
        with mock.patch.object(self.network, "bindDatagrams", side_effect=unbound):
            attempt, _ = self.connecting()
            self.assertNotIn("192.0.2.5", str(self.failureResultOf(attempt, ConnectBindError)))
        self.assertEqual(list(self.network.ports), [SERVER])

    def test_pause(self) -> None:
        """
        A path that is gone for half a minute.
        """
        client, server = self.connected()
        client.transport.write(DATA)
        server.transport.write(DATA)
        self.network.loses = lambda *_: True
        self.network.pump(30)
        self.network.loses = lambda *_: False
        self.assertTransfers(client, server)
        client.transport.loseConnection()
        self.assertAtRest()

    def test_vanished(self) -> None:
        """
        A peer that is gone is given up, by a side with something to say and by one
        without.
        """
        for words in (b"", b"hello?"):
            client, server = self.connected()
            self.network.loses = lambda *_: True
            server.transport.write(words)
            self.network.pump((limits.KCP_UNANSWERED + 2) * limits.KCP_KEEPALIVE)
            for application in (client, server):
                self.assertTrue(application.lost[0].check(Unresponsive, ConnectionLost))
            self.network.loses = lambda *_: False
        self.assertAtRest()

    def test_idle(self) -> None:
        """
        Who has nothing to say keeps a conversation by a few datagrams.
        """
        client, server = self.connected()
        self.network.sent.clear()
        self.network.pump(3600)
        self.assertEqual([client.lost, server.lost], [[], []])
        self.assertLess(len(self.network.sent), 4 * 3600 / limits.KCP_KEEPALIVE + 4)
        client.transport.loseConnection()
        self.assertAtRest()

    # --- ends ---------------------------------------------------------------

    def test_lostEnds(self) -> None:
        """
        Either side hears of an orderly end, even if the last datagrams are lost.
        """
        for clientEnds in (False, True):
            for kinds in ({Kind.OVER}, {Kind.OVER, Kind.PACKET}):
                pair = self.connected()
                self.lose(kinds, 1)
                pair[clientEnds is False].transport.write(DATA)
                pair[clientEnds is False].transport.loseConnection()
                self.network.pump(30)
                for application in pair:
                    self.assertTrue(application.lost[0].check(ConnectionDone))
                self.assertTrue(bytes(pair[clientEnds].received) == DATA)
        self.assertAtRest()

    def test_lateEnd(self) -> None:
        """
        Nor that the server's end came late, and its answer is lost: the server asks
        again when its timeout, which has grown, is over.
        """
        client, server = self.connected()
        server.transport.write(b"last words")
        self.network.pump(1)
        server.transport.loseConnection()
        self.network.loses = lambda *_: True
        self.network.pump(10)
        self.lose({Kind.OVER})
        self.network.pump(20)
        self.assertEqual(bytes(client.received), b"last words")
        self.assertTrue(server.lost[0].check(ConnectionDone))
        self.assertAtRest()

    def test_lostAbort(self) -> None:
        """
        A client that did not hear of the end hears of it when it says something.
        """
        client, server = self.connected()
        self.lose({Kind.ABORT})
        server.transport.abortConnection()
        self.network.pump()
        self.assertEqual(client.lost, [])
        client.transport.write(b"hello?")
        self.network.pump()
        self.assertTrue(client.lost[0].check(PeerReset))
        self.assertAtRest()

    def test_pausedEnd(self) -> None:
        """
        Who does not read gets everything, long after the peer has gone.
        """
        client, server = self.connected()
        server.transport.pauseProducing()
        client.transport.write(DATA)
        client.transport.loseConnection()
        self.network.pump(600)
        self.assertEqual(len(client.lost), 1)
        self.assertEqual((bytes(server.received), server.lost), (b"", []))
        server.transport.resumeProducing()
        self.network.pump()
        self.assertTrue(bytes(server.received) == DATA)
        self.assertTrue(server.lost[0].check(ConnectionDone))
        self.assertAtRest()

    def test_wordsBehindTheEnd(self) -> None:
        """
        Who has not read yet loses nothing by saying something to a peer that has gone.
        """
        client, server = self.connected()
        client.transport.pauseProducing()
        server.transport.write(DATA)
        server.transport.loseConnection()
        self.network.pump(1)
        client.transport.write(b"are you there?")
        self.network.pump(600)
        client.transport.resumeProducing()
        self.network.pump()
        self.assertTrue(bytes(client.received) == DATA)
        self.assertTrue(client.lost[0].check(ConnectionDone))
        self.assertAtRest()

    def test_bothEnd(self) -> None:
        """
        At the same time.
        """
        client, server = self.connected()
        client.transport.loseConnection()
        server.transport.loseConnection()
        self.network.pump()
        for application in (client, server):
            self.assertTrue(application.lost[0].check(ConnectionDone))
        self.assertAtRest()

    def test_closedSocket(self) -> None:
        """
        Whoever closes the sockets ends what is on them.
        """
        client, server = self.connected()
        for address in (SERVER, self.clientAddress()):
            self.network.ports[address].stopListening()
        self.assertEqual([len(client.lost), len(server.lost)], [1, 1])
        self.assertAtRest()

    def test_closedPort(self) -> None:
        """
        The socket is closed when the port is, and the last conversation is over.
        """
        client, _ = self.connected()
        self.port.stopListening()
        self.assertIn(SERVER, self.network.ports)
        client.transport.loseConnection()
        self.network.pump()
        self.assertNotIn(SERVER, self.network.ports)
        self.network.bindDatagrams(DatagramProtocol(), BRIDGE.host, BRIDGE.port)
        self.assertAtRest()
