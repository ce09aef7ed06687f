"""
The client's side of the handshake, without any I/O.

 1. HELLO, until the server answers.
 2. CHALLENGE comes, with a cookie: ANSWER, until the server answers that.
 3. ACCEPT comes, or anything else that only an open session has: ready.  Or ABORT.

The server keeps nothing until it has seen its cookie, so it never repeats anything.
"""

from __future__ import annotations

from pyptwist import limits
from pyptwist.codec import READY, Effect, Finished, Transmit
from pyptwist.errors import ClosedByPeer
from pyptwist.transports.kcp.framing import Framing, Kind

#: Answers without an answer, after which the cookie may be too old.
_ANSWERS = 2


class Greeting:
    """
    ``nextTimer`` and the effects are as in ``ICodec``; each ``Transmit`` is a datagram.
    """

    def __init__(self, framing: Framing, session: bytes) -> None:
        self.nextTimer: float | None = None
        self._framing = framing
        self._session = session
        self._cookie = b""
        self._tries = 0
        self._patience = limits.KCP_HELLO

    def start(self, now: float) -> list[Effect]:
        """
        Begin.
        """
        return self._say(now)

    def receive(self, kind: Kind, body: bytes, now: float) -> list[Effect]:
        """
        A datagram of the session came.
        """
        if kind is Kind.CHALLENGE:
            if body == self._cookie:
                return []  # the answer is under way
            self._cookie, self._tries, self._patience = body, 0, limits.KCP_HELLO
            return self._say(now)
        self.nextTimer = None
        if kind in (Kind.ABORT, Kind.OVER):
            return [Finished(ClosedByPeer())]
        return [READY]

    def timerFired(self, now: float) -> list[Effect]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
        if self.nextTimer is None or now < self.nextTimer:
            return []
        self._tries += 1
        if self._tries >= _ANSWERS:
            self._cookie = b""
        self._patience *= 2
        return self._say(now)

    def _say(self, now: float) -> list[Effect]:
        self.nextTimer = now + self._patience
        kind = Kind.ANSWER if self._cookie else Kind.HELLO
        return [Transmit(self._framing.seal(self._session, kind, self._cookie))]
