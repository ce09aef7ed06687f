"""
meek within a program: whatever is stopped leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.registry import Methods
from pyptwist.services import TransportServer, TransportTunnel
from pyptwist.testing.applications import Applications
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.meek.method import Meek

HERE = HostPort("127.0.0.1", 0)
METHODS = Methods(plugins=lambda role: [Meek()])


class ServiceTests(SynchronousTestCase):
    """
    A server and a tunnel, on a network in memory.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.applications = Applications()
        self.server = self.make(TransportServer, "meek", HERE, self.applications)
        self.successResultOf(self.server.start())
        self.tunnel = self.make(TransportTunnel, self.server.remote())
        local = self.successResultOf(self.tunnel.start())
        connecting = self.network.clientEndpoint(local.host, local.port).connect(Applications())
        self.network.pump()
        self.client: Any = self.successResultOf(connecting)
        (self.application,) = self.applications.built

    def make(self, kind: Any, *arguments: Any) -> Any:
        return kind(self.network.clock, *arguments, network=self.network, methods=METHODS)

    def stop(self, *services: Any) -> None:
        for service in services:
            stopping = service.stop()
            self.network.pump(2)
            self.successResultOf(stopping)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        ends = [end for connection in self.network.connections for end in connection]
        self.assertEqual([end for end in ends if end.connected], [])
        self.assertEqual(len(self.application.lost), 1)

    def test_clientFirst(self) -> None:
        self.client.transport.write(b"hello")
        self.network.pump(1)
        self.assertEqual(bytes(self.application.received), b"hello")
        self.stop(self.tunnel, self.server)

    def test_serverFirst(self) -> None:
        self.stop(self.server, self.tunnel)

    def test_unfetched(self) -> None:
        """
        What its clients have not fetched in time does not keep a server.
        """
        self.client.transport.pauseProducing()
        transport: Any = self.application.transport
        transport.write(bytes(1 << 20))
        self.network.pump(10)
        self.stop(self.server, self.tunnel)
