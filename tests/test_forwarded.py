"""
Tests for ``pyptwist.forwarded``.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.forwarded import Forwarded

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
            self.assertEqual(forwarded.client(_PROXY, values), kind("TCP", host, 4711))

    def test_nothing(self) -> None:
        """
        A header that is not there, or says nothing.
        """
        forwarded = trusting("loopback")
        for values in ([], [b""], [b"127.0.0.1"], [b"203.0.113.9, unknown"], [b"\xff"], [b","]):
            self.assertIsNone(forwarded.client(_PROXY, values), values)

    def test_wrong(self) -> None:
        """
        Everybody is not a list.
        """
        for text in ("", "all", "loopback;192.0.2.1"):
            self.assertRaises(ConfigurationError, trusting, text)
