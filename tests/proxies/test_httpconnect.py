"""
``pyptwist.proxies.httpconnect``.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ConfigurationError, UpstreamProxyError
from pyptwist.interfaces import ICodec
from pyptwist.proxies.httpconnect import HTTPConnectClient
from tests.proxies.driving import PAYLOAD, TunnelMixin, everyCut, outcome

TARGET = HostPort("192.0.2.7", 443)


def request(host: str, credentials: tuple[bytes, bytes] | None = None) -> bytes:
    return outcome(HTTPConnectClient(HostPort(host, 443), credentials), []).sent


class RequestTests(SynchronousTestCase):
    """
    What the proxy is asked.
    """

    def test_plain(self) -> None:
        """
        Nothing is said that need not be: no agent, no version of ours.
        """
        self.assertEqual(
            request("192.0.2.7"),
            b"CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n",
        )

    def test_hosts(self) -> None:
        """
        Names are not resolved, and IPv6 is in brackets.
        """
        for host, text in (("example.org", b"example.org"), ("2001:db8::1", b"[2001:db8::1]")):
            self.assertEqual(
                request(host),
                b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % (text, text),
            )

    def test_basic(self) -> None:
        """
        The example of RFC 7617, section 2.
        """
        self.assertEqual(
            request("192.0.2.7", (b"Aladdin", b"open sesame")),
            b"CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n"
            b"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        )

    def test_utf8(self) -> None:
        """
        The example of RFC 7617, section 2.1; bytes are bytes.
        """
        self.assertIn(b"Basic dGVzdDoxMjPCow==\r\n", request("a", (b"test", b"123\xc2\xa3")))

    def test_refused(self) -> None:
        """
        What cannot be said is found before anything is sent.
        """
        for host in ("büro.example", "a/b", "a@b", "fe80::1%eth0", "a:b", ""):
            self.assertRaises(ConfigurationError, self._request, host)
        self.assertRaises(ConfigurationError, HTTPConnectClient, HostPort("a", 0))
        self.assertRaises(ConfigurationError, request, "a", (b"us:er", b"w"))

    def _request(self, host: str) -> bytes:
        return request(host)


class ResponseTests(TunnelMixin, SynchronousTestCase):
    """
    What is made of the answer.
    """

    accepting = b"HTTP/1.1 200 Connection established\r\n\r\n"

    def make(self) -> ICodec:
        return HTTPConnectClient(TARGET)

    def test_goodResponses(self) -> None:
        """
        Any 2xx opens the tunnel, and what its headers say of a body is nothing.
        """
        for head in (
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 299 Fine\r\nServer: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nProxy-Agent: y\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: z\r\n\r\n"
            b"HTTP/1.1 200 OK\r\n\r\n",
        ):
            done = everyCut(self, self.make, head + PAYLOAD)
            self.assertEqual((done.ready, done.delivered), (True, PAYLOAD), head)

    def test_refusals(self) -> None:
        """
        Every other status is a refusal, known once the head is there.
        """
        for status in (300, 302, 400, 401, 403, 404, 407, 500, 502, 503, 504, 599):
            head = b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\n" % status
            done = everyCut(self, self.make, head + b"why")
            assert done.failure is not None
            kind, text, cause = done.failure
            self.assertIs(kind, UpstreamProxyError)
            self.assertEqual((done.ready, done.delivered), (False, b""))
            self.assertIs(cause, Cause.TIMEOUT if status == 504 else Cause.UPSTREAM_PROXY)
            self.assertIn("user name" if status in {401, 407} else str(status), text)

    def test_notHTTP(self) -> None:
        """
        Anything else is refused, and not repeated.
        """
        for answer in (
            b"SSH-2.0-secret\r\n\r\n",
            b"\x16\x03\x01\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nsecret value\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: secret\r\n\r\n",
            b"\r\n\r\n",
            b"\5\0",
        ):
            done = everyCut(self, self.make, answer + b"\r\n" * 2)
            self.assertFalse(done.ready, answer)
            if done.failure is not None:
                self.assertNotIn("secret", done.failure[1])
            # What is never complete ends by the deadline; here, by the bound.
            flooded = outcome(self.make(), [answer, b"x" * limits.HTTP_CONNECT_HEAD])
            self.assertIsNot(flooded.failure, None, answer)

    def test_bound(self) -> None:
        """
        A head of exactly the bound passes, however much payload is behind it;
        one more byte does not.
        """
        start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\n\r\n"
        filler = b"x" * (limits.HTTP_CONNECT_HEAD - len(start) - len(end))
        payload = PAYLOAD * 1000
        for pieces in ([start, filler, end, payload], [start + filler + end + payload]):
            self.assertEqual(outcome(self.make(), pieces).delivered, payload)
            over = outcome(self.make(), [pieces[0][:9], b"200 OK\r\nX: x" + filler + end])
            assert over.failure is not None
            self.assertEqual(over.failure[1], "the HTTP proxy's answer was too long")

    def test_interimFlood(self) -> None:
        """
        Interim responses without end are cut off.
        """
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        codec, sent = self.make(), 0
        codec.start(0.0)
        while not codec.receive(interim, 0.0):
            sent += len(interim)
            self.assertTrue(sent <= limits.HTTP_CONNECT_HEAD)

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(max_size=60),
        st.sampled_from(
            [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\nA: b\r\n"]
        ),
    )
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        everyCut(self, self.make, begun + data)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"HTTP/1.1 200 OK", b"A:b", b" "])))
    def test_lineEnds(self, parts: list[bytes]) -> None:
        """
        So it is with line ends in odd places.
        """
        everyCut(self, self.make, b"".join(parts))
