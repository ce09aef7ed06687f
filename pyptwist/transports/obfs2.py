"""
obfs2: a stream without a fixed byte in it, whose keys anybody can compute.

obfs2-protocol-spec.txt.  Each side sends at once::

    seed      16           random
    magic     4            0x2BF5CA7E       | AES-128-CTR with
    length    4            of the padding   | the key of the
    padding   0 to 8192    random           | sender's padding

and, once it has read as much, payload in AES-128-CTR.

A key and its first counter are the two halves of SHA-256(label | seeds | label).
For padding, the seeds are the sender's alone; for payload, the client's and the
server's, in this order.  (The specification takes the client's seed for the
server's padding, which no implementation does.)

With a shared secret the hash is that of label | seeds | SHA-256(secret) | label,
hashed again until it was 100000 times.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.caution import warnOnce
from pyptwist.codec import CodecFactory, Transmit
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed, HandshakeFailed
from pyptwist.interfaces import Context
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds
from pyptwist.transports.ciphered import CipheredCodec, keystream

SEED_LENGTH: Final = 16
MAXIMUM_PADDING: Final = 8192

#: Applications of the hash when there is a shared secret.
ROUNDS: Final = 100_000

_MAGIC: Final = bytes.fromhex("2bf5ca7e")
_HEAD: Final = 8  # magic and length

_ARGUMENT: Final = "shared-secret"

_INITIATOR: Final = b"Initiator"
_RESPONDER: Final = b"Responder"

_WHY: Final = (
    "whoever sees the first bytes of a connection can compute its keys, and so recognise it; "
    "use obfs4 instead"
)


class Derivation:
    """
    One key in the making.

    :ivar digest: key 16 | counter 16, once there is nothing ``left``.
    :ivar left: how often it has to be hashed yet.
    """

    __slots__ = ("digest", "left")

    def __init__(self, label: bytes, seeds: bytes, secret: bytes) -> None:
        """
        :param label: what the key is for.
        :param seeds: 16 or 32 bytes.
        :param secret: empty if there is none.
        """
        salt = sha256(secret).digest() if secret else b""
        self.digest = sha256(label + seeds + salt + label).digest()
        self.left = ROUNDS - 1 if secret else 0

    def advance(self, rounds: int) -> None:
        """
        :param rounds: how often to hash at the most.
        """
        rounds = min(rounds, self.left)
        self.left -= rounds
        digest, function = self.digest, sha256
        for _ in range(rounds):
            digest = function(digest).digest()
        self.digest = digest


class _Obfs2Codec(CipheredCodec):
    """
    What both sides have in common.

    Keys that take long are made in slices, one each turn of the reactor: the
    codec asks to be called back at once until it is through.
    """

    maximumBuffer = limits.OBFS2_BUFFER

    ours: bytes
    theirs: bytes

    _derivation: Derivation
    _then: Callable[[bytes], None]

    def __init__(self, secret: bytes, entropy: Entropy) -> None:
        """
        :param secret: what both sides know; empty if there is nothing.
        :param entropy: makes seeds and padding.
        """
        super().__init__()
        self._secret = secret
        self._entropy = entropy
        self._seed = entropy(SEED_LENGTH)

    def begin(self) -> None:
        super().begin()
        self._deadline = self.nextTimer
        self._derive(self.ours + b" obfuscation padding", self._seed, self._greet)
        self._run()

    def timer(self) -> None:
        if self.state == self._deriving:
            self._run()
        else:
            super().timer()

    def _derive(self, label: bytes, seeds: bytes, then: Callable[[bytes], None]) -> None:
        self._derivation, self._then = Derivation(label, seeds, self._secret), then
        self.state = self._deriving

    def _deriving(self) -> bool:
        # A peer that is through already may send payload, and a stranger anything:
        # what waits is bounded by how many turns there are until we are through.
        hurry = len(self.buffer) > limits.HANDSHAKE_BUFFER
        self._derivation.advance(limits.OBFS2_HURRIED_ROUNDS if hurry else limits.OBFS2_ROUNDS)
        if self._derivation.left:
            self.nextTimer = self.now
            return False
        self.nextTimer = self._deadline
        self._then(self._derivation.digest)
        return True

    def _greet(self, secret: bytes) -> None:
        length = uniform(self._entropy, 0, MAXIMUM_PADDING)
        rest = _MAGIC + length.to_bytes(4, "big") + self._entropy(length)
        # Two writes, as obfs4proxy's are.
        self.out += [Transmit(self._seed), Transmit(keystream(secret)(rest))]
        self.state = self._awaitingSeed

    def _awaitingSeed(self) -> bool:
        if len(self.buffer) < SEED_LENGTH:
            return False
        self._peerSeed = self.take(SEED_LENGTH)
        self._derive(self.theirs + b" obfuscation padding", self._peerSeed, self._meet)
        return True

    def _meet(self, secret: bytes) -> None:
        self.decrypt = keystream(secret)
        self.state = self._awaitingHead

    def _awaitingHead(self) -> bool:
        if len(self.buffer) < _HEAD:
            return False
        head = self.decrypt(self.take(_HEAD))
        self._padding = int.from_bytes(head[len(_MAGIC) :], "big")
        if not head.startswith(_MAGIC):
            raise AuthenticationFailed if self._secret else HandshakeFailed
        if self._padding > MAXIMUM_PADDING:
            raise HandshakeFailed("the peer announced too much padding")
        self.state = self._skipping
        return True

    def _skipping(self) -> bool:
        skipped = min(self._padding, len(self.buffer))
        del self.buffer[:skipped]
        self._padding -= skipped
        if self._padding:
            return False
        self._derive(self.ours + b" obfuscated data", self._seeds(), self._speak)
        return True

    def _speak(self, secret: bytes) -> None:
        self.encrypt = keystream(secret)
        self._derive(self.theirs + b" obfuscated data", self._seeds(), self._listen)

    def _listen(self, secret: bytes) -> None:
        self.decrypt = keystream(secret)
        self.state = self.flowing
        del self._derivation, self._then
        self.ready()

    def _seeds(self) -> bytes:
        if self.ours == _INITIATOR:
            return self._seed + self._peerSeed
        return self._peerSeed + self._seed


class Obfs2ClientCodec(_Obfs2Codec):
    """
    The side that connects.
    """

    ours, theirs = _INITIATOR, _RESPONDER


class Obfs2ServerCodec(_Obfs2Codec, SilentServerCodec):
    """
    The side that is connected to.
    """

    ours, theirs = _RESPONDER, _INITIATOR

    def __init__(self, secret: bytes, entropy: Entropy, drain: float) -> None:
        """
        :param secret: what both sides know; empty if there is nothing.
        :param entropy: makes seeds and padding.
        :param drain: see ``SilentServerCodec``.
        """
        super().__init__(secret, entropy)
        self.drain = drain


class Obfs2(CodecClientTransport, CodecServerTransport):
    """
    The method ``obfs2``, both sides.  Each warns once.
    """

    name = "obfs2"
    clientHandshakeTimeout = limits.OBFS_CLIENT_HANDSHAKE
    serverSpeaksFirst = True

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        """
        :param arguments: ``shared-secret``, any text; empty, or not there, if
            there is none.
        """
        warnOnce(self.name, _WHY)
        secret = _secret(arguments).encode()
        return lambda: Obfs2ClientCodec(secret, context.entropy)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: as a client's.
        :returns: what makes a codec, and the ``shared-secret``, if there is one.
        """
        warnOnce(self.name, _WHY)
        text, drain = _secret(arguments), drainSeconds(context.entropy)
        secret, published = text.encode(), {_ARGUMENT: text} if text else {}
        return (
            lambda: Obfs2ServerCodec(secret, context.entropy, drain),
            Arguments(published),
        )


def _secret(arguments: Arguments) -> str:
    arguments.protects(_ARGUMENT)
    return arguments.get(_ARGUMENT) or ""
