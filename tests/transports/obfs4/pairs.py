"""
A server's keys, and codecs that know them, with all randomness fixed.
"""

from __future__ import annotations

from collections.abc import Callable

from nacl.bindings import crypto_scalarmult_base

from pyptwist.codec import Effect, Transmit
from pyptwist.testing.codecs import EPOCH, CodecPair, fixedEntropy
from pyptwist.transports.obfs4.codec import Obfs4ClientCodec, Obfs4ServerCodec, ServerShared
from pyptwist.transports.obfs4.handshake import ServerIdentity, ServerKeys

NODE_ID = bytes(range(20))
PRIVATE_KEY = bytes(range(0x80, 0xA0))
PUBLIC_KEY = crypto_scalarmult_base(PRIVATE_KEY)
SEED = bytes(range(24))
IDENTITY = ServerIdentity(NODE_ID, PUBLIC_KEY)
KEYS = ServerKeys(NODE_ID, PRIVATE_KEY, PUBLIC_KEY, SEED)

#: Numbers in the length table of ``SEED``, as obfs4proxy 0.0.14 has it.
LENGTHS = {1090, 1347, 1007, 551, 1021, 517, 1065, 1321, 251, 102, 143, 1024, 134}

HOUR = 3600.0


def clientCodec(
    iatMode: int = 0,
    seed: str = "client",
    identity: ServerIdentity = IDENTITY,
    time: float = EPOCH,
) -> Obfs4ClientCodec:
    return Obfs4ClientCodec(identity, iatMode, fixedEntropy(seed), lambda: time)


def serverShared(keys: ServerKeys = KEYS) -> ServerShared:
    return ServerShared(keys, fixedEntropy("shared"))


def serverCodec(
    iatMode: int = 0,
    seed: str = "server",
    keys: ServerKeys = KEYS,
    shared: ServerShared | None = None,
    time: float = EPOCH,
) -> Obfs4ServerCodec:
    shared = shared or serverShared(keys)
    return Obfs4ServerCodec(keys, iatMode, shared, fixedEntropy(seed), lambda: time)


def readyPair(iatMode: int = 0, seed: str = "") -> CodecPair:
    """
    :returns: after the handshake.  The seed packet came with it.
    """
    client = clientCodec(iatMode, "client" + seed)
    pair = CodecPair(client, serverCodec(iatMode, "server" + seed))
    pair.start()
    pair.run()
    assert pair.client.isReady
    assert pair.server.isReady
    return pair


def cutAt(*places: int) -> Callable[[bytes], list[bytes]]:
    """
    :returns: what divides bytes at these places, which may lie behind the end.
    """
    starts = [0, *sorted(places)]
    return lambda data: [data[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def sent(effects: list[Effect]) -> bytes:
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))
