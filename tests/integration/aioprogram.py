"""
Plain asyncio programs, one of which is run: they know nothing of Twisted.

Whatever they print on standard error is a fault, and so is what is not closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pyptwist import aio
from pyptwist.errors import Cause, ConfigurationError
from pyptwist.metrics import Metrics

CHUNK = 64 * 1024
STATE = sys.argv[2] if len(sys.argv) > 2 else ""


async def serve(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    method: str = "obfs4",
    **more: Any,
) -> aio.Server:
    """
    :returns: a server on this machine.
    """
    return await aio.start_server(talk, method, state=STATE, **more)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Send back all that comes.
    """
    # Who has all that he wants may close while padding is still under way to him, which
    # resets the connection; he has seen that nothing is missing.
    with contextlib.suppress(ConnectionResetError):
        try:
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
        finally:
            await finish(writer)


async def finish(writer: asyncio.StreamWriter) -> None:
    """
    Close, and wait for it.
    """
    writer.close()
    await writer.wait_closed()


async def hashed(reader: asyncio.StreamReader, count: int) -> str:
    """
    :returns: the hash of that many bytes.
    """
    digest = hashlib.sha256()
    while count:
        data = await reader.read(min(CHUNK, count))
        assert data, f"{count} bytes are missing"
        digest.update(data)
        count -= len(data)
    return digest.hexdigest()


async def exchange(server: aio.Server, size: int) -> None:
    """
    Have that many bytes echoed.
    """
    reader, writer = await aio.open_connection(str(server.bridge_line()))
    digest = hashlib.sha256()

    async def send() -> None:
        for _ in range(size // CHUNK):
            data = os.urandom(CHUNK)
            digest.update(data)
            writer.write(data)
            await writer.drain()

    sending = asyncio.create_task(send())
    received = await hashed(reader, size)
    await sending
    assert received == digest.hexdigest()
    await finish(writer)


class Plain:
    """
    A TCP server of asyncio's own, which waits for its callbacks in the end.

    :ivar port: where it listens.
    """

    def __init__(self, talk: Callable[[Any, Any], Awaitable[None]]) -> None:
        self._talk = talk
        self._tasks: set[Any] = set()

    async def __aenter__(self) -> Plain:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *why: object) -> None:
        await asyncio.sleep(0.1)  # for what it has not accepted yet
        self._server.close()
        await asyncio.gather(*self._tasks)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who says too much is reset.
        with contextlib.suppress(ConnectionError):
            await self._talk(reader, writer)
            await finish(writer)


async def large() -> None:
    """
    8 MiB each way.
    """
    async with await serve(echo) as server:
        await exchange(server, 8 << 20)


async def many() -> None:
    """
    50 connections at once.
    """
    metrics = Metrics()
    async with await serve(echo, metrics=metrics) as server:
        await asyncio.gather(*(exchange(server, CHUNK) for _ in range(50)))
    assert metrics.handshakesDone == 50
    assert metrics.connectionsOpen == 0


async def slow() -> None:
    """
    A reader that does not read stops the writer, and nothing piles up.
    """
    total, written, writers = 64 << 20, 0, []
    digest = hashlib.sha256()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writers.append(writer)
        while written < total:
            data = os.urandom(16) * (CHUNK // 16)
            digest.update(data)
            writer.write(data)
            written += CHUNK
            await writer.drain()
        await finish(writer)

    async with await serve(talk, "dummy") as server:
        reader, writer = await aio.open_connection(server.remote())
        before, still = -1, 0
        while still < 50:
            await asyncio.sleep(0.01)
            still = still + 1 if written == before else 0
            before = written
        # The kernels' buffers hold the most of it: ours hold these.
        assert 0 < written < total // 2, written
        transport: Any = writers[0].transport
        low, high = transport.get_write_buffer_limits()
        assert low < transport.get_write_buffer_size() <= high + CHUNK
        held = len(reader._buffer)  # type: ignore[attr-defined]
        assert held <= 2 * aio.LIMIT + CHUNK, held
        assert await hashed(reader, total) == digest.hexdigest()
        assert await reader.read() == b""
        await finish(writer)


async def cancelled() -> None:
    """
    Attempts that are cancelled at any moment leave nothing.
    """

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Ends when the attempt does.
        await reader.read()

    async with await serve(echo) as server:
        arguments = server.client_arguments
    async with Plain(silent) as other:
        remote = aio.Remote("obfs4", aio.HostPort("127.0.0.1", other.port), arguments)
        for turns in range(12):
            attempt = asyncio.create_task(aio.open_connection(remote))
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            (outcome,) = await asyncio.gather(attempt, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome
        try:
            async with asyncio.timeout(0.2):
                await aio.open_connection(remote)
        except TimeoutError:
            pass


async def errors() -> None:
    """
    Errors are of asyncio's kinds.
    """
    async with await serve(echo) as server:
        remote, line = server.remote(), str(server.bridge_line())
    for attempt, kind in (
        (remote, ConnectionRefusedError),
        (line.replace("cert=", "cert=AA"), ConfigurationError),
        (line.replace("obfs4", "obfs5"), ValueError),
        ("obfs4", ValueError),
    ):
        try:
            await aio.open_connection(attempt)
        except kind:
            pass
        else:
            raise AssertionError(attempt)

    async def liar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(os.urandom(9000))
        await reader.read()

    async with Plain(liar) as other:
        where = aio.HostPort("127.0.0.1", other.port)
        try:
            await aio.open_connection(aio.Remote("obfs4", where, remote.arguments))
        except ConnectionError as error:
            assert isinstance(error, aio.ConnectionFailed), error
            assert error.cause is Cause.HANDSHAKE, error.cause


async def closing() -> None:
    """
    A server that stops is noticed by its clients, who lose nothing of what it said.
    """
    said = b"good bye" * 1000

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        server.close()
        server.close_clients()

    server = await serve(talk)
    reader, writer = await aio.open_connection(server.remote("localhost"))
    writer.write(b"?")
    assert await reader.read() == said
    await finish(writer)
    await server.wait_closed()


async def forgotten() -> None:
    """
    Even who closes nothing leaves nothing.
    """

    class Protocol(asyncio.Protocol):
        pass

    for _ in range(3):
        server = await aio.create_server(Protocol, "obfs4", state=STATE)
        await aio.create_connection(Protocol, server.remote())
        _, writer = await asyncio.open_connection("127.0.0.1", server.address.port)
        await finish(writer)


def main() -> None:
    """
    Run one of them, twice.
    """
    before = _descriptors()
    for _ in range(2):
        asyncio.run(globals()[sys.argv[1]]())
        gc.collect()
    # The one is Twisted's, in reserve for when there are no more.
    assert _descriptors() - before <= {os.devnull}, _descriptors() - before
    assert "twisted.internet.reactor" not in sys.modules
    print("as it should be")


def _descriptors() -> set[str]:
    return {os.readlink(name) for name in Path("/proc/self/fd").iterdir() if name.is_symlink()}


if __name__ == "__main__":
    main()
