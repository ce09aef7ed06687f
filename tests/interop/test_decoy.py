"""
A bridge with a decoy, as processes: probers see a web site, clients a bridge.
"""

from __future__ import annotations

import socket
import ssl
import sys
from typing import Final

from twisted.internet.error import ConnectionDone
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import Destination, listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, connect, payload, together
from tests.interop.exchange import MIB, exchange
from tests.peers import requirePeer

PAGE: Final = payload(300_000, 8)

#: What probers say, all at once.  Each is one that this site answers, and no longer
#: than what it reads at once: it closes when something is unread, and whether a peer
#: sees its FIN or its reset first is chance.
PROBES: Final = {
    "a page": b"GET /page HTTP/1.0\r\n\r\n",
    "no page": b"GET /nothing HTTP/1.0\r\n\r\n",
    "nonsense": b"NONSENSE\r\n\r\n",
    "noise": payload(4_000, 9),
}


def ask(address: Address, question: bytes, endsThere: bool) -> bytes:
    """
    In a thread: what a plain socket sees.

    :param endsThere: say so to the server, before its answer.
    :returns: the answer, without what tells the time.
    """
    with socket.create_connection(address, timeout=20) as peer:
        peer.sendall(question)
        if endsThere:
            peer.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := peer.recv(65536):
                answer += piece
        except ConnectionResetError:
            answer += b"(reset)"
    return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.startswith(b"Date:"))


class TestDecoy(TestCase):
    timeout = 120

    async def site(self) -> Address:
        """
        :returns: where a web server of this Python's listens.
        """
        root = freshDirectory(self)
        root.mkdir()
        (root / "page").write_bytes(PAGE)
        command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
        child = spawn(self, Child("site"), command, baseEnvironment(), root)
        return "127.0.0.1", int((await child.whenLine(r"port (\d+)"))[1])

    async def bridge(
        self,
        decoy: Address,
        destination: Destination,
        method: str = "obfs4",
        patience: int = 1,
    ) -> PTChild:
        """
        :param patience: seconds after which a peer is handed over; more, where
            clients come from processes that have to share a machine.
        """
        options = {method: {"decoy": "{}:{}".format(*decoy), "decoy-after": str(patience)}}
        return await launchServer(
            self, pyptwistCommand(), destination.address, [method], options=options
        )

    async def client(
        self, command: list[str], bridge: PTChild, destination: Destination
    ) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection.
        """
        method = bridge.method("obfs4")
        proxy = (await launchClient(self, command)).method("obfs4").address
        here = await socksConnect(self, proxy, method.address, method.arguments)
        return here, await destination.accept()

    async def test_curl(self) -> None:
        """
        curl gets the page while clients, ours and obfs4proxy's, are at work; tor
        is dialled for the clients alone, and nobody is told of the decoy.
        """
        destination = listen(self)
        bridge = await self.bridge(await self.site(), destination, patience=8)
        method = bridge.method("obfs4")
        self.assertEqual(set(method.arguments), {"cert", "iat-mode"})
        ours = await self.client(pyptwistCommand(), bridge, destination)
        theirs = await self.client([requirePeer("obfs4proxy")], bridge, destination)
        fetched, *_ = await together(
            self.curl(method.address),
            exchange(self, ours, 8 * MIB),
            exchange(self, theirs, 8 * MIB),
        )
        self.assertEqual(fetched, PAGE)
        self.assertEqual(len(destination.streams), 2)

    async def curl(self, address: Address) -> bytes:
        """
        :returns: the page.
        """
        page = freshDirectory(self)
        command = [
            requirePeer("curl"),
            *("-q", "--no-progress-meter", "--noproxy", "*", "--fail", "--max-time", "30"),
            *("--output", str(page), "http://{}:{}/page".format(*address)),
        ]
        child = spawn(self, Child("curl"), command, baseEnvironment())
        self.assertEqual(await child.whenEnded(40), Ended(0, None), child.errors)
        return page.read_bytes()

    async def test_asIfItWereTheSite(self) -> None:
        """
        Whatever is said, and however it ends, the bridge's answer is the site's.
        """
        site, destination = await self.site(), listen(self)
        for method in ("obfs4", "scramblesuit"):
            bridge = await self.bridge(site, destination, method)
            address = bridge.method(method).address
            for name, question in PROBES.items():
                for endsThere in (True, False):
                    real = await deferToThread(ask, site, question, endsThere)
                    seen = await deferToThread(ask, address, question, endsThere)
                    self.assertEqual(seen, real, f"{method}: {name}, {endsThere}")
        self.assertEqual(destination.streams, [])

    async def test_tls(self) -> None:
        """
        A prober that speaks TLS to what does not hears what it would there.
        """
        context = ssl.create_default_context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = context.wrap_bio(incoming, outgoing, server_hostname="example.org")
        self.assertRaises(ssl.SSLWantReadError, hello.do_handshake)
        site, question = await self.site(), outgoing.read()
        bridge = await self.bridge(site, listen(self))
        real = await deferToThread(ask, site, question, True)
        seen = await deferToThread(ask, bridge.method("obfs4").address, question, True)
        self.assertEqual(seen, real)

    async def test_end(self) -> None:
        """
        The process ends with strangers at its decoy, and closes on both.
        """
        host = listen(self)
        bridge = await self.bridge(host.address, listen(self))
        peer = await connect(self, bridge.method("obfs4").address)
        await peer.send(PROBES["noise"])
        site = await host.accept()
        self.assertEqual(await site.read(len(PROBES["noise"])), PROBES["noise"])
        bridge.signal("TERM")
        self.assertEqual(await bridge.whenEnded(), Ended(0, None))
        for stream in (peer, site):
            await stream.lost()
            assert stream.reason is not None
            self.assertTrue(stream.reason.check(ConnectionDone), stream.reason)

    async def test_refused(self) -> None:
        """
        Who asks for what cannot be is told by the line that tor shows; a method
        beside it runs.
        """
        options = {"obfs3": {"decoy": "127.0.0.1:80"}, "obfs4": {"decoy": "127.0.0.1:80"}}
        bridge = await launchServer(
            self, pyptwistCommand(), listen(self).address, ["obfs3", "obfs4"], options=options
        )
        self.assertEqual(list(bridge.methods), ["obfs4"])
        self.assertIn("speaks first", bridge.refused["obfs3"])

    async def test_down(self) -> None:
        """
        The operator is told, once, and by tor's log as well; the prober sees
        nothing.
        """
        site = listen(self)
        await site.stop()
        bridge = await self.bridge(site.address, listen(self))
        peers = [await connect(self, bridge.method("obfs4").address) for _ in range(2)]
        for peer in peers:
            await peer.send(PROBES["noise"])
        line = await bridge.whenLine("^LOG SEVERITY=warning ")
        self.assertIn("decoy cannot be reached", line.string)
        self.assertNotIn(str(site.address[1]), line.string)
        bridge.closeInput()
        await bridge.whenEnded()
        self.assertEqual([peer.received for peer in peers], [0, 0])
        self.assertEqual(sum("SEVERITY=warning" in line for line in bridge.lines), 1)
