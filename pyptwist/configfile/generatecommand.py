"""
``pyptwist generate-config``.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Final

from twisted.python import usage

from pyptwist.addresses import HostPort
from pyptwist.configfile.generate import Wanted, generate
from pyptwist.errors import ConfigurationError
from pyptwist.intermixed import IntermixedOptions
from pyptwist.ipc.configuration import Mode

#: What shapeshifter-dispatcher's flags are called here.
_FLAGS: Final = {
    "serverIP": "server",
    "target": "target",
    "proxylistenaddr": "listen",
    "mode": "mode",
}

#: Flags that ask for a part of Replicant, of which our files always have both, as its own
#: generator's have: with one of the two it fails.
_PARTS: Final = frozenset({"toneburst", "polish"})


class Options(IntermixedOptions):
    """
    ``pyptwist generate-config METHOD --server HOST:PORT``.
    """

    synopsis = "METHOD --server HOST:PORT [options]"
    longdesc = (
        "Writes two configuration files, METHOD-server.toml and METHOD-client.toml, with "
        "fresh keys that fit. METHOD is a transport method, or a stack such as 'obfs4|b64'. "
        "What is there already is never overwritten."
    )
    optParameters = [
        ["server", None, None, "Where clients reach the server."],
        [
            "target",
            None,
            "127.0.0.1:80",
            "Where the server forwards to.",
        ],
        [
            "listen",
            None,
            "127.0.0.1:1080",
            "Where applications reach the client.",
        ],
        ["mode", None, Mode.SOCKS5.value, f"One of {', '.join(mode.value for mode in Mode)}."],
        ["directory", None, ".", "Where to write the files."],
    ]

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("name one METHOD, such as obfs4")
        self["method"] = words[0]

    def postOptions(self) -> None:
        if self["server"] is None:
            raise usage.UsageError("--server is needed: where clients reach the server")
        self["server"] = self._address("server")
        self["target"] = self._address("target")
        self["listen"] = self._address("listen", isLocal=True)
        try:
            self["mode"] = Mode(self["mode"])
        except ValueError:
            known = ", ".join(mode.value for mode in Mode)
            raise usage.UsageError(f"--mode: this must be one of {known}") from None

    def _address(self, option: str, isLocal: bool = False) -> HostPort:
        try:
            address = HostPort.parse(self[option], allowName=not isLocal)
            if address.port == 0 and not isLocal:
                raise ConfigurationError("a port must be between 1 and 65535")
        except ConfigurationError as error:
            raise usage.UsageError(f"--{option}: {error}") from None
        return address

    def run(self) -> None:
        """
        Write the files, and say how to use them.

        :raises ConfigurationError: if nothing was written.
        """
        # This is the program.
        from twisted.internet import reactor  # noqa: TID251

        fields = ("method", "server", "target", "listen", "mode", "directory")
        generated = generate(reactor, Wanted(*(self[name] for name in fields)))
        for path in filter(None, (generated.server, generated.client, generated.state)):
            print(path)
        print("On the server, and on the client's machine:", file=sys.stderr)
        for path in (generated.server, generated.client):
            print(f"  pyptwist -config {shlex.quote(path)}", file=sys.stderr)


def fromFlags(flags: Mapping[str, str]) -> Options:
    """
    :param flags: those beside shapeshifter-dispatcher's ``-generateConfig``.
    :returns: the command that does the same.
    :raises twisted.python.usage.UsageError: naming the flag that is missing, wrong or
        too much.
    """
    for needed in ("transport", "serverIP"):
        if needed not in flags:
            raise usage.UsageError(f"-generateConfig needs -{needed}")
    if _PARTS & flags.keys() and flags["transport"].lower() != "replicant":
        raise usage.UsageError("-toneburst and -polish go with -transport Replicant alone")
    for flag in flags.keys() - _FLAGS.keys() - _PARTS - {"transport", "generateConfig"}:
        raise usage.UsageError(f"-generateConfig and -{flag} exclude each other")
    given = [f"--{name}={flags[flag]}" for flag, name in _FLAGS.items() if flag in flags]
    options = Options()  # type: ignore[no-untyped-call]
    options.parseOptions([flags["transport"], *given])
    return options
