"""
What the tests of kcp's endpoints have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork, MemoryDatagramPort
from pyptwist.testing.endpointcase import BRIDGE, SILENT, EndpointCase
from pyptwist.testing.streams import Address
from pyptwist.transports.kcp.method import Kcp

SERVER: Address = (BRIDGE.host, BRIDGE.port)


class PathNetwork(MemoryDatagramNetwork):
    """
    One with paths that lose what they are told to, and with address translators.

    :ivar sent: every datagram, with where it came from, as the receiver sees it, and
        where it went to.
    :ivar loses: is that datagram, from there to there, lost?
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Address, Address]] = []
        self.loses: Callable[[bytes, Address, Address], bool] = lambda *_: False
        self.outside: dict[Address, Address] = {}
        self._moved: set[Address] = set()

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        bound = super().bindDatagrams(protocol, host, port)
        cast(Any, bound).__class__ = _TranslatedPort
        return bound

    def move(self, address: Address) -> None:
        """
        Who is there seems to be elsewhere from now on, and is reached there alone.
        """
        self._moved.add(self.outside.get(address, address))
        self.outside[address] = ("192.0.2.9", self.newPort())

    def inside(self, address: Address) -> Address | None:
        """
        :returns: who is reached by it.
        """
        for real, seen in self.outside.items():
            if seen == address:
                return real
        return None if address in self._moved else address

    def amounts(self, address: Address) -> tuple[int, int]:
        """
        :returns: bytes that were sent from there, and to there.
        """
        return (
            sum(len(datagram) for datagram, source, _ in self.sent if source == address),
            sum(len(datagram) for datagram, _, to in self.sent if to == address),
        )


class _TranslatedPort(MemoryDatagramPort):
    def _carry(self, datagram: bytes, to: Address) -> None:
        network: Any = self._network
        source = network.outside.get(self._address, self._address)
        network.sent.append((datagram, source, to))
        real = network.inside(to)
        port = network.ports.get(real)
        if network.loses(datagram, source, to):
            return
        if port is not None and port._peer in (None, source):
            port.arrive(datagram, source)
        isUnreachable = port is None and real is not None and self._peer is not None
        if isUnreachable and self._address in network.ports:
            self._protocol.connectionRefused()


class KcpCase(EndpointCase):
    """
    A server and clients on a network in memory that has datagrams.

    :cvar framing: the argument.
    """

    method = Kcp
    framing = "session"
    boundedBuffer = 4 * 1024 * 1024
    plain = True
    network: PathNetwork

    def start(self, seed: str = "endpoints") -> None:
        self.network = PathNetwork()
        self.context = memoryContext(self.directory, seed, self.network)
        self.servers = Applications()
        self.serverArguments = Arguments(framing=self.framing)
        endpoint = self.serverEndpoint(self.serverArguments)
        self.clientArguments = endpoint.clientArguments
        self.port = self.successResultOf(endpoint.listen(self.servers))

    def listenSilently(self) -> HostPort:
        self.network.bindDatagrams(DatagramProtocol(), SILENT.host, SILENT.port)
        return SILENT

    def clientAddress(self) -> Address:
        """
        :returns: the last client's socket.
        """
        return next(address for address in reversed(self.network.ports) if address != SERVER)

    def say(self, datagram: bytes, source: Address) -> None:
        """
        Have a datagram come to the server from some address, which need not exist.
        """
        self.network.sent.append((datagram, source, SERVER))
        self.network.ports[SERVER].arrive(datagram, source)
        self.network.pump()
