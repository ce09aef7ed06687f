"""
Tests for ``pyptwist.transports.obfs2``.
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

from pyptwist import caution, limits
from pyptwist.arguments import Arguments
from pyptwist.codec import READY, CodecBase, Deliver, Effect, Finished, Transmit
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    HandshakeFailed,
    HandshakeTimeout,
    PTError,
)
from pyptwist.interfaces import IClientTransport, ICodec, IServerTransport
from pyptwist.testing import (
    CodecConformance,
    CodecPair,
    EndpointConformance,
    fixedEntropy,
    memoryContext,
)
from pyptwist.testing.codecs import oneByOne
from pyptwist.transports import obfs2
from pyptwist.transports.obfs2 import Derivation, Obfs2, Obfs2ClientCodec, Obfs2ServerCodec

INITIATOR_SEED = bytes(range(16))
RESPONDER_SEED = bytes(range(16, 32))

# label, seeds, key | counter
DERIVED = [
    (
        b"Initiator obfuscation padding",
        INITIATOR_SEED,
        "0b2704f5574bf47ea12421f88026a3fa7bf4ac4c83cc6b6d1b714f290317ca33",
    ),
    (
        b"Responder obfuscation padding",
        RESPONDER_SEED,
        "99622ba51dd4ed663ddee2ba790f87a5b3e5465d0b1ac2267abd2cf90fe57f4e",
    ),
    (
        b"Initiator obfuscated data",
        INITIATOR_SEED + RESPONDER_SEED,
        "7ad1d5d0a1a91e6537018252415b2ea1366c5c3195884aef3d21a09edf572012",
    ),
    (
        b"Responder obfuscated data",
        INITIATOR_SEED + RESPONDER_SEED,
        "fc01c71593b9f37122b8a8756cd7869f1a5ff7c064ed3dbdd21feaf7b765965f",
    ),
]
INITIATOR_PADDING, RESPONDER_PADDING, INITIATOR_DATA, RESPONDER_DATA = (
    derived for _, _, derived in DERIVED
)
#: With the secret "hunter2".
SLOWLY = "78b7364f935a214c7db25027f159b4d0eaf50fb0b67ee0e28da85f2c878567b8"

#: What a client sends that pads nothing.
GREETING = bytes.fromhex("000102030405060708090a0b0c0d0e0f2f14b177117a7bff")
INITIATOR_STREAM = bytes.fromhex("8c82174dcac205362fbd7127c5a486a8")
RESPONDER_STREAM = bytes.fromhex("ee123bb9e6e3bd27871ad2cca5a2e567")

MAXIMUM = 8192
DRAIN = 47.5


def scripted(seed: bytes, filler: int = 0) -> Callable[[int], bytes]:
    """
    :param filler: 0 for no padding, 255 for the longest.
    :returns: entropy that makes this seed.
    """
    return lambda count: seed if count == len(seed) else bytes([filler]) * count


def client(filler: int = 0, secret: bytes = b"") -> Obfs2ClientCodec:
    return Obfs2ClientCodec(secret, scripted(INITIATOR_SEED, filler))


def server(filler: int = 0, secret: bytes = b"") -> Obfs2ServerCodec:
    return Obfs2ServerCodec(secret, scripted(RESPONDER_SEED, filler), DRAIN)


def enciphered(keys: str, data: bytes) -> bytes:
    raw = bytes.fromhex(keys)
    return Cipher(AES(raw[:16]), CTR(raw[16:])).encryptor().update(data)


def greeting(keys: str, seed: bytes, head: str, padding: bytes = b"") -> bytes:
    """
    :returns: what a peer sends first.
    """
    return seed + enciphered(keys, bytes.fromhex(head) + padding)


def sent(effects: list[Effect]) -> bytes:
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))


def errors(effects: list[Effect]) -> list[PTError | None]:
    return [effect.error for effect in effects if isinstance(effect, Finished)]


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Obfs2


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Obfs2


class TestSecretConformance(CodecConformance, SynchronousTestCase):
    """
    With a shared secret that takes one slice.
    """

    method = Obfs2
    serverArguments = Arguments({"shared-secret": "hunter2"})

    def setUp(self) -> None:
        self.patch(obfs2, "ROUNDS", 100)


class TestSecretEndpoints(EndpointConformance, SynchronousTestCase):
    """
    With a shared secret that takes several.
    """

    method = Obfs2
    serverArguments = Arguments({"shared-secret": "hunter2"})

    def setUp(self) -> None:
        self.patch(obfs2, "ROUNDS", 100)
        self.patch(limits, "OBFS2_ROUNDS", 7)
        super().setUp()


class DerivationTests(SynchronousTestCase):
    """
    The formula was seen to be obfs4proxy 0.0.14's.
    """

    def test_vectors(self) -> None:
        for label, seeds, expected in DERIVED:
            derivation = Derivation(label, seeds, b"")
            self.assertEqual((derivation.digest.hex(), derivation.left), (expected, 0))

    def test_secret(self) -> None:
        label, seeds, _ = DERIVED[0]
        derivation = Derivation(label, seeds, b"hunter2")
        derivation.advance(100_000)
        self.assertEqual((derivation.digest.hex(), derivation.left), (SLOWLY, 0))

    def test_slices(self) -> None:
        """
        However it is cut, and it stops where it should.
        """
        label, seeds, _ = DERIVED[0]
        derivation = Derivation(label, seeds, b"hunter2")
        for rounds in (1, 0, 29_999, 30_000, 30_000, 30_000, 30_000):
            derivation.advance(rounds)
        self.assertEqual((derivation.digest.hex(), derivation.left), (SLOWLY, 0))


class VectorTests(SynchronousTestCase):
    """
    Both sides with known seeds and no padding.
    """

    def setUp(self) -> None:
        self.client, self.server = client(), server()
        self.assertEqual(
            self.client.start(0.0), [Transmit(GREETING[:16]), Transmit(GREETING[16:])]
        )
        self.answer = greeting(RESPONDER_PADDING, RESPONDER_SEED, "2bf5ca7e00000000")
        self.assertEqual(
            self.server.start(0.0), [Transmit(self.answer[:16]), Transmit(self.answer[16:])]
        )

    def test_data(self) -> None:
        self.assertEqual(self.client.receive(self.answer, 0.0), [READY])
        self.assertEqual(self.server.receive(GREETING, 0.0), [READY])
        for here, there, stream in (
            (self.client, self.server, INITIATOR_STREAM),
            (self.server, self.client, RESPONDER_STREAM),
        ):
            effects = here.send(bytes(10), 0.0) + here.send(bytes(6), 0.0)
            self.assertEqual(effects, [Transmit(stream[:10]), Transmit(stream[10:])])
            self.assertEqual(there.receive(stream, 0.0), [Deliver(bytes(16))])

    def test_dataBehindPadding(self) -> None:
        whole = greeting(RESPONDER_PADDING, RESPONDER_SEED, "2bf5ca7e00002000", bytes(MAXIMUM))
        whole += enciphered(RESPONDER_DATA, b"hello")
        effects = self.client.receive(whole, 0.0)
        self.assertEqual(effects, [READY, Deliver(b"hello")])


class PaddingTests(SynchronousTestCase):
    def test_ends(self) -> None:
        self.assertEqual(len(sent(client(0).start(0.0))), 24)
        self.assertEqual(len(sent(client(255).start(0.0))), 24 + MAXIMUM)

    def test_range(self) -> None:
        entropy = fixedEntropy("paddings")
        found = [len(sent(Obfs2ClientCodec(b"", entropy).start(0.0))) - 24 for _ in range(100)]
        self.assertTrue(all(0 <= padding <= MAXIMUM for padding in found))
        self.assertGreater(len(set(found)), 90)
        self.assertLess(min(found), 800)
        self.assertGreater(max(found), MAXIMUM - 800)

    def test_noWait(self) -> None:
        """
        Padding is dropped as it comes.
        """
        codec = client()
        codec.start(0.0)
        whole = greeting(RESPONDER_PADDING, RESPONDER_SEED, "2bf5ca7e00002000", bytes(MAXIMUM))
        for byte in oneByOne(whole[:-1]):
            self.assertEqual(codec.receive(byte, 0.0), [])
            self.assertLess(len(codec.buffer), 24)
        self.assertEqual(codec.receive(whole[-1:], 0.0), [READY])


#: First messages that are wrong, the last with the longest padding and one more.
WRONG = ["2bf5ca7f00000000", "ffffffff00000000", "2bf5ca7e00002001", "2bf5ca7effffffff"]


class ClientFailureTests(SynchronousTestCase):
    """
    A client that met no obfs2 server closes at once.
    """

    def test_wrong(self) -> None:
        for head in WRONG:
            codec = client()
            codec.start(0.0)
            wire = greeting(RESPONDER_PADDING, RESPONDER_SEED, head)
            self.assertEqual(codec.receive(wire[:-1], 0.0), [])
            [error] = errors(codec.receive(wire[-1:], 0.0))
            self.assertIsInstance(error, HandshakeFailed)
            self.assertNotIsInstance(error, AuthenticationFailed)

    def test_closed(self) -> None:
        codec = client()
        codec.start(0.0)
        self.assertIsInstance(errors(codec.receiveEnd(0.0))[0], ClosedByPeer)


class SilenceTests(SynchronousTestCase):
    """
    A server that met no obfs2 client reads on, and ends when it always does.
    """

    def setUp(self) -> None:
        self.codec = server()
        self.codec.start(1000.0)

    def assertDrains(self, cause: type[PTError]) -> None:
        self.assertIsInstance(self.codec.refusal, cause)
        for more in (GREETING, bytes(100_000)):
            self.assertEqual(self.codec.receive(more, 1031.0), [])
            self.assertEqual(len(self.codec.buffer), 0)
        self.assertEqual(self.codec.nextTimer, 1000.0 + DRAIN)
        [error] = errors(self.codec.timerFired(1000.0 + DRAIN))
        self.assertIsInstance(error, cause)

    def test_wrong(self) -> None:
        for head in WRONG:
            self.setUp()
            wire = greeting(INITIATOR_PADDING, INITIATOR_SEED, head)
            self.assertEqual(self.codec.receive(wire, 1001.0), [])
            self.assertDrains(HandshakeFailed)

    def test_reflection(self) -> None:
        """
        Its own greeting is no client's.
        """
        self.codec.receive(greeting(RESPONDER_PADDING, RESPONDER_SEED, "2bf5ca7e00000000"), 1001.0)
        self.assertDrains(HandshakeFailed)

    def test_slow(self) -> None:
        self.codec.receive(GREETING[:-1], 1029.0)
        self.assertEqual(self.codec.nextTimer, 1030.0)
        self.assertEqual(self.codec.timerFired(1030.0), [])
        self.assertDrains(HandshakeTimeout)

    def test_noTimerWhenReady(self) -> None:
        self.assertEqual(self.codec.receive(GREETING, 1001.0), [READY])
        self.assertIsNone(self.codec.nextTimer)


class SecretTests(SynchronousTestCase):
    """
    Keys that take long.
    """

    def setUp(self) -> None:
        self.patch(obfs2, "ROUNDS", 1000)
        self.patch(limits, "OBFS2_ROUNDS", 100)
        self.patch(limits, "OBFS2_HURRIED_ROUNDS", 200)

    def slices(self, codec: CodecBase, now: float) -> tuple[int, list[Effect]]:
        """
        Call a codec back for as long as it wants to be at once.
        """
        count, effects = 0, []
        while codec.nextTimer == now:
            effects += codec.timerFired(now)
            count += 1
        return count, effects

    def started(self, codec: CodecBase, now: float) -> bytes:
        self.assertEqual(codec.start(now), [])
        count, effects = self.slices(codec, now)
        self.assertEqual(count, 9)
        return sent(effects)

    def test_slices(self) -> None:
        """
        No turn does more than its share, and deadlines are kept between.
        """
        here, there = client(secret=b"hunter2"), server(secret=b"hunter2")
        question, answer = self.started(here, 1000.0), self.started(there, 1000.0)
        self.assertEqual((len(question), len(answer)), (24, 24))
        self.assertNotEqual(question, GREETING)
        self.assertEqual((here.nextTimer, there.nextTimer), (None, 1030.0))

        self.assertEqual(there.receive(question[:23], 1001.0), [])
        self.assertEqual(self.slices(there, 1001.0), (9, []))
        self.assertEqual(there.nextTimer, 1030.0)
        self.assertEqual(there.receive(question[23:], 1002.0), [])
        # Each key is begun in the turn in which the one before is done.
        self.assertEqual(self.slices(there, 1002.0), (18, [READY]))
        self.assertIsNone(there.nextTimer)

        self.assertEqual(here.receive(answer, 1002.0), [])
        self.assertEqual(self.slices(here, 1002.0), (27, [READY]))
        data = sent(here.send(b"hello", 1003.0))
        self.assertEqual(there.receive(data, 1003.0), [Deliver(b"hello")])

    def test_early(self) -> None:
        """
        Payload that comes before its key waits.
        """
        for size in (1000, limits.HANDSHAKE_BUFFER + 1):
            here, there = client(secret=b"hunter2"), server(secret=b"hunter2")
            question, answer = self.started(here, 0.0), self.started(there, 0.0)
            here.receive(answer, 0.0)
            self.slices(here, 0.0)
            there.receive(question, 0.0)
            self.assertEqual(there.receive(sent(here.send(bytes(size), 0.0)), 0.0), [])
            self.assertEqual(self.slices(there, 0.0)[1], [READY, Deliver(bytes(size))])

    def test_flood(self) -> None:
        """
        Who sends much before the keys are there gets no more work out of a turn
        than a turn may have, and sees the keys made before much of it waits.
        """
        rounds: list[int] = []
        advance = obfs2.Derivation.advance

        def counted(derivation: obfs2.Derivation, most: int) -> None:
            before = derivation.left
            advance(derivation, most)
            rounds[-1] += before - derivation.left

        self.patch(obfs2.Derivation, "advance", counted)
        there = server(secret=b"hunter2")
        rounds.append(0)
        there.start(0.0)
        waiting = 0
        while there.refusal is None:
            waiting += limits.HANDSHAKE_READ
            rounds.append(0)
            there.receive(bytes(limits.HANDSHAKE_READ), 0.0)
        # A turn may end one key and begin the next.
        self.assertLessEqual(max(rounds), 2 * limits.OBFS2_HURRIED_ROUNDS)
        self.assertLess(waiting, there.maximumBuffer)
        self.assertIsInstance(there.refusal, AuthenticationFailed)

    def test_wrong(self) -> None:
        for secret in (b"", b"hunter3"):
            there = server(secret=b"hunter2")
            self.started(there, 1000.0)
            here = client(secret=secret)
            question = sent(here.start(1000.0) + self.slices(here, 1000.0)[1])
            self.assertEqual(there.receive(question, 1001.0), [])
            self.assertEqual(self.slices(there, 1001.0)[1], [])
            self.assertIsInstance(there.refusal, AuthenticationFailed)
            self.assertEqual(there.nextTimer, 1000.0 + DRAIN)

    def test_givenUp(self) -> None:
        """
        A peer that leaves is no reason to go on.
        """
        there = server(secret=b"hunter2")
        there.start(0.0)
        self.assertIsInstance(errors(there.receiveEnd(0.0))[0], ClosedByPeer)
        self.assertIsNone(there.nextTimer)

    def test_turns(self) -> None:
        """
        Each turn is one of the reactor's, and others have theirs between.
        """
        context: Any = memoryContext(self.mktemp())
        factory, published = Obfs2().serverCodec(context, Arguments({"shared-secret": "x"}))
        pair = CodecPair(Obfs2().clientCodec(context, published)(), factory(), context.reactor)
        pair.start()
        pair.runTimers(0.0)
        self.assertTrue(pair.client.isReady and pair.server.isReady)


class DataTests(SynchronousTestCase):
    @given(seed=st.text(max_size=5), size=st.integers(1, 5000), secret=st.booleans())
    @settings(max_examples=30, deadline=None)
    def test_anyPieces(self, seed: str, size: int, secret: bool) -> None:
        self.patch(obfs2, "ROUNDS", 10)
        known = b"hunter2" if secret else b""
        pair = CodecPair(
            Obfs2ClientCodec(known, fixedEntropy("c" + seed)),
            Obfs2ServerCodec(known, fixedEntropy("s" + seed), DRAIN),
        )

        def cut(data: bytes) -> list[bytes]:
            return [data[at : at + size] for at in range(0, len(data), size)]

        pair.start()
        pair.run(cut)
        for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
            here.apply(here.codec.send(seed.encode() * 50 + b"!", pair.now))
            pair.run(cut)
            self.assertEqual(bytes(there.delivered), seed.encode() * 50 + b"!")


class TestMethod(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = memoryContext(self.mktemp())

    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, Obfs2())
        verifyObject(IServerTransport, Obfs2())
        verifyObject(ICodec, client())
        verifyObject(ICodec, server())
        self.assertEqual(Obfs2().name, "obfs2")

    def test_published(self) -> None:
        """
        The secret, for a client needs it; an empty one is none.
        """
        for options in (Arguments(), Arguments({"shared-secret": ""}), Arguments(any="thing")):
            _, published = Obfs2().serverCodec(self.context, options)
            self.assertEqual(published, Arguments())
        options = Arguments({"shared-secret": "hunter2"})
        _, published = Obfs2().serverCodec(self.context, options)
        self.assertEqual(published, options)

    def test_secretIsText(self) -> None:
        """
        Its UTF-8 is what counts.
        """
        arguments = Arguments({"shared-secret": "Zürich"})
        codec: Any = Obfs2().clientCodec(self.context, arguments)()
        self.assertEqual(codec._secret, b"Z\xc3\xbcrich")

    def test_warning(self) -> None:
        """
        Both sides say what is wrong with it, once a process.
        """
        for use in (Obfs2().clientCodec, Obfs2().serverCodec):
            warned: set[str] = set()
            self.patch(caution, "_warned", warned)
            use(self.context, Arguments())
            self.assertEqual(warned, {"obfs2"})

    def test_deadlines(self) -> None:
        """
        The client's is obfs4proxy's; the server's never cuts a drain short.
        """
        self.assertEqual(Obfs2.clientHandshakeTimeout, 30)
        self.assertGreater(Obfs2.serverHandshakeTimeout, 90)

    def test_noDecoy(self) -> None:
        self.assertTrue(Obfs2.serverSpeaksFirst)
