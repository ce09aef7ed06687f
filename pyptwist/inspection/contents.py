"""
What bytes give away.

``RULES`` are those by which the Great Firewall of China let connections pass from
2021 on, when it blocked what looked like nothing: Mingshi Wu et al., "How the
Great Firewall of China Detects and Blocks Fully Encrypted Traffic", USENIX
Security 2023, section 4, algorithm 1.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

_PRINTABLE = frozenset(range(0x20, 0x7F))
_PRINTABLE_RUN = re.compile(rb"[\x20-\x7e]{21}")
_TLS = re.compile(rb"[\x16-\x17]\x03[\x00-\x09]")
_HTTP = re.compile(rb"(?:GET|PUT|POST|HEAD) ", re.IGNORECASE)

#: Bytes at the beginning of a packet that are compared bit by bit.
COMPARED: Final = 64

#: Packets that it takes: among fewer, random bits are alike by chance.
SAMPLES: Final = 32


def entropy(data: bytes) -> float:
    """
    Shannon's, of the bytes' frequencies.

    :returns: 0 to 8 bits a byte; no more than log2 of the length.
    """
    total = len(data)
    return sum(n / total * math.log2(total / n) for n in Counter(data).values())


def bitsSet(data: bytes) -> float:
    """
    :returns: bits that are 1, for each byte: 0 to 8, and about 4 if random.
    """
    return int.from_bytes(data, "big").bit_count() / max(1, len(data))


def printable(data: bytes) -> float:
    """
    :returns: which part of the bytes is printable ASCII: 0 to 1, and 0.37 if random.
    """
    return sum(byte in _PRINTABLE for byte in data) / max(1, len(data))


def commonest(samples: Iterable[bytes]) -> tuple[int, float] | None:
    """
    :returns: the most frequent byte of all samples together, and which part of them
        it is: about 0.004 if there are many and they are random.  None if there are
        none.
    """
    counts = Counter[int]()
    for sample in samples:
        counts.update(sample)
    if not counts:
        return None
    [(byte, count)] = counts.most_common(1)
    return byte, count / counts.total()


@dataclass(frozen=True)
class Rule:
    """
    A reason to let a connection pass.

    :ivar name: the paper's.
    :ivar text: what must hold for the client's first packet.
    """

    name: str
    text: str
    holds: Callable[[bytes], bool]


RULES: Final = (
    Rule(
        "Ex1",
        "at most 3.4 bits of a byte are set, or at least 4.6",
        lambda data: not 3.4 < bitsSet(data) < 4.6,
    ),
    Rule(
        "Ex2",
        "the first six bytes are printable",
        lambda data: len(data) >= 6 and printable(data[:6]) == 1,
    ),
    Rule("Ex3", "more than half of the bytes are printable", lambda data: printable(data) > 0.5),
    Rule(
        "Ex4",
        "more than 20 bytes in a row are printable",
        lambda data: _PRINTABLE_RUN.search(data) is not None,
    ),
    Rule(
        "Ex5",
        "it begins like TLS or HTTP",
        lambda data: bool(_TLS.match(data) or _HTTP.match(data)),
    ),
)


@dataclass(frozen=True)
class Constant:
    """
    Bits that are the same in every sample.

    :ivar position: of the byte, from 0 on.
    :ivar mask: the bits that never change.
    :ivar value: what they are.
    """

    position: int
    mask: int
    value: int

    @property
    def isWhole(self) -> bool:
        """
        Does no bit of the byte ever change?
        """
        return self.mask == 0xFF

    @property
    def binary(self) -> str:
        """
        Its bits, with a dot for each that changes.
        """
        return "".join(
            str(self.value >> bit & 1) if self.mask >> bit & 1 else "." for bit in range(7, -1, -1)
        )

    def continues(self, other: Constant) -> bool:
        """
        Is this the next byte, and the same in kind: a whole one, or one with the
        same bits?
        """
        isAlike = self.mask == other.mask and (self.isWhole or self.value == other.value)
        return isAlike and self.position == other.position + 1


def constants(samples: Sequence[bytes], enough: int | None = None) -> list[Constant]:
    """
    Look for what never changes where everything should.

    :param samples: the beginnings of at least ``SAMPLES`` connections.
    :param enough: how many of them must be so long that a byte counts, 1 or more;
        all, unless given.
    :returns: each byte of the first ``COMPARED`` with such bits.
    """
    found = []
    for position, column in enumerate(_columns(samples, enough or len(samples))):
        first = column[0]
        changing = reduce(lambda bits, byte: bits | byte ^ first, column, 0)
        if mask := ~changing & 0xFF:
            found.append(Constant(position, mask, first & mask))
    return found


def kept(groups: Sequence[Sequence[bytes]]) -> list[int]:
    """
    Look for what a connection's packets share, and other connections' need not: the
    number by which the two ends know it, say.

    :param groups: packets, by connection.
    :returns: the positions of bytes that never change within any group, as far as
        there are ``SAMPLES`` packets beyond each group's first that reach so far.
    """
    positions = []
    for position in range(COMPARED):
        columns = [[p[position] for p in packets if len(p) > position] for packets in groups]
        compared = sum(max(0, len(column) - 1) for column in columns)
        if compared >= SAMPLES and all(len(set(column)) < 2 for column in columns):
            positions.append(position)
    return positions


def _columns(samples: Sequence[bytes], enough: int) -> Iterator[list[int]]:
    for position in range(COMPARED):
        column = [sample[position] for sample in samples if len(sample) > position]
        if len(column) < enough:
            return
        yield column
