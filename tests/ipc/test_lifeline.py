"""
Tests for ``pyptwist.ipc.lifeline``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.ipc import lifeline
from pyptwist.ipc.lifeline import InputWatch, Lifeline, Signals, signalAtParentsDeath


class FakeSignals:
    """
    Stands in for ``Signals``: tests run in a process that needs its own.
    """

    def __init__(self, reactor: Any, onSignal: Callable[[str], None]) -> None:
        self.onSignal = onSignal
        self.calls: list[str] = []

    def start(self, isOrphan: Callable[[], bool] | None = None) -> None:
        self.calls.append("start" if isOrphan is not None else "start alone")

    def ignore(self) -> None:
        self.calls.append("ignore")


class LifelineTests(SynchronousTestCase):
    """
    Tests for ``Lifeline``.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ends = 0
        self.parent = 77

    def _count(self) -> None:
        self.ends += 1

    def start(self, watchInput: bool = True, parent: int | None = 77) -> Lifeline:
        made = Lifeline(
            self.reactor,
            self._count,
            parent,
            watchInput,
            signals=self._signals,
            getParent=lambda: self.parent,
        )
        made.start()
        return made

    def _signals(self, reactor: Any, onSignal: Callable[[str], None]) -> FakeSignals:
        self.signals = FakeSignals(reactor, onSignal)
        return self.signals

    def test_quiet(self) -> None:
        """
        While all is well, nothing happens.
        """
        self.start()
        self.reactor.advance(1000)
        self.assertEqual(self.ends, 0)
        self.assertEqual(self.signals.calls, ["start"])

    def test_signal(self) -> None:
        """
        A signal means the end, and a second one nothing more.
        """
        self.start()
        self.signals.onSignal("SIGTERM")
        self.signals.onSignal("SIGTERM")
        self.assertEqual(self.ends, 1)

    def test_parentGone(self) -> None:
        """
        Another parent means that ours is gone; it is noticed in time.
        """
        self.start()
        self.reactor.advance(limits.PARENT_POLL * 0.9)
        self.parent = 1
        self.assertEqual(self.ends, 0)
        self.reactor.advance(limits.PARENT_POLL * 0.2)
        self.assertEqual(self.ends, 1)
        self.reactor.pump([limits.PARENT_POLL] * 3)
        self.assertEqual(self.ends, 1)

    def test_parentGoneBefore(self) -> None:
        """
        A parent that died before we looked is noticed at once.
        """
        self.parent = 1
        self.start()
        self.assertEqual(self.ends, 1)

    def test_noParent(self) -> None:
        """
        Who was started by hand outlives the shell.
        """
        self.parent = 1
        self.start(parent=None)
        self.reactor.pump([limits.PARENT_POLL] * 3)
        self.assertEqual(self.ends, 0)
        self.assertEqual(self.signals.calls, ["start alone"])
        self.signals.onSignal("SIGTERM")
        self.assertEqual(self.ends, 1)

    def test_inputClosed(self) -> None:
        """
        The end of standard input means the end.
        """
        self.start()
        [reader] = self.reactor.getReaders()
        self.assertEqual(reader.fileno(), 0)
        reader.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.ends, 1)

    def test_inputUnwatched(self) -> None:
        """
        Standard input is left alone unless the parent asked for it.
        """
        self.start(watchInput=False)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_stop(self) -> None:
        """
        Once stopped, nothing is watched, and later signals are ignored.
        """
        watch = self.start()
        watch.stop()
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.signals.calls, ["start", "ignore"])
        self.signals.onSignal("SIGINT")
        self.assertEqual(self.ends, 0)

    def test_stopUnstarted(self) -> None:
        """
        One that never started can be stopped, too.
        """
        Lifeline(self.reactor, self._count, 77, True, signals=self._signals).stop()
        self.assertEqual(self.signals.calls, ["ignore"])


