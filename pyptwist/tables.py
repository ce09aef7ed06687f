"""
Tables of plain text, and their way out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """
    :param rows: of equal length; the first may be a heading.
    :param right: the columns that stand flush right, for numbers.
    :returns: lines, with two blanks between columns and none at the end.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def show(text: str, file: TextIO | None = None) -> None:
    """
    Print, as much as somebody reads.

    :param file: standard output, unless told otherwise.
    """
    out = sys.stdout if file is None else file
    try:
        print(text, file=out, flush=True)
    except BrokenPipeError:
        # What was piped into has ended: Python would complain at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
