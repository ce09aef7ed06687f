"""
The first message each way (scramblesuit-spec.txt section 2).

::

    client  X 192 | padding 0..1308 | mark 16 | MAC 16
    server  Y 192 | padding 0..1308 | mark 16 | MAC 16

or, for a client that has a ticket of the server's, one message without an answer::

    client  ticket 112 | padding 0..1388 | mark 16 | MAC 16

X and Y are public keys of ``pyptwist.crypto.uniformdh``; marks and MACs are those
of ``pyptwist.crypto.seal``.  Their key is the server's password, or the key with
which the owner of the ticket authenticates what it sends.  The server answers
with the hour that the client named: obfs4proxy's client wants its own back,
although the spec leaves this open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from pyptwist.crypto import uniformdh
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.seal import TAG_LENGTH, Seal, SealSearch, hoursAround
from pyptwist.errors import AuthenticationFailed, ReplayDetected
from pyptwist.transports.scramblesuit.framing import TICKET_LENGTH, DirectionKeys

#: Bytes of a server's password.
PASSWORD_LENGTH: Final = 20
#: Bytes of the longest message.
MAXIMUM_HANDSHAKE: Final = 1532

_UNIFORMDH_PADDING: Final = MAXIMUM_HANDSHAKE - uniformdh.LENGTH - 2 * TAG_LENGTH
_TICKET_PADDING: Final = MAXIMUM_HANDSHAKE - TICKET_LENGTH - 2 * TAG_LENGTH


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """
    What a handshake results in.
    """

    toServer: DirectionKeys
    toClient: DirectionKeys


@dataclass(frozen=True, slots=True)
class Ticket:
    """
    What a server gave for next time.

    :ivar masterKey: 32 bytes.
    :ivar ticket: 112 bytes.
    :ivar came: when a client got it, in seconds since 1970.
    """

    masterKey: bytes
    ticket: bytes
    came: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        return "<Ticket>"


def sessionKeys(masterKey: bytes) -> SessionKeys:
    """
    :param masterKey: 32 bytes.
    """
    # The spec's table is the client's view.
    okm = HKDFExpand(SHA256(), 144, info=b"").derive(masterKey)
    return SessionKeys(
        toServer=DirectionKeys(okm[:32], okm[32:40], okm[80:112]),
        toClient=DirectionKeys(okm[40:72], okm[72:80], okm[112:144]),
    )


def ticketRequest(ticket: Ticket, hour: int, entropy: Entropy) -> tuple[SessionKeys, bytes]:
    """
    The message of a client that has a ticket.

    :param hour: see ``pyptwist.crypto.seal.epochHour``.
    :returns: the keys, and 144 to 1532 bytes.
    """
    keys = sessionKeys(ticket.masterKey)
    padding = entropy(uniform(entropy, 0, _TICKET_PADDING))
    return keys, Seal(keys.toServer.mac).close(ticket.ticket, padding, b"%d" % hour)


class _UniformDH:
    """
    What both sides do with a password.
    """

    def __init__(self, password: bytes, entropy: Entropy) -> None:
        self._seal = Seal(password)
        self._entropy = entropy

    def _search(self) -> SealSearch:
        length = uniformdh.LENGTH
        return SealSearch(self._seal, length, length, MAXIMUM_HANDSHAKE)

    def _message(self, public: bytes, hour: bytes) -> bytes:
        padding = self._entropy(uniform(self._entropy, 0, _UNIFORMDH_PADDING))
        return self._seal.close(public, padding, hour)


def _agreed(keys: uniformdh.KeyPair, message: bytearray) -> SessionKeys:
    secret = keys.exchange(bytes(message[: uniformdh.LENGTH]))
    return sessionKeys(sha256(secret).digest())


class ClientHandshake(_UniformDH):
    """
    The client's half of UniformDH.  Keys are made at once, before anything is
    sent.
    """

    def __init__(self, password: bytes, entropy: Entropy) -> None:
        """
        :param password: the server's, 20 bytes.
        """
        super().__init__(password, entropy)
        self._keys = uniformdh.generate(entropy)
        self._answer = self._search()
        self._hour = b""

    def request(self, hour: int) -> bytes:
        """
        The client's message.

        :param hour: see ``pyptwist.crypto.seal.epochHour``.
        :returns: 224 to 1532 bytes.
        """
        self._hour = b"%d" % hour
        return self._message(self._keys.public, self._hour)

    def finish(self, answer: bytearray) -> tuple[SessionKeys, int] | None:
        """
        Look for the server's message.

        :param answer: all that came so far; may go on behind the message.
        :returns: the keys, and how many bytes the message has; None if more
            has to come.
        :raises HandshakeFailed: no server with this password would say this.
        """
        end = self._answer.end(answer)
        if end is None:
            return None
        if not self._seal.isClosed(answer[:end], (self._hour,)):
            raise AuthenticationFailed
        return _agreed(self._keys, answer), end


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    What a server makes of a good message.

    :ivar length: bytes of the message.
    :ivar answer: the server's own message, or nothing behind a ticket.
    """

    keys: SessionKeys
    length: int
    answer: bytes


class ServerHandshake(_UniformDH):
    """
    The server's half, of both kinds.
    """

    def __init__(
        self,
        password: bytes,
        redeem: Callable[[bytes], bytes | None],
        keyPair: Callable[[], uniformdh.KeyPair],
        entropy: Entropy,
    ) -> None:
        """
        :param password: 20 bytes.
        :param redeem: gives the master key of a ticket, if it is a good one.
        :param keyPair: gives an ephemeral one.
        """
        super().__init__(password, entropy)
        self._redeem = redeem
        self._keyPair = keyPair
        self._request: SealSearch | None = None
        self._ticketKeys: SessionKeys | None = None

    def accept(
        self,
        request: bytearray,
        hour: int,
        isReplay: Callable[[bytes], bool],
        isSpent: Callable[[bytes], bool],
    ) -> Accepted | None:
        """
        Look for the client's message.

        :param request: all that came so far; may go on behind the message.
        :param hour: see ``pyptwist.crypto.seal.epochHour``.  The hours before and
            after do as well.
        :param isReplay: was this MAC seen before?  Asked only about good ones.
        :param isSpent: was this ticket?  Likewise.
        :returns: None if more has to come.
        :raises HandshakeFailed: no client that knows this server would say
            this.
        :raises ReplayDetected: one said it before.
        """
        if len(request) < TICKET_LENGTH:
            return None
        self._request = self._request or self._begin(bytes(request[:TICKET_LENGTH]))
        end = self._request.end(request)
        if end is None:
            return None
        message = request[:end]
        matched = self._seal.isClosed(message, hoursAround(hour))
        if not matched:
            raise AuthenticationFailed
        if isReplay(bytes(message[-TAG_LENGTH:])):
            raise ReplayDetected
        if self._ticketKeys is None:
            keys = self._keyPair()
            return Accepted(_agreed(keys, message), end, self._message(keys.public, matched))
        # One ticket makes one stream of the cipher, good for one connection.
        if isSpent(bytes(message[:TICKET_LENGTH])):
            raise ReplayDetected
        return Accepted(self._ticketKeys, end, b"")

    def _begin(self, ticket: bytes) -> SealSearch:
        """
        Find out what kind of message it is going to be.
        """
        masterKey = self._redeem(ticket)
        if masterKey is None:
            return self._search()
        self._ticketKeys = sessionKeys(masterKey)
        self._seal = Seal(self._ticketKeys.toServer.mac)
        return SealSearch(self._seal, TICKET_LENGTH, TICKET_LENGTH, MAXIMUM_HANDSHAKE)
