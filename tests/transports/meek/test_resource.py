"""
The server, as those see it who speak HTTP with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.web.resource import Resource
from twisted.web.server import Site

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.testing.applications import Applications
from pyptwist.transports.meek.numbering import ID_ENTROPY, Flag, Frame, offer
from pyptwist.transports.meek.resource import meekResource
from pyptwist.transports.meek.site import MeekRequest
from tests.transports.meek.visitors import ID, PLACE, ServerCase, payload, request


class CoverTests(ServerCase):
    """
    Visitors.
    """

    def status(self, *lines: str) -> int:
        """
        :returns: the status of the answer to a request of these lines.
        """
        answer = self.visitor().say("\r\n".join([*lines, "", ""]).encode())
        self.assertTrue(answer.startswith(b"HTTP/1."), answer)
        return int(answer.split()[1])

    def test_cover(self) -> None:
        """
        As with the reference, there is a line of text, and nothing else.
        """
        for first, status in (
            ("GET / HTTP/1.1", 200),
            ("GET // HTTP/1.1", 200),
            ("GET /x HTTP/1.1", 404),
            ("HEAD / HTTP/1.1", 400),
            ("PUT / HTTP/1.1", 400),
            ("OPTIONS * HTTP/1.1", 200),
            ("POST / HTTP/1.1", 400),
        ):
            self.assertEqual(self.status(first, "Host: a.example"), status, first)
        self.assertEqual(self.applications.built, [])

    def test_head(self) -> None:
        """
        The answer does not say what software this is.
        """
        answer = self.visitor().say(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
        self.assertEqual(head[0], b"HTTP/1.1 200 OK")
        names = [line.partition(b":")[0] for line in head[1:]]
        self.assertEqual(names, [b"Content-Type", b"Date", b"Content-Length"])

    def test_refusals(self) -> None:
        """
        Tor's meek-server 0.38.0 was seen to answer so, but for the date.
        """
        visitor = self.visitor()
        for asked, status, body in (
            (b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", b"404 Not Found", b"404 page not found\n"),
            (b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", b"400 Bad Request", b"Bad request.\n"),
            (request(sessionId="1234567"), b"400 Bad Request", b"Bad request.\n"),
        ):
            answer = re.sub(rb"Date: [^\r]*", b"Date: ?", visitor.say(asked))
            expected = (
                b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"X-Content-Type-Options: nosniff\r\nDate: ?\r\nContent-Length: %d\r\n\r\n%b"
            )
            self.assertEqual(answer, expected % (status, len(body), body))
        self.assertEqual(visitor.lost, [])
        self.assertNotIn(b"nosniff", visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))

    def test_nonsense(self) -> None:
        """
        So does it answer what is no HTTP, to the byte.
        """
        for said in (b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"):
            visitor = self.visitor()
            self.assertEqual(
                visitor.say(said),
                b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Connection: close\r\n\r\n400 Bad Request",
            )
            self.assertEqual(len(visitor.lost), 1)

    def test_theirs(self) -> None:
        """
        Requests as Tor's meek-client 0.38.0 was seen to make them.
        """
        said = (
            b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:46685\r\n"
            b"User-Agent: Go-http-client/1.1\r\nContent-Length: 3\r\n"
            b"Content-Type: application/octet-stream\r\nX-Session-Id: zcLXvBjP850\r\n"
            b"Accept-Encoding: gzip\r\n\r\nabc"
        )
        visitor = self.visitor()
        self.assertEqual(payload(visitor.say(said)), b"")
        self.assertEqual(payload(visitor.say(said)), b"")
        (application,) = self.applications.built
        self.assertEqual(bytes(application.received), b"abcabc")

    def test_ids(self) -> None:
        """
        Who has no proper id is no client.
        """
        for sessionId in ("", "short", "x" * (limits.MEEK_ID_MAXIMUM + 1), "\N{SNOWMAN}" * 9):
            answer = self.visitor().say(request(sessionId=sessionId))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        answer = self.visitor().say(request(b"", ID, f"X-Session-Id: {ID}"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(self.applications.built, [])
        self.serve(session_id_minimum="32")
        self.assertIn(b" 400 ", self.visitor().post(sessionId="x" * 31))
        self.assertEqual(self.visitor().post(sessionId="x" * 32), b"")

    def test_path(self) -> None:
        """
        Any, or the one that the operator chose.
        """
        self.assertEqual(self.visitor().post(path="/any"), b"")
        self.serve(path="/secret")
        self.assertIn(b" 400 ", self.visitor().post(path="/any"))
        self.assertEqual(self.visitor().post(path="/secret"), b"")
        self.assertEqual(self.status("GET /secret HTTP/1.1", "Host: a.example"), 404)


class SiteTests(ServerCase):
    """
    Visitors, where there is a folder.
    """

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "index.html").write_text("<title>Ordinary</title>")

    def test_site(self) -> None:
        """
        They see its files; clients are served as ever.
        """
        self.serve(site=str(self.folder))
        visitor = self.visitor()
        for method, path, status in (
            ("GET", "/", b"200"),
            ("HEAD", "/index.html", b"200"),
            ("GET", "/nothing", b"404"),
            ("POST", "/", b"405"),
            ("PUT", "/", b"405"),
        ):
            answer = visitor.say(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertEqual(answer.split()[1], status, (method, path))
            self.assertNotIn(b"Server", answer)
            self.assertEqual(b"Ordinary" in answer, (method, path) == ("GET", "/"))
        nonsense = self.visitor().say(b"garbage\r\n\r\n")
        self.assertTrue(nonsense.endswith(b"close\r\n\r\n400 Bad Request"), nonsense)
        self.assertEqual(self.visitor().post(b"abc", path="/any"), b"")
        self.assertEqual(bytes(self.applications.built[0].received), b"abc")

    def test_path(self) -> None:
        """
        With a path of its own, nothing tells that there is meek, elsewhere.
        """
        self.serve(site=str(self.folder), path="/secret")
        answers = {self.visitor().post(b"", *ids).partition(b" ")[2][:3] for ids in ((), ("x",))}
        self.assertEqual(answers, {b"405"})
        self.assertEqual(self.visitor().post(path="/secret"), b"")

    def test_stalled(self) -> None:
        """
        Nobody is kept who does not take on what he asked for.
        """
        (self.folder / "big").write_bytes(bytes(1 << 20))
        self.serve(site=str(self.folder))
        visitor = self.visitor()
        visitor.transport.pauseProducing()
        visitor.transport.write(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        self.network.pump(limits.MEEK_IDLE + 2)
        self.assertEqual(len(visitor.lost), 1)


class SessionTests(ServerCase):
    """
    Clients of another kind.
    """

    def test_stream(self) -> None:
        """
        Bodies go to the application; what that says comes in answers, which have
        nothing else in them.
        """
        visitor = self.visitor()
        self.assertEqual(visitor.post(b"abc"), b"")
        (application,) = self.applications.built
        transport: Any = application.transport
        transport.write(b"de")
        transport.write(b"f")
        self.assertEqual(visitor.post(b"xyz"), b"def")
        self.assertEqual(bytes(application.received), b"abcxyz")
        self.assertIsNone(transport.networkConnection)

    def test_manyConnections(self) -> None:
        """
        Each request may come on a connection of its own.
        """
        for piece in (b"a", b"b", b"c"):
            visitor = self.visitor()
            self.assertEqual(visitor.post(piece), b"")
            visitor.transport.loseConnection()
        (application,) = self.applications.built
        self.assertEqual(bytes(application.received), b"abc")

    def test_twoAtATime(self) -> None:
        """
        Requests of one session are served one after another.
        """
        visitors = self.visitor(), self.visitor()
        for visitor, body in zip(visitors, (b"one", b"two"), strict=True):
            visitor.transport.write(request(body))
        self.network.pump(1)
        for visitor in visitors:
            self.assertTrue(visitor.received.startswith(b"HTTP/1.1 200 OK"))
        self.assertEqual(bytes(self.applications.built[0].received), b"onetwo")

    def test_connectionLost(self) -> None:
        """
        A request whose connection is lost takes no answer with it.
        """
        self.serve(turnaround="1000")
        visitor = self.visitor()
        visitor.say(request(b"abc"))
        visitor.transport.abortConnection()
        self.network.pump()
        (application,) = self.applications.built
        application.transport.write(b"def")  # type: ignore[union-attr]
        self.assertEqual(self.visitor().post(), b"def")

    def test_end(self) -> None:
        """
        The application's end ends the connection of whoever asks next, at once.
        """
        visitor = self.visitor()
        visitor.post()
        transport: Any = self.applications.built[0].transport
        transport.write(b"bye")
        transport.loseConnection()
        self.assertEqual(visitor.post(), b"bye")
        self.assertEqual(visitor.post(), b"")
        self.assertEqual(len(visitor.lost), 1)
        self.assertEqual(len(self.applications.built), 1)

    def test_expiry(self) -> None:
        """
        Who asks no more is gone.
        """
        self.visitor().post()
        self.network.pump(limits.MEEK_SESSION - 1)
        self.assertEqual(self.applications.built[0].lost, [])
        self.network.pump(1)
        self.assertEqual(len(self.applications.built[0].lost), 1)

    def test_refusedByApplication(self) -> None:
        """
        Nobody is there.
        """
        self.applications.isOpen = False
        visitor = self.visitor()
        self.assertEqual(visitor.post(), b"")
        self.assertEqual(len(visitor.lost), 1)

    def test_brokenApplication(self) -> None:
        """
        Nor here; and it is logged.
        """

        def fail(addr: object) -> None:
            raise RuntimeError("no application")

        self.applications.buildProtocol = fail  # type: ignore[method-assign]
        visitor = self.visitor()
        self.assertEqual(visitor.post(), b"")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_bounds(self) -> None:
        """
        There are so many sessions, and no more; but those that there are go on.
        """
        self.serve(sessions="2")
        visitor = self.visitor()
        for sessionId, answer in (("first-id", b""), ("second-id", b"")):
            self.assertEqual(visitor.post(b"", sessionId), answer)
        self.assertIn(b" 500 ", visitor.post(b"", "third-id"))
        self.assertEqual(visitor.post(b"more", "first-id"), b"")
        self.network.pump(limits.MEEK_SESSION)
        self.assertEqual(self.visitor().post(b"", "third-id"), b"")
        self.assertEqual(len(self.applications.built), 3)

    def test_boundsOfOne(self) -> None:
        """
        And so many of one address, if it is told apart from others: an IPv6 network is
        one.
        """
        self.serve(sessions_per_address="2", trust_forwarded_for="loopback")
        visitor = self.visitor()

        def open(number: int, address: str) -> bool:
            field = f"X-Forwarded-For: {address}"
            return visitor.post(b"", f"session-{number}", field) == b""

        addresses = ["192.0.2.1"] * 3 + ["192.0.2.2"] + [f"2001:db8::{n}" for n in range(1, 4)]
        found = [open(number, address) for number, address in enumerate(addresses)]
        self.assertEqual(found, [True, True, False, True, True, True, False])
        # A socket for both families shows IPv4 so: these are not of one network.
        for number in range(3):
            self.assertTrue(open(10 + number, f"::ffff:192.0.2.{10 + number}"))
        nobody = [visitor.post(b"", f"anonymous-{number}") for number in range(5)]
        self.assertEqual(nobody, [b""] * 5)

    def test_stopListening(self) -> None:
        """
        Those who are there may stay.
        """
        visitor = self.visitor()
        visitor.post()
        self.port.stopListening()
        self.assertEqual(visitor.post(b"abc"), b"")
        self.assertIn(b" 500 ", visitor.post(b"", "another-id"))
        self.assertEqual(len(self.applications.built), 1)


class NumberedTests(ServerCase):
    """
    Clients of our own kind.
    """

    def test_unknown(self) -> None:
        """
        A session that is not known any more is not begun anew.
        """
        answer = self.visitor().post(Frame(7, Flag.NONE, b"x").encode(), offer(bytes(ID_ENTROPY)))
        self.assertEqual(answer, Frame(7, Flag.GONE).encode())
        self.assertIn(b" 400 ", self.visitor().post(b"x", offer(bytes(ID_ENTROPY))))
        self.assertEqual(self.applications.built, [])


class AddressTests(ServerCase):
    """
    Whose address a client's is.
    """

    def peer(self, *fields: str) -> Any:
        """
        :returns: what the application is told.
        """
        self.visitor().post(b"", ID, *fields)
        return self.applications.built[0].transport.getPeer()  # type: ignore[union-attr]

    def test_unbelieved(self) -> None:
        """
        His who connects.
        """
        self.assertEqual(self.peer("X-Forwarded-For: 203.0.113.5").host, PLACE.host)

    def test_believed(self) -> None:
        """
        The one that a proxy tells, if the operator believes it.
        """
        self.serve(trust_forwarded_for="loopback")
        told = self.peer("X-Forwarded-For: 198.51.100.9, 203.0.113.5")
        self.assertEqual(told, IPv4Address("TCP", "203.0.113.5", 1))

    def test_nothingSaid(self) -> None:
        """
        Which need not tell any.
        """
        self.serve(trust_forwarded_for="loopback")
        self.assertEqual(self.peer().host, PLACE.host)


class TreeTests(ServerCase):
    """
    In an author's own tree.
    """

    def test_tree(self) -> None:
        """
        There is one path for it; elsewhere is what the author has there.
        """
        self.successResultOf(self.port.stopListening())
        root: Any = Resource()
        resource = meekResource(
            self.network.clock, self.applications, metrics=self.context.metrics
        )
        root.putChild(b"upload", resource)
        site: Any = Site(root, requestFactory=MeekRequest, reactor=self.network.clock)
        endpoint = self.network.serverEndpoint(PLACE.host, PLACE.port)
        self.port = self.successResultOf(endpoint.listen(site))
        visitor = self.visitor()
        self.assertEqual(visitor.post(b"abc", path="/upload/"), b"")
        self.assertEqual(bytes(self.applications.built[0].received), b"abc")
        self.assertIn(b" 404 ", visitor.post(path="/elsewhere"))
        visitor.transport.loseConnection()
        self.network.pump()

    def test_tls(self) -> None:
        """
        That is the author's own affair then.
        """
        for options in (Arguments(cert="a", key="b"), Arguments(site=self.mktemp())):
            self.assertRaises(ConfigurationError, meekResource, None, Applications(), options)
