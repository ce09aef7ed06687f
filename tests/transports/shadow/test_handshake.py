"""
Tests for ``pyptwist.transports.shadow.handshake``.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import AuthenticationFailed, HandshakeFailed, ReplayDetected
from pyptwist.transports.shadow.handshake import (
    MESSAGE_LENGTH,
    ClientHandshake,
    ServerHandshake,
    ServerIdentity,
)
from pyptwist.transports.shadow.keys import PrivateKey, PublicKey
from tests.transports.shadow.vectors import (
    CC_COMPACT,
    CC_KEYCHAIN,
    CLIENT_PRIVATE,
    CLIENT_X,
    EPHEMERAL_PRIVATE,
    EPHEMERAL_X,
    SC_KEYCHAIN,
    SERVER_ID,
    SERVER_PRIVATE,
    TO_CLIENT,
    TO_SERVER,
    publicKey,
)

#: What is no x of a point.
NO_POINT = b"\xff" * 32


def client(isCompact: bool = False, key: PublicKey | None = None) -> ClientHandshake:
    identity = ServerIdentity(key or publicKey(), SERVER_ID, isCompact)
    return ClientHandshake(identity, PrivateKey(CLIENT_PRIVATE))


def server(
    place: bytes = SERVER_ID, isReplay: Callable[[bytes], bool] = lambda key: False
) -> ServerHandshake:
    return ServerHandshake(
        PrivateKey(SERVER_PRIVATE), place, lambda: PrivateKey(EPHEMERAL_PRIVATE), isReplay
    )


class VectorTests(SynchronousTestCase):
    def test_requests(self) -> None:
        self.assertEqual(client().request, CLIENT_X + CC_KEYCHAIN)
        self.assertEqual(client(isCompact=True).request, CLIENT_X + CC_COMPACT)

    def test_server(self) -> None:
        keys, response = server().accept(CLIENT_X + CC_KEYCHAIN)
        self.assertEqual(response, EPHEMERAL_X + SC_KEYCHAIN)
        self.assertEqual((keys.toServer, keys.toClient), (TO_SERVER, TO_CLIENT))

    def test_client(self) -> None:
        keys = client().finish(EPHEMERAL_X + SC_KEYCHAIN)
        self.assertEqual((keys.toServer, keys.toClient), (TO_SERVER, TO_CLIENT))

    def test_mixed(self) -> None:
        """
        go-shadowsocks2 from 1.2.2 on expects the one form, and sends the other.
        """
        keys = client(isCompact=True).finish(EPHEMERAL_X + SC_KEYCHAIN)
        self.assertEqual((keys.toServer, keys.toClient), (TO_SERVER, TO_CLIENT))

    def test_compact(self) -> None:
        """
        Whoever uses it is answered in it.
        """
        _, response = server().accept(CLIENT_X + CC_COMPACT)
        self.assertEqual(response[:32], EPHEMERAL_X)
        self.assertNotEqual(response[32:], SC_KEYCHAIN)
        self.assertEqual(client(isCompact=True).finish(response).toServer, TO_SERVER)
        self.assertEqual(client().finish(response).toServer, TO_SERVER)

    def test_oldKey(self) -> None:
        """
        Who knows the x alone can do the compact form alone.
        """
        old = client(key=PublicKey.ofX(publicKey().x))
        self.assertEqual(old.request, CLIENT_X + CC_COMPACT)
        _, response = server().accept(old.request)
        self.assertEqual(old.finish(response).toClient, TO_CLIENT)
        with self.assertRaises(AuthenticationFailed):
            old.finish(EPHEMERAL_X + SC_KEYCHAIN)


class RefusalTests(SynchronousTestCase):
    def test_everyBit(self) -> None:
        """
        Of a request, and of a response.
        """
        for at in range(MESSAGE_LENGTH):
            request = bytearray(CLIENT_X + CC_KEYCHAIN)
            request[at] ^= 1 << at % 8
            with self.assertRaises(HandshakeFailed):
                server().accept(bytes(request))
        for at in range(32, MESSAGE_LENGTH):
            response = bytearray(EPHEMERAL_X + SC_KEYCHAIN)
            response[at] ^= 1 << at % 8
            with self.assertRaises(AuthenticationFailed):
                client().finish(bytes(response))

    def test_elsewhere(self) -> None:
        """
        A client of a server at another address, or port.
        """
        for place in ("7f00000104d3", "7f00000204d2"):
            with self.assertRaises(AuthenticationFailed):
                server(bytes.fromhex(place)).accept(CLIENT_X + CC_KEYCHAIN)

    def test_noPoint(self) -> None:
        with self.assertRaises(HandshakeFailed):
            server().accept(NO_POINT + CC_KEYCHAIN)
        with self.assertRaises(HandshakeFailed):
            client().finish(NO_POINT + SC_KEYCHAIN)

    def test_replay(self) -> None:
        """
        Only keys of those who know the server's are remembered.
        """
        seen: list[bytes] = []

        def isReplay(key: bytes) -> bool:
            seen.append(key)
            return len(seen) > 1

        with self.assertRaises(AuthenticationFailed):
            server(isReplay=isReplay).accept(CLIENT_X + bytes(32))
        self.assertEqual(seen, [])
        server(isReplay=isReplay).accept(CLIENT_X + CC_KEYCHAIN)
        with self.assertRaises(ReplayDetected):
            server(isReplay=isReplay).accept(CLIENT_X + CC_COMPACT)
        self.assertEqual(seen, [CLIENT_X, CLIENT_X])
