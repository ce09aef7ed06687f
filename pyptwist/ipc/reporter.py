"""
The one who writes to the parent.

Whoever else writes to that descriptor would break the IPC, so it is known here
only (see ``pyptwist.ipc.inheritance``).
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import TextIO

from pyptwist.ipc.dialects import PT1, Dialect, Stream
from pyptwist.ipc.lines import LineOrder, Severity, levelLogLine, logLine


class Reporter:
    """
    Writes whole lines, in an order that the parent survives.

    A parent that has closed its end is not an error: whatever ends the child,
    this does not.

    :ivar dialect: the version of the IPC that is spoken.
    """

    def __init__(self, descriptor: int | None, errors: TextIO | None = None) -> None:
        """
        :param descriptor: where to write; None to write nowhere.
        :param errors: standard error, where some dialects have lines that tell of
            errors.
        """
        self._descriptor = descriptor
        self._errors = errors
        self._order = LineOrder()
        self.dialect = PT1
        self._least: Severity | None = Severity.DEBUG

    @property
    def isDone(self) -> bool:
        """
        Has the parent heard all about the start, for good or ill?
        """
        return self._order.isDone

    def speak(self, dialect: Dialect) -> None:
        """
        Go on in a version of the IPC; before that, it is PT 1.
        """
        self.dialect = dialect

    def limitLog(self, least: Severity | None) -> None:
        """
        :param least: of what ``log`` is to pass on; None for nothing.
        """
        self._least = least

    def write(self, line: str) -> None:
        """
        Write a line of the configuration, or a status.

        :param line: made by a function of ``pyptwist.ipc.lines``.
        :raises LocalProtocolError: if it must not come now; nothing is written.
        """
        self._order.accept(line)
        isError = line.partition(" ")[0].endswith("-ERROR")
        if isError and self.dialect.errorStream is Stream.STDERR:
            self._putError(line)
        else:
            self._put(line)

    def log(self, severity: Severity, message: str) -> bool:
        """
        Tell the parent's operator something, unless the parent does not read:
        a message is not worth waiting for.

        :param message: any text, without addresses.
        :returns: False if it was not written though it should have been.
        """
        if self._least is None or not severity.isAtLeast(self._least):
            return True
        if not self._wouldTakeALine():
            return False
        form = levelLogLine if self.dialect.hasLevels else logLine
        self._put(form(severity, message))
        return True

    def _wouldTakeALine(self) -> bool:
        if self._descriptor is None:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        # A pipe that is writable takes PIPE_BUF bytes, 512 or more by POSIX and
        # 4096 on Linux, where a log line is shorter.
        return any(event & select.POLLOUT for _, event in poll.poll(0))

    def _putError(self, line: str) -> None:
        # Nobody may be there to read it.
        with contextlib.suppress(OSError, ValueError):
            if self._errors is not None:
                self._errors.write(line + "\n")
                self._errors.flush()

    def _put(self, line: str) -> None:
        data = line.encode("ascii") + b"\n"
        while data and self._descriptor is not None:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # The descriptor's mode is shared with others, who may set it.
                select.select([], [self._descriptor], [])
            except OSError:
                # The parent is gone, or will not read again.
                os.close(self._descriptor)
                self._descriptor = None
