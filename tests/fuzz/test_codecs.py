"""
Whatever a peer sends, in whatever pieces: a codec answers with effects, ends
when the peer ends, raises nothing, and keeps little.

``PYPTWIST_FUZZ_EXAMPLES`` sets how many inputs each codec gets.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.extorport import ExtORPortClient, ExtORPortServer
from pyptwist.interfaces import ICodec
from pyptwist.proxies.httpconnect import HTTPConnectClient
from pyptwist.proxies.socks4a import Socks4aClient
from pyptwist.proxies.socks5 import Socks5Client
from pyptwist.proxies.socks5server import ALL_METHODS, Refuse, Socks5Negotiation
from pyptwist.testing import CodecPair, fixedEntropy, memoryContext
from pyptwist.testing.codecs import Side
from pyptwist.transports.b64 import B64
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs2 import Obfs2
from pyptwist.transports.obfs3 import Obfs3
from pyptwist.transports.obfs4.method import Obfs4
from pyptwist.transports.replicant.method import Replicant
from pyptwist.transports.scramblesuit.method import ScrambleSuit
from pyptwist.transports.shadow.method import Shadow
from pyptwist.transports.starbridge import Starbridge
from pyptwist.transports.webtunnel.codec import WebTunnelClientCodec
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.transports.webtunnel.watchful import WatchfulServerCodec
from tests.transports.scramblesuit.pairs import Purse, clientCodec, serverCodec, serverShared

EXAMPLES = int(os.environ.get("PYPTWIST_FUZZ_EXAMPLES", "200"))
TARGET = HostPort("example.org", 443)
COOKIE = bytes(32)

#: No codec holds more than its longest message, its peer's last read (which is
#: 64 KiB at the most here), and a few objects.
MOST_KEPT = 128 * 1024

Codecs = tuple[ICodec, ICodec]


def methodPair(method: type, arguments: Arguments) -> Callable[[], Codecs]:
    """
    :returns: what makes a client's and a server's codec, alike each time.
    """

    def make() -> Codecs:
        with TemporaryDirectory() as directory:
            context = memoryContext(directory, "fuzz")
            server, clientArguments = method().serverCodec(context, arguments)
            return method().clientCodec(context, clientArguments)(), server()

    return make


def extORPortPair() -> Codecs:
    """
    Both halves of the ext-ORPort.
    """
    client = ExtORPortClient(COOKIE, HostPort("192.0.2.1", 5), "obfs4", fixedEntropy("client"))
    return client, ExtORPortServer(COOKIE, fixedEntropy("server"))


def scrambleSuitTicketPair() -> Codecs:
    """
    A client that has a ticket.
    """
    shared = serverShared()
    return clientCodec(Purse(shared.mint.issue())), serverCodec(shared)


def webTunnelPair() -> Codecs:
    """
    A server that reads the request itself; the other begins behind twisted.web.
    """
    return WebTunnelClientCodec("a", "/x"), WatchfulServerCodec(Secret("/x"), 60.0)


OBFS4 = Arguments(
    {"node-id": "00" * 20, "private-key": "11" * 32, "drbg-seed": "22" * 24, "iat-mode": "0"}
)
SCRAMBLESUIT = Arguments(password="A" * 32)
CLASSIC = Arguments(cipherName="aes-128-gcm", password="A" * 32)
DARKSTAR = Arguments(serverAddress="127.0.0.1:443", serverPrivateKey="A" * 42 + "E")


def heardByServer(make: Callable[[], Codecs]) -> bytes:
    """
    :returns: all that a right client sends, up to a little payload.
    """
    pair = CodecPair(*make())
    pair.start()
    pair.run()
    pair.client.apply(pair.client.codec.send(b"payload " * 300, pair.now))
    pair.run()
    return b"".join(pair.client.transmitted)


def heardByClient(make: Callable[[], Codecs]) -> bytes:
    """
    :returns: all that a right server sends, up to a little payload.
    """
    pair = CodecPair(*make())
    pair.start()
    pair.run()
    if not pair.server.isReady:  # which waits for the client's application
        pair.client.apply(pair.client.codec.send(b"!", pair.now))
        pair.run()
    pair.server.apply(pair.server.codec.send(b"payload " * 300, pair.now))
    pair.run()
    return b"".join(pair.server.transmitted)


@st.composite
def inputs(draw: st.DrawFn, right: bytes) -> list[bytes]:
    """
    What a right peer says up to somewhere, with a byte changed or not, then
    garbage, in pieces.
    """
    data = bytearray(right[: draw(st.integers(0, len(right)))])
    if data and draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    data += draw(st.binary(max_size=64)) * draw(st.sampled_from([1, 1, 1, 300]))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


class FuzzCase(SynchronousTestCase):
    """
    Feeds codecs.
    """

    def check(self, fresh: Callable[[], ICodec], right: bytes) -> None:
        """
        :param fresh: makes the codec, alike each time.
        :param right: what a right peer would send it.
        """

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(inputs(right))
        def run(pieces: list[bytes]) -> None:
            side = Side(fresh())
            side.apply(side.codec.start(0.0))
            for piece in pieces:
                side.apply(side.codec.receive(piece, 1.0))
                self.assertLess(_kept(side.codec), MOST_KEPT)
            side.apply(side.codec.receiveEnd(2.0))
            self.assertTrue(side.isFinished)

        run()


def _kept(codec: ICodec) -> int:
    return sum(
        len(value) for value in vars(codec).values() if isinstance(value, bytes | bytearray)
    )


class CodecTests(FuzzCase):
    """
    Each codec.
    """

    def test_obfs2Server(self) -> None:
        """
        obfs2's server.
        """
        make = methodPair(Obfs2, Arguments())
        self.check(lambda: make()[1], heardByServer(make))

    def test_obfs2Client(self) -> None:
        """
        obfs2's client.
        """
        make = methodPair(Obfs2, Arguments())
        self.check(lambda: make()[0], heardByClient(make))

    def test_obfs3Server(self) -> None:
        """
        obfs3's server.
        """
        make = methodPair(Obfs3, Arguments())
        self.check(lambda: make()[1], heardByServer(make))

    def test_obfs3Client(self) -> None:
        """
        obfs3's client.
        """
        make = methodPair(Obfs3, Arguments())
        self.check(lambda: make()[0], heardByClient(make))

    def test_obfs4Server(self) -> None:
        """
        obfs4's server.
        """
        make = methodPair(Obfs4, OBFS4)
        self.check(lambda: make()[1], heardByServer(make))

    def test_obfs4Client(self) -> None:
        """
        obfs4's client.
        """
        make = methodPair(Obfs4, OBFS4)
        self.check(lambda: make()[0], heardByClient(make))

    def test_b64Server(self) -> None:
        """
        b64's server.
        """
        make = methodPair(B64, Arguments())
        self.check(lambda: make()[1], heardByServer(make))

    def test_b64Client(self) -> None:
        """
        b64's client.
        """
        make = methodPair(B64, Arguments())
        self.check(lambda: make()[0], heardByClient(make))

    def test_scrambleSuitServer(self) -> None:
        """
        scramblesuit's server, and clients with a password or a ticket.
        """
        make = methodPair(ScrambleSuit, SCRAMBLESUIT)
        for pair in (make, scrambleSuitTicketPair):
            self.check(lambda pair=pair: pair()[1], heardByServer(pair))  # type: ignore[misc]

    def test_scrambleSuitClient(self) -> None:
        """
        scramblesuit's client, with a password or a ticket.
        """
        make = methodPair(ScrambleSuit, SCRAMBLESUIT)
        for pair in (make, scrambleSuitTicketPair):
            self.check(lambda pair=pair: pair()[0], heardByClient(pair))  # type: ignore[misc]

    def test_shadowServer(self) -> None:
        """
        shadow's server, of either kind.
        """
        for options in (CLASSIC, DARKSTAR):
            make = methodPair(Shadow, options)
            self.check(lambda make=make: make()[1], heardByServer(make))  # type: ignore[misc]

    def test_shadowClient(self) -> None:
        """
        shadow's client, of either kind.
        """
        for options in (CLASSIC, DARKSTAR):
            make = methodPair(Shadow, options)
            self.check(lambda make=make: make()[0], heardByClient(make))  # type: ignore[misc]

    def test_replicantServer(self) -> None:
        """
        Replicant's server with a toneburst alone.
        """
        make = methodPair(Replicant, Arguments(toneburst="Starburst"))
        self.check(lambda: make()[1], heardByServer(make))

    def test_replicantClient(self) -> None:
        """
        Replicant's client with a toneburst alone.
        """
        make = methodPair(Replicant, Arguments(toneburst="Starburst"))
        self.check(lambda: make()[0], heardByClient(make))

    def test_starbridgeServer(self) -> None:
        """
        Starbridge's server.
        """
        make = methodPair(Starbridge, DARKSTAR)
        self.check(lambda: make()[1], heardByServer(make))

    def test_starbridgeClient(self) -> None:
        """
        Starbridge's client.
        """
        make = methodPair(Starbridge, DARKSTAR)
        self.check(lambda: make()[0], heardByClient(make))

    def test_webTunnelServer(self) -> None:
        """
        webtunnel's server.
        """
        self.check(lambda: webTunnelPair()[1], heardByServer(webTunnelPair))

    def test_webTunnelClient(self) -> None:
        """
        webtunnel's client.
        """
        self.check(lambda: webTunnelPair()[0], heardByClient(webTunnelPair))

    def test_dummy(self) -> None:
        """
        Dummy, for which nothing is wrong.
        """
        make = methodPair(Dummy, Arguments())
        self.check(lambda: make()[1], b"anything")

    def test_extORPortServer(self) -> None:
        """
        The half that tor has.
        """
        self.check(lambda: extORPortPair()[1], heardByServer(extORPortPair))

    def test_extORPortClient(self) -> None:
        """
        The half that a transport has.
        """
        self.check(lambda: extORPortPair()[0], heardByClient(extORPortPair))

    def test_socks5Client(self) -> None:
        """
        An upstream SOCKS5 proxy.
        """
        right = b"\x05\x02\x01\x00" + b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00payload"
        self.check(lambda: Socks5Client(TARGET, (b"user", b"password")), right)

    def test_socks4aClient(self) -> None:
        """
        An upstream SOCKS4a proxy.
        """
        self.check(lambda: Socks4aClient(TARGET), b"\x00\x5a\x00\x00\x00\x00\x00\x00payload")

    def test_httpConnectClient(self) -> None:
        """
        An upstream HTTP proxy.
        """
        right = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\npayload"
        self.check(lambda: HTTPConnectClient(TARGET, (b"user", b"password")), right)


class Socks5ServerTests(SynchronousTestCase):
    """
    The local side of SOCKS5.
    """

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        inputs(
            b"\x05\x02\x00\x02\x01\x09cert=a;b=\x01\x00"
            b"\x05\x01\x00\x03\x0bexample.org\x01\xbbpayload"
        )
        | inputs(
            b'\x05\x01\x09\x00\x00\x00\x12{"cert": ["a", 1]}'
            b"\x05\x01\x00\x03\x0bexample.org\x01\xbbpayload"
        )
    )
    def test_anything(self, pieces: list[bytes]) -> None:
        """
        Any input gives events; nothing follows a refusal.
        """
        negotiation = Socks5Negotiation(ALL_METHODS)
        events = [event for piece in pieces for event in negotiation.receive(piece)]
        refusals = [event for event in events if isinstance(event, Refuse)]
        self.assertLessEqual(len(refusals), 1)
        if refusals:
            self.assertIs(events[-1], refusals[0])

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=40), st.integers(0, 40))
    def test_cutsMeanNothing(self, data: bytes, cut: int) -> None:
        """
        Garbage has the same outcome however it is cut.
        """
        whole, cutUp = Socks5Negotiation(ALL_METHODS), Socks5Negotiation(ALL_METHODS)
        once = whole.receive(data)
        twice = [*cutUp.receive(data[:cut]), *cutUp.receive(data[cut:])]
        self.assertEqual([repr(event) for event in once], [repr(event) for event in twice])
