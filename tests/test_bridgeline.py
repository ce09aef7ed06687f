"""
Tests for ``pyptwist.bridgeline``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import JSON, Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.quoting import (
    formatServerOptions,
    formatSmethodArguments,
    formatSocksArguments,
    joinSocksArguments,
    parseServerOptions,
    parseSmethodArguments,
    parseSocksArguments,
    splitSocksArguments,
)

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
V4 = HostPort("192.0.2.1", 443)
NOTHING = Arguments()

WORDS = st.text(
    st.sampled_from("ab\\;:=,\"'")
    | st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"),
    max_size=12,
).filter(lambda text: "#" not in text)
KEYS = WORDS.filter(lambda text: bool(text) and "=" not in text)
# The last word of a line must not end in a backslash.
ARGUMENTS = st.lists(
    st.tuples(KEYS, WORDS.filter(lambda text: not text.endswith("\\"))), max_size=5
).map(Arguments)
ADDRESSES = st.builds(
    HostPort,
    st.ip_addresses().map(str),
    st.integers(min_value=1, max_value=65535),
)
LINES = st.builds(
    BridgeLine,
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
    ADDRESSES,
    st.none() | st.from_regex(r"[0-9A-F]{40}", fullmatch=True),
    ARGUMENTS,
)


class ParseTests(SynchronousTestCase):
    """
    Bridge lines are read as they are passed around.
    """

    def test_lines(self) -> None:
        """
        Every part that may be left out may be left out.
        """
        cert = ("cert", "AA/+bb")
        for text, expected in [
            ("Bridge obfs4 192.0.2.1:443", BridgeLine("obfs4", V4, None, NOTHING)),
            ("obfs4 192.0.2.1:443", BridgeLine("obfs4", V4, None, NOTHING)),
            (
                f"Bridge obfs4 192.0.2.1:443 {FINGERPRINT} cert=AA/+bb iat-mode=0",
                BridgeLine("obfs4", V4, FINGERPRINT, Arguments([cert, ("iat-mode", "0")])),
            ),
            (
                f"bridge\tobfs4   192.0.2.1:443\r\n {FINGERPRINT.lower()}  cert=AA/+bb\n",
                BridgeLine("obfs4", V4, FINGERPRINT, Arguments([cert])),
            ),
            (
                "obfs4 [2001:db8::1]:443 cert=AA/+bb",
                BridgeLine("obfs4", HostPort("2001:db8::1", 443), None, Arguments([cert])),
            ),
            (
                "meek 0.0.2.0:2 url=https://a.example/?x=y front=b.example k=",
                BridgeLine(
                    "meek",
                    HostPort("0.0.2.0", 2),
                    None,
                    Arguments(
                        [("url", "https://a.example/?x=y"), ("front", "b.example"), ("k", "")]
                    ),
                ),
            ),
        ]:
            self.assertEqual(BridgeLine.parse(text), expected, text)

    def test_refused(self) -> None:
        """
        Each mistake is named, along with the remedy.
        """
        for text, reason in [
            ("", "must begin with a transport method's name"),
            ("Bridge", "must begin with a transport method's name"),
            ("obfs4", "must begin with a transport method's name"),
            (f"Bridge 192.0.2.1:443 {FINGERPRINT}", "must begin with a transport method's name"),
            ("ob-fs4 192.0.2.1:443", "must begin with a transport method's name"),
            ("obfs4 192.0.2.1", "HOST:PORT"),
            ("obfs4 192.0.2.1:x", "decimal number"),
            ("obfs4 192.0.2.1:0", "port from 1"),
            ("obfs4 2001:db8::1:443", "in brackets"),
            ("obfs4 secret.example:443", "not a host name"),
            ("obfs4 192.0.2.1:443 secret", "40 hexadecimal digits"),
            (f"obfs4 192.0.2.1:443 ${FINGERPRINT}", "40 hexadecimal digits"),
            (f"obfs4 192.0.2.1:443 {FINGERPRINT}0", "40 hexadecimal digits"),
            (f"obfs4 192.0.2.1:443 {FINGERPRINT} secret", "KEY=VALUE"),
            (f"obfs4 192.0.2.1:443 cert=secret {FINGERPRINT}", "KEY=VALUE"),
            ("obfs4 192.0.2.1:443 =secret", "KEY=VALUE"),
            ("obfs4 192.0.2.1:443 cert=secret#1", "comment"),
            ("obfs4 192.0.2.1:443 cert=sécret", "printable ASCII"),
            ("obfs4 192.0.2.1:443 cert=secret\\", "backslash"),
            ("obfs4 <IP ADDRESS>:443 cert=secret", "fill in"),
            ("obfs4 192.0.2.1:<PORT> cert=secret", "decimal number"),
            ("obfs4 192.0.2.1:443 <FINGERPRINT> cert=secret", "leave it out"),
        ]:
            error = self.assertRaises(ConfigurationError, BridgeLine.parse, text)
            self.assertIn(reason, str(error), text)
            self.assertNotIn("cret", str(error))
            self.assertNotIn("192.0.2.1:443 ", str(error))

    @given(st.text() | st.text(st.sampled_from("ab 1.:[]=#\\\n<>"), max_size=40))
    def test_garbage(self, text: str) -> None:
        """
        Garbage is refused; what is taken reads alike once written.
        """
        try:
            line = BridgeLine.parse(f"x 192.0.2.1:443 {text}")
        except ConfigurationError:
            return
        self.assertEqual(BridgeLine.parse(str(line)), line)


class WriteTests(SynchronousTestCase):
    """
    Bridge lines are written for torrc.
    """

    def test_line(self) -> None:
        """
        All parts, or only those that there must be.
        """
        arguments = Arguments([("cert", "AA"), ("iat-mode", 0)])
        self.assertEqual(
            str(BridgeLine("obfs4", V4, FINGERPRINT.lower(), arguments)),
            f"Bridge obfs4 192.0.2.1:443 {FINGERPRINT} cert=AA iat-mode=0",
        )
        self.assertEqual(
            str(BridgeLine("x", HostPort("2001:db8::1", 1), None, NOTHING)),
            "Bridge x [2001:db8::1]:1",
        )

    def test_cannotBeWritten(self) -> None:
        """
        What torrc cannot carry is refused at once.
        """
        self.assertRaises(ConfigurationError, BridgeLine, "a b", V4, None, NOTHING)
        self.assertRaises(ConfigurationError, BridgeLine, "x", HostPort("h", 1), None, NOTHING)
        self.assertRaises(ConfigurationError, BridgeLine, "x", HostPort("::1", 0), None, NOTHING)
        self.assertRaises(ConfigurationError, BridgeLine, "x", V4, "ABCD", NOTHING)
        pairs: list[tuple[str, JSON]]
        pairs = [("", "v"), ("a=", "v"), ("a b", ""), ("k", "a\nb"), ("k", "#"), ("k", "é"),
                 ("k", "a\\"), ("k", ["v"])]  # fmt: skip
        for pair in pairs:
            self.assertRaises(ConfigurationError, BridgeLine, "x", V4, None, Arguments([pair]))

    def test_repr(self) -> None:
        """
        A bridge line may be logged: it shows no address and no secret.
        """
        line = BridgeLine.parse(f"obfs4 192.0.2.1:443 {FINGERPRINT} cert=AA")
        self.assertEqual(repr(line), "<BridgeLine obfs4>")

    def test_template(self) -> None:
        """
        What is not known is marked as such.
        """
        arguments = Arguments(cert="AA")
        for line, expected in [
            (
                BridgeLine.template("obfs4", arguments),
                "Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert=AA",
            ),
            (
                BridgeLine.template("obfs4", arguments, port=443),
                "Bridge obfs4 <IP ADDRESS>:443 <FINGERPRINT> cert=AA",
            ),
            (
                BridgeLine.template("obfs4", NOTHING, host="2001:db8::1", port=443),
                "Bridge obfs4 [2001:db8::1]:443 <FINGERPRINT>",
            ),
            (
                BridgeLine.template(
                    "obfs4", arguments, host="192.0.2.1", port=443, fingerprint=FINGERPRINT
                ),
                str(BridgeLine("obfs4", V4, FINGERPRINT, arguments)),
            ),
        ]:
            self.assertEqual(line, expected)

    def test_templateRefuses(self) -> None:
        """
        A template is as strict as the line that it will be.
        """
        self.assertRaises(ConfigurationError, BridgeLine.template, "a b", NOTHING)
        self.assertRaises(ConfigurationError, BridgeLine.template, "x", Arguments(k="a b"))
        self.assertRaises(ConfigurationError, BridgeLine.template, "x", NOTHING, host="example")
        self.assertRaises(ConfigurationError, BridgeLine.template, "x", NOTHING, fingerprint="A B")
        self.assertRaises(ConfigurationError, BridgeLine.template, "x", NOTHING, port=65536)


class FormsTests(SynchronousTestCase):
    """
    The same arguments have four forms.
    """

    @given(LINES)
    def test_line(self, line: BridgeLine) -> None:
        """
        A line reads as it was written.
        """
        self.assertEqual(BridgeLine.parse(str(line)), line)
        self.assertEqual(hash(BridgeLine.parse(str(line))), hash(line))

    @given(ARGUMENTS)
    def test_arguments(self, arguments: Arguments) -> None:
        """
        Server options, SMETHOD ARGS, bridge line, SOCKS: none loses anything.
        """
        options = parseServerOptions(formatServerOptions({"x": arguments}))
        announced = parseSmethodArguments(formatSmethodArguments(options.get("x", NOTHING)))
        line = BridgeLine.parse(str(BridgeLine("x", V4, None, announced)))
        text = formatSocksArguments(line.arguments)
        sent = joinSocksArguments(*splitSocksArguments(text)) if text else b""
        received = parseSocksArguments(sent)
        self.assertEqual(received, arguments)
