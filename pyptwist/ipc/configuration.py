"""
What the parent wants, from whatever source it was read: the environment, flags,
or both (see ``pyptwist.ipc.parsing``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.ipc.dialects import PT1, Dialect
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.lines import Severity

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

#: Where a server method listens that was told nothing.  pt-spec leaves the choice
#: to us; a server is there to be reached from outside, and tor itself says
#: 0.0.0.0:0 where its operator says nothing.
DEFAULT_BIND = HostPort("0.0.0.0", 0)  # noqa: S104

#: Where a client method listens that was told nothing.  Only this machine's
#: programs may use it: whoever else reaches it uses the server in our user's name.
DEFAULT_LISTEN = HostPort("127.0.0.1", 0)


class Role(Enum):
    """
    Which end of the transport this process is; never both (pt-spec 2).
    """

    CLIENT = "client"
    SERVER = "server"

    @property
    def variable(self) -> str:
        """
        The variable that lists this role's methods.
        """
        return f"TOR_PT_{self.name}_TRANSPORTS"


class Mode(Enum):
    """
    How applications and the transport meet, as PT 2.2 and 3.0 spell it in ``-mode``
    (section 1.1.1), and as CMETHOD lines do.
    """

    SOCKS5 = "socks5"
    TRANSPARENT_TCP = "transparent-TCP"
    TRANSPARENT_UDP = "transparent-UDP"
    STUN = "STUN"

    @property
    def isDatagrams(self) -> bool:
        """
        Do applications send datagrams?
        """
        return self in {Mode.TRANSPARENT_UDP, Mode.STUN}


@dataclass(frozen=True, repr=False)
class ExtendedORPort:
    """
    Where a server forwards to with the client's address.

    :ivar address: of one tor.
    :ivar cookieFile: its secret.
    """

    address: HostPort
    cookieFile: str


@dataclass(frozen=True, repr=False)
class Configuration:
    """
    What the parent wants.

    :ivar version: of the IPC, in the parent's word for it.
    :ivar role: client or server.
    :ivar stateLocation: the directory for all files; it may not exist yet.  It is
        relative, like a cookie file, if tor's DataDirectory is: tor passes
        that on as its operator wrote it, and a child starts in tor's directory.
    :ivar methods: the methods asked for, each once; some may be unknown here.
    :ivar exitOnStdinClose: does the end of standard input mean to stop?
    :ivar upstreamProxy: what every outgoing connection must go through.
    :ivar outboundV4: the source address of outgoing IPv4 connections.
    :ivar outboundV6: the source address of outgoing IPv6 connections, without
        brackets.
    :ivar binds: where each server method listens, but for those in
        ``methodErrors``.
    :ivar options: each server method's options; methods without any are absent.
    :ivar orPort: where a server forwards plain connections to.
    :ivar extendedORPorts: the extended ORPorts that share a server's clients,
        before all other destinations.
    :ivar otherTargets: what shares a server's clients with ``target`` or ``orPort``.
    :ivar methodErrors: why methods cannot run, by name, each fit for an error
        line.
    :ivar dialect: how to speak with the parent.
    :ivar hasParent: is there a parent that named a version?  If not, somebody
        started us by hand or in a script, which may end before us.
    :ivar mode: how applications and the transport meet.
    :ivar listen: where a client's methods listen for applications.
    :ivar target: a server's destination, by name or address, before ``orPort``; in
        the modes of a client's in which applications do not name a server, the
        server, unless the method's options do.
    :ivar flows: bounds of what the modes of datagrams hold.
    :ivar clientOptions: each client method's options, for all of its connections.
    :ivar handed: the keys in these that came in a bridge line: nobody wrote them for
        this process.
    :ivar logLevel: the least that the parent is to be told in ``LOG`` lines; None
        for nothing.
    """

    version: str
    role: Role
    stateLocation: str
    methods: tuple[str, ...]
    exitOnStdinClose: bool = False
    upstreamProxy: UpstreamProxy | None = None
    outboundV4: str | None = None
    outboundV6: str | None = None
    binds: Mapping[str, HostPort] = field(default_factory=dict)
    options: Mapping[str, Arguments] = field(default_factory=dict)
    orPort: HostPort | None = None
    extendedORPorts: tuple[ExtendedORPort, ...] = ()
    otherTargets: tuple[HostPort, ...] = ()
    methodErrors: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = PT1
    hasParent: bool = True
    mode: Mode = Mode.SOCKS5
    listen: HostPort = DEFAULT_LISTEN
    target: HostPort | None = None
    flows: FlowBounds = field(default_factory=FlowBounds)
    clientOptions: Mapping[str, Arguments] = field(default_factory=dict)
    handed: frozenset[str] = frozenset()
    logLevel: Severity | None = Severity.NOTICE

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return f"<Configuration {self.role.value} {','.join(self.methods) or 'of nothing'}>"
