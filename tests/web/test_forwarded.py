"""
Tests for ``pyptwist.web.forwarded``.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.web.forwarded import Forwarded

_PROXY = IPv4Address("TCP", "127.0.0.1", 4711)


def trusting(text: str) -> Forwarded:
    """
    :returns: what believes those who are listed.
    """
    return Forwarded(Arguments({"trust-forwarded-for": text}))


class ForwardedTests(SynchronousTestCase):
    """
    Tests for ``Forwarded``.
    """

    def test_nobody(self) -> None:
        """
        Without the option nobody is believed.
        """
        self.assertIsNone(Forwarded(Arguments()).client(_PROXY, [b"203.0.113.9"]))

    def test_others(self) -> None:
        """
        Nor is whoever is not listed, or has no address.
        """
        forwarded = trusting("192.0.2.0/24")
        for peer in (_PROXY, UNIXAddress("/run/x"), None):
            self.assertIsNone(forwarded.client(peer, [b"203.0.113.9"]))

    def test_last(self) -> None:
        """
        It is the last address that is not a proxy's own, in either family.
        """
        forwarded = trusting("loopback,198.51.100.0/24")
        for values, host in (
            ([b"203.0.113.9"], "203.0.113.9"),
            ([b"192.0.2.1, 203.0.113.9"], "203.0.113.9"),
            ([b"192.0.2.1", b"203.0.113.9"], "203.0.113.9"),
            ([b"192.0.2.1,203.0.113.9 ,198.51.100.7", b"127.0.0.9"], "203.0.113.9"),
            ([b"junk, 2001:DB8::0:9"], "2001:db8::9"),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertEqual(forwarded.client(_PROXY, values), kind("TCP", host, 1))

    def test_ports(self) -> None:
        """
        Some proxies tell ports, of clients and of each other.
        """
        forwarded = trusting("loopback")
        for value, host, port in (
            (b"203.0.113.5:4321", "203.0.113.5", 4321),
            (b"203.0.113.5:0", "203.0.113.5", 1),
            (b"[2001:db8::5]:99", "2001:db8::5", 99),
            (b"203.0.113.5, 127.0.0.1:80", "203.0.113.5", 1),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertEqual(forwarded.client(_PROXY, [value]), kind("TCP", host, port))

    def test_decorated(self) -> None:
        """
        IPv4 is IPv4, and an address has no name of a proxy's interface in it.
        """
        forwarded = trusting("loopback")
        for value, address in (
            (b"::ffff:203.0.113.5", IPv4Address("TCP", "203.0.113.5", 1)),
            (b"[::ffff:203.0.113.5]:7", IPv4Address("TCP", "203.0.113.5", 7)),
            (b"fe80::1%eth0", IPv6Address("TCP", "fe80::1", 1)),
        ):
            self.assertEqual(forwarded.client(_PROXY, [value]), address)
            mapped = IPv6Address("TCP", "::ffff:127.0.0.1", 4711)
            self.assertEqual(forwarded.client(mapped, [value]), address)

    def test_nothing(self) -> None:
        """
        A header that is not there, or says nothing.
        """
        forwarded = trusting("loopback")
        for values in (
            [],
            [b""],
            [b"127.0.0.1"],
            [b"203.0.113.9, unknown"],
            [b"\xff"],
            [b","],
            [b"a.example:80"],
        ):
            self.assertIsNone(forwarded.client(_PROXY, values), values)

    def test_wrong(self) -> None:
        """
        Everybody is not a list.
        """
        for text in ("", "all", "loopback;192.0.2.1", "loopback/8", "2loopback"):
            self.assertRaises(ConfigurationError, trusting, text)
