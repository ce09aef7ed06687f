"""
Tests for ``pyptwist.transports.webtunnel.site``: what strangers see.
"""

from __future__ import annotations

import re
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher, textFileLogObserver
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.connection import CodecConnection
from pyptwist.metrics import Metrics
from pyptwist.testing.applications import Applications
from pyptwist.transports.webtunnel.codec import SWITCHING, WebTunnelServerCodec
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.transports.webtunnel.site import TunnelSite
from pyptwist.web.folder import siteRoot
from pyptwist.web.server import WebSite

_LOCAL = IPv4Address("TCP", "192.0.2.1", 80)
_TURN = 1e-6
_TURNS = 30  # more than any answer takes
_PEER = IPv4Address("TCP", "192.0.2.7", 4711)

UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
OPENING = b"GET /secret HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n"


class Connection(StringTransport):
    """
    A stranger's, who has everything that he sent read as long as it is open.
    """

    def __init__(self, site: Any, clock: Clock) -> None:
        super().__init__(_LOCAL, _PEER)
        self.clock = clock
        self.isOpen = True
        self.aborted = False
        self.site = site.buildProtocol(_PEER)
        self.site.makeConnection(self)

    def say(self, *pieces: bytes) -> bytes:
        """
        :returns: all that has come back by then.
        """
        for piece in pieces:
            if self.isOpen:
                self.site.dataReceived(piece)
            self.settle()
        seen: bytes = self.value()
        return seen

    def settle(self, seconds: float = 0.0) -> None:
        """
        Let time pass, and files be sent.
        """
        self.clock.advance(seconds)
        for _ in range(_TURNS):
            self.clock.advance(_TURN)
        if self.disconnecting and self.isOpen:
            self.close()

    def close(self) -> None:
        """
        It is over.
        """
        self.isOpen = False
        self.site.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        """
        It is over, and how.
        """
        self.aborted = True
        self.disconnecting = True


class Reluctant(Connection):
    """
    Takes one piece when it is asked to.
    """

    def write(self, data: bytes) -> None:
        super().write(data)
        self.site.pauseProducing()


