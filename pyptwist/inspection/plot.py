"""
Histograms of packet sizes and gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from pyptwist.errors import ConfigurationError
from pyptwist.inspection.flows import SEGMENT, Side
from pyptwist.inspection.subjects import Subject, unit

_COLOURS: Final = ("tab:blue", "tab:orange")
_BINS: Final = 60
_SHORTEST: Final = 0.01  # milliseconds: what is shorter is nobody's intention
_LONGEST: Final = 1000.0


def requirePlotting() -> None:
    """
    :raises ConfigurationError: if matplotlib is not installed.
    """
    try:
        import_module("matplotlib")
    except ImportError:
        raise ConfigurationError(
            "--plot needs matplotlib; run: pip install 'pyptwist[plot]'"
        ) from None


def plot(path: str, title: str, subjects: Sequence[Subject]) -> None:
    """
    :param path: of the PNG file.
    :param subjects: one, or two to be compared.
    :raises ConfigurationError: if it cannot be written.
    """
    # Not pyplot, which would look for a display.
    figure: Any = import_module("matplotlib.figure").Figure(figsize=(11, 7), layout="constrained")
    import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(2, len(Side))
    for column, side in enumerate(Side):
        _sizes(axes[0][column], side, subjects)
        _gaps(axes[1][column], side, subjects)
    try:
        figure.savefig(path, format="png", dpi=100)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path} ({error.strerror})") from error


def _sizes(axis: Any, side: Side, subjects: Sequence[Subject]) -> None:
    samples = [[size for flow in s.flows for size in flow.sizes(side)] for s in subjects]
    longest = max(SEGMENT, *(size for sample in samples for size in sample), SEGMENT)
    edges = [longest * n / _BINS for n in range(_BINS + 1)]
    _histogram(axis, samples, edges, subjects)
    if any(samples):
        # Else full packets are all that is to be seen.
        axis.set_yscale("log")
    axis.set_title(f"what the {side.value} sends")
    axis.set_xlabel(f"bytes in a {unit(subjects)}")


def _gaps(axis: Any, side: Side, subjects: Sequence[Subject]) -> None:
    samples = [[gap * 1e3 for flow in s.flows for gap in flow.gaps(side)] for s in subjects]
    longest = max(_LONGEST, *(gap for sample in samples for gap in sample), _SHORTEST)
    edges = [_SHORTEST * (longest / _SHORTEST) ** (n / _BINS) for n in range(_BINS + 1)]
    # Rounding must not put the longest beyond the last edge, nor a logarithm fail.
    clipped = [[min(max(gap, _SHORTEST), edges[-1]) for gap in sample] for sample in samples]
    _histogram(axis, clipped, edges, subjects)
    axis.set_xscale("log")
    axis.set_xlabel(f"ms since the {unit(subjects)} before ({_SHORTEST:g}: as much or less)")


def _histogram(
    axis: Any,
    samples: Sequence[Sequence[float]],
    edges: Sequence[float],
    subjects: Sequence[Subject],
) -> None:
    for sample, subject, colour in zip(samples, subjects, _COLOURS, strict=False):
        axis.hist(
            sample,
            bins=edges,
            weights=[100 / len(sample) for _ in sample],
            histtype="stepfilled",
            alpha=0.5,
            color=colour,
            edgecolor=colour,
            label=subject.name,
        )
    axis.set_ylabel("% of them")
    axis.legend()
