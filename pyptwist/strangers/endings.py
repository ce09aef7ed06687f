"""
How a TCP connection ends on the wire: with one segment, and with the right one.

A kernel that closes a connection sends a FIN; or a reset, if there is something
that was not read.  Which of them a peer sees, and whether it sees both, tells
implementations apart.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.tcp import Connection

_PIECE = 256 * 1024  # bytes of one read
_PIECES = 64  # more than any receive buffer holds: a flood must not keep us


def closePlainly(transport: Any) -> Any:
    """
    Twisted says shutdown() before close(), so that a connection with something
    unread ends in a FIN and, at once behind it, a reset.  With close() alone there
    is one or the other, as from the reference implementations.  The shutdown was
    for descriptors that a child process shares; Python lets none inherit them.

    :param transport: of TCP.
    :returns: the transport.
    """
    transport._shouldShutdown = False
    return transport


def closeInSilence(transport: Any) -> None:
    """
    Have a connection end in a FIN, even if its peer sends on and on, and in no
    reset if it does not: all that has come by then is read.

    Twisted stops reading when it is told to close, and closes in a later turn of
    the reactor.  A reader that waits in read() until its time is over, such as the
    reference's, has nothing unread then.

    :param transport: any that is about to be closed; this is for Twisted's TCP.
    """
    if isinstance(transport, Connection) and transport.connected:
        _beforeClosing(transport)


def _beforeClosing(transport: Any) -> None:
    def closeSocket(orderly: bool) -> None:
        del transport._closeSocket  # it is a cycle
        if orderly:
            _readToEnd(transport.socket)
        transport._closeSocket(orderly)

    transport._closeSocket = closeSocket


def _readToEnd(connection: socket.socket) -> None:
    with suppress(OSError):  # there is nothing, or nobody, any more
        connection.shutdown(socket.SHUT_WR)
        for _ in range(_PIECES):
            if not connection.recv(_PIECE):
                break
