"""
What codecs cost by themselves, without a reactor or a socket.

    python -m benchmarks.codecs

Each figure is the best of several runs: on a busy machine the others tell more about the
neighbours.
"""

from __future__ import annotations

import os
import time
import timeit
from collections.abc import Callable, Mapping
from tempfile import TemporaryDirectory
from typing import Any, Final

from twisted.internet.task import Clock

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Effect, Transmit
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.state import StateDirectory
from pyptwist.transports.obfs4.method import Obfs4
from pyptwist.transports.replicant.method import Replicant
from pyptwist.transports.shadow.classic import CIPHERS
from pyptwist.transports.shadow.method import Shadow
from pyptwist.transports.starbridge import Starbridge

CHUNK: Final = 65536

_ADDRESS: Final = Arguments(serverAddress="127.0.0.1:443")
_PASSWORD: Final = Arguments(password="correct-horse")

KINDS: Final[Mapping[str, tuple[Callable[[], Any], Arguments]]] = {
    "obfs4": (Obfs4, Arguments()),
    **{
        cipher.name: (Shadow, _PASSWORD.updated(Arguments(cipherName=cipher.name)))
        for cipher in CIPHERS
    },
    "darkstar": (Shadow, _ADDRESS),
    "Starbridge": (Starbridge, _ADDRESS),
    "Replicant, polish alone": (Replicant, _ADDRESS.updated(Arguments(polish="DarkStar"))),
}


def wire(effects: list[Effect]) -> bytes:
    """
    :returns: what the effects transmit.
    """
    return b"".join(effect.data for effect in effects if isinstance(effect, Transmit))


class Pair:
    """
    Makes codecs of one kind.
    """

    def __init__(self, method: Any, options: Arguments, directory: str) -> None:
        """
        :param directory: for what the server remembers.
        """
        context = Context(Clock(), None, StateDirectory(directory), Metrics())
        self.server, needed = method.serverCodec(context, options)
        self.client: CodecFactory = method.clientCodec(context, needed)

    def ready(self) -> tuple[Any, Any]:
        """
        :returns: a client's codec and a server's, after the handshake and one byte.
        """
        client, server = self.client(), self.server()
        forth, back = wire(client.start(0)), wire(server.start(0))
        while forth or back:
            back += wire(server.receive(forth, 0))
            forth, back = wire(client.receive(back, 0)), b""
        server.receive(wire(client.send(b"!", 0)), 0)
        return client, server


def best(action: Callable[[], object], count: int) -> float:
    """
    :returns: seconds for one action.
    """
    return min(timeit.repeat(action, number=count, repeat=7)) / count


def sending(pair: Pair, size: int, count: int) -> float:
    """
    :returns: seconds for one write of so many bytes.
    """
    client, _ = pair.ready()
    data = os.urandom(size)
    return best(lambda: client.send(data, 0), count)


def receiving(pair: Pair, size: int, count: int, step: int) -> float:
    """
    :param step: bytes of one read.
    :returns: seconds for what one write of so many bytes becomes.
    """
    results = []
    for _ in range(5):
        client, server = pair.ready()
        data = os.urandom(size)
        stream = b"".join(wire(client.send(data, 0)) for _ in range(count))
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
    print(f"{'':24} {'':7} MB/s {'':12} {'us, 64 bytes':>17} {'us, both sides':>15}")
    print(
        f"{'':24} {'send':>7} {'receive':>8} {'of 1448':>8} {'send':>8} {'receive':>8} handshake"
    )
    for name, (method, options) in KINDS.items():
        with TemporaryDirectory() as directory:
            pair = Pair(method(), options, directory)
            bulk = (
                sending(pair, CHUNK, 200),
                receiving(pair, CHUNK, 200, 32768),
                receiving(pair, CHUNK, 50, 1448),
            )
            small = sending(pair, 64, 2000), receiving(pair, 64, 2000, 64)
            shown = " ".join(f"{CHUNK / seconds / 1e6:8.0f}" for seconds in bulk)
            shown += "".join(f" {seconds * 1e6:8.2f}" for seconds in small)
            print(f"{name:23} {shown} {best(pair.ready, 100) * 1e6:9.0f}")


if __name__ == "__main__":
    main()
