"""
``twistd pt``, and its options.

Left alone, ``twistd`` goes into the background, writes a pid file where it stands
and logs to standard output.  Each of the three breaks a child of tor; here they
are undone when the options are read, whatever the command line says.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogPublisher
from twisted.python import usage
from twisted.python.components import Componentized

from pyptwist import safelog
from pyptwist.ebb import Ebb
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ipc import inheritance
from pyptwist.ipc.configuration import Configuration, Role
from pyptwist.ipc.dialects import PT1, Stream
from pyptwist.ipc.flaghelp import commandHelp
from pyptwist.ipc.flags import (
    FLAGS,
    GENERATING,
    FlagError,
    isServing,
    nearest,
    normalised,
    offeredVersions,
)
from pyptwist.ipc.lines import EnvironmentRefused, Severity, StartError, versionLine
from pyptwist.ipc.loglines import LogLines
from pyptwist.ipc.options import readOptionsFile
from pyptwist.ipc.parsing import chooseDialect, errorDialect, parseEnvironment
from pyptwist.ipc.reporter import Reporter
from pyptwist.state import StateDirectory
from pyptwist.versioned import VersionedOptions

#: What people look into who know shapeshifter-dispatcher.
_DISPATCHERS_LOG = "dispatcher.log"


class Options(VersionedOptions):
    """
    What can be said on the command line; under tor all else comes from the parent.
    """

    synopsis = "[options]"
    longdesc = (
        "Carries traffic through pluggable transports. Started by tor, or by another program "
        "that speaks its protocol, it does what that says; with flags, what they say. "
        "Run it alone, without options, for the lines to put into torrc."
    )
    optFlags = [
        ["unsafe-logging", None, "Leave addresses in the log."],
        *([flag.name, None, flag.help] for flag in FLAGS.values() if flag.value is None),
    ]
    optParameters = [
        [
            "log-file",
            None,
            None,
            "Log to this file instead of standard error; "
            "a relative path is one inside the state directory.",
        ],
        [
            "log-level",
            None,
            None,
            f"The least level to log: {', '.join(safelog.LEVELS)}; without it, info.",
        ],
        ["config", None, None, "Serve what this file asks for, and nothing else."],
        *([flag.name, None, None, flag.help] for flag in FLAGS.values() if flag.value),
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["stacks"] = {}
        if inheritance.isLaunched():
            inheritance.claim()

    def opt_stack(self, definition: str) -> None:
        """
        Define a stack, as in 'b64_obfs4=obfs4|b64'; may be given several times.
        """
        from pyptwist.expressions import parseDefinition

        try:
            name, expression = parseDefinition(definition)
        except ConfigurationError as error:
            raise usage.UsageError(f"--stack: {error}") from None
        if name in self["stacks"]:
            raise usage.UsageError(f"--stack: {name} is defined twice")
        self["stacks"][name] = expression

    def getUsage(self, width: int | None = None) -> str:
        """
        :returns: the help, the flags in groups.
        """
        return commandHelp(self, width)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        :raises twisted.python.usage.UsageError: for what is wrong with the
            options.  A parent is told of it, too: it would try again for ever.
        :raises SystemExit: if that is all that there is to say.
        """
        arguments = sys.argv[1:] if options is None else list(options)
        isServed = inheritance.isLaunched() or isServing(arguments)
        if isServed:
            inheritance.claim()
        try:
            super().parseOptions(self._normalised(arguments))  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            error = self._withHint(error)
            if isServed:
                if str(error).startswith(("Unknown command", "Wrong number of")):
                    # It may be half an option's text, with a key in it.
                    error = usage.UsageError("there is a word too many among the flags")
                _refuseArguments(arguments, error)
            raise error from None

    def postOptions(self) -> None:
        flags = self.takeFlags()
        level = flags.pop("logLevel", self["log-level"])
        if level is None and self["config"] is None:
            level = "info"  # which a file may say otherwise
        try:
            self["log-level"] = None if level is None else safelog.levelNamed(level)
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        if flags.pop("showVersion", None):
            self.opt_version()
        if "generateConfig" in flags and self["config"] is None:
            _generate(flags)
        for flag in sorted(GENERATING & flags.keys()):
            raise usage.UsageError(f"-{flag} goes with -generateConfig alone")
        if flags.pop("enableLogging", None) and self["log-file"] is None:
            self["log-file"] = _DISPATCHERS_LOG
        self["flags"] = flags
        if self["config"] is not None:
            self._refuseOthers()
        elif not (flags or inheritance.isLaunched()):
            _explain(self["stacks"])
        if self.parent is not None:
            # twistd's own: the service brings its log with it.
            self.parent.update(nodaemon=True, pidfile="", logger=None)

    def _refuseOthers(self) -> None:
        """
        A file says all that flags and parents say.
        """
        if inheritance.isLaunched():
            raise usage.UsageError("-config is not for a process that a parent started")
        other = next((f"-{flag}" for flag in self["flags"]), "--stack" if self["stacks"] else "")
        if other:
            raise usage.UsageError(f"-config and {other} exclude each other")

    def takeFlags(self) -> dict[str, str]:
        """
        :returns: the flags of the specs that were given, by name; they are options
            no more.
        """
        given = {name: self.pop(name, None) for name in FLAGS}
        return {name: str(value) for name, value in given.items() if value not in (None, 0)}

    def _normalised(self, arguments: Sequence[str]) -> list[str]:
        try:
            return normalised(arguments, *self._names())
        except FlagError as error:
            raise usage.UsageError(str(error)) from None

    def _names(self) -> tuple[list[str], list[str]]:
        """
        :returns: the options that take a value, and those that take none.
        """
        valued = [name[:-1] for name in self.longOpt if name.endswith("=")]
        return valued, [name for name in self.longOpt if not name.endswith("=")]

    def _withHint(self, error: usage.UsageError) -> usage.UsageError:
        found = re.fullmatch(r"option --(\S+) not recognized", str(error))
        hint = nearest(found[1], *self._names()) if found else ""
        return usage.UsageError(f"{error}{hint}")


