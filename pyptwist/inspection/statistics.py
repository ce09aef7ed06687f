"""
What is measured of flows, and how two samples of it are compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from statistics import median
from typing import Any, Final

from pyptwist.inspection.flows import WHOLE, Flow, Side

#: Values in a sample from which on a likelihood says something.
ENOUGH: Final = 8

#: Flights of each side that are looked at one by one.
FLIGHTS: Final = 2


@dataclass(frozen=True)
class Quantity:
    """
    Something that is measured of each flow.

    :ivar name: with its unit.
    :ivar of: the flow's values: one or none, or one for each packet or gap.
    :ivar isWhole: whether the values are whole numbers.
    """

    name: str
    of: Callable[[Flow], Iterable[float]]
    isWhole: bool = True

    def sample(self, flows: Iterable[Flow]) -> list[float]:
        """
        :returns: the values of all flows.
        """
        return [value for flow in flows for value in self.of(flow)]

    def show(self, value: float) -> str:
        """
        :returns: the value in digits.
        """
        return f"{value:.0f}" if self.isWhole else f"{value:.2f}"


def quantities(isDatagrams: bool = False) -> list[Quantity]:
    """
    :param isDatagrams: of flows of datagrams.
    :returns: all of them, in the order in which they are shown.
    """
    word = "datagram" if isDatagrams else "packet"
    found = [_flight(side, number) for number in range(FLIGHTS) for side in Side]
    if isDatagrams:
        found += [_datagram(side, number) for number in range(WHOLE) for side in Side]
    for side in Side:
        found += [_count(side, word), _sizes(side, word), _gaps(side)]
    return found


def _flight(side: Side, number: int) -> Quantity:
    def of(flow: Flow) -> Iterable[float]:
        flight = flow.flight(side, number)
        return [] if flight is None else [flight.size]

    return Quantity(f"{side.value}'s flight {number + 1}, bytes", of)


def _datagram(side: Side, number: int) -> Quantity:
    def of(flow: Flow) -> Iterable[float]:
        data = flow.datagram(side, number)
        return [] if data is None else [len(data)]

    return Quantity(f"{side.value}'s datagram {number + 1}, bytes", of)


def _count(side: Side, word: str) -> Quantity:
    return Quantity(f"{side.value}'s {word}s", lambda flow: [len(flow.sizes(side))])


def _sizes(side: Side, word: str) -> Quantity:
    return Quantity(f"{side.value}'s {word}s, bytes", lambda flow: flow.sizes(side))


def _gaps(side: Side) -> Quantity:
    return Quantity(
        f"{side.value}'s gaps, ms", lambda flow: [gap * 1e3 for gap in flow.gaps(side)], False
    )


@dataclass(frozen=True)
class Summary:
    """
    A sample in four numbers.

    :ivar different: how many different values there are.
    """

    least: float
    median: float
    most: float
    different: int


def summary(sample: Sequence[float]) -> Summary | None:
    """
    :returns: None for no sample.
    """
    if not sample:
        return None
    return Summary(min(sample), median(sample), max(sample), len(set(sample)))


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """
    The two-sample Kolmogorov-Smirnov statistic.

    :param one: at least one value.
    :param other: likewise.
    :returns: D, the most by which the shares of values up to any bound differ: 0
        for samples that are alike, 1 for samples that do not overlap.
    """
    ones, others = sorted(one), sorted(other)
    return max(
        abs(bisect_right(ones, bound) / len(ones) - bisect_right(others, bound) / len(others))
        for bound in {*ones, *others}
    )


def likelihood(one: Sequence[float], other: Sequence[float]) -> float | None:
    """
    :returns: p, how likely so large a distance is where both come from one
        distribution; None without scipy, or for samples of less than ``ENOUGH``.
    """
    if min(len(one), len(other)) < ENOUGH:
        return None
    try:
        scipy: Any = import_module("scipy.stats")
    except ImportError:
        return None
    return float(scipy.ks_2samp(one, other, method="asymp").pvalue)
