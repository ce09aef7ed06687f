"""
After a thousand sessions of each kind, nothing of them is there.
"""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

from pyptwist.arguments import Arguments
from pyptwist.transports.replicant.method import Replicant
from tests.transports.shadow.test_options import BIND, ShadowCase

SESSIONS = 1000

#: Bytes that a session may leave for ever: what a server remembers of its handshake,
#: and what the test's own network does.
LEFT = 400


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