class ChildService(MultiService):
    """
    The child, with the log that it is to have.

    :ivar observer: what is to get all events.
    """

    def __init__(self, observer: ILogObserver, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.observer = observer
        Ebb(reactor).setServiceParent(self)  # type: ignore[no-untyped-call]

    def setServiceParent(self, parent: Any) -> None:
        """
        Give the log to twistd's application, which asks it for one.
        """
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]


def makeService(options: Mapping[str, Any]) -> ChildService:
    """
    Open the conversation with the parent, and make what goes on with it.

    :param options: ``Options``, parsed.
    :raises SystemExit: if the child cannot start; the parent has been told why.
    """
    if options["config"] is not None:
        return _servingFile(options)
    reporter = _reporter()
    flags = options["flags"]
    reporter.speak(errorDialect(os.environ, flags))
    try:
        return _makeService(options, os.environ, reporter)
    except StartError as error:
        _refuse(reporter, error)
    except Exception as error:
        print(safelog.scrub(traceback.format_exc()), file=safelog.standardError(), end="")
        _refuse(reporter, EnvironmentRefused(f"an unforeseen {type(error).__name__}: {error}"))


def _servingFile(options: Mapping[str, Any]) -> ChildService:
    from pyptwist.configfile import serving

    reactor = _reactor()
    listeners, observer = serving.makeService(reactor, options)
    service = ChildService(observer, reactor)
    listeners.setServiceParent(service)
    return service


def _makeService(
    options: Mapping[str, Any], environ: Mapping[str, str], reporter: Reporter
) -> ChildService:
    flags = options["flags"]
    agreement = chooseDialect(environ, flags)
    reporter.speak(agreement.dialect)
    reporter.write(versionLine(agreement.word))
    reactor = _reactor()
    configuration = parseEnvironment(environ, flags, readOptionsFile)
    reporter.limitLog(configuration.logLevel)
    inherited = inheritance.claim()
    inheritance.raiseDescriptorLimit()
    if configuration.exitOnStdinClose and not inherited.hasInput:
        raise EnvironmentRefused("the end of standard input means to end, and there is none")
    observer = _observer(options, configuration, reporter, reactor)
    service = ChildService(observer, reactor)
    parent = inherited.parent if configuration.hasParent else None
    child = _child(reactor, configuration, reporter, parent, options["stacks"])
    child.setServiceParent(service)
    return service


