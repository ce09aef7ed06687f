"""
Tests for ``pyptwist.transports.obfs3``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import READY, CodecBase, Deliver, Effect, Finished, Transmit
from pyptwist.errors import ClosedByPeer, FramingError, HandshakeFailed, HandshakeTimeout, PTError
from pyptwist.interfaces import IClientTransport, ICodec, IServerTransport
from pyptwist.testing import (
    CodecConformance,
    CodecPair,
    EndpointConformance,
    MemoryNetwork,
    fixedEntropy,
    memoryContext,
)
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import oneByOne
from pyptwist.transports.obfs3 import Obfs3, Obfs3ClientCodec, Obfs3ServerCodec
from tests.crypto.test_uniformdh import X_PRIVATE, X_PUBLIC, Y_PRIVATE, Y_PUBLIC

# Of the secret that X and Y share.
INITIATOR_KEYS = "ed320781a56487f1aca810ed01d9cb183175e3b477c6c6ada777d043c062acf5"
RESPONDER_KEYS = "42848a555e6cfb81e55027731a38c56024d155af0acc082e7a0a0278e2aaa9e7"
INITIATOR_MAGIC = bytes.fromhex("2f0339909f4a66df9cacdb449cfd240b58417779a62b604efb3eb0be5237387f")
RESPONDER_MAGIC = bytes.fromhex("43f17d28e37fab56127ec9f6737d365c229d8580250614b301cc48f5217e0177")

MAXIMUM = 4097
DRAIN = 47.5


def scripted(private: bytes, filler: int = 0) -> Callable[[int], bytes]:
    """
    :param filler: 0 for no padding, 255 for the longest.
    :returns: entropy that makes this key.
    """
    return lambda count: private if count == len(private) else bytes([filler]) * count


def client(filler: int = 0) -> Obfs3ClientCodec:
    return Obfs3ClientCodec(scripted(X_PRIVATE, filler))


def server(filler: int = 0) -> Obfs3ServerCodec:
    return Obfs3ServerCodec(scripted(Y_PRIVATE, filler), DRAIN)


def enciphered(keys: str, data: bytes) -> bytes:
    raw = bytes.fromhex(keys)
    return Cipher(AES(raw[:16]), CTR(raw[16:])).encryptor().update(data)


def errors(effects: list[Effect]) -> list[PTError | None]:
    return [effect.error for effect in effects if isinstance(effect, Finished)]


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Obfs3


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Obfs3

    def test_stranger(self) -> None:
        """
        Garbage that is long enough gets an application, for nobody can know
        yet; that hears nothing of it, and its answers and its end are not seen.
        """
        prober = Applications()
        attempt = self.network.clientEndpoint("127.0.0.1", 443).connect(prober)
        self.network.pump()
        stranger: Any = self.successResultOf(attempt)
        greeting = bytes(stranger.received)
        stranger.transport.write(b"x" * 20_000)
        self.network.pump()
        [application] = self.servers.built
        assert application.transport is not None
        application.transport.write(b"whatever")
        application.transport.loseConnection()
        self.network.pump(29)
        self.assertEqual(bytes(stranger.received), greeting)
        self.assertEqual(stranger.lost, [])
        self.network.pump(91 - 29)
        self.assertEqual(bytes(stranger.received), greeting)
        self.assertEqual(len(stranger.lost), 1)
        self.assertEqual(bytes(application.received), b"")
        self.assertAtRest()


class VectorTests(SynchronousTestCase):
    """
    Both sides, with the known keys and no padding, byte by byte as specified.
    """

    def setUp(self) -> None:
        self.client, self.server = client(), server()
        self.assertEqual(self.client.start(0.0), [Transmit(X_PUBLIC)])
        self.assertEqual(self.server.start(0.0), [Transmit(Y_PUBLIC)])
        self.assertEqual(self.client.receive(Y_PUBLIC, 0.0), [READY])
        self.assertEqual(self.server.receive(X_PUBLIC, 0.0), [READY])

    def test_client(self) -> None:
        cipher = enciphered(INITIATOR_KEYS, b"hello, again")
        self.assertEqual(
            self.client.send(b"hello", 0.0), [Transmit(INITIATOR_MAGIC), Transmit(cipher[:5])]
        )
        self.assertEqual(self.client.send(b", again", 0.0), [Transmit(cipher[5:])])
        self.assertEqual(
            self.server.receive(INITIATOR_MAGIC + cipher, 0.0), [Deliver(b"hello, again")]
        )

    def test_server(self) -> None:
        """
        Which need not wait for the client's magic.
        """
        cipher = enciphered(RESPONDER_KEYS, b"hello")
        effects = self.server.send(b"hello", 0.0)
        self.assertEqual(effects, [Transmit(RESPONDER_MAGIC), Transmit(cipher)])
        self.assertEqual(self.client.receive(RESPONDER_MAGIC + cipher, 0.0), [Deliver(b"hello")])

    def test_silentEnd(self) -> None:
        """
        Who has nothing to say sends no magic.
        """
        self.assertEqual(self.client.sendEnd(0.0), [Finished()])
        self.assertEqual(self.server.receiveEnd(0.0), [Finished()])


class PaddingTests(SynchronousTestCase):
    def lengths(self, codec: Obfs3ClientCodec) -> list[int]:
        effects = codec.start(0.0) + codec.receive(Y_PUBLIC, 0.0) + codec.send(b"hello", 0.0)
        return [len(effect.data) for effect in effects if isinstance(effect, Transmit)]

    def test_shortest(self) -> None:
        self.assertEqual(self.lengths(client()), [192, 32, 5])

    def test_longest(self) -> None:
        self.assertEqual(self.lengths(client(255)), [192 + MAXIMUM, MAXIMUM + 32, 5])

    def test_range(self) -> None:
        """
        Both paddings are drawn anew each time.
        """
        entropy = fixedEntropy("paddings")
        found = [self.lengths(Obfs3ClientCodec(entropy)) for _ in range(100)]
        for paddings in ([first - 192 for first, _, _ in found], [n - 32 for _, n, _ in found]):
            self.assertTrue(all(0 <= padding <= MAXIMUM for padding in paddings))
            self.assertGreater(len(set(paddings)), 90)
            self.assertLess(min(paddings), 400)
            self.assertGreater(max(paddings), MAXIMUM - 400)


class MagicTests(SynchronousTestCase):
    """
    Where a peer's magic may be.
    """

    def ready(self, codec: CodecBase, key: bytes) -> CodecBase:
        codec.start(1000.0)
        self.assertEqual(codec.receive(key, 1000.0), [READY])
        return codec

    def heard(
        self, padding: bytes, cut: Callable[[bytes], list[bytes]]
    ) -> tuple[bytes, list[PTError | None]]:
        """
        :returns: what a client delivers of a server's payload behind so much
            padding, and how it ends.
        """
        codec = self.ready(client(), Y_PUBLIC)
        wire = padding + RESPONDER_MAGIC + enciphered(RESPONDER_KEYS, b"hello")
        effects = [effect for piece in cut(wire) for effect in codec.receive(piece, 1000.0)]
        delivered = b"".join(effect.data for effect in effects if isinstance(effect, Deliver))
        return delivered, errors(effects)

    def test_longestPaddings(self) -> None:
        for cut in (lambda data: [data], oneByOne):
            self.assertEqual(self.heard(bytes(2 * MAXIMUM), cut), (b"hello", []))

    def test_tooMuch(self) -> None:
        """
        By one byte, and however it is cut.
        """
        for cut in (lambda data: [data], oneByOne):
            delivered, [error] = self.heard(bytes(2 * MAXIMUM + 1), cut)
            self.assertEqual(delivered, b"")
            self.assertIsInstance(error, FramingError)

    def test_likeness(self) -> None:
        """
        What begins like the magic, even where it is cut, is none.
        """
        padding = RESPONDER_MAGIC[:31] + RESPONDER_MAGIC[:16] + bytes(1) + RESPONDER_MAGIC[1:]
        for at in range(len(padding) + 32):
            self.assertEqual(
                self.heard(padding, lambda data, at=at: [data[:at], data[at:]]),  # type: ignore[misc]
                (b"hello", []),
            )

    def test_ownMagic(self) -> None:
        """
        What we sent, played back to us, is no magic of the peer's.
        """
        codec = self.ready(client(), Y_PUBLIC)
        codec.send(b"hello", 1000.0)
        [error] = errors(codec.receive(INITIATOR_MAGIC + bytes(2 * MAXIMUM), 1000.0))
        self.assertIsInstance(error, FramingError)

    def test_effort(self) -> None:
        """
        A peer that sends single bytes has each of them looked at a bounded
        number of times.
        """

        class Watched(bytearray):
            looked = 0

            def find(self, wanted: Any, start: Any = 0, end: Any = None) -> int:
                Watched.looked += len(self) - start
                return super().find(wanted, start, end)

        codec = self.ready(client(), Y_PUBLIC)
        codec.buffer = Watched()
        for _ in range(8000):
            codec.receive(b"x", 1000.0)
        self.assertLessEqual(Watched.looked, 32 * 8000)

    @given(st.integers(0, 2 * MAXIMUM), st.lists(st.integers(0, 9000), max_size=6))
    @settings(max_examples=50, deadline=None)
    def test_anyCuts(self, padding: int, places: list[int]) -> None:
        def cut(data: bytes) -> list[bytes]:
            starts = [0, *sorted(places)]
            return [data[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]

        self.assertEqual(self.heard(fixedEntropy("p")(padding), cut), (b"hello", []))


class ClientFailureTests(SynchronousTestCase):
    """
    A client that met no obfs3 server closes at once.
    """

    def test_noKey(self) -> None:
        for key in (bytes(192), bytes(191) + b"\x01"):
            codec = client()
            codec.start(0.0)
            [error] = errors(codec.receive(key, 0.0))
            self.assertIsInstance(error, HandshakeFailed)

    def test_closed(self) -> None:
        codec = client()
        codec.start(0.0)
        codec.receive(Y_PUBLIC[:-1], 0.0)
        self.assertIsInstance(errors(codec.receiveEnd(0.0))[0], ClosedByPeer)

    def test_noTimer(self) -> None:
        """
        The connection has a deadline; a peer that is silent behind its key may
        be.
        """
        codec = client()
        codec.start(0.0)
        self.assertIsNone(codec.nextTimer)
        codec.receive(Y_PUBLIC, 0.0)
        self.assertIsNone(codec.nextTimer)


class SilenceTests(SynchronousTestCase):
    """
    A server that met no obfs3 client reads on, and ends when it always does.
    """

    def setUp(self) -> None:
        self.codec = server()
        self.assertEqual(self.codec.start(1000.0), [Transmit(Y_PUBLIC)])

    def assertDrains(self, end: float, cause: type[PTError]) -> None:
        self.assertIsInstance(self.codec.refusal, cause)
        for more in (X_PUBLIC, INITIATOR_MAGIC, bytes(100_000)):
            self.assertEqual(self.codec.receive(more, end - 1.0), [])
            self.assertEqual(len(self.codec.buffer), 0)
        self.assertEqual(self.codec.nextTimer, end)
        self.assertEqual(self.codec.timerFired(end - 0.1), [])
        [error] = errors(self.codec.timerFired(end))
        self.assertIsInstance(error, cause)

    def test_tooShort(self) -> None:
        self.codec.receive(X_PUBLIC[:-1], 1001.0)
        self.assertEqual(self.codec.nextTimer, 1030.0)
        self.assertEqual(self.codec.timerFired(1030.0), [])
        self.assertDrains(1000.0 + DRAIN, HandshakeTimeout)

    def test_noKey(self) -> None:
        self.assertEqual(self.codec.receive(bytes(192), 1001.0), [])
        self.assertDrains(1000.0 + DRAIN, HandshakeFailed)

    def test_noMagic(self) -> None:
        """
        Garbage, first of all, makes the server ready.
        """
        self.assertEqual(self.codec.receive(b"x" * (192 + 8225), 1001.0), [READY])
        self.assertIsNone(self.codec.refusal)
        self.assertEqual(self.codec.receive(b"x", 1002.0), [])
        self.assertDrains(1000.0 + DRAIN, FramingError)

    def test_application(self) -> None:
        """
        Its payload is not sent any more, nor is its end.
        """
        self.codec.receive(b"x" * 9000, 1001.0)
        self.assertEqual(self.codec.send(b"hello", 1002.0), [])
        self.assertEqual(self.codec.sendEnd(1003.0), [])
        self.assertDrains(1000.0 + DRAIN, FramingError)

    def test_late(self) -> None:
        """
        A client may be silent for long behind its key; if it errs then, the
        time of the end does not tell when.
        """
        self.assertEqual(self.codec.receive(X_PUBLIC, 1001.0), [READY])
        self.assertIsNone(self.codec.nextTimer)
        self.assertEqual(self.codec.receive(bytes(9000), 1000.0 + 2.5 * DRAIN), [])
        self.assertDrains(1000.0 + 3 * DRAIN, FramingError)

    def test_departure(self) -> None:
        self.codec.receive(b"x" * 9000, 1001.0)
        self.assertIsInstance(errors(self.codec.receiveEnd(1002.0))[0], FramingError)


class DataTests(SynchronousTestCase):
    @given(
        seed=st.text(max_size=5),
        writes=st.lists(
            st.tuples(st.booleans(), st.binary(min_size=1, max_size=3000)), max_size=9
        ),
        size=st.integers(1, 5000),
    )
    @settings(max_examples=30, deadline=None)
    def test_anything(self, seed: str, writes: list[tuple[bool, bytes]], size: int) -> None:
        """
        Whoever speaks, in whatever order and pieces, is understood.
        """
        pair = CodecPair(
            Obfs3ClientCodec(fixedEntropy("c" + seed)),
            Obfs3ServerCodec(fixedEntropy("s" + seed), DRAIN),
        )

        def cut(data: bytes) -> list[bytes]:
            return [data[at : at + size] for at in range(0, len(data), size)]

        pair.start()
        pair.run(cut)
        for fromClient, data in writes:
            here, there = (pair.client, pair.server) if fromClient else (pair.server, pair.client)
            before = len(there.delivered)
            here.apply(here.codec.send(data, pair.now))
            pair.run(cut)
            self.assertEqual(bytes(there.delivered[before:]), data)


class TestMethod(SynchronousTestCase):
    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, Obfs3())
        verifyObject(IServerTransport, Obfs3())
        verifyObject(ICodec, client())
        verifyObject(ICodec, server())
        self.assertEqual(Obfs3().name, "obfs3")

    def test_noArguments(self) -> None:
        """
        None are needed, and what others might want is ignored, as by obfs4proxy.
        """
        context = memoryContext(self.mktemp())
        _, published = Obfs3().serverCodec(context, Arguments(any="thing"))
        self.assertEqual(published, Arguments())
        codec = Obfs3().clientCodec(context, Arguments(any="thing"))()
        self.assertIsInstance(codec, Obfs3ClientCodec)

    def test_deadlines(self) -> None:
        """
        The client's is obfs4proxy's; the server's never cuts a drain short.
        """
        self.assertEqual(Obfs3.clientHandshakeTimeout, 30)
        self.assertGreater(Obfs3.serverHandshakeTimeout, 90)

    def test_noDecoy(self) -> None:
        """
        Its greeting cannot be taken back.
        """
        self.assertTrue(Obfs3.serverSpeaksFirst)

    def test_drain(self) -> None:
        """
        One time for all connections of a server.
        """
        factory, _ = Obfs3().serverCodec(memoryContext(self.mktemp()), Arguments())
        codecs = [factory() for _ in range(3)]
        times = {codec.drain for codec in codecs if isinstance(codec, Obfs3ServerCodec)}
        self.assertEqual(len(times), 1)
        self.assertTrue(all(30 <= seconds <= 90 for seconds in times))

    def test_keysBeforeDialling(self) -> None:
        """
        Nothing is computed between the TCP handshake and the first message.
        """
        network = MemoryNetwork()
        context = memoryContext(self.mktemp(), network=network)
        taken = []

        def entropy(count: int) -> bytes:
            taken.append(count)
            return b"\x55" * count

        object.__setattr__(context, "entropy", entropy)
        endpoint = Obfs3().clientEndpoint(context, HostPort("127.0.0.1", 443), Arguments())
        endpoint.connect(Applications()).addErrback(lambda _: None)
        self.assertEqual(taken, [192])
        network.pump()
