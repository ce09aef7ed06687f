"""
Shadowsocks' AEAD stream (2017), without its address header.

What each side sends, with its first payload and not before::

    salt     16, 24 or 32    random, as long as the cipher's key
    chunks                   see ``pyptwist.transports.shadow.chunks``

The direction's key is HKDF-SHA1(master key, salt, "ss-subkey").  The master key is
made of the password by OpenSSL's EVP_BytesToKey with MD5 and no salt.

Shadowsocks has an address in front of a client's payload, to tell its server where to
connect to.  A pluggable transport's server knows that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pyptwist.crypto.dice import Entropy
from pyptwist.errors import (
    AuthenticationFailed,
    ConfigurationError,
    FramingError,
    ReplayDetected,
)
from pyptwist.pieces import Pieces
from pyptwist.transports.shadow.chunks import (
    LENGTH_BOX,
    MAXIMUM_PAYLOAD,
    TAG_LENGTH,
    Aead,
    ChunkedCodec,
    ChunkOpener,
    ChunkSealer,
    SilentChunkedCodec,
    littleEndian,
)

_INFO: Final = b"ss-subkey"

#: Bytes of the shortest chunk.
_SHORTEST: Final = LENGTH_BOX + 1 + TAG_LENGTH

#: shadowsocks-libev reads what makes one chunk, and sends that.  It is a third more work
#: than reads of 32 KiB are.
_PIECES: Final = Pieces(handshake=MAXIMUM_PAYLOAD, payload=MAXIMUM_PAYLOAD)


@dataclass(frozen=True, slots=True)
class Cipher:
    """
    One of the ciphers.

    :ivar name: as Shadowsocks programs have it.
    :ivar keyLength: bytes of a key, and of a salt.
    """

    name: str
    keyLength: int
    aead: Callable[[bytes], Aead]


CIPHERS: Final = (
    Cipher("aes-128-gcm", 16, AESGCM),
    Cipher("aes-192-gcm", 24, AESGCM),
    Cipher("aes-256-gcm", 32, AESGCM),
    Cipher("chacha20-ietf-poly1305", 32, ChaCha20Poly1305),
)


def cipherNamed(name: str) -> Cipher | None:
    """
    :param name: in either spelling, ``aes-128-gcm`` or ``AEAD_AES_128_GCM``, and in
        any case.
    """
    wanted = name.lower().replace("_", "-").removeprefix("aead-").replace("-ietf-", "-")
    return next((each for each in CIPHERS if each.name.replace("-ietf-", "-") == wanted), None)


def masterKey(password: bytes, length: int) -> bytes:
    """
    :param length: of the key in bytes, up to 48.
    """
    digest = key = b""
    while len(key) < length:
        # Nothing else would be understood; the password has to be good, as ours are.
        digest = md5(digest + password, usedforsecurity=False).digest()
        key += digest
    return key[:length]


@dataclass(frozen=True, repr=False)
class Secret:
    """
    What both sides know.

    :ivar key: the master key.
    """

    cipher: Cipher
    key: bytes

    @classmethod
    def ofPassword(cls, cipher: Cipher, password: str) -> Secret:
        """
        :param password: any text but an empty one.
        :raises ConfigurationError: if it is no text: half of a character, which may
            come from a command line that is no UTF-8.
        """
        try:
            encoded = password.encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigurationError("the argument 'password' must be UTF-8") from None
        return cls(cipher, masterKey(encoded, cipher.keyLength))

    def aead(self, salt: bytes) -> Aead:
        """
        :param salt: as long as the key.
        :returns: what has the key of the direction with this salt.
        """
        length = self.cipher.keyLength
        subkey = HKDF(SHA1(), length, salt, _INFO).derive(self.key)  # noqa: S303
        return self.cipher.aead(subkey)


class Memory(Protocol):
    """
    Of salts.
    """

    def seenBefore(self, salt: bytes) -> bool:
        """
        Was this salt sent or received before?  From now on it was.
        """


class _ClassicCodec(ChunkedCodec):
    """
    What both sides have in common.

    Nagle's algorithm is on behind the first answer, as in shadowsocks-libev.

    :cvar least: see ``ChunkOpener``.
    """

    pieces = _PIECES
    least = LENGTH_BOX

    def __init__(self, secret: Secret, memory: Memory, entropy: Entropy) -> None:
        """
        :param memory: of the salts of all connections, either way.
        :param entropy: makes salts.
        """
        super().__init__()
        self._secret = secret
        self._memory = memory
        self._entropy = entropy
        self._hasBegun = False
        self.state = self._awaitingStream

    def encode(self, data: bytes) -> None:
        if not data:
            return
        if not self._hasBegun:
            self._hasBegun = True
            salt = self._entropy(self._secret.cipher.keyLength)
            # Both directions have one master key: our own stream, sent back to us,
            # would be a good one.
            self._memory.seenBefore(salt)
            self.sealer = ChunkSealer(self._secret.aead(salt), littleEndian)
            self.transmit(salt)
        super().encode(data)

    def _awaitingStream(self) -> bool:
        length = self._secret.cipher.keyLength
        if len(self.buffer) < length + self.least:
            return False
        salt = self.take(length)
        self.opener = ChunkOpener(self._secret.aead(salt), littleEndian, self.least)
        payloads: list[bytes] = []
        try:
            self.opener.open(self.take(self.least), payloads)
        except FramingError:
            raise AuthenticationFailed from None
        # Only salts of those who know the password: nobody else can make us forget.
        if self._memory.seenBefore(salt):
            raise ReplayDetected
        if not self.isReady:
            self.ready()
        self.deliver(b"".join(payloads))
        self.state = self.flowing
        return True


class ClassicClientCodec(_ClassicCodec):
    """
    The side that connects.  There is no handshake: it is ready at once.

    It closes when a chunk is wrong, so who sends it garbage sees when it looks:
    shadowsocks-libev does when the shortest of chunks could be there.
    """

    least = _SHORTEST

    def begin(self) -> None:
        self.ready()

    def deliver(self, data: bytes) -> None:
        if data:
            self.patient = True
        super().deliver(data)


class ClassicServerCodec(SilentChunkedCodec, _ClassicCodec):
    """
    The side that is connected to.  It is ready when the length of the client's first
    chunk proves to be sealed with the password: until the client's application says
    something, there is no application at this end.
    """

    def __init__(self, secret: Secret, memory: Memory, entropy: Entropy, drain: float) -> None:
        """
        :param drain: see ``SilentServerCodec``.
        """
        super().__init__(secret, memory, entropy)
        self.drain = drain

    def begin(self) -> None:
        super().begin()
        # Not earlier: there is no handshake to wait for, but an application that may
        # take its time, and would not be told.
        self.nextTimer = self.now + self.drain

    def encode(self, data: bytes) -> None:
        super().encode(data)
        if data:
            self.patient = True
