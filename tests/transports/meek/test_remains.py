"""
What a thousand sessions leave behind, without a garbage collector: nothing.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.meek.method import Meek
from tests.certificates import authority

SESSIONS = 1000
PLACE = HostPort("127.0.0.1", 443)


class RemainsTests(SynchronousTestCase):
    """
    Ours at both ends.
    """

    def setUp(self) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)

    def ours(self) -> Counter[str]:
        """
        :returns: how many objects of meek's there are, and of what it is made of, by
            their kinds.
        """
        modules = "pyptwist.transports.meek", "pyptwist.virtual", "twisted.web"
        kinds = [type(one) for one in gc.get_objects()]
        return Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith(modules))

    def check(self, sessions: int, options: Arguments, arguments: Arguments) -> None:
        """
        Sessions that end in all ways, one after another.
        """
        servers = Applications()
        method = Meek()
        endpoint = method.serverEndpoint(self.context, PLACE, options)
        self.successResultOf(endpoint.listen(servers))
        client = method.clientEndpoint(self.context, PLACE, arguments)
        before: Counter[str] = Counter()
        for number in range(sessions + 1):
            if number == 1:  # the first one has loaded everything
                before = self.ours()
            self.session(client, servers, number)
        self.network.pump(600)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        after = self.ours()
        more = {name: (before[name], after[name]) for name in after if after[name] > before[name]}
        self.assertEqual(more, {})

    def session(self, client: Any, servers: Applications, number: int) -> None:
        here: Application = self.connected(client)
        there = servers.built.pop()
        for application, other in ((here, there), (there, here)):
            transport: Any = application.transport
            transport.write(b"hello")
            self.network.pump(0.5)
            self.assertEqual(bytes(other.received), b"hello")
        transports: list[Any] = [here.transport, there.transport]
        ends = [
            transports[0].loseConnection,
            transports[1].loseConnection,
            transports[0].abortConnection,
            transports[1].abortConnection,
        ]
        ends[number % len(ends)]()
        self.network.pump(2)
        self.assertEqual([len(here.lost), len(there.lost)], [1, 1])
        self.network.connections.clear()

    def connected(self, client: Any) -> Any:
        attempt = client.connect(Applications())
        self.network.pump()
        return self.successResultOf(attempt)

    def test_plain(self) -> None:
        self.check(SESSIONS, Arguments(), Arguments())

    def test_tls(self) -> None:
        """
        Of what is ours; Twisted's TLS waits for the collector.
        """
        directory = self.mktemp()
        os.mkdir(directory)
        certificate, key = authority().issue(addresses=["127.0.0.1"]).write(directory)
        trusted = os.path.join(directory, "authority.pem")
        with open(trusted, "wb") as file:
            file.write(authority().pem)
        self.check(
            20,
            Arguments(cert=certificate, key=key),
            Arguments(url="https://127.0.0.1/", ca=trusted),
        )
