"""
A transport's server as an asyncio server.
"""

from __future__ import annotations

import asyncio
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred

from pyptwist.addresses import HostPort
from pyptwist.aio.connections import Connections
from pyptwist.aio.failures import asOSError
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.interfaces import IServerTransportEndpoint
from pyptwist.remotes import Remote


class Server(asyncio.AbstractServer):
    """
    What listens, as ``asyncio.Server``, such as Python 3.13 has it:
    ``wait_closed()`` waits for the connections as well, and there is
    ``close_clients()``.

    :ivar address: where it listens, or did.
    :ivar client_arguments: what a client needs.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: Any,
        clients: Connections,
        method: str,
        arguments: Arguments,
    ) -> None:
        """
        :param port: the ``IListeningPort``.
        :param clients: made its connections.
        :param method: as it was asked for.
        :param arguments: that a client needs.
        """
        where = port.getHost()
        self.address = HostPort(where.host, where.port)
        self.client_arguments = arguments
        self._loop = loop
        self._port = port
        self._clients = clients
        self._method = method
        self._closing: asyncio.Future[Any] | None = None
        self._forever: asyncio.Future[None] | None = None
        self._waiting: list[asyncio.Future[None]] = []
        clients.onLost = self._look

    @property
    def sockets(self) -> tuple[TransportSocket, ...]:
        """
        The sockets that it listens on; none once it is closed.
        """
        listener = getattr(self._port, "socket", None)
        return (TransportSocket(listener),) if listener is not None and self.is_serving() else ()

    def remote(self, host: str | None = None) -> Remote:
        """
        :param host: under which clients reach this machine; the address that it
            listens on, unless told otherwise.
        :returns: what ``open_connection`` takes.
        :raises ConfigurationError: if it listens on all addresses, and no host is
            given.
        """
        return Remote.at(self.address, host, self._method, self.client_arguments)

    def bridge_line(self, host: str | None = None) -> BridgeLine:
        """
        :param host: the same, but an IP address.
        :returns: the server, as torrc and people name it.
        :raises ConfigurationError: as ``remote`` does.
        """
        return self.remote(host).bridgeLine()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._closing is None

    async def start_serving(self) -> None:
        """
        It serves from the start.

        :raises RuntimeError: if it was closed.
        """
        if not self.is_serving():
            raise RuntimeError(f"server {self!r} is closed")

    async def serve_forever(self) -> None:
        """
        Serve until this is cancelled, or the server is closed; connections are
        closed then.
        """
        await self.start_serving()
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self._forever = self._loop.create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()
            self.close_clients()
            await self.wait_closed()

    def close(self) -> None:
        """
        Stop listening.  Connections stay.
        """
        if self._closing is None:
            self._closing = maybeDeferred(self._port.stopListening).asFuture(self._loop)
            if self._forever is not None:
                self._forever.cancel()
            self._look()

    def close_clients(self) -> None:
        """
        Close every connection, flushing what is under way.
        """
        for connection in list(self._clients.open):
            connection.close()

    def abort_clients(self) -> None:
        """
        Close every connection at once.
        """
        for connection in list(self._clients.open):
            connection.abort()

    async def wait_closed(self) -> None:
        """
        Wait until it is closed, and every connection is.
        """
        while self._closing is None or self._clients.open:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter
        await asyncio.shield(self._closing)

    def _look(self) -> None:
        """
        Let those look again who wait for the end.
        """
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


async def listening(
    loop: asyncio.AbstractEventLoop,
    endpoint: IServerTransportEndpoint,
    method: str,
    build: Callable[[], asyncio.Protocol],
) -> Server:
    """
    Listen for clients, for each of which there will be an asyncio protocol.

    :param endpoint: of a transport's server.
    :param method: as it was asked for.
    :raises OSError: if the port cannot be had.
    """
    clients = Connections(loop, build)
    ports: list[Any] = []
    try:
        port: Any = await endpoint.listen(clients).addCallback(_kept, ports).asFuture(loop)
    except asyncio.CancelledError:
        # It may listen since a moment ago.
        for late in ports:
            late.stopListening()
        raise
    except Exception as error:
        raise asOSError(error)  # noqa: B904 - which is its cause
    return Server(loop, port, clients, method, endpoint.clientArguments)


def _kept(port: Any, ports: list[Any]) -> Any:
    ports.append(port)
    return port
