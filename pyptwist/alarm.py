"""
One timer that can be set anew, any number of times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Alarm:
    """
    Calls at most one thing, at most once for each time it is set.

    It knows whom to call only while it is set, so that an owner whose alarms
    are off is in no cycle, and is freed when it is let go.

    :ivar at: when it is due, on the reactor's clock; None if it is off.
    """

    __slots__ = ("_call", "_reactor", "at")

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._call: IDelayedCall | None = None
        self.at: float | None = None

    def set(self, at: float | None, action: Callable[[], None]) -> None:
        """
        :param at: seconds on the reactor's clock, where the past means now;
            None turns it off.
        :param action: instead of the one before.
        """
        self.stop()
        if at is not None:
            delay = max(0.0, at - self._reactor.seconds())
            self._call = self._reactor.callLater(delay, self._ring, action)
            self.at = at

    def stop(self) -> None:
        """
        Turn it off, if it is on.
        """
        call, self._call, self.at = self._call, None, None
        if call is not None:
            call.cancel()

    def _ring(self, action: Callable[[], None]) -> None:
        self._call = self.at = None
        action()
