"""
DarkStar's keys: points of NIST's curve P-256, and how they are written down.

::

    keychain      66   02 | 04 | x 32 | y 32      a public key, in Go's files and ours
    uncompressed  65        04 | x 32 | y 32      the same, in programs' own hands
    prefixed      67   any byte | keychain        the same, for who cuts the first byte
    compact       32             x 32             a public key in files before 2022, and
                                                  what goes over the wire
    private       32
    prefixed      33   any byte | private

Which of these a key is, its length tells.
"""

from __future__ import annotations

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import ConfigurationError

#: Bytes of a coordinate, and of a private key.
LENGTH: Final = 32

_CURVE: Final = SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_KEYCHAIN: Final = b"\x02"
_UNCOMPRESSED: Final = b"\x04"
# Either sign of y gives the same shared secret, which is an x.
_COMPRESSED: Final = b"\x02"


class PublicKey:
    """
    A public key.

    :ivar x: the compact form, 32 bytes.
    :ivar keychain: the keychain form, 66 bytes; None if y is not known.
    """

    __slots__ = ("_key", "keychain", "x")

    def __init__(self, key: EllipticCurvePublicKey, hasSign: bool = True) -> None:
        """
        :param hasSign: is y the right one of the two?
        """
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._key = key
        self.x = point[1 : 1 + LENGTH]
        self.keychain = _KEYCHAIN + point if hasSign else None

    def __repr__(self) -> str:
        return "<PublicKey>"

    @classmethod
    def ofX(cls, x: bytes) -> PublicKey:
        """
        :param x: 32 bytes.
        :raises ValueError: if no point has this x.
        """
        return cls(EllipticCurvePublicKey.from_encoded_point(_CURVE, _COMPRESSED + x), False)

    @classmethod
    def parse(cls, raw: bytes) -> PublicKey:
        """
        :param raw: a public key in any form.
        :raises ValueError: if it is none.
        """
        if len(raw) == LENGTH:
            return cls.ofX(raw)
        if len(raw) == 67:
            raw = raw[1:]
        if len(raw) == 66 and raw.startswith(_KEYCHAIN):
            raw = raw[1:]
        if len(raw) == 65 and raw.startswith(_UNCOMPRESSED):
            return cls(EllipticCurvePublicKey.from_encoded_point(_CURVE, raw))
        raise ValueError("this is no public key")


class PrivateKey:
    """
    A private key.

    :ivar public: what goes with it.
    """

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        """
        :param raw: 32 bytes, big-endian.
        :raises ValueError: if it is 0, or as large as the order of the curve.
        """
        number = int.from_bytes(raw, "big")
        if not 0 < number < _ORDER:
            raise ValueError("this is no private key")
        self._key: EllipticCurvePrivateKey = derive_private_key(number, _CURVE)
        self.public = PublicKey(self._key.public_key())

    def __repr__(self) -> str:
        return "<PrivateKey>"

    @classmethod
    def parse(cls, raw: bytes) -> PrivateKey:
        """
        :param raw: a private key in either form.
        :raises ValueError: if it is none.
        """
        if len(raw) not in (LENGTH, LENGTH + 1):
            raise ValueError("this is no private key")
        return cls(raw[-LENGTH:])

    @classmethod
    def fresh(cls, entropy: Entropy) -> PrivateKey:
        """
        :param entropy: makes it; 40 bytes are taken, so that all keys are as likely.
        """
        number = int.from_bytes(entropy(LENGTH + 8), "big") % (_ORDER - 1) + 1
        return cls(number.to_bytes(LENGTH, "big"))

    @property
    def raw(self) -> bytes:
        """
        The key, 32 bytes.
        """
        return self._key.private_numbers().private_value.to_bytes(LENGTH, "big")

    def shared(self, peer: PublicKey) -> bytes:
        """
        :returns: the shared secret: an x without its leading zeros, since that is
            what Go's big numbers make of it.
        """
        return self._key.exchange(ECDH(), peer._key).lstrip(b"\0")


def serverId(address: HostPort) -> bytes:
    """
    What a handshake says of where the server is.

    :param address: the server's, as both sides have it in their configurations.
    :returns: 6 bytes: an IPv4 address, or the last four bytes of an IPv6 address, and
        the port.
    :raises ConfigurationError: if the host is a name.
    """
    if address.ip is None:
        raise ConfigurationError("DarkStar needs the server's IP address, not a host name")
    return address.ip.packed[-4:] + address.port.to_bytes(2, "big")


def readPublicKey(arguments: Arguments) -> PublicKey:
    """
    :returns: the argument ``serverPublicKey``.
    :raises ConfigurationError: if it is missing or wrong.
    """
    raw = _decoded(arguments, "serverPublicKey")
    try:
        return PublicKey.parse(raw)
    except ValueError:
        raise ConfigurationError(
            "the argument 'serverPublicKey' must be base64 of 66 bytes, or in an older form of "
            "65 or 32 bytes, that are a public key of the curve P-256"
        ) from None


def readPrivateKey(arguments: Arguments) -> PrivateKey:
    """
    :returns: the argument ``serverPrivateKey``.
    :raises ConfigurationError: if it is missing or wrong.
    """
    raw = _decoded(arguments, "serverPrivateKey")
    try:
        return PrivateKey.parse(raw)
    except ValueError:
        raise ConfigurationError(
            "the argument 'serverPrivateKey' must be base64 of the 32 bytes of a private key of "
            "the curve P-256, or of these and one byte in front"
        ) from None


def encode(raw: bytes) -> str:
    """
    :returns: base64 without padding, which torrc and SMETHOD ARGS could not hold.
    """
    return base64.b64encode(raw).decode("ascii").rstrip("=")


def _decoded(arguments: Arguments, key: str) -> bytes:
    """
    :returns: nothing if it is no base64.
    """
    text = arguments.require(key).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""
