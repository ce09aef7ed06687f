"""
What the tests of decoys have in common: a bridge, a decoy and strangers, over a
network in memory; and what must hold for every method that can have a decoy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause
from pyptwist.registry import Methods
from pyptwist.strangers import decoy
from pyptwist.testing import MemoryNetwork, fixedEntropy, memoryContext
from pyptwist.testing.applications import Application, Applications

BRIDGE = HostPort("192.0.2.1", 443)
SITE = HostPort("192.0.2.2", 80)
PAGE = b"HTTP/1.0 200 OK\r\n\r\nHello."

#: More than any handshake has, in any encoding, and bytes that none has.
GARBAGE = fixedEntropy("garbage")(30_000)

#: Longer than any drain, or anything else.
FOR_EVER = 600.0


class Peer(Application):
    """
    :ivar lostAt: when its connection ended.
    """

    lostAt: float | None = None

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.lostAt = self._clock.seconds()


class Scene(SynchronousTestCase):
    """
    A network with a bridge that has a decoy.

    :ivar local: what reaches the decoy.
    :ivar site: the decoy's applications.
    :ivar clients: the bridge's.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.local: Any = self.network
        self.context = memoryContext(self.mktemp(), "decoy", self.network)
        self.site = Applications()
        self.clients = Applications()

    def openSite(self) -> None:
        """
        Let the decoy listen.
        """
        listening = self.network.serverEndpoint(SITE.host, SITE.port).listen(self.site)
        self.successResultOf(listening)

    def serve(self, method: Any, **more: str) -> Arguments:
        """
        :param more: options.
        :returns: what clients need.
        """
        options = Arguments({"decoy": str(SITE), **more})
        endpoint = decoy.serverEndpoint(method, self.context, BRIDGE, options, self.local)
        self.port: Any = self.successResultOf(endpoint.listen(self.clients))
        return endpoint.clientArguments

    def stranger(self, said: bytes = b"") -> Any:
        """
        :returns: the application of a peer that has said something.
        """
        peer: Any = Peer(self.network.clock)
        factory = Factory.forProtocol(lambda: peer)
        self.network.clientEndpoint(BRIDGE.host, BRIDGE.port).connect(factory)
        self.network.pump()
        peer.transport.write(said)
        self.network.pump()
        return peer

    def assertAtRest(self) -> None:
        """
        Nothing is left.
        """
        self.network.pump(FOR_EVER)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.context.metrics.connectionsOpen, 0)

    def assertSeen(self, peer: Any, said: bytes) -> Any:
        """
        The decoy, and nobody else, has a stranger, and can talk with it as long
        as they like.

        :returns: the decoy's application.
        """
        host: Any = self.site.built[-1]
        self.assertEqual(bytes(host.received), said)
        host.transport.write(PAGE)
        peer.transport.write(b"more")
        self.network.pump(FOR_EVER)
        self.assertEqual(bytes(peer.received), PAGE)
        self.assertEqual(bytes(host.received), said + b"more")
        self.assertEqual([len(peer.lost), len(host.lost)], [0, 0])
        self.assertEqual(self.clients.built, [])
        return host


if TYPE_CHECKING:
    _Mixable = Scene
else:
    _Mixable = object


class DecoyConformance(_Mixable):
    """
    Mix into a ``Scene``, and set ``name``.

    :cvar name: of a method, or a stack's expression.
    """

    name: str

    def setUp(self) -> None:
        super().setUp()
        self.method = Methods().server(self.name)

    def test_refused(self) -> None:
        """
        Who cannot be a client is the decoy's at once, with all that it said.
        """
        self.openSite()
        self.serve(self.method)
        peer = self.stranger(GARBAGE)
        host = self.assertSeen(peer, GARBAGE)
        self.assertEqual(sum(self.context.metrics.handshakesFailed.values()), 1)
        peer.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual([len(peer.lost), len(host.lost)], [1, 1])

    def test_pieces(self) -> None:
        """
        However it comes, nothing is lost, doubled or out of order.
        """
        self.openSite()
        self.network.pieces = 1
        self.serve(self.method)
        peer = self.stranger(GARBAGE[:9000])
        self.network.pump(limits.DECOY_AFTER)
        self.assertSeen(peer, GARBAGE[:9000])

    def test_silent(self) -> None:
        """
        Who says nothing is the decoy's after a while, and no sooner: it may be
        the decoy that has to begin.
        """
        self.openSite()
        self.serve(self.method)
        peer = self.stranger()
        self.network.pump(limits.DECOY_AFTER - 0.001)
        self.assertEqual((self.site.built, peer.lost), ([], []))
        self.network.pump(0.001)
        self.assertSeen(peer, b"")
        self.assertEqual(self.context.metrics.handshakesFailed, {Cause.TIMEOUT: 1})

    def test_option(self) -> None:
        """
        How long is the operator's to say.
        """
        self.openSite()
        self.serve(self.method, **{"decoy-after": "17"})
        self.stranger()
        self.network.pump(16.999)
        self.assertEqual(self.site.built, [])
        self.network.pump(0.001)
        self.assertEqual(len(self.site.built), 1)

    def test_client(self) -> None:
        """
        A client never meets the decoy, however its bytes come, and whatever goes
        on beside it.
        """
        self.openSite()
        arguments = self.serve(self.method)
        self.assertNotIn("decoy", " ".join(arguments))
        stranger = self.stranger(GARBAGE)
        self.network.pieces = 1
        method = Methods().client(self.name)
        attempt = method.clientEndpoint(self.context, BRIDGE, arguments).connect(
            Factory.forProtocol(Application)
        )
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        client.transport.write(b"question " * 50)
        self.network.pump(FOR_EVER)
        server: Any = self.clients.built[0]
        server.transport.write(b"answer")
        self.network.pump(FOR_EVER)
        self.assertEqual(bytes(server.received), b"question " * 50)
        self.assertEqual(bytes(client.received), b"answer")
        [host] = self.site.built
        self.assertEqual(bytes(host.received), GARBAGE)
        for application in (client, stranger):
            application.transport.loseConnection()
        self.assertAtRest()

    def test_down(self) -> None:
        """
        Without its decoy, a server keeps silent as if it had none, to the very
        same end.
        """
        ends = [self._ends(options) for options in ({}, {"decoy": str(SITE)})]
        self.assertEqual(*ends)

    def _ends(self, options: dict[str, str]) -> list[float]:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), "decoy", self.network)
        endpoint = decoy.serverEndpoint(
            self.method, self.context, BRIDGE, Arguments(options), self.network
        )
        self.successResultOf(endpoint.listen(self.clients))
        peers = [self.stranger(said) for said in (GARBAGE, b"")]
        self.assertAtRest()
        self.assertEqual([bytes(peer.received) for peer in peers], [b"", b""])
        self.assertEqual(self.clients.built, [])
        return [peer.lostAt for peer in peers]

    def test_stopped(self) -> None:
        """
        What the decoy has ends with the listener: nobody else could end it.
        Others are left to the method.
        """
        self.openSite()
        self.serve(self.method)
        peer, another = self.stranger(GARBAGE), self.stranger()
        self.port.stopListening()
        self.network.pump()
        self.assertEqual([len(peer.lost), len(another.lost)], [1, 0])
        self.assertEqual([len(host.lost) for host in self.site.built], [1])
        self.assertAtRest()
        self.assertEqual(len(self.site.built), 1)
