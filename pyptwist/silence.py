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
from pyptwist.codec import CodecBase
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.errors import HandshakeTimeout, PTError


def drainSeconds(entropy: Entropy) -> float:
    """
    Draw a server's time.  All its connections have the same one: the
    distribution over many would tell more than a single time does.

    :returns: seconds from the beginning of a connection that does not become
        ready to its end: from ``limits.SILENT_HANDSHAKE`` on, and
        ``limits.SILENT_SPREAD`` more at the most.
    """
    return limits.SILENT_HANDSHAKE + uniform(entropy, 0, limits.SILENT_SPREAD * 1000) / 1000


class SilentServerCodec(CodecBase):
    """
    A server's codec that keeps the policy: write states and ``encode``.

    A handshake that fails, or takes longer than ``limits.SILENT_HANDSHAKE``
    seconds, is drained.  A subclass that has a ``begin``, ``timer`` or
    ``failed`` of its own calls this one's.

    :ivar drain: seconds from the beginning to the end of a connection that
        does not become ready: from ``drainSeconds``, once a server.
    """

    drain: float

    def begin(self) -> None:
        self._begun = self.now
        self.nextTimer = self.now + limits.SILENT_HANDSHAKE

    def ready(self) -> None:
        self.nextTimer = None
        super().ready()

    def timer(self) -> None:
        self.failed(HandshakeTimeout())

    def failed(self, error: PTError) -> None:
        if self.isReady:
            # Who came this far knows what we are.
            self.finish(error)
        else:
            self.drainUntil(self._begun + self.drain, error)
