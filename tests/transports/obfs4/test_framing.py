"""
Frames and packets, against those of Go's packages, whole and broken.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.testing import fixedEntropy
from pyptwist.transports.obfs4.framing import (
    FrameDecoder,
    FrameEncoder,
    dataPackets,
    paddingPacket,
    seedPacket,
)

# Made with obfs4proxy 0.0.14's transports/obfs4/framing.
KEYS = bytes.fromhex(
    "8882e494687764bb2f6d9ecbd507f42765f869d324229177a95d277b32d3a774"
    "ee27f2512aea4c85a4bb3e67fc1d733d4c1039556a71097786a25e1c211a4d24"
    "362b47f0c34fb184"
)
HELLO = "0fb2a07149aa82472b0872597592ae757eba5f0f9fb30f"
EMPTY = "1208a57f33e6cf2fbe37220688d5fd5b5e80"

PAYLOAD = fixedEntropy("payload")(5000)


def frames(*packets: bytes) -> bytes:
    return bytes(FrameEncoder(KEYS).seal(packets))


def decode(*pieces: bytes, seed: str = "decoder") -> tuple[bytes, bytes | None]:
    """
    :returns: the payload, and the last seed.
    """
    decoder = FrameDecoder(KEYS, fixedEntropy(seed))
    payloads: list[bytearray] = []
    for piece in pieces:
        decoder.open(piece, payloads)
    return b"".join(payloads), decoder.seed


class PacketTests(SynchronousTestCase):
    """
    ``dataPackets`` and the like.
    """

    def test_cut(self) -> None:
        """
        Payload is cut into full packets and a rest, with nothing added.
        """
        for length in (1, 1426, 1427, 1428, 2854, 5000):
            packets = dataPackets(PAYLOAD[:length])
            self.assertEqual(b"".join(packet[3:] for packet in packets), PAYLOAD[:length])
            self.assertTrue(all(packet[0] == 0 for packet in packets))
            sizes = [int.from_bytes(packet[1:3], "big") for packet in packets]
            self.assertEqual(sizes, [len(packet) - 3 for packet in packets])
            self.assertTrue(all(size == 1427 for size in sizes[:-1]))
            self.assertTrue(0 < sizes[-1] <= 1427)

    def test_others(self) -> None:
        """
        Packets that carry no payload.
        """
        self.assertEqual(paddingPacket(5), bytes(8))
        self.assertEqual(seedPacket(b"s" * 24), b"\x01\x00\x18" + b"s" * 24)


class EncoderTests(SynchronousTestCase):
    """
    ``FrameEncoder``
    """

    def test_vectors(self) -> None:
        """
        Two frames are the reference's: mask, nonce and counter are right.
        """
        self.assertEqual(frames(b"hello", b"").hex(), HELLO + EMPTY)

    def test_continues(self) -> None:
        """
        A later call goes on where the last one ended.
        """
        encoder = FrameEncoder(KEYS)
        self.assertEqual(encoder.seal([b"hello"]).hex(), HELLO)
        self.assertEqual(encoder.seal([]), b"")
        self.assertEqual(encoder.seal([b""]).hex(), EMPTY)

    def test_lengths(self) -> None:
        """
        A full frame has 1448 bytes, a seed frame 45, and an empty one 21.
        """
        self.assertEqual(len(frames(*dataPackets(PAYLOAD[:1427]))), 1448)
        self.assertEqual(len(frames(paddingPacket(1427))), 1448)
        self.assertEqual(len(frames(seedPacket(bytes(24)))), 45)
        self.assertEqual(len(frames(paddingPacket(0))), 21)


class DecoderTests(SynchronousTestCase):
    """
    ``FrameDecoder``, on what correct peers send.
    """

    def test_roundTrip(self) -> None:
        """
        Payload arrives, padding does not.
        """
        packets = [paddingPacket(7), *dataPackets(PAYLOAD), paddingPacket(1427)]
        packets += [b"\x00\x00\x02ab" + bytes(100), paddingPacket(0)]
        self.assertEqual(decode(frames(*packets)), (PAYLOAD + b"ab", None))

    def test_anyBuffer(self) -> None:
        """
        Whatever kind of bytes the network gives.
        """
        wire = frames(*dataPackets(PAYLOAD))
        for kind in (bytes, bytearray, memoryview):
            decoder = FrameDecoder(KEYS, fixedEntropy(""))
            payloads: list[bytearray] = []
            for piece in (wire[:700], wire[700:701], b"", wire[701:]):
                decoder.open(kind(piece), payloads)
            self.assertEqual(b"".join(payloads), PAYLOAD)

    def test_byteByByte(self) -> None:
        """
        Single bytes are enough, and no more than one frame is kept.
        """
        wire = frames(*dataPackets(PAYLOAD))
        decoder = FrameDecoder(KEYS, fixedEntropy(""))
        payloads: list[bytearray] = []
        for at in range(len(wire)):
            decoder.open(wire[at : at + 1], payloads)
            self.assertLess(len(decoder._rest), 1446)
        self.assertEqual(b"".join(payloads), PAYLOAD)
        self.assertEqual(decoder._rest, b"")

    @settings(max_examples=60, deadline=None)
    @given(st.binary(min_size=1, max_size=4000), st.lists(st.integers(0, 6000), max_size=12))
    def test_anyChunking(self, payload: bytes, cuts: list[int]) -> None:
        """
        How the network cuts the stream makes no difference.
        """
        wire = frames(*dataPackets(payload), paddingPacket(30), *dataPackets(payload))
        places = [0, *sorted(cuts), len(wire)]
        pieces = [wire[a:b] for a, b in pairwise(places)]
        self.assertEqual(decode(*pieces)[0], payload + payload)

    def test_unknownType(self) -> None:
        """
        Packets of other types are ignored.
        """
        wire = frames(b"\x07\x00\x03abc", b"\xff\x00\x00", *dataPackets(b"data"))
        self.assertEqual(decode(wire), (b"data", None))

    def test_seed(self) -> None:
        """
        The last seed of the right length is noted, and is no payload.
        """
        wire = frames(
            seedPacket(b"1" * 24), b"\x00\x00\x01x", seedPacket(b"2" * 24), seedPacket(b"3" * 23)
        )
        self.assertEqual(decode(wire), (b"x", b"2" * 24))


class BrokenTests(SynchronousTestCase):
    """
    ``FrameDecoder``, on what no correct peer sends.
    """

    def failing(self, wire: bytes) -> bytes:
        """
        :returns: the payload that came before the error.
        """
        decoder = FrameDecoder(KEYS, fixedEntropy("broken"))
        payloads: list[bytearray] = []
        self.assertRaises(FramingError, decoder.open, wire, payloads)
        return b"".join(payloads)

    def test_everyByte(self) -> None:
        """
        A change of any byte is found, and what came before it is not lost.
        """
        first, second = frames(*dataPackets(b"first")), len(frames(*dataPackets(b"second")))
        wire = frames(*dataPackets(b"first"), *dataPackets(b"second"))
        for at in range(len(first), len(first) + second):
            bad = bytearray(wire + bytes(1500))
            bad[at] ^= 0x80
            self.assertEqual(self.failing(bytes(bad)), b"first")

    def test_order(self) -> None:
        """
        Frames left out, repeated or exchanged are found.
        """
        wire = frames(*dataPackets(PAYLOAD[:2854]), paddingPacket(1427))
        one, two, three = wire[:1448], wire[1448:2896], wire[2896:]
        for stream in (one + three, one + one, two + one):
            self.failing(stream + bytes(1448))

    def test_shortPacket(self) -> None:
        """
        A packet without room for its head is an error, whatever came before.
        """
        for short in (b"", b"\x00", b"\x00\x00"):
            self.assertEqual(self.failing(frames(*dataPackets(b"abc"), short)), b"abc")

    def test_payloadTooLong(self) -> None:
        """
        A payload that ends behind its packet is an error, also in a packet that
        would be ignored.
        """
        for packet in (b"\x00\x00\x01", b"\x00\xff\xffab", b"\x07\x00\x03ab"):
            self.assertEqual(self.failing(frames(*dataPackets(b"x"), packet)), b"x")

    def test_illegalLength(self) -> None:
        """
        An illegal length shows no earlier than some legal one would have.
        """
        mask = int(HELLO[:4], 16) ^ 21
        for illegal in (0, 15, 1447, 65535):
            for entropy, length in ((bytes, 16), (lambda n: b"\xff" * n, 1446)):
                decoder = FrameDecoder(KEYS, entropy)
                payloads: list[bytearray] = []
                decoder.open((illegal ^ mask).to_bytes(2, "big"), payloads)
                decoder.open(bytes(length - 1), payloads)
                self.assertRaises(FramingError, decoder.open, b"x", payloads)

    def test_illegalButAuthentic(self) -> None:
        """
        It stays an error if the length put in its place happens to be right.
        """
        wire = bytearray(frames(*dataPackets(PAYLOAD[:1427])))
        wire[0] ^= 0x80
        decoder = FrameDecoder(KEYS, lambda count: b"\xff" * count)
        payloads: list[bytearray] = []
        self.assertRaises(FramingError, decoder.open, bytes(wire), payloads)
        self.assertEqual(payloads, [])

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=5000), st.integers(0, 5000))
    def test_garbage(self, garbage: bytes, place: int) -> None:
        """
        Garbage is an error in the end, and never another exception.
        """
        wire = frames(*dataPackets(PAYLOAD[:1000]), *dataPackets(PAYLOAD[1000:2000]))
        wire = wire[: place % len(wire)] + garbage + bytes(4000)
        self.assertTrue(PAYLOAD.startswith(self.failing(wire)))
