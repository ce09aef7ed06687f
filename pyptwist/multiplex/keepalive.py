"""
How a smux session notices that nobody is there any more.

As the reference does: a NOP goes out at each interval, whatever else does, and is
not answered; at each end of another interval something must have come in it.
"""

from __future__ import annotations


class Keepalive:
    """
    :ivar isPingDue: is a NOP to be sent?
    """

    def __init__(self, interval: float, timeout: float, now: float, isClient: bool) -> None:
        """
        :param interval: seconds between two NOPs; 0 for none.
        :param timeout: seconds of each look; 0 for none.
        :param isClient: a server says nothing to somebody who was not heard yet.
        """
        self.isPingDue = False
        self._interval = interval
        self._timeout = timeout
        self._heard = False
        self._pingAt = now + interval if isClient and interval else None
        self._lookAt = now + timeout if timeout else None

    @property
    def nextTimer(self) -> float | None:
        """
        When ``isSilent`` wants to be asked; None for never.
        """
        timers = (self._pingAt, self._lookAt)
        return min((timer for timer in timers if timer is not None), default=None)

    def heard(self, now: float) -> None:
        """
        The peer said something.
        """
        if not self._heard:
            self._heard = True
            if self._pingAt is None and self._interval:
                self._pingAt = now + self._interval

    def isSilent(self, now: float, excused: bool) -> bool:
        """
        :param excused: could the peer not be heard, since nothing was read?
        :returns: whether the peer is taken to be gone.
        """
        if self._pingAt is not None and now >= self._pingAt:
            self.isPingDue = True
            self._pingAt = now + self._interval
        if self._lookAt is None or now < self._lookAt:
            return False
        # What was not read until now is read in the time until the next look.
        wasHeard, self._heard = self._heard, excused
        self._lookAt = now + self._timeout
        return not (wasHeard or excused)

    def stop(self) -> None:
        """
        The session is over.
        """
        self.isPingDue = False
        self._pingAt = self._lookAt = None
