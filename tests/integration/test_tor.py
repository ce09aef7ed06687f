"""
Unmodified tor over obfs4, in a private network: our transport at both ends, and
at either end with obfs4proxy at the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.destinations import Destination, listen
from tests.integration.tornet import CLIENT_OUTBOUND, Tor, TorNetwork, clientsOf
from tests.processes import pyptwistCommand, requirePeer, twistdCommand
from tests.socksclient import socksConnect
from tests.streams import Stream, bounded, payload, sha256

#: What the client fetches, in bytes.
SIZE = 8 << 20

#: Seconds for a transport to end after its tor.
AFTERLIFE = 5.0

#: A complaint of tor's about a transport, whatever its level.
COMPLAINT = re.compile(
    r"\[(warn|err)\].*(proxy|transport|ext.?or|useraddr)|unknown line|terminated with status",
    re.IGNORECASE,
)


class TorTests(TestCase):
    """
    One network each; a test is one pair of a client's and a server's transport.
    """

    timeout = 120

    async def test_ours(self) -> None:
        """
        Our client and our server, both forms of the command.
        """
        await self.check(pyptwistCommand(), twistdCommand(), CLIENT_OUTBOUND)

    async def test_ourClient(self) -> None:
        """
        Our client and obfs4proxy's server.
        """
        await self.check(twistdCommand(), [requirePeer("obfs4proxy")], CLIENT_OUTBOUND)

    async def test_ourServer(self) -> None:
        """
        obfs4proxy's client, which ignores the outbound address, and our server.
        """
        await self.check([requirePeer("obfs4proxy")], pyptwistCommand(), "127.0.0.1")

    async def test_baseline(self) -> None:
        """
        obfs4proxy at both ends: if this fails, blame the network.
        """
        peer = [requirePeer("obfs4proxy")]
        await self.check(peer, peer, "127.0.0.1")

    async def check(self, client: Sequence[str], server: Sequence[str], origin: str) -> None:
        """
        :param client: command line of the client's transport.
        :param server: command line of the server's transport.
        :param origin: the address that the client's transport connects from.
        """
        network = TorNetwork(self)
        await network.start(client, server)
        await self.fetch(await network.client.listener("Socks"))
        await self.checkClientsAddress(network, origin)
        await self.checkNothingLeft(network.client, "KILL")
        await self.checkNothingLeft(network.bridge, "TERM")
        for tor in network.client, network.bridge:
            self.assertEqual([line for line in tor.lines if COMPLAINT.search(line)], [], tor.name)

    async def fetch(self, proxy: tuple[str, int]) -> None:
        """
        Get data by HTTP through tor's SOCKS port.
        """
        body = payload(SIZE)
        stream = await socksConnect(self, proxy, webServer(self, body).address)
        stream.write(b"GET / HTTP/1.0\r\n\r\n")
        head = await stream.readUntil(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.0 200 "), head)
        self.assertEqual(await stream.digest(SIZE), sha256(body))

    async def checkClientsAddress(self, network: TorNetwork, origin: str) -> None:
        """
        The bridge's tor was told who the client is and by which transport.
        """
        clients = clientsOf(network.bridgeAddress)
        self.assertEqual({client.rpartition(":")[0] for client in clients}, {origin})
        known = await network.bridge.ask("orconn-status")
        debug = network.bridgeDebug()
        told = re.findall(r"Received USERADDR.* to '(.*)'", debug)
        seen = re.findall(r"Seen client from '(.*)' with transport '(.*)'", debug)
        for client in clients:
            self.assertIn(f"{client} CONNECTED", known)
            self.assertIn(client, told)
        self.assertIn((origin, "obfs4"), seen)

    async def checkNothingLeft(self, tor: Tor, signal: str) -> None:
        """
        End a tor; its transport ends too.
        """
        transports = tor.transports()
        self.assertTrue(transports)
        tor.signal(signal)
        await tor.whenEnded()
        ends = gatherResults(transports)
        await bounded(ends, AFTERLIFE, f"the end of the {tor.name}'s transport")


def webServer(test: TestCase, body: bytes) -> Destination:
    """
    :returns: a server of HTTP/1.0 that answers all requests with this.
    """

    async def serve(stream: Stream) -> None:
        await stream.readUntil(b"\r\n\r\n")
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.send(head.encode() + body)
        stream.close()

    return listen(test, serve)
