"""
How much and how long the modes of datagrams hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pyptwist import limits
from pyptwist.errors import ConfigurationError

_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "queue": (0, limits.FLOW_BACKLOG),
    "idle": (1, limits.FLOW_IDLE_MAXIMUM),
    "maximum": (1, limits.FLOWS_MAXIMUM),
}


@dataclass(frozen=True)
class FlowBounds:
    """
    What the operator says of flows.

    :ivar queue: bytes that a client's flow may hold while its connection is being
        made; 0 drops them, as PT 3.0, section 1.5.4, has it.
    :ivar idle: seconds without a datagram after which a flow ends; None for
        ``limits.FLOW_IDLE`` or ``limits.SERVER_FLOW_IDLE``.
    :ivar maximum: a client's flows at a time.
    """

    queue: int = limits.FLOW_QUEUE
    idle: int | None = None
    maximum: int = limits.FLOWS

    def __post_init__(self) -> None:
        """
        :raises ConfigurationError: for a number out of its range.
        """
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ConfigurationError(f"this must be between {least} and {most}")
