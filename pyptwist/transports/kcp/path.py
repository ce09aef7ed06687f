"""
The way to a client, and what may be sent on it.
"""

from __future__ import annotations

from pyptwist import limits
from pyptwist.transports.kcp.cookies import Address
from pyptwist.transports.kcp.socket import Socket
from pyptwist.transports.kcp.stream import Stream


class Path:
    """
    As long as nobody has proven to receive what is sent to the address, it is sent no
    more than ``limits.KCP_AMPLIFICATION`` times what came from there: what is too much
    is lost, and KCP sends it again.

    :ivar address: the client's.
    """

    def __init__(self, socket: Socket, address: Address, stream: Stream, isProven: bool) -> None:
        """
        :param stream: knows when the client has proven himself.
        :param isProven: whether he has, by a cookie.
        """
        self.address = address
        self._socket = socket
        self._stream: Stream | None = None if isProven else stream
        self._allowance = 0
        self._challengeAt = 0.0
        if not isProven:
            stream.beCautious()

    @property
    def isProven(self) -> bool:
        """
        Does the client receive what is sent to the address?
        """
        return self._stream is None or self._stream.isProven

    def received(self, count: int) -> None:
        """
        :param count: bytes that came.
        """
        if self._stream is not None:
            self._allowance += count * limits.KCP_AMPLIFICATION

    def write(self, datagram: bytes) -> None:
        """
        Send one, if it may be sent.
        """
        if self._stream is not None:
            if self._stream.isProven:
                self._stream = None
            elif len(datagram) > self._allowance:
                return
            self._allowance -= len(datagram)
        self._socket.write(datagram, self.address)

    def isTimeToChallenge(self, now: float) -> bool:
        """
        May somebody at another address be asked whether he is the client?
        """
        if now < self._challengeAt:
            return False
        self._challengeAt = now + limits.KCP_CHALLENGE
        return True
