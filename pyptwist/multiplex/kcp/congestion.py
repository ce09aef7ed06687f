"""
How many segments may be under way without congesting the path.

Off unless asked for: kcptun and snowflake leave it off.
"""

from __future__ import annotations

from typing import Final

from pyptwist.multiplex.kcp.settings import Settings

_UNBOUNDED: Final = 1 << 16  # more than any window
_LEAST: Final = 2


class Congestion:
    """
    Slow start up to a threshold, then one segment more per window; the threshold is
    half of what was under way when something was lost.

    :ivar window: segments.
    """

    def __init__(self, settings: Settings) -> None:
        self._isOn = settings.congestion
        self._resend = settings.resend
        self._size = 1.0
        self._threshold = float(_UNBOUNDED)
        self.window = 1 if self._isOn else _UNBOUNDED

    def acknowledged(self, peerWindow: int) -> None:
        """
        A segment arrived.

        :param peerWindow: beyond which there is no use in growing.
        """
        if self._isOn and self._size < peerWindow:
            self._set(self._size + (1 if self._size < self._threshold else 1 / self._size))

    def lost(self, underWay: int) -> None:
        """
        A segment was passed by later ones: some get through.

        :param underWay: segments.
        """
        if self._isOn:
            self._threshold = max(_LEAST, underWay / 2)
            self._set(self._threshold + self._resend)

    def timedOut(self) -> None:
        """
        No acknowledgement came at all.
        """
        if self._isOn:
            self._threshold = max(_LEAST, self._size / 2)
            self._set(1)

    def _set(self, size: float) -> None:
        self._size = size
        self.window = max(1, int(size))
