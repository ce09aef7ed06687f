"""
Tests for ``pyptwist.webserver``: what its visitors leave behind.  For the rest see those
of the methods that have it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.tls import securing
from pyptwist.transports.meek.method import Meek
from pyptwist.transports.webtunnel.server import WebTunnelServer
from tests.certificates import authority
from tests.remains import objects, since, withoutCollector

PLACE = HostPort("192.0.2.1", 443)
FILE = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
VISITS = 40  # of each kind
LONG = 3 * limits.MEEK_IDLE


class RemainsTests(SynchronousTestCase):
    """
    Visitors, of each kind and in each of their ways, leave nothing.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "big").write_bytes(bytes(500_000))

    def reader(self, visitor: Any) -> None:
        """
        Takes all of it.
        """
        visitor.transport.write(FILE)
        self.network.pump(LONG)
        self.assertGreater(len(visitor.received), 500_000)

    def leaver(self, visitor: Any) -> None:
        """
        Is gone in the middle.
        """
        visitor.transport.write(FILE)
        visitor.transport.abortConnection()

    def staller(self, visitor: Any) -> None:
        """
        Takes none.
        """
        visitor.transport.pauseProducing()
        visitor.transport.write(FILE)
        self.network.pump(LONG)

    def laggard(self, visitor: Any) -> None:
        """
        Has no time for all of his request.
        """
        visitor.transport.write(FILE[:-2])
        self.network.pump(LONG)

    def babbler(self, visitor: Any) -> None:
        """
        Speaks no HTTP.
        """
        visitor.transport.write(b"\0\r\n\r\n")
        self.network.pump(LONG)

    def visits(self, kind: Callable[[Any], None], times: int, isSecure: bool) -> None:
        """
        One after another.
        """
        below = self.network.clientEndpoint(PLACE.host, PLACE.port)
        if isSecure:
            below = securing(below, self.network.clock, "a.example", authority().pem)
        for _ in range(times):
            applications = Applications()
            below.connect(applications)
            self.network.pump()
            visitor: Application = applications.built.pop()
            kind(visitor)
            self.network.pump(LONG)
            self.assertEqual(len(visitor.lost), 1)

    def check(self, method: Any, isSecure: bool, options: dict[str, str]) -> None:
        """
        :param options: the server's, beside its site and its certificate.
        """
        arguments = {"site": str(self.folder), **options}
        if isSecure:
            files = authority().issue(["a.example"]).write(str(self.folder))
            arguments["cert"], arguments["key"] = files
        endpoint = method.serverEndpoint(self.context, PLACE, Arguments(arguments))
        port = self.successResultOf(endpoint.listen(Applications()))
        kinds = self.reader, self.leaver, self.staller, self.laggard, self.babbler
        for kind in kinds:
            self.visits(kind, 1, isSecure)
        self.network.connections.clear()
        withoutCollector(self)
        before = objects()
        for kind in kinds:
            self.visits(kind, VISITS, isSecure)
            self.network.connections.clear()
            self.assertEqual(since(before), {}, kind)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        port.stopListening()

    def test_webtunnel(self) -> None:
        self.check(WebTunnelServer(), False, {"url": "http://a.example/secret"})

    def test_webtunnelWithTLS(self) -> None:
        self.check(WebTunnelServer(), True, {"url": "https://a.example/secret"})

    def test_meek(self) -> None:
        self.check(Meek(), False, {})

    def test_meekWithTLS(self) -> None:
        self.check(Meek(), True, {})
