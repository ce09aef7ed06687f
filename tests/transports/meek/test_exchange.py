"""
Requests and answers: what is on the wire, and what a web server may do to us.
"""

from __future__ import annotations

import gzip
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import (
    Cause,
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    HandshakeTimeout,
    PTError,
    causeOfFailure,
)
from pyptwist.testing.applications import Applications
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.meek.arguments import webServer
from pyptwist.transports.meek.exchange import Exchange

ID = "0123456789abcdef0123456789abcdef"
PLACE = HostPort("127.0.0.1", 80)

#: What obfs4proxy 0.0.14 sends, to the byte.
GOLDEN = (
    b"POST /path/ HTTP/1.1\r\n"
    b"Host: 127.0.0.1:8080\r\n"
    b"Content-Length: 3\r\n"
    b"X-Session-Id: 0123456789abcdef0123456789abcdef\r\n"
    b"Accept-Encoding: gzip\r\n"
    b"\r\n"
    b"abc"
)

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(body: bytes, *fields: bytes) -> bytes:
    """
    :param fields: of its head, more of them.
    """
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


class ExchangeTests(SynchronousTestCase):
    """
    With a web server that the tests play.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.servers = Applications()
        listening = self.network.serverEndpoint(PLACE.host, PLACE.port).listen(self.servers)
        self.successResultOf(listening)
        server = webServer(Arguments(url="http://127.0.0.1:8080/path/"), None)
        endpoint = self.network.clientEndpoint(PLACE.host, PLACE.port)
        self.exchange = Exchange(self.network.clock, endpoint, *server.head(ID))

    def post(self, body: bytes = b"") -> Deferred[bytes]:
        """
        Begin a request, which arrives.
        """
        posting = self.exchange.post(body)
        self.network.pump()
        return posting

    def answers(self, data: bytes, closes: bool = False) -> bytes:
        """
        :returns: what a request has for an answer if a server says this.
        """
        posting = self.post()
        self.reply(data, closes)
        return self.successResultOf(posting)

    def fails(self, data: bytes, *kinds: type[PTError], closes: bool = False) -> Failure:
        """
        The same, for one that has none.
        """
        posting = self.post()
        self.reply(data, closes)
        reason: Failure = self.failureResultOf(posting, *kinds)
        return reason

    def reply(self, data: bytes, closes: bool = False) -> None:
        server: Any = self.servers.built[-1]
        server.transport.write(data)
        if closes:
            server.transport.loseConnection()
        self.network.pump()

    def tearDown(self) -> None:
        """
        Nothing is left behind.
        """
        self.exchange.close()
        self.network.pump()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        ends = [end for pair in self.network.connections for end in pair]
        self.assertEqual([end for end in ends if end.connected], [])

    def test_golden(self) -> None:
        self.post(b"abc")
        self.assertEqual(bytes(self.servers.built[0].received), GOLDEN)

    def test_poll(self) -> None:
        """
        The length of an empty body is said.
        """
        self.post()
        wanted = GOLDEN.removesuffix(b"abc").replace(b"Length: 3", b"Length: 0")
        self.assertEqual(bytes(self.servers.built[0].received), wanted)

    def test_keptAlive(self) -> None:
        """
        Requests share a connection, as long as there is one.
        """
        for number in range(5):
            self.assertEqual(self.answers(answer(b"%d" % number)), b"%d" % number)
        self.assertEqual(len(self.servers.built), 1)
        self.assertEqual(self.answers(EMPTY, closes=True), b"")
        self.assertEqual(self.answers(answer(b"x", b"Connection: close")), b"x")
        self.assertEqual(self.answers(EMPTY), b"")
        self.assertEqual(len(self.servers.built), 3)

    def test_addresses(self) -> None:
        self.answers(EMPTY)
        for address in self.exchange.host, self.exchange.peer:
            self.assertEqual(getattr(address, "host", None), "127.0.0.1")

    def test_longest(self) -> None:
        body = bytes(limits.MEEK_BODY)
        self.assertEqual(self.answers(answer(body)), body)
        self.fails(answer(body + b"x"), FramingError)

    def test_chunked(self) -> None:
        """
        What some proxies make of it.
        """
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.answers(head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), b"abc")

    def test_compressed(self) -> None:
        """
        We say that it may be.
        """
        field = b"Content-Encoding: gzip"
        self.assertEqual(self.answers(answer(gzip.compress(b"abc"), field)), b"abc")
        self.fails(answer(b"abc", field), FramingError)

    def test_bomb(self) -> None:
        """
        It cannot be worth more than an answer may be.
        """
        bomb = gzip.compress(bytes(16 * limits.MEEK_BODY))
        self.fails(answer(bomb, b"Content-Encoding: gzip"), FramingError)

    def test_half(self) -> None:
        """
        A body is whole, or is none; which one that ends with its connection may be
        nobody knows.
        """
        self.fails(answer(b"abc")[:-1], ClosedByPeer, closes=True)
        self.fails(b"HTTP/1.1 200 OK\r\n\r\nabc", HandshakeFailed, closes=True)

    def test_statuses(self) -> None:
        """
        The error says which.
        """
        for status in (302, 404, 502):
            text = b"HTTP/1.1 %d No\r\nContent-Length: 5\r\n\r\nsorry" % status
            reason = self.fails(text, HandshakeFailed)
            self.assertIn(str(status), str(reason.value))

    def test_hint(self) -> None:
        """
        The path is to blame only where no answer was right.
        """
        text = b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nsorry"
        self.assertIn("path", str(self.fails(text, HandshakeFailed).value))
        posting = self.post()
        self.reply(answer(b"abc"))
        self.assertEqual(self.successResultOf(posting), b"abc")
        self.assertNotIn("path", str(self.fails(text, HandshakeFailed).value))

    def test_closed(self) -> None:
        self.fails(b"", ClosedByPeer, closes=True)

    def test_silence(self) -> None:
        """
        A server has a time to answer, whatever it does in that.
        """
        for said in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"):
            posting = self.post()
            self.reply(said)
            self.network.pump(limits.MEEK_ANSWER_TIME)
            reason = self.failureResultOf(posting, HandshakeTimeout)
            self.assertIs(causeOfFailure(reason), Cause.TIMEOUT)

    def test_endless(self) -> None:
        """
        Heads and bodies without an end are not read for ever.
        """
        for said in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 9 + b"\n"):
            posting = self.post()
            results: list[Any] = []
            posting.addBoth(results.append)
            for _ in range(100):
                self.reply(said + b"X-Field: more\r\n" * 1000)
            self.assertTrue(results)
            self.assertIsInstance(results[0], Failure)

    def test_unasked(self) -> None:
        """
        What comes without a request ends the connection, not the session.
        """
        self.answers(EMPTY)
        self.reply(b"surprise")
        self.assertEqual(self.answers(answer(b"x")), b"x")
        self.assertEqual(len(self.servers.built), 2)

    def test_refused(self) -> None:
        closed = Exchange(
            self.network.clock, self.network.clientEndpoint("127.0.0.1", 1), b"POST ", b"\r\n"
        )
        posting = closed.post(b"")
        self.network.pump()
        self.assertIs(causeOfFailure(self.failureResultOf(posting, ConnectError)), Cause.REFUSED)
        closed.close()

    def test_neverRead(self) -> None:
        """
        A server that reads nothing any more, not even the end, is left.
        """
        self.answers(EMPTY)
        server: Any = self.servers.built[0]
        server.transport.pauseProducing()
        self.exchange.close()
        self.network.pump(limits.CLOSE_LINGER)
        self.assertFalse(self.network.connections[0][0].connected)

    def test_oneAtATime(self) -> None:
        """
        A connection that does not end is dropped when there is a new one.
        """
        self.post()
        server: Any = self.servers.built[0]
        server.transport.pauseProducing()
        self.reply(answer(b"x", b"Connection: close"))
        self.assertTrue(self.network.connections[0][0].connected)
        self.assertEqual(self.answers(EMPTY), b"")
        self.network.pump()
        self.assertFalse(self.network.connections[0][0].connected)

    def test_cut(self) -> None:
        """
        A request can be given up whatever has come of it.
        """
        for said in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"):
            posting = self.post()
            self.reply(said)
            results: list[Any] = []
            posting.addBoth(results.append)
            self.exchange.cut()
            self.assertIsInstance(results[0], Failure)
            self.network.pump()
            self.assertFalse(self.network.connections[-1][0].connected)
        self.exchange.post(b"")
        self.exchange.cut()
        self.network.pump()
        self.assertEqual(len(self.servers.built), 2)

    @given(st.binary(max_size=300), st.booleans())
    def test_garbage(self, said: bytes, isHTTP: bool) -> None:
        """
        Whatever a server says is an answer or a failure with a cause.
        """
        self.setUp()
        posting = self.post()
        results: list[Any] = []
        posting.addBoth(results.append)
        self.reply((b"HTTP/1.1 200 OK\r\n" if isHTTP else b"") + said, closes=True)
        (result,) = results
        if isinstance(result, Failure):
            self.assertIsNot(causeOfFailure(result), Cause.INTERNAL, result)
        self.tearDown()
