"""
Tests for ``pyptwist.names``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import DNSLookupError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.names import lookUp
from tests.test_network import Resolver


class LookUpTests(SynchronousTestCase):
    def reactor(self, *addresses: Any) -> Any:
        """
        :returns: one that resolves everything to these.
        """
        reactor: Any = Clock()
        reactor.nameResolver = Resolver(*addresses)
        return reactor

    def test_addresses(self) -> None:
        """
        Addresses are their own answers, and nobody is asked.
        """
        reactor = self.reactor()
        for host in ("192.0.2.1", "2001:db8::1"):
            self.assertEqual(self.successResultOf(lookUp(reactor, host)), host)
        self.assertEqual(reactor.nameResolver.asked, [])

    def test_first(self) -> None:
        """
        Of several addresses the first is taken.
        """
        reactor = self.reactor(IPv6Address("UDP", "::1", 0), IPv4Address("UDP", "127.0.0.1", 0))
        self.assertEqual(self.successResultOf(lookUp(reactor, "example.org")), "::1")

    def test_impossible(self) -> None:
        """
        What can be no name is told at once: a resolver would be asked for nothing.
        """
        reactor = self.reactor(IPv4Address("UDP", "127.0.0.1", 0))
        for host in ("a..b", "x" * 64, "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 64):
            failure = self.failureResultOf(lookUp(reactor, host), DNSLookupError)
            self.assertNotIn(host, str(failure.value))
        self.assertEqual(reactor.nameResolver.asked, [])

    def test_none(self) -> None:
        """
        A name without an address is an error, which does not name it.
        """
        failure = self.failureResultOf(lookUp(self.reactor(), "example.org"), DNSLookupError)
        self.assertNotIn("example", str(failure.value))
