"""
Conformance of codecs: peers that err, and ends of all kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyptwist.testing.codeccase import CodecCase, places
from pyptwist.testing.codecs import CodecPair, Side, fixedEntropy, oneByOne
from pyptwist.testing.payloads import grown

_TIMES = 64  # pieces of 64 KiB: well above any bound


def _changed(data: bytes, place: int) -> list[bytes]:
    return [data[:place], bytes(b ^ 1 for b in data[place:][:1]), data[place + 1 :]]


class HostilityTests(CodecCase):
    """
    Nothing that a peer does raises an exception, or lasts.
    """

    def test_garbage(self) -> None:
        """
        Garbage, before the handshake and behind it, raises no exception, and the
        end of the network connection is the codec's.
        """
        entropy = fixedEntropy("garbage")
        for size in (1, 64, 1000, 20_000, 200_000):
            for pair in (self.startedPair(), self.readyPair()):
                for side in (pair.client, pair.server):
                    self._feed(pair, side, [entropy(size)])
        for garbage in (bytes(2000), b"\xff" * 2000, b"GET / HTTP/1.0\r\n\r\n" * 100):
            pair = self.startedPair()
            for side in (pair.client, pair.server):
                self._feed(pair, side, oneByOne(garbage))

    def _feed(self, pair: CodecPair, side: Side, pieces: list[bytes]) -> None:
        with self.harmless(f"garbage, {sum(map(len, pieces))} bytes in {len(pieces)} pieces,"):
            for piece in pieces:
                if not side.isFinished:
                    side.apply(side.codec.receive(piece, pair.now))
            if not side.isFinished:
                self.end(side, pair.now)

    def test_tampering(self) -> None:
        """
        One bit changed, in the handshake or behind it, raises no exception.
        """
        whole = self.readyPair()
        flights = [*whole.client.transmitted, *whole.server.transmitted]
        for place in places(map(len, flights), 20):
            for pair in (self.startedPair(), self.readyPair()):
                with self.harmless(f"one bit changed in byte {place}"):
                    self._tamper(pair, place)

    def _tamper(self, pair: CodecPair, place: int) -> None:
        for side in (pair.client, pair.server):
            if side.isReady:
                side.apply(side.codec.send(self.payload, pair.now))
        pair.run(lambda data: _changed(data, place))
        for side in (pair.client, pair.server):
            if not side.isFinished:
                self.end(side, pair.now)

    def test_boundedBuffer(self) -> None:
        """
        However much garbage comes, little of it is kept.
        """
        garbage = fixedEntropy("endless")(64 * 1024)
        for pair in (self.startedPair(), self.readyPair()):
            for side in (pair.client, pair.server):
                size = grown(partial(self._flood, pair, side, garbage))
                self.assertLess(
                    size,
                    self.boundedBuffer,
                    "memory grows with what the peer sends (see CodecBase.maximumBuffer)",
                )

    def _flood(self, pair: CodecPair, side: Side, garbage: bytes) -> None:
        for _ in range(_TIMES):
            if not side.isFinished:
                side.apply(side.codec.receive(garbage, pair.now))
            side.forget()

    def _ended(self) -> Iterator[tuple[str, Side, float]]:
        """
        :returns: codecs that have finished, each in another way.
        """
        for isClient in (False, True):
            pair = self.startedPair()
            self.end(pair.side(isClient), pair.now)
            yield "receiveEnd() during the handshake", pair.side(isClient), pair.now
            pair = self.readyPair()
            self.end(pair.side(isClient), pair.now)
            yield "receiveEnd()", pair.side(isClient), pair.now
            pair = self.readyPair()
            pair.side(isClient).apply(pair.side(isClient).codec.sendEnd(pair.now))
            pair.runTimers(self.flushSeconds)
            yield "sendEnd()", pair.side(isClient), pair.now
            pair = self.startedPair()
            garbage = fixedEntropy("garbage")(20_000)
            pair.side(isClient).apply(pair.side(isClient).codec.receive(garbage, pair.now))
            yield "garbage", pair.side(isClient), pair.now

    def test_silentAfterFinished(self) -> None:
        """
        Nothing follows Finished, whatever comes.
        """
        for how, side, now in self._ended():
            if not side.isFinished:
                self.assertEqual(how, "garbage", f"{how} must finish a codec")
                continue
            codec = side.codec
            said = [*codec.receive(b"more", now), *codec.sendEnd(now), *codec.receiveEnd(now)]
            said += codec.timerFired(now + self.flushSeconds)
            if side.isReady:
                said += codec.send(b"more", now)
            self.assertEqual(said, [], f"nothing may follow Finished, which {how} brought about")
            self.assertIs(codec.nextTimer, None, f"no timer may be left after {how}")
