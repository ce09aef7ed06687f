"""
What a child complains of, in LOG lines and on standard error: into our log, line by
line and within bounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import Logger, LogLevel

from pyptwist import limits
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.messages import LogMessage
from pyptwist.ipc.parentlines import LineSplitter, isError
from pyptwist.safelog import scrub

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_SHOWN = 300  # characters of each of the last lines, in an error's text
_LEVELS = {
    Severity.DEBUG: LogLevel.debug,
    Severity.INFO: LogLevel.info,
    Severity.NOTICE: LogLevel.info,
    Severity.WARNING: LogLevel.warn,
    Severity.ERROR: LogLevel.error,
}


class Complaints:
    """
    Logs what a child says, without addresses: a LOG line at its own level, standard
    error at level info.  In PT 2 and 3, lines of the IPC are among the latter.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, name: str, said: Callable[[str], object]) -> None:
        """
        :param name: the child's, for the log.
        :param said: called with each line of the IPC.
        """
        self._clock = clock
        self._name = name
        self._said = said
        self._splitter = LineSplitter()
        self._last: deque[str] = deque(maxlen=limits.CHILD_LAST_WORDS)
        self._allowance = float(limits.CHILD_ERRORS_BURST)
        self._counted = clock.seconds()
        self._dropped = 0

    def received(self, data: bytes) -> None:
        """
        :param data: any piece of the stream.
        """
        for line, _ in self._splitter.feed(data):
            self._line(line)

    def note(self, message: LogMessage) -> None:
        """
        A LOG line came.
        """
        self._write(_clean(message.text), _LEVELS[message.severity])

    def ended(self) -> None:
        """
        The stream is at its end, with or without a line end.
        """
        if rest := self._splitter.rest():
            self._line(rest)

    def lastWords(self) -> str:
        """
        :returns: the last lines, scrubbed and in one; empty if there are none.
        """
        return " | ".join(line[:_SHOWN] for line in self._last)

    def _line(self, line: str) -> None:
        if isError(line):
            self._said(line)
            return
        if line := _clean(line):
            self._last.append(line)
            self._write(line, LogLevel.info)

    def _write(self, line: str, level: LogLevel) -> None:
        if not self._mayPass():
            self._dropped += 1
            return
        if self._dropped:
            self._log.info("{name}: {n} lines were left out", name=self._name, n=self._dropped)
        self._log.emit(level, "{name}: {line}", name=self._name, line=line)
        self._allowance -= 1
        self._dropped = 0

    def _mayPass(self) -> bool:
        now = self._clock.seconds()
        earned = (now - self._counted) / limits.CHILD_ERRORS_INTERVAL
        self._allowance = min(self._allowance + earned, limits.CHILD_ERRORS_BURST)
        self._counted = now
        return self._allowance >= 1


def _clean(text: str) -> str:
    return scrub("".join(c if c.isprintable() else " " for c in text)).strip()
