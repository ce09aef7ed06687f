"""
One transport that is being dialled, and what it makes of the application's factory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory

from pyptwist.alarm import Alarm
from pyptwist.wrapping import WrappingFactory


class Try:
    """
    One transport that is being dialled.
    """

    def __init__(self, reactor: Any, number: int) -> None:
        self.number = number
        self.begun = reactor.seconds()
        self.isLate = False
        self.alarm = Alarm(reactor)
        self.connecting: Deferred[Any] | None = None
        self.factory: Winning | None = None

    def cancel(self) -> None:
        """
        It is not wanted any more.
        """
        self.alarm.stop()
        if self.connecting is not None:
            self.connecting.cancel()

    def over(self) -> None:
        """
        It has ended, in whichever way.
        """
        self.alarm.stop()
        factory, self.factory = self.factory, None
        if factory is not None:
            # Twisted's connector keeps it, in a cycle; not all the rest with it.
            factory.ready = None


class Winning(WrappingFactory):
    """
    Asked for a protocol at the moment when its transport is ready.

    :ivar ready: called then; says whether there is to be one.
    """

    def __init__(self, factory: IProtocolFactory, ready: Callable[[], bool]) -> None:
        super().__init__(factory)
        self.ready: Callable[[], bool] | None = ready

    def buildProtocol(self, addr: IAddress | None) -> Any:
        ready, self.ready = self.ready, None
        if ready is None or not ready():
            return None
        return self._factory.buildProtocol(addr)  # type: ignore[arg-type]
