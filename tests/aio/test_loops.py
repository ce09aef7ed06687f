"""
Tests for ``pyptwist.aio.loops``.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred

from pyptwist import aio
from pyptwist.aio.connections import Connections
from pyptwist.aio.loops import LoopNetwork, reactorOf
from tests.aio.programs import METHODS, LoopCase, Noting


class ReactorTests(LoopCase):
    """
    The reactor of a loop.
    """

    def test_one(self) -> None:
        """
        A loop has one, that runs; another loop has another, and none is installed.
        """

        async def main() -> Any:
            reactor = await reactorOf(asyncio.get_running_loop())
            self.assertIs(await reactorOf(asyncio.get_running_loop()), reactor)
            self.assertTrue(reactor.running)
            self.assertIsNot(reactor, sys.modules.get("twisted.internet.reactor"))
            return reactor

        first, second = self.run_(main()), self.run_(main())
        self.assertIsNot(first, second)
        self.assertEqual([first.running, second.running], [False, False])

    def test_installed(self) -> None:
        """
        If the program's own reactor runs on this loop, that is it.
        """

        class Installed:
            _asyncioEventloop: Any = None

        async def main() -> None:
            Installed._asyncioEventloop = asyncio.get_running_loop()
            self.patch(sys, "modules", sys.modules | {"twisted.internet.reactor": Installed})
            self.assertIs(await reactorOf(asyncio.get_running_loop()), Installed)

        self.run_(main())

    def test_takenDown(self) -> None:
        """
        The loop's end closes what was left open, and ends what waits.
        """

        async def main() -> tuple[Any, Noting]:
            loop = asyncio.get_running_loop()
            protocol = Noting()
            server = await aio.create_server(Noting, "hello", methods=METHODS)
            await aio.create_connection(lambda: protocol, server.remote(), methods=METHODS)
            reactor = await reactorOf(loop)
            reactor.callLater(100, self.fail)
            return reactor, protocol

        reactor, protocol = self.run_(main())
        self.assertEqual(reactor.getDelayedCalls(), [])
        self.assertEqual(reactor.getReaders(), [])
        ((_, lost),) = protocol.told[1:]
        self.assertIsInstance(lost, ConnectionResetError)

    def test_takenDownPaused(self) -> None:
        """
        Also connections that neither read nor write at that time, on either side.
        """

        async def main() -> list[Any]:
            ends: list[Any] = []

            async def pause(reader: Any, writer: Any) -> None:
                writer.transport.pause_reading()
                ends.append(writer.transport)

            server = await aio.start_server(pause, "hello", methods=METHODS)
            await pause(*await aio.open_connection(server.remote(), methods=METHODS))
            while len(ends) < 2:
                await asyncio.sleep(0.01)
            return ends

        for end in self.run_(main()):
            self.assertTrue(end.is_closing())

    def test_stopped(self) -> None:
        """
        Who stops the reactor does not stop the loop.
        """

        async def main() -> str:
            reactor = await reactorOf(asyncio.get_running_loop())
            stopped: Deferred[None] = Deferred()
            reactor.addSystemEventTrigger("during", "shutdown", stopped.callback, None)
            reactor.stop()
            await stopped.asFuture(asyncio.get_running_loop())
            await asyncio.sleep(0)
            return "still here"

        self.assertEqual(self.run_(main()), "still here")


class NameTests(LoopCase):
    """
    Names are resolved by the loop.
    """

    def endpoint(self, found: Any, port: int) -> Any:
        """
        :returns: an endpoint; what the loop finds is given.
        """

        async def getaddrinfo(host: str, port: int, **more: Any) -> Any:
            self.assertEqual(host, "name.example")
            if isinstance(found, BaseException):
                raise found
            return [(0, 0, 0, "", (address, port)) for address in found]

        async def make() -> Any:
            loop = asyncio.get_running_loop()
            self.patch(loop, "getaddrinfo", getaddrinfo)
            return LoopNetwork(await reactorOf(loop), loop).clientEndpoint("name.example", port)

        return make()

    def test_tried(self) -> None:
        """
        One address after the other is tried.
        """

        async def main() -> Any:
            loop = asyncio.get_running_loop()
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
            async with server:
                port = server.sockets[0].getsockname()[1]
                endpoint = await self.endpoint(["127.0.0.9", "127.0.0.1"], port)
                factory: Any = Connections(loop, Noting)
                connection = await endpoint.connect(factory).asFuture(loop)
                connection.abort()
                await asyncio.sleep(0.01)
                return connection.get_extra_info("peername")[0]

        self.assertEqual(self.run_(main()), "127.0.0.1")

    def test_fails(self) -> None:
        """
        A name that is none is told apart from one whose addresses do not answer.
        """

        async def main(found: Any) -> None:
            endpoint = await self.endpoint(found, 1)
            await endpoint.connect(Connections(None, Noting)).asFuture(  # type: ignore[arg-type]
                asyncio.get_running_loop()
            )

        nobody = socket.gaierror(socket.EAI_NONAME, "nobody")
        for found, kind in (
            (nobody, error.DNSLookupError),
            ([], error.DNSLookupError),
            (["127.0.0.9", "127.0.0.8"], error.ConnectionRefusedError),
        ):
            self.assertRaises(kind, self.run_, main(found))

    def test_cancelled(self) -> None:
        """
        While a name is being resolved the attempt can be cancelled.
        """

        async def main() -> None:
            endpoint = await self.endpoint([], 1)
            loop = asyncio.get_running_loop()
            self.patch(loop, "getaddrinfo", lambda *_, **__: asyncio.sleep(100))
            connecting = endpoint.connect(Connections(loop, Noting))
            future = connecting.asFuture(loop)
            future.cancel()
            for _ in range(4):
                await asyncio.sleep(0)
            self.assertEqual(len(asyncio.all_tasks()), 2)  # wait_for's and this

        self.run_(main())
