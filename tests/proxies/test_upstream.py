"""
``pyptwist.proxies.upstream``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError
from pyptwist.proxies.httpconnect import HTTPConnectClient
from pyptwist.proxies.socks4a import Socks4aClient
from pyptwist.proxies.socks5 import Socks5Client
from pyptwist.proxies.upstream import UpstreamProxy
from tests.proxies.driving import outcome

HERE = HostPort("127.0.0.1", 9)
THERE = HostPort("::1", 9)


class ParseTests(SynchronousTestCase):
    """
    ``UpstreamProxy.parse``.
    """

    def test_uri(self) -> None:
        """
        It is written as it was read.
        """
        for text in (
            "socks4a://127.0.0.1:1",
            "socks4a://me@[::1]:1",
            "socks5://me:p@:/w@127.0.0.1:1",
            "http://me@127.0.0.1:1",
        ):
            self.assertEqual(UpstreamProxy.parse(text).uri(), text)

    def test_asTorWritesIt(self) -> None:
        """
        What tor 0.4.9.11 was seen to write, for each torrc option.
        """
        for text, proxy in (
            ("socks4a://127.0.0.1:9", UpstreamProxy("socks4a", HERE)),
            ("socks4a://[::1]:9", UpstreamProxy("socks4a", THERE)),
            ("socks5://[::1]:9", UpstreamProxy("socks5", THERE)),
            ("socks5://us:p@:w@127.0.0.1:9", UpstreamProxy("socks5", HERE, "us", "p@:w")),
            ("socks5://us:p@:w@[::1]:9", UpstreamProxy("socks5", THERE, "us", "p@:w")),
            ("http://a:b@[::1]:9", UpstreamProxy("http", THERE, "a", "b")),
            ("http://justuser@127.0.0.1:9", UpstreamProxy("http", HERE, "justuser")),
        ):
            self.assertEqual(UpstreamProxy.parse(text), proxy)

    def test_asTheSpecWritesIt(self) -> None:
        """
        The examples of pt-spec, section 3.2.2.
        """
        for text, proxy in (
            (
                "socks5://tor:test1234@198.51.100.1:8000",
                UpstreamProxy("socks5", HostPort("198.51.100.1", 8000), "tor", "test1234"),
            ),
            (
                "socks4a://198.51.100.2:8001",
                UpstreamProxy("socks4a", HostPort("198.51.100.2", 8001)),
            ),
            ("http://198.51.100.3:443", UpstreamProxy("http", HostPort("198.51.100.3", 443))),
        ):
            self.assertEqual(UpstreamProxy.parse(text), proxy)

    def test_otherForms(self) -> None:
        """
        Schemes have no case, and SOCKS4 has users.
        """
        self.assertEqual(UpstreamProxy.parse("SOCKS5://[::1]:9"), UpstreamProxy("socks5", THERE))
        self.assertEqual(
            UpstreamProxy.parse("socks4a://joe@[::1]:9"), UpstreamProxy("socks4a", THERE, "joe")
        )
        self.assertEqual(
            UpstreamProxy.parse("http://a:@[::1]:9"), UpstreamProxy("http", THERE, "a", "")
        )

    def test_refused(self) -> None:
        """
        What is wrong is said, without anything of what was written.
        """
        long = "x" * 256
        for text in (
            "",
            "127.0.0.1:9",
            "socks4://127.0.0.1:9",
            "socks5h://127.0.0.1:9",
            "https://127.0.0.1:9",
            "socks5://",
            "socks5://secret",
            "socks5://127.0.0.1",
            "socks5://127.0.0.1:",
            "socks5://127.0.0.1:0",
            "socks5://127.0.0.1:65536",
            "socks5://127.0.0.1:9/",
            "socks5://::1:9",
            "socks5://secret.example:9",
            "socks5://localhost:9",
            "socks5://secret@127.0.0.1:9",
            "socks5://secret:@127.0.0.1:9",
            "socks5://:secret@127.0.0.1:9",
            "socks5://@127.0.0.1:9",
            f"socks5://secret:{long}@127.0.0.1:9",
            f"socks5://{long}:secret@127.0.0.1:9",
            "socks5://secret:sec\nret@127.0.0.1:9",
            "socks5://secret:sec\ud800ret@127.0.0.1:9",
            "socks4a://secret:word@127.0.0.1:9",
            "socks4a://@127.0.0.1:9",
            f"socks4a://{long}@127.0.0.1:9",
            "http://@127.0.0.1:9",
            "http://:secret@127.0.0.1:9",
            "http://secret:a\x7fb@127.0.0.1:9",
        ):
            error = self.assertRaises(ConfigurationError, UpstreamProxy.parse, text)
            self.assertNotIn("secret", str(error))
            self.assertNotIn("127.0.0.1", str(error))
            self.assertTrue(str(error).isascii() and str(error).isprintable())

    @given(st.text(max_size=40), st.sampled_from(["", "socks5://", "http://", "socks4a://a@"]))
    def test_garbage(self, text: str, scheme: str) -> None:
        """
        Any text is a proxy or a ``ConfigurationError``.
        """
        for tail in ("", "@127.0.0.1:9"):
            try:
                proxy = UpstreamProxy.parse(scheme + text + tail)
            except ConfigurationError:
                continue
            proxy.codecFactory("example.org", 80)()


class ObjectTests(SynchronousTestCase):
    """
    ``UpstreamProxy`` itself.
    """

    def test_repr(self) -> None:
        """
        It can be logged.
        """
        proxy = UpstreamProxy.parse("http://secret:word@192.0.2.7:9")
        self.assertEqual(repr(proxy), "<UpstreamProxy http, credentials>")
        self.assertEqual(repr(UpstreamProxy("http", HERE)), "<UpstreamProxy http>")

    def test_inconsistent(self) -> None:
        """
        No half of a proxy can be made by hand either.
        """
        for arguments in (
            ("ftp", HERE),
            ("http", HostPort("example.org", 9)),
            ("http", HostPort("127.0.0.1", 0)),
            ("http", HERE, None, "word"),
            ("http", HERE, "us:er", "word"),
            ("socks5", HERE, "user"),
        ):
            self.assertRaises(ConfigurationError, UpstreamProxy, *arguments)


class FactoryTests(SynchronousTestCase):
    """
    ``UpstreamProxy.codecFactory``.
    """

    def test_kinds(self) -> None:
        """
        Each scheme has its codec, a fresh one for each connection.
        """
        for scheme, kind in (
            ("socks4a", Socks4aClient),
            ("socks5", Socks5Client),
            ("http", HTTPConnectClient),
        ):
            make = UpstreamProxy(scheme, HERE).codecFactory("example.org", 80)
            first, second = make(), make()
            self.assertIsInstance(first, kind)
            self.assertIsNot(first, second)

    def test_credentials(self) -> None:
        """
        Credentials arrive in the codec, byte by byte as the environment had them.
        """
        for text, answer, expected in (
            ("socks4a://jos\udce9@127.0.0.1:9", b"", b"jos\xe9\0"),
            ("socks5://us:p@:w@127.0.0.1:9", b"\5\2", b"\1\2us\4p@:w"),
            ("http://us:p@:w@127.0.0.1:9", b"", b"Basic dXM6cEA6dw==\r\n"),
            ("http://us@127.0.0.1:9", b"", b"Basic dXM6\r\n"),
        ):
            codec = UpstreamProxy.parse(text).codecFactory("192.0.2.7", 80)()
            self.assertIn(expected, outcome(codec, [answer]).sent)

    def test_withoutCredentials(self) -> None:
        """
        None are made up.
        """
        for scheme, expected in (("socks5", b"\5\1\0"), ("socks4a", b"\xc0\0\2\7\0")):
            codec = UpstreamProxy(scheme, HERE).codecFactory("192.0.2.7", 80)()
            self.assertTrue(outcome(codec, []).sent.endswith(expected))
        http = UpstreamProxy("http", HERE).codecFactory("192.0.2.7", 80)()
        self.assertNotIn(b"Authorization", outcome(http, []).sent)

    def test_badTarget(self) -> None:
        """
        A target that the proxy cannot be asked for shows before connecting.
        """
        proxy = UpstreamProxy("socks4a", HERE)
        for host, port in (("0.0.0.1", 80), ("bü.example", 80), ("example.org", 0)):
            self.assertRaises(ConfigurationError, proxy.codecFactory, host, port)
