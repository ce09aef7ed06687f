"""
What was seen, as tables.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import mean
from typing import Final

from pyptwist.inspection.contents import (
    COMPARED,
    RULES,
    SAMPLES,
    Constant,
    bitsSet,
    constants,
    entropy,
    printable,
)
from pyptwist.inspection.flows import Flow, Packet, Side
from pyptwist.inspection.statistics import (
    Quantity,
    distance,
    likelihood,
    quantities,
    summary,
)
from pyptwist.tables import aligned

_SHOWN: Final = 12  # packets: a handshake, and the first of what follows
_SEQUENCES: Final = 3
_NONE: Final = "-"

#: What stands in the table for one network connection, and what for two.
Rows = list[list[str]]


@dataclass(frozen=True)
class Subject:
    """
    What was looked at.

    :ivar name: of the column.
    :ivar flows: at least one.
    """

    name: str
    flows: Sequence[Flow]


def report(subjects: Sequence[Subject], said: bytes) -> str:
    """
    :param subjects: one, or two to be compared.
    :param said: what the applications said first.
    :returns: tables, a blank line between them.
    """
    sections = (_packets, _directions, _measured, _rules, _fixed)
    texts = [section(subjects) for section in sections]
    texts.insert(3, _contents(subjects, said))
    return "\n\n".join(texts)


# --- Packets ----------------------------------------------------------------


def _packets(subjects: Sequence[Subject]) -> str:
    rows: Rows = [["", *("who", "bytes", "gap, ms") * len(subjects)]]
    shown = zip_longest(*(subject.flows[0].packets[:_SHOWN] for subject in subjects))
    for number, packets in enumerate(shown, 1):
        rows.append([str(number), *(cell for packet in packets for cell in _packet(packet))])
    right = [0, *(column for n in range(len(subjects)) for column in (3 * n + 2, 3 * n + 3))]
    title = "The first packets of the first connection"
    if len(subjects) > 1:
        title += ", " + " and ".join(subject.name for subject in subjects)
    return _section(title, rows, right)


def _packet(packet: Packet | None) -> tuple[str, str, str]:
    if packet is None:
        return "", "", ""
    gap = "" if packet.gap is None else f"{packet.gap * 1e3:.2f}"
    return packet.sender.value, str(packet.size), gap


def _directions(subjects: Sequence[Subject]) -> str:
    counts = [Counter(f.directions(_SHOWN) for f in subject.flows) for subject in subjects]
    common = Counter[str]()
    for count in counts:
        common.update(dict(count.most_common(_SEQUENCES)))
    rows = [["", *_names(subjects)]]
    for sequence, _ in common.most_common():
        rows.append([sequence, *_of(subjects, [count[sequence] for count in counts])])
    title = f"Who sends the first {_SHOWN} packets (C client, S server), where most common"
    return _section(title, rows, range(1, len(subjects) + 1))


# --- Numbers ----------------------------------------------------------------


def _measured(subjects: Sequence[Subject]) -> str:
    title = "Flights (what one side sends until the other does), packets and gaps"
    if len(subjects) == 1:
        rows = [["", "least", "median", "most", "different"]]
        rows += [_single(quantity, subjects[0]) for quantity in quantities()]
        return _section(title, rows, range(1, 5))
    rows = [["", *_names(subjects), "D", "p"]]
    rows += [_compared(quantity, subjects) for quantity in quantities()]
    title += ": least / median / most,\nand the two-sample Kolmogorov-Smirnov test"
    return _section(title, rows, range(1, 5)) + "\n" + _CAUTION


def _single(quantity: Quantity, subject: Subject) -> list[str]:
    numbers = summary(quantity.sample(subject.flows))
    if numbers is None:
        return [quantity.name, *[_NONE] * 4]
    values = (numbers.least, numbers.median, numbers.most)
    different = str(numbers.different) if quantity.isWhole else ""
    return [quantity.name, *map(quantity.show, values), different]


def _compared(quantity: Quantity, subjects: Sequence[Subject]) -> list[str]:
    samples = [quantity.sample(subject.flows) for subject in subjects]
    cells = []
    for sample in samples:
        numbers = summary(sample)
        values = () if numbers is None else (numbers.least, numbers.median, numbers.most)
        cells.append(" / ".join(map(quantity.show, values)) or _NONE)
    if not all(samples):
        return [quantity.name, *cells, _NONE, _NONE]
    p = likelihood(*samples)
    return [
        quantity.name,
        *cells,
        f"{distance(*samples):.3f}",
        _NONE if p is None else f"{p:.2g}",
    ]


_CAUTION: Final = """\
  D is 0 for samples that are alike, 1 for samples that do not overlap.  p (if scipy
  is installed) is how likely such a D is by chance; that of packets and gaps is too
  small, since those of one connection depend on each other.  What a server draws
  once, such as obfs4's lengths, differs between any two servers: give both the same
  with --option.  Gaps below some milliseconds tell how fast the processes are."""


# --- Bytes ------------------------------------------------------------------


def _contents(subjects: Sequence[Subject], said: bytes) -> str:
    rows = [["", "entropy", "bits set", "printable"]]
    for subject in subjects:
        prefix = f"{subject.name}, " if len(subjects) > 1 else ""
        for side in Side:
            samples = [data for flow in subject.flows if (data := flow.first(side))]
            rows.append(_averages(f"{prefix}{side.value}'s first packet", samples))
            alike = [os.urandom(len(data)) for data in samples]
            rows.append(_averages("  random bytes, as many", alike))
    rows.append(_averages("the application's first bytes", [said]))
    title = "Bytes: entropy in bits a byte, bits that are 1 in a byte, share of printable ASCII"
    return _section(title, rows, range(1, 4))


def _averages(name: str, samples: Sequence[bytes]) -> list[str]:
    if not samples:
        return [name, *[_NONE] * 3]
    return [
        name,
        *(f"{mean(map(measure, samples)):.2f}" for measure in (entropy, bitsSet)),
        f"{100 * mean(map(printable, samples)):.0f} %",
    ]


def _rules(subjects: Sequence[Subject]) -> str:
    firsts = [[data for f in s.flows if (data := f.first(Side.CLIENT))] for s in subjects]
    rows = [["", "", *_names(subjects)]]
    for rule in RULES:
        counts = [sum(map(rule.holds, packets)) for packets in firsts]
        rows.append([rule.name, rule.text, *_of(subjects, counts)])
    blocked = [
        sum(not any(rule.holds(data) for rule in RULES) for data in packets) for packets in firsts
    ]
    rows.append(["", "none of these: it may be blocked", *_of(subjects, blocked)])
    title = (
        "The client's first packet, by the rules by which the Great Firewall of China let\n"
        "connections pass from 2021 on (Wu et al., USENIX Security 2023)"
    )
    return _section(title, rows, range(2, len(subjects) + 2))


def _fixed(subjects: Sequence[Subject]) -> str:
    lines = [f"What never changes in the first {COMPARED} bytes:"]
    for subject in subjects:
        prefix = f"{subject.name}, " if len(subjects) > 1 else ""
        for side in Side:
            samples = [bytes(f.beginnings[side]) for f in subject.flows if f.beginnings[side]]
            lines.append(f"  {prefix}{side.value}: {_unchanging(samples)}")
    return "\n".join(lines)


def _unchanging(samples: Sequence[bytes]) -> str:
    if len(samples) < SAMPLES:
        return f"too few to tell, it takes {SAMPLES} connections"
    return ", ".join(_runs(constants(samples))) or "nothing"


def _runs(found: Sequence[Constant]) -> Iterator[str]:
    """
    :returns: bytes in a row that are alike as one.
    """
    run: list[Constant] = []
    for constant in found:
        if run and not constant.continues(run[-1]):
            yield _run(run)
            run = []
        run.append(constant)
    if run:
        yield _run(run)


def _run(run: Sequence[Constant]) -> str:
    first, last = run[0], run[-1]
    which = (
        f"byte {first.position} is"
        if first is last
        else f"bytes {first.position} to {last.position} are"
    )
    if first.isWhole:
        return f"{which} {bytes(constant.value for constant in run).hex()}"
    return f"{which} {first.binary} in binary"


# --- Tables -----------------------------------------------------------------


def _section(title: str, rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    table = "\n".join(f"  {line}" for line in aligned(rows, right).splitlines())
    return f"{title}:\n{table}"


def _names(subjects: Sequence[Subject]) -> list[str]:
    return [subject.name for subject in subjects]


def _of(subjects: Sequence[Subject], counts: Sequence[int]) -> list[str]:
    return [
        f"{count} of {len(subject.flows)}" for subject, count in zip(subjects, counts, strict=True)
    ]
