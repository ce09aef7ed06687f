"""
What each strategy chooses: five transports of which three are dead, a hundred
connections, one after the other, one a minute.

``python -m tests.transports.optimizer.table`` prints the table that is in the manual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.task import Clock

from pyptwist.testing.applications import Applications
from pyptwist.transports.optimizer.strategies import STRATEGIES
from tests.transports.optimizer.fakes import Fate, optimized, refused, silent

DIALS: Final = 100
INTERVAL: Final = 60.0  # seconds

#: What becomes of the transports, in words.
FATES: Final = ("refused", "0.4 s", "silent", "0.2 s", "refused")

_SHOWN: Final = [name for name in STRATEGIES if name != "minimize-dial-duration"]


@dataclass
class Row:
    """
    :ivar tries: of each transport.
    :ivar connected: by each transport.
    :ivar failed: connections that could not be made.
    :ivar seconds: that a connection took, in the mean and at the most.
    """

    tries: list[int]
    connected: list[int]
    failed: int
    mean: float
    longest: float


def fatesOf(clock: Clock) -> list[Fate]:
    """
    :returns: what ``FATES`` says.
    """
    return [
        refused(clock),
        Fate(clock, None, 0.4),
        silent(clock),
        Fate(clock, None, 0.2),
        refused(clock),
    ]


def row(strategy: str) -> Row:
    """
    :returns: what became of it, in simulated time.
    """
    clock = Clock()
    fates = fatesOf(clock)
    endpoint = optimized(clock, fates, strategy, "table")
    took: list[float] = []
    failed = 0
    for _ in range(DIALS):
        begun = clock.seconds()
        outcomes: list[Any] = []
        endpoint.connect(Applications()).addBoth(outcomes.append)
        while not outcomes:
            calls = clock.getDelayedCalls()
            clock.advance(min(call.getTime() for call in calls) - clock.seconds())
        took.append(clock.seconds() - begun)
        failed += not hasattr(outcomes[0], "transport")
        clock.advance(max(0.0, begun + INTERVAL - clock.seconds()))
    return Row(
        [len(fate.dialled) for fate in fates],
        [len(fate.transports) for fate in fates],
        failed,
        sum(took) / len(took),
        max(took),
    )


def table() -> str:
    """
    :returns: it, in reStructuredText.
    """
    heads = ["Strategy", *(f"{n}: {fate}" for n, fate in enumerate(FATES, 1))]
    heads += ["Failed", "Mean", "Longest"]
    rows = [heads]
    for name in _SHOWN:
        found = row(name)
        cells = [
            f"{tries}, {made}" if made else str(tries)
            for tries, made in zip(found.tries, found.connected, strict=True)
        ]
        times = f"{found.mean:.1f} s", f"{found.longest:.1f} s"
        rows.append([f"``{name}``", *cells, str(found.failed), *times])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = " ".join("=" * width for width in widths)
    lines = [" ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


if __name__ == "__main__":
    print(table())
