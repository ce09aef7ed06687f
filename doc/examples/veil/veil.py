"""
veil: a pluggable transport in one file, as an example.

What crosses the wire::

    client -> nonce (16) | MAC(secret, "client" | nonce) (16)
    server -> nonce (16) | MAC(secret, "server" | client's nonce | nonce) (16)

and then each side's payload, under AES-128 in counter mode with a key of its
own.  The MAC is HMAC-SHA256, cut to 16 bytes.

Do not hide from anybody behind it: a handshake can be replayed, payload can be
changed on the way, and its lengths show.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase, CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed, HandshakeTimeout, PTError
from pyptwist.interfaces import Context

NONCE = MAC = SECRET = 16  # bytes
PATIENCE = 20  # seconds that a server gives a client to say who it is


class VeilCodec(CodecBase):
    """
    What both sides have in common.
    """

    def __init__(self, secret: bytes, entropy: Callable[[int], bytes]) -> None:
        super().__init__()
        self.secret = secret
        self.entropy = entropy
        self.nonce = entropy(NONCE)

    def mac(self, *parts: bytes) -> bytes:
        return hmac.digest(self.secret, b"".join(parts), "sha256")[:MAC]

    def takeNonce(self, label: bytes, context: bytes) -> bytes:
        nonce, mac = self.take(NONCE), self.take(MAC)
        if not hmac.compare_digest(mac, self.mac(label, context, nonce)):
            raise AuthenticationFailed
        return nonce

    def startStream(self, nonces: bytes, sending: bytes, receiving: bytes) -> None:
        zero = CTR(bytes(16))  # each key is used for one stream only
        self.encryptor = Cipher(AES(self.mac(sending, nonces)), zero).encryptor()
        self.decryptor = Cipher(AES(self.mac(receiving, nonces)), zero).decryptor()
        self.nextTimer = None
        self.state = self.stream
        self.ready()

    def encode(self, data: bytes) -> None:
        self.transmit(self.encryptor.update(data))

    def stream(self) -> bool:
        if self.buffer:
            self.deliver(self.decryptor.update(self.take(len(self.buffer))))
        return False


class VeilClient(VeilCodec):
    """
    Speaks first.
    """

    def begin(self) -> None:
        self.transmit(self.nonce + self.mac(b"client", self.nonce))
        self.state = self.answer

    def answer(self) -> bool:
        if len(self.buffer) < NONCE + MAC:
            return False
        theirs = self.takeNonce(b"server", self.nonce)
        self.startStream(self.nonce + theirs, sending=b"up", receiving=b"down")
        return True


class VeilServer(VeilCodec):
    """
    Says nothing to anybody who does not know the secret.
    """

    def begin(self) -> None:
        # The same silence for whoever is wrong and for whoever is slow.
        self.deadline = self.now + PATIENCE + self.entropy(1)[0] % PATIENCE
        self.nextTimer = self.deadline
        self.state = self.greeting

    def greeting(self) -> bool:
        if len(self.buffer) < NONCE + MAC:
            return False
        theirs = self.takeNonce(b"client", b"")
        self.transmit(self.nonce + self.mac(b"server", theirs, self.nonce))
        self.startStream(theirs + self.nonce, sending=b"down", receiving=b"up")
        return True

    def failed(self, error: PTError) -> None:
        self.drainUntil(self.deadline, error)

    def timer(self) -> None:
        self.finish(HandshakeTimeout())


class Veil(CodecClientTransport, CodecServerTransport):
    """
    The method ``veil``.  Its one argument, on both sides: ``secret``, 32 hex digits.
    """

    name = "veil"

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        secret = arguments.hexadecimal("secret", SECRET)
        return lambda: VeilClient(secret, context.entropy)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        secret = arguments.hexadecimal("secret", SECRET)
        return lambda: VeilServer(secret, context.entropy), Arguments(secret=secret.hex())
