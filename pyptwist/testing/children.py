"""
Child processes of a test, read by lines and surely ended.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pyptwist.testing.reactors import theReactor

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

#: Seconds for a child to report its methods, or for a line to appear.
PATIENCE: Final = 40.0

#: Seconds between SIGTERM and SIGKILL at the end of a test.
GRACE: Final = 5.0

#: Seconds for the output of a process that has exited to end: a grandchild may
#: hold the pipe open.
_LINGER: Final = 1.0

_T = TypeVar("_T")


class ChildFailed(Exception):
    """
    A process ended, or gave up, before it did what the test waits for.
    """


@dataclass(frozen=True)
class Ended:
    """
    How a process ended: by an exit code, or else by a signal.
    """

    code: int | None
    signal: int | None


class Child(ProcessProtocol):
    """
    A process whose standard output is read by lines; ``spawn`` starts one.

    Standard input is a pipe that stays open until ``closeInput``.

    :ivar name: for error messages.
    :ivar pid: its process id, known after its end as well.
    :ivar lines: the output so far, without line ends.
    :ivar errors: standard error so far.
    :ivar ended: how it ended; None until it is reaped and all output is read.
    """

    transport: IProcessTransport
    pid = 0
    ended: Ended | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.errors = bytearray()
        self._partial = b""
        self._checks: list[Callable[[], None]] = []

    @property
    def unfinished(self) -> str:
        """
        What came behind the last whole line.
        """
        return self._partial.decode("utf-8", "backslashreplace")

    def whenLine(self, pattern: str, patience: float = PATIENCE) -> Deferred[re.Match[str]]:
        """
        :param pattern: searched in every line of output, past ones first.
        :param patience: seconds, as for all waits here.
        :returns: the first match.  Fails with ``ChildFailed`` if the process ends
            without one, with ``TimeoutError`` if there is none in time.
        """
        seen = 0

        def search() -> re.Match[str] | None:
            nonlocal seen
            fresh, seen = self.lines[seen:], len(self.lines)
            return next((m for line in fresh if (m := re.search(pattern, line))), None)

        return self.when(search, patience, f"a line like {pattern!r}")

    def whenEnded(self, patience: float = PATIENCE) -> Deferred[Ended]:
        """
        :returns: how it ended, once it has.
        """
        return self.when(lambda: self.ended, patience, "its end")

    def when(self, found: Callable[[], _T | None], patience: float, what: str) -> Deferred[_T]:
        """
        Wait for anything that output or the end of the process brings about.

        :param found: called after each piece of output and at the end; what it
            returns, if not None, is the result, what it raises the failure.
        :param what: what is waited for, for the error message.
        """
        result: Deferred[_T] = Deferred(lambda _: self._checks.remove(check))

        def check() -> None:
            if result.called:
                return
            try:
                value = found()
                if value is None and self.ended is not None:
                    raise ChildFailed(self.story(f"{self.ended} before {what}"))
            except Exception:
                self._checks.remove(check)
                result.errback()
            else:
                if value is not None:
                    self._checks.remove(check)
                    result.callback(value)

        def explain(failure: object, seconds: float) -> _T:
            raise TimeoutError(self.story(f"not within {seconds} s: {what}"))

        self._checks.append(check)
        check()
        return result.addTimeout(patience, theReactor(), explain)

    def closeInput(self) -> None:
        """
        Close its standard input, which tells a managed child to exit.
        """
        self.transport.closeStdin()

    def signal(self, name: str) -> None:
        """
        :param name: ``TERM``, ``INT``, ``KILL`` …; a process that has exited
            does not mind.
        """
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)

    async def stop(self, grace: float = GRACE) -> Ended:
        """
        SIGTERM, and SIGKILL after the grace for what is deaf to it.

        :returns: how it ended.
        """
        for name in ("TERM", "KILL"):
            self.signal(name)
            with contextlib.suppress(TimeoutError):
                return await self.whenEnded(grace)
        raise ChildFailed(f"{self.name}, process {self.pid}, outlived SIGKILL")

    def lineReceived(self, line: str) -> None:
        """
        Called with each line of output; for subclasses.
        """

    # --- what Twisted calls ---

    def connectionMade(self) -> None:
        self.pid = self.transport.pid

    def outReceived(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "backslashreplace")
            self.lines.append(text)
            self.lineReceived(text)
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processExited(self, reason: Failure) -> None:
        self._linger = theReactor().callLater(_LINGER, self.transport.loseConnection)

    def processEnded(self, reason: Failure) -> None:
        if self._linger.active():
            self._linger.cancel()
        value: Any = reason.value
        self.ended = Ended(value.exitCode, value.signal)
        self._look()

    def _look(self) -> None:
        for check in list(self._checks):
            check()

    def story(self, what: str) -> str:
        """
        For the message of a failure.

        :param what: went wrong.
        :returns: that, with the end of what the process said.
        """
        output = "\n".join(self.lines[-20:])
        errors = self.errors[-2000:].decode("utf-8", "backslashreplace")
        return f"{self.name} ({self.pid}): {what}\n{output}\n{errors}".rstrip()


_C = TypeVar("_C", bound=Child)


def spawn(
    test: TestCase,
    child: _C,
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str | Path | None = None,
) -> _C:
    """
    Start a process that the test's cleanup stops.

    :param child: the fresh ``Child`` to watch it with.
    :param command: an absolute path and arguments.
    :param environment: all of it; nothing is added.
    :param directory: its working directory.
    """
    theReactor().spawnProcess(
        child,
        command[0],
        list(command),
        dict(environment),
        None if directory is None else str(directory),
    )
    test.addCleanup(lambda: Deferred.fromCoroutine(child.stop()))
    return child
