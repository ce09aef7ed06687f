"""
What the tests of kcp's endpoints have in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import DatagramProtocol

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from pyptwist.testing.endpointcase import SILENT, EndpointCase
from pyptwist.transports.kcp.method import Kcp

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort


class RecordingNetwork(MemoryDatagramNetwork):
    """
    Notes every datagram.

    :ivar sent: what, from where, and to where.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Any, Any]] = []


class KcpCase(EndpointCase):
    """
    A server and clients on a network in memory that has datagrams.
    """

    method = Kcp
    serverArguments = Arguments()
    boundedBuffer = 4 * 1024 * 1024
    plain = True

    def start(self, seed: str = "endpoints") -> None:
        self.network = MemoryDatagramNetwork()
        self.context = memoryContext(self.directory, seed, self.network)
        self.servers = Applications()
        endpoint = self.serverEndpoint(self.serverArguments)
        self.clientArguments = endpoint.clientArguments
        self.port = self.successResultOf(endpoint.listen(self.servers))

    def listenSilently(self) -> HostPort:
        listening: IListeningPort = self.network.bindDatagrams(
            DatagramProtocol(), SILENT.host, SILENT.port
        )
        assert listening is not None
        return SILENT
