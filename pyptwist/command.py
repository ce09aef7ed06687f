"""
What the ``pyptwist`` command does: the same as ``twistd pt``, without twistd; and
what helps around it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.python import usage
from twisted.python.reflect import namedAny

from pyptwist import bridgefile, tap
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory


class BridgeLineOptions(usage.Options):
    """
    ``pyptwist bridge-line``.
    """

    synopsis = "--state PATH [options]"
    longdesc = (
        "Prints the bridge lines of a server that has run with a state directory. "
        "For tor that is pt_state in tor's DataDirectory."
    )
    optParameters = [
        ["state", None, None, "The state directory, or an obfs4_state.json."],
        [
            "address",
            None,
            None,
            "The address under which the bridge is reached, such as 192.0.2.1, or with a port.",
        ],
        ["fingerprint", None, None, "Of the bridge, 40 hexadecimal digits."],
        ["method", None, None, "Only this transport method."],
    ]

    def postOptions(self) -> None:
        if self["state"] is None:
            raise usage.UsageError("--state is needed: the server's state directory")

    def run(self) -> None:
        """
        Print the lines; say on standard error what is left to fill in.

        :raises ConfigurationError: if there is nothing to print.
        """
        entries = self._wanted(readEntries(self["state"]))
        for entry in entries:
            print(entry)
        if not all(entry.isComplete for entry in entries):
            print(
                "What stands in <angle brackets> is not known here; "
                "--address and --fingerprint fill it in.",
                file=sys.stderr,
            )

    def _wanted(self, entries: list[bridgefile.Entry]) -> list[bridgefile.Entry]:
        if self["method"] is not None:
            entries = [entry for entry in entries if entry.name == self["method"]]
        if self["address"] is not None:
            entries = [entry.at(self["address"]) for entry in entries]
        if self["fingerprint"] is not None:
            entries = [entry.identified(self["fingerprint"]) for entry in entries]
        if not entries:
            raise ConfigurationError("there is no such bridge line")
        return entries


def _demoOptions() -> usage.Options:
    options: usage.Options = namedAny("pyptwist.demo.Options")()
    return options


class Options(tap.Options):
    """
    ``pyptwist``.
    """

    synopsis = "Usage: pyptwist [options]"
    subCommands = [
        ["bridge-line", None, BridgeLineOptions, "Print the bridge line of a server."],
        [
            "demo",
            None,
            _demoOptions,
            "Move data through a client and a server on this machine.",
        ],
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            super().postOptions()


def run() -> None:
    """
    Run the command line that the process was started with.

    :raises SystemExit: when it is done.
    """
    options = Options()
    try:
        options.parseOptions()
        if options.subCommand is None:
            serve(options)
        else:
            options.subOptions.run()
    except (usage.UsageError, ConfigurationError) as error:
        sys.exit(f"pyptwist: {error}\nTry: {_help(options)}")


def _help(options: Options) -> str:
    return " ".join(filter(None, ("pyptwist", options.subCommand, "--help")))


def serve(options: Options) -> None:
    """
    Be a parent's child.
    """
    from twisted.internet import reactor  # noqa: TID251 - this is the program
    from twisted.logger import globalLogBeginner

    service = tap.makeService(options)
    globalLogBeginner.beginLoggingTo([service.observer])
    service.startService()  # type: ignore[no-untyped-call]
    anyReactor: Any = reactor
    anyReactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    anyReactor.run()


def readEntries(path: str) -> list[bridgefile.Entry]:
    """
    :param path: a state directory, or a file of an obfs4 server's keys.
    :returns: what is known of the bridge's lines.
    :raises ConfigurationError: if nothing is.
    """
    if os.path.isdir(path):
        state = StateDirectory(path)
        if (data := state.read(bridgefile.FILE)) is not None:
            return bridgefile.parse(data)
        path = os.path.join(path, "obfs4_state.json")
    from pyptwist.transports.obfs4.identity import Identity

    directory, name = os.path.split(os.path.abspath(path))
    if (data := StateDirectory(directory).read(name)) is None:
        raise ConfigurationError(f"there is neither {bridgefile.FILE} nor {path}")
    fingerprint = bridgefile.torsFingerprint(directory)
    arguments = Identity.fromState(data).clientArguments
    return [bridgefile.Entry("obfs4", None, None, fingerprint, arguments)]
