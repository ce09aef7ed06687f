"""
What the kernel says about this process and this machine.
"""

from __future__ import annotations

import ctypes
import resource

_TIMEX = 1024  # bytes: more than struct timex has anywhere
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def descriptors() -> tuple[int, int]:
    """
    :returns: how many files this process may have open: the limit, and how far it
        may be raised.
    """
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def isClockAdrift() -> bool | None:
    """
    :returns: whether nobody keeps the clock right; None if that is not known.
    """
    try:
        # All zeros change nothing, so no privilege is needed.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state == _TIME_ERROR)
