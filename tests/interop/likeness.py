"""
Whether two implementations' flows look alike: two-sample tests, and how rarely
they may give a false alarm.

A difference is told in two stages, each with samples of its own.  What has a
p-value below `SUSPICION` is measured again, with twice as many connections, and
is a difference if the p-value is then so small that chance gives `FALSE_ALARM`
at most.  With one stage of that rate, samples of the size that a test has time
for would not show that a tenth of a distribution has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scipy import stats

#: p-value of one comparison below which it is made again.
SUSPICION: Final = 1e-3

#: How often one call of `differences` may find some between implementations
#: that are alike.  With six calls in a run, less than one run in 100,000 fails by
#: chance.
FALSE_ALARM: Final = 1.5e-6

#: What a sample consists of: lengths, or names of categories.
Values = Sequence[int] | Sequence[str] | Sequence[int | str]


@dataclass(frozen=True)
class Comparison:
    """
    One quantity, measured with two implementations.
    """

    name: str
    ours: Values
    theirs: Values

    def pValue(self) -> float:
        """
        :returns: how likely samples at least as different are, if what they
            come from is the same.
        """
        if isinstance(self.ours[0], int):
            # The exact one, a tenth higher at these sizes, cannot always be had.
            return float(stats.ks_2samp(self.ours, self.theirs, method="asymp").pvalue)
        return _categories(Counter(map(str, self.ours)), Counter(map(str, self.theirs)))


def _categories(ours: Counter[str], theirs: Counter[str]) -> float:
    """
    Fisher's exact test of each category against all others, times their number
    (Bonferroni): chi-square would be wrong where a category is rare.
    """
    names = ours.keys() | theirs.keys()

    def pValue(name: str) -> float:
        table = [[each[name], each.total() - each[name]] for each in (ours, theirs)]
        return float(stats.fisher_exact(table).pvalue)

    return min(1.0, len(names) * min(map(pValue, names)))


#: Makes samples of so many connections, and compares them; the names are always
#: the same.
Measure = Callable[[int], Awaitable[Sequence[Comparison]]]


async def differences(measure: Measure, count: int) -> tuple[list[str], str]:
    """
    :param measure: called once, and once more if need be.
    :param count: connections in the first stage.
    :returns: the names of what is different; and a table of all p-values.
    """
    first = _pValues(await measure(count))
    suspects = [name for name, p in first.items() if p < SUSPICION]
    again = _pValues(await measure(2 * count)) if suspects else {}
    # The chance for one comparison is the product of both bounds, and for any of
    # them not above the sum.
    proof = FALSE_ALARM / (SUSPICION * len(first))
    return [name for name in suspects if again[name] < proof], _table(first, again)


def _pValues(comparisons: Sequence[Comparison]) -> dict[str, float]:
    return {each.name: each.pValue() for each in comparisons}


def _table(first: Mapping[str, float], again: Mapping[str, float]) -> str:
    return "\n".join(
        f"{name:40}{p:10.3g}" + (f"{again[name]:10.3g}" if again else "")
        for name, p in first.items()
    )
