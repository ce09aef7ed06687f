"""
What obfs4's codecs cost by themselves, without a reactor or a socket.

    python -m benchmarks.codec_obfs4

Each figure is the best of several runs: on a busy machine the others tell more
about the neighbours.
"""

from __future__ import annotations

import os
import time
import timeit
from collections.abc import Callable

from nacl.bindings import crypto_scalarmult_base

from pyptwist.codec import Effect, Transmit
from pyptwist.transports.obfs4.codec import Obfs4ClientCodec, Obfs4ServerCodec, ServerShared
from pyptwist.transports.obfs4.handshake import ServerIdentity, ServerKeys

CHUNK = 65536
FRAMES = -(-CHUNK // 1427)

_PRIVATE = os.urandom(32)
_KEYS = ServerKeys(os.urandom(20), _PRIVATE, crypto_scalarmult_base(_PRIVATE), os.urandom(24))
_IDENTITY = ServerIdentity(_KEYS.nodeId, _KEYS.publicKey)
_SHARED = ServerShared(_KEYS, os.urandom)


def wire(effects: list[Effect]) -> bytes:
    """
    :returns: what the effects transmit.
    """
    return b"".join(effect.data for effect in effects if isinstance(effect, Transmit))


def handshake() -> tuple[Obfs4ClientCodec, Obfs4ServerCodec]:
    """
    :returns: two codecs that are ready.
    """
    client = Obfs4ClientCodec(_IDENTITY, 0, os.urandom, time.time)
    server = Obfs4ServerCodec(_KEYS, 0, _SHARED, os.urandom, time.time)
    request = wire(client.start(0))
    server.start(0)
    client.receive(wire(server.receive(request, 0)), 0)
    return client, server


def best(action: Callable[[], object], count: int) -> float:
    """
    :returns: seconds for one action.
    """
    return min(timeit.repeat(action, number=count, repeat=7)) / count


def sending(size: int, count: int) -> float:
    """
    :returns: seconds for one write of so many bytes.
    """
    client, _ = handshake()
    data = os.urandom(size)
    return best(lambda: client.send(data, 0), count)


def receiving(size: int, count: int) -> float:
    """
    :returns: seconds for one read of what one write of so many bytes becomes;
        the reads do not begin where the writes did.
    """
    results = []
    for _ in range(7):
        client, server = handshake()
        data = os.urandom(size)
        stream = b"".join(wire(client.send(data, 0)) for _ in range(count))
        step = len(stream) // count
        reads = [stream[at : at + step] for at in range(0, len(stream), step)]
        begin = time.perf_counter()
        for read in reads:
            server.receive(read, 0)
        results.append((time.perf_counter() - begin) / count)
    return min(results)


def main() -> None:
    """
    Measure, and print.
    """
    for name, seconds in (("send", sending(CHUNK, 200)), ("receive", receiving(CHUNK, 200))):
        rate, frame = CHUNK / seconds / 1e6, seconds / FRAMES * 1e6
        print(f"{name:8} 64 KiB {rate:8.0f} MB/s {frame:8.2f} us a frame")
    for name, seconds in (("send", sending(64, 5000)), ("receive", receiving(64, 5000))):
        print(f"{name:8} 64 B   {seconds * 1e6:8.2f} us")
    print(f"handshake, both sides {best(handshake, 100) * 1e6:8.0f} us")


if __name__ == "__main__":
    main()
