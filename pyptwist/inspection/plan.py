"""
What is to happen while somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyptwist.arguments import Arguments
from pyptwist.inspection.conversation import Turn


@dataclass(frozen=True)
class Plan:
    """
    The same for whoever carries it out.

    :ivar method: the transport method's name, or a stack's expression.
    :ivar turns: what the applications say.
    :ivar connections: how often they do, 1 or more.
    :ivar options: the server operator's.
    :ivar arguments: the client's, besides those that the server publishes.
    """

    method: str
    turns: Sequence[Turn]
    connections: int
    options: Arguments = field(default_factory=Arguments)
    arguments: Arguments = field(default_factory=Arguments)
