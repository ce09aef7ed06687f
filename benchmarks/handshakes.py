"""
How long others wait while a server of ours is busy with handshakes.

    python -m benchmarks.handshakes

One connection through the server sends a byte to the destination and back, again
and again, at rest and then while another process opens so many connections a
second through the same server, sends a byte over each and closes it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import usage
from benchmarks.compare import between
from benchmarks.destination import ECHO, Destination
from benchmarks.process import Child, Command, launchServer
from benchmarks.socks import Address
from benchmarks.streams import Stalled, prepare, send
from pyptwist.arguments import Arguments
from pyptwist.codec import Deliver, Effect, Transmit
from pyptwist.interfaces import Context, ICodec
from pyptwist.ipc.quoting import parseSocksArguments
from pyptwist.metrics import Metrics
from pyptwist.state import StateDirectory
from pyptwist.transports.obfs2 import Obfs2
from pyptwist.transports.obfs3 import Obfs3
from pyptwist.transports.obfs4.method import Obfs4

METHODS: dict[str, Any] = {method.name: method for method in (Obfs2, Obfs3, Obfs4)}

#: Seconds between two pings.
INTERVAL = 0.01
#: Handshakes that may be under way at the same time.
CALLERS = 16


class Caller:
    """
    A transport connection: a client's codec on a blocking socket.
    """

    def __init__(self, method: str, server: Address, arguments: str) -> None:
        """
        Connect, and send the first byte there and back.

        :param arguments: the client's, as for SOCKS.
        """
        self._codec = clientCodec(method, parseSocksArguments(arguments))
        self._socket = prepare(socket.create_connection(server))
        self._delivered = bytearray()
        self._apply(self._codec.start(time.monotonic()))
        while not self._codec.isReady:
            self._hear()
        self.ping(ECHO)

    def ping(self, byte: bytes) -> float:
        """
        :returns: seconds until the byte came back.
        """
        begun = time.perf_counter()
        self._apply(self._codec.send(byte, time.monotonic()))
        while not self._delivered:
            self._hear()
        passed = time.perf_counter() - begun
        if self._delivered != byte:
            raise Stalled("the byte came back changed")
        self._delivered.clear()
        return passed

    def close(self) -> None:
        """
        Leave.
        """
        self._socket.close()

    def _hear(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Stalled("the connection ended")
        self._apply(self._codec.receive(data, time.monotonic()))

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                send(self._socket, bytes(effect.data))
            elif isinstance(effect, Deliver):
                self._delivered += effect.data


@dataclass(frozen=True)
class Pings:
    """
    :ivar times: of each, in seconds.
    :ivar cpu: seconds of processor time that the server used meanwhile.
    """

    times: list[float]
    cpu: float

    def line(self, name: str) -> str:
        """
        :returns: a row of the table.
        """
        ordered = sorted(self.times)
        figures = (
            statistics.median(ordered),
            ordered[len(ordered) * 99 // 100],
            ordered[-1],
        )
        return f"{name:10} {len(ordered):6}" + "".join(f"{1e3 * f:9.2f} ms" for f in figures)


def clientCodec(method: str, arguments: Arguments) -> Any:
    """
    :returns: a fresh codec of a client.
    """
    return METHODS[method]().clientCodec(Context(None, None, None, Metrics()), arguments)()


def pings(server: Child, method: str, seconds: int) -> Pings:
    """
    Ping for so long.
    """
    caller = Caller(method, server.address, server.arguments)
    before, times = usage.cpuSeconds(server.pid), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(caller.ping(b"!"))
        time.sleep(INTERVAL)
    caller.close()
    return Pings(times, usage.cpuSeconds(server.pid) - before)


def load(method: str, server: Address, arguments: str, rate: int, seconds: int) -> int:
    """
    Open so many connections a second, evenly; in a process of its own.

    :returns: how many there were.
    :raises Stalled: one of them failed.
    """

    def call() -> None:
        Caller(method, server, arguments).close()

    begun, calls = time.monotonic(), []
    with ThreadPoolExecutor(CALLERS) as pool:
        for number in range(rate * seconds):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            calls.append(pool.submit(call))
        for each in calls:
            each.result()
    return len(calls)


def stages(method: str, count: int = 200) -> list[tuple[str, float]]:
    """
    What a handshake costs the server's reactor, without sockets.

    :returns: for each of its turns the seconds, at best.
    """
    best = [float("inf"), float("inf")]
    with TemporaryDirectory() as directory:
        context = Context(None, None, StateDirectory(directory), Metrics())
        factory, arguments = METHODS[method]().serverCodec(context, Arguments())
        for _ in range(count):
            question = _said(clientCodec(method, arguments), 0.0)
            begun = time.perf_counter()
            server: ICodec = factory()
            server.start(0.0)
            accepted = time.perf_counter()
            server.receive(question, 0.0)
            answered = time.perf_counter()
            best = [min(best[0], accepted - begun), min(best[1], answered - accepted)]
    return list(zip(("to accept", "for the client's first message"), best, strict=True))


def _said(codec: ICodec, now: float) -> bytes:
    effects = codec.start(now)
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))


def parser() -> argparse.ArgumentParser:
    """
    The command line.
    """
    made = argparse.ArgumentParser(
        description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--method", choices=METHODS, default="obfs3", help="transport method (%(default)s)")
    add("--rate", type=between(1, 1000), default=50, help="handshakes a second (%(default)s)")
    add("--seconds", type=between(1, 600), default=10, help="of each half (%(default)s)")
    return made


def measure(options: argparse.Namespace, home: Path, tell: Callable[[str], object]) -> None:
    """
    Both halves.

    :param tell: called with each line of the result.
    """
    command = Command([sys.executable, "-m", "pyptwist"])
    context = multiprocessing.get_context("spawn")
    with Destination() as destination, ProcessPoolExecutor(1, context) as pool:
        server = launchServer(command, options.method, home, destination.port)
        try:
            what = (options.method, server.address, server.arguments, options.rate)
            pool.submit(load, *what, 1).result()
            rest = pings(server, options.method, options.seconds)
            loading = pool.submit(load, *what, options.seconds)
            busy = pings(server, options.method, options.seconds)
            done = loading.result()
        finally:
            server.stop()
    tell(f"{'pings':10} {'':6}{'median':>12}{'99 %':>12}{'longest':>12}")
    tell(rest.line("at rest"))
    tell(busy.line("loaded"))
    each = 1e3 * (busy.cpu - rest.cpu) / done
    tell(f"{done} handshakes in {options.seconds} s, {each:.1f} ms of processor time each")


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Measure, and print.
    """
    options = parser().parse_args(arguments)
    if not usage.available():
        raise SystemExit("this needs Linux: processor time is read from /proc")
    print(f"{options.method}, {options.rate} handshakes a second, {os.cpu_count()} processors")
    with TemporaryDirectory(prefix="pt-benchmark-") as home:
        measure(options, Path(home), print)
    for what, seconds in stages(options.method):
        print(f"the server's codec takes {1e3 * seconds:.2f} ms {what}")


if __name__ == "__main__":
    main()
