"""
The generator, against what Go's packages gave for the same seeds.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.drbg import Drbg, generatorHash

SEED = bytes(range(24))

# Made with obfs4proxy 0.0.14's common/drbg.
BLOCKS = [
    "28b572b88c1ab776",
    "a8de197d8e7de4b3",
    "4d3a58549e36707c",
    "9c0614afb5a7a147",
    "5df05f9589818d85",
    "aacc3481efb1a58c",
    "aff5068fe2d23f22",
    "35f4d94f858333a3",
    "9a5e86c187cf541d",
    "35bb63591de2516d",
]


class DrbgTests(SynchronousTestCase):
    """
    ``Drbg``
    """

    def test_blocks(self) -> None:
        """
        Each block depends on all before it, not on the last one only.
        """
        generator = Drbg(SEED)
        self.assertEqual([generator.block().hex() for _ in BLOCKS], BLOCKS)

    def test_int63(self) -> None:
        """
        Blocks as numbers.
        """
        generator = Drbg(SEED)
        self.assertEqual(generator.int63(), 2933376869251856246)
        self.assertEqual(generator.int63(), 2944819233399104691)

    def test_intn(self) -> None:
        """
        Go's Intn, as obfs4proxy draws its close delay from four seeds.
        """
        delays = {
            SEED: 24,
            b"\xff" * 24: 51,
            bytes(24): 55,
            bytes.fromhex("8ab9c2d1a5d34f0c77e1b0c4d5e6f708192a3b4c5d6e7f80"): 12,
        }
        for seed, delay in delays.items():
            self.assertEqual(Drbg(seed).intn(60), delay)

    def test_intnPowerOfTwo(self) -> None:
        """
        A power of two takes the low bits of the upper half, without rejecting.
        """
        first = int(BLOCKS[0], 16) & (1 << 63) - 1
        self.assertEqual(Drbg(SEED).intn(64), first >> 32 & 63)
        self.assertEqual(Drbg(SEED).intn(1), 0)

    def test_intnRejects(self) -> None:
        """
        A bound just above half the range has nearly half the numbers rejected.
        """
        bound = (1 << 30) + 1
        numbers = [(int(block, 16) & (1 << 63) - 1) >> 32 for block in BLOCKS]
        wanted = [number for number in numbers if number < bound]
        self.assertGreater(len(numbers), len(wanted))
        generator = Drbg(SEED)
        self.assertEqual([generator.intn(bound) for _ in wanted], wanted)

    def test_float64(self) -> None:
        """
        Go's Float64.
        """
        self.assertEqual(Drbg(SEED).float64(), 2933376869251856246 / 2**63)

    def test_permutation(self) -> None:
        """
        Every number is there once, and every number costs a block.
        """
        generator = Drbg(SEED)
        self.assertEqual(sorted(generator.permutation(8)), list(range(8)))
        self.assertEqual(generator.permutation(0), [])
        once = Drbg(SEED)
        once.permutation(1)
        self.assertEqual(once.block().hex(), BLOCKS[1])

    def test_seedLength(self) -> None:
        """
        A seed has 24 bytes.
        """
        for length in (0, 16, 23, 25):
            self.assertRaises(ValueError, Drbg, bytes(length))
            self.assertRaises(ValueError, generatorHash, bytes(length))
