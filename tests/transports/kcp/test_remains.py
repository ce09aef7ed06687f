"""
Conversations that are over leave nothing behind, and do not wait for the garbage
collector.
"""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.virtual import VirtualConnection
from tests.transports.kcp.case import SERVER, KcpCase

CONVERSATIONS = 1000
_PACKAGES = ("pyptwist.transports.kcp", "pyptwist.multiplex.kcp")


def living() -> Counter[str]:
    """
    What there is, by class.
    """
    return Counter(
        kind.__qualname__
        for each in gc.get_objects()
        if (kind := type(each)) is VirtualConnection or str(kind.__module__).startswith(_PACKAGES)
    )


class RemainsTests(KcpCase, SynchronousTestCase):
    """
    Without a garbage collector.
    """

    def setUp(self) -> None:
        super().setUp()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_conversations(self) -> None:
        """
        A thousand that end in order, are aborted by either side, or never begin.
        """
        before = living()
        for number in range(CONVERSATIONS):
            attempt, _ = self.connecting()
            if number % 4 == 3:
                attempt.cancel()
                self.failureResultOf(attempt)
                continue
            self.network.pump()
            client: Any = self.successResultOf(attempt)
            server: Any = self.servers.built.pop()
            client.transport.write(b"question" * 1000)
            server.transport.write(b"answer" * 1000)
            self.network.pump(0.1)
            self.assertEqual(len(server.received), 8000)
            if number % 4 == 0:
                client.transport.loseConnection()
            else:
                (client, server)[number % 2].transport.abortConnection()
            self.network.pump(0.1)
            client.transport = server.transport = None
        self.network.pump(limits.KCP_REMEMBERED)
        self.network.sent.clear()
        listener: Any = self.port
        for kept in (listener._clients, listener._networks, listener._over._kept):
            self.assertEqual(len(kept), 0)
        self.assertEqual(list(self.network.ports), [SERVER])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        del client, server, attempt
        self.assertEqual(living() - before, Counter())
