"""
What a server shows to a peer that has not proved what it is: nothing.

One policy for all methods.  Whatever went wrong, and whenever, the connection
is read and forgotten until a time that was drawn when the server was made, and
ends with a FIN then.  To close at once, or after so many bytes, would tell a
prober at which byte the server understood it; to close at a time that is the
same for all servers would tell what they are.
"""

from __future__ import annotations

from pyptwist import limits
from pyptwist.codec import CodecBase, Effect
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.errors import HandshakeTimeout, PTError


def drainSeconds(entropy: Entropy) -> float:
    """
    Draw a server's time.  All its connections have the same one: the
    distribution over many would tell more than a single time does.

    :returns: seconds from the beginning of a connection that does not become
        ready to its end: one more than ``limits.SILENT_HANDSHAKE`` at least,
        and ``limits.SILENT_SPREAD`` more at the most.
    """
    # So that a timer that is late by a little is before the end still.
    return limits.SILENT_HANDSHAKE + uniform(entropy, 1000, limits.SILENT_SPREAD * 1000) / 1000


class SilentServerCodec(CodecBase):
    """
    A server's codec that keeps the policy: write states and ``encode``.

    A handshake that fails, or takes longer than ``limits.SILENT_HANDSHAKE``
    seconds, is drained.  A subclass that has a ``begin``, ``ready``, ``timer``
    or ``failed`` of its own calls this one's; ``timer`` is its own, or its other
    base's, once it is ready.

    :ivar drain: seconds from the beginning to the end of a connection whose peer
        failed: from ``drainSeconds``, once a server.
    """

    drain: float

    def begin(self) -> None:
        self._begun = self.now
        self.nextTimer = self.now + limits.SILENT_HANDSHAKE

    def ready(self) -> None:
        self.nextTimer = None
        super().ready()

    def timer(self) -> None:
        if self.isReady:
            super().timer()
        else:
            self.failed(HandshakeTimeout())

    def knowsPeer(self) -> bool:
        """
        Has the peer shown that it is a client of ours?  Unless a method says
        otherwise, none becomes ready without that.
        """
        return self.isReady

    def failed(self, error: PTError) -> None:
        if self.knowsPeer():
            self.finish(error)
        else:
            self.keepSilent(error)

    def keepSilent(self, error: PTError) -> None:
        """
        Drain the connection until its time has come.
        """
        # Who failed after Ready, maybe late, is not to see when: the next multiple.
        # In the handshake there is one end, be it now.
        times = (self.now - self._begun) // self.drain + 1 if self.isReady else 1
        self.drainUntil(self._begun + times * self.drain, error)

    def refuse(self, error: PTError, now: float) -> list[Effect]:
        self.now = now
        if not self.isFinished and self.refusal is None and not self.knowsPeer():
            self.failed(error)
        return self._effects()

    def sendEnd(self, now: float) -> list[Effect]:
        if self.refusal is not None:
            # The application ends because it hears nothing any more.
            return []
        return super().sendEnd(now)
