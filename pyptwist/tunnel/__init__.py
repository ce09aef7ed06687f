"""
``pyptwist tunnel``: TCP through a pluggable transport, with one command on each side.

::

    application -> tunnel client -- SOCKS --> child == method ==> child -> target
                     our process         its process        of the tunnel server

The child is anybody's program that speaks the PT protocol, or ours.
"""

from __future__ import annotations

import shlex
import sys
from typing import Any

from twisted.python import usage

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.quoting import isMethodName
from pyptwist.versioned import VersionedOptions

_COMMON = [
    [
        "command",
        None,
        None,
        "The transport's program and its arguments, in quotes, such as "
        "'/usr/bin/obfs4proxy -enableLogging'; pyptwist itself unless told otherwise.",
    ],
    ["versions", None, "1", "Versions of the PT protocol to offer it, such as 1,2.1 or 3.0."],
    ["log-level", None, "info", "The least level to log: debug, info, warn or error."],
]


class _Side(VersionedOptions):
    """
    What both sides share.
    """

    def postOptions(self) -> None:
        """
        :raises twisted.python.usage.UsageError: naming what is wrong.
        """
        from pyptwist import safelog

        try:
            self["log-level"] = safelog.levelNamed(self["log-level"])
            self.check()
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None

    def check(self) -> None:
        """
        Make what the program needs of the texts.

        :raises ConfigurationError: naming what is wrong.
        """

    def command(self) -> tuple[str, ...]:
        """
        :returns: the child's command line.
        """
        if self["command"] is None:
            return (sys.executable, "-m", "pyptwist")
        try:
            return tuple(shlex.split(self["command"]))
        except ValueError:
            raise ConfigurationError("--command has an open quotation mark") from None

    def versions(self) -> tuple[str, ...]:
        """
        :returns: what to offer the child.
        """
        return tuple(self["versions"].split(","))

    def needed(self, name: str, example: str) -> str:
        """
        :returns: the option's text.
        :raises ConfigurationError: if it is not there.
        """
        if self[name] is None:
            raise ConfigurationError(f"--{name} is needed, such as --{name} {example}")
        text: str = self[name]
        return text


class ClientOptions(_Side):
    """
    ``pyptwist tunnel client``.
    """

    synopsis = "--listen ADDRESS:PORT [options] 'BRIDGE LINE'"
    longdesc = (
        "Listens on this machine, and carries each connection to the server that the bridge "
        "line names; what the server does with it is its own business.  A bridge line is what "
        "'pyptwist tunnel server' prints, or one of tor's.  For example: "
        "pyptwist tunnel client --listen 127.0.0.1:8080 --command /usr/bin/obfs4proxy "
        "'obfs4 192.0.2.1:443 cert=... iat-mode=0'"
    )
    optParameters = [
        ["listen", None, None, "Where applications connect: an IP address and a port, or 0."],
        ["state", None, None, "The transport's state directory; a temporary one otherwise."],
        ["proxy", None, None, "The upstream proxy, such as socks5://127.0.0.1:9050."],
        *_COMMON,
    ]

    def parseArgs(self, *line: str) -> None:
        """
        The bridge line, in one argument or in several.
        """
        self["bridge"] = " ".join(line)

    def check(self) -> None:
        from pyptwist.proxies.upstream import UpstreamProxy

        if not self["bridge"]:
            raise ConfigurationError("a bridge line is needed, in quotes, behind the options")
        self["bridge"] = BridgeLine.parse(self["bridge"])
        self["listen"] = HostPort.parse(self.needed("listen", "127.0.0.1:8080"), allowName=False)
        if self["proxy"] is not None:
            self["proxy"] = UpstreamProxy.parse(self["proxy"])
        self.assignment("")

    def assignment(self, temporary: str) -> Assignment:
        """
        :param temporary: the state directory, if none was named.
        :returns: what the child is told.
        """
        return Assignment(
            self.command(),
            Role.CLIENT,
            (self["bridge"].methodName,),
            self["state"] or temporary,
            self.versions(),
            upstreamProxy=self["proxy"],
        )

    def run(self) -> None:
        """
        Serve until a signal comes.

        :raises SystemExit: when it is over.
        """
        from pyptwist.tunnel import program

        program.run(program.Client(self), self["log-level"])


class ServerOptions(_Side):
    """
    ``pyptwist tunnel server``.
    """

    synopsis = "--bind ADDRESS:PORT --target ADDRESS:PORT --state PATH [options]"
    longdesc = (
        "Listens for clients of a transport, and carries their connections to a TCP server.  "
        "It prints the bridge line for them; keep the state directory, and the line stays "
        "good.  For example: "
        "pyptwist tunnel server --bind 0.0.0.0:443 --target 127.0.0.1:22 "
        "--state /var/lib/tunnel --command /usr/bin/obfs4proxy"
    )
    optParameters = [
        ["method", None, "obfs4", "The transport method."],
        ["bind", None, None, "Where clients connect: an IP address and a port."],
        ["target", None, None, "Where connections are taken: an IP address and a port."],
        ["state", None, None, "The transport's state directory, with its keys."],
        *_COMMON,
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["options"] = []

    def opt_option(self, text: str) -> None:
        """
        An option of the method, as in iat-mode=1; may be given several times.
        """
        key, mark, value = text.partition("=")
        if not key or not mark:
            raise usage.UsageError("--option must be KEY=VALUE")
        self["options"].append((key, value))

    def check(self) -> None:
        if not isMethodName(self["method"]):
            raise ConfigurationError("--method must be the name of a transport method")
        for name, example in (("bind", "0.0.0.0:443"), ("target", "127.0.0.1:22")):
            self[name] = HostPort.parse(self.needed(name, example), allowName=False)
        self.needed("state", "/var/lib/tunnel")
        self.assignment()

    def assignment(self) -> Assignment:
        """
        :returns: what the child is told.
        """
        name = self["method"]
        return Assignment(
            self.command(),
            Role.SERVER,
            (name,),
            self["state"],
            self.versions(),
            binds={name: self["bind"]},
            options={name: Arguments(self["options"])},
            target=self["target"],
        )

    def run(self) -> None:
        """
        Serve until a signal comes.

        :raises SystemExit: when it is over.
        """
        from pyptwist.tunnel import program

        program.run(program.Server(self), self["log-level"])


class Options(VersionedOptions):
    """
    ``pyptwist tunnel``.
    """

    synopsis = "client|server [options]"
    longdesc = (
        "Carries TCP connections through a pluggable transport, without tor.  One command on "
        "each side: 'pyptwist tunnel server --help' first, then 'pyptwist tunnel client --help'."
    )
    subCommands: list[list[Any]] = [
        ["client", None, ClientOptions, "Listen here, and connect through the transport."],
        ["server", None, ServerOptions, "Listen by the transport, and forward to a TCP server."],
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise usage.UsageError("say which side: client or server")

    def run(self) -> None:
        """
        See the two sides.
        """
        self.subOptions.run()
