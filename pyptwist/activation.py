"""
Sockets that systemd opened, and passed on: so a server has port 443 without ever
having been root, and no client is refused while it starts anew.

``systemd-socket=NAME``, or a number from 0 on, is an option of every server.  No
method knows of it: it listens on a host of a name that only a network on this
machine understands, ``systemd=NAME``, which can be no name of a real one.

Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import fail
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_OPTION: Final = "systemd-socket"
_PREFIX: Final = "systemd="
_FIRST: Final = 3  # SD_LISTEN_FDS_START
_MOST: Final = 1024  # more sockets than any unit has
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,200}", re.ASCII)
_UNNAMED: Final = "unknown"  # what sd_listen_fds_with_names() calls it


def placed(bind: HostPort, arguments: Arguments) -> tuple[HostPort, Arguments]:
    """
    :param bind: where the method would listen by itself.
    :param arguments: the operator's options: the method's own, and
        ``systemd-socket``.
    :returns: what the method is to get.
    :raises ConfigurationError: if the option is wrong.
    """
    if _OPTION not in arguments:
        return bind, arguments
    name = arguments.require(_OPTION)
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"the option {_OPTION!r} must be a name or a number")
    return HostPort(f"{_PREFIX}{name}", bind.port), arguments.without(_OPTION)


def socketName(host: str) -> str | None:
    """
    :returns: which socket a host stands for; None if it is an ordinary one.
    """
    return host.removeprefix(_PREFIX) if host.startswith(_PREFIX) else None


class Inherited:
    """
    The sockets that this process was started with.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """
        :param environ: what this process was started with.
        """
        isOurs = environ.get("LISTEN_PID") == str(os.getpid())
        count, names = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_FDNAMES")
        self._free: dict[int, str] = {}
        if isOurs and count.isascii() and count.isdigit() and int(count) <= _MOST:
            given = names.split(":") if names else []
            named = given if len(given) == int(count) else [_UNNAMED] * int(count)
            self._free = dict(enumerate(named))
        self._count = len(self._free)
        for number in self._free:
            # Those that are not open are met when they are wanted.
            with suppress(OSError):
                os.set_inheritable(_FIRST + number, False)

    def take(self, name: str, port: int) -> socket.socket:
        """
        :param name: of a socket, or its number.
        :param port: that it must have; 0 for any.
        :returns: the socket, which listens; it is the caller's now.
        :raises ConfigurationError: if there is none of this name, or it will not do.
        """
        problem = None
        # All sockets of one unit have one name.
        for number in self._find(name):
            try:
                found = _listener(_FIRST + number, port)
            except ConfigurationError as error:
                problem = problem or error
            else:
                del self._free[number]
                return found
        raise problem or ConfigurationError(
            f"systemd passed no socket {name} to this process, or it is in use"
        )

    def _find(self, name: str) -> list[int]:
        if not self._count:
            raise ConfigurationError(
                "systemd passed no socket to this process: its socket unit must be active"
                " when the service starts"
            )
        numbers = [number for number, other in self._free.items() if other == name]
        if not numbers and name.isdigit():
            numbers = [number for number in self._free if number == int(name)]
        return numbers


@cache
def inherited() -> Inherited:
    """
    :returns: this process's.
    """
    found = Inherited({**_firstEnvironment(), **os.environ})
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(variable, None)
    return found


def _firstEnvironment() -> dict[str, str]:
    """
    Twisted takes the variables out of ``os.environ`` for itself when it is imported,
    and drops what they say if sockets have no names, as older systemds' have none.
    The kernel still knows.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: text for name, _, text in pairs}


def _listener(descriptor: int, port: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        raise ConfigurationError("what systemd passed is no open socket") from None
    try:
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError:
        listens = False
    isIP = found.family in {socket.AF_INET, socket.AF_INET6}
    if not (listens and isIP and found.type == socket.SOCK_STREAM):
        found.detach()
        raise ConfigurationError("what systemd passed is no TCP socket that listens")
    if port and found.getsockname()[1] != port:
        found.detach()
        raise ConfigurationError("systemd's socket has another port than the one wanted")
    return found


@implementer(IStreamServerEndpoint)
class ActivatedServerEndpoint:
    """
    Listens on one of systemd's sockets.
    """

    def __init__(self, reactor: Any, name: str, port: int) -> None:
        """
        :param name: of the socket, or its number.
        :param port: that it must have; 0 for any.
        """
        self._reactor = reactor
        self._name = name
        self._port = port

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        try:
            found = inherited().take(self._name, self._port)
        except ConfigurationError as error:
            return fail(error)
        family = found.family
        endpoint = AdoptedStreamServerEndpoint(self._reactor, found.detach(), family)
        listening: Deferred[IListeningPort] = endpoint.listen(protocolFactory)
        return listening
