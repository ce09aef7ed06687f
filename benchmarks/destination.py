"""
What the server side forwards to: the other end of the load, in its own process.

The first byte of a connection chooses what it is for and is sent back at once;
so one byte there and back proves the whole path. Then, for as long as the
client likes::

    E   whatever arrives is sent back
    G   (give) 8 bytes, a count: that many bytes are sent
    S   (sink) 8 bytes, a count: that many bytes are read, then one is sent

Counts are unsigned and big-endian.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from benchmarks.streams import CHUNK, Stalled, discard, fill, prepare, receive, send

ECHO, GIVE, SINK = b"E", b"G", b"S"
COUNT = struct.Struct(">Q")
#: Connections that may wait to be accepted: more than are ever opened at once.
BACKLOG = 512
#: Bytes echoed at a time: messages are short, and a large buffer is slow to make.
_ECHO_CHUNK = 4096


class Destination:
    """
    The destination as a child process; a context manager that ends it.

    :ivar pid: its process id.
    :ivar port: the port on 127.0.0.1 it listens on.
    """

    def __enter__(self) -> Destination:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.destination"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()


def echo(stream: socket.socket) -> None:
    """
    Send back what arrives until the connection ends.
    """
    while data := stream.recv(_ECHO_CHUNK):
        send(stream, data)


def give(stream: socket.socket) -> None:
    """
    Send as many bytes as asked for, again and again.
    """
    while True:
        fill(stream, _count(stream))


def sink(stream: socket.socket) -> None:
    """
    Read as many bytes as announced and confirm, again and again.
    """
    buffer = memoryview(bytearray(CHUNK))
    while True:
        discard(stream, _count(stream), buffer)
        send(stream, SINK)


def _count(stream: socket.socket) -> int:
    (count,) = COUNT.unpack(receive(stream, COUNT.size))
    return int(count)


SERVICES = {ECHO: echo, GIVE: give, SINK: sink}


def serve(stream: socket.socket) -> None:
    """
    Serve one connection to its end, which is never an error here: the client
    is the one that knows how much should have arrived.
    """
    with stream:
        try:
            kind = receive(prepare(stream), 1)
            send(stream, kind)
            SERVICES[kind](stream)
        except (Stalled, OSError, KeyError):
            return


def endWithParent() -> None:
    """
    End this process when standard input closes.
    """
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """
    Listen on a free port of 127.0.0.1, print it, and serve until the parent
    closes standard input.
    """
    threading.Thread(target=endWithParent, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=serve, args=(stream,), daemon=True).start()


if __name__ == "__main__":
    main()
