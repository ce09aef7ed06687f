"""
Two codecs joined in memory, and surroundings for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.task import Clock

from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import PTError
from pyptwist.interfaces import Context, ICodec
from pyptwist.metrics import Metrics
from pyptwist.state import StateDirectory
from pyptwist.testing.memory import MemoryNetwork

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
            assert not self.isFinished, f"an effect came after Finished: {effect!r:.80}"
            if isinstance(effect, Transmit):
                self.transmitted.append(bytes(effect.data))
                self.outbox += effect.data
            elif isinstance(effect, Deliver):
                assert self.isReady, "Deliver came before Ready: nobody is there to take it"
                assert type(effect.data) is bytes, "Deliver must hold bytes: applications do"
                self.delivered += effect.data
            elif isinstance(effect, Ready):
                assert not self.isReady, "Ready came twice"
                self.isReady = True
            else:
                assert isinstance(effect, Finished), f"this is no effect: {effect!r:.80}"
                assert effect.error is None or isinstance(effect.error, PTError), (
                    f"Finished must hold a PTError, which has a cause: {effect!r:.80}"
                )
                self.isFinished, self.error = True, effect.error
        assert self.codec.backlog >= 0, "the backlog is negative (ICodec.backlog)"

    def forget(self) -> None:
        """
        Drop all that was said, for tests of how much the codec itself keeps.
        """
        self.delivered.clear()
        self.transmitted.clear()
        self.outbox.clear()

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

    def side(self, isClient: bool) -> Side:
        """
        :returns: the client's side, or the server's.
        """
        return self.client if isClient else self.server

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
        raise AssertionError("the codecs never come to rest: each answers the other's answer")

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
        raise AssertionError("a timer fires for ever: its codec sets it to a time that is past")


def oneByOne(data: bytes) -> list[bytes]:
    """
    :returns: the bytes, each by itself.
    """
    return [data[i : i + 1] for i in range(len(data))]
