"""
The first message each way (obfs4-spec.txt section 4).

::

    client  X' 32 | padding 77..8128 | mark 16 | MAC 16
    server  Y' 32 | AUTH 32 | padding 0..8051 | mark 16 | MAC 16 | seed frame 45

X' and Y' are representatives (``pyptwist.crypto.elligator2``).  Marks and MACs
are the first halves of HMAC-SHA256 keyed with the server's identity key and
node id, so that who does not know these can neither make nor find them::

    mark = HMAC(representative)
    MAC  = HMAC(all before the MAC | E)

E is the client's count of hours since 1970, as decimal digits.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pyptwist.crypto import elligator2, ntor
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.seal import TAG_LENGTH, Seal, SealSearch, hoursAround
from pyptwist.errors import AuthenticationFailed, HandshakeFailed, ReplayDetected
from pyptwist.transports.obfs4.framing import KEYS_LENGTH

#: Bytes of the longest message, the server's seed frame included.
MAXIMUM_HANDSHAKE: Final = 8192

_KEY: Final = elligator2.LENGTH
_SEED_FRAME: Final = 45

_SERVER_MINIMUM: Final = _KEY + ntor.AUTH_LENGTH + 2 * TAG_LENGTH
_SERVER_PADDING: Final = MAXIMUM_HANDSHAKE - _SERVER_MINIMUM - _SEED_FRAME
_CLIENT_MINIMUM: Final = _KEY + 2 * TAG_LENGTH
_CLIENT_MAXIMUM_PADDING: Final = MAXIMUM_HANDSHAKE - _CLIENT_MINIMUM
# So that the shortest messages are of one length.  (The spec writes 85, but its
# own formula gives this, and so do all implementations.)
_CLIENT_MINIMUM_PADDING: Final = _SERVER_MINIMUM + _SEED_FRAME - _CLIENT_MINIMUM


@dataclass(frozen=True)
class ServerIdentity:
    """
    What a client knows about a server: its bridge line's ``cert``.

    :ivar nodeId: 20 bytes.
    :ivar publicKey: the X25519 identity key, 32 bytes.
    """

    nodeId: bytes
    publicKey: bytes


@dataclass(frozen=True)
class ServerKeys:
    """
    What makes up a server, kept as long as its bridge lines are.

    :ivar nodeId: 20 bytes.
    :ivar privateKey: the X25519 identity key, 32 bytes.
    :ivar publicKey: what belongs to it, 32 bytes.
    :ivar seed: of the distribution tables and the close delay, 24 bytes.
    """

    nodeId: bytes
    privateKey: bytes
    publicKey: bytes
    seed: bytes

    def __repr__(self) -> str:
        return "<ServerKeys>"


@dataclass(frozen=True)
class SessionKeys:
    """
    What a handshake results in.

    :ivar toServer: keys for frames from the client, 72 bytes.
    :ivar toClient: keys for frames from the server, 72 bytes.
    """

    toServer: bytes
    toClient: bytes

    def __repr__(self) -> str:
        return "<SessionKeys>"


class ClientHandshake:
    """
    The client's half.  Keys are made at once, before anything is sent.
    """

    def __init__(self, identity: ServerIdentity, entropy: Entropy) -> None:
        self._identity = identity
        self._keys = elligator2.generate(entropy)
        self._entropy = entropy
        self._seal = Seal(identity.publicKey + identity.nodeId)
        self._hour = b""
        first = _SERVER_MINIMUM - 2 * TAG_LENGTH
        self._search = SealSearch(self._seal, _KEY, first, MAXIMUM_HANDSHAKE)

    def request(self, hour: int) -> bytes:
        """
        The client's message.

        :param hour: see ``pyptwist.crypto.seal.epochHour``.
        :returns: 141 to 8192 bytes.
        """
        self._hour = b"%d" % hour
        count = uniform(self._entropy, _CLIENT_MINIMUM_PADDING, _CLIENT_MAXIMUM_PADDING)
        return self._seal.close(self._keys.representative, self._entropy(count), self._hour)

    def finish(self, response: bytearray) -> tuple[SessionKeys, int] | None:
        """
        Look for the server's message.

        :param response: all that came so far; may go on behind the message.
        :returns: the keys, and how many bytes the message has; None if more
            has to come.
        :raises HandshakeFailed: no obfs4 server would say this.
        :raises AuthenticationFailed: not this server, or not its clock's hour.
        """
        end = self._search.end(response)
        if end is None:
            return None
        if not self._seal.isClosed(response[:end], (self._hour,)):
            raise AuthenticationFailed
        Y = elligator2.toPublicKey(bytes(response[:_KEY]))
        agreement = ntor.client(self._keys, Y, self._identity.publicKey, self._identity.nodeId)
        if not hmac.compare_digest(agreement.auth, response[_KEY : _KEY + ntor.AUTH_LENGTH]):
            raise AuthenticationFailed
        return _sessionKeys(agreement), end


class ServerHandshake:
    """
    The server's half.  Keys are made at once, before anything is read.
    """

    def __init__(self, keys: ServerKeys, entropy: Entropy) -> None:
        self._identity = keys
        self._keys = elligator2.generate(entropy)
        self._entropy = entropy
        self._seal = Seal(keys.publicKey + keys.nodeId)
        self._mark = b""

    def accept(
        self, request: bytearray, hour: int, isReplay: Callable[[bytes], bool]
    ) -> tuple[SessionKeys, bytes] | None:
        """
        Look for the client's message.

        :param request: all that came so far.
        :param hour: see ``pyptwist.crypto.seal.epochHour``.  The hours before and
            after do as well.
        :param isReplay: was this MAC seen before?  Asked only about good ones.
        :returns: the keys, and the server's message of 96 to 8147 bytes; None
            if more has to come.
        :raises HandshakeFailed: no client that knows this server would say
            this.
        :raises ReplayDetected: one said it before.
        """
        if not self._isComplete(request):
            if len(request) >= MAXIMUM_HANDSHAKE:
                raise HandshakeFailed
            return None
        matched = self._seal.isClosed(request, hoursAround(hour))
        if not matched:
            raise AuthenticationFailed
        if isReplay(bytes(request[-TAG_LENGTH:])):
            raise ReplayDetected
        X = elligator2.toPublicKey(bytes(request[:_KEY]))
        identity = self._identity
        agreement = ntor.server(
            self._keys, X, identity.privateKey, identity.publicKey, identity.nodeId
        )
        return _sessionKeys(agreement), self._response(agreement.auth, matched)

    def _response(self, auth: bytes, hour: bytes) -> bytes:
        padding = self._entropy(uniform(self._entropy, 0, _SERVER_PADDING))
        return self._seal.close(self._keys.representative, auth + padding, hour)

    def _isComplete(self, request: bytearray) -> bool:
        # The mark counts at the very end only: a client has no keys yet, so
        # nothing can follow it.
        if not _CLIENT_MINIMUM + _CLIENT_MINIMUM_PADDING <= len(request) <= MAXIMUM_HANDSHAKE:
            return False
        self._mark = self._mark or self._seal.tag(request[:_KEY])
        return hmac.compare_digest(self._mark, request[-2 * TAG_LENGTH : -TAG_LENGTH])


def _sessionKeys(agreement: ntor.Agreement) -> SessionKeys:
    # The spec has the two halves the other way round.
    keys = ntor.expand(agreement.keySeed, 2 * KEYS_LENGTH)
    return SessionKeys(toServer=keys[:KEYS_LENGTH], toClient=keys[KEYS_LENGTH:])
