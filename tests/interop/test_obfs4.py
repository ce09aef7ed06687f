"""
Our obfs4 and obfs4proxy's, each as client and as server, over loopback TCP.

Our side runs in the test's process, obfs4proxy in its own; tests/interop/
test_child.py has both in processes.  tests/transports/obfs4/test_probing.py has
the exact times of what here is only seen to be silent for a while.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectingCancelledError
from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import Destination, listen
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Address, Stream, connect, together
from pyptwist.testing.wiretap import Tap
from tests.interop import ours
from tests.interop.exchange import (
    A_WHILE,
    BULK,
    MIB,
    OPTIONS,
    PUBLIC_KEY,
    SLOW,
    WRONG_KEY,
    WRONG_NODE,
    ends,
    exchange,
    pause,
    withMode,
)
from tests.peers import requirePeer
from tests.shown import shown


class InteropCase(TestCase):
    timeout = 180

    async def theirServer(self, destination: Destination, options: dict[str, str]) -> Any:
        peer = [requirePeer("obfs4proxy")]
        server = await launchServer(self, peer, destination.address, options={"obfs4": options})
        return server.method("obfs4")

    async def theirClient(self) -> Address:
        client = await launchClient(self, [requirePeer("obfs4proxy")])
        address: Address = client.method("obfs4").address
        return address

    async def oursToTheirs(self, mode: int = 0) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that our client opened.
        """
        destination = listen(self)
        bridge = await self.theirServer(destination, withMode(mode))
        here = await ours.connecting(self, bridge.address, bridge.arguments)
        return here, await destination.accept()

    async def theirsToOurs(self, mode: int = 0) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that obfs4proxy's client opened.
        """
        server = await ours.serve(self, withMode(mode))
        proxy = await self.theirClient()
        here = await socksConnect(self, proxy, server.address, server.arguments)
        return here, await server.accept()


class TestOursToTheirs(InteropCase):
    """
    Our client, obfs4proxy's server.
    """

    async def test_bulk(self) -> None:
        await exchange(self, await self.oursToTheirs(), BULK)
        shown("obfs4", "obfs4proxy's server")

    async def test_slow(self) -> None:
        """
        The modes that sleep, at the same time.
        """
        work = [exchange(self, await self.oursToTheirs(mode), size) for mode, size in SLOW.items()]
        await together(*work)

    async def test_oneByteWrites(self) -> None:
        await exchange(self, await self.oursToTheirs(), 2000, chunk=1)

    async def test_largeWrites(self) -> None:
        await exchange(self, await self.oursToTheirs(), 8 * MIB, chunk=MIB)

    async def test_close(self) -> None:
        for mode in range(3):
            await ends(self, await self.oursToTheirs(mode))

    async def test_oldArguments(self) -> None:
        """
        The form of obfs4proxy 0.0.2.
        """
        destination = listen(self)
        bridge = await self.theirServer(destination, withMode(0))
        old = {"node-id": OPTIONS["node-id"], "public-key": PUBLIC_KEY, "iat-mode": "0"}
        here = await ours.connecting(self, bridge.address, old)
        await exchange(self, (here, await destination.accept()), 1000)

    async def _refused(self, arguments: dict[str, str]) -> None:
        """
        A client that does not know the server is left waiting, until it has
        had enough.
        """
        destination = listen(self)
        bridge = await self.theirServer(destination, withMode(0))
        tap = Tap(self, bridge.address)
        attempt = ours.connecting(self, tap.address, arguments)
        await pause(A_WHILE)
        self.assertFalse(attempt.called)
        self.assertGreater(len(tap.toServer), 140)
        attempt.cancel()
        await self.assertFailure(attempt, ConnectingCancelledError)
        self.assertEqual((bytes(tap.toClient), destination.streams), (b"", []))

    async def test_wrongServer(self) -> None:
        """
        Another key, and another node id, at the same time.
        """
        await together(self._refused(WRONG_KEY), self._refused(WRONG_NODE))


class TestTheirsToOurs(InteropCase):
    """
    obfs4proxy's client, our server.
    """

    async def test_bulk(self) -> None:
        await exchange(self, await self.theirsToOurs(), BULK)
        shown("obfs4", "obfs4proxy's client")

    async def test_slow(self) -> None:
        """
        The modes that sleep, at the same time.
        """
        work = [exchange(self, await self.theirsToOurs(mode), size) for mode, size in SLOW.items()]
        await together(*work)

    async def test_oneByteWrites(self) -> None:
        await exchange(self, await self.theirsToOurs(), 2000, chunk=1)

    async def test_largeWrites(self) -> None:
        await exchange(self, await self.theirsToOurs(), 8 * MIB, chunk=MIB)

    async def test_close(self) -> None:
        for mode in range(3):
            await ends(self, await self.theirsToOurs(mode))

    async def _refused(self, arguments: dict[str, str]) -> None:
        server = await ours.serve(self, withMode(0))
        tap = Tap(self, server.address)
        stream = await connect(self, await self.theirClient())
        await socksGreet(stream, arguments)
        with self.assertRaises(TimeoutError):
            stream.patience = A_WHILE
            await socksRequest(stream, tap.address)
        self.assertGreater(len(tap.toServer), 140)
        self.assertEqual((bytes(tap.toClient), server.streams), (b"", []))

    async def test_wrongServer(self) -> None:
        """
        Another key, and another node id, at the same time.
        """
        await together(self._refused(WRONG_KEY), self._refused(WRONG_NODE))
