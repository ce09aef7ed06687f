"""
Lengths and times of writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.probdist import seededWeights
from pyptwist.shaping import Tables
from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.framing import MessageEncoder, newsMessage, payloadMessages
from pyptwist.transports.scramblesuit.shaping import (
    PacedShaper,
    Shaper,
    paddingMessages,
    tablesOf,
)
from tests.transports.scramblesuit.pairs import SEED
from tests.transports.scramblesuit.test_framing import KEYS, opened


class Scripted(Tables):
    """
    Draws what a test wants.
    """

    def __init__(self, lengths: Iterator[int], delay: float = 0.001) -> None:
        super().__init__(fixedEntropy("scripted"))
        self._script = lengths
        self._delay = delay

    def length(self) -> int:
        return next(self._script)

    def delay(self) -> float:
        return self._delay


def always(*lengths: int) -> Iterator[int]:
    while True:
        yield from lengths


class PaddingTests(SynchronousTestCase):
    """
    ``paddingMessages``
    """

    def test_targets(self) -> None:
        """
        The last segment always gets the wanted length, by one message, or by two
        if one is too little or too much: never by none.
        """
        for length in (22, 700, 1427, 1428, 1447, 1448, 1449, 5000):
            for target in range(21, 1449):
                messages = paddingMessages(length, target)
                sizes = [len(message) + 16 for message in messages]
                self.assertEqual((length + sum(sizes) - target) % 1448, 0)
                self.assertTrue(all(21 <= size <= 1448 for size in sizes))
                gap = (target - length) % 1448
                self.assertEqual(len(sizes), 2 if 0 < gap < 21 else 1)
                if len(sizes) == 2:
                    self.assertEqual(sizes[0], 700)
                short = paddingMessages(length, target, shortfall=21)
                missing = sum(map(len, messages)) - sum(map(len, short))
                self.assertEqual(missing, 21 if len(sizes) == 2 else 0)


class ShaperTests(SynchronousTestCase):
    """
    ``Shaper``
    """

    def test_burst(self) -> None:
        """
        One write is one burst of the drawn length.
        """
        shaper = Shaper(MessageEncoder(KEYS), Scripted(always(500, 1448, 21)))
        lengths = [len(shaper.write(b"x" * count, 0)) for count in (3000, 1, 1427, 1428)]
        self.assertEqual(lengths, [2 * 1448 + 500, 1448, 1448 + 21, 1448 + 500])
        self.assertIs(shaper.nextTimer, None)
        self.assertEqual(shaper.backlog, 0)

    def test_payload(self) -> None:
        """
        What was written is in it.
        """
        shaper = Shaper(MessageEncoder(KEYS), tablesOf(fixedEntropy("tables")))
        data = fixedEntropy("payload")(10_000)
        wire = shaper.write(data, 0) + shaper.write(b"more", 0)
        self.assertEqual(opened(wire), data + b"more")

    def test_news(self) -> None:
        """
        Other messages are padded, too.
        """
        shaper = Shaper(MessageEncoder(KEYS), Scripted(always(333)))
        self.assertEqual(len(shaper.burst([newsMessage(2, bytes(144))])), 333)
        self.assertEqual(len(shaper.burst(payloadMessages(bytes(1427)))), 1448 + 333)

    def test_distribution(self) -> None:
        """
        Over many bursts, lengths modulo 1448 come as often as the table says.
        """
        shaper = Shaper(MessageEncoder(KEYS), tablesOf(fixedEntropy("distribution"), SEED))
        count = 4000
        seen = Counter(len(shaper.write(b"x" * 100, 0)) % 1448 for _ in range(count))
        values, weights = seededWeights(SEED[:24], 21, 1448, biased=True)
        self.assertLessEqual(set(seen), {value % 1448 for value in values})
        for value, weight in zip(values, weights, strict=True):
            expected = count * weight / sum(weights)
            self.assertLess(abs(seen[value % 1448] - expected), 4 * expected**0.5 + 1, value)

    def test_own(self) -> None:
        """
        Without a seed, everybody has lengths of their own, in the same range.
        """
        drawn = []
        for name in ("one", "two"):
            tables = tablesOf(fixedEntropy(name))
            drawn.append({tables.length() for _ in range(200)})
            self.assertTrue(all(21 <= length <= 1448 for length in drawn[-1]))
        self.assertNotEqual(*drawn)


class PacedTests(SynchronousTestCase):
    """
    ``PacedShaper``
    """

    def test_pieces(self) -> None:
        """
        Segments with pauses between them, and the last one as drawn.
        """
        shaper = PacedShaper(MessageEncoder(KEYS), Scripted(always(300), delay=0.002))
        data = fixedEntropy("paced")(4000)
        pieces, times = [shaper.write(data, 0.0)], [0.0]
        while shaper.nextTimer is not None:
            times.append(shaper.nextTimer)
            pieces.append(shaper.resume(shaper.nextTimer))
        self.assertEqual([len(piece) for piece in pieces], [1448, 1448, 1448, 300, 0])
        for time, wanted in zip(times, (0, 0.002, 0.004, 0.006, 0.008), strict=True):
            self.assertLess(abs(time - wanted), 1e-9)
        self.assertEqual(opened(b"".join(pieces)), data)
        self.assertEqual(shaper.backlog, 0)

    def test_delays(self) -> None:
        """
        No pause is longer than 10 ms.
        """
        for seed in (None, SEED):
            tables = tablesOf(fixedEntropy("delays"), seed)
            self.assertTrue(all(0 <= tables.delay() <= 0.01 for _ in range(500)))
