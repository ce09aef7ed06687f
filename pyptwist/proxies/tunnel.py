"""
The shape of every proxy's protocol: a handshake, then bytes as they are.
"""

from __future__ import annotations

from pyptwist.codec import CodecBase, Deliver, Effect, Transmit


class TunnelCodec(CodecBase):
    """
    A codec that steps aside once its handshake is done.

    A subclass ends its handshake with ``established``.  From there on every
    chunk passes by reference: the buffer, its cap and the states are no longer
    in the way.
    """

    def established(self) -> None:
        """
        The handshake is done: ``Ready``, then whatever
        came behind the handshake's last byte, which is payload.
        """
        self.ready()
        self.deliver(self.take(len(self.buffer)))

    def send(self, data: bytes, now: float) -> list[Effect]:
        if self.isReady and not self.isFinished:
            return [Transmit(data)] if data else []
        return super().send(data, now)

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if self.isReady and not self.isFinished:
            return [Deliver(data)] if data else []
        return super().receive(data, now)
