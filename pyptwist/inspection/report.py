"""
What was seen, as tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from pyptwist.inspection.bytetables import contents, fixed, fixedDatagrams, rules
from pyptwist.inspection.flows import Packet
from pyptwist.inspection.statistics import Quantity, distance, likelihood, quantities, summary
from pyptwist.inspection.subjects import (
    DATAGRAM,
    NONE,
    PACKET,
    Rows,
    Subject,
    names,
    ofKind,
    section,
    shares,
)

_SHOWN: Final = 12  # packets: a handshake, and the first of what follows
_SEQUENCES: Final = 3


def report(subjects: Sequence[Subject], said: bytes) -> str:
    """
    :param subjects: one, or two to be compared.
    :param said: what the applications said first.
    :returns: tables, a blank line between them: of connections, and then of
        datagrams, whichever there were.
    """
    texts: list[str] = []
    if connections := ofKind(subjects, False):
        texts += _common(connections, PACKET, said)
        texts += [rules(connections), fixed(connections)]
    if datagrams := ofKind(subjects, True):
        texts += _common(datagrams, DATAGRAM, said)
        texts += [fixedDatagrams(datagrams)]
    return "\n\n".join(texts)


def _common(subjects: Sequence[Subject], word: str, said: bytes) -> list[str]:
    """
    :param word: what flows consist of.
    """
    return [
        _packets(subjects, word),
        _directions(subjects, word),
        _measured(subjects, word),
        contents(subjects, said),
    ]


# --- Packets ----------------------------------------------------------------


def _packets(subjects: Sequence[Subject], word: str) -> str:
    rows: Rows = [["", *("who", "bytes", "gap, ms") * len(subjects)]]
    shown = zip_longest(*(subject.flows[0].packets[:_SHOWN] for subject in subjects))
    for number, packets in enumerate(shown, 1):
        rows.append([str(number), *(cell for packet in packets for cell in _packet(packet))])
    right = [0, *(column for n in range(len(subjects)) for column in (3 * n + 2, 3 * n + 3))]
    title = f"The first {word}s of the first connection"
    if len(subjects) > 1:
        title += ", " + " and ".join(subject.name for subject in subjects)
    return section(title, rows, right)


def _packet(packet: Packet | None) -> tuple[str, str, str]:
    if packet is None:
        return "", "", ""
    gap = "" if packet.gap is None else f"{packet.gap * 1e3:.2f}"
    return packet.sender.value, str(packet.size), gap


def _directions(subjects: Sequence[Subject], word: str) -> str:
    counts = [Counter(f.directions(_SHOWN) for f in subject.flows) for subject in subjects]
    common = Counter[str]()
    for count in counts:
        common.update(dict(count.most_common(_SEQUENCES)))
    rows = [["", *names(subjects)]]
    for sequence, _ in common.most_common():
        rows.append([sequence, *shares(subjects, [count[sequence] for count in counts])])
    title = f"Who sends the first {_SHOWN} {word}s (C client, S server), where most common"
    return section(title, rows, range(1, len(subjects) + 1))


# --- Numbers ----------------------------------------------------------------


def _measured(subjects: Sequence[Subject], word: str) -> str:
    measured = quantities(word == DATAGRAM)
    title = f"Flights (what one side sends until the other does), {word}s and gaps"
    if len(subjects) == 1:
        rows = [["", "least", "median", "most", "different"]]
        rows += [_single(quantity, subjects[0]) for quantity in measured]
        return section(title, rows, range(1, 5))
    rows = [["", *names(subjects), "D", "p"]]
    rows += [_compared(quantity, subjects) for quantity in measured]
    title += ": least / median / most,\nand the two-sample Kolmogorov-Smirnov test"
    return section(title, rows, range(1, 5)) + "\n" + _CAUTION.format(word=word)


def _single(quantity: Quantity, subject: Subject) -> list[str]:
    numbers = summary(quantity.sample(subject.flows))
    if numbers is None:
        return [quantity.name, *[NONE] * 4]
    values = (numbers.least, numbers.median, numbers.most)
    different = str(numbers.different) if quantity.isWhole else ""
    return [quantity.name, *map(quantity.show, values), different]


def _compared(quantity: Quantity, subjects: Sequence[Subject]) -> list[str]:
    samples = [quantity.sample(subject.flows) for subject in subjects]
    cells = []
    for sample in samples:
        numbers = summary(sample)
        values = () if numbers is None else (numbers.least, numbers.median, numbers.most)
        cells.append(" / ".join(map(quantity.show, values)) or NONE)
    if not all(samples):
        return [quantity.name, *cells, NONE, NONE]
    p = likelihood(*samples)
    return [
        quantity.name,
        *cells,
        f"{distance(*samples):.3f}",
        NONE if p is None else f"{p:.2g}",
    ]


_CAUTION: Final = """\
  D is 0 for samples that are alike, 1 for samples that do not overlap.  p (if scipy
  is installed) is how likely such a D is by chance; that of {word}s and gaps is too
  small, since those of one connection depend on each other.  What a server draws
  once, such as obfs4's lengths, differs between any two servers: give both the same
  with --option.  Gaps below some milliseconds tell how fast the processes are."""
