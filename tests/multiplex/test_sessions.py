"""
Tests for ``pyptwist.multiplex.sessions``: sessions that have a network, in memory.
"""

from __future__ import annotations

import gc
import inspect
import weakref
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import FramingError, Unresponsive
from pyptwist.multiplex.events import SmuxSettings
from pyptwist.multiplex.frames import Command, FrameReader, encodeFrame
from pyptwist.multiplex.sides import ClientSession
from pyptwist.testing.applications import Application, Applications, Endless
from tests.multiplex.worlds import HOUR, Forgetting, WorldCase

KIB = 1024


class Counting(Application):
    """
    Counts, and keeps nothing.
    """

    count = 0

    def dataReceived(self, data: bytes) -> None:
        self.count += len(data)


class SharingTests(WorldCase):
    """
    Many streams on one network connection.
    """

    def test_oneConnection(self) -> None:
        """
        Connections share the network's; each has its own payload, and its own end.
        """
        pairs = [self.connect() for _ in range(5)]
        self.assertEqual(len(self.network.connections), 1)
        for number, (client, server) in enumerate(pairs):
            client.transport.write(b"up %d" % number)
            server.transport.write(b"down %d" % number)
        self.network.pump()
        pairs[2][1].transport.loseConnection()
        self.network.pump()
        for number, (client, server) in enumerate(pairs):
            self.assertEqual(bytes(server.received), b"up %d" % number)
            self.assertEqual(bytes(client.received), b"down %d" % number)
            self.assertEqual(len(client.lost), number == 2)
        self.assertTrue(pairs[2][0].lost[0].check(ConnectionDone))
        for client, _ in pairs:
            client.transport.loseConnection()
        self.assertAtRest()

    def test_transport(self) -> None:
        """
        A stream has no network connection of its own; its session tells which it
        shares, until the end.
        """
        client, server = self.connect()
        other, _ = self.connect()
        here, there = self.network.connections[0]
        for application, end in ((client, here), (other, here), (server, there)):
            self.assertIsNone(application.transport.networkConnection)
            self.assertIs(application.transport.session.networkConnection, end)
            self.assertEqual(application.transport.getPeer(), end.getPeer())
            self.assertEqual(application.transport.getHost(), end.getHost())
        self.assertEqual(client.transport.methodName, "smux")
        client.transport.loseConnection()
        self.network.pump()
        self.assertIsNone(client.transport.session)
        other.transport.abortConnection()
        self.assertAtRest()

    def test_joined(self) -> None:
        """
        What is written in one turn, in however many pieces, is one frame.
        """
        client, _ = self.connect()
        sent = self.network.connections[0][0].sent
        del sent[:]
        for piece in (b"a", b"b", b"c"):
            client.transport.write(piece)
        self.network.pump()
        self.assertEqual(bytes(sent), encodeFrame(2, Command.PSH, 3, b"abc"))
        client.transport.abortConnection()
        self.assertAtRest()

    def test_applicationFails(self) -> None:
        """
        An application that raises loses its connection; the others on the session
        notice nothing.
        """

        class Failing(Application):
            def dataReceived(self, data: bytes) -> None:
                raise RuntimeError("what an application may do")

        good = self.connect()
        _, theirs = self.connect(Factory.forProtocol(Failing))
        theirs.transport.write(b"!")
        self.network.pump()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([len(theirs.lost), len(good[0].lost)], [1, 0])
        good[1].transport.write(b"still here")
        self.network.pump()
        self.assertEqual(bytes(good[0].received), b"still here")
        good[0].transport.loseConnection()
        self.assertAtRest()

    def test_factoryFails(self) -> None:
        """
        So does one that cannot be made, on the server.
        """

        class Broken(Applications):
            def buildProtocol(self, addr: Any) -> Any:
                raise RuntimeError("what a factory may do")

        first, _ = self.connect()
        self.servers.buildProtocol = Broken().buildProtocol  # type: ignore[method-assign]
        attempt = self.dial()
        self.network.pump()
        second = self.successResultOf(attempt)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([len(first.lost), len(second.lost)], [0, 1])
        first.transport.loseConnection()
        self.assertAtRest()

    def test_portClosed(self) -> None:
        """
        A port that does not listen any more takes no new stream over an old session.
        """
        client, server = self.connect()
        self.port.stopListening()
        attempt = self.dial()
        self.network.pump()
        self.assertEqual(len(self.successResultOf(attempt).lost), 1)
        client.transport.write(b"still here")
        self.network.pump()
        self.assertEqual(bytes(server.received), b"still here")
        client.transport.loseConnection()
        self.assertAtRest()


