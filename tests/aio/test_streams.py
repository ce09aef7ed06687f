"""
Tests for ``pyptwist.aio`` and ``pyptwist.aio.servers``.
"""

from __future__ import annotations

import asyncio
import errno
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from pyptwist import aio
from pyptwist.aio.failures import ConnectionFailed
from pyptwist.aio.servers import listening
from pyptwist.errors import (
    Cause,
    ConfigurationError,
)
from pyptwist.metrics import Metrics
from tests.aio.programs import METHODS, LoopCase, Noting, hello
from tests.remains import objects, since, withoutCollector


class StreamTests(LoopCase):
    """
    The standard streams.
    """

    def test_exchange(self) -> None:
        """
        Both ways, and an end of file.
        """

        async def main() -> bytes:
            metrics = Metrics()
            async with await hello(metrics=metrics) as server:
                self.assertIs(server.get_loop(), asyncio.get_running_loop())
                self.assertEqual(server.sockets[0].getsockname()[1], server.address.port)
                await server.start_serving()
                reader, writer = await aio.open_connection(
                    str(server.bridge_line()), methods=METHODS
                )
                self.assertEqual(writer.get_extra_info("pt_method"), "hello")
                own = writer.get_extra_info("socket").getsockname()
                self.assertEqual(writer.get_extra_info("sockname"), own)
                writer.write(b"is anybody there?")
                answer = await reader.readexactly(17)
                writer.close()
                await writer.wait_closed()
            self.assertEqual(metrics.bytesReceived, 17)
            self.assertEqual(metrics.connectionsOpen, 0)
            return answer

        self.assertEqual(self.run_(main()), b"IS ANYBODY THERE?")

    def test_freed(self) -> None:
        """
        A connection that is over is freed at once, on both sides.
        """

        async def exchange(bridge: str) -> None:
            reader, writer = await aio.open_connection(bridge, methods=METHODS)
            writer.write(b"hello")
            await reader.readexactly(5)
            writer.close()
            await writer.wait_closed()

        async def main() -> dict[str, int]:
            metrics = Metrics()
            packages = "pyptwist.aio", "pyptwist.connection", "asyncio.streams"
            async with await hello(metrics=metrics) as server:
                for _ in range(2):
                    before = objects(*packages)
                    await exchange(str(server.bridge_line()))
                    while metrics.connectionsOpen:
                        await asyncio.sleep(0.01)
                    await asyncio.sleep(0.05)
                    after = since(before, *packages)
            return after

        withoutCollector(self)
        self.assertEqual(self.run_(main()), {})

    def test_localhost(self) -> None:
        """
        A server may be named by a host name.
        """

        async def main() -> bytes:
            async with await hello() as server:
                reader, writer = await aio.open_connection(
                    server.remote("localhost"), methods=METHODS
                )
                writer.write(b"x")
                answer = await reader.read(1)
                writer.close()
            return answer

        self.assertEqual(self.run_(main()), b"X")

    def test_upstreamProxy(self) -> None:
        """
        A proxy is told the name, which nobody resolves here.
        """

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(4096):
                writer.write(data)
            writer.close()

        async def main() -> bytes:
            server = await hello()
            ended = asyncio.Event()

            async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.assertEqual(await reader.readexactly(3), b"\x05\x01\x00")
                writer.write(b"\x05\x00")
                wanted = b"\x05\x01\x00\x03\x0ebridge.example\x01\xbb"
                self.assertEqual(await reader.readexactly(len(wanted)), wanted)
                writer.write(b"\x05\x00\x00\x01" + bytes(6))
                there, back = await asyncio.open_connection("127.0.0.1", server.address.port)
                await asyncio.gather(pipe(reader, back), pipe(there, writer))
                ended.set()

            other = await asyncio.start_server(socks, "127.0.0.1", 0)
            remote = aio.Remote("hello", aio.HostPort("bridge.example", 443))
            proxy = f"socks5://127.0.0.1:{other.sockets[0].getsockname()[1]}"
            reader, writer = await aio.open_connection(remote, methods=METHODS, proxy=proxy)
            writer.write(b"x")
            answer = await reader.read(1)
            writer.close()
            await ended.wait()
            server.close()
            await server.wait_closed()
            other.close()
            return answer

        self.assertEqual(self.run_(main()), b"X")

    def test_serverCloses(self) -> None:
        """
        The server's end is an end of file; then writing fails.
        """

        async def main() -> None:
            served: list[Any] = []
            async with await hello(served) as server:
                reader, writer = await aio.open_connection(server.remote(), methods=METHODS)
                writer.write(b"x")
                self.assertEqual(await reader.read(1), b"X")
                server.close_clients()
                self.assertEqual(await reader.read(), b"")
                writer.write(b"never")
                with self.assertRaises(ConnectionResetError):
                    await writer.drain()
                writer.close()
                await writer.wait_closed()

        self.run_(main())

    def test_serverAborts(self) -> None:
        """
        An abort is a reset to the other side.
        """

        async def main() -> None:
            async with await hello() as server:
                reader, writer = await aio.open_connection(server.remote(), methods=METHODS)
                writer.write(b"x")
                self.assertEqual(await reader.read(1), b"X")
                server.abort_clients()
                with self.assertRaises(ConnectionResetError):
                    await reader.read()
                with self.assertRaises(ConnectionResetError):
                    await writer.wait_closed()

        self.run_(main())

    def test_errors(self) -> None:
        """
        Each has its kind.
        """

        async def main() -> None:
            server = await hello()
            remote = server.remote()
            with self.assertRaises(OSError) as caught:
                await hello(port=server.address.port)
            self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
            server.close()
            await server.wait_closed()
            self.assertEqual(server.sockets, ())
            with self.assertRaises(ConnectionRefusedError):
                await aio.open_connection(remote, methods=METHODS)
            for nonsense in ("hello", "nothing 192.0.2.1:1", "hello|nothing 192.0.2.1:1"):
                with self.assertRaises(ConfigurationError):
                    await aio.open_connection(nonsense, methods=METHODS)
            with self.assertRaises(ValueError):
                await aio.open_connection(remote, methods=METHODS, proxy="me")
            with self.assertRaises(aio.ConnectionFailed) as failed:
                proxy = f"socks5://127.0.0.1:{remote.target.port}" if remote.target else ""
                await aio.open_connection(remote, methods=METHODS, proxy=proxy)
            self.assertIs(failed.exception.cause, Cause.UPSTREAM_PROXY)

        self.run_(main())

    def test_handshakeFails(self) -> None:
        """
        A peer that is something else fails the connection, and is caught as
        connections' errors are.
        """

        async def main(answer: bytes, kind: type[Exception]) -> None:
            def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(answer)
                writer.close()

            async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
                port = other.sockets[0].getsockname()[1]
                with self.assertRaises(kind):
                    await aio.open_connection(f"hello 127.0.0.1:{port}", methods=METHODS)

        self.run_(main(b"HTTP/1.1 400", ConnectionFailed))
        self.run_(main(b"", ConnectionResetError))


