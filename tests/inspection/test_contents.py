"""
Tests for ``pyptwist.inspection.contents``.
"""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.contents import (
    COMPARED,
    RULES,
    SAMPLES,
    Constant,
    bitsSet,
    commonest,
    constants,
    entropy,
    kept,
    printable,
)

RANDOM = random.Random(1).randbytes(1448)


class MeasureTests(SynchronousTestCase):
    """
    Tests for ``entropy``, ``bitsSet`` and ``printable``.
    """

    def test_entropy(self) -> None:
        """
        It is 0 where all bytes are the same, and 8 where each is as frequent.
        """
        self.assertEqual(entropy(b""), 0)
        self.assertEqual(entropy(b"aaaa"), 0)
        self.assertEqual(entropy(b"ab"), 1)
        self.assertEqual(entropy(bytes(range(256)) * 3), 8)
        self.assertAlmostEqual(entropy(b"aaab"), 0.8112781)

    def test_bitsSet(self) -> None:
        """
        It is the mean of the bytes' bits.
        """
        for data, bits in ((b"", 0), (b"\x00", 0), (b"\xff", 8), (b"\x01\x07", 2), (b"\0\xff", 4)):
            self.assertEqual(bitsSet(data), bits)

    def test_printable(self) -> None:
        """
        ASCII from blank to tilde counts.
        """
        self.assertEqual(printable(b""), 0)
        self.assertEqual(printable(b" ~\x1f\x7f"), 0.5)
        self.assertAlmostEqual(printable(bytes(range(256))), 95 / 256)

    def test_commonest(self) -> None:
        """
        It is that of all samples together.
        """
        self.assertIsNone(commonest([]))
        self.assertIsNone(commonest([b""]))
        self.assertEqual(commonest([b"abbb", b"aaac"]), (ord("a"), 0.5))


class RuleTests(SynchronousTestCase):
    """
    Tests for ``RULES``: each at its edges.
    """

    def holding(self, data: bytes) -> list[str]:
        return [rule.name for rule in RULES if rule.holds(data)]

    def test_random(self) -> None:
        """
        Random bytes meet none.
        """
        self.assertEqual(self.holding(RANDOM), [])

    def test_bits(self) -> None:
        """
        Ex1: at most 3.4 set bits a byte, or at least 4.6.
        """
        for ones, holds in ((33, True), (34, True), (35, False), (45, False), (46, True)):
            # Ten bytes with so many ones, of which few are printable.
            data = (((1 << ones) - 1) << (80 - ones)).to_bytes(10)
            self.assertEqual("Ex1" in self.holding(data), holds, ones)

    def test_firstBytes(self) -> None:
        """
        Ex2: the first six are printable.
        """
        self.assertEqual(self.holding(b"abc{~ " + RANDOM), ["Ex2"])
        self.assertEqual(self.holding(b"abc{~\x80" + RANDOM), [])
        self.assertNotIn("Ex2", self.holding(b"abcde"))

    def test_half(self) -> None:
        """
        Ex3: more than half are printable.
        """
        self.assertEqual(self.holding(b"\x80{" * 30), [])
        self.assertEqual(self.holding(b"\x80{" * 30 + b"{"), ["Ex3"])

    def test_run(self) -> None:
        """
        Ex4: more than twenty in a row are printable.
        """
        for count, holds in ((20, []), (21, ["Ex4"])):
            data = RANDOM[:200] + b"\x80" + b"{" * count + b"\x80" + RANDOM
            self.assertEqual(self.holding(data), holds)

    def test_protocols(self) -> None:
        """
        Ex5: TLS records of two kinds, four methods of HTTP in any case.
        """
        for data in (b"\x16\x03\x01", b"\x17\x03\x09", b"GET ", b"put ", b"Post ", b"HEAD "):
            self.assertIn("Ex5", self.holding(data + RANDOM))
        for data in (b"\x15\x03\x01", b"\x16\x03\x0a", b"\x16\x02\x01", b"GET/", b"DELETE "):
            self.assertNotIn("Ex5", self.holding(data + RANDOM))


class ConstantTests(SynchronousTestCase):
    """
    Tests for ``constants`` and ``Constant``.
    """

    def test_found(self) -> None:
        """
        Bits that never change are found, in whole bytes and in parts.
        """
        samples = [b"\x47\x00\x80", b"\x47\xff\x91", b"\x47\x12\xee"]
        self.assertEqual(constants(samples), [Constant(0, 0xFF, 0x47), Constant(2, 0x80, 0x80)])

    def test_length(self) -> None:
        """
        Only what all samples have is compared, and no more than the beginning.
        """
        self.assertEqual(len(constants([bytes(3), bytes(9)])), 3)
        self.assertEqual(len(constants([bytes(1000)] * 2)), COMPARED)

    def test_enough(self) -> None:
        """
        Bytes that only some samples have count, if those are enough.
        """
        samples = [b"\x01\x02", b"\x01\x02\x03", b"\x01\x02\x03\x04"]
        for enough, length in ((None, 2), (3, 2), (2, 3), (1, 4)):
            self.assertEqual(
                constants(samples, enough), [Constant(n, 0xFF, n + 1) for n in range(length)]
            )

    def test_random(self) -> None:
        """
        There are none in random bytes.
        """
        source = random.Random(2)
        self.assertEqual(constants([source.randbytes(64) for _ in range(32)]), [])

    def test_binary(self) -> None:
        """
        A dot stands for each bit that changes.
        """
        self.assertEqual(Constant(0, 0b11000001, 0b01000001).binary, "01.....1")

    def test_continues(self) -> None:
        """
        Whole bytes go on whatever their value; others only where they are alike.
        """
        whole = Constant(1, 0xFF, 7)
        self.assertTrue(Constant(2, 0xFF, 9).continues(whole))
        self.assertFalse(Constant(3, 0xFF, 9).continues(whole))
        self.assertFalse(Constant(2, 0x80, 0).continues(whole))
        part = Constant(1, 0x80, 0)
        self.assertTrue(Constant(2, 0x80, 0).continues(part))
        self.assertFalse(Constant(2, 0x80, 0x80).continues(part))


class KeptTests(SynchronousTestCase):
    """
    Tests for ``kept``.
    """

    def groups(self, connections: int, packets: int) -> list[list[bytes]]:
        """
        :returns: packets with a number of each connection at bytes 2 to 3, and all else
            random.
        """
        source = random.Random(3)
        return [
            [
                source.randbytes(2) + number.to_bytes(2, "big") + source.randbytes(8)
                for _ in range(packets)
            ]
            for number in range(connections)
        ]

    def test_found(self) -> None:
        """
        What no connection changes is found, however many there are.
        """
        for connections, packets in ((40, 2), (20, 9), (1, 60)):
            self.assertEqual(kept(self.groups(connections, packets)), [2, 3])

    def test_few(self) -> None:
        """
        Of a few packets nothing is said: those that are the first say nothing.
        """
        self.assertEqual(kept(self.groups(SAMPLES, 1)), [])
        self.assertEqual(kept(self.groups(1, SAMPLES)), [])
        self.assertEqual(kept(self.groups(1, SAMPLES + 1)), [2, 3])

    def test_short(self) -> None:
        """
        Short packets say nothing of what they do not reach.
        """
        groups = [[*packets, packets[0][:3], b""] for packets in self.groups(20, 9)]
        self.assertEqual(kept(groups), [2, 3])
