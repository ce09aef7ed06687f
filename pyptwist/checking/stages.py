"""
How far a check came, and how long each stage took.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pyptwist.errors import Cause

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


class Stage(Enum):
    """
    What happens one after the other.  Not every bridge goes through all of it.
    """

    LINE = "line"
    RESOLVE = "resolve"
    PROXY = "proxy"
    TCP = "tcp"
    HANDSHAKE = "handshake"
    TRAFFIC = "traffic"


_ORDER = list(Stage)


@dataclass(frozen=True)
class Passed:
    """
    A stage that is over.

    :ivar seconds: how long it took.
    :ivar cause: why it failed; None if it did not.
    :ivar note: for people; may be empty.
    """

    stage: Stage
    seconds: float
    cause: Cause | None = None
    note: str = ""


class Course:
    """
    The stages of one check, as they are entered.

    What happens first counts: a method that makes a second connection is in its
    handshake by then.

    :ivar passed: those that are over.
    :ivar isOver: whether the check has ended.
    """

    def __init__(self, clock: IReactorTime, entered: Callable[[Stage], None]) -> None:
        """
        :param entered: called with each stage when it begins.
        """
        self._clock = clock
        self._entered = entered
        self._since = clock.seconds()
        self._last = Stage.LINE
        self._isDialling = False
        self.passed: list[Passed] = []
        self.isOver = False

    @property
    def current(self) -> Stage:
        """
        The stage that we are in.
        """
        # A method that makes no connection of its own enters none of the others.
        return Stage.HANDSHAKE if self._isDialling and self._last is Stage.LINE else self._last

    def dial(self) -> None:
        """
        The line is understood, and the method is at work.
        """
        self._isDialling = True
        self._since = self._clock.seconds()

    def enter(self, stage: Stage, note: str = "") -> None:
        """
        The stage before is passed.

        :param note: about that one.
        """
        if self.isOver or _ORDER.index(stage) <= _ORDER.index(self._last):
            return
        if self._last is not Stage.LINE or stage is Stage.TRAFFIC:
            self._pass(None, note)
        self._last, self._since = stage, self._clock.seconds()
        self._entered(stage)

    def finish(self, note: str = "") -> None:
        """
        All is well.
        """
        self._end(None, note)

    def fail(self, cause: Cause, note: str = "") -> None:
        """
        It ends in the stage that we are in.
        """
        self._end(cause, note)

    def _end(self, cause: Cause | None, note: str) -> None:
        if not self.isOver:
            self._pass(cause, note)
            self.isOver = True

    def _pass(self, cause: Cause | None, note: str) -> None:
        seconds = max(0.0, self._clock.seconds() - self._since)
        self.passed.append(Passed(self.current, seconds, cause, note))
