"""
What the bytes look like, as tables.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import mean
from typing import Final

from pyptwist.inspection.contents import (
    COMPARED,
    RULES,
    SAMPLES,
    Constant,
    bitsSet,
    commonest,
    constants,
    entropy,
    kept,
    printable,
)
from pyptwist.inspection.flows import WHOLE, Side
from pyptwist.inspection.subjects import NONE, Rows, Subject, names, section, shares

_TOO_FEW: Final = f"too few to tell, it takes {SAMPLES} connections"
_MOST: Final = 0.9  # of all datagrams must be as long, for a byte to count


def contents(subjects: Sequence[Subject], said: bytes) -> str:
    """
    :param subjects: all of one kind, connections or datagrams.
    :param said: what the applications said first.
    :returns: numbers about the bytes that flows begin with.
    """
    rows: Rows = [["", "entropy", "bits set", "printable", "commonest"]]
    for subject in subjects:
        prefix = _prefix(subject, subjects)
        for name, samples in _firsts(subject):
            rows.append(_averages(f"{prefix}{name}", samples))
            alike = [os.urandom(len(data)) for data in samples]
            rows.append(_averages("  random bytes, as many", alike))
    rows.append(_averages("the application's first bytes", [said]))
    title = (
        "Bytes: entropy in bits a byte, bits that are 1 in a byte, share of printable ASCII,\n"
        "the commonest byte and its share"
    )
    return section(title, rows, range(1, 5))


def _firsts(subject: Subject) -> Iterator[tuple[str, list[bytes]]]:
    """
    :returns: what is looked at, and what each flow has of that.
    """
    if not subject.flows[0].isDatagrams:
        for side in Side:
            samples = [data for flow in subject.flows if (data := flow.first(side))]
            yield f"{side.value}'s first packet", samples
        return
    for number in range(WHOLE):
        for side in Side:
            each = [flow.datagram(side, number) for flow in subject.flows]
            yield f"{side.value}'s datagram {number + 1}", [data for data in each if data]


def _averages(name: str, samples: Sequence[bytes]) -> list[str]:
    if (common := commonest(samples)) is None:
        return [name, *[NONE] * 4]
    byte, share = common
    return [
        name,
        *(f"{mean(map(measure, samples)):.2f}" for measure in (entropy, bitsSet)),
        f"{100 * mean(map(printable, samples)):.0f} %",
        f"{byte:02x} {100 * share:.0f} %",
    ]


def rules(subjects: Sequence[Subject]) -> str:
    """
    :param subjects: connections.
    :returns: how many of them meet which of a censor's rules, all of which are about TCP.
    """
    firsts = [[data for f in s.flows if (data := f.first(Side.CLIENT))] for s in subjects]
    rows: Rows = [["", "", *names(subjects)]]
    for rule in RULES:
        counts = [sum(map(rule.holds, packets)) for packets in firsts]
        rows.append([rule.name, rule.text, *shares(subjects, counts)])
    blocked = [
        sum(not any(rule.holds(data) for rule in RULES) for data in packets) for packets in firsts
    ]
    rows.append(["", "none of these: it may be blocked", *shares(subjects, blocked)])
    title = (
        "The client's first packet, by the rules by which the Great Firewall of China let\n"
        "connections pass from 2021 on (Wu et al., USENIX Security 2023)"
    )
    return section(title, rows, range(2, len(subjects) + 2))


def fixed(subjects: Sequence[Subject]) -> str:
    """
    :param subjects: connections.
    :returns: what is the same at the beginning of all of them.
    """
    lines = [f"What never changes in the first {COMPARED} bytes:"]
    for subject in subjects:
        prefix = _prefix(subject, subjects)
        for side in Side:
            samples = [bytes(f.beginnings[side]) for f in subject.flows if f.beginnings[side]]
            found = _unchanging(samples) if len(samples) >= SAMPLES else _TOO_FEW
            lines.append(f"  {prefix}{side.value}: {found}")
    return "\n".join(lines)


def fixedDatagrams(subjects: Sequence[Subject]) -> str:
    """
    :param subjects: of datagrams.
    :returns: what is the same at the beginning of the first, the second ... datagram
        of all of them; of all datagrams; and of those of one connection.
    """
    lines = [f"What never changes in the first {COMPARED} bytes of datagrams:"]
    for subject in subjects:
        prefix = _prefix(subject, subjects)
        for side in Side:
            lines += [f"  {prefix}{side.value}'s {text}" for text in _fixedOf(subject, side)]
    return "\n".join(lines)


def _fixedOf(subject: Subject, side: Side) -> Iterator[str]:
    heads = [mine for flow in subject.flows if (mine := flow.heads[side])]
    for number in range(WHOLE):
        samples = [mine[number] for mine in heads if len(mine) > number]
        found = _unchanging(samples, SAMPLES) if len(samples) >= SAMPLES else _TOO_FEW
        yield f"datagram {number + 1}: {found}"
    everyone = [head for mine in heads for head in mine]
    # Some short ones do not hide what all the others share.
    most = math.ceil(_MOST * len(everyone))
    found = _unchanging(everyone, most) if len(heads) >= SAMPLES else _TOO_FEW
    yield f"datagrams, all of them: {found}"
    yield f"datagrams, within a connection: {_ofConnections(heads)}"


def _ofConnections(heads: Sequence[Sequence[bytes]]) -> str:
    """
    :returns: which bytes never change within any connection, but between some.
    """
    if sum(len(mine) - 1 for mine in heads) < SAMPLES:
        return f"too few to tell, it takes {SAMPLES} datagrams"
    between = constants([mine[0] for mine in heads], 1)
    fixed = {constant.position for constant in between if constant.isWhole}
    isOne = len(heads) == 1
    return _places([p for p in kept(heads) if isOne or p not in fixed]) or "nothing else"


def _places(positions: Sequence[int]) -> str:
    """
    :returns: which bytes they are, those in a row as one.
    """
    runs = [
        [position for _, position in run]
        for _, run in groupby(enumerate(positions), lambda each: each[1] - each[0])
    ]
    return ", ".join(
        f"byte {run[0]}" if len(run) == 1 else f"bytes {run[0]} to {run[-1]}" for run in runs
    )


def _unchanging(samples: Sequence[bytes], enough: int | None = None) -> str:
    return ", ".join(_runs(constants(samples, enough))) or "nothing"


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


def _prefix(subject: Subject, subjects: Sequence[Subject]) -> str:
    return f"{subject.name}, " if len(subjects) > 1 else ""
