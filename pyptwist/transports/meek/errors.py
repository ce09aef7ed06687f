"""
How a session may end.
"""

from __future__ import annotations

from twisted.internet import error

from pyptwist.errors import Cause, PTError


class SessionLost(PTError, error.ConnectionLost):
    """
    One side has not been heard of for too long, or has forgotten the session.
    """

    cause = Cause.CLOSED_BY_PEER

    def __init__(self, message: str = "the session was lost") -> None:
        Exception.__init__(self, message)
