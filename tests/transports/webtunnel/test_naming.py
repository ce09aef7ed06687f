"""
Tests for ``pyptwist.transports.webtunnel.naming``.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.endpointcase import BRIDGE
from pyptwist.transports.webtunnel.client import WebTunnelClient
from pyptwist.transports.webtunnel.naming import Naming, naming
from tests.transports.webtunnel import test_method

HOST = "tunnel.example"
CHAIN = bytes(range(32))
PIN = b64encode(CHAIN).decode()


def named(chosen: int = 0, **arguments: str) -> Naming:
    """
    :param chosen: what chance says.
    :param arguments: with lines for dashes.
    """
    given = {key.replace("_", "-"): value for key, value in arguments.items()}
    return naming(HOST, Arguments(given), lambda count: chosen.to_bytes(count, "big"))


class NamingTests(SynchronousTestCase):
    """
    As lyrebird 0.8.1 was seen to do it.
    """

    def test_none(self) -> None:
        self.assertEqual(named(), Naming(HOST, HOST, None))

    def test_serverName(self) -> None:
        """
        It is asked for, and has to be in the certificate.
        """
        self.assertEqual(named(servername="a.example"), Naming("a.example", "a.example", None))
        self.assertEqual(named(servername="192.0.2.1").asked, "192.0.2.1")

    def test_several(self) -> None:
        """
        One of them.
        """
        for chosen in range(4):
            expected = "abc"[chosen % 3] + ".example"
            found = named(chosen, servername="a.example, b.example,,c.example,")
            self.assertEqual((found.asked, found.name), (expected, expected))
            found = named(chosen, sni_imitation="a.example, b.example,,c.example,")
            self.assertEqual((found.asked, found.name), (expected, HOST))

    def test_imitation(self) -> None:
        """
        It is asked for, and the URL's has to be in the certificate.
        """
        found = named(sni_imitation="a.example")
        self.assertEqual(found, Naming("a.example", HOST, None))
        found = named(sni_imitation="a.example", servername="b.example")
        self.assertEqual(found, Naming("b.example", HOST, None))

    def test_domain(self) -> None:
        """
        It has to be in the certificate, whatever is asked for.
        """
        found = named(cert_domain="a.example")
        self.assertEqual(found, Naming(HOST, "a.example", None))
        for found in (
            named(cert_domain="a.example", servername="b.example"),
            named(cert_domain="a.example", sni_imitation="b.example"),
        ):
            self.assertEqual(found, Naming("b.example", "a.example", None))

    def test_chain(self) -> None:
        """
        With what base64 has at its end, or without.
        """
        for text in (PIN, PIN.rstrip("=")):
            self.assertEqual(named(cert=text).chain, CHAIN)

    def test_wrong(self) -> None:
        """
        The text names what is wrong.
        """
        for key, value in (
            ("servername", ""),
            ("servername", ", ,"),
            ("servername", "a.example,b c"),
            ("servername", "a b"),
            ("sni_imitation", "a,*"),
            ("sni_imitation", ","),
            ("cert_domain", "*"),
            ("cert_domain", ""),
            ("cert", ""),
            ("cert", "fullchain.pem"),
            ("cert", PIN[:-4]),
            ("cert", PIN + "AAAA"),
        ):
            error = self.assertRaises(ConfigurationError, named, **{key: value})
            self.assertIn(repr(key.replace("_", "-")), str(error))


class PlainTests(SynchronousTestCase):
    """
    Without TLS no server shows a certificate.
    """

    def test_unproven(self) -> None:
        """
        Nobody is taken for the right one who should have proven it.
        """
        for key, value in (("cert", PIN), ("cert-domain", "a.example")):
            arguments = Arguments({"url": "http://tunnel.example/secret", key: value})
            error = self.assertRaises(
                ConfigurationError,
                WebTunnelClient().clientEndpoint,
                memoryContext(self.mktemp()),
                None,
                arguments,
            )
            self.assertIn(repr(key), str(error))
            self.assertIn("https", str(error))


class RequestTests(SynchronousTestCase):
    """
    Which name the request has.
    """

    def test_host(self) -> None:
        """
        The URL's, whatever TLS goes by: to the byte as lyrebird 0.8.1 has it.
        """
        case = test_method.PlainTests("test_payload")
        case.setUp()
        self.addCleanup(case.doCleanups)
        asked: Any = Applications()
        case.network.serverEndpoint(BRIDGE.host, 8080).listen(asked)
        arguments = {
            "url": "http://tunnel.example:12345/secret",
            "addr": f"{BRIDGE.host}:8080",
            "servername": "front.example",
        }
        endpoint = WebTunnelClient().clientEndpoint(case.context, None, Arguments(arguments))
        attempt = endpoint.connect(Applications())
        case.network.pump()
        self.assertEqual(
            bytes(asked.built[0].received),
            b"GET /secret HTTP/1.1\r\nHost: tunnel.example\r\n"
            b"User-Agent: Go-http-client/1.1\r\n"
            b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        attempt.cancel()
        self.failureResultOf(attempt)
