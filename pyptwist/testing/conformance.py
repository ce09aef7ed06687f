"""
The tests that every codec must pass.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pyptwist.arguments import Arguments
from pyptwist.errors import LocalProtocolError
from pyptwist.testing.codecs import CodecPair, Side, fixedEntropy, memoryContext, oneByOne

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object


_TIMES = 64  # pieces of 64 KiB: well above any bound


def _cutAt(place: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[:place], data[place:]]


def _changedAt(place: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[:place], bytes(b ^ 1 for b in data[place:][:1]), data[place + 1 :]]


def _kept(pair: CodecPair, side: Side, data: bytes) -> int:
    """
    :returns: by how many bytes memory grew while one side received the same
        data again and again.
    """
    mine = not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(_TIMES):
            side.apply(side.codec.receive(data, pair.now))
            side.forget()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        if mine:
            tracemalloc.stop()
    return after - before


class CodecConformance(_Case):
    """
    Mix into a trial test case, and set ``method``::

        class MineTests(CodecConformance, SynchronousTestCase):
            method = Mine

    :cvar method: a class on ``CodecClientTransport`` and ``CodecServerTransport``.
    :cvar serverArguments: the operator's options.
    :cvar flushSeconds: how long the codec may hold written payload back.
    :cvar boundedBuffer: bytes that one side may keep of what it was sent.
    :cvar payload: what is sent, if not everything can be.
    """

    method: Any
    serverArguments = Arguments()
    flushSeconds = 60.0
    boundedBuffer = 1024 * 1024

    payload = bytes(range(256)) * 23

    def pair(self, seed: str = "conformance") -> CodecPair:
        """
        :returns: fresh codecs that suit each other, with fixed entropy.
        """
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        context = memoryContext(directory.name, seed)
        serverFactory, clientArguments = self.method().serverCodec(context, self.serverArguments)
        clientFactory = self.method().clientCodec(context, clientArguments)
        return CodecPair(clientFactory(), serverFactory(), context.reactor)

    def _startedPair(self) -> CodecPair:
        pair = self.pair()
        pair.start()
        return pair

    def readyPair(self, seed: str = "conformance") -> CodecPair:
        """
        :returns: the same, after the handshake.
        """
        pair = self.pair(seed)
        pair.start()
        pair.run()
        self.assertTrue(pair.client.isReady and pair.server.isReady, "no handshake")
        return pair

    def _end(self, pair: CodecPair, side: Side) -> None:
        side.apply(side.codec.receiveEnd(pair.now))
        self.assertTrue(side.isFinished, "the end of input must finish a codec")

    def _exchange(
        self, pair: CodecPair, cut: Callable[[bytes], list[bytes]] | None = None
    ) -> None:
        for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
            before = len(there.delivered)
            here.apply(here.codec.send(self.payload, pair.now))
            pair.run(cut)
            pair.runTimers(self.flushSeconds)
            self.assertEqual(bytes(there.delivered[before:]), self.payload)
            self.assertEqual(here.codec.backlog, 0)

    def test_payloadPasses(self) -> None:
        """
        What one side sends is what the other's application gets.
        """
        pair = self.readyPair()
        self._exchange(pair)
        self._exchange(pair)

    def test_byteByByte(self) -> None:
        """
        A network that delivers single bytes changes nothing.
        """
        pair = self._startedPair()
        pair.run(oneByOne)
        self.assertTrue(pair.client.isReady and pair.server.isReady)
        self._exchange(pair, oneByOne)

    def _places(self, dense: int, some: int) -> list[int]:
        """
        :returns: places in the handshake's messages: each up to ``dense``, the
            last, and about ``some`` between.
        """
        whole = self.readyPair()
        longest = max(map(len, whole.client.transmitted + whole.server.transmitted), default=1)
        between = range(dense, longest, max(1, longest // some))
        return sorted({*range(1, min(longest, dense)), *between, longest - 1})

    def test_everyTwoWaySplit(self) -> None:
        """
        A handshake cut in two anywhere is a handshake.
        """
        for place in self._places(100, 50):
            pair = self._startedPair()
            pair.run(_cutAt(place))
            self.assertTrue(pair.client.isReady and pair.server.isReady, f"cut at {place}")

    def test_payloadBehindHandshake(self) -> None:
        """
        Payload that arrives in one piece with the end of the handshake is not lost.
        """
        for clientWrites in (False, True):
            pair = self._startedPair()
            writer, reader = pair.client, pair.server
            if not clientWrites:
                writer, reader = reader, writer
            while not writer.isReady:
                moved = pair.carry(reader, writer)
                if not writer.isReady:
                    moved = pair.carry(writer, reader) or moved
                    self.assertTrue(moved or writer.isReady, "no handshake")
            writer.apply(writer.codec.send(self.payload, pair.now))
            pair.runTimers(self.flushSeconds)
            self.assertEqual(bytes(reader.delivered), self.payload)

    def test_garbage(self) -> None:
        """
        Garbage is refused without an exception, and ends in bounded time.
        """
        entropy = fixedEntropy("garbage")
        for size in (1, 64, 1000, 20_000, 200_000):
            pair = self._startedPair()
            for side in (pair.client, pair.server):
                side.apply(side.codec.receive(entropy(size), pair.now))
                self._end(pair, side)

    def test_tampering(self) -> None:
        """
        One bit changed, in the handshake or behind it, raises no exception.
        """
        for place in self._places(10, 10):
            for pair in (self._startedPair(), self.readyPair()):
                for side in (pair.client, pair.server):
                    if side.isReady:
                        side.apply(side.codec.send(self.payload, pair.now))
                pair.run(_changedAt(place))
                for side in (pair.client, pair.server):
                    self._end(pair, side)

    def test_boundedBuffer(self) -> None:
        """
        However much garbage comes, little of it is kept.
        """
        garbage = fixedEntropy("endless")(64 * 1024)
        for pair in (self._startedPair(), self.readyPair()):
            for side in (pair.client, pair.server):
                self.assertLess(_kept(pair, side, garbage), self.boundedBuffer)
                self._end(pair, side)

    def test_earlyTimer(self) -> None:
        """
        A timer that fires before its time, or without one, does nothing.
        """
        pair = self._startedPair()
        for side in (pair.client, pair.server):
            self.assertEqual(side.codec.timerFired(pair.now), [])
        pair.run()
        for side in (pair.client, pair.server):
            self.assertEqual(side.codec.timerFired(pair.now), [])
        self._exchange(pair)

    def test_silentAfterFinished(self) -> None:
        """
        Nothing follows Finished, whatever comes.
        """
        pair = self.readyPair()
        for side in (pair.client, pair.server):
            side.apply(side.codec.receiveEnd(pair.now))
            self.assertTrue(side.isFinished)
            self.assertEqual(side.codec.receive(b"more", pair.now), [])
            self.assertEqual(side.codec.send(b"more", pair.now), [])
            self.assertEqual(side.codec.sendEnd(pair.now), [])
            self.assertEqual(side.codec.receiveEnd(pair.now), [])
            self.assertEqual(side.codec.timerFired(pair.now), [])
            self.assertIs(side.codec.nextTimer, None)

    def test_sendBeforeReady(self) -> None:
        """
        Sending too early is the caller's bug, and said so.
        """
        pair = self.pair()
        self.assertRaises(LocalProtocolError, pair.client.codec.send, b"early", 0.0)
        self.assertRaises(LocalProtocolError, pair.server.codec.send, b"early", 0.0)

    def test_endFlushes(self) -> None:
        """
        What was written before the end arrives, and the codec finishes well.
        """
        pair = self.readyPair()
        pair.client.apply(pair.client.codec.send(self.payload, pair.now))
        pair.client.apply(pair.client.codec.sendEnd(pair.now))
        pair.runTimers(self.flushSeconds)
        self.assertEqual(bytes(pair.server.delivered), self.payload)
        self.assertTrue(pair.client.isFinished)
        self.assertIs(pair.client.error, None)

    def test_deterministic(self) -> None:
        """
        All randomness comes from the injected source.
        """
        transcripts = []
        for _ in range(2):
            pair = self.readyPair("the same seed")
            self._exchange(pair)
            transcripts.append((pair.client.transmitted, pair.server.transmitted))
        self.assertEqual(*transcripts)
