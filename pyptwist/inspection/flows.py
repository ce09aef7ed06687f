"""
A network connection as somebody on the wire records it: who sent how much, and
when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Final

from pyptwist.inspection.contents import COMPARED

#: Bytes that a segment carries on Ethernet, with TCP's timestamps: what is
#: written at once is cut at this.
SEGMENT: Final = 1448

#: Bytes kept of what each side sends: content is looked at where it begins.
KEPT: Final = 4096

#: Datagrams of each side that are kept whole, to be looked at one by one.
WHOLE: Final = 3


class Side(Enum):
    """
    Who sends.
    """

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Packet:
    """
    What one segment carries, or a datagram.

    :ivar size: 1 to ``SEGMENT`` bytes; 0 to 65507 of a datagram.
    :ivar gap: seconds since the packet before, whoever sent that; None for the
        first, and for those that were cut from the same write.
    """

    sender: Side
    size: int
    gap: float | None


@dataclass(frozen=True, slots=True)
class Flight:
    """
    What one side sends until the other one does.
    """

    sender: Side
    size: int
    packets: int


class Flow:
    """
    One connection; or the datagrams between a client's socket and the server's.

    :ivar isDatagrams: which of the two.
    :ivar packets: in order.
    :ivar beginnings: the first bytes from each side.
    :ivar datagrams: each side's first ``WHOLE`` ones, if it is these.
    :ivar heads: the first ``COMPARED`` bytes of each side's datagrams.
    """

    def __init__(self, isDatagrams: bool = False) -> None:
        self.isDatagrams = isDatagrams
        self.packets: list[Packet] = []
        self.beginnings: dict[Side, bytearray] = {side: bytearray() for side in Side}
        self.datagrams: dict[Side, list[bytes]] = {side: [] for side in Side}
        self.heads: dict[Side, list[bytes]] = {side: [] for side in Side}
        self._last: float | None = None

    def add(self, sender: Side, data: bytes, now: float) -> None:
        """
        Somebody wrote, at once; a datagram, if it is these.

        :param now: in seconds.
        """
        if not data and not self.isDatagrams:
            return
        gap = None if self._last is None else max(0.0, now - self._last)
        self._last = now
        kept = self.beginnings[sender]
        kept += data[: KEPT - len(kept)]
        if self.isDatagrams:
            self._addDatagram(sender, data, gap)
            return
        for start in range(0, len(data), SEGMENT):
            size = min(SEGMENT, len(data) - start)
            self.packets.append(Packet(sender, size, gap))
            gap = None

    def _addDatagram(self, sender: Side, data: bytes, gap: float | None) -> None:
        self.packets.append(Packet(sender, len(data), gap))
        self.heads[sender].append(data[:COMPARED])
        whole = self.datagrams[sender]
        if len(whole) < WHOLE:
            whole.append(data)

    def sizes(self, sender: Side) -> list[int]:
        """
        :returns: bytes of each packet of one side.
        """
        return [packet.size for packet in self.packets if packet.sender is sender]

    def gaps(self, sender: Side) -> list[float]:
        """
        :returns: seconds before each write of one side.
        """
        found = [packet.gap for packet in self.packets if packet.sender is sender]
        return [gap for gap in found if gap is not None]

    def flights(self) -> list[Flight]:
        """
        :returns: in order; the sides take turns.
        """
        return [_flight(sender, run) for sender, run in groupby(self.packets, _senderOf)]

    def flight(self, sender: Side, number: int) -> Flight | None:
        """
        :param number: 0 for the side's first.
        :returns: None if there are not so many.
        """
        mine = [flight for flight in self.flights() if flight.sender is sender]
        return mine[number] if number < len(mine) else None

    def datagram(self, sender: Side, number: int) -> bytes | None:
        """
        :param number: 0 for the side's first; less than ``WHOLE``.
        :returns: None if there are not so many.
        """
        mine = self.datagrams[sender]
        return mine[number] if number < len(mine) else None

    def first(self, sender: Side) -> bytes:
        """
        :returns: the first packet of one side; empty if there is none.
        """
        size = next(iter(self.sizes(sender)), 0)
        return bytes(self.beginnings[sender][:size])

    def directions(self, count: int) -> str:
        """
        :param count: packets to look at.
        :returns: who sent each of the first, such as ``CCS``.
        """
        return "".join(packet.sender.name[0] for packet in self.packets[:count])


def _senderOf(packet: Packet) -> Side:
    return packet.sender


def _flight(sender: Side, packets: Iterable[Packet]) -> Flight:
    sizes = [packet.size for packet in packets]
    return Flight(sender, sum(sizes), len(sizes))
