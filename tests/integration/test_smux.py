"""
smux over obfs4, as two processes and many applications.
"""

from __future__ import annotations

from typing import Final

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.services import LOCAL, TransportServer, TransportTunnel
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand, twistdCommand
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, connect, payload, sha256, together
from pyptwist.testing.wiretap import Tap
from tests.integration.pour import Pour

_STACK: Final = ["--stack", "smux_obfs4=smux|obfs4"]
_STREAMS: Final = 60
_SIZE: Final = 128 * 1024


class Services(TestCase):
    """
    Within a program.
    """

    async def test_stopped(self) -> None:
        """
        A client that stops leaves no session behind, and no timer, though its last
        stream has just ended.
        """
        destination = HostPort(*listen(self, echo).address)
        server = TransportServer(
            reactor, "smux|obfs4", LOCAL, destination, state=str(freshDirectory(self))
        )
        await server.start()
        tunnel = TransportTunnel(reactor, server.remote())
        address = await tunnel.start()
        for _ in range(2):
            stream = await connect(self, (address.host, address.port))
            await stream.send(b"to and fro")
            self.assertEqual(await stream.read(10), b"to and fro")
            stream.close()
        await tunnel.stop()
        await server.stop()
        self.assertEqual(server.metrics.connectionsOpen, 0)


class SmuxOverObfs4(TestCase):
    """
    A client's process and a server's, with the wire between them watched.
    """

    timeout = 120

    async def _launch(self, options: dict[str, str]) -> tuple[Tap, PTChild]:
        """
        :param options: of the server, whose applications echo.
        :returns: the wire, and the client.
        """
        server = await launchServer(
            self,
            [*pyptwistCommand(), *_STACK],
            listen(self, echo).address,
            ["smux_obfs4"],
            {"smux_obfs4": options},
        )
        bridge = server.method("smux_obfs4")
        self.arguments = bridge.arguments
        client = await launchClient(self, [*twistdCommand(), *_STACK], ["smux_obfs4"])
        return Tap(self, bridge.address), client

    async def _reach(self, tap: Tap, client: PTChild) -> Stream:
        address = client.method("smux_obfs4").address
        return await socksConnect(self, address, tap.address, self.arguments)

    async def _echoed(self, stream: Stream, seed: int) -> None:
        data = payload(_SIZE, seed)
        _, answer = await together(stream.send(data), stream.digest(_SIZE))
        self.assertEqual(answer, sha256(data))

    async def test_oneConnection(self) -> None:
        """
        Sixty SOCKS connections, made and used at the same time, are one TCP
        connection; one of them that is not read holds up nobody.
        """
        tap, client = await self._launch({})
        streams = await together(*(self._reach(tap, client) for _ in range(_STREAMS)))
        lazy = await self._reach(tap, client)
        pour = Pour(lazy, seed=1)
        await pour.stalled()
        await together(*(self._echoed(each, seed) for seed, each in enumerate(streams)))
        self.assertEqual(len(tap.streams), 1)
        # It loses nothing by that.
        sent = pour.stopAfter(_SIZE)
        self.assertEqual(await lazy.digest(sent), pour.hexdigest())
        lazy.close()
        for stream in streams:
            stream.close()
        await self._echoed(await self._reach(tap, client), 100)
        self.assertEqual(len(tap.streams), 1)

    async def test_lostConnection(self) -> None:
        """
        When the TCP connection is lost, all are; and the next one is made.
        """
        tap, client = await self._launch({"smux-version": "1"})
        self.assertEqual(self.arguments["smux-version"], "1")
        streams = await together(*(self._reach(tap, client) for _ in range(5)))
        await together(*(self._echoed(each, seed) for seed, each in enumerate(streams)))
        await tap.streams[0].drop()
        for stream in streams:
            self.assertEqual(await stream.readToEnd(), b"")
        await self._echoed(await self._reach(tap, client), 100)
        self.assertEqual(len(tap.streams), 2)
