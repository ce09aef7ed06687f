"""
The half of a KCP conversation that receives.
"""

from __future__ import annotations

from collections import deque

from pyptwist.multiplex.kcp.segments import after, distance


class Receiver:
    """
    Puts segments into their order, and keeps them until the application takes them.

    What it holds is bounded by the window: segments that wait for the application, and
    segments that wait for others before them, together.

    :ivar expected: number of the first segment that has not come.
    :ivar acknowledgements: number and timestamp of each segment that came and was not
        acknowledged yet.
    :ivar isComplete: whether the segment without data has come, behind which there is
        nothing.
    """

    def __init__(self, window: int) -> None:
        """
        :param window: segments.
        """
        self.expected = 0
        self.acknowledgements: list[tuple[int, int]] = []
        self.isComplete = False
        self._size = window
        self._ordered: deque[bytes] = deque()
        self._early: dict[int, bytes] = {}

    @property
    def window(self) -> int:
        """
        Segments that may still come.
        """
        return max(0, self._size - len(self._ordered))

    @property
    def isEmpty(self) -> bool:
        """
        Is there nothing to take?
        """
        return not self._ordered

    def push(self, number: int, stamp: int, data: bytes) -> None:
        """
        A segment came.  It is acknowledged even if it came before, since the peer does
        not know that; but not if it is one that he must not have sent.
        """
        ahead = distance(number, self.expected)
        if ahead >= self.window:
            return
        self.acknowledgements.append((number, stamp))
        if ahead >= 0 and not self.isComplete:
            self._early.setdefault(number, data)
            self._advance()

    def take(self) -> bytes:
        """
        :returns: everything that is in order, and not taken yet.
        """
        data = b"".join(self._ordered)
        self._ordered.clear()
        return data

    def _advance(self) -> None:
        while self.expected in self._early and not self.isComplete:
            data = self._early.pop(self.expected)
            self.expected = after(self.expected)
            if data:
                self._ordered.append(data)
            else:
                self.isComplete = True
                self._early.clear()