class EndTests(WorldCase):
    """
    How sessions end.
    """

    def test_networkLost(self) -> None:
        """
        All streams end with the connection below, and not in order.
        """
        pairs = [self.connect() for _ in range(3)]
        self.network.connections[0][0].loseConnection()
        self.network.pump()
        for pair in pairs:
            for application in pair:
                self.assertEqual(len(application.lost), 1)
                self.assertTrue(application.lost[0].check(ConnectionLost))
        self.assertAtRest()

    def test_heldAtTheEnd(self) -> None:
        """
        What had come for a reader that was paused is his, after the session's end,
        too.
        """
        client, server = self.connect()
        client.transport.pauseProducing()
        server.transport.write(b"some" * 50_000)
        self.network.pump()
        self.network.connections[0][1].abortConnection()
        self.network.pump()
        self.assertEqual(client.lost, [])
        client.transport.resumeProducing()
        self.assertEqual(bytes(client.received), b"some" * 50_000)
        self.assertEqual(len(client.lost), 1)
        self.assertAtRest()

    def test_garbage(self) -> None:
        """
        A peer that breaks the protocol ends its session, and hears nothing.
        """
        client, server = self.connect()
        here, there = self.network.connections[0]
        before = bytes(there.sent)
        here.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.pump()
        self.assertTrue(server.lost[0].check(FramingError))
        self.assertTrue(client.lost[0].check(ConnectionLost))
        self.assertEqual(bytes(there.sent), before)
        self.assertAtRest()

    def test_peerThatReadsNothing(self) -> None:
        """
        Who broke the protocol, and does not read, is not kept for ever.
        """
        self.connect()
        here, there = self.network.connections[0]
        here.pauseProducing()
        there.write(bytes(KIB))
        here.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.pump(limits.CLOSE_LINGER)
        self.assertTrue(there.aborted)
        self.assertAtRest()

    def test_silentPeer(self) -> None:
        """
        A peer that says nothing any more takes all streams with it.
        """
        client, server = self.connect(keepalive="10", timeout="30")
        server.transport.write(b"last words")
        self.network.pump()
        here, _ = self.network.connections[0]
        here.pauseProducing()
        self.network.pump(59)
        self.assertEqual(client.lost, [])
        self.network.pump(2)
        self.assertTrue(client.lost[0].check(Unresponsive))
        self.assertTrue(here.disconnecting)
        self.assertAtRest()

    def test_keepalive(self) -> None:
        """
        A session at rest lives on.
        """
        client, server = self.connect()
        self.network.pump(HOUR)
        client.transport.write(b"still here")
        self.network.pump()
        self.assertEqual(bytes(server.received), b"still here")
        client.transport.loseConnection()
        self.assertAtRest()

    def test_flushing(self) -> None:
        """
        Who closes a stream whose peer reads nothing gives up in time.
        """
        client, server = self.connect()
        other, _ = self.connect()
        server.transport.pauseProducing()
        client.transport.write(bytes(KIB * KIB))
        client.transport.loseConnection()
        self.network.pump(limits.CLOSE_FLUSH - 1)
        self.assertEqual(client.lost, [])
        self.network.pump(1)
        self.assertEqual(len(client.lost), 1)
        server.transport.resumeProducing()
        self.network.pump()
        self.assertEqual([len(server.lost), len(other.lost)], [1, 0])
        other.transport.loseConnection()
        self.assertAtRest()


