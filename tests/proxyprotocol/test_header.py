"""
Tests for ``pyptwist.proxyprotocol.header``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.protocols.haproxy import proxyEndpoint
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import HandshakeFailed
from pyptwist.proxyprotocol.header import announced, headerLength
from pyptwist.testing import MemoryNetwork
from pyptwist.testing.applications import Applications
from tests.proxyheaders import LOCAL, SIGNATURE, UNKNOWN, binary, fixed, line

_V4 = (IPv4Address("TCP", "198.51.100.7", 4711), IPv4Address("TCP", "192.0.2.1", 443))
_V6 = (IPv6Address("TCP", "2001:db8::7", 4711), IPv6Address("TCP", "2001:db8::1", 443))

_WHOLE = {
    line(): _V4,
    line("2001:db8::7"): _V6,
    line("2001:db8:0:0:0:0:0:7"): _V6,
    binary(): _V4,
    binary("2001:db8::7"): _V6,
    binary(more=b"\x04\x00\x03abc" * 9): _V4,
    UNKNOWN: None,
    b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n": None,
    LOCAL: None,
    fixed(0x20, 0x11, 12) + bytes(12): None,
    fixed(0x21, 0x00, 3) + b"abc": None,
    # Of datagrams, and of a socket with a path: a client has no address then.
    fixed(0x21, 0x12, 12) + bytes(12): None,
    fixed(0x21, 0x31, 216) + b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0"): None,
}

_MALFORMED = [
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 one 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 example.org 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1_0 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 \t1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY TCP4 \xff\xfe 192.0.2.2 1 2\r\n",
    fixed(0x22, 0x11, 12) + bytes(12),
    fixed(0x11, 0x11, 12) + bytes(12),
    fixed(0x21, 0x11, 11) + bytes(11),
    fixed(0x21, 0x21, 12) + bytes(12),
    fixed(0x21, 0x41, 12) + bytes(12),
    fixed(0x21, 0x13, 12) + bytes(12),
]


class HeaderTests(SynchronousTestCase):
    """
    What is a header, and what it says.
    """

    def test_whole(self) -> None:
        """
        Each form is read to its end, whatever comes behind it.
        """
        for header, expected in _WHOLE.items():
            for rest in (b"", b"\r\n", b"PROXY "):
                self.assertEqual(headerLength(header + rest), len(header), header)
            self.assertEqual(announced(header), expected)

    def test_byteByByte(self) -> None:
        """
        None is taken for something else, or for whole, while it comes.
        """
        for header in _WHOLE:
            for place in range(len(header)):
                self.assertIs(headerLength(bytearray(header[:place])), None, (header, place))

    def test_malformed(self) -> None:
        """
        Nonsense is refused, in words that show none of it.
        """
        for header in _MALFORMED:
            self.assertEqual(headerLength(header), len(header))
            with self.assertRaises(HandshakeFailed) as caught:
                announced(header)
            self.assertEqual(str(caught.exception), "the PROXY header was malformed")

    def test_none(self) -> None:
        """
        What cannot become a header is refused at its first wrong byte.
        """
        for start in (b"PROXY ", SIGNATURE):
            for place in range(len(start)):
                with self.assertRaises(HandshakeFailed):
                    headerLength(start[:place] + b"!")

    def test_tooLong(self) -> None:
        """
        Nothing without an end is waited for.
        """
        self.assertIs(headerLength(b"PROXY ".ljust(106, b"x")), None)
        longest = b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n"
        self.assertEqual(headerLength(longest + b"more"), 107)
        room = limits.PROXY_HEADER - 16
        self.assertEqual(headerLength(fixed(0x21, 0x11, room) + bytes(room)), limits.PROXY_HEADER)
        for header in (
            b"PROXY ".ljust(107, b"x"),
            b"PROXY ".ljust(106, b"x") + b"\r\n",
            fixed(0x21, 0x11, room + 1),
        ):
            with self.assertRaises(HandshakeFailed):
                headerLength(header)

    @given(st.sampled_from([b"PROXY TCP4 ", b"PROXY ", SIGNATURE, b""]), st.binary(max_size=300))
    def test_anything(self, start: bytes, rest: bytes) -> None:
        """
        Whatever comes is a header, or is waited for, or is refused.
        """
        data = start + rest
        try:
            length = headerLength(data)
            if length is not None:
                announced(data[:length])
        except HandshakeFailed:
            return
        self.assertTrue(length is None or length <= len(data))


class TwistedTests(SynchronousTestCase):
    """
    Why Twisted's own wrapper is not used.
    """

    def test_dropsPieces(self) -> None:
        """
        It drops a header whose first piece is short.  When this fails, it is
        mended, and much of ours is not needed.
        """
        for header in (line(), binary()):
            network, applications = MemoryNetwork(), Applications()
            endpoint = proxyEndpoint(network.serverEndpoint("192.0.2.1", 443))
            endpoint.listen(applications)
            network.pieces = 7
            connecting = network.clientEndpoint("192.0.2.1", 443).connect(Applications())
            network.pump()
            client = self.successResultOf(connecting)
            client.transport.write(header + b"hello")  # type: ignore[attr-defined]
            network.pump()
            [application] = applications.built
            self.assertEqual((bytes(application.received), len(application.lost)), (b"", 1))
