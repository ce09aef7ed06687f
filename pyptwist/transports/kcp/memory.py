"""
Which conversations are over: so that a late datagram begins none of them again, and
whoever did not hear of the end hears of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.transports.kcp.framing import Kind

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


class Memory:
    """
    Forgets each after ``limits.KCP_REMEMBERED`` seconds, and the oldest when there are
    too many.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._kept: OrderedDict[Hashable, tuple[float, Kind]] = OrderedDict()
        self._alarm = Alarm(reactor)

    def remember(self, key: Hashable, kind: Kind) -> None:
        """
        :param kind: what to say of it.
        """
        self._kept[key] = self._reactor.seconds() + limits.KCP_REMEMBERED, kind
        self._kept.move_to_end(key)
        if len(self._kept) > limits.KCP_CONVERSATIONS:
            self._kept.popitem(last=False)
        if self._alarm.at is None:
            self._forget()

    def get(self, key: Hashable) -> Kind | None:
        """
        :returns: what to say; None if it is not known.
        """
        kept = self._kept.get(key)
        return None if kept is None else kept[1]

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._kept.clear()
        self._alarm.stop()

    def _forget(self) -> None:
        while self._kept:
            until, _ = next(iter(self._kept.values()))
            if until > self._reactor.seconds():
                self._alarm.set(until, self._forget)
                return
            self._kept.popitem(last=False)
