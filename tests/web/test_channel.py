"""
Tests for the connections of ``pyptwist.web.server``: of those who speak on, and of those
who do not listen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.tls.client import securing
from pyptwist.transports.webtunnel.server import WebTunnelServer
from pyptwist.web.server import WebChannel
from tests.certificates import authority
from tests.web.test_server import FILE, LONG, PLACE

_HOST = b" HTTP/1.1\r\nHost: a\r\n"


class ClosingTests(SynchronousTestCase):
    """
    Who was refused may go on speaking, and is not heard.
    """

    def test_withTLS(self) -> None:
        """
        TLS hands on what comes before the other side knows of the end.
        """
        network = MemoryNetwork()
        context = memoryContext(self.mktemp(), network=network)
        folder = Path(self.mktemp())
        folder.mkdir()
        cert, key = authority().issue(["a.example"]).write(str(folder))
        options = Arguments(url="https://a.example/secret", cert=cert, key=key)
        WebTunnelServer().serverEndpoint(context, PLACE, options).listen(Applications())
        below = network.clientEndpoint(PLACE.host, PLACE.port)
        for begun in (
            b"GET /\r\n",
            b"GET /" + _HOST + b"a\r\nb: c\r\n",
            b"GET /" + _HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + _HOST + b"Connection: close\r\n\r\n",
        ):
            applications = Applications()
            secured = securing(below, network.clock, "a.example", authority().pem)
            secured.connect(applications)
            network.pump()
            (visitor,) = applications.built
            transport: Any = visitor.transport
            network.latency = 1.0
            for piece in (begun, b"\r\n", b"GET /" + _HOST + b"\r\n"):
                transport.write(piece)
                network.pump()
            network.latency = 0.0
            network.pump(LONG)
            self.assertEqual(bytes(visitor.received).count(b"HTTP/1.1 "), 1, begun)
            self.assertEqual(len(visitor.lost), 1)


class UntakenTests(SynchronousTestCase):
    """
    Who sends many requests at once, and takes no answer.
    """

    def check(self, isSecure: bool, requests: bytes) -> None:
        """
        Few answers are made before they are taken; all of them, then.
        """
        network = MemoryNetwork()
        context = memoryContext(self.mktemp(), network=network)
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "404.html").write_bytes(bytes(30_000))
        (folder / "big").write_bytes(bytes(300_000))
        options = {"url": "http://a.example/secret", "site": str(folder)}
        below = network.clientEndpoint(PLACE.host, PLACE.port)
        if isSecure:
            cert, key = authority().issue(["a.example"]).write(str(folder))
            options |= {"url": "https://a.example/secret", "cert": cert, "key": key}
            below = securing(below, network.clock, "a.example", authority().pem)
        WebTunnelServer().serverEndpoint(context, PLACE, Arguments(options)).listen(Applications())
        applications = Applications()
        below.connect(applications)
        network.pump()
        (visitor,) = applications.built
        transport: Any = visitor.transport
        written: list[int] = []

        def write(channel: Any, data: bytes) -> None:
            written.append(len(data))
            channel.transport.write(data)

        self.patch(WebChannel, "write", write)
        transport.pauseProducing()
        transport.write(requests)
        network.pump(1)
        self.assertLess(sum(written), 500_000)
        transport.resumeProducing()
        network.pump(LONG)
        self.assertEqual(bytes(visitor.received).count(b"HTTP/1.1 "), requests.count(b"GET "))

    def test_pages(self) -> None:
        for isSecure in (False, True):
            self.check(isSecure, (b"GET /nothing" + _HOST + b"\r\n") * 50)

    def test_files(self) -> None:
        """
        Behind a page, with which the connection was full.
        """
        for isSecure in (False, True):
            self.check(isSecure, (b"GET /nothing" + _HOST + b"\r\n") * 9 + FILE * 9)
