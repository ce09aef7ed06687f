"""
The same for methods that use UDP: somebody on the path of datagrams.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.loopback.wiretap import Look, Watch

_Address = tuple[str, int]


class DatagramWiretap(DatagramProtocol):
    """
    Is sent to in the server's place, and has a socket for each client, so that the
    server can tell them apart.  They are closed with its own, and before that those of
    clients that were silent for longest, if there are many: nobody says when one ends.
    """

    noisy = False

    def __init__(self, network: Any, server: HostPort, watch: Watch) -> None:
        """
        :param network: the ``INetwork`` that reaches the server.
        :param server: its IP address, on this machine.
        :param watch: called for each client.
        """
        self._network = network
        self._server = server.host, server.port
        self._watch = watch
        self._sides: dict[_Address, _ServerSide] = {}

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        side = self._sides.pop(addr, None) or self._reach(addr)
        self._sides[addr] = side
        side.forward(datagram)

    def answer(self, datagram: bytes, client: _Address) -> None:
        """
        The server sent one.
        """
        transport: Any = self.transport
        transport.write(datagram, client)

    def stopProtocol(self) -> None:
        for side in self._sides.values():
            side.close()
        self._sides.clear()

    def _reach(self, client: _Address) -> _ServerSide:
        while len(self._sides) >= limits.TAPPED_CLIENTS:
            self._sides.pop(next(iter(self._sides))).close()
        seen, answered = self._watch()

        def answer(datagram: bytes) -> None:
            answered(datagram)
            self.answer(datagram, client)

        side = _ServerSide(seen, answer)
        port = self._network.bindDatagrams(side, self._server[0], 0)
        port.connect(*self._server)
        return side


class _ServerSide(DatagramProtocol):
    """
    What the server takes for a client.
    """

    noisy = False

    def __init__(self, seen: Look, answer: Look) -> None:
        self._seen = seen
        self._answer = answer

    def forward(self, datagram: bytes) -> None:
        transport: Any = self.transport
        self._seen(datagram)
        transport.write(datagram)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._answer(datagram)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.stopListening()
