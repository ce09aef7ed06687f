"""
Tests for ``pyptwist.multiplex.kcp.segments``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.multiplex.kcp.segments import after, conversationOf, distance, readPacket

# snowflake-client's first packet: a SYN of smux, for the stream 3.
FIRST = bytes.fromhex("44332211 51 00 ffff 78563412 00000000 00000000 08000000 0200000003000000")
# kcptun's acknowledgement of it, and its own window.
ANSWER = bytes.fromhex(
    "44332211 52 00 0004 78563412 00000000 01000000 00000000"
    "44332211 54 00 0004 01020304 00000000 01000000 00000000"
)


class SegmentTests(SynchronousTestCase):
    """
    Known answers, and garbage.
    """

    def test_known(self) -> None:
        """
        Real packets come apart.
        """
        data = bytes.fromhex("0200000003000000")
        self.assertEqual(
            list(readPacket(FIRST, 0x11223344)), [(81, 0xFFFF, 0x12345678, 0, 0, data)]
        )
        self.assertEqual(
            list(readPacket(ANSWER, 0x11223344)),
            [(82, 1024, 0x12345678, 0, 1, b""), (84, 1024, 0x04030201, 0, 1, b"")],
        )

    def test_conversationOf(self) -> None:
        """
        Only data with a low number begins a conversation.
        """
        self.assertEqual(conversationOf(FIRST), 0x11223344)
        for garbage in (
            b"",
            FIRST[:23],
            ANSWER,
            FIRST[:-1],
            FIRST[:12] + b"\x20" + FIRST[13:],
            FIRST[:20] + bytes(4),
        ):
            self.assertIsNone(conversationOf(garbage))

    def test_foreign(self) -> None:
        """
        Another conversation's segment is none of ours, wherever it stands.
        """
        for packet in (FIRST, ANSWER[:24] + FIRST):
            with self.assertRaises(FramingError):
                list(readPacket(packet, 0x11223345))

    def test_broken(self) -> None:
        """
        A command that there is not, a length that is not there, half a header.
        """
        for packet in (FIRST[:4] + b"\x50" + FIRST[5:], FIRST[:-1], FIRST + ANSWER[:23]):
            with self.assertRaises(FramingError):
                list(readPacket(packet, 0x11223344))

    @given(st.binary(max_size=200))
    def test_garbage(self, packet: bytes) -> None:
        """
        Anything comes apart, or is refused in our own words.
        """
        conversationOf(packet)
        try:
            segments = list(readPacket(packet, int.from_bytes(packet[:4], "little")))
        except FramingError:
            return
        self.assertEqual(sum(24 + len(segment[5]) for segment in segments), len(packet))

    def test_circle(self) -> None:
        """
        Numbers go round.
        """
        self.assertEqual(after(0xFFFFFFFF), 0)
        self.assertEqual(distance(1, 0xFFFFFFFF), 2)
        self.assertEqual(distance(0xFFFFFFFF, 1), -2)
        self.assertEqual(distance(5, 5), 0)
