"""
The handshake messages: made, found and refused.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto import uniformdh
from pyptwist.crypto.seal import Seal
from pyptwist.errors import AuthenticationFailed, HandshakeFailed, ReplayDetected
from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.handshake import (
    Accepted,
    ClientHandshake,
    ServerHandshake,
    Ticket,
    sessionKeys,
    ticketRequest,
)
from tests.transports.scramblesuit.pairs import MASTER_KEY, PASSWORD

HOUR = 382991
OKM = (
    "c305938004fed4f81ad948ae03865096e410a3ada60ca152ca541cbff205611aacb43e8d184c6fde32437844"
    "ecd5d6e111e4f4ba9337bf05e06b6d3296c5d904c88c79b78b9f7c565aa8c4a1a523f50bade402d90e5b20a3"
    "1b1dd759f04e037737825338cf2672438947c4d28e21bb3a8ca17339c0153a221b5f24730f95495bb712ace6"
    "d0d0d26463b815215e2b34f9"
)
TICKET = Ticket(MASTER_KEY, bytes(range(112)))


def never(data: bytes) -> bool:
    return False


def always(data: bytes) -> bool:
    return True


def most(count: int) -> bytes:
    return b"\xff" * count


def keyPair() -> uniformdh.KeyPair:
    return uniformdh.generate(fixedEntropy("server's keys"))


def noTicket(ticket: bytes) -> bytes | None:
    return None


def client(password: bytes = PASSWORD) -> ClientHandshake:
    return ClientHandshake(password, fixedEntropy("client"))


def server() -> ServerHandshake:
    return ServerHandshake(PASSWORD, noTicket, keyPair, fixedEntropy("server"))


def redeeming() -> ServerHandshake:
    """
    :returns: a server that knows ``TICKET``.
    """
    known = {TICKET.ticket: TICKET.masterKey}
    return ServerHandshake(PASSWORD, known.get, keyPair, fixedEntropy("server"))


def accept(message: bytes, hour: int = HOUR) -> Accepted | None:
    return server().accept(bytearray(message), hour, never, never)


class KeysTests(SynchronousTestCase):
    """
    ``sessionKeys``
    """

    def test_rfc5869(self) -> None:
        """
        The expansion is RFC 5869's, of which this is test case 3.
        """
        prk = "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"
        okm = HKDFExpand(SHA256(), 42, info=b"").derive(bytes.fromhex(prk))
        self.assertEqual(
            okm.hex(),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        )

    def test_vector(self) -> None:
        """
        Which bytes are whose.
        """
        keys, okm = sessionKeys(MASTER_KEY), bytes.fromhex(OKM)
        there, back = keys.toServer, keys.toClient
        self.assertEqual((there.cipher, there.prefix), (okm[:32], okm[32:40]))
        self.assertEqual((back.cipher, back.prefix), (okm[40:72], okm[72:80]))
        self.assertEqual((there.mac, back.mac), (okm[80:112], okm[112:]))

    def test_hidden(self) -> None:
        """
        Keys and tickets do not get into a log.
        """
        self.assertNotIn(repr(MASTER_KEY)[2:10], repr(TICKET) + repr(sessionKeys(MASTER_KEY)))


class UniformDHTests(SynchronousTestCase):
    """
    The handshake with a password
    """

    def test_agreement(self) -> None:
        """
        Both sides have the same keys, and know where the messages end.
        """
        one = client()
        request = one.request(HOUR)
        accepted = accept(request + b"behind")
        assert accepted is not None
        self.assertEqual(accepted.length, len(request))
        finished = one.finish(bytearray(accepted.answer + b"behind"))
        self.assertEqual(finished, (accepted.keys, len(accepted.answer)))

    def test_lengths(self) -> None:
        """
        Both messages have 224 to 1532 bytes.
        """
        for entropy, length in ((bytes, 224), (most, 1532)):
            one = ClientHandshake(PASSWORD, lambda n: b"\x02" * n)
            one._entropy = entropy
            request = one.request(HOUR)
            self.assertEqual(len(request), length)
            other = ServerHandshake(PASSWORD, noTicket, keyPair, entropy)
            accepted = other.accept(bytearray(request), HOUR, never, never)
            assert accepted is not None
            self.assertEqual(len(accepted.answer), length)

    def test_hours(self) -> None:
        """
        A clock may be an hour off, and the answer names the client's hour.
        """
        for skew in (-1, 0, 1):
            one = client()
            accepted = accept(one.request(HOUR + skew))
            assert accepted is not None
            self.assertIsNot(one.finish(bytearray(accepted.answer)), None)
        for skew in (-2, 2):
            self.assertRaises(AuthenticationFailed, accept, client().request(HOUR + skew))

    def test_clientsHourOnly(self) -> None:
        """
        A client takes no other hour than its own.
        """
        one, other = client(), client()
        one.request(HOUR)
        accepted = accept(other.request(HOUR + 1))
        assert accepted is not None
        self.assertRaises(AuthenticationFailed, one.finish, bytearray(accepted.answer))

    def test_everyLength(self) -> None:
        """
        Nothing but the whole message will do.
        """
        request, one = client().request(HOUR), server()
        for end in range(len(request)):
            self.assertIs(one.accept(bytearray(request[:end]), HOUR, never, never), None)
        self.assertIsNot(one.accept(bytearray(request), HOUR, never, never), None)

    def test_tampered(self) -> None:
        """
        Whatever is changed, there is no answer.
        """
        one = ClientHandshake(PASSWORD, lambda n: b"\x02" * n)
        one._entropy = bytes
        request = one.request(HOUR)
        for at in range(len(request)):
            bad = bytearray(request)
            bad[at] ^= 1
            if at < 208:
                self.assertIs(accept(bytes(bad)), None)
                bad += bytes(1532)
                self.assertRaises(HandshakeFailed, accept, bytes(bad))
            else:
                self.assertRaises(AuthenticationFailed, accept, bytes(bad))

    def test_otherPassword(self) -> None:
        """
        A client with another password has no mark here.
        """
        request = client(PASSWORD[::-1]).request(HOUR)
        self.assertIs(accept(request), None)
        self.assertRaises(HandshakeFailed, accept, request + bytes(1532))

    def test_replay(self) -> None:
        """
        What was seen before is asked for last, and by its MAC.
        """
        request = client().request(HOUR)
        asked: list[bytes] = []

        def isReplay(mac: bytes) -> bool:
            asked.append(mac)
            return True

        self.assertRaises(
            ReplayDetected, server().accept, bytearray(request), HOUR, isReplay, never
        )
        self.assertEqual(asked, [request[-16:]])
        bad = request[:-1] + bytes([request[-1] ^ 1])
        self.assertRaises(
            AuthenticationFailed, server().accept, bytearray(bad), HOUR, isReplay, never
        )
        self.assertEqual(len(asked), 1)

    def test_worthlessKeys(self) -> None:
        """
        A client that knows the password, and sends no key worth the name.
        """
        p = uniformdh._P
        for value in (0, 1, p - 1, p, p + 1):
            public = value.to_bytes(192, "big")
            message = Seal(PASSWORD).close(public, b"", b"%d" % HOUR)
            self.assertRaises(HandshakeFailed, accept, message)

    def test_cheap(self) -> None:
        """
        Byte by byte: one look for a ticket, one mark, three MACs, one key pair.
        """
        redeemed: list[bytes] = []
        pairs: list[uniformdh.KeyPair] = []
        tags: list[bytes] = []
        real = Seal.tag

        def redeem(ticket: bytes) -> None:
            redeemed.append(ticket)

        def make() -> uniformdh.KeyPair:
            pairs.append(keyPair())
            return pairs[-1]

        def tag(seal: Seal, data: bytes | bytearray | memoryview) -> bytes:
            tags.append(bytes(data))
            return real(seal, data)

        request = client().request(HOUR)
        one = ServerHandshake(PASSWORD, redeem, make, fixedEntropy("server"))
        self.patch(Seal, "tag", tag)
        for end in range(len(request) + 1):
            self.assertEqual(pairs, [])
            one.accept(bytearray(request[:end]), HOUR, never, never)
        self.assertEqual(redeemed, [request[:112]])
        # Behind those of the request: mark and MAC of the answer.
        self.assertEqual((len(tags), len(pairs)), (6, 1))


class TicketTests(SynchronousTestCase):
    """
    The handshake with a ticket
    """

    def test_agreement(self) -> None:
        """
        The message says all, and there is no answer.
        """
        keys, request = ticketRequest(TICKET, HOUR, fixedEntropy("client"))
        accepted = redeeming().accept(bytearray(request + b"payload"), HOUR, never, never)
        self.assertEqual(accepted, Accepted(sessionKeys(MASTER_KEY), len(request), b""))
        self.assertEqual(keys, sessionKeys(MASTER_KEY))

    def test_seal(self) -> None:
        """
        Mark and MAC are the client's own key's for what it sends.
        """
        _, request = ticketRequest(TICKET, HOUR, bytes)
        seal = Seal(bytes.fromhex(OKM)[80:112])
        self.assertEqual(request, seal.close(TICKET.ticket, b"", b"%d" % HOUR))

    def test_lengths(self) -> None:
        """
        144 to 1532 bytes.
        """
        for entropy, length in ((bytes, 144), (most, 1532)):
            _, request = ticketRequest(TICKET, HOUR, entropy)
            self.assertEqual(len(request), length)
            accepted = redeeming().accept(bytearray(request), HOUR, never, never)
            assert accepted is not None
            self.assertEqual(accepted.length, length)

    def test_hours(self) -> None:
        """
        A clock may be an hour off.
        """
        for skew, isGood in ((-2, False), (-1, True), (1, True), (2, False)):
            _, request = ticketRequest(TICKET, HOUR + skew, bytes)
            if isGood:
                self.assertTrue(redeeming().accept(bytearray(request), HOUR, never, never))
            else:
                self.assertRaises(
                    AuthenticationFailed,
                    redeeming().accept,
                    bytearray(request),
                    HOUR,
                    never,
                    never,
                )

    def test_tampered(self) -> None:
        """
        Whatever is changed, it is not accepted.
        """
        _, request = ticketRequest(TICKET, HOUR, bytes)
        for at in range(len(request)):
            bad = bytearray(request)
            bad[at] ^= 1
            if at < 128:
                self.assertIs(redeeming().accept(bad, HOUR, never, never), None)
            else:
                self.assertRaises(
                    AuthenticationFailed, redeeming().accept, bad, HOUR, never, never
                )

    def test_unknown(self) -> None:
        """
        A ticket that the server does not know is no ticket.
        """
        _, request = ticketRequest(TICKET, HOUR, bytes)
        self.assertRaises(HandshakeFailed, accept, request + bytes(1532))

    def test_once(self) -> None:
        """
        Neither is the message good twice, nor the ticket in another message.
        """
        _, request = ticketRequest(TICKET, HOUR, bytes)
        for isReplay, isSpent in ((always, never), (never, always)):
            self.assertRaises(
                ReplayDetected, redeeming().accept, bytearray(request), HOUR, isReplay, isSpent
            )

    def test_notBurnt(self) -> None:
        """
        Who saw a ticket, and has not its key, cannot spend it.
        """
        asked: list[bytes] = []

        def note(data: bytes) -> bool:
            asked.append(data)
            return False

        _, request = ticketRequest(TICKET, HOUR, bytes)
        bad = bytearray(request)
        bad[-1] ^= 1
        self.assertRaises(AuthenticationFailed, redeeming().accept, bad, HOUR, note, note)
        self.assertEqual(asked, [])
