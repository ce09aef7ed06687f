"""
Tests for ``pyptwist.ranges``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import ConfigurationError
from pyptwist.ranges import AddressRanges


class AddressRangesTests(SynchronousTestCase):
    """
    Tests for ``AddressRanges``.
    """

    def test_in(self) -> None:
        """
        In all spellings; what is no address is nowhere.
        """
        ranges = AddressRanges("x", "192.0.2.7, 10.0.0.0/8,2001:db8::/32")
        for host, isIn in (
            ("192.0.2.7", True),
            ("192.0.2.8", False),
            ("10.255.0.1", True),
            ("::ffff:10.0.0.1", True),
            ("2001:db8::1", True),
            ("2001:DB8:0::1", True),
            ("2001:db9::1", False),
            ("localhost", False),
            ("", False),
            (None, False),
        ):
            self.assertEqual(host in ranges, isIn, host)

    def test_loopback(self) -> None:
        """
        There is a word for this machine.
        """
        ranges = AddressRanges("x", "loopback, fe80::/10")
        for host in ("127.9.9.9", "::1", "::ffff:127.0.0.1", "fe80::1", "fe80::1%eth0"):
            self.assertIn(host, ranges)
        self.assertNotIn("192.0.2.7", ranges)

    def test_wrong(self) -> None:
        """
        The text names the option, and shows no address.
        """
        for text in ("", "192.0.2.7,", "192.0.2.7/8", "192.0.2.7 10.0.0.1", "localhost"):
            error = self.assertRaises(ConfigurationError, AddressRanges, "the-option", text)
            self.assertIn("'the-option'", str(error))
            self.assertNotIn("192.0.2.7", str(error))
