"""
Tests for ``pyptwist.transports.shadow.darkstar``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Effect, Transmit
from pyptwist.errors import AuthenticationFailed, FramingError, HandshakeFailed, ReplayDetected
from pyptwist.transports.shadow.darkstar import (
    DarkStarClientCodec,
    DarkStarServerCodec,
    drainOf,
)
from pyptwist.transports.shadow.handshake import ServerIdentity
from tests.transports.shadow.vectors import (
    CC_KEYCHAIN,
    CHUNKS,
    CLIENT_PRIVATE,
    CLIENT_X,
    EPHEMERAL_PRIVATE,
    EPHEMERAL_X,
    SC_KEYCHAIN,
    SERVER_ID,
    SERVER_PRIVATE,
    darkStarClient,
    darkStarServer,
    delivered,
    errors,
    ledger,
    making,
    publicKey,
    sent,
    serverShared,
)


class VectorTests(SynchronousTestCase):
    """
    Both sides, with the known keys, byte by byte.
    """

    def test_client(self) -> None:
        client = DarkStarClientCodec(
            ServerIdentity(publicKey(), SERVER_ID), making(CLIENT_PRIVATE)
        )
        self.assertEqual(client.start(0.0), [Transmit(CLIENT_X + CC_KEYCHAIN)])
        self.assertEqual(client.receive(EPHEMERAL_X + SC_KEYCHAIN, 0.0), [READY])
        self.assertEqual(sent(client.send(b"hello", 0.0)) + sent(client.send(b"x", 0.0)), CHUNKS)

    def test_server(self) -> None:
        server = DarkStarServerCodec(serverShared(), making(EPHEMERAL_PRIVATE))
        self.assertEqual(server.start(0.0), [])
        effects = server.receive(CLIENT_X + CC_KEYCHAIN, 0.0)
        self.assertEqual(effects, [Transmit(EPHEMERAL_X + SC_KEYCHAIN), READY])
        self.assertEqual(delivered(server.receive(CHUNKS, 0.0)), b"hellox")


class SilenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.memory = ledger()
        self.shared = serverShared(self.memory)

    def refused(self, data: bytes, kind: type[HandshakeFailed]) -> None:
        server = darkStarServer(self.shared)
        server.start(0.0)
        self.assertEqual(server.receive(data, 3.0), [])
        self.assertIsInstance(server.refusal, kind)
        self.assertEqual(server.nextTimer, self.shared.drain)
        self.assertEqual(len(errors(server.timerFired(self.shared.drain))), 1)

    def request(self, seed: str = "client") -> bytes:
        return sent(darkStarClient(seed=seed).start(0.0))

    def accepted(self, data: bytes) -> list[Effect]:
        server = darkStarServer(self.shared)
        server.start(0.0)
        return server.receive(data, 0.0)

    def test_strangers(self) -> None:
        self.refused(b"\xff" * 64, HandshakeFailed)
        self.refused(self.request()[:32] + bytes(32), AuthenticationFailed)
        self.refused(self.request()[:32] + bytes(5000), AuthenticationFailed)
        self.assertEqual(len(self.memory), 0)

    def test_tooShort(self) -> None:
        """
        As silent, and as long.
        """
        server = darkStarServer(self.shared)
        server.start(0.0)
        self.assertEqual(server.receive(self.request()[:63], 0.0), [])
        self.assertEqual(server.timerFired(limits.SILENT_HANDSHAKE), [])
        self.assertEqual(server.nextTimer, self.shared.drain)

    def test_replay(self) -> None:
        """
        Also of another listener's, and with another confirmation.
        """
        self.assertEqual(len(sent(self.accepted(self.request()))), 64)
        self.refused(self.request(), ReplayDetected)
        self.shared = serverShared(self.memory)
        self.refused(self.request(), ReplayDetected)
        self.refused(sent(darkStarClient(isCompact=True).start(0.0)), ReplayDetected)
        self.assertEqual(len(sent(self.accepted(self.request("another")))), 64)

    def test_changedLater(self) -> None:
        client, server = darkStarClient(), darkStarServer(self.shared)
        server.start(0.0)
        client.receive(sent(server.receive(sent(client.start(0.0)), 0.0)), 0.0)
        wrong = bytearray(sent(client.send(b"payload", 0.0)))
        wrong[20] ^= 1
        self.assertEqual(server.receive(bytes(wrong), 1.0), [])
        self.assertEqual(server.nextTimer, self.shared.drain)
        [error] = errors(server.timerFired(self.shared.drain))
        self.assertIsInstance(error, FramingError)


class ClientTests(SynchronousTestCase):
    def test_wrongServer(self) -> None:
        """
        The client ends at once.
        """
        client = darkStarClient()
        client.start(0.0)
        self.assertEqual(client.receive(bytes(63), 0.0), [])
        [error] = errors(client.receive(bytes(1), 0.0))
        self.assertIsInstance(error, AuthenticationFailed)

    def test_replayedServer(self) -> None:
        """
        A response that was right for another connection.
        """
        server = darkStarServer()
        server.start(0.0)
        response = sent(server.receive(sent(darkStarClient(seed="one").start(0.0)), 0.0))
        client = darkStarClient(seed="other")
        client.start(0.0)
        [error] = errors(client.receive(response, 0.0))
        self.assertIsInstance(error, AuthenticationFailed)


class DrainTests(SynchronousTestCase):
    def test_drainOf(self) -> None:
        """
        A server's own, and always the same.
        """
        self.assertEqual(drainOf(SERVER_PRIVATE), drainOf(SERVER_PRIVATE))
        self.assertNotEqual(drainOf(SERVER_PRIVATE), drainOf(CLIENT_PRIVATE))
        for number in range(100):
            seconds = drainOf(bytes([number]))
            self.assertTrue(seconds > limits.SILENT_HANDSHAKE)
            self.assertTrue(seconds <= limits.SILENT_HANDSHAKE + limits.SILENT_SPREAD)
