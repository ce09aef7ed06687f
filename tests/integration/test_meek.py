"""
meek in endpoint strings, and behind an upstream proxy.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, payload, sha256, together
from pyptwist.transports.meek.method import Meek
from tests.integration.upstreamproxies import microsocks
from tests.interop import ours

SIZE = 1 << 20


class MeekTests(TestCase):
    """
    Ours at both ends.
    """

    async def assertEchoes(self, stream: Stream) -> None:
        data = payload(SIZE)
        _, digest = await together(stream.send(data), stream.digest(SIZE))
        self.assertEqual(digest, sha256(data))

    async def test_strings(self) -> None:
        """
        A client that is told a URL, and nothing else; and one that is told an address.
        """
        server = ours.Server()
        endpoint: Any = serverFromString(reactor, "pt:meek:0:interface=127.0.0.1")
        port = await endpoint.listen(server)
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        for text in (rf"pt:meek:url=http\://127.0.0.1\:{number}/", f"pt:meek:127.0.0.1:{number}"):
            client: Any = clientFromString(reactor, text)
            here = await client.connect(Factory.forProtocol(ours.TransportStream))
            there = await server.accept()
            await here.send(b"hello")
            self.assertEqual(await there.read(5), b"hello")
            here.close()
            await there.lost()
            await here.lost()

    async def test_remains(self) -> None:
        """
        What is over is freed at once, without the garbage collector; but for what the
        server remembers of a session.
        """
        gc.disable()
        self.addCleanup(gc.enable)
        server = await ours.serve(self, method=Meek)
        here: Any = await ours.connecting(self, server.address, {}, Meek)
        there: Any = await server.accept()
        await here.send(b"hello")
        self.assertEqual(await there.read(5), b"hello")
        session = here.transport._session
        watched = [
            weakref.ref(one)
            for one in (here.transport, there.transport, session, session._exchange)
        ]
        del session
        here.close()
        await together(here.lost(), there.lost())
        for stream in (here, there):
            stream.transport = stream._tcp = None
        # The connection below takes a moment to close.
        deadline = theReactor().seconds() + 20
        while any(one() is not None for one in watched):
            self.assertLess(theReactor().seconds(), deadline, watched)
            await deferLater(theReactor(), 0.02)

    async def test_upstreamProxy(self) -> None:
        """
        Every connection goes through it, and the name is for it to resolve.
        """
        bridge = await launchServer(self, pyptwistCommand(), listen(self, echo).address, ["meek"])
        proxy = await microsocks(self)
        client = await launchClient(
            self, pyptwistCommand(), ["meek"], {"TOR_PT_PROXY": proxy.url()}
        )
        number = bridge.method("meek").address[1]
        arguments = {"url": "http://hidden.example/", "front": f"localhost:{number}"}
        stream = await socksConnect(
            self, client.method("meek").address, ("192.0.2.1", 1), arguments
        )
        await self.assertEchoes(stream)
        self.assertIn(f"localhost:{number}", proxy.log)
