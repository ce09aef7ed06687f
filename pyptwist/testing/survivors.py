"""
Processes that nobody here started: found, watched, and ended with the test.

For Linux: the kernel's own list of processes is read.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist.testing.reactors import theReactor

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


def descendants(pid: int) -> list[int]:
    """
    :returns: the living children of a process, and theirs.
    """
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The second field, a name in parentheses, may hold anything.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


@implementer(IReadDescriptor)
class _Witness:
    """
    A process that need not be a child of this one, held by a descriptor, so
    that its number cannot come to mean another process.
    """

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)
        self.gone: Deferred[None] = Deferred()
        theReactor().addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> None:
        self._release()
        self.gone.callback(None)

    def kill(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            self._release()

    def connectionLost(self, reason: Failure) -> None:
        """
        The reactor has no end of a connection to tell of.
        """

    def logPrefix(self) -> str:
        return "witness"

    def _release(self) -> None:
        theReactor().removeReader(self)
        os.close(self._descriptor)
        self._descriptor = -1


def witness(test: TestCase, pid: int) -> Deferred[None]:
    """
    Watch a process that somebody else started.

    :returns: fires when the process has ended, reaped or not; at once if it has
        ended already.  The test's cleanup kills what is left.
    """
    try:
        watched = _Witness(pid)
    except ProcessLookupError:
        return succeed(None)
    test.addCleanup(watched.kill)
    return watched.gone
