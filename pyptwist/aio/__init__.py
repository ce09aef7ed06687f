"""
Transports for asyncio programs: the standard streams, over pluggable transports.

::

    reader, writer = await pyptwist.aio.open_connection("obfs4 192.0.2.1:443 cert=…")
    server = await pyptwist.aio.start_server(talk, "obfs4", "0.0.0.0", 443, state="/var/lib/x")

Twisted runs beneath, on the program's own event loop, and nothing of it need be
known, imported or started.  Names here are asyncio's, and in its style.

What a connection fails with is an ``OSError`` of the kind that asyncio would
raise; see ``pyptwist.aio.failures``.  What the caller can mend is a
``ConfigurationError``, which is a ``ValueError``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyptwist.addresses import HostPort
from pyptwist.aio.connections import Connection, connected
from pyptwist.aio.failures import ConnectionFailed
from pyptwist.aio.loops import networkOf, reactorOf
from pyptwist.aio.servers import Server, listening
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.misspelt import watching
from pyptwist.registry import Methods
from pyptwist.remotes import Remote
from pyptwist.state import StateDirectory

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

__all__ = [
    "Connection",
    "ConnectionFailed",
    "HostPort",
    "Remote",
    "Server",
    "create_connection",
    "create_server",
    "open_connection",
    "start_server",
]

#: Bytes that a reader holds before its connection is paused, which it is at twice
#: as many: asyncio's own default.
LIMIT = 2**16


async def open_connection(
    server: Remote | str,
    *,
    proxy: UpstreamProxy | str | None = None,
    state: str | None = None,
    limit: int = LIMIT,
    methods: Methods | None = None,
    metrics: Metrics | None = None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """
    Connect to a transport's server, as ``asyncio.open_connection`` does to a TCP
    server.

    To cancel it ends the attempt.  ``writer.get_extra_info`` knows ``peername``,
    ``sockname``, ``pt_method`` and ``pt_connection`` (the ``ITransportConnection``),
    and ``socket`` where there is exactly one.  No transport can close one direction
    alone: ``can_write_eof()`` is False.

    :param server: a bridge line; or a ``Remote``, which may have a host name.
    :param proxy: the upstream proxy, such as ``socks5://127.0.0.1:9050``; names are
        resolved by it then.
    :param state: a directory for methods whose clients keep files.
    :param limit: bytes; see ``asyncio.StreamReader``.
    :param methods: where the method's name is looked up; those installed, and
        stacks that are written out, unless told otherwise.
    :param metrics: counters.
    :returns: once the handshake is done.
    :raises ConfigurationError: if the server, the proxy or the arguments make no sense.
    :raises OSError: if there is no connection; see ``pyptwist.aio.failures``.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    transport, protocol = await create_connection(
        lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
        server,
        proxy=proxy,
        state=state,
        methods=methods,
        metrics=metrics,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def create_connection(
    protocol_factory: Callable[[], asyncio.Protocol],
    server: Remote | str,
    *,
    proxy: UpstreamProxy | str | None = None,
    state: str | None = None,
    methods: Methods | None = None,
    metrics: Metrics | None = None,
) -> tuple[Connection, Any]:
    """
    The same for a protocol of one's own, as ``loop.create_connection``.

    :param protocol_factory: called at most once, when the handshake is done.
    :returns: the transport, and the protocol, which is connected.
    """
    loop = asyncio.get_running_loop()
    remote = Remote.of(server)
    reactor = await reactorOf(loop)
    network = networkOf(reactor, loop)
    if proxy is not None:
        network = _proxied(reactor, network, proxy)
    methods = methods or Methods()
    method = methods.client(remote.method)
    context = _context(reactor, network, state, metrics, methods)
    with watching(method.name) as watch:
        endpoint = method.clientEndpoint(context, remote.target, watch.handed(remote.arguments))
    return await connected(loop, endpoint, protocol_factory)


async def start_server(
    client_connected_cb: Callable[
        [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None
    ],
    method: str,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    options: Mapping[str, Any] | Arguments | None = None,
    state: str | None = None,
    limit: int = LIMIT,
    methods: Methods | None = None,
    metrics: Metrics | None = None,
) -> Server:
    """
    Listen for a transport's clients, as ``asyncio.start_server`` does for TCP
    clients.

    :param client_connected_cb: called for each client that completed the handshake,
        with a reader and a writer; a coroutine function becomes a task.
    :param method: its name, or a stack's expression.
    :param host: a local IP address; ``0.0.0.0`` for all.
    :param port: 0 to 65535; 0 lets the kernel choose.
    :param options: the method's, and those of ``pyptwist.strangers.decoy``.
    :param state: the directory that keeps the server's keys.
    :param limit: bytes; see ``asyncio.StreamReader``.
    :returns: what listens.
    :raises ConfigurationError: if the method, the address or the options make no sense.
    :raises OSError: if the port cannot be had.
    """
    loop = asyncio.get_running_loop()

    def build() -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        return asyncio.StreamReaderProtocol(reader, client_connected_cb, loop=loop)

    return await create_server(
        build,
        method,
        host,
        port,
        options=options,
        state=state,
        methods=methods,
        metrics=metrics,
    )


async def create_server(
    protocol_factory: Callable[[], asyncio.Protocol],
    method: str,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    options: Mapping[str, Any] | Arguments | None = None,
    state: str | None = None,
    methods: Methods | None = None,
    metrics: Metrics | None = None,
) -> Server:
    """
    The same for protocols of one's own, as ``loop.create_server``.

    :param protocol_factory: called for each client that completed the handshake.
    """
    from pyptwist.strangers import decoy

    loop = asyncio.get_running_loop()
    arguments = options if isinstance(options, Arguments) else Arguments(options or {})
    reactor = await reactorOf(loop)
    network = networkOf(reactor, loop)
    methods = methods or Methods()
    endpoint = decoy.serverEndpoint(
        methods.server(method),
        _context(reactor, network, state, metrics, methods),
        HostPort(host, port),
        arguments,
        network,
    )
    return await listening(loop, endpoint, method, protocol_factory)


def _context(
    reactor: Any, network: Any, state: str | None, metrics: Metrics | None, methods: Methods
) -> Context:
    directory = None if state is None else StateDirectory(state)
    return Context(reactor, network, directory, metrics or Metrics(), methods=methods)


def _proxied(reactor: Any, network: Any, proxy: UpstreamProxy | str) -> Any:
    from pyptwist.network import ProxiedNetwork
    from pyptwist.proxies.upstream import UpstreamProxy

    parsed = UpstreamProxy.parse(proxy) if isinstance(proxy, str) else proxy
    return ProxiedNetwork(reactor, network, parsed)
