"""
kcp over real UDP: bad paths, clients that move, what is carried on top, processes.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.remotes import Remote
from pyptwist.services import TransportServer, TransportTunnel
from pyptwist.stacks import Stack
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, connect
from pyptwist.transports.kcp.method import Kcp
from tests.datagramrelay import DatagramRelay, relay
from tests.interop import ours
from tests.interop.exchange import MIB, ends, exchange, pause

#: Bytes each way.
BULK: Final = 16 * MIB


class PathTests(TestCase):
    """
    Our client and our server.
    """

    timeout = 120
    path: DatagramRelay

    async def joined(self, expression: str) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection, over a path that loses and reorders.
        """
        method = Kcp if expression == "kcp" else lambda: Stack(expression)
        server = await ours.serve(self, None, method)
        self.path = relay(self, server.address, loss=0.02, late=0.05)
        here = await ours.connecting(self, self.path.address, server.arguments, method)
        there = await server.accept()
        await pause(0)  # it is connected behind its being accepted
        return here, there

    async def moving(self, expression: str, size: int) -> None:
        """
        Carry data, while the client's address changes again and again.
        """
        streams = await self.joined(expression)
        self.path.rebindEvery = size // 1300 // 3
        await exchange(self, streams, size)
        self.assertGreater(self.path.rebound, 3)
        self.assertGreater(self.path.lost, 0)
        self.path.rebindEvery = 0
        await ends(self, streams)

    async def test_moving(self) -> None:
        await self.moving("kcp", BULK)

    async def test_smuxMoving(self) -> None:
        await self.moving("smux|kcp", BULK // 4)

    async def test_obfs4Moving(self) -> None:
        await self.moving("obfs4|kcp", BULK // 4)


class ProcessTests(TestCase):
    """
    Both sides in processes, driven through the PT protocol and SOCKS.
    """

    async def test_processes(self) -> None:
        """
        With options for the server, of which the client is told what it must know.
        """
        destination = listen(self)
        options = {"kcp": {"framing": "kcptun", "mode": "fast"}}
        server = await launchServer(self, pyptwistCommand(), destination.address, ["kcp"], options)
        client = await launchClient(self, pyptwistCommand(), ["kcp"])
        bridge = server.method("kcp")
        self.assertEqual(bridge.arguments, {"framing": "kcptun"})
        here = await socksConnect(
            self, client.method("kcp").address, bridge.address, bridge.arguments
        )
        # The server hears of a client by its first words.
        await here.send(b"question")
        there = await destination.accept()
        self.assertEqual(await there.read(8), b"question")
        await there.send(b"answer")
        self.assertEqual(await here.read(6), b"answer")


class ServiceTests(TestCase):
    """
    Both sides as services of this process.
    """

    async def serve(self, host: str) -> tuple[TransportServer, TransportTunnel]:
        """
        :returns: both, started.
        """
        destination = listen(self, echo)
        here = HostPort(host, 0)
        server = TransportServer(theReactor(), "kcp", here, HostPort(*destination.address))
        bridge = await server.start()
        tunnel = TransportTunnel(theReactor(), Remote("kcp", bridge))
        await tunnel.start()
        return server, tunnel

    async def say(self, tunnel: TransportTunnel) -> Stream:
        """
        Something comes back.
        """
        stream = await connect(self, (tunnel.address.host, tunnel.address.port))
        await stream.send(b"hello")
        self.assertEqual(await stream.read(5), b"hello")
        return stream

    async def test_stop(self) -> None:
        """
        Whichever side stops first, with connections open, no socket and no timer stays.
        """
        for order in (1, -1):
            services = await self.serve("127.0.0.1")
            await self.say(services[1])
            for service in services[::order]:
                await service.stop()

    async def test_ipv6(self) -> None:
        """
        Addresses may be of the other kind.
        """
        server, tunnel = await self.serve("::1")
        await self.say(tunnel)
        await tunnel.stop()
        await server.stop()
