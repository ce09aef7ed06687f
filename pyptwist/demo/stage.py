"""
The demonstration, step by step.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.demo.children import Child
from pyptwist.demo.transfer import Application, Destination, Download, Talk, Upload
from pyptwist.demo.wire import Observer, excerpt
from pyptwist.endpoints import wrapClient
from pyptwist.errors import Cause, PTError, causeOf
from pyptwist.ipc.quoting import parseSmethodArguments
from pyptwist.network import DirectNetwork
from pyptwist.proxies.socks5 import Socks5Client

_LOCAL = "127.0.0.1"
_MIB = 1 << 20

_TEXT = (
    b"GET /forbidden HTTP/1.1\r\nHost: forbidden.example.org\r\n"
    b"User-Agent: curl/8\r\nAccept: */*\r\n\r\n"
)

_P = TypeVar("_P")


class Demo:
    """
    Everything that the demonstration starts, and what it shows.
    """

    def __init__(self, reactor: Any, method: str) -> None:
        """
        :param method: the transport method's name.
        """
        self._reactor = reactor
        self._method = method
        self._network = DirectNetwork(reactor)
        self._children: list[Child] = []
        self._isTerminal = sys.stdout.isatty()
        self._percent = 0
        self._isOver = False
        self._directory = tempfile.mkdtemp(prefix="pyptwist-demo-")
        # Interrupted or not, this is how it ends.
        reactor.addSystemEventTrigger("before", "shutdown", self._clear)

    async def run(self, size: int) -> None:
        """
        :param size: bytes to move each way.
        :raises SystemExit: if something failed, with the reason.
        """
        try:
            await self._run(self._directory, size)
        except Exception as error:
            if self._isOver:  # interrupted: what fails now is of no interest
                return
            if causeOf(error) is Cause.INTERNAL and not isinstance(error, PTError):
                raise
            raise SystemExit(f"pyptwist: {error}") from error

    def _clear(self) -> Deferred[None]:
        self._isOver = True
        stopping = gatherResults([child.stop() for child in self._children])
        return stopping.addBoth(lambda _: shutil.rmtree(self._directory, ignore_errors=True))

    async def _run(self, directory: str, size: int) -> None:
        self._say(f"A server and a client of {self._method}, on this machine:\n")
        bridge = await self._startServer(directory)
        socks = await self._startClient(directory)
        self._say(f"\n    {bridge}\n")
        await self._showTheWire(socks, bridge)
        for name, kind in (("up", Upload), ("down", Download)):
            await self._move(socks, bridge, name, kind, size)

    # --- the scene ----------------------------------------------------------

    async def _startServer(self, directory: str) -> BridgeLine:
        destination = await self._listen(Factory.forProtocol(Destination))
        words = await self._start(
            "server",
            directory,
            {
                "SERVER_TRANSPORTS": self._method,
                "SERVER_BINDADDR": f"{self._method}-{_LOCAL}:0",
                "ORPORT": str(destination),
            },
        )
        listed = words[3].removeprefix("ARGS:") if len(words) > 3 else ""
        arguments = parseSmethodArguments(listed) if listed else Arguments()
        return BridgeLine(self._method, HostPort.parse(words[2]), None, arguments)

    async def _startClient(self, directory: str) -> HostPort:
        words = await self._start("client", directory, {"CLIENT_TRANSPORTS": self._method})
        return HostPort.parse(words[3])

    async def _start(self, name: str, directory: str, variables: dict[str, str]) -> list[str]:
        child = Child(self._reactor, self._method)
        self._children.append(child)
        began = self._reactor.seconds()
        words = await child.launch(os.path.join(directory, name), variables)
        took = self._reactor.seconds() - began
        transport: Any = child.transport
        self._say(f"    {name}  process {transport.pid}, ready after {took:.2f} s")
        return words

    async def _listen(self, factory: Factory) -> HostPort:
        factory.noisy = False
        port: Any = await self._network.serverEndpoint(_LOCAL, 0).listen(factory)
        return HostPort(_LOCAL, port.getHost().port)

    async def _connect(self, socks: HostPort, bridge: BridgeLine, protocol: _P) -> _P:
        """
        :returns: the protocol, connected to the destination through both children.
        """
        credentials = bridge.socksCredentials()
        endpoint = wrapClient(
            self._network.clientEndpoint(socks.host, socks.port),
            self._reactor,
            lambda: Socks5Client(bridge.address, credentials, insist=credentials is not None),
            "socks5",
            handshakeTimeout=limits.CLIENT_HANDSHAKE,
        )
        factory: Any = Factory()
        factory.buildProtocol = lambda address: protocol
        await endpoint.connect(factory)
        return protocol

    # --- the acts -----------------------------------------------------------

    async def _showTheWire(self, socks: HostPort, bridge: BridgeLine) -> None:
        observer = Observer(self._network.clientEndpoint(bridge.address.host, bridge.address.port))
        between = await self._listen(observer)
        line = BridgeLine(self._method, between, None, bridge.arguments)
        talk = await self._connect(socks, line, Talk(_TEXT))
        await talk.done
        self._say(f"The first bytes that an application sends:\n\n{excerpt(_TEXT)}\n")
        for name, side in (("client", observer.client), ("server", observer.server)):
            seen = b"" if side is None else side.seen
            self._say(
                f"The first bytes from the {name}, as a censor sees them:\n\n{excerpt(seen)}\n"
            )

    async def _move(
        self, socks: HostPort, bridge: BridgeLine, name: str, kind: type[Application], size: int
    ) -> None:
        began = self._reactor.seconds()

        def progress(moved: int) -> None:
            self._progress(name, moved, size, self._reactor.seconds() - began)

        transfer = await self._connect(socks, bridge, kind(size, progress))
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
