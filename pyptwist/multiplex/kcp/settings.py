"""
How hard a side of a KCP conversation tries.

Nothing of this is told to the peer but the window: the two sides may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyptwist import limits
from pyptwist.multiplex.kcp.segments import HEADER


@dataclass(frozen=True)
class Settings:
    """
    The parameters of one side.

    :ivar nodelay: whether retransmissions come soon: not before 30 ms instead of
        100, and half as long again each time instead of twice as long.
    :ivar interval: milliseconds, 10 to 5000, that an acknowledgement may wait for
        company.
    :ivar resend: acknowledgements of later segments after which one is sent again at
        once; 0 for never.
    :ivar congestion: whether losses slow the sender down, as TCP's.
    :ivar packet: bytes of the largest packet, 50 to 1500: the datagram's size, less
        whatever stands before the packet.
    :ivar sendWindow: segments under way at the most, 1 to 65535.
    :ivar receiveWindow: segments that may wait for the application, or for segments
        before them, 1 to 65535.
    """

    nodelay: bool = True
    interval: int = 10
    resend: int = 2
    congestion: bool = False
    packet: int = 1350
    sendWindow: int = limits.KCP_SEND_WINDOW
    receiveWindow: int = limits.KCP_RECEIVE_WINDOW

    @property
    def payload(self) -> int:
        """
        Bytes of data in one segment at the most.
        """
        return self.packet - HEADER.size


#: kcptun's profiles, by name, and snowflake's: nodelay, interval, resend, congestion.
MODES: Final[dict[str, tuple[bool, int, int, bool]]] = {
    "normal": (False, 40, 2, False),
    "fast": (False, 30, 2, False),
    "fast2": (True, 20, 2, False),
    "fast3": (True, 10, 2, False),
    "snowflake": (False, 10, 0, False),
}