def _child(
    reactor: Any,
    configuration: Configuration,
    reporter: Reporter,
    parent: int | None,
    stacks: Mapping[str, str],
) -> Any:
    from pyptwist.ipc.child import Child
    from pyptwist.ipc.launch import ClientSide, ServerSide, outside
    from pyptwist.ipc.lifeline import Lifeline
    from pyptwist.metrics import Metrics
    from pyptwist.network import DirectNetwork
    from pyptwist.registry import Methods

    state = StateDirectory(configuration.stateLocation)
    methods = Methods(stacks)
    network = outside(reactor, configuration)
    context = Context(reactor, network, state, Metrics(), methods=methods)
    local = DirectNetwork(reactor)
    side: ClientSide | ServerSide
    if configuration.role is Role.CLIENT:
        side = ClientSide(context, local, methods, configuration)
    else:
        side = ServerSide(context, local, methods, configuration)
    lifeline = Lifeline(reactor, reactor.stop, parent, configuration.exitOnStdinClose)
    return Child(reactor, configuration, reporter, side, lifeline)


def _observer(
    options: Mapping[str, Any], configuration: Configuration, reporter: Reporter, clock: Any
) -> ILogObserver:
    stateLocation = configuration.stateLocation
    file = safelog.standardError()
    if (name := options["log-file"]) is not None:
        try:
            if not os.path.isabs(name):
                StateDirectory(stateLocation).create()
            file = safelog.openLogFile(os.path.join(stateLocation, name))
        except ConfigurationError as error:
            # Without a log all works as well, but its reader must know.
            reporter.log(Severity.WARNING, safelog.scrub(str(error)))
    written = safelog.observerTo(file, options["log-level"], bool(options["unsafe-logging"]))
    return LogPublisher(written, LogLines(reporter, clock, configuration.logLevel))


def _reactor() -> Any:
    # The one module that chooses, since it is the program: all others are given it.
    from twisted.internet import reactor  # noqa: TID251

    return reactor


def _reporter() -> Reporter:
    return Reporter(inheritance.claim().output, safelog.standardError())


def _refuse(reporter: Reporter, error: StartError) -> NoReturn:
    line = safelog.scrub(error.line)
    reporter.write(line)
    if reporter.dialect.errorStream is Stream.STDOUT:
        print(line, file=safelog.standardError())
    sys.exit(reporter.dialect.exitCodes[error.keyword])


def _refuseArguments(arguments: Sequence[str], error: usage.UsageError) -> None:
    """
    :raises SystemExit: unless the error is to be shown in Twisted's way as well.
    """
    versions = offeredVersions(arguments)
    flags = {"ptversion": versions} if versions is not None else {"client": "1"}
    reporter = _reporter()
    try:
        reporter.speak(chooseDialect(os.environ, flags).dialect)
    except StartError:
        reporter.speak(errorDialect(os.environ, flags))
    refused = EnvironmentRefused(f"the command line: {error}")
    if reporter.dialect is not PT1:
        _refuse(reporter, refused)
    reporter.write(refused.line)


def _generate(flags: Mapping[str, str]) -> NoReturn:
    from pyptwist.configfile.generatecommand import fromFlags

    try:
        fromFlags(flags).run()
    except ConfigurationError as error:
        raise usage.UsageError(str(error)) from None
    sys.exit(0)


def _explain(stacks: Mapping[str, str]) -> NoReturn:
    from pyptwist.guidance import guidance
    from pyptwist.registry import Methods

    try:
        Methods(stacks).check()
    except ConfigurationError as error:
        raise usage.UsageError(f"--stack: {error}") from None
    print(guidance(sys.argv[0], stacks), file=sys.stderr)
    sys.exit(1)
