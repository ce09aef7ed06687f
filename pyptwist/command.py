"""
What the ``pyptwist`` command does: the same as ``twistd pt``, without twistd; and
what helps around it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.python import usage
from twisted.python.reflect import namedAny

from pyptwist import bridgefile, tap
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.versioned import VersionedOptions


class BridgeLineOptions(VersionedOptions):
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


def _lazily(dotted: str) -> Callable[[], usage.Options]:
    """
    :returns: what makes the options of a command, whose code is imported then.
    """

    def make() -> usage.Options:
        options: usage.Options = namedAny(dotted)()
        return options

    return make


class Options(tap.Options):
    """
    ``pyptwist``.
    """

    synopsis = "Usage: pyptwist [options]"
    subCommands = [
        ["bridge-line", None, BridgeLineOptions, "Print the bridge line of a server."],
        [
            "check",
            None,
            _lazily("pyptwist.checking.Options"),
            "Test bridges, without tor.",
        ],
        [
            "check-config",
            None,
            _lazily("pyptwist.configfile.checkcommand.Options"),
            "Look for what is wrong with a configuration file.",
        ],
        [
            "demo",
            None,
            _lazily("pyptwist.demo.Options"),
            "Move data through a client and a server on this machine.",
        ],
        [
            "doctor",
            None,
            _lazily("pyptwist.doctor.Options"),
            "Look for what is wrong with an installation.",
        ],
        [
            "generate-config",
            None,
            _lazily("pyptwist.configfile.generatecommand.Options"),
            "Write configuration files for a server and its clients.",
        ],
        [
            "inspect",
            None,
            _lazily("pyptwist.inspection.Options"),
            "Show what a censor sees of a transport method.",
        ],
        [
            "list",
            None,
            _lazily("pyptwist.listing.command.Options"),
            "Show the transport methods that are installed.",
        ],
        [
            "new",
            None,
            _lazily("pyptwist.scaffold.Options"),
            "Write a package with a transport method of your own.",
        ],
        [
            "tunnel",
            None,
            _lazily("pyptwist.tunnel.Options"),
            "Carry TCP through a transport, without tor: anybody's, or ours.",
        ],
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            super().postOptions()
        elif given := self.takeFlags():
            raise usage.UsageError(f"-{next(iter(given))} and a command exclude each other")
        elif self["config"] is not None:
            raise usage.UsageError("-config and a command exclude each other")


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
        _complain(options, error)


def _complain(options: Options, error: Exception) -> NoReturn:
    text = f"pyptwist: {error}\nTry: {_help(options)}"
    if options.subCommand is None:
        sys.exit(text)
    # Some commands have other things to tell by 1.
    status = getattr(options.subOptions, "usageStatus", None)
    if status is None:
        sys.exit(text)
    print(text, file=sys.stderr)
    sys.exit(status)


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
