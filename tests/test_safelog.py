"""
Tests for ``pyptwist.safelog``.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from io import StringIO
from ipaddress import IPv4Address, IPv6Address
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import HostnameAddress
from twisted.internet.address import IPv4Address as Address4
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.logger import LogBeginner, Logger, LogLevel, LogPublisher
from twisted.python import log as legacylog
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError
from pyptwist.safelog import (
    LEVELS,
    SCRUBBED,
    SafeObserver,
    levelNamed,
    observerTo,
    openLogFile,
    scrub,
    standardError,
)

_GONE = {
    "192.0.2.1": SCRUBBED,
    "192.0.2.1:443": SCRUBBED,
    "from 192.0.2.1:443: refused": f"from {SCRUBBED}: refused",
    "192.0.2.1.": f"{SCRUBBED}.",
    "192.0.2.1,198.51.100.255;203.0.113.7": f"{SCRUBBED},{SCRUBBED};{SCRUBBED}",
    "x192.0.2.1y": f"x{SCRUBBED}y",
    "192.000.002.001": SCRUBBED,
    "2001:db8::1": SCRUBBED,
    "2001:DB8::1": SCRUBBED,
    "[2001:db8::1]": SCRUBBED,
    "[2001:db8::1]:443": SCRUBBED,
    "[2001:db8::1]:443: refused": f"{SCRUBBED}: refused",
    "2001:db8::1: refused": f"{SCRUBBED}: refused",
    "2001:db8::": SCRUBBED,
    "2001:db8::/32": f"{SCRUBBED}/32",
    "::1": SCRUBBED,
    "2001:db8:0:0:0:0:0:1": SCRUBBED,
    "2001:db8:0:0:0:0:0:1:443": SCRUBBED,
    "fe80::1%eth0 is": f"{SCRUBBED} is",
    "[fe80::1%eth0.5]:443": SCRUBBED,
    "::ffff:192.0.2.1": SCRUBBED,
    "64:ff9b::192.0.2.1": SCRUBBED,
    "0:0:0:0:0:ffff:192.0.2.1": SCRUBBED,
    "[2001:db8::1, 2001:db8::2]": f"[{SCRUBBED}, {SCRUBBED}]",
    "('2001:db8::1', 443, 0, 0)": f"('{SCRUBBED}', 443, 0, 0)",
    r"b'\r\n2001:db8::1\r\n'": rf"b'\r\n{SCRUBBED}\r\n'",
    "dead:beef::cafe": SCRUBBED,
    "bridge.example.org:443": SCRUBBED,
    "to bridge.example.org:443.": f"to {SCRUBBED}.",
    "www.example.py:443": SCRUBBED,
    "xn--bcher-kva.example:80": SCRUBBED,
    "https://bridge.example.org/path": f"https://{SCRUBBED}/path",
    "socks5://user:pass@router:1080": f"socks5://{SCRUBBED}",
    "http://[2001:db8::1]:80/x": f"http://{SCRUBBED}/x",
    "Host: example.org": f"Host: {SCRUBBED}",
    "('bridge.example.org', 443)": f"('{SCRUBBED}', 443)",
    "URI(b'https', b'x.example:443', b'x.example', 443, b'/')": (
        f"URI(b'https', b'{SCRUBBED}', b'{SCRUBBED}', 443, b'/')"
    ),
    "host='router'": f"host='{SCRUBBED}'",
}

_KEPT = [
    "",
    "12:34:56",
    "2026-11-22T21:04:37+0000 [-] started",
    "1:02:03.004",
    "Twisted 26.10.0 on Python 3.11.2",
    "tor 0.4.9.11-0+deb12u1",
    "0.0.0.0:443",
    "pyptwist/connection.py:12",
    "/usr/lib/python3/x.y/connection.py:12: DeprecationWarning",
    'File "/usr/lib/python3.11/asyncio/base.py", line 12, in run',
    "std::foo",
    "tests/test_x.py::Case::test_one",
    "nothing :: nothing",
    "127.0.0",
    "999.0.2.1",
    "key: value",
    "line:12",
    "00:1a:2b:3c:4d:5e",
    "no route to host: unreachable",
    "pyptwist.ipc.child#info",
    "file:///var/lib/tor/x",
    "('3.11.2', 'x.y', None, 5)",
    "('obfs4', 443)",
    "127.0.0.1234",
]

_TEXTS = st.text(max_size=20)
# What an address can hardly stand directly behind or before, in any message.
_AROUND = st.text(st.characters(codec="ascii", exclude_characters="0123456789abcdefABCDEF.:%[]_"))
_PORTS = st.integers(1, 65535)


class ScrubTests(SynchronousTestCase):
    """
    Tests for ``scrub``.
    """

    def test_gone(self) -> None:
        """
        Addresses go, in all the forms that they are written in.
        """
        for text, expected in _GONE.items():
            self.assertEqual(scrub(text), expected)

    def test_kept(self) -> None:
        """
        What only looks a little like an address stays.
        """
        for text in _KEPT:
            self.assertEqual(scrub(text), text)

    def test_twistedsOwn(self) -> None:
        """
        The texts in which Twisted itself shows addresses are clean.
        """
        for value in (
            Address4("TCP", "192.0.2.1", 443),
            HostnameAddress(b"bridge.example.org", 443),
            DNSLookupError("no results for hostname lookup: bridge.example.org"),
            DNSLookupError("Couldn't find the hostname 'bridge.example.org'"),
            ValueError("invalid hostname: a_b.example.org"),
            ConnectError(string="[Errno 101] 192.0.2.1:443"),
        ):
            self.assertIn(SCRUBBED, scrub(f"{value!r} {value}"))
            self.assertNotIn("example", scrub(f"{value!r} {value}"))
            self.assertNotIn("192", scrub(f"{value!r} {value}"))

    @given(_TEXTS, st.ip_addresses(v=4), _PORTS, _TEXTS)
    def test_anyIPv4(self, before: str, address: IPv4Address, port: int, after: str) -> None:
        """
        An IPv4 address goes, wherever it stands.
        """
        if address.packed[0] == 0 or before[-1:].isdigit() or after[:1].isdigit():
            return
        for written in (f"{address}", f"{address}:{port}"):
            cleaned = scrub(before + written + after)
            self.assertIn(SCRUBBED, cleaned)
            self.assertNotIn(str(address), cleaned)

    @given(_AROUND, st.ip_addresses(v=6), _PORTS, _AROUND)
    def test_anyIPv6(self, before: str, address: IPv6Address, port: int, after: str) -> None:
        """
        An IPv6 address goes, short or long, with or without brackets.
        """
        if int(address) == 0:
            return
        for host in (str(address), address.exploded, str(address).upper(), f"{address}%eth0"):
            for written in (host, f"[{host}]", f"[{host}]:{port}", f"'{host}', {port}"):
                cleaned = scrub(before + written + " " + after)
                self.assertNotIn(host, cleaned)
                self.assertIn(SCRUBBED, cleaned)

    @given(st.from_regex(r"([a-z][a-z0-9-]{0,9}\.){1,3}[a-z]{4,9}", fullmatch=True), _PORTS)
    def test_anyName(self, name: str, port: int) -> None:
        """
        A host name with a port goes.
        """
        if name.endswith(".conf"):
            return
        self.assertEqual(scrub(f"at {HostPort(name, port)}!"), f"at {SCRUBBED}!")

    @given(st.text(alphabet="0123456789abf.:%[]/ host='"))
    def test_anything(self, text: str) -> None:
        """
        No text makes it fail, and a text that holds none of the marks of an
        address stays as it is.
        """
        cleaned = scrub(text)
        if not any(mark in text for mark in (".", "::", "//", "=")) and text.count(":") < 6:
            self.assertEqual(cleaned, text)

    def test_linear(self) -> None:
        """
        Long hostile texts take time in proportion to their length: each of
        these would take minutes otherwise.
        """
        for piece in (
            "a",
            "1.",
            ":",
            "a:",
            "1:2::",
            "[",
            "%a",
            "::%",
            "host ",
            "://",
            "a.b",
            "'",
            "'a.",
            "'a'",
        ):
            text = piece * 100_000
            self.assertLessEqual(len(scrub(text)), len(text) + 12 * 100_000)


class LevelTests(SynchronousTestCase):
    """
    Tests for ``levelNamed``.
    """

    def test_names(self) -> None:
        """
        The names are those of Twisted's levels, in any case.
        """
        self.assertEqual(
            [levelNamed(name) for name in LEVELS],
            [LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error],
        )
        self.assertIs(levelNamed("WARNING"), LogLevel.warn)

    def test_unknown(self) -> None:
        """
        Another name is an error that lists what is allowed.
        """
        for name in ("", "loud", "critical", "infoing2"):
            with self.assertRaises(ConfigurationError) as caught:
                levelNamed(name)
            self.assertIn("debug, info, warn, error", str(caught.exception))


class ObserverTests(SynchronousTestCase):
    """
    Tests for the observers.
    """

    def setUp(self) -> None:
        self.file = StringIO()

    def logger(self, level: LogLevel = LogLevel.info, unsafe: bool = False) -> Logger:
        return Logger("test", observer=observerTo(self.file, level, unsafe))

    def test_clean(self) -> None:
        """
        An event is a line with its time, its origin and a clean text.
        """
        self.logger().info("from {address}", address="192.0.2.1:443")
        self.assertRegex(
            self.file.getvalue(), r"^\d{4}-\d\d-\d\dT\S+ \[test#info\] from \[scrubbed\]\n$"
        )

    def test_unsafe(self) -> None:
        """
        Addresses stay when that was asked for.
        """
        self.logger(unsafe=True).info("from {address}", address="192.0.2.1:443")
        self.assertIn("192.0.2.1:443", self.file.getvalue())

    def test_level(self) -> None:
        """
        What is beneath the level is dropped.
        """
        log = self.logger(LogLevel.warn)
        log.info("small")
        log.warn("large")
        self.assertNotIn("small", self.file.getvalue())
        self.assertIn("large", self.file.getvalue())

    def test_traceback(self) -> None:
        """
        Tracebacks are written, and are clean.
        """
        try:
            raise ValueError("no way to 192.0.2.1 or [2001:db8::1]:443")
        except ValueError:
            self.logger().failure("it broke")
        text = self.file.getvalue()
        self.assertIn("Traceback", text)
        self.assertIn(f"no way to {SCRUBBED} or {SCRUBBED}", text)
        self.assertNotIn("192.0.2.1", text)

    def test_thirdParties(self) -> None:
        """
        What others log in the old way, or print, is clean too.
        """
        publisher = LogPublisher()
        streams = SimpleNamespace(stdout=StringIO(), stderr=StringIO())
        beginner = LogBeginner(publisher, StringIO(), streams, warnings)
        self.patch(warnings, "showwarning", warnings.showwarning)
        beginner.beginLoggingTo([observerTo(self.file)])
        print("print 192.0.2.1", file=streams.stdout)
        old = legacylog.LogPublisher(
            observerPublisher=publisher, publishPublisher=publisher, logBeginner=beginner
        )
        old.msg("old 192.0.2.1")
        text = self.file.getvalue()
        self.assertIn(f"print {SCRUBBED}", text)
        self.assertIn(f"old {SCRUBBED}", text)

    def test_controls(self) -> None:
        """
        A message can neither begin a line nor steer a terminal.
        """
        self.logger().info("{text}", text="a\x1b[2J\r\n2026-11-22 forged\x07")
        lines = self.file.getvalue().splitlines()
        self.assertTrue(lines[0].endswith(r"a\x1b[2J\x0d"))
        self.assertEqual(lines[1], "\t2026-11-22 forged\\x07")

    def test_surrogates(self) -> None:
        """
        A file name that is no UTF-8 does not keep its event out of a file.
        """
        path = self.mktemp()
        file = openLogFile(path)
        self.addCleanup(file.close)
        Logger(observer=observerTo(file)).info("{name}", name=os.fsdecode(b"key\xff"))
        with open(path, encoding="utf-8") as written:
            self.assertTrue(written.read().endswith("key\\xdcff\n"))

    def test_unwritable(self) -> None:
        """
        A full disk is nobody's error but the log's.
        """

        class Full(StringIO):
            def write(self, text: str) -> int:
                raise OSError("no space left on device")

        SafeObserver(Full())({"log_format": "x", "log_level": LogLevel.info})

    def test_silent(self) -> None:
        """
        An event without a text is no line.
        """
        SafeObserver(self.file)({})
        self.assertEqual(self.file.getvalue(), "")


class FileTests(SynchronousTestCase):
    """
    Tests for ``openLogFile`` and ``standardError``.
    """

    def test_private(self) -> None:
        """
        The file is its owner's alone, and is appended to.
        """
        path = self.mktemp()
        for text in ("one\n", "two é\n"):
            file = openLogFile(path)
            file.write(text)
            file.close()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as written:
            self.assertEqual(written.read(), "one\ntwo é\n")

    def test_bounded(self) -> None:
        """
        It starts anew when it is long, and one old file is kept.
        """
        self.patch(limits, "LOG_FILE", 10)
        directory = self.mktemp()
        os.mkdir(directory)
        file = openLogFile(os.path.join(directory, "log"))
        for _ in range(9):
            file.write("12345\n")
        file.close()
        self.assertEqual(sorted(os.listdir(directory)), ["log", "log.1"])
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, "log.1")).st_mode), 0o600)

    def test_impossible(self) -> None:
        """
        A file that cannot be opened is an error that says why.
        """
        with self.assertRaises(ConfigurationError) as caught:
            openLogFile(os.path.join(self.mktemp(), "log"))
        self.assertIn("No such file", str(caught.exception))

    def test_standardError(self) -> None:
        """
        Standard error is the process's own, and never None.
        """
        self.assertIs(standardError(), sys.__stderr__)
        self.patch(sys, "__stderr__", None)
        with standardError() as file:
            file.write("swallowed")
