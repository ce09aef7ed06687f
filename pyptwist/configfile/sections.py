"""
The sections of the file: one client or one server each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.configfile.tables import Table
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.configuration import (
    DEFAULT_LISTEN,
    Configuration,
    ExtendedORPort,
    Mode,
    Role,
)
from pyptwist.ipc.dialects import LATEST
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.options import SERVER_ADDRESS, located
from pyptwist.ipc.quoting import isMethodName

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

_COMMON: Final = ("name", "method", "mode", "listen", "options", "state", "flow-idle")

#: The keys of ``[[server]]``.
SERVER: Final = (*_COMMON, "target", "extended-orport", "cookie")

#: The keys of ``[[client]]``.
CLIENT: Final = (
    *_COMMON,
    "bridge",
    "server",
    "proxy",
    "outbound-ipv4",
    "outbound-ipv6",
    "flow-queue",
    "flow-maximum",
)

#: What the keys of the modes of datagrams bound.
_FLOWS: Final = {"flow-queue": "queue", "flow-idle": "idle", "flow-maximum": "maximum"}

_MODES: Final = tuple(mode.value for mode in Mode)

# It is the name of a directory, too.
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, repr=False)
class Section:
    """
    One client or server.

    :ivar where: it is in the file.
    :ivar name: by which it is known to the operator.
    :ivar configuration: with a single method, and no parent.
    """

    where: str
    name: str
    configuration: Configuration

    @property
    def method(self) -> str:
        """
        The transport method's name.
        """
        return self.configuration.methods[0]

    @property
    def isServer(self) -> bool:
        """
        Is it one, or else a client?
        """
        return self.configuration.role is Role.SERVER

    @property
    def unique(self) -> Mapping[str, object]:
        """
        What no other section may have; None where any may.
        """
        return {
            "name": self.name,
            "state": self.configuration.stateLocation,
        }

    @property
    def socket(self) -> HostPort | None:
        """
        Where it listens; None where the kernel chooses, or systemd.
        """
        wanted = self.configuration
        if self.isServer and "systemd-socket" in wanted.options[self.method]:
            return None
        address = wanted.binds[self.method] if self.isServer else wanted.listen
        return address if address.port else None

    @property
    def server(self) -> tuple[HostPort | None, Arguments]:
        """
        A client's server, and its arguments, if this is known before an
        application says it.
        """
        wanted = self.configuration
        return located(wanted.clientOptions.get(self.method, Arguments()), wanted.target)


def server(table: Table, directory: str, state: str) -> Section | None:
    """
    :param directory: where relative paths start.
    :param state: the directory that has the section's inside.
    :returns: None if something is wrong, of which the table knows then.
    """
    before = table.problemCount
    table.required("method")
    table.required("listen")
    table.required("target", "extended-orport")
    table.exclusive("target", "extended-orport")
    mode = _mode(table)
    bind = table.address("listen", allowZero=True)
    targets = table.addresses("target", allowName=True)
    extended = _extended(table, directory)
    if mode.isDatagrams and "extended-orport" in table:
        table.problem("extended-orport", f"there is none in the mode {mode.value}")
    if mode.isDatagrams and len(targets) > 1:
        table.problem("target", f"there is one in the mode {mode.value}")
    common = _common(table, Role.SERVER, table.text("method"), mode, directory, state)
    options = table.arguments("options")
    if common is None or bind is None or table.problemCount > before:
        return None
    (method,) = common.configuration.methods
    configuration = replace(
        common.configuration,
        binds={method: bind},
        options={method: options},
        target=targets[0] if targets else None,
        otherTargets=targets[1:],
        extendedORPorts=extended,
    )
    return replace(common, configuration=configuration)


def client(table: Table, directory: str, state: str) -> Section | None:
    """
    The same for a client.
    """
    before = table.problemCount
    table.required("method", "bridge")
    table.exclusive("server", "bridge")
    mode, bridge = _mode(table), _bridge(table)
    method = bridge.methodName if bridge is not None else table.text("method")
    target, options = _server(table, bridge)
    handed = frozenset(bridge.arguments if bridge is not None else ())
    common = _common(table, Role.CLIENT, method, mode, directory, state)
    more: dict[str, Any] = {
        "listen": table.address("listen", allowZero=True) or DEFAULT_LISTEN,
        "upstreamProxy": _proxy(table),
        "outboundV4": _outbound(table, "outbound-ipv4", IPv4Address),
        "outboundV6": _outbound(table, "outbound-ipv6", IPv6Address),
    }
    if common is None or table.problemCount > before:
        return None
    (method,) = common.configuration.methods
    if mode is Mode.SOCKS5 and target is not None:
        # In that mode, it is one of the options that come before an application's.
        options, target = options.updated(Arguments({SERVER_ADDRESS: str(target)})), None
    configuration = replace(
        common.configuration, clientOptions={method: options}, target=target, handed=handed, **more
    )
    return replace(common, configuration=configuration)


def _common(
    table: Table, role: Role, method: str | None, mode: Mode, directory: str, state: str
) -> Section | None:
    if method is None:
        return None
    if not isMethodName(method):
        table.problem(
            "method", "this must be a method's name; stacks of methods get one in [stacks]"
        )
        return None
    name = table.text("name") or f"{role.value}-{method}"
    if not _NAME.fullmatch(name):
        table.problem("name", "this must be of letters, digits, '_', '-', and '.', up to 100")
    own = table.text("state")
    configuration = Configuration(
        version=LATEST.word,
        role=role,
        dialect=LATEST.dialect,
        hasParent=False,
        stateLocation=os.path.normpath(
            os.path.join(*((directory, own) if own else (state, name)))
        ),
        methods=(method,),
        mode=mode,
        flows=_flows(table, mode),
    )
    return Section(table.where, name, configuration)


def _mode(table: Table) -> Mode:
    return Mode(table.choice("mode", _MODES) or Mode.SOCKS5.value)


def _flows(table: Table, mode: Mode) -> FlowBounds:
    bounds = FlowBounds()
    for key, name in _FLOWS.items():
        number = table.value(key, int)
        if number is not None and not mode.isDatagrams:
            table.problem(key, f"there are no flows in the mode {mode.value}")
        elif number is not None:
            try:
                bounds = replace(bounds, **{name: number})
            except ConfigurationError as error:
                table.problem(key, error)
    return bounds


def _extended(table: Table, directory: str) -> tuple[ExtendedORPort, ...]:
    ports, files = table.addresses("extended-orport"), table.texts("cookie")
    if "cookie" in table and "extended-orport" not in table:
        table.problem("cookie", "this means nothing without extended-orport")
    elif len(files) != len(ports):
        table.problem("cookie", "there must be a file for each extended-orport")
    return tuple(
        ExtendedORPort(port, os.path.join(directory, file))
        for port, file in zip(ports, files, strict=False)
    )


def _bridge(table: Table) -> BridgeLine | None:
    if (text := table.text("bridge")) is None:
        return None
    try:
        bridge = BridgeLine.parse(text)
    except ConfigurationError as error:
        table.problem("bridge", error)
        return None
    if table.text("method") not in (None, bridge.methodName):
        table.problem("method", "this is another one than the bridge line's")
    return bridge


def _server(table: Table, bridge: BridgeLine | None) -> tuple[HostPort | None, Arguments]:
    """
    :returns: where the server is, if that is said, and the options.
    """
    options = table.arguments("options")
    target = table.address("server", allowName=True)
    if bridge is not None:
        target = bridge.address
        for key in bridge.arguments:
            if key in options:
                table.problem(f"options.{key}", "the bridge line says it, too")
        options = bridge.arguments.updated(options)
    if SERVER_ADDRESS in options and target is not None:
        table.problem(f"options.{SERVER_ADDRESS}", "the server is named elsewhere, too")
    return target, options


def _proxy(table: Table) -> UpstreamProxy | None:
    if (text := table.text("proxy")) is None:
        return None
    from pyptwist.proxies.upstream import UpstreamProxy

    try:
        return UpstreamProxy.parse(text)
    except ConfigurationError as error:
        table.problem("proxy", error)
        return None


def _outbound(table: Table, key: str, kind: type[IPv4Address] | type[IPv6Address]) -> str | None:
    if (text := table.text(key)) is None:
        return None
    try:
        return str(kind(text))
    except ValueError:
        table.problem(key, f"this must be an {kind.__name__[:4]} address")
        return None
