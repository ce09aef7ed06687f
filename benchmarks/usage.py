"""
What a process costs, from Linux's ``/proc``: processor time and memory.

A command may be more than one process; its descendants are counted too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
#: utime and stime, counted from behind the command's closing parenthesis
#: (proc(5): fields 14 and 15; the parenthesis closes field 2).
_TIMES = slice(11, 13)


@dataclass(frozen=True, slots=True)
class Memory:
    """
    Memory of a command, in KiB.

    :ivar rss: all resident pages, shared ones counted in full.
    :ivar pss: resident pages, each divided by the number of its users.
    """

    rss: int
    pss: int


def available() -> bool:
    """
    Can anything be read here at all?
    """
    return (_PROC / "self/stat").exists() and (_PROC / "self/smaps_rollup").exists()


def cpuSeconds(pid: int) -> float:
    """
    Processor time that a command has used so far, user and system.
    """
    return sum(_ticks(each) for each in _family(pid)) / _TICKS


def memory(pid: int) -> Memory:
    """
    Memory that a command holds now.
    """
    rss = pss = 0
    for each in _family(pid):
        lines = (_PROC / str(each) / "smaps_rollup").read_text().splitlines()[1:]
        values = {key: rest for key, _, rest in (line.partition(":") for line in lines)}
        rss += int(values["Rss"].split()[0])
        pss += int(values["Pss"].split()[0])
    return Memory(rss, pss)


def _ticks(pid: int) -> int:
    text = (_PROC / str(pid) / "stat").read_text()
    return sum(map(int, text.rpartition(")")[2].split()[_TIMES]))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in (_PROC / str(pid) / "task").iterdir():
        try:
            children = (task / "children").read_text()
        except OSError:
            # The thread has just ended, or this kernel does not tell.
            continue
        for child in children.split():
            yield from _family(int(child))
