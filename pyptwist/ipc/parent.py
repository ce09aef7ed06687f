"""
The parent's side of the IPC: launches anybody's pluggable transport and keeps it
running.

::

    IDLE       whenReady(), startService()          -> STARTING
    STARTING   its methods are reported             -> UP
               it failed                            -> WAITING, or IDLE
    UP         it ended                             -> WAITING, or IDLE
    WAITING    the time between two starts is over  -> STARTING
    STOPPING   it is gone                           -> IDLE, or WAITING for no time
               stop() leads here from everywhere      if startService() came meanwhile

A child that says that it cannot is not started again, until somebody asks for it;
nor is any child, if it was told so.  A server that lacks, at its restart, a method that
it had (its port may be taken for a while) has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, TypeAlias

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.errors import ManagedProcessError, ManagedProcessLost
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.dialogue import ChildRefused, Dialogue
from pyptwist.ipc.messages import Message
from pyptwist.ipc.process import ManagedProcess


@dataclass(frozen=True)
class Started:
    """
    A process was made.

    :ivar pid: its process id.
    """

    pid: int | None


@dataclass(frozen=True)
class Ready:
    """
    Its methods can be used.

    :ivar dialogue: has them.
    """

    dialogue: Dialogue


@dataclass(frozen=True)
class Ended:
    """
    The process is gone, or there was none.

    :ivar error: why.
    :ivar restart: in so many seconds there is another; None for never.
    """

    error: ManagedProcessError
    restart: float | None


Event: TypeAlias = Started | Ready | Ended | Message
Listener: TypeAlias = Callable[[Event], object]


class _Life(Enum):
    IDLE = auto()
    STARTING = auto()
    UP = auto()
    WAITING = auto()
    STOPPING = auto()


class ManagedTransport(Service):
    """
    A child that is there when it is needed: a service of a Twisted application,
    or something that endpoints start when they are used.

    :ivar assignment: what it is told at its next start.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        assignment: Assignment,
        listener: Listener | None = None,
        restart: bool = True,
    ) -> None:
        """
        :param reactor: the reactor.
        :param listener: called with all that happens and all that it says.
        :param restart: start it again when it ends by itself.
        """
        self.assignment = assignment
        self._reactor = reactor
        self._listener = listener
        self._restart = restart
        self._life = _Life.IDLE
        self._process: ManagedProcess | None = None
        self._waiting: list[Deferred[Dialogue]] = []
        self._stopping: list[Deferred[None]] = []
        self._alarm = Alarm(reactor)
        self._failures = 0
        self._upSince: float | None = None
        self._had: set[str] = set()

    @property
    def isIdle(self) -> bool:
        """
        Is there no process, and none to come?
        """
        return self._life is _Life.IDLE

    @property
    def pid(self) -> int | None:
        """
        The process id; None if there is no process.
        """
        return None if self._process is None else self._process.pid

    def blame(self) -> ManagedProcessError | None:
        """
        A connection to the child was lost.

        :returns: why, if the child itself is the reason.
        """
        if self._process is not None and not self._process.isDying():
            return None
        return ManagedProcessLost(f"{self.assignment.name}, which carried this connection, ended")

    def startService(self) -> None:
        """
        Start it; if one is being stopped, once that is gone.
        """
        super().startService()  # type: ignore[no-untyped-call]
        if self._life is _Life.IDLE:
            self._start()

    def stopService(self) -> Deferred[None]:
        """
        See ``stop``.
        """
        return self.stop()

    def whenReady(self) -> Deferred[Dialogue]:
        """
        Start the process, unless that was done.

        :returns: what the child has said, once its methods can be used.  Fails
            with ``ManagedProcessError`` when the present start fails, or the next
            if there is none going on.
        """
        process = self._process
        # One that is dying makes room for the next in a moment.
        if self._life is _Life.UP and process is not None and not process.isDying():
            return succeed(process.dialogue)
        if self._life is _Life.STOPPING and not self.running:
            return fail(_stopped())
        waiting: Deferred[Dialogue] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if self._life is _Life.IDLE:
            self._start()
        return waiting

    def stop(self) -> Deferred[None]:
        """
        Let the process end: its input is closed; later it gets SIGTERM, then
        SIGKILL.

        :returns: fires when it is gone; no later than
            three times ``limits.CHILD_END``.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self._life is _Life.WAITING:
            self._alarm.stop()
            self._life = _Life.IDLE
        if self._life is _Life.IDLE or self._process is None:
            self._tell(_stopped())
            return succeed(None)
        stopped: Deferred[None] = Deferred()
        self._stopping.append(stopped)
        if self._life is not _Life.STOPPING:
            self._life = _Life.STOPPING
            self._process.end()
            self._tell(_stopped())
        return stopped

    # --- Owner --------------------------------------------------------------

    def processSaid(self, message: Message, inPlace: bool) -> None:
        if not inPlace:
            self._log.debug("{name} said {line!r}", name=self.assignment.name, line=str(message))
        self._emit(message)

    def processReady(self) -> None:
        process = self._process
        assert process is not None
        if self._lacks(process.dialogue):
            process.end()
            return
        self._life = _Life.UP
        self._upSince = self._reactor.seconds()
        # The same ports after a restart: clients know them.
        binds = {name: method.address for name, method in process.dialogue.servers.items()}
        self.assignment = replace(self.assignment, binds={**self.assignment.binds, **binds})
        self._emit(Ready(process.dialogue))
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(process.dialogue)

    def processFailed(self, error: ManagedProcessError) -> None:
        self._tell(error)

    def processEnded(self, error: ManagedProcessError) -> None:
        self._process = None
        if self._life is _Life.STOPPING:
            self._over(error, 0.0 if self.running else None)
            return
        self._log.warn("{error}", error=error)
        self._over(error, self._delay(error))

    # --- inside -------------------------------------------------------------

    def _start(self) -> None:
        self._life = _Life.STARTING
        self._upSince = None
        process = self._process = ManagedProcess(self._reactor, self.assignment, self)
        try:
            process.launch()
        except ManagedProcessError as error:
            self.processFailed(error)
            self.processEnded(error)
        else:
            self._emit(Started(process.pid))

    def _lacks(self, dialogue: Dialogue) -> bool:
        """
        Is a server missing that was there before?  A client's method that is missing
        is told to whoever wants it, and keeps no other from working.
        """
        there = set(dialogue.servers)
        for name in sorted((self._had - there) & set(self.assignment.methods)):
            error = dialogue.missing(name)
            self._log.warn("After a restart: {error}", error=error)
            self._tell(error)
            return True
        self._had |= there
        return False

    def _delay(self, error: ManagedProcessError) -> float | None:
        """
        :returns: seconds until the next start; None for no other.
        """
        if not self._restart or isinstance(error, ChildRefused):
            return None
        now = self._reactor.seconds()
        if self._upSince is not None and now - self._upSince >= limits.CHILD_STEADY:
            self._failures = 0
        delay: float = min(limits.CHILD_RESTART * 2**self._failures, limits.CHILD_RESTART_MAXIMUM)
        self._failures = min(self._failures + 1, 16)
        return delay

    def _over(self, error: ManagedProcessError, delay: float | None) -> None:
        if delay is None:
            self._life = _Life.IDLE
        else:
            self._life = _Life.WAITING
            self._alarm.set(self._reactor.seconds() + delay, self._start)
        self._emit(Ended(error, delay))
        if delay is None:
            # Those who asked while a failed one was being ended.
            self._tell(error)
        stopping, self._stopping = self._stopping, []
        for one in stopping:
            one.callback(None)

    def _tell(self, error: ManagedProcessError) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.errback(error)

    def _emit(self, event: Event) -> None:
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception:
            self._log.failure("a listener failed")


def _stopped() -> ManagedProcessError:
    return ManagedProcessError("the transport's process is being stopped")
