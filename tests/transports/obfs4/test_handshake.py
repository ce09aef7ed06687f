"""
The handshake messages: made, found and refused.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto.seal import Seal
from pyptwist.errors import AuthenticationFailed, HandshakeFailed, ReplayDetected
from pyptwist.testing import fixedEntropy
from pyptwist.transports.obfs4.handshake import (
    ClientHandshake,
    ServerHandshake,
    ServerIdentity,
    ServerKeys,
    SessionKeys,
)
from tests.transports.obfs4.pairs import IDENTITY, KEYS, NODE_ID, PRIVATE_KEY, PUBLIC_KEY, SEED

HOUR = 382991
SEAL = Seal(PUBLIC_KEY + NODE_ID)


def never(mac: bytes) -> bool:
    return False


def most(count: int) -> bytes:
    return b"\xff" * count


def client(seed: str = "client") -> ClientHandshake:
    return ClientHandshake(IDENTITY, fixedEntropy(seed))


def server(seed: str = "server") -> ServerHandshake:
    return ServerHandshake(KEYS, fixedEntropy(seed))


def representative() -> bytes:
    return client().request(HOUR)[:32]


def accepted(request: bytes, hour: int = HOUR) -> tuple[SessionKeys, bytes]:
    result = server().accept(bytearray(request), hour, never)
    assert result is not None
    return result


class RequestTests(SynchronousTestCase):
    """
    From the client's message to the server's answer.
    """

    def accept(self, request: bytes, hour: int = HOUR) -> tuple[SessionKeys, bytes] | None:
        return server().accept(bytearray(request), hour, never)

    def test_lengths(self) -> None:
        """
        The shortest and the longest message.
        """
        self.assertEqual(len(ClientHandshake(IDENTITY, bytes).request(HOUR)), 141)
        self.assertEqual(len(ClientHandshake(IDENTITY, most).request(HOUR)), 8192)
        for entropy, length in ((bytes, 96), (most, 8147)):
            request = client().request(HOUR)
            result = ServerHandshake(KEYS, entropy).accept(bytearray(request), HOUR, never)
            assert result is not None
            self.assertEqual(len(result[1]), length)

    def test_extremes(self) -> None:
        """
        The shortest and the longest are understood.
        """
        for entropy in (bytes, most):
            self.assertTrue(self.accept(ClientHandshake(IDENTITY, entropy).request(HOUR)))

    def test_pieces(self) -> None:
        """
        The server waits for the last byte.
        """
        request = ClientHandshake(IDENTITY, bytes).request(HOUR)
        handshake = server()
        for end in range(len(request)):
            self.assertIs(handshake.accept(bytearray(request[:end]), HOUR, never), None)
        self.assertTrue(handshake.accept(bytearray(request), HOUR, never))

    def test_trailing(self) -> None:
        """
        Bytes behind the end hide it, and too many are refused.
        """
        request = client().request(HOUR)
        self.assertIs(self.accept(request + b"x"), None)
        self.assertIs(self.accept((request + bytes(8192))[:8191]), None)
        self.assertRaises(HandshakeFailed, self.accept, (request + bytes(8192))[:8192])
        tooLong = SEAL.close(representative(), bytes(8129), b"%d" % HOUR)
        self.assertEqual(len(tooLong), 8193)
        self.assertRaises(HandshakeFailed, self.accept, tooLong)

    def test_tooShort(self) -> None:
        """
        With less padding than any client has, a message is none.
        """
        hour = b"%d" % HOUR
        self.assertTrue(self.accept(SEAL.close(representative(), bytes(77), hour)))
        self.assertIs(self.accept(SEAL.close(representative(), bytes(76), hour)), None)

    def test_hours(self) -> None:
        """
        A clock may be wrong by an hour, and no more.
        """
        request = client().request(HOUR)
        for skew in (-1, 0, 1):
            self.assertTrue(self.accept(request, HOUR + skew))
        for skew in (-2, 2, 1000):
            self.assertRaises(AuthenticationFailed, self.accept, request, HOUR + skew)

    def test_sameWork(self) -> None:
        """
        Which of the hours matches cannot be told from the work done.
        """
        counts = set()
        tags: list[bytes] = []
        original = Seal.tag

        def tag(seal: Seal, data: bytes) -> bytes:
            tags.append(data)
            return original(seal, data)

        self.patch(Seal, "tag", tag)
        request = client().request(HOUR)
        for skew in (-1, 0, 1):
            tags.clear()
            self.accept(request, HOUR + skew)
            counts.add(len(tags))
        # Mark and three MACs of theirs, mark and MAC of ours.
        self.assertEqual(counts, {6})

    def test_tampered(self) -> None:
        """
        Whatever is changed, there is no answer.
        """
        request = ClientHandshake(IDENTITY, bytes).request(HOUR)
        marked = {*range(32), *range(109, 125)}
        for at in range(len(request)):
            bad = bytearray(request)
            bad[at] ^= 1
            if at in marked:
                self.assertIs(self.accept(bytes(bad)), None)
            else:
                self.assertRaises(AuthenticationFailed, self.accept, bytes(bad))

    def test_otherServer(self) -> None:
        """
        A client of another server has no mark here.
        """
        for identity in (
            ServerIdentity(bytes(20), PUBLIC_KEY),
            ServerIdentity(NODE_ID, bytes(range(32))),
        ):
            request = ClientHandshake(identity, bytes).request(HOUR)
            self.assertIs(self.accept(request), None)

    def test_replay(self) -> None:
        """
        A MAC that was seen is refused, and only good MACs are shown.
        """
        request = client().request(HOUR)
        seen: list[bytes] = []

        def isReplay(mac: bytes) -> bool:
            seen.append(mac)
            return True

        self.assertRaises(ReplayDetected, server().accept, bytearray(request), HOUR, isReplay)
        self.assertEqual(seen, [request[-16:]])
        seen.clear()
        self.assertRaises(
            AuthenticationFailed, server().accept, bytearray(request), HOUR + 2, isReplay
        )
        self.assertEqual(seen, [])

    def test_lowOrder(self) -> None:
        """
        A key of low order is refused.
        """
        request = SEAL.close(bytes(32), bytes(100), b"%d" % HOUR)
        self.assertRaises(HandshakeFailed, self.accept, request)


class ResponseTests(SynchronousTestCase):
    """
    From the server's answer to keys.
    """

    def test_sameKeys(self) -> None:
        """
        Both sides have the same keys, and the answer's end is known.
        """
        handshake = client()
        keys, response = accepted(handshake.request(HOUR))
        finished = handshake.finish(bytearray(response + b"frames"))
        self.assertEqual(finished, (keys, len(response)))
        self.assertEqual(len(keys.toServer), 72)
        self.assertEqual(len(keys.toClient), 72)
        self.assertNotEqual(keys.toServer, keys.toClient)

    def test_fresh(self) -> None:
        """
        Other randomness, other keys.
        """
        request = client().request(HOUR)
        one = server("1").accept(bytearray(request), HOUR, never)
        two = server("2").accept(bytearray(request), HOUR, never)
        assert one is not None and two is not None
        self.assertNotEqual(one[0], two[0])

    def test_clientsHour(self) -> None:
        """
        The answer bears the client's hour, not the server's.
        """
        for skew in (-1, 1):
            handshake = client()
            _, response = accepted(handshake.request(HOUR), HOUR + skew)
            self.assertTrue(handshake.finish(bytearray(response)))

    def test_pieces(self) -> None:
        """
        The client finds the end wherever the pieces end.
        """
        for entropy in (bytes, most):
            handshake = client()
            result = ServerHandshake(KEYS, entropy).accept(
                bytearray(handshake.request(HOUR)), HOUR, never
            )
            assert result is not None
            buffer = bytearray()
            for byte in result[1][:-1]:
                buffer.append(byte)
                self.assertIs(handshake.finish(buffer), None)
            buffer += result[1][-1:] + b"more"
            self.assertEqual(handshake.finish(buffer), (result[0], len(result[1])))

    def test_tampered(self) -> None:
        """
        Whatever is changed, there are no keys.
        """
        made = client()
        request = made.request(HOUR)
        result = ServerHandshake(KEYS, bytes).accept(bytearray(request), HOUR, never)
        assert result is not None
        response = result[1]
        for at in range(len(response)):
            bad = bytearray(response)
            bad[at] ^= 1
            handshake = client()
            handshake.request(HOUR)
            try:
                self.assertIs(handshake.finish(bad), None, at)
            except AuthenticationFailed:
                self.assertIn(at, {*range(32, 64), *range(80, 96)})

    def test_impostor(self) -> None:
        """
        Who knows a bridge line, but not the server's private key, is found out.
        """
        keys = ServerKeys(NODE_ID, PRIVATE_KEY[::-1], PUBLIC_KEY, SEED)
        handshake = client()
        result = ServerHandshake(keys, fixedEntropy("impostor")).accept(
            bytearray(handshake.request(HOUR)), HOUR, never
        )
        assert result is not None
        self.assertRaises(AuthenticationFailed, handshake.finish, bytearray(result[1]))

    def test_lowOrder(self) -> None:
        """
        So is one with a key of low order.
        """
        handshake = client()
        handshake.request(HOUR)
        response = SEAL.close(bytes(32), bytes(32), b"%d" % HOUR)
        self.assertRaises(HandshakeFailed, handshake.finish, bytearray(response))

    def test_tooLong(self) -> None:
        """
        A message whose end does not come within 8192 bytes is none.
        """
        garbage = fixedEntropy("garbage")(8192)
        handshake = client()
        handshake.request(HOUR)
        self.assertIs(handshake.finish(bytearray(garbage[:8191])), None)
        self.assertRaises(HandshakeFailed, handshake.finish, bytearray(garbage))
        # The mark is there, and the MAC behind it is not.
        for end in (8177, 8192, 8193):
            late = bytearray(garbage[:32] + bytes(end - 48) + SEAL.tag(garbage[:32]) + garbage)
            handshake = client()
            handshake.request(HOUR)
            self.assertRaises(HandshakeFailed, handshake.finish, late)
