"""
Tests for ``pyptwist.web.server``: what probes see, and what visitors leave behind.  For
the rest see those of the methods that have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.tls.client import securing
from pyptwist.transports.meek.method import Meek
from pyptwist.transports.webtunnel.server import WebTunnelServer
from pyptwist.web.server import WebSite
from tests.certificates import authority
from tests.remains import objects, since, withoutCollector

PLACE = HostPort("192.0.2.1", 443)
FILE = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
VISITS = 40  # of each kind
LONG = 3 * limits.MEEK_IDLE

#: What only twisted.web says.
_THEIRS = re.compile(
    rb"[Tt]wisted|Huh|treat a|Your browser|No Such Resource|Sorry|Forbidden Resource|click here"
    rb"|Processing Failed|Traceback|bgcolor|Range not|\nServer:|400 Bad Request\r\n\r\n$"
)

_BAD = b"400 Bad Request"
_LONG = b"431 Request Header Fields Too Large"
_NONE = b"404 page not found\n"
_NOT_ALLOWED = b"Method Not Allowed\n"
_HOST = b" HTTP/1.1\r\nHost: a\r\n"

#: A request, and the status and the body that a folder's server answers with, and whether
#: it closes then.
_PROBES: dict[bytes, tuple[int, bytes, bool]] = {
    b"GET /" + _HOST + b"\r\n": (200, b"Hello", False),
    b"GET /" + _HOST + b"Connection: close\r\n\r\n": (200, b"Hello", True),
    b"GET /" + _HOST + b"Connection: a, Close\r\n\r\n": (200, b"Hello", True),
    b"GET / HTTP/1.0\r\n\r\n": (200, b"Hello", True),
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n": (200, b"Hello", False),
    b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n": (200, b"Hello", True),
    b"GET / HTTP/1.1\nHost: a\n\n": (200, b"Hello", False),
    b"HEAD /" + _HOST + b"\r\n": (200, b"", False),
    b"GET http://a/" + _HOST + b"\r\n": (200, b"Hello", False),
    b"GET HTTPS://a?b" + _HOST + b"\r\n": (200, b"Hello", False),
    b"OPTIONS *" + _HOST + b"\r\n": (200, b"", False),
    b"GET /big" + _HOST + b"Range: bytes=0-1\r\n\r\n": (206, b"01", False),
    b"GET /big" + _HOST + b"Range: bytes=-99\r\n\r\n": (206, b"0123456789", False),
    b"GET /big" + _HOST + b"Range: bytes=10-\r\n\r\n": (
        416,
        b"invalid range: failed to overlap\n",
        False,
    ),
    b"GET /sub" + _HOST + b"\r\n": (301, b"", False),
    b"HEAD /sub?a" + _HOST + b"\r\n": (301, b"", False),
    b"GET /" + _HOST + b"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n": (
        304,
        b"",
        False,
    ),
    b"GET /nothing" + _HOST + b"\r\n": (404, _NONE, False),
    b"GET /nothing HTTP/1.0\r\n\r\n": (404, _NONE, True),
    b"HEAD /nothing" + _HOST + b"\r\n": (404, b"", False),
    b"POST /nothing" + _HOST + b"Content-Length: 1\r\n\r\n1": (404, _NONE, False),
    b"GET /sub/" + _HOST + b"\r\n": (404, _NONE, False),
    b"GET /.hidden" + _HOST + b"\r\n": (404, _NONE, False),
    b"GET /bighttp://a" + _HOST + b"\r\n": (404, _NONE, False),
    b"GET /%ff" + _HOST + b"\r\n": (404, _NONE, False),
    b"OPTIONS /" + _HOST + b"\r\n": (405, _NOT_ALLOWED, False),
    b"POST /" + _HOST + b"Content-Length: 1\r\n\r\n1": (405, _NOT_ALLOWED, False),
    b"PUT /big" + _HOST + b"Content-Length: 0\r\n\r\n": (405, _NOT_ALLOWED, False),
    b"TRACE /" + _HOST + b"\r\n": (405, _NOT_ALLOWED, False),
    b"get /" + _HOST + b"\r\n": (405, _NOT_ALLOWED, False),
    b"<b> / HTTP/1.1\r\nHost: a\r\n\r\n": (400, _BAD, True),
    b"GET / HTTP/1.1\r\n\r\n": (400, _BAD, True),
    b"GET /" + _HOST + b"Host: b\r\n\r\n": (400, _BAD, True),
    b"GET *" + _HOST + b"\r\n": (400, _BAD, True),
    b"GET a" + _HOST + b"\r\n": (400, _BAD, True),
    b"CONNECT a:443" + _HOST + b"\r\n": (400, _BAD, True),
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n": (400, _BAD, True),
    b"GET / HTTP/9\r\nHost: a\r\n\r\n": (400, _BAD, True),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": (400, _BAD, True),
    b"GET /\r\n": (400, _BAD, True),
    b"SSH-2.0-x\r\n": (400, _BAD, True),
    b"\x16\x03\x01\0\0\r\n": (400, _BAD, True),
    b"GET /" + _HOST + b"a\r\n\r\n": (400, _BAD, True),
    b"GET /" + _HOST + b"a b: c\r\n\r\n": (400, _BAD, True),
    b"GET /" + _HOST + b"a: \0\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Content-Length: x\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Transfer-Encoding: gzip\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Transfer-Encoding: identity\r\n\r\n": (400, _BAD, True),
    b"POST /" + _HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n": (400, _BAD, True),
    b"GET /" + b"x" * 17_000: (431, _LONG, True),
    b"GET /" + b"x" * 17_000 + _HOST + b"\r\n": (431, _LONG, True),
    b"GET /" + _HOST + b"a: " + b"x" * 17_000: (431, _LONG, True),
    b"GET /" + _HOST + b"a: 1234567890\r\n" * 1500 + b"\r\n": (431, _LONG, True),
    b"GET /" + _HOST + b"a: b\r\n" * 600 + b"\r\n": (431, _LONG, True),
}


class ProbeTests(SynchronousTestCase):
    """
    Whoever looks what kind of server it is does not see twisted.web's.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)
        self.folder = Path(self.mktemp())
        (self.folder / "sub").mkdir(parents=True)
        (self.folder / "index.html").write_text("Hello")
        (self.folder / ".hidden").write_text("hush")
        (self.folder / "big").write_text("0123456789")

    def answers(self, method: Any, **options: str) -> dict[bytes, tuple[bytes, bool]]:
        """
        :returns: for each probe what is said, and whether the connection was closed.
        """
        endpoint = method.serverEndpoint(self.context, PLACE, Arguments(options))
        port = self.successResultOf(endpoint.listen(Applications()))
        answers = {}
        for probe in _PROBES:
            applications = Applications()
            self.network.clientEndpoint(PLACE.host, PLACE.port).connect(applications)
            self.network.pump()
            (visitor,) = applications.built
            transport: Any = visitor.transport
            transport.write(probe)
            self.network.pump(0.5)
            answers[probe] = bytes(visitor.received), bool(visitor.lost)
            transport.loseConnection()
        self.successResultOf(port.stopListening())
        self.network.pump(LONG)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        return answers

    def test_table(self) -> None:
        """
        A folder's server answers each as the table has it, and the same whichever
        method it belongs to.
        """
        site = str(self.folder)
        tunnel = self.answers(WebTunnelServer(), site=site, path="/secret")
        meek = self.answers(Meek(), site=site, path="/secret")
        for probe, expected in _PROBES.items():
            answer, isClosed = tunnel[probe]
            head, _, body = answer.partition(b"\r\n\r\n")
            seen = int(head.split()[1]), body, isClosed
            self.assertEqual(seen, expected, probe[:80])
            self.assertIsNone(_THEIRS.search(answer), answer)
            self.assertEqual(
                (_undated(answer), isClosed), (_undated(meek[probe][0]), meek[probe][1])
            )

    def test_siteless(self) -> None:
        """
        Nor do those have its words that have no site.
        """
        for method, options in (
            (WebTunnelServer(), {"path": "/secret"}),
            (Meek(), {}),
            (Meek(), {"path": "/secret"}),
        ):
            for probe, (answer, _) in self.answers(method, **options).items():
                self.assertTrue(answer.startswith(b"HTTP/1."), probe[:80])
                self.assertIsNone(_THEIRS.search(answer), answer)

    def test_heads(self) -> None:
        """
        Fields have Go's order, byte for byte.
        """
        answers = self.answers(WebTunnelServer(), site=str(self.folder), path="/secret")
        for path, lines in (
            (
                b"GET /",
                b"200 OK|Accept-Ranges: bytes|Content-Length: 5|Content-Type: text/html"
                b"|Last-Modified: D|Date: D",
            ),
            (b"GET /sub", b"301 Moved Permanently|Location: sub/|Date: D|Content-Length: 0"),
            (
                b"GET /nothing",
                b"404 Not Found|Content-Type: text/plain; charset=utf-8"
                b"|X-Content-Type-Options: nosniff|Date: D|Content-Length: 19",
            ),
        ):
            head = _undated(answers[path + _HOST + b"\r\n"][0]).partition(b"\r\n\r\n")[0]
            self.assertEqual(head.split(b"\r\n"), (b"HTTP/1.1 " + lines).split(b"|"))
        for probe, word in (
            (b"GET /" + _HOST + b"Connection: close\r\n\r\n", b"close"),
            (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"keep-alive"),
        ):
            self.assertIn(b"GMT\r\nConnection: %b\r\n\r\n" % word, answers[probe][0])
        self.assertNotIn(b"Connection", answers[b"GET / HTTP/1.0\r\n\r\n"][0])


