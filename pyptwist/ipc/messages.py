"""
What a child says to its parent, line by line; ``pyptwist.ipc.parentlines`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.ipc.lines import Severity


@dataclass(frozen=True)
class Version:
    """
    The child chose a version of the IPC.
    """

    version: str


@dataclass(frozen=True)
class Refusal:
    """
    The child cannot start.

    :ivar keyword: ``VERSION-ERROR``, ``ENV-ERROR`` or ``PROXY-ERROR``.
    :ivar text: the reason.
    """

    keyword: str
    text: str


@dataclass(frozen=True)
class ProxyAccepted:
    """
    The child will use the upstream proxy.
    """


@dataclass(frozen=True)
class ClientMethod:
    """
    A client method has been launched.

    :ivar protocol: ``socks4``, ``socks5``, or a mode of PT 2 and 3.
    :ivar address: where the child listens.
    """

    name: str
    protocol: str
    address: HostPort = field(repr=False)


@dataclass(frozen=True)
class ServerMethod:
    """
    A server method has been launched.

    :ivar address: where it listens.
    :ivar arguments: what clients need.
    """

    name: str
    address: HostPort = field(repr=False)
    arguments: Arguments = field(default_factory=Arguments)


@dataclass(frozen=True)
class MethodError:
    """
    A method could not be launched; others may have been.

    :ivar isServer: is it a server's?
    """

    name: str
    text: str
    isServer: bool


@dataclass(frozen=True)
class MethodsDone:
    """
    All methods have been reported.
    """

    isServer: bool


@dataclass(frozen=True)
class LogMessage:
    """
    Something for our log.  It may hold anything, addresses included.
    """

    severity: Severity
    text: str


@dataclass(frozen=True)
class Status:
    """
    How the child or a method of it fares, such as ``TYPE=version`` or
    ``TRANSPORT=name``.
    """

    values: Mapping[str, str]


@dataclass(frozen=True)
class Unknown:
    """
    A line that nobody understands, and that does no harm.

    :ivar text: its beginning.
    """

    text: str


Message = (
    Version
    | Refusal
    | ProxyAccepted
    | ClientMethod
    | ServerMethod
    | MethodError
    | MethodsDone
    | LogMessage
    | Status
    | Unknown
)
