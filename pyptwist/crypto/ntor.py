"""
The ntor handshake: a fresh shared secret, and proof to the client that the
server owns the identity key it expected (I. Goldberg, D. Stebila, B. Ustaoglu,
"Anonymity and one-way authentication in key exchange protocols", 2013; the
variant of obfs4-spec.txt section 4, in which the server's key occurs twice).

Letters are the papers': B is the server's identity key, X the client's and Y
the server's ephemeral public key, all u-coordinates of 32 bytes; b, x and y are
the private halves.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import CryptoError

from pyptwist.crypto.elligator2 import KeyPair
from pyptwist.errors import HandshakeFailed

#: Bytes of a server's node id.
NODE_ID_LENGTH: Final = 20
#: Bytes of the server's proof.
AUTH_LENGTH: Final = 32

_PROTOCOL: Final = b"ntor-curve25519-sha256-1"
_EXTRACT: Final = _PROTOCOL + b":key_extract"
_VERIFY: Final = _PROTOCOL + b":key_verify"
_MAC: Final = _PROTOCOL + b":mac"
_EXPAND: Final = _PROTOCOL + b":key_expand"


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    What both sides have afterwards, if they talked to each other.

    :ivar keySeed: 32 secret bytes, for ``expand``.
    :ivar auth: the server's proof, 32 bytes.  A client compares it, in
        constant time, with what it received.
    """

    keySeed: bytes
    auth: bytes

    def __repr__(self) -> str:
        return "<Agreement>"


def client(keys: KeyPair, Y: bytes, B: bytes, nodeId: bytes) -> Agreement:
    """
    The client's computation.

    :param keys: x and X.
    :param Y: the server's ephemeral public key.
    :param B: the server's identity key, as known beforehand.
    :param nodeId: the server's node id, 20 bytes.
    :raises HandshakeFailed: if a key of the server's is a point of low order.
    """
    secrets = _multiply(keys.privateKey, Y) + _multiply(keys.privateKey, B)
    return _agree(secrets, B, keys.publicKey, Y, nodeId)


def server(keys: KeyPair, X: bytes, b: bytes, B: bytes, nodeId: bytes) -> Agreement:
    """
    The server's computation.

    :param keys: y and Y.
    :param X: the client's ephemeral public key.
    :param b: the private identity key.
    :param B: the public one.
    :param nodeId: the server's own node id, 20 bytes.
    :raises HandshakeFailed: if the client's key is a point of low order.
    """
    secrets = _multiply(keys.privateKey, X) + _multiply(b, X)
    return _agree(secrets, B, X, keys.publicKey, nodeId)


def expand(keySeed: bytes, length: int) -> bytes:
    """
    Derive keys: HKDF-SHA256 (RFC 5869) with ntor's salt and info.

    :param keySeed: of an ``Agreement``.
    :param length: bytes wanted, up to 8160.
    """
    return HKDF(SHA256(), length, salt=_EXTRACT, info=_EXPAND).derive(keySeed)


def _multiply(scalar: bytes, point: bytes) -> bytes:
    try:
        return crypto_scalarmult(scalar, point)
    except CryptoError:
        # libsodium refuses the all-zero result: a point of low order would make
        # the secret known to everybody.
        raise HandshakeFailed("the peer's key is a point of low order") from None


def _agree(secrets: bytes, B: bytes, X: bytes, Y: bytes, nodeId: bytes) -> Agreement:
    suffix = b"".join((B, B, X, Y, _PROTOCOL, nodeId))
    secretInput = secrets + suffix
    verify = hmac.digest(_VERIFY, secretInput, "sha256")
    return Agreement(
        keySeed=hmac.digest(_EXTRACT, secretInput, "sha256"),
        auth=hmac.digest(_MAC, verify + suffix + b"Server", "sha256"),
    )