class FailureTests(SynchronousTestCase):
    """
    A page that cannot be shown.
    """

    def ask(self, page: Resource) -> bytes:
        """
        :returns: what is answered to who asks for it.
        """
        site: Any = WebSite(page, Clock(), Applications(), 60, 60)
        channel = site.buildProtocol(IPv4Address("TCP", "192.0.2.7", 4711))
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(b"GET /" + _HOST + b"\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.isClosed = transport.disconnecting
        channel.setTimeout(None)
        seen: bytes = transport.value()
        return seen

    def test_failed(self) -> None:
        """
        It is said that it is so, and nothing else.
        """

        class Broken(Resource):
            isLeaf = True

            def render(self, request: Any) -> Any:
                request.setHeader(b"Content-Length", b"9")
                return 1 // 0

        head, _, body = self.ask(Broken()).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n"), head)
        self.assertEqual(body, b"500 Internal Server Error\n")
        self.assertIn(b"Content-Length: 26", head)
        self.assertFalse(self.isClosed)

    def test_failedLate(self) -> None:
        """
        In the middle of an answer nothing more can be said.
        """

        class Broken(Resource):
            isLeaf = True

            def render(self, request: Any) -> Any:
                request.setHeader(b"Content-Length", b"9")
                request.write(b"12345")
                return 1 // 0

        self.assertTrue(self.ask(Broken()).endswith(b"\r\n\r\n12345"))
        self.assertTrue(self.isClosed)


def _undated(answer: bytes) -> bytes:
    return re.sub(rb"(Date|Last-Modified): [^\r]*", rb"\1: D", answer)


class RemainsTests(SynchronousTestCase):
    """
    Visitors, of each kind and in each of their ways, leave nothing.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "big").write_bytes(bytes(500_000))

    def reader(self, visitor: Any) -> None:
        """
        Takes all of it.
        """
        visitor.transport.write(FILE)
        self.network.pump(LONG)
        self.assertGreater(len(visitor.received), 500_000)

    def leaver(self, visitor: Any) -> None:
        """
        Is gone in the middle.
        """
        visitor.transport.write(FILE)
        visitor.transport.abortConnection()

    def staller(self, visitor: Any) -> None:
        """
        Takes none.
        """
        visitor.transport.pauseProducing()
        visitor.transport.write(FILE)
        self.network.pump(LONG)

    def laggard(self, visitor: Any) -> None:
        """
        Has no time for all of his request.
        """
        visitor.transport.write(FILE[:-2])
        self.network.pump(LONG)

    def stranger(self, visitor: Any) -> None:
        """
        Says to nobody in particular what he wants.
        """
        visitor.transport.write(b"GET /big HTTP/1.1\r\n\r\n")
        self.network.pump(LONG)

    def babbler(self, visitor: Any) -> None:
        """
        Speaks no HTTP.
        """
        visitor.transport.write(b"\0\r\n\r\n")
        self.network.pump(LONG)

    def visits(self, kind: Callable[[Any], None], times: int, isSecure: bool) -> None:
        """
        One after another.
        """
        below = self.network.clientEndpoint(PLACE.host, PLACE.port)
        if isSecure:
            below = securing(below, self.network.clock, "a.example", authority().pem)
        for _ in range(times):
            applications = Applications()
            below.connect(applications)
            self.network.pump()
            visitor: Application = applications.built.pop()
            kind(visitor)
            self.network.pump(LONG)
            self.assertEqual(len(visitor.lost), 1)

    def check(self, method: Any, isSecure: bool, options: dict[str, str]) -> None:
        """
        :param options: the server's, beside its site and its certificate.
        """
        arguments = {"site": str(self.folder), **options}
        if isSecure:
            files = authority().issue(["a.example"]).write(str(self.folder))
            arguments["cert"], arguments["key"] = files
        endpoint = method.serverEndpoint(self.context, PLACE, Arguments(arguments))
        port = self.successResultOf(endpoint.listen(Applications()))
        kinds = self.reader, self.leaver, self.staller, self.laggard, self.stranger, self.babbler
        for kind in kinds:
            self.visits(kind, 1, isSecure)
        self.network.connections.clear()
        withoutCollector(self)
        before = objects()
        for kind in kinds:
            self.visits(kind, VISITS, isSecure)
            self.network.connections.clear()
            self.assertEqual(since(before), {}, kind)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        port.stopListening()

    def test_webtunnel(self) -> None:
        self.check(WebTunnelServer(), False, {"url": "http://a.example/secret"})

    def test_webtunnelWithTLS(self) -> None:
        self.check(WebTunnelServer(), True, {"url": "https://a.example/secret"})

    def test_meek(self) -> None:
        self.check(Meek(), False, {})

    def test_meekWithTLS(self) -> None:
        self.check(Meek(), True, {})
