"""
Conformance of codecs: payload, whole, in pieces and without end.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from pyptwist.testing.codeccase import CodecCase, cutAt, places
from pyptwist.testing.codecs import Side


def grown(work: Callable[[], object]) -> int:
    """
    :returns: by how many bytes memory grew with some work.
    """
    mine = not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        if mine:
            tracemalloc.stop()
    return after - before


class PayloadTests(CodecCase):
    """
    After the handshake.
    """

    def test_payloadPasses(self) -> None:
        """
        What one side sends is what the other's application gets.
        """
        pair = self.readyPair()
        self.exchange(pair)
        self.exchange(pair)

    def test_everyTwoWaySplitOfPayload(self) -> None:
        """
        Payload cut in two anywhere arrives whole.
        """
        pair = self.readyPair()
        data = self.payload[:97]
        for clientWrites in (False, True):
            writer, reader = pair.side(clientWrites), pair.side(not clientWrites)
            writer.forget()
            writer.apply(writer.codec.send(data, pair.now))
            pair.runTimers(self.flushSeconds)
            for place in places(map(len, writer.transmitted), self.splits):
                reader.forget()
                writer.apply(writer.codec.send(data, pair.now))
                pair.run(cutAt(place))
                if reader.delivered != data:
                    pair.runTimers(self.flushSeconds)
                self.assertArrived(reader.delivered, data, f" with a cut behind byte {place}")

    def test_nothing(self) -> None:
        """
        To send nothing, or to be sent nothing, is no fault and no end.
        """
        pair = self.readyPair()
        for side in (pair.client, pair.server):
            side.apply(side.codec.send(b"", pair.now))
            side.apply(side.codec.receive(b"", pair.now))
        pair.runTimers(self.flushSeconds)
        for side in (pair.client, pair.server):
            side.forget()
        self.exchange(pair)

    def test_earlyTimer(self) -> None:
        """
        A timer that fires before its time, or without one, does nothing.
        """
        pair = self.startedPair()
        self._fireEarly(pair.client, pair.now)
        self._fireEarly(pair.server, pair.now)
        self.shakeHands(pair)
        self._fireEarly(pair.client, pair.now)
        self._fireEarly(pair.server, pair.now)
        self.exchange(pair)

    def _fireEarly(self, side: Side, now: float) -> None:
        if side.codec.nextTimer is None or side.codec.nextTimer > now:
            self.assertEqual(
                side.codec.timerFired(now),
                [],
                "timerFired before nextTimer must do nothing (ICodec.timerFired)",
            )

    def test_boundedStream(self) -> None:
        """
        However much payload passes, neither side keeps it.
        """
        pair = self.readyPair()
        piece = self.payload * (1 + 65536 // len(self.payload))

        def stream() -> None:
            for _ in range(1 + 4 * self.boundedBuffer // len(piece)):
                for side in (pair.client, pair.server):
                    side.apply(side.codec.send(piece, pair.now))
                while pair.client.codec.backlog or pair.server.codec.backlog:
                    pair.runTimers(self.flushSeconds)
                pair.run()
                pair.client.forget()
                pair.server.forget()

        self.assertLess(
            grown(stream), self.boundedBuffer, "memory grows with payload (see boundedBuffer)"
        )

    def test_endFlushes(self) -> None:
        """
        What was written before the end arrives, and the codec finishes well.
        """
        for clientWrites in (False, True):
            pair = self.readyPair()
            writer, reader = pair.side(clientWrites), pair.side(not clientWrites)
            writer.apply(writer.codec.send(self.payload, pair.now))
            writer.apply(writer.codec.sendEnd(pair.now))
            pair.runTimers(self.flushSeconds)
            self.assertArrived(reader.delivered, self.payload, " before sendEnd()")
            self.assertTrue(
                writer.isFinished, "Finished must follow sendEnd() (CodecBase.flush, isFlushed)"
            )
            self.assertIs(writer.error, None, "after sendEnd(), Finished has no error")

    def test_deterministic(self) -> None:
        """
        All randomness comes from the injected source; and there is some, unless
        the method says that it is ``plain``.
        """
        same, again, other = (self._transcript(seed) for seed in ("a seed", "a seed", "another"))
        self.assertTrue(
            same == again,
            "the same entropy gives other bytes on the wire: take randomness from"
            " context.entropy and the time from context.wallClock, not from the system",
        )
        if not self.plain:
            for name, mine, others in zip(("client", "server"), same, other, strict=True):
                self.assertFalse(
                    mine == others,
                    f"other entropy gives the same bytes from the {name}: a censor knows them"
                    " after one look (or set plain)",
                )
                self.assertNotIn(
                    self.payload[:64], mine, f"the {name}'s payload crosses the wire as it is"
                )

    def _transcript(self, seed: str) -> list[bytes]:
        pair = self.readyPair(seed)
        self.exchange(pair)
        return [b"".join(side.transmitted) for side in (pair.client, pair.server)]