class CancellationTests(LoopCase):
    """
    Tasks that are cancelled.
    """

    def test_handshake(self) -> None:
        """
        To cancel who waits for a handshake closes the connection.
        """

        async def main() -> None:
            ended = asyncio.Event()

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.assertEqual(await reader.read(), b"hello")
                ended.set()
                writer.close()

            async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
                port = other.sockets[0].getsockname()[1]
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(
                        aio.open_connection(f"hello 127.0.0.1:{port}", methods=METHODS), 0.1
                    )
                await ended.wait()

        self.run_(main())

    def test_late(self) -> None:
        """
        So it does if it had just become ready.
        """
        task: Any = None

        class Cancelling(Noting):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                task.cancel()

        async def main() -> None:
            nonlocal task
            served: list[Any] = []
            async with await hello(served) as server:
                task = asyncio.ensure_future(
                    aio.create_connection(Cancelling, server.remote(), methods=METHODS)
                )
                with self.assertRaises(asyncio.CancelledError):
                    await task
                while not served:
                    await asyncio.sleep(0)
                with self.assertRaises(ConnectionResetError):
                    await served[0].wait_closed()

        self.run_(main())

    def test_listening(self) -> None:
        """
        A port that was opened a moment before is closed.
        """

        class Port:
            isOpen = True

            def stopListening(self) -> None:
                self.isOpen = False

        async def main() -> None:
            opening: Deferred[Any] = Deferred()
            endpoint: Any = SimpleNamespace(listen=lambda factory: opening)
            loop = asyncio.get_running_loop()
            task = asyncio.ensure_future(listening(loop, endpoint, "hello", Noting))
            await asyncio.sleep(0)
            port = Port()
            opening.callback(port)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertFalse(port.isOpen)

        self.run_(main())

    def test_serveForever(self) -> None:
        """
        A server serves until its task is cancelled, and ends its connections then.
        """

        async def main() -> None:
            server = await hello()
            serving = asyncio.create_task(server.serve_forever())
            reader, writer = await aio.open_connection(server.remote(), methods=METHODS)
            writer.write(b"x")
            self.assertEqual(await reader.read(1), b"X")
            with self.assertRaises(RuntimeError):
                await server.serve_forever()
            serving.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await serving
            self.assertFalse(server.is_serving())
            self.assertEqual(await reader.read(), b"")
            with self.assertRaises(RuntimeError):
                await server.start_serving()
            writer.close()

        self.run_(main())

    def test_waitClosed(self) -> None:
        """
        Who waits for a server's end waits for its close, and its connections' ends.
        """

        async def main() -> None:
            server = await hello()
            waiting = asyncio.create_task(server.wait_closed())
            reader, writer = await aio.open_connection(server.remote(), methods=METHODS)
            writer.write(b"x")
            await reader.read(1)
            server.close()
            server.close()
            for _ in range(5):
                await asyncio.sleep(0)
            self.assertFalse(waiting.done())
            writer.close()
            await waiting

        self.run_(main())
