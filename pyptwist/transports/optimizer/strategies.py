"""
How an Optimizer chooses.

Transports are numbers from 0 on here.  A connection is tried in *rounds*: in each of
them a strategy offers every transport that it would use, once.

``first`` knows the first one alone, ``random`` and ``rotate`` all of them; ``track`` and
``minimizeDialDuration`` learn from what is reported, which ``Health`` remembers.

Source: shapeshifter's Optimizer, whose names and order these are.  It reports 60 seconds
for every try, gives up at the first failure, and does not work with one transport; what
it means is done here instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, Protocol

from pyptwist import limits
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.transports.optimizer.health import Health


class Knowledge(Protocol):
    """
    What is known of the transports of one Optimizer.
    """

    def get(self, number: int) -> Health | None:
        """
        :returns: None if nothing is known, or nothing that is believed still.
        """

    def put(self, number: int, isGood: bool, seconds: float) -> None:
        """
        A try is over.
        """

    def save(self) -> None:
        """
        Keep what was put.
        """


class Strategy:
    """
    Chooses among transports.  It outlives a single connection.

    :cvar hasOthers: is there another transport to be tried, if there are several?
    """

    hasOthers = True

    def __init__(self, count: int, entropy: Entropy, knowledge: Callable[[], Knowledge]) -> None:
        """
        :param count: of the transports, 1 at least.
        :param knowledge: called by strategies that learn.
        """
        self.count = count
        self._entropy = entropy

    def choose(self, passed: Collection[int]) -> int | None:
        """
        :param passed: those that are not to be chosen, having been tried in this round.
        :returns: which one to try; None if the round is over.
        """
        raise TypeError(f"{type(self).__name__} must define choose")

    def report(self, number: int, isGood: bool, seconds: float) -> None:
        """
        A try is over.

        :param isGood: did it connect?
        :param seconds: how long it took.
        """

    def ended(self) -> None:
        """
        So is the connection's search.
        """


class First(Strategy):
    """
    Always the first transport: the others may as well not be there.
    """

    hasOthers = False

    def choose(self, passed: Collection[int]) -> int | None:
        return None if 0 in passed else 0


class Random(Strategy):
    """
    Any, each equally likely.
    """

    def choose(self, passed: Collection[int]) -> int | None:
        left = [number for number in range(self.count) if number not in passed]
        return left[uniform(self._entropy, 0, len(left) - 1)] if left else None


class _Walking(Strategy):
    """
    Goes from one to the next, round and round.

    :cvar start: where it begins.
    """

    start = 0

    def __init__(self, count: int, entropy: Entropy, knowledge: Callable[[], Knowledge]) -> None:
        super().__init__(count, entropy, knowledge)
        self._next = self.start % count

    def choose(self, passed: Collection[int]) -> int | None:
        left = [number for number in self._walk() if number not in passed]
        if not left:
            return None
        chosen = self.best(left)
        self._next = (chosen + 1) % self.count
        return chosen

    def best(self, left: list[int]) -> int:
        """
        :param left: those that may be chosen, the next one first.
        """
        return left[0]

    def _walk(self) -> Iterator[int]:
        return ((self._next + step) % self.count for step in range(self.count))


class Rotate(_Walking):
    """
    One after the other.  The second is the first, as in the reference.
    """

    start = 1


class _Learning(_Walking):
    """
    Remembers how tries ended.
    """

    def __init__(self, count: int, entropy: Entropy, knowledge: Callable[[], Knowledge]) -> None:
        super().__init__(count, entropy, knowledge)
        self._knowledge = knowledge()

    def report(self, number: int, isGood: bool, seconds: float) -> None:
        self._knowledge.put(number, isGood, seconds)

    def ended(self) -> None:
        self._knowledge.save()


class Track(_Learning):
    """
    One after the other of those that worked when they were last tried, or were not yet;
    the rest if none of these connects.
    """

    def best(self, left: list[int]) -> int:
        return next((number for number in left if self._isGood(number)), left[0])

    def _isGood(self, number: int) -> bool:
        health = self._knowledge.get(number)
        return health is None or health.isGood


class MinimizeDialDuration(_Learning):
    """
    The one that took least time when it was last tried.  One that was not yet took none,
    and one that failed took as long as there is.
    """

    def best(self, left: list[int]) -> int:
        return min(left, key=self._seconds)

    def _seconds(self, number: int) -> float:
        health = self._knowledge.get(number)
        if health is None:
            return 0.0
        return min(health.seconds, limits.OPTIMIZER) if health.isGood else limits.OPTIMIZER


#: By the names that they have in configurations.
STRATEGIES: Final[Mapping[str, type[Strategy]]] = {
    "first": First,
    "random": Random,
    "rotate": Rotate,
    "track": Track,
    "minimizeDialDuration": MinimizeDialDuration,
    "minimize-dial-duration": MinimizeDialDuration,
}