class InputWatchTests(SynchronousTestCase):
    """
    Tests for ``InputWatch``.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ends = 0
        self.reading, self.writing = os.pipe()
        self.addCleanup(self._close)
        self.watch = InputWatch(self.reactor, self._count, self.reading)
        self.watch.start()

    def _count(self) -> None:
        self.ends += 1

    def _close(self) -> None:
        for descriptor in (self.reading, self.writing):
            if descriptor >= 0:
                os.close(descriptor)

    def test_data(self) -> None:
        """
        What comes is read, and means nothing.
        """
        os.write(self.writing, b"hello\n" * 1000)
        self.watch.doRead()
        self.watch.doRead()
        self.assertEqual(self.ends, 0)
        self.assertEqual(self.reactor.getReaders(), [self.watch])
        os.set_blocking(self.reading, False)
        self.assertRaises(BlockingIOError, os.read, self.reading, 1)

    def test_end(self) -> None:
        """
        The end is told once.
        """
        os.close(self.writing)
        self.writing = -1
        self.watch.doRead()
        self.assertEqual(self.ends, 1)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_unreadable(self) -> None:
        """
        A descriptor that cannot be read has ended.
        """
        os.close(self.reading)
        self.reading = -1
        self.watch.doRead()
        self.assertEqual(self.ends, 1)

    def test_mode(self) -> None:
        """
        The descriptor's mode, which others share, stays as it is.
        """
        os.write(self.writing, b"x")
        self.watch.doRead()
        self.assertTrue(os.get_blocking(self.reading))


class SignalsTests(SynchronousTestCase):
    """
    Tests for ``Signals``: which handlers it sets.  What they do to a process is
    tested in ``tests.integration.test_child``.
    """

    def setUp(self) -> None:
        self.handlers: dict[int, Any] = {}
        self.alarms: list[int] = []
        self.later: list[tuple[Any, ...]] = []
        self.patch(signal, "signal", self.handlers.__setitem__)
        self.patch(signal, "alarm", self.alarms.append)
        self.patch(lifeline, "signalAtParentsDeath", self.alarms.append)
        self.names: list[str] = []
        reactor: Any = self
        self.signals = Signals(reactor, self.names.append)

    def callFromThread(self, *call: Any) -> None:
        """
        The reactor's.
        """
        self.later.append(call)

    def test_caught(self) -> None:
        """
        A signal is handed to the reactor, and starts the last resort's clock.
        """
        self.signals.start()
        self.assertEqual(self.alarms, [])
        for number in (signal.SIGTERM, signal.SIGINT):
            self.handlers[number](number, None)
        self.assertEqual(self.alarms, [limits.LAST_RESORT] * 2)
        self.assertIs(self.handlers[signal.SIGALRM], signal.SIG_DFL)
        self.assertEqual(self.names, [])
        for function, *arguments in self.later:
            function(*arguments)
        self.assertEqual(self.names, ["SIGTERM", "SIGINT"])

    def test_blocked(self) -> None:
        """
        Signals that the parent has blocked arrive all the same.
        """
        numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGALRM}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        self.addCleanup(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        self.signals.start(lambda: False)
        self.signals.armLastResort()
        self.assertFalse(signal.pthread_sigmask(signal.SIG_BLOCK, ()) & numbers)

    def test_bereaved(self) -> None:
        """
        The kernel tells when the thread ends that started us: that is the end if it
        was the parent's last one.
        """
        isOrphan = False
        self.signals.start(lambda: isOrphan)
        self.assertEqual(self.alarms, [signal.SIGUSR2])
        self.handlers[signal.SIGUSR2](signal.SIGUSR2, None)
        self.assertEqual((self.alarms[1:], self.later), ([], []))
        isOrphan = True
        self.handlers[signal.SIGUSR2](signal.SIGUSR2, None)
        self.assertEqual(self.alarms[1:], [limits.LAST_RESORT])
        [(function, *arguments)] = self.later
        function(*arguments)
        self.assertEqual(self.names, ["the parent process is gone"])
        self.signals.ignore()
        self.assertIs(self.handlers[signal.SIGUSR2], signal.SIG_IGN)

    def test_ignored(self) -> None:
        """
        At the end signals are ignored, but for the last resort.
        """
        self.signals.start()
        self.signals.ignore()
        self.assertIs(self.handlers[signal.SIGTERM], signal.SIG_IGN)
        self.assertIs(self.handlers[signal.SIGINT], signal.SIG_IGN)
        self.assertIs(self.handlers[signal.SIGALRM], signal.SIG_DFL)
        self.assertEqual(self.alarms[-1], limits.LAST_RESORT)


class ParentsDeathTests(SynchronousTestCase):
    """
    Tests for ``signalAtParentsDeath``.
    """

    def test_elsewhere(self) -> None:
        """
        Other systems than Linux have no such thing.
        """
        self.patch(sys, "platform", "freebsd14")
        self.assertFalse(signalAtParentsDeath(signal.SIGTERM))

    def test_missing(self) -> None:
        """
        A libc without prctl, or none, is no error.
        """
        self.patch(sys, "platform", "linux")
        self.patch(ctypes, "CDLL", lambda name: object())
        self.assertFalse(signalAtParentsDeath(signal.SIGTERM))
        self.patch(ctypes, "CDLL", lambda name: os.stat("/nonexistent"))
        self.assertFalse(signalAtParentsDeath(signal.SIGTERM))

    def test_asked(self) -> None:
        """
        On Linux the kernel is asked, and its answer handed on.
        """
        self.patch(sys, "platform", "linux")
        for answer, expected in ((0, True), (-1, False)):
            asked: list[Any] = []

            def prctl(*arguments: int, asked: list[Any] = asked, answer: int = answer) -> int:
                asked.append(arguments)
                return answer

            self.patch(ctypes, "CDLL", lambda name, prctl=prctl: SimpleNamespace(prctl=prctl))
            self.assertIs(signalAtParentsDeath(signal.SIGTERM), expected)
            self.assertEqual(asked, [(1, 15, 0, 0, 0)])
