"""
``twistd pt``, and its options.

Left alone, ``twistd`` goes into the background, writes a pid file where it stands
and logs to standard output.  Each of the three breaks a child of tor; here they
are undone when the options are read, whatever the command line says.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogPublisher
from twisted.python import usage
from twisted.python.components import Componentized

from pyptwist import __version__, safelog
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ipc import inheritance
from pyptwist.ipc.configuration import Configuration, Role, chooseDialect, parseEnvironment
from pyptwist.ipc.dialects import PT1
from pyptwist.ipc.lines import EnvironmentRefused, Severity, StartError, versionLine
from pyptwist.ipc.loglines import LogLines
from pyptwist.ipc.reporter import Reporter
from pyptwist.state import StateDirectory


class Options(usage.Options):
    """
    What can be said on the command line; all else comes from the parent.
    """

    synopsis = "[options]"
    longdesc = (
        "Carries the traffic of a tor client or bridge through pluggable transports. "
        "tor has to start it: run it alone, without options, for the lines to put into torrc."
    )
    optFlags = [
        ["unsafe-logging", None, "Leave addresses in the log."],
    ]
    optParameters = [
        [
            "log-file",
            None,
            None,
            "Log to this file instead of standard error; "
            "a relative path is one inside the state directory.",
        ],
        ["log-level", None, "info", f"The least level to log: {', '.join(safelog.LEVELS)}."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if inheritance.isLaunched():
            inheritance.claim()

    def opt_version(self) -> None:
        """
        Display the version and exit.
        """
        print(f"pyptwist {__version__}")
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        :raises twisted.python.usage.UsageError: for what is wrong with the
            options.  A parent is told of it, too: it would try again for ever.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            if inheritance.isLaunched():
                _reporter().write(EnvironmentRefused(f"the command line: {error}").line)
            raise

    def postOptions(self) -> None:
        try:
            self["log-level"] = safelog.levelNamed(self["log-level"])
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        if not inheritance.isLaunched():
            _explain()
        if self.parent is not None:
            # twistd's own: the service brings its log with it.
            self.parent.update(nodaemon=True, pidfile="", logger=None)


class ChildService(MultiService):
    """
    The child, with the log that it is to have.

    :ivar observer: what is to get all events.
    """

    def __init__(self, observer: ILogObserver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.observer = observer

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
    reporter = _reporter()
    try:
        return _makeService(options, os.environ, reporter)
    except StartError as error:
        _refuse(reporter, error)
    except Exception as error:
        traceback.print_exc(file=safelog.standardError())
        _refuse(reporter, EnvironmentRefused(f"an unforeseen {type(error).__name__}: {error}"))


def _makeService(
    options: Mapping[str, Any], environ: Mapping[str, str], reporter: Reporter
) -> ChildService:
    reporter.write(versionLine(chooseDialect(environ).version))
    reactor = _reactor()
    configuration = parseEnvironment(environ)
    inherited = inheritance.claim()
    inheritance.raiseDescriptorLimit()
    if configuration.exitOnStdinClose and not inherited.hasInput:
        raise EnvironmentRefused("the end of standard input means to end, and there is none")
    observer = _observer(options, configuration.stateLocation, reporter, reactor)
    service = ChildService(observer)
    _child(reactor, configuration, reporter, inherited.parent).setServiceParent(service)
    return service


def _child(reactor: Any, configuration: Configuration, reporter: Reporter, parent: int) -> Any:
    from twisted.plugin import getPlugins

    from pyptwist.ipc.child import Child
    from pyptwist.ipc.launch import ClientSide, ServerSide, outside
    from pyptwist.ipc.lifeline import Lifeline
    from pyptwist.metrics import Metrics
    from pyptwist.network import DirectNetwork

    state = StateDirectory(configuration.stateLocation)
    context = Context(reactor, outside(reactor, configuration), state, Metrics())
    local = DirectNetwork(reactor)
    side: ClientSide | ServerSide
    if configuration.role is Role.CLIENT:
        side = ClientSide(context, local, getPlugins)
    else:
        side = ServerSide(context, local, getPlugins, configuration)
    lifeline = Lifeline(reactor, reactor.stop, parent, configuration.exitOnStdinClose)
    return Child(reactor, configuration, reporter, side, lifeline)


def _observer(
    options: Mapping[str, Any], stateLocation: str, reporter: Reporter, clock: Any
) -> ILogObserver:
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
    return LogPublisher(written, LogLines(reporter, clock))


def _reactor() -> Any:
    # The one module that chooses, since it is the program: all others are given it.
    from twisted.internet import reactor  # noqa: TID251

    return reactor


def _reporter() -> Reporter:
    return Reporter(inheritance.claim().output)


def _refuse(reporter: Reporter, error: StartError) -> NoReturn:
    line = safelog.scrub(error.line)
    reporter.write(line)
    print(line, file=safelog.standardError())
    sys.exit(PT1.exitCodes[error.keyword])


def _explain() -> NoReturn:
    from pyptwist.guidance import guidance

    print(guidance(sys.argv[0]), file=sys.stderr)
    sys.exit(1)
