"""
DarkStar, one network connection of it.

The server says nothing to whoever does not know its key: see ``pyptwist.strangers.silence``.
The client closes at once when the server fails to prove that it has it.

``pyptwist.transports.shadow.handshake`` and ``pyptwist.transports.shadow.chunks`` have
the wire format.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import SEED_LENGTH, Drbg
from pyptwist.ledger import Ledger
from pyptwist.strangers.silence import drainSeconds
from pyptwist.transports.shadow.chunks import (
    ChunkedCodec,
    ChunkOpener,
    ChunkSealer,
    SilentChunkedCodec,
    bigEndian,
)
from pyptwist.transports.shadow.handshake import (
    MESSAGE_LENGTH,
    ClientHandshake,
    ServerHandshake,
    ServerIdentity,
)
from pyptwist.transports.shadow.keys import PrivateKey


class _DarkStarCodec(ChunkedCodec):
    """
    What both sides have in common: all that comes after the handshake.
    """

    def _establish(self, outgoing: bytes, incoming: bytes) -> None:
        self.sealer = ChunkSealer(AESGCM(outgoing), bigEndian)
        self.opener = ChunkOpener(AESGCM(incoming), bigEndian)
        self.state = self.flowing
        self.ready()


class DarkStarClientCodec(_DarkStarCodec):
    """
    The side that knows the server, and begins.
    """

    def __init__(self, server: ServerIdentity, entropy: Entropy) -> None:
        """
        :param entropy: makes keys.
        """
        super().__init__()
        self._handshake = ClientHandshake(server, PrivateKey.fresh(entropy))
        self.state = self._awaitingResponse

    def begin(self) -> None:
        self.transmit(self._handshake.request)

    def _awaitingResponse(self) -> bool:
        if len(self.buffer) < MESSAGE_LENGTH:
            return False
        keys = self._handshake.finish(self.take(MESSAGE_LENGTH))
        del self._handshake
        self._establish(outgoing=keys.toServer, incoming=keys.toClient)
        return True


class ServerShared:
    """
    What all connections of one listener share.

    :ivar key: the server's.
    :ivar replays: the clients' ephemeral keys, ever.
    :ivar drain: see ``SilentServerCodec``; the same after each start.
    """

    def __init__(self, key: PrivateKey, replays: Ledger, place: bytes) -> None:
        """
        :param place: where the server is, as its clients have it: see ``serverId``.
        """
        self.key = key
        self.replays = replays
        self.drain = drainOf(key.raw)
        self._place = place

    def handshake(self, entropy: Entropy) -> ServerHandshake:
        """
        :returns: one for one connection.
        """
        return ServerHandshake(
            self.key, self._place, lambda: PrivateKey.fresh(entropy), self.replays.seenBefore
        )


class DarkStarServerCodec(SilentChunkedCodec, _DarkStarCodec):
    """
    The side that waits, and stays silent.
    """

    def __init__(self, shared: ServerShared, entropy: Entropy) -> None:
        """
        :param shared: one object for all connections of one listener.
        :param entropy: makes keys.
        """
        super().__init__()
        self._shared = shared
        self._entropy = entropy
        self.drain = shared.drain
        self.state = self._awaitingRequest

    def _awaitingRequest(self) -> bool:
        if len(self.buffer) < MESSAGE_LENGTH:
            return False
        handshake = self._shared.handshake(self._entropy)
        keys, response = handshake.accept(self.take(MESSAGE_LENGTH))
        self.transmit(response)
        self._establish(outgoing=keys.toClient, incoming=keys.toServer)
        return True


def drainOf(secret: bytes) -> float:
    """
    :param secret: the server's, and no other's.
    :returns: how long a silence of this server's takes: ``drainSeconds`` that are the
        same after each start.
    """
    seed = hmac.digest(secret, b"pyptwist: seconds of silence", "sha256")[:SEED_LENGTH]
    generator = Drbg(seed)
    return drainSeconds(lambda count: generator.block()[:count])
