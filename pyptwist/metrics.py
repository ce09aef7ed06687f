"""
Counters: how many connections, how they failed, how many bytes.

Never per address: what is not counted cannot leak.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pyptwist.errors import Cause


class Drop(Enum):
    """
    Why a datagram was not passed on.
    """

    DIALLING = "dialling"  # its flow's connection was not there yet, and held enough
    SLOW = "slow"  # its flow's connection took no more, and held enough
    FAILED = "failed"  # its flow's connection could not be made, or was lost
    FLOWS = "flows"  # there were as many flows as may be
    FRAMING = "framing"  # the mode's framing cannot carry it, as STUN's what is not STUN
    OVERSIZE = "oversize"  # UDP cannot carry it
    KERNEL = "kernel"  # the kernel's buffer was full
    REFUSED = "refused"  # the target's machine said that nobody is there
    STRAY = "stray"  # it came from somebody else than the target


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
    :ivar flowsOpen: flows of datagrams that have a connection, or are getting one.
    :ivar datagramsReceived: from local applications and targets.
    :ivar datagramsSent: to local applications and targets.
    :ivar datagramsDropped: in either direction, by reason.
    """

    handshakesBegun: int = 0
    handshakesDone: int = 0
    handshakesFailed: Counter[Cause] = field(default_factory=Counter)
    connectionsOpen: int = 0
    bytesReceived: int = 0
    bytesSent: int = 0
    flowsOpen: int = 0
    datagramsReceived: int = 0
    datagramsSent: int = 0
    datagramsDropped: Counter[Drop] = field(default_factory=Counter)


def _held(name: str) -> Any:
    return property(
        lambda layer: getattr(layer.holders[name], name),
        lambda layer, value: setattr(layer.holders[name], name, value),
    )


class LayerMetrics(Metrics):
    """
    What one layer of a stack counts, such that each connection of the stack
    counts once: it is begun at the bottom, may fail anywhere, and is ready and
    carries payload at the top.

    :ivar holders: where each counter is.
    """

    def __init__(self, whole: Metrics, isTop: bool, isBottom: bool) -> None:
        """
        :param whole: the stack's counters.
        """
        top, bottom = (whole if mine else Metrics() for mine in (isTop, isBottom))
        self.holders = {
            "handshakesBegun": bottom,
            "handshakesDone": top,
            "handshakesFailed": whole,
            "connectionsOpen": top,
            "bytesReceived": top,
            "bytesSent": top,
            "flowsOpen": top,
            "datagramsReceived": top,
            "datagramsSent": top,
            "datagramsDropped": top,
        }

    handshakesBegun: int = _held("handshakesBegun")
    handshakesDone: int = _held("handshakesDone")
    handshakesFailed: Counter[Cause] = _held("handshakesFailed")
    connectionsOpen: int = _held("connectionsOpen")
    bytesReceived: int = _held("bytesReceived")
    bytesSent: int = _held("bytesSent")
    flowsOpen: int = _held("flowsOpen")
    datagramsReceived: int = _held("datagramsReceived")
    datagramsSent: int = _held("datagramsSent")
    datagramsDropped: Counter[Drop] = _held("datagramsDropped")
