"""
What the parent wants, read from the environment (pt-spec 3.2).

A pure parse: nothing is opened, looked up or created.  A mistake that concerns
everything is a ``StartError`` that carries the line
to write; one that concerns a single method is kept in
``Configuration.methodErrors``, so that the others still run.

Empty variables count as unset: parents set them so in order to hide what they
inherited themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import Dialect, negotiate
from pyptwist.ipc.lines import EnvironmentRefused, ProxyRefused, VersionRefused
from pyptwist.ipc.quoting import isMethodName, parseServerOptions

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

_VERSIONS = "TOR_PT_MANAGED_TRANSPORT_VER"
_STATE = "TOR_PT_STATE_LOCATION"
_STDIN = "TOR_PT_EXIT_ON_STDIN_CLOSE"
_OUTBOUND_V4 = "TOR_PT_OUTBOUND_BIND_ADDRESS_V4"
_OUTBOUND_V6 = "TOR_PT_OUTBOUND_BIND_ADDRESS_V6"
_CLIENT = "TOR_PT_CLIENT_TRANSPORTS"
_PROXY = "TOR_PT_PROXY"
_SERVER = "TOR_PT_SERVER_TRANSPORTS"
_BINDS = "TOR_PT_SERVER_BINDADDR"
_OPTIONS = "TOR_PT_SERVER_TRANSPORT_OPTIONS"
_ORPORT = "TOR_PT_ORPORT"
_EXTENDED = "TOR_PT_EXTENDED_SERVER_PORT"
_COOKIE = "TOR_PT_AUTH_COOKIE_FILE"

#: Where a server method listens that was told nothing.  pt-spec leaves the choice
#: to us; a server is there to be reached from outside, and tor itself says
#: 0.0.0.0:0 where its operator says nothing.
DEFAULT_BIND = HostPort("0.0.0.0", 0)  # noqa: S104


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
        return _CLIENT if self is Role.CLIENT else _SERVER


@dataclass(frozen=True, repr=False)
class Configuration:
    """
    What the parent wants.

    :ivar version: of the IPC, as agreed on.
    :ivar role: client or server.
    :ivar stateLocation: the directory for all files; it may not exist yet.  It is
        relative, like ``authCookieFile``, if tor's DataDirectory is: tor passes
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
    :ivar extendedORPort: where a server forwards to with the client's address.
    :ivar authCookieFile: the extended ORPort's secret; there whenever that is.
    :ivar methodErrors: why methods cannot run, by name, each fit for an error
        line.
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
    extendedORPort: HostPort | None = None
    authCookieFile: str | None = None
    methodErrors: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return f"<Configuration {self.role.value} {','.join(self.methods) or 'of nothing'}>"


def isManaged(environ: Mapping[str, str]) -> bool:
    """
    Was this process launched by a parent that speaks the IPC?
    """
    return _VERSIONS in environ


def chooseDialect(environ: Mapping[str, str]) -> Dialect:
    """
    Agree on a version of the IPC.  The parent wants to hear of it before anything
    else, errors in the other variables included (pt-spec 3, steps 2 and 3).

    :raises VersionRefused: if there is none in common.
    :raises EnvironmentRefused: if the parent offers none.
    """
    if (dialect := negotiate(_required(environ, _VERSIONS))) is None:
        raise VersionRefused
    return dialect


def parseEnvironment(environ: Mapping[str, str]) -> Configuration:
    """
    Read all that the parent sets.

    :param environ: such as ``os.environ``.
    :raises StartError: carrying the line to write before ending; a
        ``VersionRefused``, ``EnvironmentRefused`` or ``ProxyRefused``.
    """
    dialect = chooseDialect(environ)
    role = _role(environ)
    common = Configuration(
        version=dialect.version,
        role=role,
        stateLocation=_required(environ, _STATE),
        methods=_methods(environ.get(role.variable, "")),
        exitOnStdinClose=environ.get(_STDIN) == "1",
        outboundV4=_outboundV4(environ.get(_OUTBOUND_V4)),
        outboundV6=_outboundV6(environ.get(_OUTBOUND_V6)),
    )
    if role is Role.CLIENT:
        return replace(common, upstreamProxy=_upstreamProxy(environ.get(_PROXY)))
    return _completeServer(common, environ)


