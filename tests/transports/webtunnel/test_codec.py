"""
Tests for ``pyptwist.transports.webtunnel.codec``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.errors import ClosedByPeer, HandshakeFailed, PTError
from pyptwist.transports.webtunnel.codec import WebTunnelClientCodec, WebTunnelServerCodec

#: What Go's client and server were seen to send.
REQUEST = (
    b"GET /secret HTTP/1.1\r\n"
    b"Host: example.com\r\n"
    b"User-Agent: Go-http-client/1.1\r\n"
    b"Connection: upgrade\r\n"
    b"Upgrade: websocket\r\n"
    b"\r\n"
)
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def client() -> WebTunnelClientCodec:
    """
    :returns: one that has asked.
    """
    codec = WebTunnelClientCodec("example.com", "/secret")
    codec.start(0)
    return codec


def inPieces(codec: WebTunnelClientCodec, data: bytes, cuts: list[int]) -> list[Effect]:
    """
    Receive something in pieces.
    """
    effects: list[Effect] = []
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        effects += codec.receive(data[begin:end], 0)
    return effects


class ClientTests(SynchronousTestCase):
    """
    Tests for ``WebTunnelClientCodec``.
    """

    def test_request(self) -> None:
        """
        It is Go's, to the byte.
        """
        codec = WebTunnelClientCodec("example.com", "/secret")
        self.assertEqual(codec.start(0), [Transmit(REQUEST)])

    def test_everySplit(self) -> None:
        """
        The answer may come in any two pieces, with payload right behind it.
        """
        data = RESPONSE + b"early"
        for cut in range(len(data)):
            effects = inPieces(client(), data, [cut])
            self.assertEqual(effects[0], Ready())
            delivered = b"".join(e.data for e in effects[1:] if isinstance(e, Deliver))
            self.assertEqual(delivered, b"early")

    def test_payload(self) -> None:
        """
        From then on bytes are passed on as they are.
        """
        codec = client()
        codec.receive(RESPONSE, 0)
        self.assertEqual(codec.send(b"up", 1), [Transmit(b"up")])
        self.assertEqual(codec.receive(b"down", 1), [Deliver(b"down")])
        self.assertEqual(codec.receive(b"", 1), [])
        self.assertEqual(codec.receiveEnd(1), [Finished(None)])

    def test_end(self) -> None:
        """
        As the reference's server answers what it does not like.
        """
        [finished] = client().receiveEnd(0)
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, ClosedByPeer)

    def test_cases(self) -> None:
        """
        Values are compared whatever their case.
        """
        data = RESPONSE.replace(b"websocket", b"WebSocket").replace(b"upgrade", b"UPGRADE")
        self.assertEqual(client().receive(data, 0), [Ready()])

    def refusal(self, data: bytes) -> str:
        """
        :returns: what is said of an answer.
        """
        [finished] = client().receive(data, 0)
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, HandshakeFailed)
        return str(finished.error)

    def test_refusals(self) -> None:
        """
        Whatever the reference's client takes for no tunnel is none.
        """
        for old, new, words in (
            (b"101 Switching Protocols", b"101 OK", "other words"),
            (b"101 Switching Protocols", b"101 Switching protocols", "other words"),
            (b"101 Switching Protocols", b"404 Not Found", "404"),
            (b"101 Switching Protocols", b"200 OK", "200"),
            (b"101 Switching Protocols", b"100 Continue", "100"),
            (b"websocket", b"h2c", "something else"),
            (b"websocket", b"websocket, h2c", "something else"),
            (b"Connection: upgrade", b"Connection: keep-alive, upgrade", "something else"),
            (b"Connection: upgrade\r\n", b"", "something else"),
            (b"HTTP/1.1 101", b"SSH-2.0", "HTTP"),
            (b"Connection: upgrade", b"Connection\0: upgrade", "HTTP"),
        ):
            self.assertIn(words, self.refusal(RESPONSE.replace(old, new)))

    def test_tooLong(self) -> None:
        """
        A head without an end.
        """
        for filling in (b"x: y\r\n" * limits.WEBTUNNEL_HEAD, b"x" * limits.WEBTUNNEL_HEAD):
            self.refusal(RESPONSE[:-2] + filling)

    @given(st.binary(max_size=300), st.booleans(), st.lists(st.integers(0, 300)))
    def test_garbage(self, data: bytes, isLate: bool, cuts: list[int]) -> None:
        """
        Anything is either waited on or an error of ours, however it is cut.
        """
        if isLate:
            data = RESPONSE[:40] + data
        cuts = sorted(min(cut, len(data)) for cut in cuts)
        outcomes = []
        for where in (cuts, []):
            effects = inPieces(client(), data, where)
            ends = [e.error for e in effects if isinstance(e, Finished)]
            self.assertTrue(all(isinstance(error, PTError) for error in ends))
            outcomes.append([str(error) for error in ends])
        self.assertEqual(*outcomes)


class ServerTests(SynchronousTestCase):
    """
    Tests for ``WebTunnelServerCodec``.
    """

    def setUp(self) -> None:
        self.codec = WebTunnelServerCodec()
        self.begun = self.codec.start(10)

    def test_response(self) -> None:
        """
        It is the reference's, to the byte, and payload may flow.
        """
        self.assertEqual(self.begun, [Transmit(RESPONSE), Ready()])

    def test_clientFirst(self) -> None:
        """
        Once the client has spoken, nothing is held back, and no timer runs.
        """
        self.assertEqual(self.codec.receive(b"up", 10), [Deliver(b"up")])
        self.assertIsNone(self.codec.nextTimer)
        self.assertEqual(self.codec.send(b"down", 10), [Transmit(b"down")])

    def test_serverFirst(self) -> None:
        """
        The server's first words wait for the client's: they would be lost if they
        were read together with the answer.
        """
        self.assertEqual(self.codec.send(b"wel", 10), [])
        self.assertEqual(self.codec.send(b"come", 10), [])
        self.assertEqual(self.codec.backlog, 7)
        self.assertEqual(self.codec.receive(b"up", 10), [Transmit(b"welcome"), Deliver(b"up")])
        self.assertEqual(self.codec.backlog, 0)

    def test_waiting(self) -> None:
        """
        But not for ever.
        """
        self.codec.send(b"welcome", 10)
        self.assertEqual(self.codec.nextTimer, 10 + limits.WEBTUNNEL_HUSH)
        self.assertEqual(self.codec.timerFired(10), [])
        effects = self.codec.timerFired(10 + limits.WEBTUNNEL_HUSH)
        self.assertEqual(effects, [Transmit(b"welcome")])
        self.assertEqual(self.codec.send(b"!", 12), [Transmit(b"!")])
        self.assertEqual(self.codec.receive(b"up", 12), [Deliver(b"up")])

    def test_endWhileWaiting(self) -> None:
        """
        What was written before the end comes before the end.
        """
        self.codec.send(b"good bye", 10)
        self.assertEqual(self.codec.sendEnd(10), [])
        effects = self.codec.timerFired(10 + limits.WEBTUNNEL_HUSH)
        self.assertEqual(effects, [Transmit(b"good bye"), Finished(None)])

    def test_peerEndsWhileWaiting(self) -> None:
        """
        Nobody is there to read it.
        """
        self.codec.send(b"good bye", 10)
        self.assertEqual(self.codec.receiveEnd(10), [Finished(None)])
        self.assertIsNone(self.codec.nextTimer)
