"""
What obfs2 and obfs3 are once their keys are there: AES-128 in counter mode each
way, and nothing else.  No lengths, no authentication, no padding.

The 16 bytes behind a key are the first counter, all of which counts, big-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pyptwist import limits
from pyptwist.codec import CodecBase, Effect, Transmit

_KEY: Final = 16

#: Encrypts, or decrypts, which is the same, where it left off before.
Keystream: TypeAlias = Callable[[bytes], bytes]


def keystream(secret: bytes) -> Keystream:
    """
    :param secret: 32 bytes: key 16 | counter 16.
    """
    return Cipher(AES(secret[:_KEY]), CTR(secret[_KEY:])).encryptor().update


class CipheredCodec(CodecBase):
    """
    A codec whose payload is enciphered, and goes into ``flowing`` as its last
    state.  A subclass sets both keystreams before that, and writes the rest.
    """

    encrypt: Keystream
    decrypt: Keystream

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if self.state != self.flowing or self.isFinished:
            return super().receive(data, now)
        self.deliver(self.decrypt(data))
        return self._effects()

    def encode(self, data: bytes) -> None:
        # Each burst is a write of its own, and ends in a segment of its own.
        self.out += [
            Transmit(self.encrypt(data[at : at + limits.BURST]))
            for at in range(0, len(data), limits.BURST)
        ]

    def flowing(self) -> bool:
        """
        The state for what came behind the handshake: later payload takes no way
        through the buffer.
        """
        self.deliver(self.decrypt(self.take(len(self.buffer))))
        return False
