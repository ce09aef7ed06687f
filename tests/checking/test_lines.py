"""
Tests for ``pyptwist.checking.lines``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.checking.lines import Bridge, pick
from pyptwist.errors import ConfigurationError

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


class BridgeTests(SynchronousTestCase):
    """
    Tests for ``Bridge``.
    """

    def test_forms(self) -> None:
        """
        A line is torrc's; the fingerprint does not matter.
        """
        wanted = Bridge(3, "obfs4", HostPort("192.0.2.7", 443), Arguments(cert="A"))
        for text in (
            "obfs4 192.0.2.7:443 cert=A",
            "Bridge obfs4 192.0.2.7:443 cert=A",
            f"  bridge\tobfs4 192.0.2.7:443 {FINGERPRINT} cert=A ",
        ):
            self.assertEqual(Bridge.parse(3, text), wanted)
        self.assertEqual(wanted.family, "IPv4")

    def test_otherAddresses(self) -> None:
        """
        So is IPv6; a host name is allowed besides.
        """
        bridge = Bridge.parse(1, "obfs4 [2001:db8::1]:443 cert=A")
        self.assertEqual((bridge.address.host, bridge.family), ("2001:db8::1", "IPv6"))
        bridge = Bridge.parse(1, f"obfs4 bridge.example.org:443 {FINGERPRINT} cert=A")
        self.assertEqual(bridge.address, HostPort("bridge.example.org", 443))
        self.assertEqual(bridge.family, "name")

    def test_stack(self) -> None:
        """
        An expression may stand for the method.
        """
        bridge = Bridge.parse(1, "obfs4|b64 192.0.2.7:443 obfs4-cert=A")
        self.assertEqual(bridge.methodName, "obfs4|b64")

    def test_wrong(self) -> None:
        """
        What is no line is said to be none, without a word of it.
        """
        for text in (
            "",
            "Bridge",
            "obfs4",
            "obfs4 192.0.2.7",
            "obfs4 secret.example.org",
            "obfs4 secret.example.org:0",
            "obfs4 192.0.2.7:443 cert",
            "obfs4 <IP ADDRESS>:<PORT> cert=A",
            "192.0.2.7:443",
        ):
            error = self.assertRaises(ConfigurationError, Bridge.parse, 1, text)
            self.assertNotIn("192.0.2.7", str(error))
            self.assertNotIn("secret", str(error))

    def test_private(self) -> None:
        """
        Its ``repr`` says nothing of it.
        """
        shown = repr(Bridge.parse(1, "obfs4 192.0.2.7:443 cert=A"))
        self.assertNotIn("192.0.2.7", shown)
        self.assertNotIn("cert", shown)


class PickTests(SynchronousTestCase):
    """
    Tests for ``pick``.
    """

    def test_list(self) -> None:
        """
        Of a list, all that is no comment counts.
        """
        self.assertEqual(pick(["# mine", "", " a 1 ", "b 2"]), ["a 1", "b 2"])
        self.assertEqual(pick([]), [])

    def test_torrc(self) -> None:
        """
        Of a torrc, its Bridge lines do.
        """
        lines = ["UseBridges 1", "Bridge a 1", "#Bridge b 2", "bridge c 3", "SocksPort 0"]
        self.assertEqual(pick(lines), ["Bridge a 1", "bridge c 3"])
