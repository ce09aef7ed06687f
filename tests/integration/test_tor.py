"""
Unmodified tor over pluggable transports, in a private network: ours at both
ends, and at either end with obfs4proxy at the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import Destination, listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand, twistdCommand
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, bounded, payload, sha256, together
from tests.certificates import authority
from tests.integration.tornet import (
    CLIENT_OUTBOUND,
    Bridge,
    Tor,
    TorNetwork,
    clientsOf,
)
from tests.interop.nginx import nginx
from tests.interop.test_webtunnel import TUNNEL
from tests.peers import requirePeer
from tests.ports import freePort
from tests.shown import shown

#: What the client fetches, in bytes.
SIZE = 8 << 20

#: Seconds for a transport to end after its tor.
AFTERLIFE = 5.0

#: A complaint of tor's about a transport, whatever its level.
COMPLAINT = re.compile(
    r"\[(warn|err)\].*(proxy|transport|ext.?or|useraddr)|unknown line|terminated with status",
    re.IGNORECASE,
)


PYPTWIST = "pyptwist"
TWISTD = "twistd"
OBFS4PROXY = "obfs4proxy"

STACKS = {"b64_obfs4": "obfs4|b64", "smux_obfs4": "smux|obfs4"}


def commands(*whose: str) -> dict[str, list[str]]:
    """
    :returns: the command lines of transports.
    """
    makers = {PYPTWIST: pyptwistCommand, TWISTD: twistdCommand}
    return {name: makers[name]() if name in makers else [requirePeer(name)] for name in whose}


class TorTests(TestCase):
    """
    One network each, with a bridge for each server's transport, and a client for
    each client's transport and each bridge.
    """

    timeout = 120

    async def test_obfs4(self) -> None:
        """
        With obfs4proxy at both ends, too: if only that fails, blame the network.
        """
        await self.check("obfs4", commands(PYPTWIST, OBFS4PROXY), commands(TWISTD, OBFS4PROXY))

    async def test_obfs3(self) -> None:
        await self.check("obfs3", commands(TWISTD, OBFS4PROXY), commands(PYPTWIST, OBFS4PROXY))

    async def test_scramblesuit(self) -> None:
        """
        obfs4proxy has no server of it.
        """
        await self.check("scramblesuit", commands(PYPTWIST, OBFS4PROXY), commands(PYPTWIST))

    async def test_meek(self) -> None:
        """
        obfs4proxy has no server of it, and its client wants to be told the URL.
        """
        await self.check(
            "meek_lite",
            commands(PYPTWIST, OBFS4PROXY),
            commands(PYPTWIST),
            options="url=http://127.0.0.1:{port}/",
        )

    async def test_starbridge(self) -> None:
        """
        Whose arguments have characters that others' have not.
        """
        await self.check("Starbridge", commands(PYPTWIST), commands(PYPTWIST))

    async def test_stack(self) -> None:
        """
        obfs4 over b64, of whose weakness both sides warn.
        """
        await self.checkStack("b64_obfs4", ["b64: its base64 is easily told apart"])

    async def test_multiplexed(self) -> None:
        """
        All of a tor's connections to its bridge on one of obfs4.
        """
        await self.checkStack("smux_obfs4")

    async def test_webtunnel(self) -> None:
        """
        The bridge is behind nginx, which has a certificate; tor is told where the
        client is, and its bridge line where nobody is.
        """
        trusted = freshDirectory(self)
        trusted.write_bytes(authority().pem)
        network = TorNetwork(self, {"SSL_CERT_FILE": str(trusted)})
        await network.start()
        port = freePort()
        issued = authority().issue([], ["127.0.0.1"])
        front = await nginx(self, issued, TUNNEL.format(port=port))
        options = f"url=https://127.0.0.1:{front[1]}/secret trust-forwarded-for=127.0.0.1"
        command = commands(PYPTWIST)[PYPTWIST]
        bridge = await network.startBridge("bridge", "webtunnel", command, options, port)
        self.assertIn("[2001:db8:", await bridge.whenBridgeLine())
        tor = await network.startClient("client", bridge, commands(TWISTD)[TWISTD])
        await self.fetch(await tor.listener("Socks"))
        seen = f"Seen client from '{CLIENT_OUTBOUND}' with transport 'webtunnel'"
        self.assertIn(seen, bridge.debug())
        await self.checkNothingLeft(tor, "KILL")
        await self.checkNothingLeft(bridge, "TERM")
        for each in tor, bridge:
            complaints = [line for line in each.lines if COMPLAINT.search(line)]
            self.assertEqual(complaints, [])
        shown("webtunnel", "tor")

    async def checkStack(self, name: str, cautions: Sequence[str] = ()) -> None:
        """
        Under a name that both command lines give to it.
        """
        option = ["--stack", f"{name}={STACKS[name]}"]
        clients, servers = (
            {each: command + option for each, command in commands(which).items()}
            for which in (PYPTWIST, TWISTD)
        )
        await self.check(name, clients, servers, cautions)

    async def check(
        self,
        method: str,
        clients: Mapping[str, list[str]],
        servers: Mapping[str, list[str]],
        cautions: Sequence[str] = (),
        options: str = "",
    ) -> None:
        """
        :param clients: the command lines of the clients' transports.
        :param servers: the command lines of the servers' transports.
        :param cautions: what each tor warns of, and is right to.
        :param options: the servers'.
        """
        network = TorNetwork(self)
        await network.start()
        bridges = await together(
            *(
                network.startBridge(f"bridge{name}", method, servers[name], options)
                for name in servers
            )
        )
        pairs = list(product(clients, bridges))
        tors = await together(
            *(
                network.startClient(f"{name}{number}", bridge, clients[name])
                for number, (name, bridge) in enumerate(pairs)
            )
        )
        for tor in tors:
            await self.fetch(await tor.listener("Socks"))
        for bridge in bridges:
            await self.checkAddresses(bridge, {origin(name) for name in clients})
        await together(*(self.checkNothingLeft(tor, "KILL") for tor in tors))
        await together(*(self.checkNothingLeft(bridge, "TERM") for bridge in bridges))
        for tor in *tors, *bridges:
            complaints = [line for line in tor.lines if COMPLAINT.search(line)]
            self.assertEqual(len(complaints), len(cautions), f"{tor.name}: {complaints}")
            for complaint, caution in zip(complaints, cautions, strict=True):
                self.assertIn(caution, complaint)
        shown(STACKS.get(method, method), "tor")

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

    async def checkAddresses(self, bridge: Bridge, origins: set[str]) -> None:
        """
        The bridge's tor was told who its clients are and by which transport.

        :param origins: the addresses that their transports connect from.
        """
        clients = clientsOf(bridge.address)
        self.assertEqual({client.rpartition(":")[0] for client in clients}, origins)
        known = await bridge.ask("orconn-status")
        debug = bridge.debug()
        told = re.findall(r"Received USERADDR.* to '(.*)'", debug)
        seen = re.findall(r"Seen client from '(.*)' with transport '(.*)'", debug)
        for client in clients:
            self.assertIn(f"{client} CONNECTED", known)
            self.assertIn(client, told)
        for origin in origins:
            self.assertIn((origin, bridge.method), seen)

    async def checkNothingLeft(self, tor: Tor, signal: str) -> None:
        """
        End a tor; its transport ends too.
        """
        transports = tor.transports()
        self.assertTrue(transports)
        tor.signal(signal)
        # Of some hundred tors one hangs as it ends, whosever transport it has.
        await tor.stop()
        ends = gatherResults(transports)
        await bounded(ends, AFTERLIFE, f"the end of the {tor.name}'s transport")


def origin(name: str) -> str:
    """
    :returns: the address that a client's transport connects from: obfs4proxy
        ignores the one that tor tells it.
    """
    return "127.0.0.1" if name == OBFS4PROXY else CLIENT_OUTBOUND


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
