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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def constants(samples: Sequence[bytes]) -> list[Constant]:
    """
    Look for what never changes where everything should.

    :param samples: the beginnings of at least ``SAMPLES`` connections.
    :returns: each byte of the first ``COMPARED`` with such bits.
    """
    length = min(COMPARED, *map(len, samples))
    found = []
    for position in range(length):
        first, changing = samples[0][position], 0
        for sample in samples:
            changing |= sample[position] ^ first
        if mask := ~changing & 0xFF:
            found.append(Constant(position, mask, first & mask))
    return found
