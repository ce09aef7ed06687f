"""
What a censor may count of a method: lengths of first messages and of bursts, and
who sends when.  Ours and obfs4proxy's must be alike, with either peer.

The p-values are in trial's log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import time
from typing import Final

from twisted.python import log
from twisted.trial.unittest import TestCase

from pyptwist.transports.scramblesuit.identity import STATE_FILE, ServerState
from pyptwist.transports.scramblesuit.tickets import TicketKeys
from tests.interop.exchange import OPTIONS, withMode
from tests.interop.flows import (
    OURS,
    PAIRS,
    THEIRS,
    Laboratory,
    compare,
    compareSides,
    quantities,
)
from tests.interop.flowtap import Flow
from tests.interop.likeness import Comparison, Measure, differences

#: Connections of each client with each server.  One client, with both, has twice
#: as many, of which ``tests.interop.test_likeness`` shows that they are enough.
COUNT: Final = int(os.environ.get("PYPTWIST_FLOW_CONNECTIONS", "1000"))

#: The same, where a handshake takes longer, or there is less to see.
FEWER: Final = COUNT // 2

#: With it, many a burst needs the longer kind of padding.
SCRAMBLESUIT_SEED: Final = bytes(range(174, 206))
TICKET_KEYS: Final = TicketKeys(int(time()), bytes(16), bytes(32))


def causal(flow: Flow) -> str:
    """
    Who sends after whom, and in how many writes.
    """
    return " ".join(f"{step.order}{step.client.writes}{step.server.writes}" for step in flow)


def simultaneous(flow: Flow) -> str:
    """
    The same, where both begin at once, and who is first is chance.
    """
    return causal([replace(flow[0], order=""), *flow[1:]])


class FlowStatisticsTests(TestCase):
    timeout = 240

    async def test_obfs4(self) -> None:
        """
        Both servers have the same seed, hence the same table of lengths.
        """
        await self.assertAlike(Laboratory(self, "obfs4", withMode(0)), causal, COUNT)

    async def test_obfs3(self) -> None:
        await self.assertAlike(Laboratory(self, "obfs3"), simultaneous, FEWER)

    async def test_obfs2(self) -> None:
        await self.assertAlike(Laboratory(self, "obfs2"), simultaneous, FEWER)

    async def test_scramblesuit(self) -> None:
        """
        Clients alone, with our server, first without and then with a ticket.
        """
        identity = ServerState(bytes(20), SCRAMBLESUIT_SEED, bytes(24), (TICKET_KEYS,))
        laboratory = Laboratory(
            self, "scramblesuit", state={STATE_FILE: identity.toJSON()}, again=2
        )
        client = quantities("client", lambda flow: " ".join(str(s.client.writes) for s in flow))
        later = {name: client[name] for name in client if not name.startswith(("hand", "burst 1"))}
        pairs = [(OURS, OURS), (THEIRS, OURS)]

        async def measure(count: int) -> Sequence[Comparison]:
            flows = await laboratory.flows(pairs, count)
            ours, theirs = (flows[pair] for pair in pairs)
            return [
                *compare("with UniformDH", client, *map(readAtOnce, (ours[::2], theirs[::2]))),
                *compare("with a ticket", client, ours[1::2], theirs[1::2]),
                *compare("later", later, ours, theirs),
            ]

        await self.assertNoDifference(measure, COUNT)

    async def test_otherTable(self) -> None:
        """
        That what is measured here shows a difference: a server with other
        lengths is not like this one, from its first burst on, and before that
        it is.
        """
        other = {**withMode(0), "drbg-seed": OPTIONS["drbg-seed"][::-1]}
        these, others = (Laboratory(self, "obfs4", options) for options in (withMode(0), other))
        pair = THEIRS, THEIRS

        async def measure(count: int) -> list[Comparison]:
            flows = [(await lab.flows([pair], count))[pair] for lab in (these, others)]
            return compare("server", quantities("server", causal), *flows)

        found, table = await differences(measure, COUNT // 5)
        self.assertIn("server, burst 1 mod 1448", found, table)
        self.assertNotIn("server, handshake", found, table)

    async def assertAlike(
        self, laboratory: Laboratory, sequence: Callable[[Flow], str], count: int
    ) -> None:
        """
        Clients are alike with either server, and servers with either client.
        """
        client, server = (quantities(side, sequence) for side in ("client", "server"))

        async def measure(count: int) -> Sequence[Comparison]:
            flows = await laboratory.flows(PAIRS, count)
            return compareSides(flows, client, server)

        await self.assertNoDifference(measure, count)

    async def assertNoDifference(self, measure: Measure, count: int) -> None:
        found, table = await differences(measure, count)
        log.msg(f"p-values of {self.id()}:\n{table}")
        self.assertEqual(found, [], table)


def readAtOnce(flows: Sequence[Flow]) -> list[Flow]:
    """
    :returns: those whose whole answer is one segment, hence one read, so that the
        server's table, which is in there, counts from later on.  In others it is
        chance whether it counts already for obfs4proxy's first burst.
    """
    return [flow for flow in flows if flow[0].server.segments == 1]
