"""
Writes that reach the kernel at once.

Twisted's transports send in the reactor's next turn, and join what was written
until then.  For each hop of each message that costs three system calls and a
turn of the reactor; and it puts two bursts into one segment where the reference
implementations, which write straight to the socket, put two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Connection


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
