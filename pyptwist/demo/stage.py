"""
The demonstration, step by step.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from pyptwist.bridgeline import BridgeLine
from pyptwist.configfile.generate import freshOptions
from pyptwist.demo.transfer import Application, Destination, Download, Talk, Upload
from pyptwist.demo.wire import Beginnings, excerpt
from pyptwist.errors import Cause, PTError, causeOf
from pyptwist.loopback.pair import OWN, Pair

_MIB = 1 << 20

_TEXT = (
    b"GET /forbidden HTTP/1.1\r\nHost: forbidden.example.org\r\n"
    b"User-Agent: curl/8\r\nAccept: */*\r\n\r\n"
)


class Demo:
    """
    Everything that the demonstration starts, and what it shows.
    """

    def __init__(self, reactor: Any, method: str, stacks: Mapping[str, str]) -> None:
        """
        :param method: the transport method's name.
        :param stacks: that the children are to know: expressions by name.
        """
        self._reactor = reactor
        self._method = method
        # What some methods do without: a handshake that hides anything.
        self._options, _ = freshOptions(stacks.get(method, method), os.urandom)
        self._isTerminal = sys.stdout.isatty()
        self._percent = 0
        self._isOver = False
        self._directory = tempfile.mkdtemp(prefix="pyptwist-demo-")
        command = [*OWN, *(f"--stack={name}={text}" for name, text in stacks.items())]
        self._pair = Pair(reactor, method, self._directory, command)
        # Interrupted or not, this is how it ends.
        reactor.addSystemEventTrigger("before", "shutdown", self._clear)

    async def run(self, size: int) -> None:
        """
        :param size: bytes to move each way.
        :raises SystemExit: if something failed, with the reason.
        """
        try:
            await self._run(size)
        except Exception as error:
            if self._isOver:  # interrupted: what fails now is of no interest
                return
            if causeOf(error) is Cause.INTERNAL and not isinstance(error, PTError):
                raise
            raise SystemExit(f"pyptwist: {error}") from error

    def _clear(self) -> Deferred[None]:
        self._isOver = True
        return self._pair.stop().addBoth(
            lambda _: shutil.rmtree(self._directory, ignore_errors=True)
        )

    async def _run(self, size: int) -> None:
        self._say(f"A server and a client of {self._method}, on this machine:\n")
        bridge = await self._start()
        self._say(f"\n    {bridge}\n")
        await self._showTheWire(bridge)
        for name, kind in (("up", Upload), ("down", Download)):
            await self._move(bridge, name, kind, size)

    async def _start(self) -> BridgeLine:
        destination = await self._pair.listen(Factory.forProtocol(Destination))
        began = self._reactor.seconds()
        bridge = await self._pair.startServer(destination, self._options)
        self._introduce("server", began)
        began = self._reactor.seconds()
        await self._pair.startClient()
        self._introduce("client", began)
        return bridge

    def _introduce(self, name: str, began: float) -> None:
        process = self._pair.children[-1]
        took = self._reactor.seconds() - began
        self._say(f"    {name}  process {process.pid}, ready after {took:.2f} s")

    # --- the acts -----------------------------------------------------------

    async def _showTheWire(self, bridge: BridgeLine) -> None:
        seen = Beginnings()
        between = await self._pair.tap(bridge.address, seen.watch, seen.watchDatagrams)
        line = BridgeLine(self._method, between, None, bridge.arguments)
        talk = await self._pair.connect(line, Talk(_TEXT))
        await talk.done
        self._say(f"The first bytes that an application sends:\n\n{excerpt(_TEXT)}\n")
        for name, pieces in (("client", seen.client), ("server", seen.server)):
            what, text = "bytes", excerpt(b"".join(pieces))
            if seen.isDatagrams:
                what, text = "datagrams", "\n\n".join(map(excerpt, pieces))
            self._say(f"The first {what} from the {name}, as a censor sees them:\n\n{text}\n")

    async def _move(
        self, bridge: BridgeLine, name: str, kind: type[Application], size: int
    ) -> None:
        began = self._reactor.seconds()

        def progress(moved: int) -> None:
            self._progress(name, moved, size, self._reactor.seconds() - began)

        transfer = await self._pair.connect(bridge, kind(size, progress))
        waiting: Deferred[bool] = transfer.done
        isSame = await waiting
        took = max(self._reactor.seconds() - began, 1e-6)
        if not isSame:
            raise PTError(f"{name}: what arrived is not what was sent")
        self._say(
            f"{name:5}{size / _MIB:.0f} MiB in {took:.2f} s, {size / _MIB / took:.1f} MiB/s, "
            "and the hashes are equal",
            self._isTerminal,
        )

    # --- what is shown ------------------------------------------------------

    def _say(self, text: str, over: bool = False) -> None:
        # What was there of the progress is longer than no line of ours.
        print(f"\r{text:78}" if over else text, flush=True)

    def _progress(self, name: str, moved: int, size: int, seconds: float) -> None:
        # A terminal takes its time; a hundred steps are smooth enough.
        percent = 100 * moved // size
        if not self._isTerminal or percent == self._percent:
            return
        self._percent = percent
        bar = "#" * (30 * moved // size)
        rate = moved / _MIB / max(seconds, 1e-6)
        print(
            f"\r{name:5}[{bar:30}] {percent:3} % {rate:7.1f} MiB/s",
            end="",
            flush=True,
        )
