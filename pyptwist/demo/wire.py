"""
The beginning of what crosses the wire, and how it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from pyptwist.loopback.wiretap import Look

_KEPT = 64  # bytes each way; four lines say enough
_DATAGRAMS = 3  # each way
_ROW = 16


#: Takes what a look is shown.
Keep: TypeAlias = Callable[[list[bytes], bytes], None]


class Beginnings:
    """
    Keeps the first bytes of the last connection, each way, for a ``Wiretap``; and the
    first datagrams, for a ``DatagramWiretap``.

    :ivar client: from the client: pieces, or the beginnings of datagrams.
    :ivar server: from the server.
    :ivar isDatagrams: whether it was datagrams that came last.
    """

    def __init__(self) -> None:
        self.client: list[bytes] = []
        self.server: list[bytes] = []
        self.isDatagrams = False

    def watch(self) -> tuple[Look, Look]:
        """
        A connection begins.
        """
        self.isDatagrams = False
        return self._begin(_keep)

    def watchDatagrams(self) -> tuple[Look, Look]:
        """
        A client of which nothing was known sends a datagram.
        """
        self.isDatagrams = True
        return self._begin(_keepDatagram)

    def _begin(self, keep: Keep) -> tuple[Look, Look]:
        self.client, self.server = [], []
        return partial(keep, self.client), partial(keep, self.server)


def excerpt(data: bytes) -> str:
    """
    :param data: any bytes; the first 64 are shown.
    :returns: rows of hex and text, indented by four.
    """
    rows = [data[start : start + _ROW] for start in range(0, min(len(data), _KEPT), _ROW)]
    return "\n".join(f"    {row.hex(' '):{3 * _ROW}} {_printable(row)}" for row in rows)


def _keep(kept: list[bytes], data: bytes) -> None:
    if room := _KEPT - sum(map(len, kept)):
        kept.append(data[:room])


def _keepDatagram(kept: list[bytes], datagram: bytes) -> None:
    if len(kept) < _DATAGRAMS:
        kept.append(datagram[:_KEPT])


def _printable(row: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
