"""
Numbers of requests: ids, confirmations and bodies.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import FramingError
from pyptwist.transports.meek.numbering import (
    ID_ENTROPY,
    Flag,
    Frame,
    confirmation,
    following,
    isOffer,
    offer,
    room,
)


class NumberingTests(SynchronousTestCase):
    """
    What stands on the wire.
    """

    def test_knownAnswers(self) -> None:
        """
        Sessions of one release go on in the next.
        """
        sessionId = offer(bytes(range(ID_ENTROPY)))
        self.assertEqual(sessionId, "00010203040506070809c1816c60c6a1")
        self.assertEqual(confirmation(sessionId).hex(), "8286ec2f47e268e363be1bd6c26bd855")
        frame = Frame(0x01020304, Flag.END | Flag.HOLD, b"abc")
        self.assertEqual(frame.encode(), b"\x01\x02\x03\x04\x03abc")

    @given(st.binary(min_size=ID_ENTROPY, max_size=ID_ENTROPY))
    def test_offer(self, entropy: bytes) -> None:
        """
        An offer looks like any id of obfs4proxy's, and is known again.
        """
        sessionId = offer(entropy)
        self.assertRegex(sessionId, "^[0-9a-f]{32}$")
        self.assertTrue(isOffer(sessionId))

    @given(st.one_of(st.text(max_size=40), st.from_regex("[0-9a-f]{32}", fullmatch=True)))
    def test_noOffer(self, sessionId: str) -> None:
        """
        Nobody else's id is one.
        """
        self.assertFalse(isOffer(sessionId))

    @given(st.integers(0, 2**32 - 1), st.integers(0, sum(Flag)), st.binary(max_size=50))
    def test_frame(self, number: int, flags: int, payload: bytes) -> None:
        frame = Frame(number, Flag(flags), payload)
        self.assertEqual(Frame.decode(frame.encode()), frame)

    @given(st.binary(max_size=50))
    def test_garbage(self, body: bytes) -> None:
        """
        A body is a frame, or a ``FramingError``.
        """
        try:
            self.assertEqual(Frame.decode(body).encode(), body)
        except FramingError:
            self.assertTrue(len(body) < 5 or body[4] > sum(Flag))

    def test_room(self) -> None:
        """
        With all that is before it, payload is no longer than the reference reads.
        """
        for number, before in ((0, 16), (1, 0), (9, 0)):
            body = bytes(before) + Frame(number, Flag.NONE, bytes(room(number))).encode()
            self.assertEqual(len(body), limits.MEEK_BODY)

    def test_following(self) -> None:
        """
        Numbers do not begin again.
        """
        self.assertEqual(following(-1), 0)
        self.assertEqual(following(2**32 - 2), 2**32 - 1)
        self.assertRaises(FramingError, following, 2**32 - 1)
