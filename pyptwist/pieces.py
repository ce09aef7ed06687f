"""
How much is read of a TCP connection at once.

A reference implementation reads so many bytes, makes one message of them and sends
that: who counts bytes and segments sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyptwist import limits


@dataclass(frozen=True, slots=True)
class Pieces:
    """
    What a method reads at once.

    :ivar handshake: bytes of the network connection, before Ready.
    :ivar payload: bytes of the network connection afterwards, and of an application's
        connection whose bytes a relay hands to the method.
    """

    handshake: int = limits.HANDSHAKE_READ
    payload: int = limits.TCP_READ


#: Of who says nothing of it.
USUAL: Final = Pieces()


def piecesOf(one: object) -> Pieces:
    """
    :param one: a codec, or a transport.
    """
    pieces: Pieces = getattr(one, "pieces", USUAL)
    return pieces
