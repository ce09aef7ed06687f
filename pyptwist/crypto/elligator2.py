"""
X25519 key pairs whose public half looks like random bytes.

About half of all curve points have a representative, a string of 32 bytes that
Elligator 2 maps to them, and for random points it is uniformly random but for
its top two bits, which are filled at random (D. J. Bernstein and others,
"Elligator: Elliptic-curve points indistinguishable from uniform random
strings", 2013).

Public keys made by ordinary X25519 all lie in the prime-order subgroup, and a
censor who maps a "random" string back could check for that: uniform strings
do so one time in eight only.  So a random point of low order is added to the
public key.  It vanishes when the peer multiplies by its clamped scalar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import monocypher

from pyptwist.crypto.dice import Entropy

#: Bytes of representatives, of public and of private keys.
LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class KeyPair:
    """
    An ephemeral key pair.

    :ivar representative: what goes over the wire, 32 bytes.
    :ivar publicKey: the u-coordinate that it stands for, 32 bytes.
    :ivar privateKey: the scalar, not clamped, 32 bytes.
    """

    representative: bytes
    publicKey: bytes
    privateKey: bytes

    def __repr__(self) -> str:
        return "<KeyPair>"


def generate(entropy: Entropy) -> KeyPair:
    """
    Make a key pair.  It takes as many tries as it takes, two on average: call
    it before the peer can measure.

    :param entropy: the source; 32 bytes are taken.
    """
    representative, privateKey = monocypher.elligator_key_pair(entropy(LENGTH))
    return KeyPair(representative, toPublicKey(representative), privateKey)


def toPublicKey(representative: bytes) -> bytes:
    """
    Find the public key that a representative stands for.

    :param representative: 32 bytes; every string is one, and the top two bits
        of its last byte do not matter.
    :returns: the u-coordinate, 32 bytes.
    """
    publicKey: bytes = monocypher.elligator_map(representative)
    return publicKey
