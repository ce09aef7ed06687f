"""
What a parent asks of a child, in the words of each version of the IPC.

PT 1 and 2.1 say it in environment variables, PT 2.2 and 3.0 in flags.  Which
version the child will choose is not known before it runs: so as long as one of
those offered wants variables, they are used, and no flag that an older program
would stumble over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.dialects import BY_WORD, PT1, Means, OptionsForm
from pyptwist.ipc.parameters import formatOptions
from pyptwist.ipc.quoting import formatServerOptions, isMethodName
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.state import StateDirectory

_PREFIX = "TOR_PT_"
_OPTIONS_FILE = "pt_options.json"
_ANYWHERE = HostPort("0.0.0.0", 0)  # noqa: S104 - a server is for everybody


@dataclass(frozen=True, repr=False)
class Assignment:
    """
    All that a child is told at its start.

    :ivar command: a program, which is looked for as a shell would, and its
        arguments.
    :ivar role: client or server.
    :ivar methods: the transport methods wanted.
    :ivar state: its state directory; it makes it.
    :ivar versions: of the IPC, of those in ``dialects.BY_WORD``.
    :ivar upstreamProxy: for a client.
    :ivar binds: where a server's methods listen; by default on any port.
    :ivar options: a server's, by method.
    :ivar target: where a server forwards its clients.
    :ivar extendedORPort: the same, by the ext-ORPort protocol.
    :ivar cookieFile: the ext-ORPort's.
    :ivar variables: more of the environment.
    """

    command: tuple[str, ...]
    role: Role
    methods: tuple[str, ...]
    state: str
    versions: tuple[str, ...] = (PT1.version,)
    upstreamProxy: UpstreamProxy | None = None
    binds: Mapping[str, HostPort] = field(default_factory=dict)
    options: Mapping[str, Arguments] = field(default_factory=dict)
    target: HostPort | None = None
    extendedORPort: HostPort | None = None
    cookieFile: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.command or not all(self.command):
            raise ConfigurationError("a transport's command must not be empty")
        if not all(isMethodName(name) for name in self.methods):
            raise ConfigurationError("a transport method's name must be a C identifier")
        if not self.versions or not set(self.versions) <= set(BY_WORD):
            known = ", ".join(BY_WORD)
            raise ConfigurationError(f"versions of the IPC must be some of {known}")
        forms = {BY_WORD[version].options for version in self.versions}
        if self._hasOptions and self._means is Means.ENVIRONMENT and OptionsForm.JSON in forms:
            raise ConfigurationError(
                "the versions of the IPC offered write options in different ways; "
                "offer 1 and 2.1 only, or 2.2 and 3.0 only"
            )
        # What cannot be written is refused now.
        for text in (*self.arguments(), *self.environment({}).values()):
            _requireText(text)
        if self._means is Means.FLAGS:
            formatOptions(self.options)

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return f"<Assignment {self.role.value} {','.join(self.methods)}>"

    @property
    def name(self) -> str:
        """
        What to call the child in logs and errors.
        """
        return os.path.basename(self.command[0])

    @property
    def isServer(self) -> bool:
        """
        Is the child to be a server?
        """
        return self.role is Role.SERVER

    def program(self) -> str:
        """
        :returns: the path of the program.
        :raises ConfigurationError: if it cannot be run.
        """
        if (path := shutil.which(self.command[0])) is None:
            raise ConfigurationError(f"there is no program {self.name} that can be run")
        return path

    def arguments(self) -> list[str]:
        """
        :returns: the command line, flags included.
        """
        said = self._asFlags() if self._means is Means.FLAGS else []
        return [*self.command, *said]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """
        :param inherited: such as ``os.environ``; what it says to a child is
            left out, since it is meant for us.
        """
        own = {k: v for k, v in inherited.items() if not k.startswith(_PREFIX)}
        said = self._asVariables() if self._means is Means.ENVIRONMENT else {}
        return {**own, **{_PREFIX + key: value for key, value in said.items()}, **self.variables}

    def prepare(self) -> None:
        """
        Write what the child is to read.  Options hold keys, and whoever is on this
        machine can read a command line: so flags name a file of them.

        :raises ConfigurationError: if that cannot be written.
        """
        if self.isServer and self._means is Means.FLAGS and self._hasOptions:
            data = formatOptions(self.options).encode("ascii")
            StateDirectory(self.state).write(_OPTIONS_FILE, data)

    @property
    def _hasOptions(self) -> bool:
        return any(len(options) for options in self.options.values())

    @property
    def _means(self) -> Means:
        wanted = [BY_WORD[version].means for version in self.versions]
        return Means.ENVIRONMENT if Means.ENVIRONMENT in wanted else Means.FLAGS

    # --- PT 1 and 2.1 -------------------------------------------------------

    def _asVariables(self) -> dict[str, str]:
        side = self._serversVariables() if self.isServer else self._clientsVariables()
        return {
            "MANAGED_TRANSPORT_VER": ",".join(self.versions),
            "STATE_LOCATION": self.state,
            "EXIT_ON_STDIN_CLOSE": "1",
            **side,
        }

    def _clientsVariables(self) -> dict[str, str]:
        said = {"CLIENT_TRANSPORTS": ",".join(self.methods)}
        if self.upstreamProxy is not None:
            said["PROXY"] = self.upstreamProxy.uri()
        return said

    def _serversVariables(self) -> dict[str, str]:
        said = {"SERVER_TRANSPORTS": ",".join(self.methods), "SERVER_BINDADDR": self._binds()}
        if options := formatServerOptions(self.options):
            said["SERVER_TRANSPORT_OPTIONS"] = options
        if self.target is not None:
            said["ORPORT"] = str(self.target)
        # PT 1 wants it to be empty, rather than left out.
        said["EXTENDED_SERVER_PORT"] = ""
        if self.extendedORPort is not None and self.cookieFile is not None:
            said["EXTENDED_SERVER_PORT"] = str(self.extendedORPort)
            said["AUTH_COOKIE_FILE"] = self.cookieFile
        return said

    # --- PT 2.2 and 3.0 -----------------------------------------------------

    def _asFlags(self) -> list[str]:
        said = ["-ptversion", ",".join(self.versions), "-state", self.state]
        said += ["-server" if self.isServer else "-client", "-transports", ",".join(self.methods)]
        said += self._serversFlags() if self.isServer else self._clientsFlags()
        return [*said, "-exit-on-stdin-close"]

    def _clientsFlags(self) -> list[str]:
        return [] if self.upstreamProxy is None else ["-proxy", self.upstreamProxy.uri()]

    def _serversFlags(self) -> list[str]:
        said = ["-bindaddr", self._binds()]
        if self._hasOptions:
            said += ["-optionsFile", StateDirectory(self.state).path(_OPTIONS_FILE)]
        if self.target is not None:
            said += ["-target", str(self.target)]
        if self.extendedORPort is not None and self.cookieFile is not None:
            said += ["-extorport", str(self.extendedORPort), "-authcookie", self.cookieFile]
        return said

    def _binds(self) -> str:
        binds = (f"{name}-{self.binds.get(name, _ANYWHERE)}" for name in self.methods)
        return ",".join(binds)


def _requireText(text: str) -> None:
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        data = b"\0"
    if b"\0" in data:
        raise ConfigurationError(
            "what a transport's program is told must not hold a NUL, or half a surrogate"
        )
