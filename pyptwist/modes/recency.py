"""
Flows by how long they have been silent.

UDP says neither hello nor good-bye, so silence is all that tells that a flow is
over.  One timer watches the flow that has been silent longest, and serves all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from pyptwist.alarm import Alarm

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

Key = TypeVar("Key", bound=Hashable)


class Recency(Generic[Key]):
    """
    When each flow was last heard of.
    """

    def __init__(
        self, reactor: IReactorTime, idle: float, expired: Callable[[Key], object]
    ) -> None:
        """
        :param idle: seconds of silence that end a flow.
        :param expired: called with each such flow, once; it is forgotten by then.
        """
        self._reactor = reactor
        self._idle = idle
        self._expired = expired
        self._heard: OrderedDict[Key, float] = OrderedDict()
        self._alarm = Alarm(reactor)

    def touch(self, key: Key) -> None:
        """
        A flow is new, or was heard of.
        """
        heard = self._heard
        heard[key] = self._reactor.seconds()
        heard.move_to_end(key)
        if self._alarm.at is None:
            self._watch()

    def forget(self, key: Key) -> None:
        self._heard.pop(key, None)
        if not self._heard:
            self._alarm.stop()
            self._heard.clear()  # it keeps the size that it had

    def silent(self, seconds: float) -> Key | None:
        """
        :returns: the flow that has been silent longest, if for that long at least.
        """
        for key, heard in self._heard.items():
            return key if heard + seconds <= self._reactor.seconds() else None
        return None

    def _watch(self) -> None:
        # Mostly the alarm finds that somebody was heard since, and is set anew:
        # that is cheaper than to set it for each datagram.
        while (key := self.silent(self._idle)) is not None:
            self.forget(key)
            self._expired(key)
        for heard in self._heard.values():
            self._alarm.set(heard + self._idle, self._watch)
            break
