"""
Tests for ``pyptwist.modes.framing``.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.modes.framing import LENGTH, LONGEST, STUN, Framing, Unframeable

COOKIE = b"\x21\x12\xa4\x42"
TRANSACTION = bytes(range(12))


def message(body: bytes = b"", kind: bytes = b"\x00\x01") -> bytes:
    """
    :returns: a STUN message, a binding request by default.
    """
    return kind + len(body).to_bytes(2, "big") + COOKIE + TRANSACTION + body


def channelData(payload: bytes, channel: bytes = b"\x40\x00") -> bytes:
    """
    :returns: a ChannelData message as over UDP, without padding.
    """
    return channel + len(payload).to_bytes(2, "big") + payload


def decode(framing: Framing, pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    """
    :returns: the datagrams, and what was wrong then.
    """
    decoder = framing.decoder()
    found = [datagram for piece in pieces for datagram in decoder.receive(piece)]
    return found, str(decoder.error) if decoder.error else None


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """
    :returns: the data, cut there.
    """
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


stunMessages = st.builds(
    lambda words, kind: message(words * 4, kind.to_bytes(2, "big")),
    st.binary(max_size=40),
    st.integers(0, 0x3FFF),
)
channelMessages = st.builds(
    lambda payload, channel: channelData(payload, channel.to_bytes(2, "big")),
    st.binary(max_size=40),
    st.integers(0x4000, 0x7FFF),
)
cuts = st.lists(st.integers(0, 1 << 16), max_size=8)


class LengthTests(SynchronousTestCase):
    """
    Transparent-UDP's framing.
    """

    def test_layout(self) -> None:
        """
        Two bytes, the more significant first, then the datagram.
        """
        self.assertEqual(LENGTH.encode(b"a" * 258), b"\x01\x02" + b"a" * 258)
        self.assertEqual(LENGTH.encode(b""), b"\x00\x00")

    def test_longest(self) -> None:
        """
        All that two bytes can say is carried, and no more.
        """
        datagram = b"x" * LONGEST
        self.assertEqual(decode(LENGTH, [LENGTH.encode(datagram)]), ([datagram], None))
        self.assertRaises(Unframeable, LENGTH.encode, datagram + b"x")

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=600), max_size=8), cuts)
    def test_anySplit(self, datagrams: list[bytes], places: list[int]) -> None:
        """
        Datagrams keep their boundaries, empty ones too, whatever the stream's are.
        """
        stream = b"".join(map(LENGTH.encode, datagrams))
        self.assertEqual(decode(LENGTH, split(stream, places)), (datagrams, None))
        self.assertEqual(decode(LENGTH, [bytes([b]) for b in stream]), (datagrams, None))


class StunTests(SynchronousTestCase):
    """
    The STUN mode's framing.
    """

    @settings(deadline=None)
    @given(st.lists(stunMessages | channelMessages, max_size=8), cuts)
    def test_anySplit(self, datagrams: list[bytes], places: list[int]) -> None:
        """
        Messages of both kinds pass, as they were.
        """
        stream = b"".join(map(STUN.encode, datagrams))
        self.assertEqual(decode(STUN, split(stream, places)), (datagrams, None))
        self.assertEqual(decode(STUN, [bytes([b]) for b in stream]), (datagrams, None))

    @settings(deadline=None)
    @given(st.lists(stunMessages | channelMessages, max_size=3), st.binary(max_size=60), cuts)
    def test_garbage(self, datagrams: list[bytes], garbage: bytes, places: list[int]) -> None:
        """
        Garbage gives at most an error; what came before it is not lost; and that
        does not depend on how it arrives.
        """
        stream = b"".join(map(STUN.encode, datagrams)) + garbage
        whole = decode(STUN, [stream])
        self.assertEqual(whole[0][: len(datagrams)], datagrams)
        self.assertEqual(decode(STUN, split(stream, places)), whole)
        self.assertEqual(decode(STUN, [bytes([b]) for b in stream]), whole)

    def test_concatenated(self) -> None:
        """
        STUN messages are not framed at all (PT 3.0, section 1.5.4).
        """
        self.assertEqual(STUN.encode(message(b"body")), message(b"body"))

    def test_channelPadding(self) -> None:
        """
        ChannelData is padded to four bytes on the stream (RFC 8656, section 12.5),
        whether it was padded as a datagram or not, and loses the padding.
        """
        bare = channelData(b"12345")
        frame = bare + bytes(3)
        for datagram in (bare, bare + bytes(3)):
            self.assertEqual(STUN.encode(datagram), frame)
        self.assertEqual(decode(STUN, [frame, frame]), ([bare, bare], None))
        self.assertEqual(decode(STUN, [frame[:-1]]), ([], None))

    def test_refused(self) -> None:
        """
        What is neither, or is not as long as it says, cannot be sent.
        """
        for datagram in (
            b"",
            b"\x00",
            message()[:19],
            message() + bytes(4),
            message(b"four")[:-1],
            message(b"odd"),
            message().replace(COOKIE, b"\x21\x12\xa4\x43"),
            b"\x16\xfe\xfd" + bytes(40),  # DTLS
            b"\x80\x60" + bytes(40),  # RTP
            channelData(b"12345") + bytes(4),
            channelData(b"12345")[:-1],
            b"\x40\x00\x00",
        ):
            self.assertRaises(Unframeable, STUN.encode, datagram)

    def test_errors(self) -> None:
        """
        A stream of anything else ends at the first byte that shows it.
        """
        for stream, why in (
            (b"\x80", "neither STUN nor ChannelData"),
            (b"\xff", "neither STUN nor ChannelData"),
            (b"\x00\x01\x00\x03", "neither STUN nor ChannelData"),
            (b"\x00\x01\xff\xfc", "a STUN message is too long"),
            (b"\x40\x00\xff\xfc", "a ChannelData message is too long"),
            (b"\x00\x01\x00\x00\x22", "a STUN message without the magic cookie"),
        ):
            self.assertEqual(decode(STUN, [stream]), ([], why))

    def test_nothingAfterAnError(self) -> None:
        """
        After an error nothing is believed.
        """
        decoder = STUN.decoder()
        self.assertEqual(decoder.receive(message() + b"\xff"), [message()])
        self.assertIsInstance(decoder.error, FramingError)
        self.assertEqual(decoder.receive(message()), [])

    def test_longest(self) -> None:
        """
        The longest messages of both kinds that fit into a datagram's length.
        """
        for datagram in (message(b"x" * 65512), channelData(b"x" * 65531)):
            self.assertEqual(decode(STUN, [STUN.encode(datagram)]), ([datagram], None))
