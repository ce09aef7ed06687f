"""
What the interoperation tests of a method that knows no keys have in common:
ours and obfs4proxy's, each as client and as server, over loopback TCP.

``PeeringTests`` has our side in the test's process, ``ProcessTests`` has both
sides in processes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import Destination, listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, connect, payload, sha256
from tests.interop import ours
from tests.interop.exchange import A_WHILE, MIB, ends, exchange
from tests.peers import requirePeer
from tests.shown import shown

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object

#: Bytes of random data each way.
BULK: Final = 16 * MIB


def reference() -> list[str]:
    """
    obfs4proxy's command.
    """
    return [requirePeer("obfs4proxy")]


async def question(test: TestCase, streams: tuple[Stream, Stream]) -> None:
    """
    The client speaks first, and is answered.

    :param streams: both ends of one connection, the client's first.
    """
    here, there = streams
    await here.send(b"question")
    test.assertEqual(await there.read(8), b"question")
    await there.send(b"answer")
    test.assertEqual(await here.read(6), b"answer")


async def greeting(test: TestCase, streams: tuple[Stream, Stream]) -> None:
    """
    The server alone speaks, and closes; the client never says a word.
    """
    here, there = streams
    words = payload(100_000, 4)
    await there.send(words)
    there.close()
    test.assertEqual(sha256(await here.readToEnd()), sha256(words))


class PeeringTests(_Case):
    """
    Both roles, our side in this process.

    :cvar method: our class.
    """

    timeout = 120
    method: Any

    async def theirServer(self, destination: Destination) -> Address:
        name = self.method.name
        server = await launchServer(self, reference(), destination.address, [name])
        return server.method(name).address

    async def oursToTheirs(self) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that our client opened.
        """
        destination = listen(self)
        bridge = await self.theirServer(destination)
        here = await ours.connecting(self, bridge, {}, self.method)
        return here, await destination.accept()

    async def theirsToOurs(self) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that obfs4proxy's client opened.
        """
        server = await ours.serve(self, method=self.method)
        name = self.method.name
        client = await launchClient(self, reference(), [name])
        here = await socksConnect(self, client.method(name).address, server.address)
        return here, await server.accept()

    async def test_oursToTheirs(self) -> None:
        await exchange(self, await self.oursToTheirs(), BULK)
        shown(self.method.name, "obfs4proxy's server")

    async def test_theirsToOurs(self) -> None:
        await exchange(self, await self.theirsToOurs(), BULK)
        shown(self.method.name, "obfs4proxy's client")

    async def test_clientFirst(self) -> None:
        await question(self, await self.oursToTheirs())
        await question(self, await self.theirsToOurs())

    async def test_serverAlone(self) -> None:
        await greeting(self, await self.oursToTheirs())
        await greeting(self, await self.theirsToOurs())

    async def test_oneByteWrites(self) -> None:
        await exchange(self, await self.oursToTheirs(), 2000, chunk=1)
        await exchange(self, await self.theirsToOurs(), 2000, chunk=1)

    async def test_largeWrites(self) -> None:
        await exchange(self, await self.oursToTheirs(), 4 * MIB, chunk=MIB)
        await exchange(self, await self.theirsToOurs(), 4 * MIB, chunk=MIB)

    async def test_close(self) -> None:
        await ends(self, await self.oursToTheirs())
        await ends(self, await self.theirsToOurs())

    async def test_garbage(self) -> None:
        """
        Behind its greeting, our server says nothing to who sends garbage, and
        does not close; obfs4proxy's does.
        """
        server = await ours.serve(self, method=self.method)
        prober = await self._probed(server.address)
        prober.patience = A_WHILE
        with self.assertRaises(TimeoutError):
            await prober.readToEnd()
        self.assertIsNone(prober.reason)
        self.assertEqual([stream.received for stream in server.streams if stream.received], [])

        prober = await self._probed(await self.theirServer(listen(self)))
        await prober.readToEnd()

    async def _probed(self, server: Address) -> Stream:
        """
        :returns: a connection of somebody who sent garbage, and has read the
            greeting.
        """
        prober = await connect(self, server)
        await prober.send(os.urandom(20_000))
        self.assertNotEqual(await prober.readSome(), b"")
        return prober


class ProcessTests(_Case):
    """
    Both sides in processes, driven through the PT protocol and SOCKS.

    :cvar name: of the method.
    """

    timeout = 120
    name: str

    async def launched(
        self,
        destination: Destination,
        client: Sequence[str],
        server: Sequence[str],
        options: Mapping[str, str] | None = None,
    ) -> tuple[Address, Address, dict[str, str]]:
        """
        :param client: the command.
        :param options: the server's.
        :returns: where the client listens and the server, and what it published.
        """
        given = {self.name: options} if options else None
        bridge = await launchServer(self, server, destination.address, [self.name], given)
        proxy = await launchClient(self, client, [self.name])
        method = bridge.method(self.name)
        return proxy.method(self.name).address, method.address, method.arguments

    async def _bulk(self, client: Sequence[str], server: Sequence[str]) -> None:
        destination = listen(self)
        proxy, bridge, arguments = await self.launched(destination, client, server)
        here = await socksConnect(self, proxy, bridge, arguments or None)
        await exchange(self, (here, await destination.accept()), BULK)
        here = await socksConnect(self, proxy, bridge, arguments or None)
        await question(self, (here, await destination.accept()))

    async def test_oursToTheirs(self) -> None:
        await self._bulk(pyptwistCommand(), reference())

    async def test_theirsToOurs(self) -> None:
        await self._bulk(reference(), pyptwistCommand())

    async def test_oursToOurs(self) -> None:
        await self._bulk(pyptwistCommand(), pyptwistCommand())
