"""
DarkStar's first message each way.

::

    client  e_c 32 | CC 32
    server  e_s 32 | SC 32

e_c and e_s are ephemeral public keys, of which the wire has the x; S is the server's
key, which its clients know beforehand::

    CC = SHA256(ecdh(e_c, S) | id | S | e_c | "DarkStar" | "client")
    SC = SHA256(ecdh(e_c, S) | id | S | e_c | "DarkStar" | "server")

    to server = SHA256(ecdh(e_c, e_s) | ecdh(e_c, S) | id | e_c | e_s | "DarkStar" | "server")
    to client = SHA256(ecdh(e_c, e_s) | ecdh(e_c, S) | id | e_c | e_s | "DarkStar" | "client")

id is where the server is, see ``serverId``.  S stands in CC and SC in one of two
forms, about which the implementations that there are disagree: go-shadowsocks2 1.2.0
and 1.2.1 have all 66 bytes of the keychain form; from 1.2.2 on, its client sends and
expects that, and its server expects the 32 bytes of the compact form and sends the
other; ShadowSwift has the compact form.  Here a server takes either, and answers in
the client's; a client sends the one that it is told to, and takes either.  Untold it
sends the compact one, which all servers take but those of 1.2.0 and 1.2.1.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pyptwist.errors import AuthenticationFailed, HandshakeFailed, ReplayDetected
from pyptwist.transports.shadow.keys import LENGTH, PrivateKey, PublicKey

#: Bytes of a message.
MESSAGE_LENGTH: Final = 2 * LENGTH

_NAME: Final = b"DarkStar"
_CLIENT: Final = b"client"
_SERVER: Final = b"server"


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """
    What the handshake results in: a key of 32 bytes for each direction.
    """

    toServer: bytes
    toClient: bytes


@dataclass(frozen=True, repr=False)
class ServerIdentity:
    """
    What a client knows about a server.

    :ivar key: its public key.
    :ivar place: see ``serverId``, 6 bytes.
    :ivar isCompact: is the compact form of the key to be in the confirmation?
    """

    key: PublicKey
    place: bytes
    isCompact: bool = False

    @property
    def form(self) -> bytes:
        """
        The key as the client's confirmation has it.
        """
        return self.key.x if self.isCompact or self.key.keychain is None else self.key.keychain

    @property
    def forms(self) -> list[bytes]:
        """
        The key as a confirmation may have it.
        """
        return _forms(self.key)


class ClientHandshake:
    """
    The side that begins.

    Make it before connecting, so that nobody can measure how long its keys took.

    :ivar request: the first message, 64 bytes.
    """

    def __init__(self, server: ServerIdentity, ephemeral: PrivateKey) -> None:
        """
        :param ephemeral: used here and nowhere else.
        """
        self._server = server
        self._ephemeral = ephemeral
        self._static = ephemeral.shared(server.key)
        ours = ephemeral.public.x
        confirmation = _confirmation(self._static, server.place, server.form, ours, _CLIENT)
        self.request = ours + confirmation

    def finish(self, response: bytes) -> SessionKeys:
        """
        :param response: 64 bytes.
        :raises AuthenticationFailed: it is not the server's.
        """
        static, place = self._static, self._server.place
        ours, theirs = self._ephemeral.public.x, response[:LENGTH]
        forms = self._server.forms
        confirmations = [_confirmation(static, place, form, ours, _SERVER) for form in forms]
        if _which(response[LENGTH:], confirmations) is None:
            raise AuthenticationFailed
        shared = self._ephemeral.shared(_point(theirs))
        return _sessionKeys(shared, static, place, ours, theirs)


class ServerHandshake:
    """
    The side that is connected to.
    """

    def __init__(
        self,
        key: PrivateKey,
        place: bytes,
        ephemeral: Callable[[], PrivateKey],
        isReplay: Callable[[bytes], bool],
    ) -> None:
        """
        :param key: the server's.
        :param place: see ``serverId``, 6 bytes.
        :param ephemeral: makes a key, for a client that proved to be one.
        :param isReplay: was this ephemeral key of a client, 32 bytes, there before?
            From now on it was.
        """
        self._key = key
        self._place = place
        self._ephemeral = ephemeral
        self._isReplay = isReplay

    def accept(self, request: bytes) -> tuple[SessionKeys, bytes]:
        """
        :param request: 64 bytes.
        :returns: the keys, and the response, 64 bytes.
        :raises HandshakeFailed: this is no client of ours.
        """
        theirs, place = request[:LENGTH], self._place
        point = _point(theirs)
        static = self._key.shared(point)
        forms = _forms(self._key.public)
        confirmations = [_confirmation(static, place, form, theirs, _CLIENT) for form in forms]
        which = _which(request[LENGTH:], confirmations)
        if which is None:
            raise AuthenticationFailed
        # Behind the proof: nobody else can make us forget.
        if self._isReplay(theirs):
            raise ReplayDetected
        ephemeral = self._ephemeral()
        ours = ephemeral.public.x
        keys = _sessionKeys(ephemeral.shared(point), static, place, theirs, ours)
        return keys, ours + _confirmation(static, place, forms[which], theirs, _SERVER)


def _forms(key: PublicKey) -> list[bytes]:
    return [key.x] if key.keychain is None else [key.keychain, key.x]


def _point(x: bytes) -> PublicKey:
    try:
        return PublicKey.ofX(x)
    except ValueError:
        raise HandshakeFailed("the peer's key is no point of the curve") from None


def _confirmation(shared: bytes, place: bytes, key: bytes, ephemeral: bytes, role: bytes) -> bytes:
    return sha256(shared + place + key + ephemeral + _NAME + role).digest()


def _which(confirmation: bytes, expected: list[bytes]) -> int | None:
    """
    :returns: the index of the one that is right.
    """
    # Each is tried, so that time does not tell which.
    right = [hmac.compare_digest(confirmation, each) for each in expected]
    return right.index(True) if any(right) else None


def _sessionKeys(
    shared: bytes, static: bytes, place: bytes, client: bytes, server: bytes
) -> SessionKeys:
    common = shared + static + place + client + server + _NAME
    # The label names who receives.
    return SessionKeys(sha256(common + _SERVER).digest(), sha256(common + _CLIENT).digest())
