"""
The two sides of the tunnel, at work.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import react
from twisted.logger import LogLevel, globalLogBeginner

from pyptwist import safelog
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import PTError
from pyptwist.ipc.endpoints import ManagedClientEndpoint
from pyptwist.ipc.parent import ManagedTransport
from pyptwist.ipc.pool import Pool
from pyptwist.modes.forward import ForwardFactory
from pyptwist.network import DirectNetwork

if TYPE_CHECKING:
    from pyptwist.tunnel import ClientOptions, ServerOptions


class Side(Protocol):
    """
    One side of the tunnel.
    """

    async def start(self, reactor: Any) -> None:
        """
        Begin to serve, and say so.
        """

    def stop(self) -> Deferred[Any]:
        """
        :returns: fires when nothing is left.
        """


class Client:
    """
    Where applications connect.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._pool: Pool | None = None
        self._factory: ForwardFactory | None = None
        self._port: Any = None

    async def start(self, reactor: Any) -> None:
        options, bridge = self._options, self._options["bridge"]
        self._pool = Pool(reactor)
        transport = self._pool.find(options.assignment(self._pool.temporaryState))
        endpoint = ManagedClientEndpoint(
            reactor, transport, bridge.methodName, bridge.address, bridge.arguments
        )
        (await transport.whenReady()).client(bridge.methodName)
        self._factory = ForwardFactory(lambda peer: endpoint, bridge.methodName)
        listen = options["listen"]
        server = DirectNetwork(reactor).serverEndpoint(listen.host, listen.port)
        self._port = await server.listen(self._factory)
        where = self._port.getHost()
        host = f"[{where.host}]" if ":" in where.host else where.host
        _say(f"Listening on {host}:{where.port}; connections go through {bridge.methodName}.")

    def stop(self) -> Deferred[Any]:
        stopping = [] if self._port is None else [maybeDeferred(self._port.stopListening)]
        if self._factory is not None:
            self._factory.closeAll()
        if self._pool is not None:
            stopping.append(self._pool.stop())
        return gatherResults(stopping)


class Server:
    """
    Where clients of the transport connect.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._transport: ManagedTransport | None = None

    async def start(self, reactor: Any) -> None:
        name = self._options["method"]
        self._transport = ManagedTransport(reactor, self._options.assignment())
        method = (await self._transport.whenReady()).server(name)
        ip = method.address.ip
        host = None if ip is None or ip.is_unspecified else str(ip)
        line = BridgeLine.template(
            name, method.arguments, host=host, port=method.address.port, fingerprint=None
        )
        # There is no tor, hence no identity, behind it.
        _say(line.replace(" <FINGERPRINT>", ""))
        if host is None:
            print("Put the address under which clients reach it in its place.", file=sys.stderr)

    def stop(self) -> Deferred[Any]:
        return gatherResults([] if self._transport is None else [self._transport.stop()])


def run(side: Side, level: LogLevel) -> None:
    """
    Serve until SIGINT or SIGTERM.

    :param level: the least level to log, on standard error.
    :raises SystemExit: when nothing is left; with a reason if it could not start.
    """
    globalLogBeginner.beginLoggingTo(
        [safelog.observerTo(safelog.standardError(), level)], redirectStandardIO=False
    )

    async def main(reactor: Any) -> None:
        isOver = False

        def stop() -> Deferred[Any]:
            nonlocal isOver
            isOver = True
            return side.stop()

        reactor.addSystemEventTrigger("before", "shutdown", stop)
        try:
            await side.start(reactor)
        except (PTError, CannotListenError) as error:
            if isOver:  # interrupted: what fails now is of no interest
                return
            raise SystemExit(f"pyptwist: {safelog.scrub(str(error))}") from error
        await Deferred()

    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))


def _say(line: str) -> None:
    print(line, flush=True)
