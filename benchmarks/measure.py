"""
The measurements: each takes a running pair of client and server and returns
figures.

Every connection has finished its transport handshake and has carried one byte
to the destination and back before a clock starts on it.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socket import socket as Socket

from benchmarks import usage
from benchmarks.destination import COUNT, ECHO, GIVE, SINK, Destination
from benchmarks.pairs import Pair, Side, running
from benchmarks.process import Child
from benchmarks.streams import CHUNK, Stalled, discard, fill, receive, send

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
#: Bytes through each connection before the clock starts: fills windows and buffers.
_WARM_UP = 256 * 1024
#: Connections on which a bulk transfer is measured.
_STREAMS = (1, 16)
#: Launches of each side a round; one is soon done and varies much.
_LAUNCHES = 3
#: Connections made, and kept, before the growth of memory is measured, so
#: that what only the first one costs (imports, tables) is not in the figure.
_FIRST_CONNECTIONS = 8
#: Round trips, and connections, that are not measured.
_UNTIMED = 16
_TRIP = 64
#: Memory counts as settled when it changes by less than this part ...
_STEADY = 0.01
#: ... between two readings this many seconds apart; no longer than that many readings.
_READING_INTERVAL = 0.25
_MAX_READINGS = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """
    How much of everything.

    :ivar mib: MiB in one bulk transfer, over all its connections together.
    :ivar connects: connections made for the connection rate.
    :ivar concurrency: how many of those are made at the same time.
    :ivar trips: round trips.
    :ivar open: connections held open while memory is read.
    """

    mib: int
    connects: int
    concurrency: int
    trips: int
    open: int


@dataclass(frozen=True, slots=True)
class Figure:
    """
    What a number means.

    :ivar label: one line, unique.
    :ivar unit: of the value.
    :ivar better: ``"more"``, ``"less"``, or ``"-"`` for what only explains others.
    """

    label: str
    unit: str
    better: str


Figures = list[tuple[Figure, float]]


def startup(side: Side, method: str, destination: Destination, sizes: Sizes) -> Figures:
    """
    Time from launch to ``CMETHODS DONE`` and to ``SMETHODS DONE``.
    """
    clients, servers = [], []
    for _ in range(_LAUNCHES):
        with running(side, method, destination) as pair:
            clients.append(pair.client.startup)
            servers.append(pair.server.startup)
    return [
        (Figure("start-up to CMETHODS DONE", "ms", "less"), 1e3 * statistics.median(clients)),
        (Figure("start-up to SMETHODS DONE", "ms", "less"), 1e3 * statistics.median(servers)),
    ]


def memory(side: Side, method: str, destination: Destination, sizes: Sizes) -> Figures:
    """
    Memory after start-up, and how much each open connection adds.
    """
    figures: Figures = []
    with running(side, method, destination) as pair:
        children = (("client", pair.client), ("server", pair.server))
        idle = [_settled(child) for _, child in children]
        with pair.opened(ECHO, _FIRST_CONNECTIONS):
            before = [_settled(child) for _, child in children]
            with pair.opened(ECHO, sizes.open):
                after = [_settled(child) for _, child in children]
    for index, (name, _) in enumerate(children):
        for kind in ("pss", "rss"):
            start, base, end = (getattr(each[index], kind) for each in (idle, before, after))
            label = f"{name} memory ({kind.upper()})"
            figures += [
                (Figure(f"{label} idle", "MiB", "less"), start / 1024),
                (Figure(f"{label} with {sizes.open} open", "MiB", "less"), end / 1024),
                (Figure(f"{label} per open", "KiB", "less"), (end - base) / sizes.open),
            ]
    return figures


def _settled(child: Child) -> usage.Memory:
    last = usage.memory(child.pid)
    for _ in range(_MAX_READINGS):
        time.sleep(_READING_INTERVAL)
        now = usage.memory(child.pid)
        if abs(now.rss - last.rss) <= _STEADY * last.rss:
            return now
        last = now
    return last


def roundTrips(side: Side, method: str, destination: Destination, sizes: Sizes) -> Figures:
    """
    Round-trip time of a few bytes on one idle connection.
    """
    times = []
    message = bytes(_TRIP)
    with running(side, method, destination) as pair, pair.open(ECHO) as stream:
        buffer = memoryview(bytearray(_TRIP))
        for _ in range(_UNTIMED + sizes.trips):
            begun = time.perf_counter()
            send(stream, message)
            discard(stream, _TRIP, buffer)
            times.append(1e6 * (time.perf_counter() - begun))
    del times[:_UNTIMED]
    highest = statistics.quantiles(times, n=20)[-1]
    return [
        (Figure(f"{_TRIP}-byte round trip, median", "us", "less"), statistics.median(times)),
        (Figure(f"{_TRIP}-byte round trip, 95th percentile", "us", "less"), highest),
    ]


def connects(side: Side, method: str, destination: Destination, sizes: Sizes) -> Figures:
    """
    Connections a second: SOCKS, handshake, one byte there and back, close.
    """
    each = -(-sizes.connects // sizes.concurrency)
    total = each * sizes.concurrency

    def work() -> None:
        for _ in range(each):
            pair.open(ECHO).close()

    with running(side, method, destination) as pair:
        with pair.opened(ECHO, _UNTIMED):
            pass
        seconds, costs = _timed(pair, [work] * sizes.concurrency)
    label = f"new connections, {sizes.concurrency} at a time"
    rate = (Figure(label, "1/s", "more"), total / seconds)
    return [rate, *_costs(label, "ms each", [1e3 * cost / total for cost in costs])]


def bulk(side: Side, method: str, destination: Destination, sizes: Sizes) -> Figures:
    """
    Throughput down and up, and what it costs each side, on one connection
    and on several.
    """
    figures: Figures = []
    for count in _STREAMS:
        share = sizes.mib * _MIB // count
        for name, service, transfer in (("down", GIVE, _fetch), ("up", SINK, _deliver)):
            label = f"bulk {name}, {count} connection{'s' if count > 1 else ''}"
            with running(side, method, destination) as pair:
                figures += _bulkRun(pair, label, service, transfer, count, share)
    return figures


def _bulkRun(
    pair: Pair,
    label: str,
    service: bytes,
    transfer: Callable[[Socket, int, memoryview], None],
    count: int,
    share: int,
) -> Figures:
    total = share * count
    with pair.opened(service, count) as streams:
        buffers = [memoryview(bytearray(CHUNK)) for _ in streams]
        for stream, buffer in zip(streams, buffers, strict=True):
            transfer(stream, _WARM_UP, buffer)

        def job(stream: Socket, buffer: memoryview) -> Callable[[], None]:
            return lambda: transfer(stream, share, buffer)

        seconds, costs = _timed(pair, list(map(job, streams, buffers)))
    rate = (Figure(label, "MB/s", "more"), total / 1e6 / seconds)
    return [rate, *_costs(label, "s/GiB", [cost * _GIB / total for cost in costs])]


def _fetch(stream: Socket, count: int, buffer: memoryview) -> None:
    send(stream, COUNT.pack(count))
    discard(stream, count, buffer)


def _deliver(stream: Socket, count: int, buffer: memoryview) -> None:
    send(stream, COUNT.pack(count))
    fill(stream, count)
    if receive(stream, 1) != SINK:
        raise Stalled("the confirmation came back changed")


def _costs(label: str, unit: str, costs: Sequence[float]) -> Figures:
    # The load's own is no merit of either side: no direction is the better one.
    kinds = (("client", "less"), ("server", "less"), ("load's own", "-"))
    return [
        (Figure(f"{label}: {name} CPU", unit, better), cost)
        for (name, better), cost in zip(kinds, costs, strict=True)
    ]


def _timed(pair: Pair, jobs: Sequence[Callable[[], None]]) -> tuple[float, list[float]]:
    before = pair.cpuSeconds()
    begun = time.perf_counter()
    inParallel(jobs)
    seconds = time.perf_counter() - begun
    return seconds, [b - a for a, b in zip(before, pair.cpuSeconds(), strict=True)]


def inParallel(jobs: Sequence[Callable[[], None]]) -> None:
    """
    Run each of ``jobs`` in a thread of its own and wait for all.

    :raises Exception: the first of theirs, if any.
    """
    failures: list[Exception] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


Measurement = Callable[[Side, str, Destination, Sizes], Figures]
#: In the order in which they run and are printed.
MEASUREMENTS: dict[str, Measurement] = {
    "startup": startup,
    "memory": memory,
    "rtt": roundTrips,
    "connect": connects,
    "bulk": bulk,
}