class SiteCase(SynchronousTestCase):
    """
    A site with a door, and one without.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = folder = Path(self.mktemp())
        (folder / "sub").mkdir(parents=True)
        (folder / ".well-known").mkdir()
        (folder / "index.html").write_text("<title>Ordinary</title>")
        (folder / "big").write_bytes(b"0123456789" * 20_000)
        (folder / ".hidden").write_text("hush")
        (folder / ".well-known" / "proof").write_text("proven")
        root = siteRoot(Arguments(site=str(folder)))
        assert root is not None
        self.root = root
        self.applications = Applications()
        self.ours: Any = self.site(self.root)
        self.ours.doStart()
        self.theirs = WebSite(
            self.root, self.clock, Applications(), limits.WEB_REQUEST, limits.WEB_IDLE
        )

    def site(self, root: Resource) -> TunnelSite:
        """
        :returns: ours.
        """

        def opens(request: Request) -> CodecConnection:
            return CodecConnection(
                self.clock,
                WebTunnelServerCodec(),
                "webtunnel",
                Metrics(),
                self.applications.buildProtocol,
                lambda protocol: None,
                lambda reason: None,
            )

        return TunnelSite(root, self.clock, Secret("/secret"), self.applications, opens)

    def connect(self, site: Any = None) -> Connection:
        """
        :returns: a new connection to it, or to ours.
        """
        return Connection(site or self.ours, self.clock)

    def ask(self, *pieces: bytes) -> bytes:
        """
        :returns: what ours answers.
        """
        return self.connect().say(*pieces)


_ODDITIES = {
    "a page": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no page": b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    "the secret without an upgrade": b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n",
    "the secret with another method": OPENING.replace(b"GET", b"POST"),
    "the secret with a strange method": OPENING.replace(b"GET", b"BREW"),
    "the secret in HTTP/1.0": OPENING.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the secret with another protocol": OPENING.replace(b"websocket", b"h2c"),
    "the secret without Connection": OPENING.replace(b"Connection", b"Connexion"),
    "another path with an upgrade": OPENING.replace(b"secret", b"secreT"),
    "a path below the secret": OPENING.replace(b"secret", b"secret/"),
    "a whole URL": OPENING.replace(b"/secret", b"http://a/secret"),
    "an upgrade of the root": OPENING.replace(b"/secret", b"/"),
    "an upgrade of everything": OPENING.replace(b"/secret", b"*"),
    "HEAD": b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a range": b"GET /big HTTP/1.1\r\nHost: a\r\nRange: bytes=5-14\r\n\r\n",
    "a condition": (
        b"GET / HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n"
    ),
    "a folder": b"GET /sub/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a form": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 3\r\n\r\na=b"
    ),
    "chunks": (
        b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ),
    "bad chunks": b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "an expectation": (
        b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    ),
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "a long line": b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 501 + b"\r\n",
    "two lengths": b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "the end": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "several": (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /big HTTP/1.1\r\nHost: a\r\n\r\n"
        b"GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    ),
}


class LikenessTests(SiteCase):
    """
    Strangers see the site that it were without a door; what that is, the tests of
    ``pyptwist.web.server`` have.
    """

    def assertAlike(self, *pieces: bytes) -> bytes:
        """
        Both answer the same, and end alike.
        """
        seen = []
        for site in (self.ours, self.theirs):
            connection = self.connect(site)
            answer = re.sub(rb"Date: [^\r]*", b"Date: D", connection.say(*pieces))
            seen.append((answer, connection.isOpen, connection.aborted))
            if connection.isOpen:
                connection.close()
        self.assertEqual(*seen)
        self.assertEqual(self.applications.built, [])
        return seen[0][0]

    def test_oddities(self) -> None:
        """
        Whatever they ask, in one piece or byte by byte.
        """
        for name, data in _ODDITIES.items():
            with self.subTest(name):
                answer = self.assertAlike(data)
                self.assertTrue(answer, name)
                if len(data) < 1000:
                    self.assertAlike(*(data[i : i + 1] for i in range(len(data))))

    @settings(max_examples=50)
    @given(
        st.lists(
            st.one_of(st.sampled_from(sorted(_ODDITIES.values())), st.binary(max_size=60)),
            max_size=4,
        ),
        st.lists(st.integers(0, 300), max_size=4),
    )
    def test_anything(self, parts: list[bytes], cuts: list[int]) -> None:
        """
        Or one behind another, and cut anywhere.
        """
        data = b"".join(parts)
        places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
        pieces = [data[a:b] for a, b in pairwise(places)]
        self.assertAlike(*pieces)

    def lasts(self, site: Any, *pieces: bytes, every: float = 0.0) -> int:
        """
        Say something, and then nothing.

        :param every: seconds between the pieces.
        :returns: how many the connection lasted from its beginning.
        """
        began = self.clock.seconds()
        connection = self.connect(site)
        for piece in pieces:
            connection.say(piece)
            self.clock.advance(every)
        while not connection.disconnecting and self.clock.seconds() < began + 1000:
            self.clock.advance(1)
        lasted = round(self.clock.seconds() - began)
        self.clock.advance(limits.WEB_REQUEST)
        self.assertTrue(connection.aborted)
        connection.close()
        return lasted

    def test_slowness(self) -> None:
        """
        Who is slow is disconnected when they would do it; and dropped, if he does
        not go.
        """
        for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            self.assertEqual(self.lasts(self.ours, said), self.lasts(self.theirs, said))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_drops(self) -> None:
        """
        A byte now and then gives no more time, in the head or behind it.
        """
        head = [b"GET / HTTP/1.1\r\n", *[b"x"] * 5]
        body = [b"PUT / HTTP/1.1\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 5]
        for pieces in (head, body):
            self.assertEqual(self.lasts(self.ours, *pieces, every=9), limits.WEB_REQUEST)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unread(self) -> None:
        """
        Nobody is kept who does not take on his answer.
        """
        connection = Reluctant(self.ours, self.clock)
        connection.say(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(2):
            connection.settle(limits.WEB_IDLE - 1)
            self.assertFalse(connection.aborted)
            seen = len(connection.value())
            connection.site.resumeProducing()
            self.assertGreater(len(connection.value()), seen)
        connection.settle(limits.WEB_IDLE)
        self.assertTrue(connection.aborted)

    def test_readLate(self) -> None:
        """
        Who takes it in the end is not dropped for that later.
        """
        connection = Reluctant(self.ours, self.clock)
        connection.say(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        while len(connection.value()) < 200_000:
            connection.site.resumeProducing()
        connection.site.resumeProducing()
        connection.settle(limits.WEB_IDLE)
        self.assertEqual((connection.isOpen, connection.aborted), (False, False))

    def test_uploads(self) -> None:
        """
        What they send is dropped as it comes.
        """
        size = 32 << 20
        connection = self.connect()
        connection.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            connection.site.dataReceived(bytes(1 << 20))
            if connection.site.requests:
                content = connection.site.requests[0].content
                self.assertEqual(content.getbuffer().nbytes, 0)
        self.assertIn(b"405 Method Not Allowed", connection.value())
        connection.close()

    def test_logs(self) -> None:
        """
        Nobody's visit is logged.
        """
        file = StringIO()
        observer = textFileLogObserver(file)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        connection = self.connect()
        for method in (b"GET", b"HEAD", b"POST", b"BREW"):
            for path in (b"/", b"/secret", b"/sub"):
                connection.say(method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.settle(limits.WEB_IDLE)
        self.connect().say(OPENING)
        self.assertNotIn(_PEER.host, file.getvalue())
        self.assertNotIn("secret", file.getvalue())


class DoorTests(SiteCase):
    """
    Who knows the secret gets in, whatever came before on the same connection.
    """

    def assertOpened(self, data: bytes, *pieces: bytes) -> bytes:
        """
        :param data: that ends with payload ``early``.
        :returns: what the site said before.
        """
        self.applications.built.clear()
        connection = self.connect()
        before, switching, rest = connection.say(*(pieces or (data,))).partition(SWITCHING)
        self.assertEqual((switching, rest), (SWITCHING, b""))
        [application] = self.applications.built
        self.assertEqual(bytes(application.received), b"early")
        connection.say(b" and late")
        self.assertEqual(bytes(application.received), b"early and late")
        transport: Any = application.transport
        transport.write(b"down")
        self.assertTrue(connection.value().endswith(SWITCHING + b"down"))
        connection.settle(10 * limits.WEB_IDLE)
        self.assertTrue(connection.isOpen)
        connection.close()
        self.assertEqual(len(application.lost), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return before

    def test_first(self) -> None:
        """
        As the first request.
        """
        self.assertEqual(self.assertOpened(OPENING + b"early"), b"")

    def test_everySplit(self) -> None:
        """
        In any two pieces.
        """
        data = OPENING + b"early"
        for cut in range(1, len(data)):
            self.assertOpened(data, data[:cut], data[cut:])

    def test_pipelined(self) -> None:
        """
        Right behind others that are answered at once, or slowly.
        """
        page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        big = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
        none = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
        for before in (page, big, none, page + none, big + page + big):
            said = self.assertOpened(before + OPENING + b"early")
            self.assertEqual(said.count(b"HTTP/1.1 "), before.count(b"GET "))
            self.assertEqual(said.count(b"0123456789"), 20_000 * before.count(b"/big"))

    def test_later(self) -> None:
        """
        On a connection that was kept, as reverse proxies keep them.
        """
        page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        said = self.assertOpened(b"", page, page, OPENING, b"early")
        self.assertEqual(said.count(b"Ordinary"), 2)

    def test_behindUnread(self) -> None:
        """
        Or behind an answer that waits to be taken: nobody waits for that any more.
        """
        connection = self.connect()
        connection.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.producer.pauseProducing()  # type: ignore[union-attr]
        self.assertIn(SWITCHING, connection.say(OPENING))
        connection.settle(10 * limits.WEB_IDLE)
        self.assertTrue(connection.isOpen)
        connection.close()

    def test_notAfterClose(self) -> None:
        """
        Who said that he is done is done.
        """
        last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        self.assertNotIn(b"101", self.ask(last + OPENING))
        self.assertEqual(self.applications.built, [])

    def test_refused(self) -> None:
        """
        The application does not want any: the connection ends.
        """
        self.applications.isOpen = False
        connection = self.connect()
        connection.say(OPENING + b"early")
        self.assertFalse(connection.isOpen)
        self.assertEqual(self.clock.getDelayedCalls(), [])
