"""
obfs3: a stream that looks like random bytes from the first to the last.

obfs3-protocol-spec.txt.  Each side sends at once::

    key       192          UniformDH public key
    padding   0 to 4097    random

and when it first has payload::

    padding   0 to 4097    random
    magic     32           HMAC-SHA256(shared secret, "Initiator magic")
    payload                AES-128-CTR

"Initiator" is the client, and "Responder" the server.  The key and the first
counter of the payload are HMAC-SHA256(shared secret, "Initiator obfuscated data").

Nobody knows where the paddings end, but for the magic.  A side whose application
has nothing to say sends none; so payload may flow, one way, before the peer has
proved that it knows any protocol at all.
"""

from __future__ import annotations

import hmac
from typing import Final

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Transmit
from pyptwist.crypto import uniformdh
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import FramingError
from pyptwist.interfaces import Context
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds
from pyptwist.transports.ciphered import CipheredCodec, Keystream, keystream

#: Bytes of one padding at the most.
MAXIMUM_PADDING: Final = 4097
#: Bytes of a magic.
MAGIC_LENGTH: Final = 32

#: Bytes behind the peer's key within which its magic ends.
_SEARCHED: Final = 2 * MAXIMUM_PADDING + MAGIC_LENGTH

_INITIATOR: Final = b"Initiator"
_RESPONDER: Final = b"Responder"


class _Obfs3Codec(CipheredCodec):
    """
    What both sides have in common.

    Make it before connecting, so that nobody can measure how long its keys
    took.
    """

    ours: bytes
    theirs: bytes

    _announcement: bytes
    _magic: bytes

    def __init__(self, entropy: Entropy) -> None:
        """
        :param entropy: makes keys and padding.
        """
        super().__init__()
        self._entropy = entropy
        self._keys = uniformdh.generate(entropy)
        self._looked = 0  # bytes in which no magic begins
        self.state = self._awaitingKey

    def begin(self) -> None:
        super().begin()
        self.transmit(self._keys.public + self._padding())

    def encode(self, data: bytes) -> None:
        if self._announcement:
            # A write of its own, as obfs4proxy's is.
            self.out.append(Transmit(self._padding() + self._announcement))
            self._announcement = b""
        super().encode(data)

    def _awaitingKey(self) -> bool:
        if len(self.buffer) < uniformdh.LENGTH:
            return False
        shared = self._keys.exchange(self.take(uniformdh.LENGTH))
        del self._keys
        self.encrypt, self._announcement = _derived(shared, self.ours)
        self.decrypt, self._magic = _derived(shared, self.theirs)
        self.state = self._awaitingMagic
        self.ready()
        return True

    def _awaitingMagic(self) -> bool:
        at = self.buffer.find(self._magic, self._looked, _SEARCHED)
        if at >= 0:
            del self.buffer[: at + MAGIC_LENGTH]
            self.state = self.flowing
            return True
        if len(self.buffer) >= _SEARCHED:
            raise FramingError("the peer's magic did not come")
        self._looked = max(0, len(self.buffer) - MAGIC_LENGTH + 1)
        return False

    def _padding(self) -> bytes:
        return self._entropy(uniform(self._entropy, 0, MAXIMUM_PADDING))


class Obfs3ClientCodec(_Obfs3Codec):
    """
    The side that connects.
    """

    ours, theirs = _INITIATOR, _RESPONDER


class Obfs3ServerCodec(_Obfs3Codec, SilentServerCodec):
    """
    The side that is connected to.
    """

    ours, theirs = _RESPONDER, _INITIATOR

    def __init__(self, entropy: Entropy, drain: float) -> None:
        """
        :param entropy: makes keys and padding.
        :param drain: see ``SilentServerCodec``.
        """
        super().__init__(entropy)
        self.drain = drain

    def knowsPeer(self) -> bool:
        # Any 192 bytes are a key.
        return self.state == self.flowing


class Obfs3(CodecClientTransport, CodecServerTransport):
    """
    The method ``obfs3``, both sides.  There are no arguments.
    """

    name = "obfs3"
    clientHandshakeTimeout = limits.OBFS_CLIENT_HANDSHAKE
    serverSpeaksFirst = True

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return lambda: Obfs3ClientCodec(context.entropy)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        drain = drainSeconds(context.entropy)
        return lambda: Obfs3ServerCodec(context.entropy, drain), Arguments()


def _derived(shared: bytes, role: bytes) -> tuple[Keystream, bytes]:
    """
    :returns: the keystream and the magic of what a role sends.
    """
    secret = hmac.digest(shared, role + b" obfuscated data", "sha256")
    return keystream(secret), hmac.digest(shared, role + b" magic", "sha256")
