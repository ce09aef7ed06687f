"""
How messages become writes: as obfsproxy did it, whose lengths were exact, or as
obfs4proxy's clients do it, whose two messages of padding are 21 bytes short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyptwist import shaping
from pyptwist.crypto import drbg
from pyptwist.crypto.dice import Entropy
from pyptwist.shaping import SEGMENT, Tables
from pyptwist.transports.scramblesuit.framing import (
    OVERHEAD,
    MessageEncoder,
    paddingMessage,
    payloadMessages,
)

# Bytes of the first of two messages of padding.
_FIRST_OF_TWO: Final = 700


def tablesOf(entropy: Entropy, seed: bytes | None = None) -> Tables:
    """
    :param seed: 32 bytes, of which the first 24 count, as in obfs4proxy; None
        for random tables.
    :returns: the tables of scramblesuit's kind.
    """
    return Tables(entropy, seed and seed[: drbg.SEED_LENGTH], shortest=OVERHEAD, biased=True)


class Shaper(shaping.Shaper):
    """
    Each burst goes out at once.
    """

    def __init__(self, encoder: MessageEncoder, tables: Tables, shortfall: int = 0) -> None:
        """
        :param shortfall: see ``paddingMessages``.
        """
        super().__init__(tables)
        self._encoder = encoder
        self._shortfall = shortfall

    def padded(self, data: bytes) -> bytearray:
        return self.burst(payloadMessages(data))

    def burst(self, messages: Sequence[bytes]) -> bytearray:
        """
        :param messages: plain ones.
        :returns: these, and padding behind them.
        """
        length = sum(map(len, messages)) + (OVERHEAD - 5) * len(messages)
        padding = paddingMessages(length, self._tables.length(), self._shortfall)
        return self._encoder.seal([*messages, *padding])


class PacedShaper(Shaper, shaping.PacedShaper):
    """
    Each burst goes out in segments with pauses behind them.
    """


def paddingMessages(length: int, target: int, shortfall: int = 0) -> list[bytes]:
    """
    What has to follow a burst for its last segment to have a certain length.

    :param length: bytes in the burst so far.
    :param target: bytes wanted in its last segment of 1448, 21 to 1448.
    :param shortfall: bytes by which the last segment is shorter if the gap takes
        two messages.
    """
    gap = target - length % SEGMENT
    if gap < 0:
        gap += SEGMENT
    if gap < OVERHEAD:
        gap += SEGMENT
    if gap <= SEGMENT:
        return [paddingMessage(gap - OVERHEAD)]
    return [
        paddingMessage(_FIRST_OF_TWO - OVERHEAD),
        paddingMessage(gap - _FIRST_OF_TWO - OVERHEAD - shortfall),
    ]