class FlowTests(WorldCase):
    """
    Who waits for whom.
    """

    def _crowd(self, total: int, count: int) -> tuple[list[Any], list[Any], list[Endless]]:
        """
        :param total: bytes that each server's application has to send.
        :param count: of streams.
        :returns: readers, writers, and producers that each write into one stream.
        """
        clients = Factory.forProtocol(Counting)
        pairs = [self.connect(clients) for _ in range(count)]
        readers, writers = [list(side) for side in zip(*pairs, strict=True)]
        producers = []
        for writer in writers:
            producers.append(Endless(writer.transport, self.clock, total))
            writer.transport.registerProducer(producers[-1], True)
        return readers, writers, producers

    def _turns(self, readers: list[Any], total: int) -> int:
        """
        :returns: how many pieces the network carries until all readers have all.
        """
        turns = 0
        carried = self.network.connections[0][1].sent
        while any(reader.count < total for reader in readers):
            before = len(carried)
            calls = self.clock.getDelayedCalls()
            self.clock.advance(min(call.getTime() for call in calls) - self.clock.seconds())
            turns += len(carried) > before
            self.assertLess(turns, 100_000, "it stands still")
        return turns

    def test_oneReaderStops(self) -> None:
        """
        One session, 500 streams, and one reader that takes nothing: the others have
        all of their bytes after the same number of pieces of the network, or fewer,
        and what is kept for the one is bounded.
        """
        total = 64 * KIB
        readers, _, _ = self._crowd(total, 500)
        self.assertEqual(len(self.network.connections), 1)
        undisturbed = self._turns(readers, total)

        self.setUp()
        readers, _, producers = self._crowd(total, 500)
        producers[250].limit = 10 * total
        readers[250].transport.pauseProducing()
        others = readers[:250] + readers[251:]
        disturbed = self._turns(others, total)
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual(readers[250].count, 0)
        self.assertLess(disturbed, undisturbed * 1.02)
        # As fast, each by itself: nobody is a round ahead, or behind.
        counts = [reader.count for reader in others]
        self.assertLess(max(counts) - min(counts), limits.SMUX_FRAME)
        # The one that stopped has its window's worth under way, and no more.
        self.network.pump(60)
        self.assertLess(producers[250].written, 256 * KIB + 2 * limits.BACKLOG_PAUSE)
        self.assertTrue(producers[250].paused)
        # It loses nothing.
        readers[250].transport.resumeProducing()
        self.network.pump(60)
        self.assertEqual(readers[250].count, 10 * total)

    def test_networkFull(self) -> None:
        """
        While nobody reads from the network connection, all that write are paused; what
        waits is little for each, and the network's buffer has its bound.
        """
        total = 96 * KIB
        readers, writers, producers = self._crowd(total, 100)
        here, there = self.network.connections[0]
        here.pauseProducing()
        self.network.pump(20)
        self.assertTrue(all(producer.paused for producer in producers))
        machine = writers[0].transport.session.machine
        backlogs = [machine.backlog(number) for number in machine._streams]
        self.assertLessEqual(max(backlogs), limits.BACKLOG_PAUSE + 16 * KIB)
        self.assertLess(sum(backlogs), 100 * 24 * KIB)
        self.assertLess(there.maximumBuffered, 256 * KIB)
        here.resumeProducing()
        self.network.pump(1)
        self.assertTrue(all(reader.count == total for reader in readers))

    def test_promptNetwork(self) -> None:
        """
        A connection below may be full and empty again within one write: nothing is
        sent twice, in another order, or in deeper and deeper calls.
        """
        depths: list[int] = []

        class Prompt(StringTransport):
            def write(self, data: bytes) -> None:
                super().write(data)
                depths.append(len(inspect.stack(0)))
                assert self.producer is not None
                self.producer.pauseProducing()
                self.producer.resumeProducing()

        transport = Prompt()
        settings = SmuxSettings(version=1)
        session = ClientSession(self.clock, settings, 30, lambda session: None)
        session.makeConnection(transport)
        application: Any = session.open(Applications(), "smux", self.context.metrics)
        data = bytes(range(256)) * 8192
        application.transport.write(data)
        self.clock.advance(0)
        frames = FrameReader(1).receive(transport.value())
        self.assertEqual(b"".join(payload for _, _, payload in frames), data)
        self.assertEqual(len({*depths}), 1)
        session.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_version1Full(self) -> None:
        """
        In version 1 a reader that stops may stop its session: it is bounded.  With
        others waiting, it has a minute.
        """
        self.port.stopListening()
        self.arguments = Arguments(version="1", buffer=str(1024 * KIB), window=str(512 * KIB))
        self.setUp()
        one, sender = self.connect(Factory.forProtocol(Counting), **BUFFER)
        other, talker = self.connect(**BUFFER)
        one.transport.pauseProducing()
        producer = Endless(sender.transport, self.clock, 4096 * KIB)
        sender.transport.registerProducer(producer, True)
        self.network.pump(30)
        talker.transport.write(b"who waits?")
        self.network.pump(10)
        self.assertEqual(bytes(other.received), b"")
        self.assertLess(producer.written, 1024 * KIB + 512 * KIB)
        self.assertEqual(self.published, Arguments(version=1))
        self.network.pump(30)
        self.assertEqual(bytes(other.received), b"who waits?")
        self.assertTrue(sender.lost)
        self.assertTrue(one.lost[0].check(Unresponsive))
        other.transport.loseConnection()
        self.assertAtRest()


