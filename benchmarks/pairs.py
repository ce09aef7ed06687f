"""
A client and a server of a transport, launched together, as one thing to load.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket as Socket
from tempfile import TemporaryDirectory

from benchmarks import socks, usage
from benchmarks.destination import Destination
from benchmarks.process import Child, Command, launchClient, launchServer
from benchmarks.streams import Stalled, receive, send


@dataclass(frozen=True, slots=True)
class Side:
    """
    Who plays the client and who the server.
    """

    name: str
    client: Command
    server: Command


@dataclass(frozen=True, slots=True)
class Pair:
    """
    A running client and server, and the destination behind the server.
    """

    client: Child
    server: Child
    destination: Destination

    def open(self, service: bytes) -> Socket:
        """
        Make a transport connection and wait for the first byte through it.

        :param service: one byte, see ``destination``.
        :raises Refused: the client could not reach the server.
        :raises Stalled: one of them gave up.
        """
        stream = socks.connect(self.client.address, self.server.address, self.server.arguments)
        try:
            send(stream, service)
            if receive(stream, 1) != service:
                raise Stalled("the first byte came back changed")
        except BaseException:
            stream.close()
            raise
        return stream

    @contextmanager
    def opened(self, service: bytes, count: int) -> Iterator[list[Socket]]:
        """
        ``count`` connections, closed at the end.
        """
        with ExitStack() as stack:
            yield [stack.enter_context(self.open(service)) for _ in range(count)]

    def cpuSeconds(self) -> tuple[float, float, float]:
        """
        Processor time so far of the client, the server, and the load itself.
        """
        load = time.process_time() + usage.cpuSeconds(self.destination.pid)
        return usage.cpuSeconds(self.client.pid), usage.cpuSeconds(self.server.pid), load


@contextmanager
def running(side: Side, method: str, destination: Destination) -> Iterator[Pair]:
    """
    A fresh pair with fresh state, ended at the end.

    :raises LaunchFailed: one of the two did not start.
    """
    with TemporaryDirectory(prefix="pt-benchmark-") as home, ExitStack() as stack:
        server = launchServer(side.server, method, _below(home, "server"), destination.port)
        stack.callback(server.stop)
        client = launchClient(side.client, method, _below(home, "client"))
        stack.callback(client.stop)
        yield Pair(client, server, destination)


def _below(home: str, name: str) -> Path:
    path = Path(home, name)
    path.mkdir()
    return path
