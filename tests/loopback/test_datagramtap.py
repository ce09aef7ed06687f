"""
Tests for ``pyptwist.loopback.datagramtap``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.loopback.datagramtap import DatagramWiretap
from pyptwist.testing.datagrams import MemoryDatagramNetwork


class Talker(DatagramProtocol):
    """
    Notes what it hears, from whom; echoes if it is told to.
    """

    def __init__(self, echoes: bool = False) -> None:
        self.heard: list[tuple[bytes, Any]] = []
        self.echoes = echoes

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.append((datagram, addr))
        if self.echoes:
            transport: Any = self.transport
            transport.write(datagram[::-1], addr)


class DatagramWiretapTests(SynchronousTestCase):
    """
    Two clients and a server.
    """

    def test_passesOn(self) -> None:
        """
        Each client has a socket of its own; all is seen, and answers find their way.
        """
        network = MemoryDatagramNetwork()
        server = Talker(echoes=True)
        seen: list[tuple[list[bytes], list[bytes]]] = []

        def watch() -> tuple[Any, Any]:
            seen.append(([], []))
            return seen[-1][0].append, seen[-1][1].append

        network.bindDatagrams(server, "127.0.0.1", 1)
        tap = DatagramWiretap(network, HostPort("127.0.0.1", 1), watch)
        between: Any = network.bindDatagrams(tap, "127.0.0.1", 2)
        clients = [Talker(), Talker()]
        for number, client in enumerate(clients):
            port: Any = network.bindDatagrams(client, "127.0.0.1", 10 + number)
            for word in (b"abc", b"def"):
                port.write(word + b"%d" % number, ("127.0.0.1", 2))
        network.pump()
        self.assertEqual(len({address for _, address in server.heard}), 2)
        for number, client in enumerate(clients):
            said = [b"abc%d" % number, b"def%d" % number]
            answers = [word[::-1] for word in said]
            self.assertEqual([datagram for datagram, _ in client.heard], answers)
            self.assertEqual(seen[number], (said, answers))
        between.stopListening()
        self.assertEqual({port for _, port in network.ports}, {1, 10, 11})

    def test_many(self) -> None:
        """
        The sockets of clients that were silent for longest make room for others'.
        """
        self.patch(limits, "TAPPED_CLIENTS", 2)
        network = MemoryDatagramNetwork()
        server = Talker(echoes=True)
        network.bindDatagrams(server, "127.0.0.1", 1)
        tap = DatagramWiretap(network, HostPort("127.0.0.1", 1), lambda: (len, len))
        between: Any = network.bindDatagrams(tap, "127.0.0.1", 2)
        clients = [Talker() for _ in range(3)]
        ports: list[Any] = [network.bindDatagrams(client, "127.0.0.1", 0) for client in clients]
        for number in (0, 1, 0, 2, 0):
            ports[number].write(b"%d" % number, ("127.0.0.1", 2))
            network.pump()
            self.assertLessEqual(len(network.ports), 2 + 3 + 2)
        self.assertEqual([len(client.heard) for client in clients], [3, 1, 1])
        self.assertEqual(len({address for _, address in server.heard}), 3)
        between.stopListening()
        self.assertEqual(len(network.ports), 1 + 3)
