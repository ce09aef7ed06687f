"""
Two codecs joined in memory, and the tests that every codec must pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

from pyptwist.arguments import Arguments
from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import LocalProtocolError, PTError
from pyptwist.interfaces import Context, ICodec
from pyptwist.metrics import Metrics
from pyptwist.state import StateDirectory
from pyptwist.testing.memory import MemoryNetwork

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

#: Some moment, so that protocols that put the date on the wire repeat.
EPOCH = 1_700_000_000.0

_LONGEST_RUN = 100_000  # effects and timers in one exchange: more is a loop


def fixedEntropy(seed: str) -> Callable[[int], bytes]:
    """
    :returns: a source of bytes that look random, and repeat with the seed.
    """

    def stream() -> Iterator[bytes]:
        block = hashlib.sha256(seed.encode()).digest()
        while True:
            yield block
            block = hashlib.sha256(block).digest()

    blocks, ready = stream(), bytearray()

    def entropy(count: int) -> bytes:
        while len(ready) < count:
            ready.extend(next(blocks))
        taken = bytes(ready[:count])
        del ready[:count]
        return taken

    return entropy


def memoryContext(directory: str, seed: str = "", network: Any = None) -> Context:
    """
    Surroundings for a method under test: memory network, fixed entropy, a clock
    that stands still.

    :param directory: for its state files.
    """
    network = network or MemoryNetwork()
    return Context(
        network.clock,
        network,
        StateDirectory(directory),
        Metrics(),
        fixedEntropy(seed),
        lambda: EPOCH + float(network.clock.seconds()),
    )


class Side:
    """
    One codec, and all that it said.

    :ivar delivered: payload for the application, joined.
    :ivar transmitted: each Transmit, in order.
    """

    def __init__(self, codec: ICodec) -> None:
        self.codec = codec
        self.isReady = False
        self.isFinished = False
        self.error: PTError | None = None
        self.delivered = bytearray()
        self.transmitted: list[bytes] = []
        self.outbox = bytearray()

    def apply(self, effects: list[Effect]) -> None:
        """
        Note the effects, and check the contract.
        """
        for effect in effects:
            assert not self.isFinished, "an effect came after Finished"
            if isinstance(effect, Transmit):
                self.transmitted.append(bytes(effect.data))
                self.outbox += effect.data
            elif isinstance(effect, Deliver):
                assert self.isReady, "Deliver came before Ready"
                self.delivered += effect.data
            elif isinstance(effect, Ready):
                assert not self.isReady, "Ready came twice"
                self.isReady = True
            else:
                assert isinstance(effect, Finished), effect
                self.isFinished, self.error = True, effect.error
        assert self.codec.backlog >= 0, "the backlog is negative"

    def takeOutbox(self) -> bytes:
        """
        :returns: what waits for the wire.
        """
        data = bytes(self.outbox)
        self.outbox.clear()
        return data


class CodecPair:
    """
    A client's and a server's codec on a wire without delay.

    :ivar now: the time that both are told, in seconds.
    """

    def __init__(self, client: ICodec, server: ICodec, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.client = Side(client)
        self.server = Side(server)

    @property
    def now(self) -> float:
        return float(self.clock.seconds())

    def start(self) -> None:
        """
        Connect, without carrying anything yet.
        """
        self.client.apply(self.client.codec.start(self.now))
        self.server.apply(self.server.codec.start(self.now))

    def carry(
        self, source: Side, sink: Side, cut: Callable[[bytes], list[bytes]] | None = None
    ) -> bool:
        """
        Bring what one side transmitted to the other.

        :param cut: divides it into the pieces in which it arrives.
        :returns: whether there was anything.
        """
        data = source.takeOutbox()
        for piece in cut(data) if cut else [data]:
            if piece:
                sink.apply(sink.codec.receive(piece, self.now))
        return bool(data)

    def run(self, cut: Callable[[bytes], list[bytes]] | None = None) -> None:
        """
        Carry everything both ways, until both are quiet.
        """
        for _ in range(_LONGEST_RUN):
            moved = self.carry(self.client, self.server, cut)
            if not self.carry(self.server, self.client, cut) and not moved:
                return
        raise AssertionError("the codecs never come to rest")

    def runTimers(self, seconds: float) -> None:
        """
        Let time pass: each codec's timers fire when they are due.
        """
        deadline = self.now + seconds
        for _ in range(_LONGEST_RUN):
            self.run()
            sides = [s for s in (self.client, self.server) if s.codec.nextTimer is not None]
            first = min(sides, key=lambda s: s.codec.nextTimer or 0.0, default=None)
            at = None if first is None else first.codec.nextTimer
            if first is None or at is None or at > deadline:
                self.clock.advance(max(0.0, deadline - self.now))
                return
            self.clock.advance(max(0.0, at - self.now))
            first.apply(first.codec.timerFired(self.now))
        raise AssertionError("a timer fires for ever")


def oneByOne(data: bytes) -> list[bytes]:
    """
    :returns: the bytes, each by itself.
    """
    return [data[i : i + 1] for i in range(len(data))]


def _cutAt(place: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[:place], data[place:]]


class CodecConformance(_Case):
    """
    Mix into a trial test case, and set C{method}::

        class MineTests(CodecConformance, SynchronousTestCase):
            method = Mine

    :cvar method: a class on ``CodecClientTransport`` and ``CodecServerTransport``.
    :cvar serverArguments: the operator's options.
    :cvar flushSeconds: how long the codec may hold written payload back.
    """

    method: Any
    serverArguments = Arguments()
    flushSeconds = 60.0

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

    def readyPair(self, seed: str = "conformance") -> CodecPair:
        """
        :returns: the same, after the handshake.
        """
        pair = self.pair(seed)
        pair.start()
        pair.run()
        self.assertTrue(pair.client.isReady and pair.server.isReady, "no handshake")
        return pair

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
        pair = self.pair()
        pair.start()
        pair.run(oneByOne)
        self.assertTrue(pair.client.isReady and pair.server.isReady)
        self._exchange(pair, oneByOne)

    def test_everyTwoWaySplit(self) -> None:
        """
        A handshake cut in two anywhere is a handshake.
        """
        whole = self.pair()
        whole.start()
        whole.run()
        longest = max(map(len, whole.client.transmitted + whole.server.transmitted), default=0)
        # Every place in short messages; in long ones the ends, and some between.
        places = {*range(1, min(longest, 100)), *range(100, longest, max(1, longest // 50))}
        for at in sorted(places | {longest - 1}):
            pair = self.pair()
            pair.start()
            pair.run(_cutAt(at))
            self.assertTrue(pair.client.isReady and pair.server.isReady, f"cut at {at}")

    def test_payloadBehindHandshake(self) -> None:
        """
        Payload that arrives in one piece with the end of the handshake is not lost.
        """
        pair = self.pair()
        pair.start()
        sent = False
        while not sent:
            moved = pair.carry(pair.client, pair.server)
            if pair.server.isReady:
                pair.server.apply(pair.server.codec.send(self.payload, pair.now))
                sent = True
            moved = pair.carry(pair.server, pair.client) or moved
            self.assertTrue(moved or sent, "the server never becomes ready")
        pair.runTimers(self.flushSeconds)
        self.assertEqual(bytes(pair.client.delivered), self.payload)

    def test_garbage(self) -> None:
        """
        Garbage is refused without an exception, and ends in bounded time.
        """
        entropy = fixedEntropy("garbage")
        for size in (1, 64, 1000, 20_000, 200_000):
            pair = self.pair()
            pair.start()
            for side in (pair.client, pair.server):
                side.takeOutbox()
                side.apply(side.codec.receive(entropy(size), pair.now))
                side.takeOutbox()
                side.apply(side.codec.receiveEnd(pair.now))
                self.assertTrue(side.isFinished, "garbage and its end must finish a codec")

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
