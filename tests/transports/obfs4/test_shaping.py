"""
Lengths and times of writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.crypto.probdist import seededWeights
from pyptwist.shaping import Tables
from pyptwist.testing import fixedEntropy
from pyptwist.transports.obfs4.framing import FrameDecoder, FrameEncoder
from pyptwist.transports.obfs4.shaping import (
    PacedShaper,
    ParanoidShaper,
    Shaper,
    paddingPackets,
)
from tests.transports.obfs4.pairs import LENGTHS, SEED

KEYS = fixedEntropy("keys")(72)


class Scripted(Tables):
    """
    Draws what a test wants.
    """

    def __init__(self, lengths: Iterator[int], delay: float = 0.001) -> None:
        super().__init__(fixedEntropy("scripted"), SEED)
        self._script = lengths
        self._delay = delay
        self.drawn: list[int] = []

    def length(self) -> int:
        self.drawn.append(next(self._script))
        return self.drawn[-1]

    def delay(self) -> float:
        return self._delay


def always(*lengths: int) -> Iterator[int]:
    while True:
        yield from lengths


def payloadOf(wire: bytes) -> bytes:
    payloads: list[bytearray] = []
    FrameDecoder(KEYS, fixedEntropy("")).open(wire, payloads)
    return b"".join(payloads)


def run(shaper: Shaper, *writes: bytes) -> list[tuple[float, bytes]]:
    """
    Write all at once, and let time pass.

    :returns: when each piece went out, and the piece.
    """
    now = 0.0
    pieces = [
        (now, bytes(piece)) for piece in [shaper.write(data, now) for data in writes] if piece
    ]
    while shaper.nextTimer is not None:
        now = shaper.nextTimer
        if piece := shaper.resume(now):
            pieces.append((now, bytes(piece)))
    return pieces


class PaddingTests(SynchronousTestCase):
    """
    ``paddingPackets``
    """

    def test_targets(self) -> None:
        """
        The last segment gets the wanted length, or 21 bytes more where one
        frame is too much for the gap.
        """
        for length in (0, 1, 700, 1446, 1447, 1448, 1449, 5000):
            for target in range(1449):
                packets = paddingPackets(length, target)
                total = length + sum(len(packet) + 18 for packet in packets)
                self.assertTrue(all(len(packet) <= 1430 for packet in packets))
                missed = (total - target) % 1448
                self.assertEqual(missed, 21 if len(packets) == 2 else 0)
                gap = (target - length) % 1448
                self.assertEqual(len(packets) == 2, 0 < gap <= 21)

    def test_none(self) -> None:
        """
        A burst that fits already gets nothing; a full segment is not nothing.
        """
        self.assertEqual(paddingPackets(1448 + 300, 300), [])
        self.assertEqual(paddingPackets(1448, 0), [])
        self.assertEqual([len(packet) for packet in paddingPackets(1448, 1448)], [1430])


class ShaperTests(SynchronousTestCase):
    """
    Mode 0
    """

    def test_burst(self) -> None:
        """
        One write is one burst of the drawn length.
        """
        shaper = Shaper(FrameEncoder(KEYS), Scripted(always(500, 1448, 0)))
        lengths = [len(shaper.write(b"x" * count, 0)) for count in (3000, 1, 1427, 1428)]
        self.assertEqual(lengths, [2 * 1448 + 500, 1448, 1448, 1448 + 500])
        self.assertIs(shaper.nextTimer, None)
        self.assertEqual(shaper.backlog, 0)

    def test_distribution(self) -> None:
        """
        Over many bursts, lengths modulo 1448 come as often as the table says.
        """
        entropy = fixedEntropy("distribution")
        shaper = Shaper(FrameEncoder(KEYS), Tables(entropy, SEED))
        count = 4000
        # 170 bytes on the wire: no number of the table is 1 to 21 bytes away.
        seen = Counter(len(shaper.write(b"x" * 149, 0)) % 1448 for _ in range(count))
        values, weights = seededWeights(SEED, 0, 1448)
        self.assertEqual(set(seen), set(values))
        for value, weight in zip(values, weights, strict=True):
            expected = count * weight / sum(weights)
            self.assertLess(abs(seen[value] - expected), 4 * expected**0.5, value)


class PacedTests(SynchronousTestCase):
    """
    Mode 1
    """

    def test_pieces(self) -> None:
        """
        Segments with pauses between them, and the last one as drawn.
        """
        shaper = PacedShaper(FrameEncoder(KEYS), Scripted(always(300), delay=0.002))
        data = fixedEntropy("paced")(4000)
        pieces = run(shaper, data)
        self.assertEqual([len(piece) for _, piece in pieces], [1448, 1448, 1448, 300])
        times = [time for time, _ in pieces]
        for time, wanted in zip(times, (0, 0.002, 0.004, 0.006), strict=True):
            self.assertLess(abs(time - wanted), 1e-9)
        self.assertEqual(payloadOf(b"".join(piece for _, piece in pieces)), data)
        self.assertEqual(shaper.backlog, 0)

    def test_noPause(self) -> None:
        """
        A pause of 0 still divides writes.
        """
        shaper = PacedShaper(FrameEncoder(KEYS), Scripted(always(300), delay=0.0))
        pieces = run(shaper, b"x" * 1427)
        self.assertEqual([len(piece) for _, piece in pieces], [1448, 300])

    def test_joined(self) -> None:
        """
        What is written during a burst, and the pause behind it, is the next
        burst: up to 32 KiB.
        """
        tables = Scripted(always(100))
        shaper = PacedShaper(FrameEncoder(KEYS), tables)
        data = fixedEntropy("joined")(limits.BURST + 2000)
        pieces = run(shaper, data[:10], data[10:20], data[20:])
        self.assertEqual(len(tables.drawn), 3)
        self.assertEqual(payloadOf(b"".join(piece for _, piece in pieces)), data)

    def test_backlog(self) -> None:
        """
        All that waits is counted, and nothing is when all is gone.
        """
        shaper = PacedShaper(FrameEncoder(KEYS), Scripted(always(1000)))
        first = shaper.write(b"x" * 3000, 0)
        self.assertEqual(len(first), 1448)
        self.assertEqual(shaper.backlog, 1448 + 1000)
        self.assertEqual(shaper.write(b"y" * 500, 0), b"")
        self.assertEqual(shaper.backlog, 1448 + 1000 + 500)
        now = 0.0
        while shaper.nextTimer is not None:
            now = shaper.nextTimer
            shaper.resume(now)
        self.assertEqual(shaper.backlog, 0)
        self.assertEqual((len(shaper._burst), len(shaper._waiting)), (0, 0))

    def test_idle(self) -> None:
        """
        After the last pause there is no timer, and a write goes out at once.
        """
        shaper = PacedShaper(FrameEncoder(KEYS), Scripted(always(1000)))
        run(shaper, b"x")
        self.assertEqual(len(shaper.write(b"y", 100.0)), 1000)
        self.assertEqual(shaper.nextTimer, 100.001)


class ParanoidTests(SynchronousTestCase):
    """
    Mode 2
    """

    def pieces(self, tables: Tables, data: bytes) -> list[int]:
        """
        :returns: the lengths of the pieces in which the data arrives.
        """
        pieces = run(ParanoidShaper(FrameEncoder(KEYS), tables), data)
        self.assertEqual(payloadOf(b"".join(piece for _, piece in pieces)), data)
        return [len(piece) for _, piece in pieces]

    def test_lengths(self) -> None:
        """
        Each piece has a length of its own, padded to where too little is there.
        """
        # 500 bytes are 521 on the wire.
        self.assertEqual(self.pieces(Scripted(always(100, 200, 300)), b"x" * 500), [100, 200, 300])
        self.assertEqual(self.pieces(Scripted(always(1000)), b"x" * 500), [1000])
        self.assertEqual(self.pieces(Scripted(always(521)), b"x" * 500), [521])

    def test_zero(self) -> None:
        """
        A length of 0 is drawn again.
        """
        self.assertEqual(self.pieces(Scripted(always(0, 0, 400)), b"x" * 379), [400])

    def test_twoFrames(self) -> None:
        """
        A gap of 1 to 21 bytes takes a full frame more, and is drawn for again.
        """
        # 521 on the wire, then 1448, then 9 + 21.
        tables = Scripted(iter([530, 1000, 999]))
        self.assertEqual(self.pieces(tables, b"x" * 500), [1000, 999])

    def test_fromTable(self) -> None:
        """
        Nothing but the table's lengths is seen.
        """
        lengths = self.pieces(Tables(fixedEntropy("paranoid"), SEED), bytes(30_000))
        self.assertLessEqual(set(lengths), LENGTHS)
        self.assertEqual(set(lengths[:30]) - LENGTHS, set())

    def test_poorTables(self) -> None:
        """
        Tables for which obfs4proxy gives up or pads for ever come to an end.
        """
        for length in (0, 735, 1):
            lengths = self.pieces(Scripted(always(length)), b"x" * 713)
            self.assertLess(sum(lengths), 50_000)
