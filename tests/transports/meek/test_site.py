"""
The bounds of the server's HTTP.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyptwist import limits
from tests.transports.meek.visitors import ID, ServerCase, request

#: What brings a parser further than noise does.
_WORDS = (
    b"POST / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"X-Session-Id: %b\r\n" % ID.encode(),
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n",
    b"5\r\nabcde\r\n",
    b"0\r\n\r\n",
    request(b"abc"),
)


class BoundsTests(ServerCase):
    """
    Of time and of length.
    """

    def lasts(self, *pieces: tuple[float, bytes]) -> float:
        """
        Say something bit by bit, and then nothing.

        :param pieces: seconds to wait, and what to say then.
        :returns: how long the connection lasted from its beginning.
        """
        began = self.network.clock.seconds()
        visitor = self.visitor()
        for seconds, data in pieces:
            self.network.pump(seconds)
            visitor.transport.write(data)
        while not visitor.lost and self.network.clock.seconds() < began + 1000:
            self.network.pump(0.25)
        return round(self.network.clock.seconds() - began)

    def test_silence(self) -> None:
        self.assertEqual(self.lasts(), limits.MEEK_REQUEST_TIME)

    def test_slowHead(self) -> None:
        """
        A byte a second gives no more time.
        """
        drops = [(1.0, bytes([byte])) for byte in request()[:40]]
        self.assertEqual(self.lasts(*drops[:19]), limits.MEEK_REQUEST_TIME)

    def test_slowBody(self) -> None:
        """
        Nor does it behind the head.
        """
        head = request(bytes(1000))[:-1000]
        drops = [(1.0, b"x")] * 18
        self.assertEqual(self.lasts((0.5, head), *drops), limits.MEEK_REQUEST_TIME)
        self.assertEqual(self.applications.built, [])

    def test_idle(self) -> None:
        """
        Between requests there is more time; for each of them as much as for the first.
        """
        self.assertEqual(self.lasts((0.0, request())), limits.MEEK_IDLE)
        late = limits.MEEK_IDLE - 1
        self.assertEqual(self.lasts((0.0, request()), (late, request()[:9])), late + 20)
        both = request() + request()[:9]
        self.assertEqual(self.lasts((0.0, both)), limits.MEEK_REQUEST_TIME)
        self.assertEqual(self.lasts((0.0, request() + request())), limits.MEEK_IDLE)

    def test_unread(self) -> None:
        """
        Nor is anybody kept who does not read his answer.
        """
        visitor = self.visitor()
        visitor.post()
        transport = self.applications.built[0].transport
        assert transport is not None
        transport.write(bytes(limits.MEEK_BODY))
        visitor.transport.pauseProducing()
        visitor.transport.write(request())
        self.network.pump(limits.MEEK_IDLE + limits.MEEK_REQUEST_TIME + 1)
        self.assertEqual(len(visitor.lost), 1)

    def test_unreadToTheEnd(self) -> None:
        """
        Nor who does not read the last one, behind which the connection ends.
        """
        visitor = self.visitor()
        visitor.transport.pauseProducing()
        visitor.transport.write(request(b"", ID, "Connection: close"))
        self.network.pump(limits.MEEK_REQUEST_TIME + 1)
        self.assertEqual(len(visitor.lost), 1)

    def test_longest(self) -> None:
        """
        A body has the reference's bound, which is told before it is read.
        """
        visitor = self.visitor()
        self.assertEqual(visitor.post(bytes(limits.MEEK_BODY)), b"")
        (application,) = self.applications.built
        self.assertEqual(len(application.received), limits.MEEK_BODY)
        head = request(bytes(limits.MEEK_BODY + 1))[: -limits.MEEK_BODY - 1]
        answer = visitor.say(head)
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer)
        self.assertEqual(len(visitor.lost), 1)
        self.assertEqual(len(application.received), limits.MEEK_BODY)

    def test_endless(self) -> None:
        """
        So has one that does not tell its length.
        """
        visitor = self.visitor()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nX-Session-Id: %b\r\n" % ID.encode()
        chunk = b"1000\r\n" + bytes(0x1000) + b"\r\n"
        visitor.transport.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            visitor.transport.write(chunk)
            self.network.pump()
        self.assertTrue(visitor.received.startswith(b"HTTP/1.1 400 "))
        self.assertEqual(self.applications.built, [])
        self.assertEqual(len(visitor.lost), 1)

    def test_chunked(self) -> None:
        """
        One that is short enough may.
        """
        head = b"POST / HTTP/1.1\r\nHost: a\r\nX-Session-Id: %b\r\n" % ID.encode()
        said = head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        self.visitor().say(said)
        self.assertEqual(bytes(self.applications.built[0].received), b"abc")

    @given(st.lists(st.one_of(st.binary(max_size=99), st.sampled_from(_WORDS)), max_size=20))
    def test_garbage(self, pieces: list[bytes]) -> None:
        """
        Whatever somebody sends, in whatever pieces: nothing is raised, and he is not
        kept.
        """
        visitor = self.visitor()
        for piece in pieces:
            visitor.transport.write(piece)
            self.network.pump(0.1)
        self.network.pump(limits.MEEK_IDLE + 2 * limits.MEEK_REQUEST_TIME)
        self.assertEqual(len(visitor.lost), 1)

    def test_form(self) -> None:
        """
        A body is not read as what it says it is.
        """
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = self.visitor().post(b"a=b&" * 9, ID, f"Content-Type: {kind}")
            self.assertEqual(answer, b"")
        self.assertEqual(bytes(self.applications.built[0].received), b"a=b&" * 18)
