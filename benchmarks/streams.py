"""
Plain blocking sockets for the load: few calls, few wake-ups, no event loop.

The load shares the processor with what it measures, so each byte must cost it
as little as possible: 256 KiB at a time, into a buffer that is made once.
"""

from __future__ import annotations

import os
import socket
import struct

CHUNK = 256 * 1024
#: Seconds that one read or write may stand still.
STALL = 30
#: What is sent: random, so that nothing between the ends could compress it.
NOISE = os.urandom(CHUNK)


class Stalled(Exception):
    """
    A connection ended early, or nothing moved on it for ``STALL`` seconds.
    """


def prepare(stream: socket.socket) -> socket.socket:
    """
    Bound the time of each call on ``stream`` and send small writes at once.

    The kernel's own time limit is used because ``settimeout`` would add a
    ``poll`` to every call.

    :param stream: a connected TCP socket in blocking mode.
    :returns: the same socket.
    """
    limit = struct.pack("@ll", STALL, 0)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def send(stream: socket.socket, data: bytes | memoryview) -> None:
    """
    Send all of ``data``.

    :raises Stalled: the peer does not read, or is gone.
    """
    try:
        stream.sendall(data)
    except OSError as error:
        raise Stalled(f"cannot send: {error.strerror}") from error


def receive(stream: socket.socket, count: int) -> bytes:
    """
    Receive exactly ``count`` bytes, for messages.

    :raises Stalled: the connection ended or stood still before.
    """
    buffer = bytearray(count)
    discard(stream, count, memoryview(buffer))
    return bytes(buffer)


def discard(stream: socket.socket, count: int, buffer: memoryview) -> None:
    """
    Receive exactly ``count`` bytes into ``buffer``, over and over.

    ``MSG_WAITALL`` keeps the waiting inside the kernel: one return a buffer
    and not one a segment.

    :raises Stalled: the connection ended or stood still before.
    """
    while count:
        try:
            got = stream.recv_into(buffer, min(count, len(buffer)), socket.MSG_WAITALL)
        except OSError as error:
            raise Stalled(f"cannot receive: {error.strerror}") from error
        if not got:
            raise Stalled(f"the connection ended {count} bytes early")
        count -= got


def fill(stream: socket.socket, count: int) -> None:
    """
    Send ``count`` bytes of noise.

    :raises Stalled: the peer does not read, or is gone.
    """
    noise = memoryview(NOISE)
    while count:
        size = min(count, CHUNK)
        send(stream, noise[:size])
        count -= size
