"""
After a thousand sessions of each kind, nothing of them is there.
"""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase
from pyptwist.transports.replicant.method import Replicant
from tests.transports.shadow.test_options import BIND, ShadowCase
from tests.transports.shadow.vectors import (
    classicClient,
    classicServer,
    darkStarClient,
    darkStarServer,
    ledger,
    sent,
    serverShared,
)

SESSIONS = 1000

#: Bytes that a session may leave for ever: what a server remembers of its handshake,
#: and what the test's own network does.
LEFT = 400


class StrangerTests(SynchronousTestCase):
    """
    Nor is anything of those who fail, in whichever way: no error leads back to its codec.
    """

    def setUp(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)

    def check(self, make: Callable[[], CodecBase], *pieces: bytes) -> None:
        codec = make()
        codec.start(0.0)
        for piece in pieces:
            codec.receive(piece, 0.0)
        self.assertTrue(codec.isFinished or codec.refusal is not None)
        codec.receiveEnd(0.0)
        gone = weakref.ref(codec)
        del codec
        self.assertIsNone(gone())

    def test_classic(self) -> None:
        def request(seed: str) -> bytes:
            client = classicClient(seed=seed)
            client.start(0.0)
            return sent(client.send(b"hello", 0.0))

        memory = ledger()

        def server() -> CodecBase:
            return classicServer(memory=memory)

        self.check(server, bytes(100))
        self.check(server, request("one") + bytes(100))
        self.check(server, request("two")[:-1] + b"!")
        self.check(server, request("three"), bytes(100))
        self.check(server, request("three"))

    def test_darkStar(self) -> None:
        shared = serverShared()

        def server() -> CodecBase:
            return darkStarServer(shared)

        def request(seed: str) -> bytes:
            return sent(darkStarClient(seed=seed).start(0.0))

        for first in range(8):  # half of them are points
            self.check(server, bytes([first] * 64))
            self.check(darkStarClient, bytes([first] * 64))
        self.check(server, request("one"), bytes(100))
        self.check(server, request("one"))


class RemainsTests(ShadowCase):
    """
    Without a garbage collector: what is over is freed at once.
    """

    def setUp(self) -> None:
        super().setUp()
        gc.disable()
        self.addCleanup(gc.enable)

    def session(self, needed: Arguments, isGood: bool = True) -> list[weakref.ref[Any]]:
        """
        :returns: what must be gone.
        """
        client = self.successResultOf(self.dial(BIND, needed))
        client.transport.write(b"payload" * 100)
        self.network.pump()
        server: Any = self.servers.built.pop()
        self.assertEqual(len(server.received), 700)
        server.transport.write(b"answer")
        self.network.pump()
        self.assertEqual(bytes(client.received), b"answer")
        gone = [weakref.ref(end.transport) for end in (client, server)]
        gone += [weakref.ref(end.transport._codec) for end in (client, server)]
        client.transport.loseConnection()
        self.network.pump()
        self.network.connections.clear()
        return gone

    def check(self, options: Arguments) -> None:
        needed = self.serve(options)
        for _ in range(20):
            self.session(needed)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(SESSIONS):
            left = [each() for each in self.session(needed) if each() is not None]
            self.assertEqual(left, [])
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess(after - before, SESSIONS * LEFT)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.context.metrics.connectionsOpen, 0)

    def test_darkStar(self) -> None:
        self.check(Arguments())

    def test_classic(self) -> None:
        self.check(Arguments(cipherName="aes-128-gcm"))

    def test_replicant(self) -> None:
        self.method = Replicant
        self.check(Arguments(toneburst="Starburst", polish="DarkStar"))
