"""
Writes that reach the kernel at once.

Twisted's transports send in the reactor's next turn, and join what was written
until then.  For each hop of each message that costs three system calls and a
turn of the reactor; and it puts two bursts into one segment where the reference
implementations, which write straight to the socket, put two.

Where a reference implementation has the kernel join small writes, so does ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Connection

from pyptwist.pieces import Pieces, piecesOf


def promptWriter(transport: Any) -> Callable[[bytes], Any]:
    """
    :param transport: any transport; promptness is for Twisted's TCP.
    :returns: what writes to it, in order with what others write, and has the
        kernel take as much as it will.
    """
    write: Callable[[bytes], Any] = transport.write
    if not isinstance(transport, Connection):
        return write
    # A client writes before whoever dialled for it can see to this.
    transport.setTcpNoDelay(True)

    def writeNow(data: bytes) -> None:
        if _isIdle(transport):
            sent = transport.writeSomeData(data)
            # Else an error, which the reactor has to meet: it does so when it
            # tries to write.
            if isinstance(sent, int):
                data = data[sent:]
        if data:
            write(data)

    return writeNow


def _isIdle(transport: Any) -> bool:
    """
    May bytes go straight to the socket?  Not if others wait before them, and
    never if TLS was begun on the connection.
    """
    return transport.connected and not (
        transport.dataBuffer
        or transport._tempDataBuffer
        or transport.disconnecting
        or transport.TLS
        or transport._writeDisconnected
    )


def joinSmallWrites(transport: Any) -> None:
    """
    Have the kernel keep a small write back until those before it were acknowledged:
    Nagle's algorithm.

    :param transport: any; this is for TCP, and without effect on what another layer
        carries, such as TLS, since that layer's messages are what is seen.
    """
    if isinstance(transport, Connection) and transport.connected:
        transport.setTcpNoDelay(False)


class Paced:
    """
    A part of a connection: does what its codec says of pieces and of patience.

    :ivar transport: the connection below.
    """

    transport: Any
    _codec: Any
    _isPatient: bool

    @property
    def pieces(self) -> Pieces:
        """
        How much is read at once, by a relay above, too.
        """
        return piecesOf(self._codec)

    def _pace(self) -> None:
        """
        Look whether the codec has become patient.
        """
        if not self._isPatient and getattr(self._codec, "patient", False):
            self._isPatient = True
            joinSmallWrites(self.transport)
