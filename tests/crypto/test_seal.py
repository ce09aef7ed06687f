"""
Marks and MACs: made, found and refused.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.seal import Seal, SealSearch, epochHour, hoursAround
from pyptwist.errors import HandshakeFailed

HOUR = 382991
SEAL = Seal(b"a key that both sides know")
MAXIMUM = 500


class DateTests(SynchronousTestCase):
    """
    ``epochHour`` and ``hoursAround``
    """

    def test_epochHour(self) -> None:
        """
        Full hours since 1970.
        """
        self.assertEqual(epochHour(3600 * HOUR), HOUR)
        self.assertEqual(epochHour(3600 * HOUR + 3599.99), HOUR)

    def test_hoursAround(self) -> None:
        """
        The present one first.
        """
        self.assertEqual(hoursAround(HOUR), [b"382991", b"382990", b"382992"])


class SealTests(SynchronousTestCase):
    """
    ``Seal``
    """

    def test_obfs4(self) -> None:
        """
        A mark and a MAC of obfs4's: computed apart from this code.
        """
        key = bytes.fromhex("493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d")
        representative = bytes.fromhex(
            "9de874ea6a42886281ed05f32753fe56bd2677e0121ca826dae3415fe8036302"
        )
        message = Seal(key + bytes(range(20))).close(representative, bytes(77), b"382991")
        self.assertEqual(message[:-32], representative + bytes(77))
        self.assertEqual(message[-32:-16].hex(), "69aa6af0243e6907e36330850d15a26c")
        self.assertEqual(message[-16:].hex(), "60a2854769126154d92e4163c6d315c8")

    def test_scramblesuit(self) -> None:
        """
        And of scramblesuit's.
        """
        message = Seal(bytes(range(20))).close(bytes(range(192)), b"", b"382991")
        self.assertEqual(message[:192], bytes(range(192)))
        self.assertEqual(message[192:208].hex(), "141cda43c7d9156c6aaae552fb63d4eb")
        self.assertEqual(message[208:].hex(), "78031bf24712f44052aabab4d8d0ac4f")

    def test_whichHour(self) -> None:
        """
        The hour that was meant is found; with another one, nothing is.
        """
        for hour in (HOUR - 1, HOUR, HOUR + 1):
            message = SEAL.close(b"begin", b"rest", b"%d" % hour)
            self.assertEqual(SEAL.isClosed(message, hoursAround(HOUR)), b"%d" % hour)
        for hour in (HOUR - 2, HOUR + 2):
            message = SEAL.close(b"begin", b"rest", b"%d" % hour)
            self.assertEqual(SEAL.isClosed(message, hoursAround(HOUR)), b"")

    def test_changed(self) -> None:
        """
        Any bit counts, and so does the key.
        """
        good = SEAL.close(b"begin", b"rest", b"1")
        for at in range(len(good)):
            message = bytearray(good)
            message[at] ^= 0x80
            self.assertEqual(SEAL.isClosed(message, (b"1",)), b"")
        self.assertEqual(Seal(b"another").isClosed(good, (b"1",)), b"")


class SearchTests(SynchronousTestCase):
    """
    ``SealSearch``
    """

    def search(self) -> SealSearch:
        return SealSearch(SEAL, 5, 5, MAXIMUM)

    @settings(max_examples=50, deadline=None)
    @given(st.binary(max_size=MAXIMUM - 37), st.binary(max_size=50), st.integers(1, 200))
    def test_pieces(self, padding: bytes, behind: bytes, size: int) -> None:
        """
        It is found as soon as it is all there, in whatever pieces it comes.
        """
        message = SEAL.close(b"begin", padding, b"1")
        arriving, search = message + behind, self.search()
        for end in range(size, len(arriving) + size, size):
            found = search.end(bytearray(arriving[:end]))
            if end < len(message):
                self.assertIs(found, None)
            else:
                self.assertEqual(found, len(message))
                return
        self.fail("it was not found")

    def test_tooLong(self) -> None:
        """
        What lacks its end at the longest length fails, also if it came byte by
        byte, and if the mark is there but not the MAC.
        """
        search, message = self.search(), bytearray()
        for _ in range(MAXIMUM - 1):
            message += b"x"
            self.assertIs(search.end(message), None)
        message += b"x"
        self.assertRaises(HandshakeFailed, search.end, message)
        late = SEAL.close(b"begin", bytes(MAXIMUM - 36), b"1")
        self.assertRaises(HandshakeFailed, self.search().end, bytearray(late))

    def test_cheap(self) -> None:
        """
        One mark is computed, whatever comes.
        """
        tags: list[bytes] = []

        class Counting(Seal):
            def tag(self, data: bytes | bytearray | memoryview) -> bytes:
                tags.append(bytes(data))
                return super().tag(data)

        search = SealSearch(Counting(b""), 5, 5, MAXIMUM)
        for end in range(MAXIMUM):
            search.end(bytearray(b"begin" + bytes(MAXIMUM))[:end])
        self.assertEqual(tags, [b"begin"])
