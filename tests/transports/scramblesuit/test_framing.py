"""
Messages: made, opened, and refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.framing import (
    NEW_TICKET,
    NEWS,
    OVERHEAD,
    PAYLOAD,
    SEED,
    DirectionKeys,
    MessageDecoder,
    MessageEncoder,
    newsMessage,
    paddingMessage,
    payloadMessages,
)
from pyptwist.transports.scramblesuit.handshake import sessionKeys
from tests.transports.scramblesuit.pairs import MASTER_KEY

KEYS = DirectionKeys(bytes(range(32)), bytes(8), bytes(range(32, 64)))


def encoder() -> MessageEncoder:
    return MessageEncoder(KEYS)


def decoder(expected: Mapping[int, int] = NEWS) -> MessageDecoder:
    return MessageDecoder(KEYS, fixedEntropy("decoder"), expected)


def opened(wire: bytes | bytearray, expected: Mapping[int, int] = NEWS) -> bytes:
    payloads: list[bytes] = []
    decoder(expected).open(bytes(wire), payloads)
    return b"".join(payloads)


class EncoderTests(SynchronousTestCase):
    """
    ``MessageEncoder`` and what it is given
    """

    def test_vector(self) -> None:
        """
        The first message of a connection whose keys are known.
        """
        wire = MessageEncoder(sessionKeys(MASTER_KEY).toServer).seal(payloadMessages(b"hello"))
        self.assertEqual(wire.hex(), "ec2827933c86272a296e3a671dbfe500bc6120c7d40552a2da06")

    def test_lengths(self) -> None:
        """
        Payload is cut into messages of 1448 bytes at the most.
        """
        for size, lengths in (
            (1, [6]),
            (1427, [1432]),
            (1428, [1432, 6]),
            (2 * 1427, [1432, 1432]),
            (3000, [1432, 1432, 151]),
        ):
            messages = payloadMessages(bytes(size))
            self.assertEqual([len(message) for message in messages], lengths)
            wire = encoder().seal(messages)
            self.assertEqual(len(wire), sum(lengths) + 16 * len(lengths))

    def test_oneStream(self) -> None:
        """
        Messages sealed together or one after the other are the same bytes.
        """
        messages = [*payloadMessages(bytes(3000)), paddingMessage(0), paddingMessage(1427)]
        alone, together = encoder(), encoder()
        self.assertEqual(b"".join(alone.seal([m]) for m in messages), together.seal(messages))

    def test_hidden(self) -> None:
        """
        Keys do not get into a log.
        """
        self.assertEqual(repr(KEYS), "<DirectionKeys>")


class DecoderTests(SynchronousTestCase):
    """
    ``MessageDecoder``
    """

    def test_roundTrip(self) -> None:
        """
        Payload comes back, padding does not.
        """
        data = fixedEntropy("data")(5000)
        messages = [paddingMessage(100), *payloadMessages(data), paddingMessage(0)]
        self.assertEqual(opened(encoder().seal(messages)), data)

    def test_paddedPayload(self) -> None:
        """
        Payload and padding may be in one message.
        """
        message = b"\x00\x09\x00\x05\x01hello" + bytes(4)
        self.assertEqual(opened(encoder().seal([message])), b"hello")

    @settings(max_examples=60, deadline=None)
    @given(st.binary(min_size=1, max_size=4000), st.lists(st.integers(0, 4200), max_size=6))
    def test_pieces(self, data: bytes, cuts: list[int]) -> None:
        """
        It does not matter how the bytes arrive.
        """
        wire = bytes(encoder().seal([*payloadMessages(data), paddingMessage(50)]))
        places = sorted(min(cut, len(wire)) for cut in cuts)
        one = decoder()
        payloads: list[bytes] = []
        for start, end in zip([0, *places], [*places, len(wire)], strict=True):
            one.open(wire[start:end], payloads)
        self.assertEqual(b"".join(payloads), data)

    def test_byteByByte(self) -> None:
        """
        Nor does it if every byte comes alone; what is complete is given at once.
        """
        wire = bytes(encoder().seal(payloadMessages(b"one") + payloadMessages(b"two")))
        one = decoder()
        payloads: list[bytes] = []
        for at in range(len(wire)):
            self.assertEqual(b"".join(payloads), b"one" if at >= 24 else b"")
            self.assertEqual(one.hasOpened, at >= 24)
            one.open(wire[at : at + 1], payloads)
        self.assertEqual(b"".join(payloads), b"onetwo")

    def test_keepsLittle(self) -> None:
        """
        Only what is not complete is kept.
        """
        one, whole = decoder(), bytes(encoder().seal(payloadMessages(bytes(30_000))))
        one.open(whole[:-1], [])
        self.assertLess(len(one._rest), 1448)

    def test_news(self) -> None:
        """
        Tickets and seeds are told apart from payload; the last one counts.
        """
        ticket, seed = bytes(144), bytes(range(32))
        wire = encoder().seal(
            [
                newsMessage(NEW_TICKET, b"\xff" * 144),
                newsMessage(SEED, seed),
                newsMessage(NEW_TICKET, ticket),
                *payloadMessages(b"hello"),
            ]
        )
        one = decoder()
        payloads: list[bytes] = []
        one.open(bytes(wire), payloads)
        self.assertEqual(payloads, [b"hello"])
        self.assertEqual(one.news, {NEW_TICKET: ticket, SEED: seed})

    def test_notForServers(self) -> None:
        """
        A server takes neither.
        """
        for flags, length in NEWS.items():
            wire = encoder().seal([newsMessage(flags, bytes(length))])
            self.assertRaises(FramingError, opened, wire, {})

    def test_badFlags(self) -> None:
        """
        No other flags, no two flags, and no other lengths.
        """
        for flags in {*range(256)} - {PAYLOAD, *NEWS}:
            for size in (0, 32, 144):
                wire = encoder().seal([newsMessage(flags, bytes(size))])
                self.assertRaises(FramingError, opened, wire)
        for flags, length in NEWS.items():
            for size in (0, length - 1, length + 1):
                wire = encoder().seal([newsMessage(flags, bytes(size))])
                self.assertRaises(FramingError, opened, wire)

    def test_tampered(self) -> None:
        """
        Whatever bit is changed, the message is not taken; what came before is.
        """
        good = encoder().seal(payloadMessages(b"first") + payloadMessages(b"second"))
        for at in range(26, len(good)):
            wire = bytearray(good)
            wire[at] ^= 1 << at % 8
            payloads: list[bytes] = []
            one = decoder()
            with self.assertRaises(FramingError):
                # Behind a changed length, more has to come before it shows.
                one.open(bytes(wire) + bytes(2 * 1448), payloads)
            self.assertEqual(payloads, [b"first"])

    def test_illegalLengths(self) -> None:
        """
        They are not refused before some legal length has come, so that whoever
        changes bits does not learn what they mean; but then they are.
        """
        waited = set()
        for number, header in enumerate(
            ["059400000100", "ffff00000100", "000000010100", "000500060100"] * 8
        ):
            plain = bytes.fromhex(header)[:5]
            wire = bytes(encoder().seal([plain])) + bytes(1500)
            one = MessageDecoder(KEYS, fixedEntropy(str(number)), NEWS)
            for at in range(len(wire)):
                try:
                    one.open(wire[at : at + 1], [])
                except FramingError:
                    waited.add(at)
                    break
            else:
                self.fail("an illegal length was taken")
        self.assertGreater(len(waited), 20)
        self.assertTrue(all(OVERHEAD <= at + 1 <= 1448 for at in waited), waited)

    def test_illegalThoughAuthentic(self) -> None:
        """
        A peer that has the key and breaks the rules gets no further than one
        that has not, even if the length that was pretended suits it.
        """
        one = MessageDecoder(KEYS, bytes, NEWS)
        # More payload than there is room for, and 0 pretended for the length.
        wire = encoder().seal([bytes.fromhex("0000000101")])
        self.assertRaises(FramingError, one.open, bytes(wire), [])

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=4000))
    def test_anyGarbage(self, data: bytes) -> None:
        """
        Garbage is refused, or waited upon, and nothing else.
        """
        payloads: list[bytes] = []
        try:
            decoder().open(data, payloads)
        except FramingError:
            pass
        else:
            self.assertLess(len(data), 1448)
        self.assertEqual(payloads, [])
