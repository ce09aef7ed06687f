"""
Our obfs2 and obfs4proxy's; and ours with ours where obfs4proxy knows no shared
secrets.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.transports.obfs2 import Obfs2
from tests.interop.exchange import MIB, exchange
from tests.interop.peering import PeeringTests, ProcessTests, question

SECRET = {"shared-secret": "correct;horse,battery=staple"}


class TestPeering(PeeringTests, TestCase):
    method = Obfs2


class TestProcesses(ProcessTests, TestCase):
    name = "obfs2"

    async def test_secret(self) -> None:
        """
        Both know it: the server publishes it.
        """
        destination = listen(self)
        command = pyptwistCommand()
        proxy, bridge, arguments = await self.launched(destination, command, command, SECRET)
        self.assertEqual(arguments, SECRET)
        for _ in range(3):
            here = await socksConnect(self, proxy, bridge, arguments or None)
            await exchange(self, (here, await destination.accept()), MIB)
        here = await socksConnect(self, proxy, bridge, arguments or None)
        await question(self, (here, await destination.accept()))

    async def test_wrongSecret(self) -> None:
        """
        Nobody reaches the destination, nor is told why.
        """
        destination = listen(self)
        command = pyptwistCommand()
        proxy, bridge, _ = await self.launched(destination, command, command, SECRET)
        for arguments in ({"shared-secret": "wrong"}, {}):
            with self.assertRaises(SocksRefused):
                await socksConnect(self, proxy, bridge, arguments or None)
        self.assertEqual(destination.streams, [])
