"""
Tests for ``pyptwist.tls.transport``.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from tests.certificates import authority
from tests.tls.test_client import TLSCase


class FreeingTests(TLSCase):
    """
    Connections that are over are freed without a garbage collector.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve(authority().issue())
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def ended(self, end: str) -> Any:
        """
        :param end: how the server ends a connection.
        :returns: what the client's was.
        """
        client: Any = self.successResultOf(self.attempt())
        server = self.network.connections[-1][1]
        if end == "order":
            self.servers.built[-1].transport.loseConnection()  # type: ignore[union-attr]
        elif end == "truncation":
            server.loseConnection()
        elif end == "reset":
            server.abortConnection()
        else:
            server.write(b"junk" * 9)
        self.network.pump(1)
        self.assertEqual(len(client.lost), 1)
        self.network.connections.clear()
        self.servers.built.clear()
        return weakref.ref(client.transport)

    def test_ends(self) -> None:
        """
        Whichever end it was.
        """
        for end in ("order", "truncation", "reset", "junk"):
            remains = self.ended(end)
            self.applications.built.clear()
            self.assertIsNone(remains(), end)
