"""
Many connections between ours and obfs4proxy's processes, for their statistics.

A connection is a handshake and then, by turns, a request and a response, each
one write of its application.  Nobody writes before it has read all of what the
other has written, so each write is one burst on the wire.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, together
from tests.interop.flowtap import SEGMENT, Flow, FlowTap, Link, Sent
from tests.interop.likeness import Comparison
from tests.peers import requirePeer

#: What applications write, in bytes: for each kind of connection three requests,
#: each with its response.  Around the lengths of one frame, of tor's cells and of
#: TLS's handshakes; many of the second ones such that the likely lengths of the
#: tables leave too little room for a frame of padding; and all short enough for a
#: burst to leave in one go.
SCRIPTS: Final = (
    ((517, 1400), (514, 984), (1028, 5000)),
    ((300, 3000), (984, 1428), (1, 9000)),
    ((2, 2), (2411, 70), (9000, 514)),
    ((1448, 6000), (70, 3838), (514, 1)),
)

#: Of the addresses of this machine.
_FIRST_HOST: Final = IPv4Address("127.1.0.0")

#: Connections at a time.
_WORKERS: Final = 8

OURS: Final = "ours"
THEIRS: Final = "theirs"

#: Whose client, and whose server.
Pair = tuple[str, str]

PAIRS: Final = [(near, far) for near in (OURS, THEIRS) for far in (OURS, THEIRS)]

Flows = Mapping[Pair, Sequence[Flow]]


async def respond(stream: Stream) -> None:
    """
    The destination of all connections.

    The first two bytes say which script it is.
    """
    number = int.from_bytes(await stream.read(2), "big")
    read = 2
    for request, response in SCRIPTS[number]:
        await stream.read(request - read)
        stream.write(bytes(response))
        read = 0


class Laboratory:
    """
    One method's clients and servers, ours and theirs, as processes.
    """

    def __init__(
        self,
        test: TestCase,
        method: str,
        options: Mapping[str, str] | None = None,
        state: Mapping[str, bytes] | None = None,
        again: int = 1,
    ) -> None:
        """
        :param options: of the servers.
        :param state: files in the servers' state directories.
        :param again: how often a client connects to one address of the server,
            before it is given another.
        """
        self._test = test
        self._method = method
        self._options = {method: options} if options else {}
        self._state = state or {}
        self._again = again
        self._commands = {OURS: pyptwistCommand(), THEIRS: [requirePeer("obfs4proxy")]}
        self._clients: dict[str, PTChild] = {}
        self._servers: dict[str, PTChild] = {}
        self._hosts = itertools.count()

    async def flows(self, pairs: Sequence[Pair], count: int) -> Flows:
        """
        :param pairs: whose client, and whose server.  They take turns, so that
            what else the machine does is the same for all.
        :param count: of connections for each.
        :returns: as many; those to one address are neighbours, the first one first.
        """
        for near, far in pairs:
            await self._start(near, far)
        found: dict[Pair, list[Flow]] = {pair: [] for pair in pairs}
        visits = iter(itertools.product(range(count // self._again), pairs))
        await together(*(self._work(visits, found) for _ in range(_WORKERS)))
        return found

    async def _start(self, near: str, far: str) -> None:
        if near not in self._clients:
            self._clients[near] = await launchClient(
                self._test, self._commands[near], [self._method]
            )
        if far not in self._servers:
            self._servers[far] = await launchServer(
                self._test,
                self._commands[far],
                listen(self._test, respond).address,
                [self._method],
                self._options,
                state=self._stateDirectory(),
            )

    def _stateDirectory(self) -> Path:
        directory = freshDirectory(self._test)
        directory.mkdir(mode=0o700)
        for name, content in self._state.items():
            (directory / name).write_bytes(content)
        return directory

    async def _work(
        self, visits: Iterator[tuple[int, Pair]], found: dict[Pair, list[Flow]]
    ) -> None:
        for number, pair in visits:
            near, far = pair
            bridge = self._servers[far].method(self._method)
            proxy = self._clients[near].method(self._method).address
            # Never the same one again: a client may remember it.
            tap = FlowTap(self._test, bridge.address, str(_FIRST_HOST + next(self._hosts)))
            flows = []
            for _ in range(self._again):
                stream = await socksConnect(
                    self._test, proxy, tap.address, bridge.arguments or None
                )
                flows.append(
                    await self._converse(stream, await tap.accept(), number % len(SCRIPTS))
                )
                tap.far = True
            found[pair] += flows
            await tap.stop()

    async def _converse(self, stream: Stream, link: Link, number: int) -> Flow:
        flow = [link.step()]
        head = number.to_bytes(2, "big")
        for request, response in SCRIPTS[number]:
            stream.write(head + bytes(request - len(head)))
            await stream.read(response)
            flow.append(link.step())
            head = b""
        await stream.drop()
        return flow


#: What is measured of one flow.
Quantities = Mapping[str, Callable[[Flow], int | str]]


def quantities(side: str, sequence: Callable[[Flow], str]) -> Quantities:
    """
    :param side: ``client`` or ``server``.
    :param sequence: names the sequence of directions of a flow.
    :returns: what is compared of that side.
    """

    def size(step: int) -> Callable[[Flow], int]:
        def measure(flow: Flow) -> int:
            sent: Sent = getattr(flow[step], side)
            return sent.size

        return measure

    def last(step: int) -> Callable[[Flow], int]:
        return lambda flow: size(step)(flow) % SEGMENT

    found: dict[str, Callable[[Flow], int | str]] = {"handshake": size(0), "sequence": sequence}
    for step in range(1, 1 + len(SCRIPTS[0])):
        found[f"burst {step}"] = size(step)
        found[f"burst {step} mod {SEGMENT}"] = last(step)
    return found


def compare(
    what: str, quantities: Quantities, ours: Sequence[Flow], theirs: Sequence[Flow]
) -> list[Comparison]:
    """
    :param what: goes into the names.
    """
    return [
        Comparison(
            f"{what}, {name}", [measure(flow) for flow in ours], [measure(flow) for flow in theirs]
        )
        for name, measure in quantities.items()
    ]


def compareSides(
    flows: Flows, client: Quantities, server: Quantities, what: str = ""
) -> list[Comparison]:
    """
    Clients with either server, and servers with either client; and each side with both.

    :param flows: of all pairs.
    :param client: what is compared of clients.
    :param what: goes in front of the names.
    """
    found = []
    for peer in OURS, THEIRS:
        ofClients, ofServers = f"{what}client with {peer}", f"{what}server with {peer}"
        found += compare(ofClients, client, flows[OURS, peer], flows[THEIRS, peer])
        found += compare(ofServers, server, flows[peer, OURS], flows[peer, THEIRS])
    for end, side, measured in ((0, "client", client), (1, "server", server)):
        ours, theirs = (_joined(flows, end, whose) for whose in (OURS, THEIRS))
        found += compare(what + side, measured, ours, theirs)
    return found


def _joined(flows: Flows, end: int, whose: str) -> list[Flow]:
    """
    :param end: 0 for the client's, 1 for the server's.
    :returns: the flows of all pairs of which this end is whose.
    """
    return [flow for pair, some in flows.items() if pair[end] == whose for flow in some]
