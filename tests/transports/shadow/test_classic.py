"""
Tests for ``pyptwist.transports.shadow.classic``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Finished, Transmit
from pyptwist.errors import (
    AuthenticationFailed,
    FramingError,
    HandshakeTimeout,
    ReplayDetected,
)
from pyptwist.pieces import Pieces
from pyptwist.testing import CodecPair
from pyptwist.transports.shadow.chunks import MAXIMUM_PAYLOAD
from pyptwist.transports.shadow.classic import CIPHERS, cipherNamed, masterKey
from tests.transports.shadow.vectors import (
    DRAIN,
    FIRST_CHUNK,
    MASTER_KEY,
    PASSWORD,
    SALT,
    SUBKEY,
    classicClient,
    classicServer,
    delivered,
    errors,
    ledger,
    secret,
    sent,
)


class VectorTests(SynchronousTestCase):
    def test_masterKey(self) -> None:
        self.assertEqual(masterKey(PASSWORD.encode(), 32), MASTER_KEY)
        self.assertEqual(masterKey(PASSWORD.encode(), 16), MASTER_KEY[:16])
        self.assertEqual(secret().key, MASTER_KEY)

    def test_chunks(self) -> None:
        """
        What a client sends with a known salt; and what a server makes of it.
        """
        for cipher, chunk in FIRST_CHUNK.items():
            known = secret(cipher)
            client = classicClient(known)
            client._entropy = lambda count: SALT[:count]
            self.assertEqual(client.start(0.0), [READY])
            self.assertEqual(client.send(b"hello", 0.0), [Transmit(SALT + chunk)])
            server = classicServer(known)
            self.assertEqual(server.start(0.0), [])
            effects = server.receive(SALT + chunk, 0.0)
            self.assertEqual(effects[0], READY)
            self.assertEqual(delivered(effects), b"hello")

    def test_subkey(self) -> None:
        box = secret().aead(SALT).encrypt(bytes(12), b"", None)
        self.assertEqual(secret().cipher.aead(SUBKEY).decrypt(bytes(12), box, None), b"")


class NameTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        for cipher in CIPHERS:
            other = "AEAD_" + cipher.name.upper().replace("-", "_").replace("_IETF_", "_")
            for name in (cipher.name, cipher.name.upper(), other, other.lower()):
                self.assertIs(cipherNamed(name), cipher)

    def test_unknown(self) -> None:
        for name in ("", "rc4-md5", "aes-512-gcm", "aead", "aes-256-cfb"):
            self.assertIsNone(cipherNamed(name))


class LazinessTests(SynchronousTestCase):
    def test_salts(self) -> None:
        """
        Nobody sends a byte before there is payload, and then the salt with it.
        """
        client, server = classicClient(), classicServer()
        self.assertEqual(client.start(0.0), [READY])
        self.assertEqual(server.start(0.0), [])
        self.assertEqual(client.send(b"", 0.0), [])
        first = sent(client.send(b"question", 0.0))
        self.assertEqual(len(first), 32 + 34 + 8)
        self.assertEqual(len(sent(client.send(b"question", 0.0))), 34 + 8)
        server.receive(first, 0.0)
        self.assertEqual(len(sent(server.send(b"answer", 0.0))), 32 + 34 + 6)

    def test_readyAtLength(self) -> None:
        """
        The server's application is there once the client is known, and not before.
        """
        client, server = classicClient(), classicServer()
        client.start(0.0)
        server.start(0.0)
        stream = sent(client.send(b"question", 0.0))
        self.assertEqual(server.receive(stream[:49], 0.0), [])
        self.assertEqual(server.receive(stream[49:50], 0.0), [READY])
        self.assertEqual(delivered(server.receive(stream[50:], 0.0)), b"question")

    def test_patience(self) -> None:
        """
        From the first answer on small writes may be joined, as at shadowsocks-libev,
        which also makes one chunk of all that it reads at once.
        """
        client, server = classicClient(), classicServer()
        for codec in (client, server):
            codec.start(0.0)
            self.assertEqual(codec.pieces, Pieces(MAXIMUM_PAYLOAD, MAXIMUM_PAYLOAD))
        server.receive(sent(client.send(b"question", 0.0)), 0.0)
        self.assertEqual((client.patient, server.patient), (False, False))
        server.send(b"", 0.0)
        self.assertFalse(server.patient)
        answer = sent(server.send(b"answer", 0.0))
        self.assertTrue(server.patient)
        client.receive(answer[:-1], 0.0)
        self.assertFalse(client.patient)
        client.receive(answer[-1:], 0.0)
        self.assertTrue(client.patient)

    def test_shortest(self) -> None:
        """
        Who sends a client garbage learns nothing before the shortest chunk could be
        there; and that one is read.
        """
        client = classicClient()
        client.start(0.0)
        self.assertEqual(client.receive(bytes(66), 0.0), [])
        self.assertEqual(len(errors(client.receive(b"\0", 0.0))), 1)
        client, server = classicClient(), classicServer()
        client.start(0.0)
        server.start(0.0)
        server.receive(sent(client.send(b"question", 0.0)), 0.0)
        answer = sent(server.send(b"!", 0.0))
        self.assertEqual(len(answer), 67)
        self.assertEqual(delivered(client.receive(answer, 0.0)), b"!")

    def test_silentEnd(self) -> None:
        """
        Who has nothing to say sends nothing.
        """
        client = classicClient()
        client.start(0.0)
        self.assertEqual(client.sendEnd(0.0), [Finished()])


class ReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.memory = ledger()
        self.pair = CodecPair(classicClient(), classicServer(memory=self.memory))
        self.pair.start()
        for side in (self.pair.client, self.pair.server):
            side.apply(side.codec.send(b"payload", 0.0))
            self.pair.run()
        self.forth = b"".join(self.pair.client.transmitted)
        self.back = b"".join(self.pair.server.transmitted)

    def refused(self, data: bytes) -> None:
        server = classicServer(memory=self.memory, seed="again")
        server.start(0.0)
        self.assertEqual(server.receive(data, 0.0), [])
        self.assertIsInstance(server.refusal, ReplayDetected)

    def test_replay(self) -> None:
        self.refused(self.forth)
        self.refused(self.forth[:50])

    def test_reflection(self) -> None:
        """
        Both directions have one master key: the server's own words would do.
        """
        self.refused(self.back)

    def test_clientReflection(self) -> None:
        """
        A client hears its own words, those of another connection of its, or a
        server's old ones.
        """
        memory = ledger()
        one = classicClient(memory=memory, seed="one")
        one.start(0.0)
        said = sent(one.send(b"hello", 0.0))
        [error] = errors(one.receive(said, 0.0))
        self.assertIsInstance(error, ReplayDetected)
        for data, isGood in ((said, False), (self.back, True), (self.back, False)):
            other = classicClient(memory=memory, seed="other")
            other.start(0.0)
            effects = other.receive(data, 0.0)
            self.assertEqual(delivered(effects), b"payload" if isGood else b"")
            self.assertEqual(bool(errors(effects)), not isGood)

    def test_strangersAreForgotten(self) -> None:
        """
        Who does not know the password cannot fill the memory.
        """
        before = len(self.memory)
        for number in range(100):
            server = classicServer(memory=self.memory)
            server.start(0.0)
            server.receive(bytes([number]) * 100, 0.0)
        self.assertEqual(len(self.memory), before)


class SilenceTests(SynchronousTestCase):
    """
    No byte, and no end that tells anything.
    """

    def test_garbage(self) -> None:
        for size in (1, 49, 50, 51, 1000):
            server = classicServer()
            server.start(0.0)
            self.assertEqual(server.receive(bytes(size), 1.0), [])
            self.assertEqual(server.refusal is not None, size >= 50)
            self.assertEqual(server.receive(bytes(50_000), 40.0), [])
            self.assertIsInstance(server.refusal, AuthenticationFailed)
            self.assertEqual(server.nextTimer, DRAIN)
            effects = server.timerFired(DRAIN)
            self.assertEqual(len(errors(effects)), 1)

    def test_nothing(self) -> None:
        """
        Who says nothing sees the same end; an application has all that time to begin.
        """
        client, server = classicClient(), classicServer()
        client.start(0.0)
        server.start(0.0)
        self.assertEqual(server.timerFired(limits.SILENT_HANDSHAKE), [])
        stream = sent(client.send(b"late", DRAIN - 1))
        self.assertEqual(delivered(server.receive(stream, DRAIN - 1)), b"late")
        self.assertIsNone(server.nextTimer)
        other = classicServer()
        other.start(0.0)
        self.assertEqual(other.timerFired(DRAIN), [])
        self.assertEqual(other.nextTimer, DRAIN)
        [error] = errors(other.timerFired(DRAIN))
        self.assertIsInstance(error, HandshakeTimeout)

    def test_changedLater(self) -> None:
        """
        Nor when the stream of a client that is known is changed: payload before
        that is delivered, nothing more is said, and the end comes when all ends do.
        """
        client, server = classicClient(), classicServer()
        client.start(0.0)
        server.start(0.0)
        server.receive(sent(client.send(b"one", 0.0)), 0.0)
        wrong = bytearray(sent(client.send(b"two", 0.0)) + sent(client.send(b"three", 0.0)))
        wrong[-1] ^= 1
        effects = server.receive(bytes(wrong), 50.0)
        self.assertEqual(delivered(effects), b"two")
        self.assertEqual(errors(effects), [])
        self.assertEqual(server.send(b"answer", 51.0), [])
        self.assertEqual(server.receive(sent(client.send(b"four", 0.0)), 52.0), [])
        self.assertEqual(server.sendEnd(53.0), [])
        self.assertEqual(server.nextTimer, 2 * DRAIN)
        [error] = errors(server.timerFired(2 * DRAIN))
        self.assertIsInstance(error, FramingError)

    def test_client(self) -> None:
        """
        Which ends at once.
        """
        client = classicClient()
        client.start(0.0)
        [error] = errors(client.receive(bytes(100), 0.0))
        self.assertIsInstance(error, AuthenticationFailed)

    def test_endWithinChunk(self) -> None:
        client, server = classicClient(), classicServer()
        client.start(0.0)
        server.start(0.0)
        server.receive(sent(client.send(b"question", 0.0))[:-1], 0.0)
        [error] = errors(server.receiveEnd(0.0))
        self.assertIsInstance(error, FramingError)
