"""
Memory goes back to the system when a crowd has gone.

What is over is freed at once, but two stores keep it from the system.  CPython holds
freed tuples, lists and dicts back for the next ones, a few thousand, each of which
pins a piece of 1 MiB; they go when the garbage collector looks at everything, which
a process at rest does not do.  The C library gives back what is free at the end of
its heap, and not what is free before that, unless it is asked.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from pyptwist import limits

_MUCH_LESS, _AS_MUCH = 0.75, 0.95


def giveBack() -> None:
    """
    Give free memory back to the system, whatever of it can be.

    It stops the program for as long as the garbage collector takes to look at all
    that there is: some 20 milliseconds if that is little more than the program.
    """
    gc.collect()
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except (ImportError, OSError, AttributeError):
        # Python without libffi, or another libc than glibc, which needs it less.
        return


class Ebb(Service):
    """
    Looks from time to time how much memory is in use, and has it given back when
    that is much less than it was, and falls no more: so it is done when it is worth
    it, and while there is as little to look at as there will be.
    """

    def __init__(
        self,
        clock: Any,
        measure: Callable[[], int] = sys.getallocatedblocks,
        giveBack: Callable[[], object] = giveBack,
    ) -> None:
        """
        :param clock: the reactor, for its time.
        :param measure: says how much is in use, in any unit.
        :param giveBack: has it given back.
        """
        self._measure = measure
        self._giveBack = giveBack
        self._most = self._last = 0
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self._most = self._last = self._measure()
        self._looking.start(limits.MEMORY_LOOK, now=False)

    def stopService(self) -> None:
        super().stopService()  # type: ignore[no-untyped-call]
        self._looking.stop()

    def _look(self) -> None:
        now, before = self._measure(), self._last
        self._most, self._last = max(self._most, now), now
        # Python says 0 if it was told to leave all to the C library.
        if 0 < now <= self._most * _MUCH_LESS and now >= before * _AS_MUCH:
            self._giveBack()
            self._most = now
