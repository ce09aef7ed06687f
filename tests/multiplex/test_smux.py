"""
The smux session: bytes in, bytes and events out.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import FramingError, LocalProtocolError, Unresponsive
from pyptwist.multiplex.frames import Command, encodeFrame, encodeUpdate
from pyptwist.multiplex.streams import INITIAL_WINDOW
from tests.multiplex.pairs import WHOLE, Pair, Side


class WireTests(SynchronousTestCase):
    """
    What is said, byte for byte; the vectors are written by hand from the layout.
    """

    def test_version2(self) -> None:
        """
        A stream's life, as a peer sees it.
        """
        client = Side(True)
        number = client.session.open()
        client.session.send(number, b"question")
        self.assertEqual(
            client.output().hex(), "02000000030000000202080003000000" + b"question".hex()
        )
        client.receive(bytes.fromhex("0204080003000000 08000000 00001000"))
        client.receive(bytes.fromhex("0202060003000000") + b"answer")
        self.assertEqual(client.received[3], b"answer")
        # The first read is told at once: six bytes consumed, and our window.
        self.assertEqual(client.output().hex(), "02040800030000000600000000000800")
        client.session.end(number)
        self.assertEqual(client.output().hex(), "0201000003000000")
        self.assertNotIn(3, client.session)

    def test_version1(self) -> None:
        """
        The same without windows.
        """
        client = Side(True, version=1)
        client.session.send(client.session.open(), b"question")
        self.assertEqual(
            client.output().hex(), "01000000030000000102080003000000" + b"question".hex()
        )
        client.receive(bytes.fromhex("0102060003000000") + b"answer")
        self.assertEqual(client.output(), b"")
        client.session.end(3)
        self.assertEqual(client.output().hex(), "0101000003000000")

    def test_server(self) -> None:
        """
        A server is told of streams, and answers in them.
        """
        server = Side(False)
        server.receive(bytes.fromhex("0200000003000000 0202020003000000 6869 0201000003000000"))
        self.assertEqual(server.opened, [3])
        self.assertEqual(server.received[3], b"hi")
        self.assertEqual(server.ended, [3])
        server.session.end(3)
        self.assertEqual(server.output().hex(), "0201000003000000")
        self.assertEqual(len(server.session), 0)

    def test_numbers(self) -> None:
        """
        Streams are numbered 3, 5, 7, and no number is used twice.
        """
        client = Side(True)
        self.assertEqual([client.session.open() for _ in range(3)], [3, 5, 7])
        client.session._next = (1 << 32) - 1
        self.assertEqual(client.session.open(), (1 << 32) - 1)
        self.assertFalse(client.session.hasNumbers)
        self.assertFalse(client.session.canOpen)
        self.assertRaises(LocalProtocolError, client.session.open)

    def test_frames(self) -> None:
        """
        Payload is cut into frames of a limited length.
        """
        client = Side(True, frame=10)
        client.session.send(client.session.open(), b"0123456789" * 2 + b"abc")
        self.assertEqual(
            client.output(),
            encodeFrame(2, Command.SYN, 3)
            + encodeFrame(2, Command.PSH, 3, b"0123456789") * 2
            + encodeFrame(2, Command.PSH, 3, b"abc"),
        )

    def test_endBehindPayload(self) -> None:
        """
        The FIN comes behind all that was written, and nothing after it.
        """
        client = Side(True)
        number = client.session.open()
        client.session.send(number, b"last")
        client.session.end(number)
        client.session.send(number, b"too late")
        self.assertEqual(
            client.output(),
            encodeFrame(2, Command.SYN, 3)
            + encodeFrame(2, Command.PSH, 3, b"last")
            + encodeFrame(2, Command.FIN, 3),
        )

    def test_reset(self) -> None:
        """
        A reset drops what is queued; a stream that nobody heard of leaves no trace.
        """
        client = Side(True)
        client.session.open()
        client.session.send(3, b"never")
        client.session.reset(3)
        self.assertEqual((client.output(), len(client.session)), (b"", 0))
        client.session.open()
        client.output()
        client.session.send(5, b"never")
        client.session.reset(5)
        self.assertEqual(client.output(), encodeFrame(2, Command.FIN, 5))

    def test_unknownStream(self) -> None:
        """
        What comes for a stream that was forgotten is ignored.
        """
        client = Side(True)
        client.receive(
            encodeFrame(2, Command.PSH, 9, b"late")
            + encodeUpdate(2, 9, 1 << 31, 5)
            + encodeFrame(2, Command.FIN, 9)
        )
        self.assertIsNone(client.error)
        self.assertEqual((client.received, client.ended, client.output()), ({}, [], b""))


class WindowTests(SynchronousTestCase):
    """
    Version 2's windows.
    """

    def setUp(self) -> None:
        self.client = Side(True)
        self.client.session.open()
        self.client.output()

    def sent(self) -> int:
        """
        :returns: payload bytes that go out now.
        """
        before = self.client.session.backlog(3)
        self.client.output()
        return before - self.client.session.backlog(3)

    def test_initial(self) -> None:
        """
        Nobody sends more than 256 KiB before he hears something.
        """
        self.client.session.send(3, bytes(INITIAL_WINDOW + 100))
        self.assertEqual(self.sent(), INITIAL_WINDOW)
        self.assertEqual(self.sent(), 0)
        self.assertFalse(self.client.session.hasOutput)

    def test_update(self) -> None:
        """
        What the peer consumed, and its window, make room.
        """
        self.client.session.send(3, bytes(3 * INITIAL_WINDOW))
        self.sent()
        self.client.receive(encodeUpdate(2, 3, 1000, INITIAL_WINDOW))
        self.assertEqual(self.sent(), 1000)
        self.client.receive(encodeUpdate(2, 3, 1000, INITIAL_WINDOW + 70))
        self.assertEqual(self.sent(), 70)
        self.client.receive(encodeUpdate(2, 3, 1001, 5))
        self.assertEqual(self.sent(), 0)
        self.client.receive(encodeUpdate(2, 3, INITIAL_WINDOW + 1070, 5))
        self.assertEqual(self.sent(), 5)

    def test_shrunkWhileQueued(self) -> None:
        """
        A window that shrinks between a write and its turn holds the payload back.
        """
        self.client.session.send(3, bytes(10))
        self.client.receive(encodeUpdate(2, 3, 0, 0))
        self.assertEqual(self.client.output(), b"")
        self.client.receive(encodeUpdate(2, 3, 0, 10))
        self.assertEqual(self.sent(), 10)

    def test_wrapping(self) -> None:
        """
        The counts are modulo 2^32.
        """
        stream = self.client.session._streams[3]
        stream._sent = stream._consumed = (1 << 32) - 10
        self.client.session.send(3, bytes(30))
        self.assertEqual(self.sent(), 30)
        self.client.receive(encodeUpdate(2, 3, 20, 7))
        self.assertIsNone(self.client.error)
        self.client.session.send(3, bytes(30))
        self.assertEqual(self.sent(), 7)

    def test_consumedTooMuch(self) -> None:
        """
        A peer that consumed what it was never sent is wrong.
        """
        self.client.receive(encodeUpdate(2, 3, 1, INITIAL_WINDOW))
        self.assertIsInstance(self.client.error, FramingError)
        self.assertEqual(len(self.client.session), 0)

    def test_updatesOfOurs(self) -> None:
        """
        The peer is told at the first read, and at each half of a window.
        """
        server = Side(False, window=1000)
        server.receive(encodeFrame(2, Command.SYN, 3))
        told = []
        for _ in range(20):
            server.receive(encodeFrame(2, Command.PSH, 3, bytes(100)))
            told.append(server.output())
        self.assertEqual(told[0], encodeUpdate(2, 3, 100, 1000))
        self.assertEqual(told[5], encodeUpdate(2, 3, 600, 1000))
        self.assertEqual(told[10], encodeUpdate(2, 3, 1100, 1000))
        self.assertEqual([bool(each) for each in told].count(True), 4)

    def test_updatesJoin(self) -> None:
        """
        While the network takes nothing, updates do not pile up.
        """
        server = Side(False, window=10)
        server.receive(encodeFrame(2, Command.SYN, 3))
        for _ in range(1000):
            server.receive(encodeFrame(2, Command.PSH, 3, bytes(10)))
        self.assertEqual(server.output(), encodeUpdate(2, 3, 10_000, 10))

    def test_paused(self) -> None:
        """
        A paused stream's peer stops; it goes on when the reader does, with nothing
        lost.
        """
        pair = Pair()
        number = pair.client.session.open()
        pair.run()
        pair.server.session.pause(number, 0.0)
        data = bytes(range(256)) * 8192
        pair.client.session.send(number, data)
        pair.run()
        self.assertEqual(pair.server.received[number], b"")
        self.assertEqual(pair.client.session.backlog(number), len(data) - INITIAL_WINDOW)
        pair.server.resume(number)
        pair.run()
        self.assertEqual(pair.server.received[number], data)

    def test_beyondWindow(self) -> None:
        """
        A peer that does not keep to the window loses its session.
        """
        server = Side(False, window=1000)
        server.receive(encodeFrame(2, Command.SYN, 3))
        server.session.pause(3, 0.0)
        frame = encodeFrame(2, Command.PSH, 3, bytes(32768))
        server.receive(frame * (INITIAL_WINDOW // 32768))
        self.assertIsNone(server.error)
        server.receive(encodeFrame(2, Command.PSH, 3, b"."))
        self.assertIsInstance(server.error, FramingError)

    def test_endWhilePaused(self) -> None:
        """
        The peer's end is told behind what it sent, and once.
        """
        pair = Pair()
        number = pair.client.session.open()
        pair.run()
        pair.server.session.pause(number, 0.0)
        pair.client.session.send(number, b"last words")
        pair.client.session.end(number)
        pair.run()
        self.assertEqual(pair.server.ended, [])
        pair.server.resume(number)
        self.assertEqual(pair.server.received[number], b"last words")
        self.assertEqual(pair.server.ended, [number])
        pair.server.session.pause(number, 0.0)
        pair.server.resume(number)
        self.assertEqual(pair.server.ended, [number])


class FairnessTests(SynchronousTestCase):
    """
    Whose turn it is.
    """

    def test_circle(self) -> None:
        """
        A stream with a long queue gives way to one with a short one, after each frame.
        """
        client = Side(True, version=1, frame=100)
        long, short = client.session.open(), client.session.open()
        client.output()
        client.session.send(long, bytes(1000))
        client.output(1)
        client.session.send(short, bytes(150))
        turns = [client.session.output(1)[1] for _ in range(5)]
        self.assertEqual(turns, [[long], [short], [long], [short], [long]])

    def test_smallFirst(self) -> None:
        """
        New streams, windows and ends do not wait behind payload.
        """
        client = Side(True)
        one, other = client.session.open(), client.session.open()
        client.output()
        client.session.send(one, bytes(200_000))
        client.session.end(other)
        third = client.session.open()
        client.receive(encodeFrame(2, Command.PSH, one, b"read"))
        first = [client.session.output(1)[1] for _ in range(4)]
        self.assertEqual(first, [[other], [third], [one], [one]])

    def test_equalShares(self) -> None:
        """
        Many streams that all have much to send are served alike.
        """
        client = Side(True, version=1)
        streams = [client.session.open() for _ in range(50)]
        for stream in streams:
            client.session.send(stream, bytes(1 << 20))
        client.output(50 * 32768 * 4)
        left = {client.session.backlog(stream) for stream in streams}
        self.assertLessEqual(max(left) - min(left), 32768)

    def test_resetInTurn(self) -> None:
        """
        A stream that goes while it waits for its turn is skipped.
        """
        client = Side(True)
        one, other = client.session.open(), client.session.open()
        client.output()
        client.session.send(one, b"one")
        client.session.send(other, b"other")
        client.session.reset(one)
        self.assertEqual(
            client.output(),
            encodeFrame(2, Command.FIN, one) + encodeFrame(2, Command.PSH, other, b"other"),
        )


class BoundTests(SynchronousTestCase):
    """
    What a peer can make us keep.
    """

    def test_tooManyStreams(self) -> None:
        """
        Streams beyond the limit are refused with a FIN; a peer that goes on and on
        loses its session.
        """
        server = Side(False, streams=2)
        server.receive(b"".join(encodeFrame(2, Command.SYN, n) for n in (3, 5, 7)))
        self.assertEqual(server.opened, [3, 5])
        self.assertEqual(server.output(), encodeFrame(2, Command.FIN, 7))
        syns = (encodeFrame(2, Command.SYN, n) for n in range(9, 20_000, 2))
        server.receive(b"".join(syns))
        self.assertIsInstance(server.error, FramingError)

    def test_endedStreamsCount(self) -> None:
        """
        A stream counts until its FIN is out: who opens and ends streams, and reads
        nothing, is stopped.
        """
        server = Side(False, streams=10)
        for number in range(3, 20_003, 2):
            server.receive(
                encodeFrame(2, Command.SYN, number) + encodeFrame(2, Command.FIN, number)
            )
            server.session.end(number)
            if server.error:
                break
        self.assertIsInstance(server.error, FramingError)

    def test_clientRefuses(self) -> None:
        """
        Nobody opens streams to a client.
        """
        client = Side(True)
        client.receive(encodeFrame(2, Command.SYN, 2))
        self.assertEqual(client.opened, [])
        self.assertEqual(client.output(), encodeFrame(2, Command.FIN, 2))

    def test_wrongNumber(self) -> None:
        """
        Even numbers are the server's.
        """
        server = Side(False)
        server.receive(encodeFrame(2, Command.SYN, 4))
        self.assertIsInstance(server.error, FramingError)

    def test_fullVersion1(self) -> None:
        """
        Without windows, one reader that stopped stops all, at the bound: nothing is
        to be read then.
        """
        server = Side(False, version=1, buffer=100_000)
        server.receive(encodeFrame(1, Command.SYN, 3))
        server.session.pause(3, 0.0)
        read = 0
        while not server.session.isFull:
            server.receive(encodeFrame(1, Command.PSH, 3, bytes(10_000)))
            read += 10_000
        self.assertEqual(read, 100_000)
        server.apply([event for event in [server.session.resume(3, 0.0)] if event])
        self.assertFalse(server.session.isFull)

    def test_stalledReader(self) -> None:
        """
        While the session is full, a reader that takes nothing loses its stream; one
        that takes a little keeps it.
        """
        server = Side(False, version=1, buffer=100_000, timeout=0, keepalive=0)
        server.receive(encodeFrame(1, Command.SYN, 3) + encodeFrame(1, Command.SYN, 5))
        for number, size in ((3, 60_000), (5, 65_000)):
            server.session.pause(number, 0.0)
            server.receive(encodeFrame(1, Command.PSH, number, bytes(size)))
        self.assertTrue(server.session.isFull)
        self.assertEqual(server.session.nextTimer, limits.SMUX_STALL)
        server.session.resume(3, 30.0)
        server.session.pause(3, 30.0)
        server.session.receive(encodeFrame(1, Command.PSH, 3, bytes(60_000)), 30.0)
        server.apply(server.session.timerFired(limits.SMUX_STALL - 1))
        self.assertEqual(server.lost, [])
        server.apply(server.session.timerFired(limits.SMUX_STALL))
        self.assertEqual(server.lost, [5])
        self.assertEqual(server.output(), encodeFrame(1, Command.FIN, 5))
        self.assertEqual(server.session.isFull, False)
        server.receive(encodeFrame(1, Command.PSH, 5, b"late"))
        self.assertEqual(server.received[5], b"")

    def test_stalledButNotFull(self) -> None:
        """
        A reader that holds up nobody may take its time.
        """
        server = Side(False)
        server.receive(encodeFrame(2, Command.SYN, 3))
        server.session.pause(3, 0.0)
        server.receive(encodeFrame(2, Command.PSH, 3, bytes(50_000)))
        for now in range(10, 10_000, 10):
            server.receive(encodeFrame(2, Command.NOP, 0), now)
            server.apply(server.session.timerFired(now))
        self.assertEqual((server.lost, server.error), ([], None))

    def test_nothingRemains(self) -> None:
        """
        After a thousand streams a session knows of none.
        """
        pair = Pair()
        for _ in range(1000):
            number = pair.client.session.open()
            pair.client.session.send(number, b"to and fro")
            pair.run()
            pair.server.session.send(number, b"fro and to")
            pair.client.session.end(number)
            pair.run()
            pair.server.session.end(number)
            pair.run()
        for side in (pair.client, pair.server):
            session = side.session
            self.assertEqual(
                [len(session), bool(session._turns), session._holding._held],
                [0, False, 0],
            )


class TimeTests(SynchronousTestCase):
    """
    Keepalive.
    """

    NOP = encodeFrame(2, Command.NOP, 0)

    def test_client(self) -> None:
        """
        A client says NOP every ten seconds.
        """
        client = Side(True, now=100.0)
        self.assertEqual(client.session.nextTimer, 110.0)
        client.apply(client.session.timerFired(109.0))
        self.assertEqual(client.output(), b"")
        client.apply(client.session.timerFired(110.0))
        self.assertEqual(client.output(), self.NOP)
        self.assertEqual(client.session.nextTimer, 120.0)

    def test_server(self) -> None:
        """
        A server says nothing to who said nothing.
        """
        server = Side(False)
        server.apply(server.session.timerFired(20.0))
        self.assertEqual(server.output(), b"")
        server.receive(self.NOP, 20.0)
        self.assertEqual(server.output(), b"")
        server.apply(server.session.timerFired(30.0))
        self.assertEqual(server.output(), self.NOP)

    def test_pingsDoNotPileUp(self) -> None:
        """
        A network that takes nothing gets one NOP later, not many.
        """
        client = Side(True, timeout=0)
        for now in range(10, 1000, 10):
            client.apply(client.session.timerFired(now))
        self.assertEqual(client.output(), self.NOP)

    def test_silence(self) -> None:
        """
        A peer that says nothing for half a minute is gone; any frame will do.
        """
        client = Side(True, keepalive=0)
        self.assertEqual(client.session.nextTimer, 30.0)
        client.receive(self.NOP, 29.0)
        client.apply(client.session.timerFired(30.0))
        self.assertIsNone(client.error)
        client.apply(client.session.timerFired(60.0))
        self.assertIsInstance(client.error, Unresponsive)
        self.assertTrue(client.session.isFinished)
        self.assertIsNone(client.session.nextTimer)

    def test_silenceOfOurs(self) -> None:
        """
        Who does not read must not take the peer's silence for its end.
        """
        server = Side(False, version=1, buffer=10, keepalive=0)
        server.receive(encodeFrame(1, Command.SYN, 3))
        server.session.pause(3, 0.0)
        server.receive(encodeFrame(1, Command.PSH, 3, bytes(10)))
        server.session.timerFired(30.0)
        server.apply(server.session.timerFired(60.0))
        self.assertIsNone(server.error)
        # Nor if it has just begun to read again.
        server.resume(3, 89.999)
        server.apply(server.session.timerFired(90.0))
        self.assertIsNone(server.error)
        server.apply(server.session.timerFired(120.0))
        self.assertIsInstance(server.error, Unresponsive)

    def test_off(self) -> None:
        """
        Both can be turned off.
        """
        client = Side(True, keepalive=0, timeout=0)
        self.assertIsNone(client.session.nextTimer)

    def test_close(self) -> None:
        """
        Who is told that it is over keeps nothing, and says nothing.
        """
        client = Side(True)
        client.session.send(client.session.open(), b"never")
        client.session.close()
        self.assertEqual((client.output(WHOLE), len(client.session)), (b"", 0))
        self.assertIsNone(client.session.nextTimer)
        self.assertFalse(client.session.canOpen)
