"""
Surroundings for asyncio programs within a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Coroutine
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import aio
from pyptwist.registry import Methods
from tests.memory import Draining, Hello

#: That need no plugins.
METHODS = Methods(plugins=lambda role: [Hello(), Draining()])


class Noting(asyncio.Protocol):
    """
    A protocol that notes what it is told.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", exc))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class LoopCase(SynchronousTestCase):
    """
    Real loops, and sockets on this machine.
    """

    def run_(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """
        Run a program for at most ten seconds, which must leave nothing open.

        :returns: its result.
        """
        gc.collect()
        before = set(os.listdir("/proc/self/fd"))
        result = asyncio.run(asyncio.wait_for(coroutine, 10))
        left = set(os.listdir("/proc/self/fd")) - before
        names = {os.readlink(f"/proc/self/fd/{number}") for number in left}
        # Of which Twisted keeps one in reserve, for when there are no more.
        self.assertEqual(names - {os.devnull}, set())
        return result


async def hello(served: list[Any] | None = None, method: str = "hello", **more: Any) -> aio.Server:
    """
    :returns: a server that answers what it is told, and notes its writers.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if served is not None:
            served.append(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                writer.write(data.upper())
                await writer.drain()
        writer.close()

    return await aio.start_server(talk, method, methods=METHODS, **more)
