"""
Tests for ``pyptwist.transports.shadow.chunks``.
"""

from __future__ import annotations

from itertools import pairwise

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.testing import fixedEntropy
from pyptwist.transports.shadow.chunks import (
    MAXIMUM_PAYLOAD,
    ChunkOpener,
    ChunkSealer,
    bigEndian,
    littleEndian,
)
from tests.transports.shadow.vectors import CHUNKS, TO_SERVER

DATA = fixedEntropy("chunks")(40_000)


def sealer() -> ChunkSealer:
    return ChunkSealer(AESGCM(TO_SERVER), bigEndian)


def opener() -> ChunkOpener:
    return ChunkOpener(AESGCM(TO_SERVER), bigEndian)


def opened(*pieces: bytes) -> bytes:
    payloads: list[bytes] = []
    one = opener()
    for piece in pieces:
        one.open(piece, payloads)
    return b"".join(payloads)


class NonceTests(SynchronousTestCase):
    def test_littleEndian(self) -> None:
        self.assertEqual(littleEndian(0x0102), b"\x02\x01" + bytes(10))

    def test_bigEndian(self) -> None:
        self.assertEqual(bigEndian(0x0102), b"\x1a" * 4 + bytes(6) + b"\x01\x02")


class ChunkTests(SynchronousTestCase):
    def test_vector(self) -> None:
        one = sealer()
        self.assertEqual(b"".join(one.seal(b"hello") + one.seal(b"x")), CHUNKS)
        self.assertEqual(opened(CHUNKS), b"hellox")

    def test_lengths(self) -> None:
        """
        No chunk is longer than the longest, and none is empty.
        """
        for size, chunks in ((0, 0), (1, 1), (MAXIMUM_PAYLOAD, 1), (MAXIMUM_PAYLOAD + 1, 2)):
            boxes = sealer().seal(bytes(size))
            self.assertEqual(len(boxes), 2 * chunks)
            self.assertEqual(len(b"".join(boxes)), size + chunks * 34)
            self.assertEqual(opened(b"".join(boxes)), bytes(size))

    def test_highBits(self) -> None:
        """
        Which nobody is to set, and which are ignored.
        """
        aead = AESGCM(TO_SERVER)
        length = aead.encrypt(bigEndian(0), b"\xc0\x05", None)
        self.assertEqual(opened(length + aead.encrypt(bigEndian(1), b"hello", None)), b"hello")

    def test_emptyChunk(self) -> None:
        aead = AESGCM(TO_SERVER)
        empty = aead.encrypt(bigEndian(0), b"\0\0", None) + aead.encrypt(bigEndian(1), b"", None)
        self.assertEqual(opened(empty), b"")

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 40_200), max_size=8))
    def test_split(self, places: list[int]) -> None:
        """
        Cuts mean nothing.
        """
        stream = b"".join(sealer().seal(DATA))
        pieces = [stream[a:b] for a, b in pairwise([0, *sorted(places), len(stream)])]
        self.assertEqual(opened(*pieces), DATA)

    def test_byteByByte(self) -> None:
        self.assertEqual(opened(*(CHUNKS[at : at + 1] for at in range(len(CHUNKS)))), b"hellox")

    def test_everyBit(self) -> None:
        """
        What came before the wrong chunk is payload.
        """
        for at in range(len(CHUNKS)):
            wrong = bytearray(CHUNKS)
            wrong[at] ^= 1 << at % 8
            payloads: list[bytes] = []
            with self.assertRaises(FramingError):
                opener().open(bytes(wrong), payloads)
            self.assertEqual(payloads, [b"hello"] if at >= 39 else [])

    @given(st.binary(max_size=100), st.integers(0, 100))
    def test_garbage(self, data: bytes, place: int) -> None:
        one = opener()
        try:
            one.open(data[:place], [])
            one.open(data[place:], [])
        except FramingError:
            return
        self.assertLess(len(data), 18)

    def test_isWithin(self) -> None:
        one = opener()
        for at in range(len(CHUNKS)):
            self.assertEqual(one.isWithin, at not in (0, 39))
            one.open(CHUNKS[at : at + 1], [])
        self.assertFalse(one.isWithin)
