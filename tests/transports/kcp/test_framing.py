"""
Tests for ``pyptwist.transports.kcp.framing`` and ``.cookies``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.testing import fixedEntropy
from pyptwist.transports.kcp.cookies import Cookies
from pyptwist.transports.kcp.framing import COOKIE, KcptunFraming, Kind, SessionFraming

ID = b"session!"
PACKET = bytes(range(30))


class SessionFramingTests(SynchronousTestCase):
    """
    Our own.
    """

    def test_known(self) -> None:
        """
        The datagrams are what the documentation says.
        """
        framing = SessionFraming()
        said = {
            (Kind.PACKET, PACKET): "00" + PACKET.hex(),
            (Kind.HELLO, b""): "0101" + "00" * 15,
            (Kind.CHALLENGE, PACKET[:16]): "02" + PACKET[:16].hex(),
            (Kind.ANSWER, PACKET[:16]): "03" + PACKET[:16].hex(),
            (Kind.ACCEPT, b""): "04",
            (Kind.PING, b""): "05" + "00" * 16,
            (Kind.PONG, b""): "06",
            (Kind.OVER, b""): "07",
            (Kind.ABORT, b""): "08",
        }
        self.assertEqual({kind for kind, _ in said}, set(Kind))
        for (kind, body), text in said.items():
            sealed = framing.seal(ID, kind, body)
            self.assertEqual(sealed.hex(), ID.hex() + text)
            self.assertEqual(framing.open(sealed), (ID, kind, sealed[9:]))

    def test_answersAreShorter(self) -> None:
        """
        No answer is longer than what it answers.
        """
        framing = SessionFraming()
        lengths = {kind: len(framing.seal(ID, kind, bytes(COOKIE))) for kind in Kind}
        lengths |= {
            kind: len(framing.seal(ID, kind))
            for kind in Kind
            if kind not in (Kind.PACKET, Kind.CHALLENGE, Kind.ANSWER)
        }
        for asked, answers in {
            Kind.HELLO: (Kind.CHALLENGE, Kind.ACCEPT, Kind.ABORT),
            Kind.ANSWER: (Kind.ACCEPT, Kind.ABORT, Kind.OVER),
            Kind.PING: (Kind.PONG, Kind.CHALLENGE, Kind.OVER),
        }.items():
            for answer in answers:
                self.assertLessEqual(lengths[answer], lengths[asked])

    def test_refused(self) -> None:
        """
        Nothing is taken that is longer, shorter or otherwise than it should be.
        """
        framing = SessionFraming()
        for kind in Kind:
            body = bytes(COOKIE) if kind in (Kind.CHALLENGE, Kind.ANSWER) else b""
            sealed = framing.seal(ID, kind, body)
            if kind is not Kind.PACKET:
                self.assertIsNone(framing.open(sealed + b"\0"))
            self.assertIsNone(framing.open(sealed[:-1]))
            self.assertIsNone(framing.open(sealed[:8] + b"\x09" + sealed[9:]))
        hello = framing.seal(ID, Kind.HELLO)
        self.assertIsNone(framing.open(hello[:9] + b"\x02" + hello[10:]), "another version")
        self.assertIsNone(framing.open(framing.seal(ID, Kind.PACKET, PACKET[:23])))

    @given(st.binary(max_size=60))
    def test_garbage(self, datagram: bytes) -> None:
        """
        Whatever comes.
        """
        opened = SessionFraming().open(datagram)
        if opened is not None:
            session, kind, body = opened
            self.assertEqual(SessionFraming().seal(session, kind, body), datagram)


class KcptunFramingTests(SynchronousTestCase):
    """
    kcptun's.
    """

    def test_packets(self) -> None:
        """
        There and back again; the conversation stands for a session.
        """
        framing = KcptunFraming(fixedEntropy("kcptun"))
        sealed = framing.seal(b"", Kind.PACKET, PACKET)
        self.assertEqual(len(sealed), 20 + len(PACKET))
        self.assertEqual(framing.open(sealed), (PACKET[:4], Kind.PACKET, PACKET))
        self.assertNotEqual(sealed[:16], framing.seal(b"", Kind.PACKET, PACKET)[:16])

    def test_others(self) -> None:
        """
        Nothing else can be said.
        """
        framing = KcptunFraming(fixedEntropy("kcptun"))
        for kind in set(Kind) - {Kind.PACKET}:
            self.assertEqual(framing.seal(ID, kind, bytes(16)), b"")

    def test_damaged(self) -> None:
        """
        A checksum that is wrong, and a packet that cannot be one.
        """
        framing = KcptunFraming(fixedEntropy("kcptun"))
        sealed = framing.seal(b"", Kind.PACKET, PACKET)
        for index in (16, 19, 20, len(sealed) - 1):
            damaged = bytearray(sealed)
            damaged[index] ^= 1
            self.assertIsNone(framing.open(bytes(damaged)))
        self.assertIsNone(framing.open(sealed[:20]))
        self.assertIsNone(framing.open(b""))
        self.assertIsNone(framing.open(framing.seal(b"", Kind.PACKET, PACKET[:23])))


class CookieTests(SynchronousTestCase):
    """
    Cookies.
    """

    def test_cookies(self) -> None:
        """
        Each is good for one session, at one address, for a while, with one server.
        """
        cookies = Cookies(fixedEntropy("one"))
        cookie = cookies.make(ID, ("192.0.2.1", 5), 1000.0)
        self.assertEqual(len(cookie), COOKIE)
        self.assertTrue(cookies.isGood(cookie, ID, ("192.0.2.1", 5), 1000.0))
        self.assertTrue(cookies.isGood(cookie, ID, ("192.0.2.1", 5), 1000.0 + limits.KCP_COOKIE))
        self.assertFalse(cookies.isGood(cookie, ID[::-1], ("192.0.2.1", 5), 1000.0))
        self.assertFalse(cookies.isGood(cookie, ID, ("192.0.2.1", 6), 1000.0))
        self.assertFalse(cookies.isGood(cookie, ID, ("192.0.2.2", 5), 1000.0))
        late = 1000.0 + 2 * limits.KCP_COOKIE
        self.assertFalse(cookies.isGood(cookie, ID, ("192.0.2.1", 5), late))
        other = Cookies(fixedEntropy("two"))
        self.assertFalse(other.isGood(cookie, ID, ("192.0.2.1", 5), 1000.0))
        self.assertLess(2 * limits.KCP_COOKIE, limits.KCP_REMEMBERED)
