"""
How a smux session is set up, and what it tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pyptwist import limits
from pyptwist.errors import PTError

#: What is spoken unless something else is asked for: the one with windows.
VERSION = 2


@dataclass(frozen=True, slots=True)
class SmuxSettings:
    """
    What the two sides agree on, and what one side allows the other.

    :ivar version: 1 or 2; the same on both sides.
    :ivar window: bytes that one stream's peer may be ahead of its reader.
    :ivar buffer: bytes that all streams may hold.
    :ivar frame: payload bytes in one frame at the most, 1 to 65535.
    :ivar streams: how many there may be at a time.
    :ivar keepalive: seconds between two NOPs; 0 for none.
    :ivar timeout: seconds of the peer's silence at which a session ends, or after as
        many more; 0 for never.
    """

    version: int = VERSION
    window: int = limits.SMUX_WINDOW
    buffer: int = limits.SMUX_BUFFER
    frame: int = limits.SMUX_FRAME
    streams: int = limits.SMUX_STREAMS
    keepalive: float = limits.SMUX_KEEPALIVE
    timeout: float = limits.SMUX_TIMEOUT


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """
    The peer opened a stream.
    """

    stream: int


@dataclass(frozen=True, slots=True)
class StreamData:
    """
    Payload for the application, which has taken it.
    """

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """
    The peer ended a stream: nothing comes any more, and nobody listens there.
    """

    stream: int


@dataclass(frozen=True, slots=True)
class StreamLost:
    """
    A stream was reset by this side.
    """

    stream: int
    error: PTError


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """
    Nothing follows, in no stream.
    """

    error: PTError


Event: TypeAlias = StreamOpened | StreamData | StreamEnded | StreamLost | SessionEnded
