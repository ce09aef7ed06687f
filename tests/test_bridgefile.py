"""
Tests for ``pyptwist.bridgefile``.
"""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgefile import Entry, compose, parse, torsFingerprint
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError

_ID = "0123456789ABCDEF0123456789ABCDEF01234567"
_CERT = Arguments({"cert": "AAAA", "iat-mode": "0"})

_WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#=\\"))
_ENTRIES = st.builds(
    Entry,
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
    st.none() | st.ip_addresses().map(str),
    st.none() | st.integers(1, 65535),
    st.none() | st.from_regex(r"[0-9A-F]{40}", fullmatch=True),
    st.lists(st.tuples(_WORDS.filter(bool), _WORDS), max_size=4).map(Arguments),
)


class EntryTests(SynchronousTestCase):
    """
    Tests for ``Entry``.
    """

    def test_everywhere(self) -> None:
        """
        Who listens everywhere does not know its address.
        """
        for host in ("0.0.0.0", "::"):
            entry = Entry.listening("obfs4", HostPort(host, 443), None, _CERT)
            self.assertEqual(
                str(entry), "Bridge obfs4 <IP ADDRESS>:443 <FINGERPRINT> cert=AAAA iat-mode=0"
            )
            self.assertFalse(entry.isComplete)

    def test_somewhere(self) -> None:
        """
        Who listens on one address can be reached there.
        """
        entry = Entry.listening("obfs4", HostPort("2001:db8::1", 443), _ID, _CERT)
        self.assertEqual(str(entry), f"Bridge obfs4 [2001:db8::1]:443 {_ID} cert=AAAA iat-mode=0")
        self.assertTrue(entry.isComplete)

    def test_filledIn(self) -> None:
        """
        What is missing can be filled in, and what is known replaced.
        """
        entry = Entry("obfs4", None, 443, None, _CERT)
        for address, expected in (
            ("192.0.2.1", "192.0.2.1:443"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("2001:db8::1", "[2001:db8::1]:443"),
            ("[2001:db8::1]", "[2001:db8::1]:443"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ):
            line = str(entry.at(address).identified(_ID.lower()))
            self.assertEqual(str(BridgeLine.parse(line).address), expected)
            self.assertIn(_ID, line)

    def test_badAddress(self) -> None:
        """
        A bridge line wants an IP address.
        """
        entry = Entry("obfs4", None, 443, None, _CERT)
        for address in ("", "bridge.example.org", "bridge.example.org:443", "192.0.2.1:x", "1"):
            self.assertRaises(ConfigurationError, entry.at, address)

    def test_complete(self) -> None:
        """
        A complete one is a bridge line.
        """
        line = str(Entry("obfs4", "192.0.2.1", 443, _ID, _CERT))
        self.assertEqual(str(BridgeLine.parse(line)), line)


class FileTests(SynchronousTestCase):
    """
    Tests for ``compose`` and ``parse``.
    """

    @given(st.lists(_ENTRIES, max_size=4))
    def test_roundTrip(self, entries: list[Entry]) -> None:
        """
        What was written is read back.
        """
        self.assertEqual(parse(compose(entries)), entries)

    def test_comment(self) -> None:
        """
        The file tells its reader what it is.
        """
        self.assertTrue(compose([]).startswith(b"# For the torrc"))

    def test_foreign(self) -> None:
        """
        A file of another's is refused.
        """
        for data in (b"hello\n", b"Bridge obfs4 192.0.2.1:443\n", b"\xff\xfe", b"Bridge"):
            self.assertRaises(ConfigurationError, parse, data)


class FingerprintTests(SynchronousTestCase):
    """
    Tests for ``torsFingerprint``.
    """

    def test_found(self) -> None:
        """
        tor's file is in the directory above; the state directory need not exist.
        """
        directory = self.mktemp()
        os.mkdir(directory)
        self.assertIsNone(torsFingerprint(f"{directory}/pt_state/"))
        for text, expected in (
            (f"Unnamed {_ID}\n", _ID),
            (f"Unnamed {_ID}", _ID),
            ("Unnamed\n", None),
            (f"Unnamed {_ID}0\n", None),
            ("\xff\n", None),
            ("", None),
        ):
            with open(os.path.join(directory, "fingerprint"), "w", encoding="latin-1") as file:
                file.write(text)
            self.assertEqual(torsFingerprint(f"{directory}/pt_state/"), expected)
            self.assertEqual(torsFingerprint(f"{directory}/pt_state"), expected)
