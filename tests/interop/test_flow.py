"""
What a censor sees of obfs4 besides bytes: lengths of bursts, and how
connections end.  Ours and obfs4proxy's, as processes, must look the same.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Stream, connect
from pyptwist.testing.wiretap import Tap
from tests.interop.exchange import MIB, OPTIONS, PUBLIC_KEY, pause, withMode
from tests.peers import requirePeer

#: What the length table of the seed in ``OPTIONS`` has, by obfs4proxy 0.0.14.
LENGTHS: Final = {1090, 1347, 1007, 551, 1021, 517, 1065, 1321, 251, 102, 143, 1024, 134}
#: Padding of two frames overshoots by one frame's overhead.
TAILS: Final = LENGTHS | {length + 21 for length in LENGTHS}
SEGMENT: Final = 1448
BRIDGE: Final = {"node-id": OPTIONS["node-id"], "public-key": PUBLIC_KEY, "iat-mode": "0"}


class FlowCase(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.commands = {"theirs": [requirePeer("obfs4proxy")], "ours": pyptwistCommand()}

    async def connected(self, near: str, far: str) -> tuple[Stream, Stream, Tap]:
        """
        :param near: whose client.
        :param far: whose server.
        :returns: the application's stream, the destination's, and what is between.
        """
        destination = listen(self)
        options = {"obfs4": withMode(0)}
        server = await launchServer(self, self.commands[far], destination.address, options=options)
        bridge = server.method("obfs4")
        tap = Tap(self, bridge.address)
        client = await launchClient(self, self.commands[near])
        here = await socksConnect(
            self, client.method("obfs4").address, tap.address, bridge.arguments
        )
        return here, await destination.accept(), tap


class TestBursts(FlowCase):
    async def test_tails(self) -> None:
        """
        Bursts of both sides end at lengths of the server's table, whoever the
        other side is; the client's from the second on.
        """
        for near, far in (("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")):
            here, there, tap = await self.connected(near, far)
            # The client does not know the table yet.
            await self._burst(1, here, there, tap)
            for size in (1, 300, 1427, 1428, 5000, 30_000):
                for source, sink in ((there, here), (here, there)):
                    length = await self._burst(size, source, sink, tap)
                    self.assertIn(length % SEGMENT, TAILS, f"{size} bytes, {near} to {far}")

    async def _burst(self, size: int, source: Stream, sink: Stream, tap: Tap) -> int:
        """
        :returns: how long it was on the wire.
        """
        before = len(tap.toServer) + len(tap.toClient)
        await source.send(bytes(size))
        await sink.read(size)
        return await self._quiet(tap) - before

    async def _quiet(self, tap: Tap) -> int:
        """
        Wait until nothing passes any more.

        :returns: how much has passed, both ways.
        """
        passed = -1
        while passed != (passed := len(tap.toServer) + len(tap.toClient)):
            await pause(0.02)
        return passed


class TestEnds(FlowCase):
    async def test_unread(self) -> None:
        """
        Who leaves without having read all resets, and sends no FIN before.
        """
        for whose in self.commands:
            here, there, tap = await self.connected(whose, whose)
            await self._fill(there, tap.toClient)
            here.close()
            await self._assertEnds(tap.streams[0], ConnectionLost, f"{whose}, the client")

            here, there, tap = await self.connected(whose, whose)
            await self._fill(here, tap.toServer)
            there.close()
            await self._assertEnds(tap.onward[0], ConnectionLost, f"{whose}, the server")

    async def _fill(self, source: Stream, wire: bytearray) -> None:
        """
        Write until nothing passes the wire any more, since nobody reads.
        """
        sending = Deferred.fromCoroutine(source.send(bytes(32 * MIB)))
        sending.addErrback(lambda reason: reason.trap(EOFError))
        passed = -1
        while passed != (passed := len(wire)):
            await pause(0.3)
        self.assertFalse(sending.called, "it was all taken")

    async def test_garbageForClient(self) -> None:
        """
        A client that is answered with garbage leaves what exceeds a handshake
        unread, hence resets; if nothing does, its end is a FIN.
        """
        for whose, command in self.commands.items():
            client = (await launchClient(self, command)).method("obfs4").address
            for size, how in ((64 * 1024, ConnectionLost), (8192, ConnectionDone)):
                impostor = listen(self)
                application = await connect(self, client)
                await socksGreet(application, BRIDGE)
                asking = Deferred.fromCoroutine(socksRequest(application, impostor.address))
                stream = await impostor.accept()
                await stream.readSome()
                stream.write(os.urandom(size))
                await self._assertEnds(stream, how, f"{whose}, {size} bytes")
                await self.assertFailure(asking, SocksRefused)

    async def _assertEnds(self, stream: Stream, how: type[Exception], what: str) -> None:
        await stream.lost()
        assert stream.reason is not None
        self.assertTrue(stream.reason.check(how), f"{what}: {stream.reason}")
