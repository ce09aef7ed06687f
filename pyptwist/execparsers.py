r"""
Other people's transports, which are programs, in Twisted's endpoint strings.

A client, shortest and fullest::

    ptexec:bridge=obfs4 192.0.2.1\:443 cert=AbC... iat-mode=0:command=obfs4proxy
    ptexec:obfs4:192.0.2.1:443:command=/usr/bin/obfs4proxy -enableLogging:cert=AbC...:
    iat-mode=0:state=/var/lib/x:proxy=socks5\://127.0.0.1\:9050:versions=1

One whose arguments name the server::

    ptexec:meek_lite:command=obfs4proxy:url=https\://example.org/

A server, shortest and fullest::

    ptexec:obfs4:443:command=obfs4proxy:state=/var/lib/bridge
    ptexec:obfs4:443:command=obfs4proxy:state=/var/lib/bridge:interface=192.0.2.1:
    iat-mode=1:versions=1:extended=no

The clients of one command share a process, which is started when the first of them
connects, and ends with the reactor.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.options import located
from pyptwist.misspelt import watching
from pyptwist.remotes import Remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyptwist.ipc.assignment import Assignment
    from pyptwist.proxies.upstream import UpstreamProxy

_CLIENT_FORM = (
    r"ptexec:METHOD:HOST:PORT:command=...:key=value..., "
    r"without HOST and PORT if the arguments name the server, "
    r"or ptexec:bridge=METHOD HOST\:PORT key=value ...:command=..."
)
_SERVER_FORM = "ptexec:METHOD:PORT:command=...:state=...:key=value..."


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class ExecClientParser:
    """
    Reads ``ptexec:`` client strings.

    Keys of its own: ``command`` (a program and its arguments, as in a shell),
    ``bridge`` (a whole bridge line, instead of method, host and port), ``state`` (the
    program's state directory; a temporary one unless told otherwise), ``proxy`` (an
    upstream proxy), ``versions`` (of the IPC, with commas; 1 unless told otherwise).
    All others are the transport's arguments.
    """

    prefix = "ptexec"

    # Twisted passes nothing but strings, and lets a key be called anything.
    def parseStreamClient(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> IStreamClientEndpoint:
        """
        :raises ConfigurationError: if the string makes no sense; it is a ``ValueError``.
        """
        from pyptwist.ipc.configuration import Role
        from pyptwist.ipc.endpoints import ManagedClientEndpoint
        from pyptwist.ipc.pool import poolOf

        _requireProxy(kwargs)
        pool = poolOf(reactor)
        state = kwargs.pop("state", None) or pool.temporaryState
        proxy = _proxy(kwargs.pop("proxy", None))
        command, versions = _command(kwargs), _versions(kwargs)
        name, target, arguments = _target(args, kwargs)
        assignment = _assignment(command, Role.CLIENT, name, state, versions, upstreamProxy=proxy)
        return ManagedClientEndpoint(reactor, pool.find(assignment), name, target, arguments)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class ExecServerParser:
    """
    Reads ``ptexec:`` server strings.

    Keys of its own: ``command`` and ``versions`` as for clients; ``state`` (the
    directory that keeps the server's keys), ``interface`` (the local IP address; all of
    IPv4 unless told otherwise) and ``extended`` (``no`` for a program that does not know
    the ext-ORPort).  All others are the transport's options.
    """

    prefix = "ptexec"

    # Twisted passes nothing but strings, and lets a key be called anything.
    def parseStreamServer(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> IStreamServerEndpoint:
        """
        :raises ConfigurationError: if the string makes no sense; it is a ``ValueError``.
        """
        from pyptwist.ipc.configuration import Role
        from pyptwist.ipc.endpoints import ManagedServerEndpoint

        state = kwargs.pop("state", None)
        if len(args) != 2 or state is None:
            raise ConfigurationError(f"a ptexec server is written {_SERVER_FORM}")
        name, port = args
        host = kwargs.pop("interface", "0.0.0.0")  # noqa: S104 - it is the public side
        bind = HostPort(host, _port(port))
        isExtended = Arguments(extended=kwargs.pop("extended", "yes")).flag("extended")
        command, versions = _command(kwargs), _versions(kwargs)
        assignment = _assignment(
            command,
            Role.SERVER,
            name,
            state,
            versions,
            binds={name: bind},
            options={name: Arguments(kwargs)},
        )
        return ManagedServerEndpoint(reactor, assignment, isExtended)


def _assignment(
    command: tuple[str, ...],
    role: Any,
    name: str,
    state: str,
    versions: tuple[str, ...],
    **more: Any,
) -> Assignment:
    from pyptwist.ipc.assignment import Assignment

    return Assignment(command, role, (name,), state, versions, **more)


def _target(
    args: tuple[str, ...], kwargs: dict[str, str]
) -> tuple[str, HostPort | None, Arguments]:
    line = kwargs.pop("bridge", None)
    if line is not None and not args:
        server = Remote.parse(line)
        return server.method, server.target, server.arguments.updated(Arguments(kwargs))
    if line is not None or len(args) not in (1, 3):
        raise ConfigurationError(f"a ptexec client is written {_CLIENT_FORM}")
    if len(args) == 1:
        return args[0], *located(Arguments(kwargs), None)
    name, host, port = args
    return name, HostPort(host, _port(port)), Arguments(kwargs)


def _command(kwargs: dict[str, str]) -> tuple[str, ...]:
    try:
        command = tuple(shlex.split(kwargs.pop("command", "")))
    except ValueError:
        raise ConfigurationError("the command has an open quotation mark") from None
    if not command:
        raise ConfigurationError("ptexec needs command=, the program to start")
    return command


def _versions(kwargs: dict[str, str]) -> tuple[str, ...]:
    return tuple(kwargs.pop("versions", "1").split(","))


def _proxy(text: str | None) -> UpstreamProxy | None:
    from pyptwist.proxies.upstream import UpstreamProxy

    return None if text is None else UpstreamProxy.parse(text)


def _requireProxy(kwargs: Mapping[str, str]) -> None:
    """
    What arguments the program has is not known here, and so which of them is misspelt;
    but nobody may go without the proxy because of that.
    """
    with watching("ptexec") as watch:
        watch.own(Arguments(kwargs)).protects("proxy")


def _port(text: str) -> int:
    return HostPort.parse(f"0.0.0.0:{text}").port
