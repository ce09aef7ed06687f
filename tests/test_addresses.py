"""
Tests for ``pyptwist.addresses``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError

_NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{1,10}){0,3}", fullmatch=True)
_HOSTS = st.one_of(_NAMES, st.ip_addresses().map(str))
_PORTS = st.integers(0, 0xFFFF)

# Characters that mean something to the parser come up often enough to meet.
_NEARLY = st.text(st.sampled_from(":[]0123456789abcdefg.%-@/ \0\n\u0663"), max_size=30)

FORMS = (
    ("192.0.2.1:443", HostPort("192.0.2.1", 443)),
    ("[2001:db8::1]:443", HostPort("2001:db8::1", 443)),
    ("[::]:0", HostPort("::", 0)),
    ("[fe80::1%eth0]:1", HostPort("fe80::1%eth0", 1)),
    ("example.org:65535", HostPort("example.org", 65535)),
)

WRONG = (
    "",
    "192.0.2.1",
    ":443",
    "192.0.2.1:",
    "192.0.2.1:65536",
    "192.0.2.1:-1",
    "192.0.2.1:+1",
    "192.0.2.1: 1",
    "192.0.2.1:1_0",
    "192.0.2.1:000001",
    "192.0.2.1:\u0661",
    "192.0.2.1:https",
    "2001:db8::1:443",
    "[2001:db8::1]",
    "[2001:db8::1]443",
    "[2001:db8::1:443",
    "2001:db8::1]:443",
    "[192.0.2.1]:443",
    "[example.org]:443",
    "[]:443",
    "]:443",
    "ex[ample.org:443",
    "exam ple.org:443",
    "example.org\n:443",
    "example\0org:443",
    "a" * 256 + ":443",
)


class ParseTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """
        What is read is what would be written.
        """
        for text, expected in FORMS:
            self.assertEqual(HostPort.parse(text), expected)
            self.assertEqual(str(expected), text)

    def test_wrong(self) -> None:
        """
        What is no address is refused, and not repeated in the error.
        """
        for text in WRONG:
            with self.subTest(text=text):
                error = self.assertRaises(ConfigurationError, HostPort.parse, text)
                if len(text) > 1:
                    self.assertNotIn(text, str(error))

    def test_longestName(self) -> None:
        """
        A name may be as long as the DNS allows.
        """
        self.assertEqual(HostPort.parse("a" * 255 + ":1").host, "a" * 255)

    def test_noNames(self) -> None:
        """
        Where an IP address is needed, a name is not resolved but refused;
        so are short forms of IPv4 that a resolver would take.
        """
        for text in ("example.org:443", "localhost:443", "127.1:443", "2130706433:443"):
            error = self.assertRaises(ConfigurationError, HostPort.parse, text, allowName=False)
            self.assertIn("IP address", str(error))
        for text in ("192.0.2.1:443", "[2001:db8::1]:443"):
            self.assertEqual(str(HostPort.parse(text, allowName=False)), text)

    @settings(deadline=None)
    @given(_HOSTS, _PORTS)
    def test_roundTrip(self, host: str, port: int) -> None:
        """
        Whatever address there is, it is read as it was written.
        """
        address = HostPort(host, port)
        self.assertEqual(HostPort.parse(str(address)), address)

    @settings(deadline=None)
    @given(_NEARLY | st.text(max_size=30))
    def test_garbage(self, text: str) -> None:
        """
        A text is an address that can be written, or a configuration error.
        """
        try:
            address = HostPort.parse(text)
        except ConfigurationError:
            return
        self.assertEqual(HostPort.parse(str(address)), address)


class HostPortTests(SynchronousTestCase):
    def test_checked(self) -> None:
        """
        An address that could not be written cannot be made.
        """
        for host, port in (
            ("", 1),
            ("[::1]", 1),
            ("a:b", 1),
            ("a b", 1),
            ("a\r\nb", 1),
            ("192.0.2.1", -1),
            ("192.0.2.1", 65536),
        ):
            with self.subTest(host=host, port=port):
                self.assertRaises(ConfigurationError, HostPort, host, port)

    @settings(deadline=None)
    @given(st.text(max_size=300), st.integers(-1, 70000))
    def test_anyThatCanBeMade(self, host: str, port: int) -> None:
        """
        Any address that can be made can be written and read again.
        """
        try:
            address = HostPort(host, port)
        except ConfigurationError:
            return
        self.assertEqual(HostPort.parse(str(address)), address)

    def test_ip(self) -> None:
        """
        An IP address is told from a name.
        """
        self.assertEqual(HostPort("192.0.2.1", 1).ip, IPv4Address("192.0.2.1"))
        self.assertEqual(HostPort("2001:db8::1", 1).ip, IPv6Address("2001:db8::1"))
        self.assertIs(HostPort("example.org", 1).ip, None)

    def test_loopback(self) -> None:
        """
        Only an address is certain to stay on this machine; a name is not.
        """
        for host in ("127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(HostPort(host, 1).isLoopback, host)
        for host in ("192.0.2.1", "0.0.0.0", "::", "2001:db8::1", "localhost", "127.1"):
            self.assertFalse(HostPort(host, 1).isLoopback, host)

    def test_value(self) -> None:
        """
        Addresses are values: equal ones are one key, and they can be sorted.
        """
        one, same, other = HostPort("a", 1), HostPort("a", 1), HostPort("a", 2)
        self.assertEqual({one: "here"}[same], "here")
        self.assertEqual(sorted([other, one]), [one, other])
        self.assertRaises(AttributeError, setattr, one, "port", 2)
