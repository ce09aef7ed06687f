"""
smux over KCP against kcptun, in both roles, over a path that loses and reorders.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.stacks import Stack
from pyptwist.testing.children import PATIENCE, Child, spawn
from pyptwist.testing.destinations import listen
from pyptwist.testing.streams import Address, Stream, connect
from tests.datagramrelay import DatagramRelay, relay
from tests.interop import ours
from tests.interop.exchange import MIB, ends, exchange, pause
from tests.peers import requirePeer
from tests.ports import freePort
from tests.shown import shown

#: Bytes each way.
BULK: Final = 16 * MIB

#: How kcptun speaks what we do.
PLAIN: Final = ("--crypt", "none", "--ds", "0", "--ps", "0", "--nocomp", "--mode", "fast3")

LOSS, LATE = 0.02, 0.05


def newStack() -> Stack:
    """
    What kcptun is made of.
    """
    return Stack("smux | kcp")


def arguments(version: int, **more: str) -> dict[str, str]:
    """
    Ours, for a kcptun with that version of smux.
    """
    kcp = {f"kcp-{key}": value for key, value in {"framing": "kcptun", **more}.items()}
    return {"smux-version": str(version), **kcp}


async def started(test: TestCase, program: str, *options: str) -> Address:
    """
    Start a program of kcptun's.

    :returns: where it says that it listens.
    """
    merged = ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1']  # it says everything on standard error
    command = [*merged, requirePeer(program), *options, *PLAIN]
    child = spawn(test, Child(program), command, {"PATH": os.defpath})
    listening = await child.whenLine(r"listening on: ([\d.]+):(\d+)", PATIENCE)
    await child.whenLine("key derivation done", PATIENCE)
    return listening[1], int(listening[2])


class KcptunTests(TestCase):
    """
    Both versions of smux, both roles.
    """

    timeout = 120
    path: DatagramRelay

    async def oursToTheirs(
        self, version: int, loss: float = 0.0, late: float = 0.0
    ) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that our client opened.
        """
        destination = listen(self)
        address = ("127.0.0.1", freePort())
        options = ("-l", _text(address), "-t", _text(destination.address))
        await started(self, "kcptun-server", *options, "--smuxver", str(version))
        self.path = path = relay(self, address, loss, late)
        here = await ours.connecting(self, path.address, arguments(version), newStack)
        return here, await destination.accept()

    async def theirsToOurs(
        self, version: int, loss: float = 0.0, late: float = 0.0
    ) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that kcptun's client opened, and on which it
            has spoken: it says that there is a stream before it knows it itself, and
            throws away what a server on the same machine is quick enough to answer.
        """
        server = await ours.serve(self, arguments(version), newStack)
        self.path = path = relay(self, server.address, loss, late)
        options = ("-l", "127.0.0.1:0", "-r", _text(path.address), "--smuxver", str(version))
        local = await started(self, "kcptun-client", *options)
        here = await connect(self, local)
        await here.send(b"?")
        there = await server.accept()
        await pause(0)  # it is connected behind its being accepted
        self.assertEqual(await there.read(1), b"?")
        return here, there

    async def bulk(self, streams: tuple[Stream, Stream]) -> None:
        """
        16 MiB each way, over a path that is as bad as it should be.
        """
        await exchange(self, streams, BULK)
        self.assertGreater(self.path.lost, LOSS / 2 * self.path.passed)

    async def test_oursToTheirs1(self) -> None:
        await self.bulk(await self.oursToTheirs(1, LOSS, LATE))

    async def test_oursToTheirs2(self) -> None:
        await self.bulk(await self.oursToTheirs(2, LOSS, LATE))
        shown("smux|kcp", "kcptun's server")

    async def test_theirsToOurs1(self) -> None:
        await self.bulk(await self.theirsToOurs(1, LOSS, LATE))

    async def test_theirsToOurs2(self) -> None:
        await self.bulk(await self.theirsToOurs(2, LOSS, LATE))
        shown("smux|kcp", "kcptun's client")

    async def test_close(self) -> None:
        """
        What was written before the end arrives, then the end.
        """
        for version in (1, 2):
            await ends(self, await self.oursToTheirs(version))
            await ends(self, await self.theirsToOurs(version))


def _text(address: Address) -> str:
    return "{}:{}".format(*address)
