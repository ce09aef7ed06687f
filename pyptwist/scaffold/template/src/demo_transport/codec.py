"""
demo_transport on the wire.

::

    client -> nonce (16) | MAC(secret, "client" | nonce) (16)
    server -> nonce (16) | MAC(secret, "server" | client's nonce | nonce) (16)

and then each side's payload, under AES-128 in counter mode with a key of its
own.  The MAC is HMAC-SHA256, cut to 16 bytes.

This is a beginning, and protects nobody: whoever recorded a handshake can send
it again and gets an answer, payload can be changed on the way, and every length
and every pause shows.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from pyptwist.codec import CodecBase
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import AuthenticationFailed
from pyptwist.strangers.silence import SilentServerCodec

NONCE = MAC = SECRET = 16  # bytes


class KeyedCodec(CodecBase):
    """
    What both sides have in common.
    """

    def __init__(self, secret: bytes, entropy: Entropy) -> None:
        super().__init__()
        self.secret = secret
        self.nonce = entropy(NONCE)

    def mac(self, *parts: bytes) -> bytes:
        return hmac.digest(self.secret, b"".join(parts), "sha256")[:MAC]

    def takeNonce(self, label: bytes, context: bytes) -> bytes:
        """
        Take the peer's message from the buffer.

        :raises AuthenticationFailed: if the peer does not know the secret.
        """
        nonce, mac = self.take(NONCE), self.take(MAC)
        if not hmac.compare_digest(mac, self.mac(label, context, nonce)):
            raise AuthenticationFailed
        return nonce

    def startStream(self, nonces: bytes, sending: bytes, receiving: bytes) -> None:
        zero = CTR(bytes(16))  # each key is used for one stream only
        self.encryptor = Cipher(AES(self.mac(sending, nonces)), zero).encryptor()
        self.decryptor = Cipher(AES(self.mac(receiving, nonces)), zero).decryptor()
        self.state = self.stream
        self.ready()

    def encode(self, data: bytes) -> None:
        self.transmit(self.encryptor.update(data))

    def stream(self) -> bool:
        self.deliver(self.decryptor.update(self.take(len(self.buffer))))
        return False


class ClientCodec(KeyedCodec):
    """
    Speaks first, and gives up at once on a server that is not the right one.
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


class ServerCodec(KeyedCodec, SilentServerCodec):
    """
    Says nothing to anybody who does not know the secret.
    """

    def __init__(self, secret: bytes, entropy: Entropy, drain: float) -> None:
        super().__init__(secret, entropy)
        self.drain = drain
        self.state = self.greeting

    def greeting(self) -> bool:
        if len(self.buffer) < NONCE + MAC:
            return False
        theirs = self.takeNonce(b"client", b"")
        self.transmit(self.nonce + self.mac(b"server", theirs, self.nonce))
        self.startStream(theirs + self.nonce, sending=b"down", receiving=b"up")
        return True
