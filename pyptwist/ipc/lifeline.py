"""
When a child process has to end: its parent said so, or is no more.

No sign is sure by itself.  A wrapper script hides signals, a parent that was
killed closes standard input only if nobody else holds the other end, and the
kernel's death signal exists on Linux alone.  So all are watched.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits

#: prctl(2), <linux/prctl.h>
_PR_SET_PDEATHSIG: Final = 1

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

#: What the kernel sends when the thread that started us ends: a signal that nothing
#: else uses, since the parent may have other threads, and live on.
_BEREAVED: Final = signal.SIGUSR2

_GONE: Final = "the parent process is gone"


class Signals:
    """
    The process's signals, as far as they mean the end.
    """

    def __init__(self, reactor: Any, onSignal: Callable[[str], None]) -> None:
        """
        :param onSignal: called by the reactor with the signal's name, or what else it
            means.
        """
        self._reactor = reactor
        self._onSignal = onSignal
        self._isOrphan: Callable[[], bool] = lambda: False

    def start(self, isOrphan: Callable[[], bool] | None = None) -> None:
        """
        Take the signals over.  The reactor must be running: it sets handlers of
        its own when it starts, with which twistd would exit by the signal, and
        not with code 0.

        :param isOrphan: tells whether the parent is gone; None if its end means
            nothing.
        """
        for number in _SIGNALS:
            _take(number, self._caught)
        if isOrphan is not None:
            self._isOrphan = isOrphan
            _take(_BEREAVED, self._bereaved)
            signalAtParentsDeath(_BEREAVED)

    def ignore(self) -> None:
        """
        The end is under way.  A second signal is to be expected (tor sends one,
        and its death another), and must not disturb it; so a last resort is
        armed at the same time.
        """
        self.armLastResort()
        for number in (*_SIGNALS, _BEREAVED):
            signal.signal(number, signal.SIG_IGN)

    def armLastResort(self) -> None:
        """
        Have the kernel end this process soon, whatever it is stuck in: an
        orphan would hold its port for ever.
        """
        _take(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limits.LAST_RESORT)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._tell(signal.Signals(number).name)

    def _bereaved(self, number: int, frame: FrameType | None) -> None:
        if self._isOrphan():
            self._tell(_GONE)

    def _tell(self, reason: str) -> None:
        # The main program stands anywhere: leave the rest to the reactor.
        self.armLastResort()
        self._reactor.callFromThread(self._onSignal, reason)


class Lifeline:
    """
    Watches everything that can mean the end, and tells of it once.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        onEnd: Callable[[], None],
        parent: int | None,
        watchInput: bool,
        *,
        signals: Callable[[Any, Callable[[str], None]], Any] = Signals,
        getParent: Callable[[], int] = os.getppid,
    ) -> None:
        """
        :param reactor: for its clock, and to watch standard input.
        :param onEnd: called once, by the reactor.
        :param parent: the process id that the parent had at first; None if its
            end means nothing.
        :param watchInput: whether the end of standard input means the end.
        :param signals: makes the ``Signals``.
        :param getParent: gives the present parent's process id.
        """
        self._onEnd: Callable[[], None] | None = onEnd
        self._parent = parent
        self._getParent = getParent
        self._signals = signals(reactor, self._end)
        self._input = InputWatch(reactor, lambda: self._end("standard input was closed"))
        self._watchInput = watchInput
        self._polling = LoopingCall(self._checkParent)
        self._polling.clock = reactor

    def start(self) -> None:
        """
        Begin to watch; the reactor must be running.
        """
        followParent = self._parent is not None
        self._signals.start(self._isOrphan if followParent else None)
        if self._watchInput:
            self._input.start()
        if followParent:
            # The first check, at once, is for a parent that died before the kernel
            # was asked to tell of it.
            self._polling.start(limits.PARENT_POLL)

    def stop(self) -> None:
        """
        Watch no more: the end is under way.
        """
        self._onEnd = None
        self._signals.ignore()
        self._input.stop()
        if self._polling.running:
            self._polling.stop()

    def _isOrphan(self) -> bool:
        return self._getParent() != self._parent

    def _checkParent(self) -> None:
        if self._isOrphan():
            self._end(_GONE)

    def _end(self, reason: str) -> None:
        onEnd, self._onEnd = self._onEnd, None
        if onEnd is not None:
            self._log.info("Ending: {reason}.", reason=reason)
            onEnd()


@implementer(IReadDescriptor)
class InputWatch:
    """
    Reads standard input to its end, and forgets what it reads.
    """

    def __init__(self, reactor: Any, onEnd: Callable[[], None], descriptor: int = 0) -> None:
        """
        :param onEnd: called once at the end, or at once for a descriptor that
            cannot be read.
        """
        self._reactor = reactor
        self._onEnd = onEnd
        self._descriptor = descriptor

    def start(self) -> None:
        """
        Begin to read.
        """
        self._reactor.addReader(self)

    def stop(self) -> None:
        """
        Read no more.
        """
        self._reactor.removeReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "stdin"

    def doRead(self) -> None:
        # The descriptor stays blocking: its mode is shared with whoever else
        # holds it, a terminal's shell for one.  It is readable, or we would not
        # be here.
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:
            data = b""
        if not data:
            self.stop()
            self._onEnd()

    def connectionLost(self, reason: Failure) -> None:
        # Polling reactors tell of a pipe's end in this way.
        self._onEnd()


def _take(number: signal.Signals, handler: Any) -> None:
    signal.signal(number, handler)
    # A parent that blocks signals while it starts children hands that on.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})


def signalAtParentsDeath(number: signal.Signals) -> bool:
    """
    Ask the kernel for a signal when the parent's thread that started us ends.

    :returns: whether it will send one; only Linux can.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
        return bool(prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        # Python without libffi, or a libc without prctl: the poll remains.
        return False
