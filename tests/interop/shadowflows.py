"""
Many connections between our shadow's processes and shadowsocks-libev's, for their
statistics.

A connection is a number of steps: in each the client's application makes some writes,
and when all of them have arrived the server's does.  Who receives is slow to
acknowledge, as if far away, so that it shows whether small writes wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Address, Stream, connect, together
from tests.interop import shadowsocks
from tests.interop.exchange import pause
from tests.interop.flows import OURS, Flows, Pair, Quantities
from tests.interop.flowtap import Flow, FlowTap, Sent
from tests.interop.shadowsocks import PASSWORD, header

#: What applications write in each step, in bytes, for each kind of connection: the
#: client's writes, and the server's.  Small ones in a row, before, around and behind
#: the first answer; and one that is as long as a chunk, or a byte longer, or several.
SCRIPTS: Final = (
    (
        ((517, 100, 100), (100, 100, 100)),
        ((70, 70, 70), (1400,)),
        ((16383,), (16384,)),
        ((1, 2, 3), (514, 514, 514)),
        ((40_000,), (100_000,)),
    ),
    (
        ((16384,), (40_000,)),
        ((514, 514), (1, 1)),
        ((32_767,), (65_536,)),
        ((2000, 30), (3000, 40)),
        ((49_149,), (16_382,)),
    ),
)

#: What a connection may be: numbers of scripts.
KINDS: Final = range(len(SCRIPTS))

SIDES: Final = ("client", "server")

#: Bytes of the longest write of which segments are compared.  Of several chunks it
#: depends on how fast they are made whether the kernel puts the end of one and the
#: beginning of the next into one segment, if they travel no time at all.
_FEW: Final = 16_384

#: Seconds between the writes of one step.
_GAP: Final = 0.005

#: Clients of each kind at work at a time.
_WORKERS: Final = 4

#: How often a connection is made again in which somebody was late: read two writes at
#: once.  Who does so always is found out.
_TRIES: Final = 10

#: Bytes of the address header.  Our client knows of none: the application puts it into
#: its first write.  Our server gives it to the application.
_HEADER: Final = 7

#: Bytes that a chunk adds to its payload; ss-local makes one of the header alone.
_CHUNK: Final = 34


class ShadowLaboratory:
    """
    Clients and servers, ours and theirs, with one cipher, as processes.
    """

    def __init__(self, test: TestCase, cipher: str, *flags: str) -> None:
        """
        :param flags: more of shadowsocks-libev's programs.
        """
        self._test = test
        self._cipher = cipher
        self._flags = flags
        self._options = {"cipherName": cipher, "password": PASSWORD}
        self._servers: dict[str, Address] = {}
        self._destinations: dict[str, Address] = {}
        self._clients: dict[Pair, list[tuple[FlowTap, Address]]] = {}

    async def flows(
        self, pairs: Sequence[Pair], count: int, kinds: Sequence[int] = KINDS
    ) -> list[Flows]:
        """
        :param pairs: whose client, and whose server; all are at work at the same time.
        :param count: of connections for each.
        :param kinds: of connections, which take turns.
        :returns: for each kind that there is.
        """
        for pair in pairs:
            if pair not in self._clients:
                self._clients[pair] = await self._start(*pair)
        found = [{pair: list[Flow]() for pair in pairs} for _ in SCRIPTS]
        work = []
        for pair in pairs:
            visits = iter([kinds[number % len(kinds)] for number in range(count)])
            results = [flows[pair] for flows in found]
            work += [self._work(visits, pair, *each, results) for each in self._clients[pair]]
        await together(*work)
        return list(found)

    async def _start(self, near: str, far: str) -> list[tuple[FlowTap, Address]]:
        """
        :returns: taps, and whose proxy leads through each.
        """
        if far not in self._servers:
            await self._startServer(far)
        taps = [FlowTap(self._test, self._servers[far], "127.0.0.1") for _ in range(_WORKERS)]
        for tap in taps:
            tap.lazy = True
        if near == OURS:
            client = await launchClient(self._test, pyptwistCommand(), ["shadow"])
            return [(tap, client.method("shadow").address) for tap in taps]
        return [
            (tap, await shadowsocks.local(self._test, self._cipher, tap.address, *self._flags))
            for tap in taps
        ]

    async def _startServer(self, far: str) -> None:
        async def respond(stream: Stream) -> None:
            if far == OURS:
                await stream.read(_HEADER)
            await _respond(stream)

        self._destinations[far] = target = listen(self._test, respond).address
        if far == OURS:
            options = {"shadow": self._options}
            server = await launchServer(self._test, pyptwistCommand(), target, ["shadow"], options)
            self._servers[far] = server.method("shadow").address
        else:
            self._servers[far] = await shadowsocks.server(self._test, self._cipher, *self._flags)

    async def _work(
        self,
        visits: Iterator[int],
        pair: Pair,
        tap: FlowTap,
        proxy: Address,
        results: Sequence[list[Flow]],
    ) -> None:
        for kind in visits:
            for _ in range(_TRIES):
                flow = await self._visit(pair, tap, proxy, kind)
                if not _isLate(flow, kind):
                    break
            results[kind].append(flow)

    async def _visit(self, pair: Pair, tap: FlowTap, proxy: Address, number: int) -> Flow:
        near, far = pair
        begin = self._beginOurs if near == OURS else self._beginTheirs
        flow: Flow = []
        for requests, responses in SCRIPTS[number]:
            pieces = [bytes(size) for size in requests]
            if not flow:
                first = bytes([number]) + pieces.pop(0)[1:]
                stream = await begin(proxy, tap.address, self._destinations[far], first)
                link = await tap.accept()
                await pause(_GAP)
            await _write(stream, pieces)
            await stream.read(sum(responses))
            flow.append(link.step())
        await stream.drop()
        return _withoutHeader(flow, near)

    async def _beginOurs(
        self, proxy: Address, bridge: Address, target: Address, first: bytes
    ) -> Stream:
        stream = await socksConnect(self._test, proxy, bridge, self._options)
        stream.write(header(target) + first)
        return stream

    async def _beginTheirs(
        self, proxy: Address, bridge: Address, target: Address, first: bytes
    ) -> Stream:
        stream = await connect(self._test, proxy)
        await socksGreet(stream)
        asking = Deferred.fromCoroutine(socksRequest(stream, target))
        # It waits for 50 ms, or until there is something to send with the header.
        stream.write(first)
        await asking
        return stream


async def _respond(stream: Stream) -> None:
    """
    The destination of all connections.
    """
    read = 1
    [number] = await stream.read(read)
    for requests, responses in SCRIPTS[number]:
        await stream.read(sum(requests) - read)
        await _write(stream, [bytes(size) for size in responses])
        read = 0


async def _write(stream: Stream, pieces: Sequence[bytes]) -> None:
    for index, piece in enumerate(pieces):
        if index:
            await pause(_GAP)
        stream.write(piece)


def _withoutHeader(flow: Flow, near: str) -> Flow:
    """
    :returns: a flow of payload alone, as if there were no header.
    """
    sent = flow[0].client
    length = _HEADER + (0 if near == OURS else _CHUNK)
    return [replace(flow[0], client=replace(sent, size=sent.size - length)), *flow[1:]]


def _isLate(flow: Flow, kind: int) -> bool:
    """
    :returns: whether there are fewer chunks than writes.
    """
    sides = [
        (sent, sizes)
        for step, script in zip(flow, SCRIPTS[kind], strict=True)
        for sent, sizes in zip((step.client, step.server), script, strict=True)
    ]
    return any(sent.size < sum(sizes) + _CHUNK * len(sizes) for sent, sizes in sides)


def quantities(side: str, kind: int) -> Quantities:
    """
    :param side: ``client`` or ``server``.
    :returns: what is compared of that side, of connections of this kind.
    """
    found: dict[str, Callable[[Flow], int | str]] = {
        "order": lambda flow: " ".join(step.order for step in flow)
    }
    for number, step in enumerate(SCRIPTS[kind]):
        found[f"size of step {number}"] = partial(_measured, side, number, "size")
        if max(step[SIDES.index(side)]) <= _FEW:
            found[f"segments of step {number}"] = partial(_measured, side, number, "segments")
    return found


def _measured(side: str, number: int, what: str, flow: Flow) -> int:
    sent: Sent = getattr(flow[number], side)
    return int(getattr(sent, what))
