"""
What a prober sees of obfs4proxy's server it sees of ours: nothing, and an end
after the same time.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import TestCase

from pyptwist.arguments import Arguments
from pyptwist.codec import Transmit
from pyptwist.testing.destinations import listen
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, connect, together
from pyptwist.testing.wiretap import Tap
from pyptwist.transports.obfs4.method import Obfs4
from tests.interop import ours
from tests.peers import requirePeer

#: With this seed the random part of the close delay is 0 s.
OPTIONS: Final = {
    "node-id": bytes(range(20)).hex(),
    "private-key": bytes(range(0x80, 0xA0)).hex(),
    "drbg-seed": "080102030405060708090a0b0c0d0e0f1011121314151617",
    "iat-mode": "0",
}
DELAY: Final = 30.0

#: Seconds by which a loaded machine may be late.
SLACK: Final = 5.0


class TestProbes(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.letIn = listen(self)

    async def theirServer(self) -> Address:
        peer = [requirePeer("obfs4proxy")]
        options = {"obfs4": OPTIONS}
        server = await launchServer(self, peer, self.letIn.address, options=options)
        self.arguments = server.method("obfs4").arguments
        return server.method("obfs4").address

    def ourHandshake(self) -> bytes:
        """
        :returns: a good one, that no server has seen yet.
        """
        codec = Obfs4().clientCodec(ours.context(self), Arguments(self.arguments))()
        [first] = codec.start(0.0)
        assert isinstance(first, Transmit)
        return bytes(first.data)

    async def theirHandshake(self, server: Address) -> bytes:
        """
        :returns: one that this server has answered.
        """
        tap = Tap(self, server)
        client = await launchClient(self, [requirePeer("obfs4proxy")])
        proxy = client.method("obfs4").address
        stream = await socksConnect(self, proxy, tap.address, self.arguments)
        await stream.drop()
        return bytes(tap.toServer)

    async def probes(self, server: Address) -> dict[str, bytes]:
        """
        Each is named after what is wrong with it.
        """
        whole = self.ourHandshake()
        answered = self.ourHandshake()
        stream = await connect(self, server)
        await stream.send(answered)
        self.assertNotEqual(await stream.readSome(), b"")
        await stream.drop()
        return {
            "silent": b"",
            "one byte": b"\x16",
            "http": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            "garbage": os.urandom(10 * 1024),
            "truncated": whole[:-1],
            "longer": self.ourHandshake() + b"x",
            "our handshake, replayed": answered,
            "their handshake, replayed": await self.theirHandshake(server),
        }

    async def ended(self, server: Address, name: str, probe: bytes) -> None:
        """
        Send a probe, and wait for its end.
        """
        before = reactor.seconds()
        stream = await connect(self, server, patience=DELAY + 20)
        await stream.send(probe)
        self.assertEqual(await stream.readToEnd(), b"", name)
        passed = reactor.seconds() - before
        self.assertTrue(DELAY - 0.1 <= passed <= DELAY + SLACK, f"{name}: after {passed} s")
        assert stream.reason is not None
        # A reset would tell that there was something unread.
        self.assertTrue(stream.reason.check(ConnectionDone), name)

    async def test_silence(self) -> None:
        """
        Both servers, of the same identity, at the same time.
        """
        theirs = await self.theirServer()
        us = await ours.serve(self, OPTIONS)
        self.assertEqual(us.arguments, self.arguments)
        work = []
        for server in (theirs, us.address):
            for name, probe in (await self.probes(server)).items():
                work.append(self.ended(server, name, probe))
        # The two handshakes that were good before they were replayed.
        good = 2
        self.assertEqual(len(us.streams), good)
        await together(*work)
        self.assertEqual((len(us.streams), len(self.letIn.streams)), (good, good))
