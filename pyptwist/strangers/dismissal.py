"""
What a connection does about a peer that proves to be a stranger.
"""

from __future__ import annotations

from typing import Any

from pyptwist.errors import PTError
from pyptwist.interfaces import IRefusals


class Wary:
    """
    A connection that tells what it finds out about its peer: those who asked, and
    the connections below.

    :ivar transport: the connection below.
    """

    transport: Any

    def __init__(self, refusals: IRefusals | None) -> None:
        """
        :param refusals: who asked; told one thing of each peer.
        """
        self._refusals = refusals

    def _commit(self) -> None:
        refusals, self._refusals = self._refusals, None
        if refusals is not None:
            refusals.committed(self)  # type: ignore[arg-type]

    def _refuse(self, error: PTError) -> None:
        refusals, self._refusals = self._refusals, None
        if refusals is not None:
            refusals.refused(self, error)  # type: ignore[arg-type]
        # One end for all strangers, whichever layer it is that they cannot pass:
        # that of the layer nearest the wire.
        if isinstance(self.transport, Wary):
            self.transport.refuse(error)

    def refuse(self, error: PTError) -> None:
        """
        The layer above found that the peer is a stranger.

        :param error: what was wrong.
        """
        raise TypeError(f"{type(self).__name__} must define refuse")