def _completeServer(common: Configuration, environ: Mapping[str, str]) -> Configuration:
    binds, errors = _binds(environ.get(_BINDS, ""), common.methods)
    orPort, extended = _address(environ, _ORPORT), _address(environ, _EXTENDED)
    if orPort is None and extended is None:
        raise EnvironmentRefused(f"neither {_ORPORT} nor {_EXTENDED} says where to forward to")
    return replace(
        common,
        binds=binds,
        methodErrors=errors,
        options=_options(environ.get(_OPTIONS, ""), common.methods),
        orPort=orPort,
        extendedORPort=extended,
        authCookieFile=_cookieFile(environ) if extended else None,
    )


# --- Single variables -------------------------------------------------------


def _required(environ: Mapping[str, str], variable: str) -> str:
    if not (value := environ.get(variable)):
        raise EnvironmentRefused(f"{variable} is not set")
    return value


def _role(environ: Mapping[str, str]) -> Role:
    """
    An empty list still tells the role, unless the other side's list is there.
    """
    named = [role for role in Role if environ.get(role.variable)]
    there = named or [role for role in Role if role.variable in environ]
    if len(there) != 1:
        count = "both" if there else "neither"
        raise EnvironmentRefused(f"{count} of {_CLIENT} and {_SERVER} are set; one must be")
    return there[0]


def _methods(text: str) -> tuple[str, ...]:
    # What cannot be a name cannot be one of ours: "ignore PT names that it does
    # not recognize", and let none of it into a line to the parent.
    return tuple(dict.fromkeys(name for name in text.split(",") if isMethodName(name)))


def _upstreamProxy(text: str | None) -> UpstreamProxy | None:
    if not text:
        return None
    from pyptwist.proxies.upstream import UpstreamProxy

    try:
        return UpstreamProxy.parse(text)
    except ConfigurationError as error:
        raise ProxyRefused(str(error)) from None


def _outboundV4(text: str | None) -> str | None:
    try:
        return str(IPv4Address(text)) if text else None
    except ValueError:
        raise EnvironmentRefused(f"{_OUTBOUND_V4} must be an IPv4 address") from None


def _outboundV6(text: str | None) -> str | None:
    if not text:
        return None
    try:
        if not (text.startswith("[") and text.endswith("]")):
            raise ValueError
        return str(IPv6Address(text[1:-1]))
    except ValueError:
        raise EnvironmentRefused(f"{_OUTBOUND_V6} must be an IPv6 address in brackets") from None


def _binds(text: str, methods: tuple[str, ...]) -> tuple[dict[str, HostPort], dict[str, str]]:
    """
    :returns: where each method listens, and why it cannot.
    """
    binds: dict[str, HostPort] = {}
    errors: dict[str, str] = {}
    for name, address in _bindEntries(text):
        if name not in methods:
            continue
        try:
            if name in binds:
                raise ConfigurationError("there is more than one address for this method")
            binds[name] = HostPort.parse(address, allowName=False)
        except ConfigurationError as error:
            errors[name] = f"{_BINDS}: {error}"
    wanted = {name: binds.get(name, DEFAULT_BIND) for name in methods if name not in errors}
    return wanted, errors


def _bindEntries(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.split(",") if text else ():
        name, dash, address = entry.partition("-")
        if not dash or not isMethodName(name):
            raise EnvironmentRefused(f"{_BINDS} must be a list of METHOD-ADDRESS:PORT")
        yield name, address


def _options(text: str, methods: tuple[str, ...]) -> dict[str, Arguments]:
    try:
        options = parseServerOptions(text)
    except ConfigurationError as error:
        raise EnvironmentRefused(f"{_OPTIONS}: {error}") from None
    return {name: arguments for name, arguments in options.items() if name in methods}


def _address(environ: Mapping[str, str], variable: str) -> HostPort | None:
    if not (text := environ.get(variable)):
        return None
    try:
        address = HostPort.parse(text, allowName=False)
    except ConfigurationError as error:
        raise EnvironmentRefused(f"{variable}: {error}") from None
    if address.port == 0:
        raise EnvironmentRefused(f"{variable}: a port must be between 1 and 65535")
    return address


def _cookieFile(environ: Mapping[str, str]) -> str:
    if not (path := environ.get(_COOKIE)):
        raise EnvironmentRefused(f"{_EXTENDED} is set, but {_COOKIE} is not")
    return path
