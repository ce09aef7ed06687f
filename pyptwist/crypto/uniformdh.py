"""
UniformDH: Diffie-Hellman whose public keys are uniformly random strings.

The public keys of ordinary Diffie-Hellman are squares modulo p, which a censor
can test.  Here a coin decides whether X or p - X, which is no square, goes over
the wire; the private key is even, so that both give the same shared secret
(obfs3-protocol-spec.txt, section "UniformDH").

The group is number 5 of RFC 3526, with 1536 bits.  OpenSSL knows it by its p and
g, and only therefore loads keys of it without proving p to be prime, which takes
a hundred times as long as a power; and it computes powers in a time that
does not depend on the private key, as Python's ``pow`` does not.
"""

from __future__ import annotations

import warnings
from typing import Final

from cryptography.utils import CryptographyDeprecationWarning

from pyptwist.crypto.dice import Entropy
from pyptwist.errors import HandshakeFailed

with warnings.catch_warnings():
    # Version 50 says that better groups exist.  This one is the protocol's.
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from cryptography.hazmat.primitives.asymmetric.dh import (
        DHParameterNumbers,
        DHPrivateNumbers,
        DHPublicNumbers,
    )

#: Bytes of private keys, public keys and shared secrets.
LENGTH: Final = 192

_P: Final = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
    "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
    "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05"
    "98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb"
    "9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff",
    16,
)
_G: Final = 2
_GROUP: Final = DHParameterNumbers(_P, _G)


class KeyPair:
    """
    An ephemeral key pair.  Make it with ``generate``.

    :ivar public: what goes over the wire, 192 bytes.
    """

    __slots__ = ("_key", "public")

    def __init__(self, private: bytes) -> None:
        """
        :param private: 192 bytes, not all zero; the lowest bit is the coin, and no part
            of the key: if it is set, the public key is p - X.
        """
        number = int.from_bytes(private, "big")
        coin = number & 1
        # Some public key must be named; nothing looks at it.
        self._key = DHPrivateNumbers(number - coin, DHPublicNumbers(_G, _GROUP)).private_key()
        power = self._power(_G)
        self.public = _encoded(_P - int.from_bytes(power, "big")) if coin else power

    def __repr__(self) -> str:
        return "<KeyPair>"

    def exchange(self, peer: bytes) -> bytes:
        """
        Agree on a secret with whoever has the private key of a public key.

        :param peer: the public key, 192 bytes, any of the two that stand for
            it.  It is reduced modulo p, since obfs4proxy takes keys that are
            not, although no peer that is honest sends them.
        :returns: the shared secret, 192 bytes.
        :raises HandshakeFailed: if the peer's key is 0, 1 or -1 modulo p: the
            secret would be no secret.
        """
        value = int.from_bytes(peer, "big") % _P
        # OpenSSL before 3.4 refuses what is no square: then the other one is.
        for candidate in (value, _P - value):
            try:
                return self._power(candidate)
            except ValueError:
                pass
        raise HandshakeFailed("the peer sent a public key of too small an order")

    def _power(self, base: int) -> bytes:
        return self._key.exchange(DHPublicNumbers(base, _GROUP).public_key())


def generate(entropy: Entropy) -> KeyPair:
    """
    Make a key pair, which takes as long as ``KeyPair.exchange``: about 0.7 ms
    on a machine of 2020.

    :param entropy: the source; 192 bytes are taken.
    """
    return KeyPair(entropy(LENGTH))


def _encoded(number: int) -> bytes:
    return number.to_bytes(LENGTH, "big")
