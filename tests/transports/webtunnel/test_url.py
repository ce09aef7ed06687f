"""
Tests for ``pyptwist.transports.webtunnel.url``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.transports.webtunnel.url import TunnelURL, hostHeader, plainPath


def parsed(url: str) -> TunnelURL:
    """
    :returns: the URL, read.
    """
    return TunnelURL.of(Arguments(url=url))


class TunnelURLTests(SynchronousTestCase):
    """
    Tests for ``TunnelURL``.
    """

    def test_places(self) -> None:
        """
        The scheme decides about TLS and the usual port.
        """
        for text, isSecure, host, port in (
            ("https://example.com/secret", True, "example.com", 443),
            ("HTTP://Example.com/secret", False, "example.com", 80),
            ("https://example.com:8443/secret", True, "example.com", 8443),
            ("https://user:word@192.0.2.1/secret", True, "192.0.2.1", 443),
            ("http://[2001:db8::1]:8080/secret", False, "2001:db8::1", 8080),
        ):
            url = parsed(text)
            self.assertEqual((url.isSecure, url.where), (isSecure, HostPort(host, port)))
            self.assertEqual(url.path, "/secret")

    def test_paths(self) -> None:
        """
        As Go's clients send them: those that were seen, and those that its library
        has to encode itself.
        """
        for path, sent in (
            ("", "/"),
            ("/", "/"),
            ("/se%20cret/a?x=1", "/se%20cret/a"),
            ("/a#b", "/a"),
            ("//a", "//a"),
            ("/a!'(b)*[]", "/a!'(b)*[]"),
            ("/%2f/\N{SNOWMAN}!", "///%E2%98%83%21"),
        ):
            self.assertEqual(parsed(f"https://example.com{path}").path, sent)

    def test_wrong(self) -> None:
        """
        The text names the argument, and keeps the secret.
        """
        for text in (
            "",
            "example.com/hush",
            "ftp://example.com/hush",
            "https:///hush",
            "https://example.com:0/hush",
            "https://example.com:99999/hush",
            "https://example.com:x/hush",
            "https://[::1/hush",
            "https://[x]/hush",
            "https://example.com/hush%2",
            "https://example.com/hu sh",
            "https://exa\N{NO-BREAK SPACE}mple.com/hush",
            f"https://{'a' * 300}/hush",
        ):
            error = self.assertRaises(ConfigurationError, parsed, text)
            self.assertIn("'url'", str(error))
            self.assertNotIn("hush", str(error))
        self.assertRaises(ConfigurationError, TunnelURL.of, Arguments())

    def test_repr(self) -> None:
        """
        It may be logged.
        """
        self.assertNotIn("hush", repr(parsed("https://example.com/hush")))

    def test_text(self) -> None:
        """
        What clients are told has no commas and no equals signs, which tor's lines
        cannot hold, and no password.
        """
        for given_, told in (
            ("https://user:word@example.com:443/a,b=c?d#e", "https://example.com/a%2Cb%3Dc"),
            ("http://[2001:db8::1]:8080/secret", "http://[2001:db8::1]:8080/secret"),
            ("http://example.com:80", "http://example.com/"),
        ):
            url = parsed(given_)
            self.assertEqual(url.text, told)
            again = parsed(told)
            self.assertEqual((again.isSecure, again.where), (url.isSecure, url.where))
            self.assertEqual(plainPath(again.path.encode()), plainPath(url.path.encode()))

    @given(st.text())
    def test_anything(self, path: str) -> None:
        """
        Any path is refused, or is one that HTTP can carry, and stays what it is.
        """
        try:
            url = parsed("https://example.com/" + path)
        except ConfigurationError:
            return
        self.assertRegex(url.path, r"\A/[!-~]*\Z")
        self.assertEqual(parsed(f"https://example.com{url.path}").path, url.path)


class HostHeaderTests(SynchronousTestCase):
    """
    Tests for ``hostHeader``.
    """

    def test_names(self) -> None:
        """
        Names of all kinds.
        """
        for name, header in (
            ("example.com", "example.com"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "[2001:db8::1]"),
            ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ):
            self.assertEqual(hostHeader(name), header)

    def test_wrong(self) -> None:
        """
        Nothing else.
        """
        for name in ("", "a b", "a/b", "a\r\nb", "a..b", "a:b", "a" * 64 + ".com"):
            self.assertRaises(ConfigurationError, hostHeader, name)
