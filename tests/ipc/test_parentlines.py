"""
Tests for ``pyptwist.ipc.parentlines``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ManagedProcessError
from pyptwist.ipc import lines
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.messages import (
    ClientMethod,
    LogMessage,
    MethodError,
    MethodsDone,
    ProxyAccepted,
    Refusal,
    ServerMethod,
    Status,
    Unknown,
    Version,
)
from pyptwist.ipc.parentlines import LineSplitter, isError, parseLine

HERE = HostPort("127.0.0.1", 7)
KEYWORDS = [
    "VERSION",
    "VERSION-ERROR",
    "ENV-ERROR",
    "PROXY",
    "PROXY-ERROR",
    "CMETHOD",
    "CMETHOD-ERROR",
    "CMETHODS",
    "SMETHOD",
    "SMETHOD-ERROR",
    "SMETHODS",
    "LOG",
    "STATUS",
]

#: Texts that may be C strings, and mostly are not quite.
MARKS = st.text('\\"=xX0789n a').map('SEVERITY=info MESSAGE="{}"'.format)

READ = (
    ("VERSION 1", Version("1")),
    ("VERSION 3.0 and more", Version("3.0")),
    ("VERSION-ERROR no-version", Refusal("VERSION-ERROR", "no-version")),
    ("ENV-ERROR", Refusal("ENV-ERROR", "no reason was given")),
    ("PROXY-ERROR SOCKS 4 unsupported", Refusal("PROXY-ERROR", "SOCKS 4 unsupported")),
    ("PROXY DONE", ProxyAccepted()),
    ("PROXY maybe", Unknown("PROXY maybe")),
    ("CMETHOD x socks5 127.0.0.1:7", ClientMethod("x", "socks5", HERE)),
    ("CMETHOD x socks4 127.0.0.1:7 more words", ClientMethod("x", "socks4", HERE)),
    ("CMETHOD x STUN [::1]:7", ClientMethod("x", "STUN", HostPort("::1", 7))),
    ("SMETHOD x 127.0.0.1:7", ServerMethod("x", HERE, Arguments())),
    ("SMETHOD x 127.0.0.1:7 ARGS:", ServerMethod("x", HERE, Arguments())),
    (
        r"SMETHOD x 127.0.0.1:7 OTHER:z ARGS:a=1,b=\,\=",
        ServerMethod("x", HERE, Arguments(a="1", b=",=")),
    ),
    ("CMETHOD-ERROR x no such thing", MethodError("x", "no such thing", False)),
    ("SMETHOD-ERROR x", MethodError("x", "no reason was given", True)),
    ("CMETHODS DONE", MethodsDone(False)),
    ("SMETHODS DONE ", MethodsDone(True)),
    ("CMETHODS", Unknown("CMETHODS ")),
    (
        r'LOG SEVERITY=notice MESSAGE="a \"b\" \\ \303\244\x21\n"',
        LogMessage(Severity.NOTICE, 'a "b" \\ ä!\n'),
    ),
    (r'LOG SEVERITY=info MESSAGE="\8\9\x\18"', LogMessage(Severity.INFO, "89x\x018")),
    ("LOG MESSAGE=word SEVERITY=debug K=v", LogMessage(Severity.DEBUG, "word")),
    ("LOG WARN any text = at all", LogMessage(Severity.WARNING, "any text = at all")),
    ("LOG ERROR", LogMessage(Severity.ERROR, "")),
    ("LOG SEVERITY=warn MESSAGE=x", Unknown("LOG SEVERITY=warn MESSAGE=x")),
    ('LOG SEVERITY=info MESSAGE="open', Unknown('LOG SEVERITY=info MESSAGE="open')),
    ("LOG SEVERITY=info", Unknown("LOG SEVERITY=info")),
    ('STATUS TYPE=version A= B="c d"', Status({"TYPE": "version", "A": "", "B": "c d"})),
    ("STATUS", Unknown("STATUS ")),
    ("STATUS what", Unknown("STATUS what")),
    ("", Unknown("")),
    ("VERSIONISH 1", Unknown("VERSIONISH 1")),
    ("cmethod x socks5 127.0.0.1:7", Unknown("cmethod x socks5 127.0.0.1:7")),
    ("x" * 1000, Unknown("x" * 200)),
)

WRONG = (
    "VERSION",
    "CMETHOD x socks5",
    "CMETHOD x-y socks5 127.0.0.1:7",
    "CMETHOD x socks5 localhost:7",
    "CMETHOD x socks5 127.0.0.1:0",
    "CMETHOD x socks5 127.0.0.1:65536",
    "CMETHOD x socks5 ::1:7",
    "SMETHOD x",
    "SMETHOD x 127.0.0.1",
    "SMETHOD x 127.0.0.1:7 ARGS:a",
    "CMETHOD-ERROR",
)


class ParseTests(SynchronousTestCase):
    """
    Tests for ``parseLine``.
    """

    def test_read(self) -> None:
        for line, message in READ:
            self.assertEqual(parseLine(line), message)

    def test_wrong(self) -> None:
        """
        What something depends on must make sense.
        """
        for line in WRONG:
            error = self.assertRaises(ManagedProcessError, parseLine, line)
            self.assertIn(line.split(" ")[0], str(error))

    def test_discreet(self) -> None:
        """
        Neither errors nor what is shown of messages hold an address.
        """
        error = self.assertRaises(ManagedProcessError, parseLine, "SMETHOD x 192.0.2.7:0")
        self.assertNotIn("192.0.2.7", str(error))
        for line in ("SMETHOD x 192.0.2.7:1", "CMETHOD x socks5 192.0.2.7:1"):
            self.assertNotIn("192.0.2.7", repr(parseLine(line)))

    def test_isError(self) -> None:
        for line in READ:
            self.assertEqual(isError(line[0]), line[0].split(" ")[0].endswith("-ERROR"))

    @given(st.text())
    def test_ownLog(self, text: str) -> None:
        """
        What our child writes, whatever it is, comes out.
        """
        message = parseLine(lines.logLine(Severity.INFO, text))
        assert isinstance(message, LogMessage)
        self.assertIs(message.severity, Severity.INFO)
        printable = "".join(c for c in text if c.isascii() and c.isalnum())
        if len(text) < 400:
            self.assertEqual(
                "".join(c for c in message.text if c.isascii() and c.isalnum()), printable
            )

    @given(st.sampled_from(KEYWORDS), st.text() | MARKS)
    def test_garbage(self, keyword: str, rest: str) -> None:
        """
        Nothing but ``ManagedProcessError`` comes of nonsense.
        """
        for line in (rest, f"{keyword} {rest}", keyword + rest):
            try:
                parseLine(line)
            except ManagedProcessError as error:
                self.assertNotEqual(str(error), "")


class SplitterTests(SynchronousTestCase):
    """
    Tests for ``LineSplitter``.
    """

    def split(self, *pieces: bytes) -> list[tuple[str, bool]]:
        splitter = LineSplitter()
        return [line for piece in pieces for line in splitter.feed(piece)]

    def test_lines(self) -> None:
        """
        One carriage return before the end belongs to it.
        """
        found = self.split(b"a\r\n\nb\r\r\nc")
        self.assertEqual(found, [("a", False), ("", False), ("b\r", False)])

    def test_rest(self) -> None:
        """
        What has no end is no line.
        """
        splitter = LineSplitter()
        self.assertEqual(list(splitter.feed(b"a\nCMETHODS DO")), [("a", False)])
        self.assertEqual(splitter.rest(), "CMETHODS DO")

    def test_long(self) -> None:
        """
        A line that is too long is cut, and costs no memory; the next is whole.
        """
        most = b"x" * limits.CHILD_LINE
        self.assertEqual(
            self.split(most, b"\n", most, b"y", most, b"\nb\n"),
            [(most.decode(), False), (most.decode(), True), ("b", False)],
        )

    def test_bytes(self) -> None:
        """
        Any bytes will do.
        """
        self.assertEqual(self.split(b"\xff\0\n"), [("\\xff\0", False)])

    @given(st.binary(), st.data())
    def test_pieces(self, data: bytes, draw: st.DataObject) -> None:
        """
        It does not matter how they come.
        """
        cut = draw.draw(st.integers(0, len(data)))
        whole = self.split(data)
        self.assertEqual(self.split(data[:cut], data[cut:]), whole)
        self.assertEqual(self.split(*(bytes([byte]) for byte in data)), whole)
