"""
What a censor may count of shadow with a password: bytes, segments, and who sends when.
Ours and shadowsocks-libev's must be alike, with either peer.

The p-values are in trial's log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.python import log
from twisted.trial.unittest import TestCase

from pyptwist.testing.streams import together
from tests.interop.flows import PAIRS, THEIRS, compare, compareSides
from tests.interop.likeness import Comparison, differences
from tests.interop.shadowflows import SIDES, ShadowLaboratory, quantities

#: Connections of each client with each server.  Nothing here is drawn by lot, so what
#: is different is so in most connections of a kind; and a machine that is so busy that
#: one write in five is late is no difference.
COUNT: Final = 32


class ShadowStatisticsTests(TestCase):
    timeout = 240

    async def test_aes256(self) -> None:
        await self.assertAlike("aes-256-gcm")

    async def test_chacha20(self) -> None:
        await self.assertAlike("chacha20-ietf-poly1305")

    async def assertAlike(self, cipher: str) -> None:
        """
        Clients are alike with either server, and servers with either client.
        """
        laboratory = ShadowLaboratory(self, cipher)

        async def measure(count: int) -> Sequence[Comparison]:
            found = []
            for kind, flows in enumerate(await laboratory.flows(PAIRS, count)):
                client, server = (quantities(side, kind) for side in SIDES)
                found += compareSides(flows, client, server, f"{kind}, ")
            return found

        found, table = await differences(measure, COUNT)
        log.msg(f"p-values of {self.id()}:\n{table}")
        self.assertEqual(found, [], table)

    async def test_noDelay(self) -> None:
        """
        That what is measured here shows a difference: shadowsocks-libev that was told
        not to join small writes.
        """
        cipher = "aes-256-gcm"
        these = ShadowLaboratory(self, cipher)
        others = ShadowLaboratory(self, cipher, "--no-delay")
        pair = THEIRS, THEIRS

        async def measure(count: int) -> list[Comparison]:
            both = await together(*(lab.flows([pair], count, [0]) for lab in (these, others)))
            flows = [kinds[0][pair] for kinds in both]
            client, server = (compare(side, quantities(side, 0), *flows) for side in SIDES)
            return [*client, *server]

        found, table = await differences(measure, COUNT)
        for side, small in (("client", (1, 3)), ("server", (0, 3))):
            names = {f"{side}, segments of step {step}" for step in small}
            # A machine so busy that it is late all the time hides one, seldom.
            self.assertTrue(names & set(found), table)
        self.assertNotIn("client, segments of step 0", found, table)
        self.assertEqual([name for name in found if "segments" not in name], [], table)
