"""
Counters: how many connections, how they failed, how many bytes.

Never per address: what is not counted cannot leak.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pyptwist.errors import Cause


@dataclass(slots=True)
class Metrics:
    """
    What happened since the process began.

    :ivar handshakesBegun: network connections on which a handshake started.
    :ivar handshakesDone: of those, how many became ready.
    :ivar handshakesFailed: of those, how many failed, by cause.
    :ivar connectionsOpen: transport connections that are ready and not closed.
    :ivar bytesReceived: payload bytes delivered to applications.
    :ivar bytesSent: payload bytes taken from applications.
    """

    handshakesBegun: int = 0
    handshakesDone: int = 0
    handshakesFailed: Counter[Cause] = field(default_factory=Counter)
    connectionsOpen: int = 0
    bytesReceived: int = 0
    bytesSent: int = 0
