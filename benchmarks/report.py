"""
The results, as a table for people and as JSON for programs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.measure import Figure, Figures
from benchmarks.pairs import Side


@dataclass(slots=True)
class Results:
    """
    Every sample of every figure.

    :ivar sides: what is compared: the first is A, the second B, then the mixed ones.
    """

    sides: Sequence[Side]
    samples: dict[Figure, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, side: Side, figures: Figures) -> None:
        """
        Take the figures of one measurement of one side.
        """
        for figure, value in figures:
            self.samples.setdefault(figure, {}).setdefault(side.name, []).append(value)

    def ratio(self, figure: Figure) -> float | None:
        """
        Median of A divided by median of B.

        :returns: None where it would mean nothing: a side was not measured, or
            its median is not above 0.
        """
        values = self.samples[figure]
        if not {"A", "B"} <= values.keys():
            return None
        a, b = (statistics.median(values[name]) for name in ("A", "B"))
        return a / b if min(a, b) > 0 else None

    def table(self) -> str:
        """
        One line a figure: unit, which way is better, the median of each
        side with its lowest and highest sample, and the ratio A/B.
        """
        names = [side.name for side in self.sides]
        rows = [["", "unit", "better", *names, "A/B"]]
        for figure, values in self.samples.items():
            cells = [_spread(values.get(name, [])) for name in names]
            ratio = self.ratio(figure)
            last = "-" if ratio is None else f"{ratio:.2f}"
            rows.append([figure.label, figure.unit, figure.better, *cells, last])
        return _aligned(rows, left=3)

    def save(self, path: Path, options: Mapping[str, object]) -> None:
        """
        Write everything, single samples included, as JSON.

        :param options: how the program was called.
        """
        document = {
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {
                "system": platform.platform(),
                "processors": os.cpu_count(),
                "python": platform.python_version(),
            },
            "options": dict(options),
            "sides": {
                side.name: {"client": str(side.client), "server": str(side.server)}
                for side in self.sides
            },
            "figures": [
                {
                    **asdict(figure),
                    "medians": {k: statistics.median(v) for k, v in values.items()},
                    "ratio": self.ratio(figure),
                    "samples": values,
                }
                for figure, values in self.samples.items()
            ],
        }
        path.write_text(json.dumps(document, indent=2) + "\n")


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    text = _number(statistics.median(values))
    if len(values) > 1:
        text += f" ({_number(min(values))}..{_number(max(values))})"
    return text


def _number(value: float) -> str:
    for limit, digits in ((10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def _aligned(rows: Iterable[Sequence[str]], left: int) -> str:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