BUFFER = {"buffer": str(1024 * KIB), "window": str(512 * KIB)}


class RemainsTests(WorldCase):
    """
    Without a garbage collector.
    """

    def setUp(self) -> None:
        super().setUp()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_streams(self) -> None:
        """
        Of a thousand streams on one session nothing remains.
        """
        built: list[Any] = []

        def build(addr: object) -> Any:
            built.append(Forgetting())
            return built[-1]

        self.servers.buildProtocol = build  # type: ignore[method-assign]
        keeper = self.dial(Factory.forProtocol(Forgetting))
        self.network.pump()
        remains = []
        for turn in range(1000):
            attempt = self.dial(Factory.forProtocol(Forgetting))
            self.network.pump()
            client, server = self.successResultOf(attempt), built.pop()
            client.transport.write(b"to and fro")
            self.network.pump()
            for each in (client, server):
                remains += [weakref.ref(each), weakref.ref(each.transport)]
            session = client.transport.session
            (client if turn % 2 else server).transport.loseConnection()
            self.network.pump()
            del client, server, attempt, each
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual([ref for ref in remains if ref() is not None], [])
        self.assertEqual((len(session._streams), len(session.machine)), (1, 1))
        self.successResultOf(keeper).transport.loseConnection()
        del session
        self.assertAtRest()

    def test_sessions(self) -> None:
        """
        Of a thousand sessions nothing remains.
        """
        remains = []
        for turn in range(1000):
            client, server = self.connect(Factory.forProtocol(Forgetting), idle="0")
            remains += [weakref.ref(each.transport.session) for each in (client, server)]
            server.transport.write(b"fro")
            if turn % 2:
                client.transport.loseConnection()
            else:
                self.network.connections[0][1].abortConnection()
            server.transport = None
            self.network.pump()
            self.assertEqual(len(client.lost), 1)
            del client, server
            self.servers.built.clear()
            self.network.connections.clear()
        self.assertEqual([ref for ref in remains if ref() is not None], [])
        self.assertEqual(self.method._pools, {})
        self.assertAtRest()
