"""
What was looked at, and how tables of it are laid out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from pyptwist.inspection.flows import Flow
from pyptwist.tables import aligned

#: Stands in the place of what there is none of.
NONE: Final = "-"

#: What flows consist of.
PACKET: Final = "packet"
DATAGRAM: Final = "datagram"

#: Of a table: the titles first.
Rows: TypeAlias = list[list[str]]


@dataclass(frozen=True)
class Subject:
    """
    What was looked at.

    :ivar name: of the column.
    :ivar flows: at least one.
    """

    name: str
    flows: Sequence[Flow]


def ofKind(subjects: Sequence[Subject], isDatagrams: bool) -> list[Subject]:
    """
    :returns: the same subjects with those flows alone that are of datagrams, or of
        connections; without those that have none.
    """
    chosen = [
        replace(s, flows=[flow for flow in s.flows if flow.isDatagrams is isDatagrams])
        for s in subjects
    ]
    return [subject for subject in chosen if subject.flows]


def unit(subjects: Sequence[Subject]) -> str:
    """
    :returns: what their flows consist of, as a word; of both kinds, packets.
    """
    flows = [flow for subject in subjects for flow in subject.flows]
    return DATAGRAM if flows and all(flow.isDatagrams for flow in flows) else PACKET


def section(title: str, rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """
    :param right: the columns that are aligned at their ends.
    :returns: the table, below its title.
    """
    table = "\n".join(f"  {line}" for line in aligned(rows, right).splitlines())
    return f"{title}:\n{table}"


def names(subjects: Sequence[Subject]) -> list[str]:
    """
    :returns: titles of columns.
    """
    return [subject.name for subject in subjects]


def shares(subjects: Sequence[Subject], counts: Sequence[int]) -> list[str]:
    """
    :param counts: of how many flows something holds, for each subject.
    :returns: cells.
    """
    return [
        f"{count} of {len(subject.flows)}" for subject, count in zip(subjects, counts, strict=True)
    ]
