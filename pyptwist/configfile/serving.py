"""
All clients and servers of a file at work, in one process that has no parent.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure

from pyptwist import limits, safelog
from pyptwist.configfile.methods import contextOf, explain, find, rehearseClient
from pyptwist.configfile.plan import Log, Plan, exposure, read
from pyptwist.configfile.sections import Section
from pyptwist.configfile.tables import FileProblems
from pyptwist.errors import ConfigurationError, PTError
from pyptwist.ipc import inheritance
from pyptwist.ipc.launch import ClientSide, Launched, ServerSide, closeAll
from pyptwist.ipc.lifeline import Lifeline
from pyptwist.network import DirectNetwork
from pyptwist.readiness import Manager
from pyptwist.registry import Methods
from pyptwist.state import StateDirectory

#: Exit code for a file that is wrong: EX_CONFIG, so that a service manager can be
#: told that another try is of no use.
WRONG_FILE: Final = 78

#: Exit code if something cannot listen.
NO_START: Final = 1


class Listeners(Service):
    """
    Starts everything, says where it listens, and serves until the end.

    If anything cannot start, nothing goes on: a service that lacks a part is
    noticed late.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        plan: Plan,
        say: Callable[[str], object],
        complain: Callable[[str], object],
        exitWith: Callable[[int], object],
        manager: Manager,
        lifeline: Callable[[Any, Callable[[], None], int | None, bool], Any] = Lifeline,
    ) -> None:
        """
        :param plan: what the file asks for.
        :param say: tells the operator where what listens.
        :param complain: tells the operator why something cannot.
        :param exitWith: called with the exit code of a process that could not
            start, before it stops the reactor.
        :param manager: is told when all listen, why one cannot, and when the end begins.
        :param lifeline: makes the ``Lifeline``.
        """
        self._reactor = reactor
        self._plan = plan
        self._say = say
        self._complain = complain
        self._exitWith = exitWith
        self._manager = manager
        self._lifeline = lifeline(reactor, reactor.stop, None, plan.exitOnStdinClose)
        self._methods = Methods(plan.stacks)
        self._launched: list[Launched] = []
        self._launching: Deferred[None] | None = None

    def startService(self) -> None:
        """
        Begin, once the reactor runs.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening and close every connection.

        :returns: fires when all are closed, or ``limits.SHUTDOWN`` is over.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._manager.stopping()
        self._lifeline.stop()
        if self._launching is not None:
            self._launching.cancel()
        launched, self._launched = self._launched, []
        return Deferred.fromCoroutine(closeAll(self._reactor, launched))

    def _begin(self) -> None:
        if self.running:
            self._lifeline.start()
            self._launching = Deferred.fromCoroutine(self._start())
            self._launching.addErrback(self._brokeOff)

    def _brokeOff(self, reason: Failure) -> None:
        if self.running:
            self._log.failure("the start broke off", reason)

    async def _start(self) -> None:
        starting = [Deferred.fromCoroutine(self._one(one)) for one in self._plan.sections]
        started: list[bool] = await gatherResults(starting)
        if not self.running:
            return
        if all(started):
            self._say("All of them listen.")
            self._manager.ready()
        else:
            self._exitWith(NO_START)
            self._reactor.stop()

    async def _one(self, section: Section) -> bool:
        """
        :returns: whether it listens.
        """
        try:
            side = self._side(section)
            launching = Deferred.fromCoroutine(side.launch(section.method))
            launched = await launching.addTimeout(limits.LISTEN, self._reactor, _tooSlow)
        except (Exception, SystemExit) as error:
            if self.running:
                why = f"{section.name}: {explain(error)}"
                self._complain(why)
                self._manager.failed(why)
                # Whoever has the port, it is not this program's fault.
                if not isinstance(error, PTError | CannotListenError):
                    self._log.failure("{name} cannot start", name=section.name)
            return False
        self._launched.append(launched)
        wanted = section.configuration
        what = f"{section.method} {wanted.role.value}"
        self._say(f"{section.name}: {what} on {launched.listening}, mode {wanted.mode.value}")
        self._settle(section, side, launched)
        return True

    def _side(self, section: Section) -> ClientSide | ServerSide:
        wanted = section.configuration
        state = StateDirectory(wanted.stateLocation)
        context = contextOf(self._reactor, section, state, self._methods)
        local = DirectNetwork(self._reactor)
        method = find(self._plan, self._methods, section)
        if section.isServer:
            return ServerSide(context, local, self._methods, wanted)
        rehearseClient(section, method, context)
        return ClientSide(context, local, self._methods, wanted)

    def _settle(self, section: Section, side: ClientSide | ServerSide, launched: Launched) -> None:
        try:
            if message := side.settle([launched]):
                self._say(f"{section.name}: {message}")
        except (PTError, OSError) as error:
            self._log.warn("{name}: {why}", name=section.name, why=error)


def makeService(reactor: Any, options: Mapping[str, Any]) -> tuple[Service, ILogObserver]:
    """
    :param options: those of ``pyptwist.tap``, with ``config``.
    :returns: what serves, and what is to get all events.
    :raises SystemExit: if the file is wrong; the operator has been told why.
    """
    path = options["config"]
    try:
        plan = read(path)
        observer = _observer(options, plan.log, plan.state)
    except FileProblems as error:
        _refuse(path, error.problems)
    except ConfigurationError as error:
        _refuse(path, [str(error)])
    if (warning := exposure(path)) is not None:
        _complain(f"{path}: {warning}")
    inheritance.raiseDescriptorLimit()
    manager = Manager(os.environ)
    return Listeners(reactor, plan, _say, _complain, _exitWith, manager), observer


def _observer(options: Mapping[str, Any], log: Log, state: str) -> ILogObserver:
    """
    What the command line says of the log comes before the file.
    """
    path = log.file
    if (name := options["log-file"]) is not None:
        path = os.path.join(state, name)
        if not os.path.isabs(name):
            StateDirectory(state).create()
    file = safelog.standardError() if path is None else safelog.openLogFile(path)
    level = options["log-level"] or safelog.levelNamed(log.level)
    return safelog.observerTo(file, level, bool(options["unsafe-logging"]) or log.unsafe)


def _refuse(path: str, problems: list[str] | tuple[str, ...]) -> NoReturn:
    for problem in problems:
        _complain(f"{path}: {problem}")
    sys.exit(WRONG_FILE)


def _say(line: str) -> None:
    # twistd puts its log in the place of sys.stdout, and that shows no addresses.
    if sys.__stdout__ is not None:
        print(line, file=sys.__stdout__, flush=True)


def _complain(line: str) -> None:
    print(f"pyptwist: {line}", file=safelog.standardError(), flush=True)


def _exitWith(status: int) -> None:
    # twistd exits with 0 whenever its reactor was stopped, and asks nobody.
    atexit.register(os._exit, status)


def _tooSlow(result: object, seconds: float) -> NoReturn:
    raise ConfigurationError(f"it did not listen within {seconds:.0f} seconds")
