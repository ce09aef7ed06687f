"""
One life of one child, from its launch until it is reaped.

::

    STARTING    VERSION ... METHODS DONE    -> READY
                anything else, or nothing   -> ENDING, and the owner hears why
    READY       end()                       -> ENDING
    ENDING      input closed, SIGTERM, SIGKILL, with limits.CHILD_END between
    ENDED       reaped, and all its output read

A child of whom nobody is left ends as well: its standard input is a pipe that the
kernel closes when we are gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.errors import ConfigurationError, ManagedProcessError, ManagedProcessLost
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.complaints import Complaints
from pyptwist.ipc.dialects import Stream
from pyptwist.ipc.dialogue import ChildRefused, Dialogue, Stage
from pyptwist.ipc.messages import LogMessage, Message, Unknown
from pyptwist.ipc.parentlines import LineSplitter, parseLine

_PF_EXITING = 0x4  # include/linux/sched.h


class Owner(Protocol):
    """
    Who is told how a child fares.
    """

    def processSaid(self, message: Message, inPlace: bool) -> None:
        """
        It wrote a line.

        :param inPlace: False if the line is without effect.
        """

    def processReady(self) -> None:
        """
        Its methods can be used.
        """

    def processFailed(self, error: ManagedProcessError) -> None:
        """
        It will never be ready, and is being ended.
        """

    def processEnded(self, error: ManagedProcessError) -> None:
        """
        It is gone.
        """


class _Life(Enum):
    STARTING = auto()
    READY = auto()
    ENDING = auto()
    ENDED = auto()


class ManagedProcess(ProcessProtocol):
    """
    A child, and the pipes to it.

    :ivar dialogue: what it has said.
    """

    def __init__(self, reactor: Any, assignment: Assignment, owner: Owner) -> None:
        """
        :param reactor: an ``IReactorProcess`` and ``IReactorTime``.
        """
        self._reactor = reactor
        self._assignment = assignment
        self._owner = owner
        self._life = _Life.STARTING
        self._alarm = Alarm(reactor)
        self._linger = Alarm(reactor)
        self._splitter = LineSplitter()
        self._complaints = Complaints(reactor, assignment.name, self._lineReceived)
        self._error: ManagedProcessError | None = None
        needsProxy = assignment.upstreamProxy is not None
        self.dialogue = Dialogue(assignment.versions, assignment.isServer, needsProxy)

    @property
    def pid(self) -> int | None:
        """
        Its process id; None when it has ended.
        """
        transport: Any = self.transport
        return None if transport is None else transport.pid

    def launch(self) -> None:
        """
        Start it.

        :raises ManagedProcessError: if that is impossible.
        """
        try:
            program = self._assignment.program()
            self._assignment.prepare()
        except ConfigurationError as error:
            raise ChildRefused(str(error)) from None
        environment = self._assignment.environment(os.environ)
        try:
            self._reactor.spawnProcess(self, program, self._assignment.arguments(), environment)
        except OSError as error:
            raise ManagedProcessError(f"no process could be made: {error.strerror}") from error
        self._set(limits.CHILD_START, self._tooLate)

    def end(self) -> None:
        """
        Let it end; the owner hears when it has.
        """
        if self._life in (_Life.STARTING, _Life.READY):
            self._life = _Life.ENDING
            self._closeInput()

    def isDying(self) -> bool:
        """
        Is it gone, or about to be, for all that can be known?

        A dying process's connections are closed before its parent is told, and
        in any order; so the kernel is asked.
        """
        pid = self.pid
        return self._life in (_Life.ENDING, _Life.ENDED) or pid is None or _isExiting(pid)

    # --- what it says -------------------------------------------------------

    def outReceived(self, data: bytes) -> None:
        for line, isCut in self._splitter.feed(data):
            self._lineReceived(line, isCut)

    def errReceived(self, data: bytes) -> None:
        self._complaints.received(data)

    def errConnectionLost(self) -> None:
        self._complaints.ended()

    def _lineReceived(self, line: str, isCut: bool = False) -> None:
        try:
            message = Unknown(line[:200]) if isCut else parseLine(line)
            inPlace = self.dialogue.hear(message)
        except ManagedProcessError as error:
            # Once all is said, a line can be as wrong as it likes.
            if self._life is _Life.STARTING and self.dialogue.stage is not Stage.DONE:
                self._fail(error)
            return
        if isinstance(message, LogMessage):
            self._complaints.note(message)
        self._owner.processSaid(message, inPlace)
        if self._life is _Life.STARTING and self.dialogue.stage is Stage.DONE:
            self._done()

    def _done(self) -> None:
        dialogue = self.dialogue
        known = {*dialogue.clients, *dialogue.servers, *dialogue.refused}
        dialect = dialogue.dialect
        isLate = dialect is not None and dialect.errorStream is Stream.STDERR
        if isLate and not known.issuperset(self._assignment.methods):
            self._set(limits.CHILD_STRAGGLER, self._ready)
        else:
            self._ready()

    def _ready(self) -> None:
        self._alarm.stop()
        self._life = _Life.READY
        self._owner.processReady()

    # --- its end ------------------------------------------------------------

    def _tooLate(self) -> None:
        self._fail(
            ManagedProcessError(f"the child reported no methods within {limits.CHILD_START:g} s")
        )

    def _fail(self, error: ManagedProcessError) -> None:
        self._error = error
        self._life = _Life.ENDING
        self._closeInput()
        self._owner.processFailed(error)

    def _closeInput(self) -> None:
        transport: Any = self.transport
        transport.closeStdin()
        self._set(limits.CHILD_END, self._terminate)

    def _terminate(self) -> None:
        self._signal("TERM")
        self._set(limits.CHILD_END, self._kill)

    def _kill(self) -> None:
        self._signal("KILL")

    def _signal(self, name: str) -> None:
        transport: Any = self.transport
        with contextlib.suppress(ProcessExitedAlready):
            transport.signalProcess(name)

    def processExited(self, reason: Failure) -> None:
        # Whatever is still to be read, or asked of it, does not put this off: who holds
        # its pipes may do so for ever.
        transport: Any = self.transport
        self._linger.set(self._reactor.seconds() + limits.CHILD_LINGER, transport.loseConnection)

    def processEnded(self, reason: Failure) -> None:
        self._alarm.stop()
        self._linger.stop()
        wasStarting, self._life = self._life is _Life.STARTING, _Life.ENDED
        error = self._error or self._loss(reason.value)
        self.transport = None
        if wasStarting:
            self._owner.processFailed(error)
        self._owner.processEnded(error)

    def _loss(self, how: Any) -> ManagedProcessError:
        text = f"{self._assignment.name} {_ending(how)}"
        if self.dialogue.stage is not Stage.DONE:
            text += " before it was ready"
        if words := self._complaints.lastWords():
            text += f": {words}"
        return ManagedProcessLost(text)

    def _set(self, seconds: float, action: Callable[[], None]) -> None:
        self._alarm.set(self._reactor.seconds() + seconds, action)


def _ending(how: Any) -> str:
    number = getattr(how, "signal", None)
    if number is None:
        return f"ended with code {getattr(how, 'exitCode', None)}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(number).name}"
    return f"was ended by signal {number}"


def _isExiting(pid: int) -> bool:
    """
    :param pid: of a child that was not reaped.
    :returns: False where there is no ``/proc`` that could tell.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The second field, a name in parentheses, may hold anything.
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] in "ZX" or bool(int(fields[6]) & _PF_EXITING)
