"""
URLs and fronts; and what operators say.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.transports.meek.arguments import (
    ServerOptions,
    WebServer,
    published,
    serverOptions,
    webServer,
)

TARGET = HostPort("192.0.2.1", 443)


class ClientTests(SynchronousTestCase):
    """
    A client's arguments.
    """

    def read(self, **arguments: str) -> WebServer:
        """
        The bridge line's address is ignored.
        """
        read = webServer(Arguments(arguments), TARGET)
        self.assertEqual(read, webServer(Arguments(arguments), None))
        return read

    def test_urls(self) -> None:
        """
        The Host header is the URL's, with a port if that has one.
        """
        for url, dial, name, host, path in (
            ("http://a.example", "a.example:80", None, "a.example", "/"),
            ("http://a.example:8080/x?y=z", "a.example:8080", None, "a.example:8080", "/x?y=z"),
            ("https://a.example/x/", "a.example:443", "a.example", "a.example", "/x/"),
            ("https://192.0.2.9:1/", "192.0.2.9:1", "192.0.2.9", "192.0.2.9:1", "/"),
            ("https://[2001:db8::1]/", "[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]", "/"),
            ("HTTP://a.example/#part", "a.example:80", None, "a.example", "/"),
        ):
            self.assertEqual(
                self.read(url=url), WebServer(HostPort.parse(dial), name, host, path), url
            )

    def test_fronts(self) -> None:
        """
        TCP and TLS go to the front; HTTP does not know of it.
        """
        for front, dial, name in (
            ("b.example", "b.example:443", "b.example"),
            ("b.example:8443", "b.example:8443", "b.example"),
            ("[2001:db8::1]", "[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]:2", "[2001:db8::1]:2", "2001:db8::1"),
        ):
            read = self.read(url="https://a.example/x", front=front)
            self.assertEqual(read, WebServer(HostPort.parse(dial), name, "a.example", "/x"))
        self.assertEqual(self.read(url="http://a.example/", front="b.example").dial.port, 80)

    def test_head(self) -> None:
        """
        See the exchange's tests for all of it.
        """
        before, behind = self.read(url="https://a.example/x", front="b.example").head("id")
        self.assertIn(b"POST /x HTTP/1.1\r\nHost: a.example\r\n", before)
        self.assertIn(b"X-Session-Id: id\r\n", behind)

    def test_target(self) -> None:
        """
        Without any URL, the bridge line's address is a web server.
        """
        found = webServer(Arguments(utls="none"), TARGET)
        self.assertEqual(found, WebServer(TARGET, None, "192.0.2.1:443", "/"))

    def test_utls(self) -> None:
        """
        Of no effect, whatever it is.
        """
        url = "https://a.example/"
        self.assertEqual(self.read(url=url, utls="hellochrome_auto"), self.read(url=url))

    def test_refused(self) -> None:
        """
        The error names the argument, and does not show it.
        """
        for key, arguments in (
            ("url", {"url": ""}),
            ("url", {"url": "ftp://a.example/"}),
            ("url", {"url": "a.example"}),
            ("url", {"url": "https:///x"}),
            ("url", {"url": "https://user:word@a.example/"}),
            ("url", {"url": "https://a.example/a b"}),
            ("url", {"url": "https://a.example/\r\nX: y"}),
            ("url", {"url": "https://\N{SNOWMAN}.example/"}),
            ("url", {"url": "https://a.example:0/"}),
            ("url", {"url": "https://a.example:99999/"}),
            ("url", {"url": "https://[::1/"}),
            ("url", {"url": "https://a.example/" + "x" * 2000}),
            ("url", {"front": "b.example"}),
            ("front", {"url": "https://a.example/", "front": ""}),
            ("front", {"url": "https://a.example/", "front": "b.example:x"}),
            ("front", {"url": "https://a.example/", "front": "b.example:0"}),
            ("front", {"url": "https://a.example/", "front": "b/c"}),
            ("front", {"url": "https://a.example/", "front": "\N{SNOWMAN}"}),
            ("ca", {"url": "https://a.example/", "ca": "/nowhere"}),
        ):
            error = self.assertRaises(ConfigurationError, self.read, **arguments)
            self.assertIn(f"'{key}'", str(error))
            self.assertNotIn("a.example", str(error))

    def test_nothing(self) -> None:
        self.assertRaises(ConfigurationError, webServer, Arguments(), None)


class ServerTests(SynchronousTestCase):
    """
    A server's options.
    """

    def test_none(self) -> None:
        """
        The reference's, where it has any; and plain.
        """
        read = serverOptions(Arguments())
        self.assertEqual(read, ServerOptions())
        self.assertEqual(read.turnaround, 0.01)
        self.assertIsNone(read.certificate)
        self.assertEqual(serverOptions(Arguments({"disable-tls": "1"})), read)

    def test_all(self) -> None:
        options = {
            "cert": "a.pem",
            "key": "b.pem",
            "path": "/x/y",
            "turnaround": "2000",
            "session-id-minimum": "32",
            "sessions": "10",
            "sessions-per-address": "2",
            "trust-forwarded-for": "192.0.2.1,2001:db8::/32,loopback",
        }
        read = serverOptions(Arguments(options))
        expected = ServerOptions(("a.pem", "b.pem"), "/x/y", 2.0, 32, 10, 2)
        self.assertEqual(read, expected)
        proxy = IPv4Address("TCP", "192.0.2.1", 1234)
        self.assertEqual(
            (read.forwarded.believes(proxy), expected.forwarded.believes(proxy)), (True, False)
        )

    def test_refused(self) -> None:
        for key, options in (
            ("cert", {"cert": "a"}),
            ("key", {"key": "a"}),
            ("disable-tls", {"cert": "a", "key": "b", "disable-tls": "1"}),
            ("disable-tls", {"disable-tls": "perhaps"}),
            ("cert", {"disable-tls": "0"}),
            ("path", {"path": "x"}),
            ("path", {"path": "/x?y"}),
            ("turnaround", {"turnaround": "-1"}),
            ("turnaround", {"turnaround": str(limits.MEEK_TURNAROUND_MAXIMUM + 1)}),
            ("session-id-minimum", {"session-id-minimum": "0"}),
            ("sessions", {"sessions": "0"}),
            ("sessions-per-address", {"sessions-per-address": "x"}),
            ("trust-forwarded-for", {"trust-forwarded-for": "example.com"}),
        ):
            error = self.assertRaises(ConfigurationError, serverOptions, Arguments(options))
            self.assertIn(f"'{key}'", str(error))

    def test_published(self) -> None:
        """
        What clients are told is what the operator says of it, if they can use it, and
        if tor can pass it on.
        """
        told = Arguments(url="https://a.example/", front="b.example")
        self.assertEqual(published(told.updated(Arguments(path="/x"))), told)
        self.assertEqual(published(Arguments()), Arguments())
        for wrong in (
            {"url": "https://a.example/?x=y"},
            {"url": "ftp://a.example/"},
            {"front": "b.example"},
        ):
            self.assertRaises(ConfigurationError, published, Arguments(wrong))
