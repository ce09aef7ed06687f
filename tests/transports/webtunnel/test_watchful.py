"""
Tests for ``pyptwist.transports.webtunnel.watchful``.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Deliver, Effect, Ready, Transmit
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed, ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.strangers import decoy
from pyptwist.testing import CodecConformance
from pyptwist.transports.webtunnel.codec import SWITCHING, WebTunnelClientCodec
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.transports.webtunnel.server import WebTunnelServer
from pyptwist.transports.webtunnel.watchful import WatchfulServerCodec
from tests.decoys import BRIDGE, SITE, DecoyConformance, Scene

UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
OPENING = b"GET /secret HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n"
DRAIN = 50.0


def server() -> WatchfulServerCodec:
    """
    :returns: one that waits for a request.
    """
    codec = WatchfulServerCodec(Secret("/secret"), DRAIN)
    codec.start(0)
    return codec


def received(data: bytes, cuts: list[int]) -> tuple[WatchfulServerCodec, list[Effect]]:
    """
    :returns: what comes of something, in pieces.
    """
    codec, effects = server(), []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in pairwise(places):
        effects += codec.receive(data[begin:end], 0)
    return codec, effects


class Codecs(CodecClientTransport, CodecServerTransport):
    """
    Both sides as a method.
    """

    name = "webtunnel"

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return partial(WebTunnelClientCodec, "a", "/secret")

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return partial(WatchfulServerCodec, Secret("/secret"), DRAIN), Arguments()


class CodecTests(CodecConformance, SynchronousTestCase):
    """
    All that holds for codecs.
    """

    method = Codecs
    plain = True


class WatchfulTests(SynchronousTestCase):
    """
    Whom it lets in.
    """

    def test_everySplit(self) -> None:
        """
        The request may come in any two pieces, with payload behind it.
        """
        data = OPENING + b"early"
        for cut in range(len(data)):
            _, effects = received(data, [cut])
            self.assertEqual(effects[:2], [Transmit(SWITCHING), Ready()])
            delivered = b"".join(e.data for e in effects[2:] if isinstance(e, Deliver))
            self.assertEqual(delivered, b"early")

    def test_hush(self) -> None:
        """
        Its first words wait, as without a decoy.
        """
        codec, _ = received(OPENING, [])
        self.assertEqual(codec.nextTimer, limits.WEBTUNNEL_HUSH)
        self.assertEqual(codec.send(b"welcome", 0), [])
        self.assertEqual(codec.timerFired(limits.WEBTUNNEL_HUSH), [Transmit(b"welcome")])
        self.assertIsNone(codec.nextTimer)

    def test_muchPayload(self) -> None:
        """
        All that one read may hold can be behind the request.
        """
        payload = bytes(limits.TCP_READ)
        _, effects = received(OPENING + payload, [])
        self.assertEqual(effects[-1], Deliver(payload))

    def test_strangers(self) -> None:
        """
        Nothing is said to anybody else.
        """
        for said in (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n",
            OPENING.replace(b"secret", b"secreT"),
            OPENING.replace(b"GET", b"POST"),
            OPENING.replace(b"HTTP/1.1", b"HTTP/1.0"),
            OPENING.replace(b"Host: a", b"Host: a\r\nContent-Length: 1") + b"x",
            OPENING.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost") + b"no chunk\r\n",
            b"\x16\x03\x01\r\n\r\n",
            b"x" * limits.WEBTUNNEL_HEAD,
            b"GET / HTTP/1.1\r\nx: " + b"x" * limits.WEBTUNNEL_HEAD,
        ):
            codec, effects = received(said, [])
            self.assertEqual(effects, [])
            self.assertIsInstance(codec.refusal, AuthenticationFailed)
            self.assertEqual(codec.nextTimer, DRAIN)

    @given(st.binary(max_size=200), st.integers(0, 100), st.lists(st.integers(0, 300)))
    def test_garbage(self, data: bytes, begin: int, cuts: list[int]) -> None:
        """
        Nor is anything said to garbage, however it is cut.
        """
        data = OPENING[:begin] + data
        seen = [received(data, where) for where in (cuts, [])]
        refusals = [str(codec.refusal) for codec, _ in seen]
        self.assertEqual(*refusals)
        if not data.startswith(OPENING):
            self.assertFalse(any(Ready() in effects for _, effects in seen))


class DecoyTests(DecoyConformance, Scene):
    """
    A web server in the place of a site.
    """

    name = "webtunnel"

    def test_down(self) -> None:
        """
        Without its decoy it keeps silent, and not for ever: it has no site.
        """
        self.serve(self.method)
        peer = self.stranger(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertAtRest()
        self.assertEqual(bytes(peer.received), b"")
        self.assertEqual(len(peer.lost), 1)

    def test_request(self) -> None:
        """
        The decoy hears the request.
        """
        self.openSite()
        self.serve(self.method)
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertSeen(self.stranger(request), request)

    def test_forwarded(self) -> None:
        """
        Whose connection it is is told by those who may.
        """
        self.openSite()
        path = self.serve(self.method, **{"trust-forwarded-for": "loopback"}).require("path")
        request = OPENING.replace(b"/secret", path.encode()).replace(
            b"Host: a", b"Host: a\r\nX-Forwarded-For: 203.0.113.9"
        )
        self.stranger(request)
        [client] = self.clients.built
        transport: Any = client.transport
        self.assertEqual(transport.getPeer().host, "203.0.113.9")

    def test_exclusive(self) -> None:
        """
        There is no other site, and no TLS, of which the decoy would hear nothing.
        """
        for option in ("site", "cert"):
            options = Arguments({"decoy": str(SITE), option: "/", "url": "https://a/b"})
            with self.assertRaisesRegex(ConfigurationError, option):
                decoy.serverEndpoint(
                    WebTunnelServer(), self.context, BRIDGE, options, self.network
                )
