"""
Tests for ``pyptwist.strangers.mirror``: how connections end, through a bridge with a decoy,
on this machine's TCP.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork
from pyptwist.relay import join
from pyptwist.state import StateDirectory
from pyptwist.strangers import decoy, guard
from pyptwist.strangers.mirror import MirrorEnd
from pyptwist.testing import MemoryNetwork, fixedEntropy
from pyptwist.testing.applications import Applications
from pyptwist.transports.obfs4.method import Obfs4

REQUEST = b"GET / HTTP/1.0\r\n\r\n"
PAGE = b"HTTP/1.0 200 OK\r\n\r\n" + fixedEntropy("page")(300_000)
LOCAL = "127.0.0.1"


@implementer(IHalfCloseableProtocol)
class Talker(Protocol):
    """
    :ivar made: fires when it is connected.
    :ivar ended: fires when its peer says no more.
    :ivar lost: fires with the reason when the connection is gone.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.made: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.lost: Deferred[Any] = Deferred()
        self._wanted: tuple[int, Deferred[bytes]] | None = None
        self.wire: Any = None

    def connectionMade(self) -> None:
        self.wire = self.transport
        self.made.callback(None)

    def read(self, count: int) -> Deferred[bytes]:
        """
        :returns: all that came, as soon as it is so much.
        """
        result: Deferred[bytes] = Deferred()
        self._wanted = count, result
        self.dataReceived(b"")
        return result

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self._wanted is not None and len(self.received) >= self._wanted[0]:
            (_, result), self._wanted = self._wanted, None
            result.callback(bytes(self.received))

    def readConnectionLost(self) -> None:
        self.ended.callback(None)

    def writeConnectionLost(self) -> None:
        """
        We said no more.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(reason.type)


class EndTests(TestCase):
    """
    A stranger, a bridge, and a decoy.
    """

    def setUp(self) -> None:
        self.between: list[Deferred[None]] = []
        self.patch(guard, "MirrorEnd", self.watchedEnd)
        # Before the listeners are closed, which would end them, too.
        self.addCleanup(lambda: gatherResults(self.between))

    def watchedEnd(self, *arguments: Any) -> MirrorEnd:
        """
        :returns: a ``MirrorEnd``, for whose end the test waits.
        """
        end, over = MirrorEnd(*arguments), Deferred[None]()
        lost = end.connectionLost

        def connectionLost(reason: Failure = connectionDone) -> None:
            lost(reason)
            over.callback(None)

        end.connectionLost = connectionLost  # type: ignore[method-assign]
        self.between.append(over)
        return end

    async def listen(self, endpoint: Any, factory: Factory) -> HostPort:
        """
        :returns: where it listens, until the test is over.
        """
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        where = port.getHost()
        return HostPort(where.host, where.port)

    async def meet(self, said: bytes = b"") -> tuple[Talker, Talker]:
        """
        :param said: what makes the bridge hand the stranger over.
        :returns: the stranger, and the decoy's side, which has all that was said.
        """
        peer, host = await self.announce(said), self.host
        await host.made
        self.assertEqual(await host.read(len(said)), said)
        host.received.clear()
        return peer, host

    async def announce(self, said: bytes) -> Talker:
        """
        :returns: the stranger.
        """
        self.host = Talker()
        network = DirectNetwork(reactor)
        site = await self.listen(
            network.serverEndpoint(LOCAL, 0), Factory.forProtocol(lambda: self.host)
        )
        context = Context(reactor, network, StateDirectory(self.mktemp()), Metrics())
        endpoint = decoy.serverEndpoint(
            Obfs4(), context, HostPort(LOCAL, 0), Arguments(decoy=str(site)), network
        )
        self.bridge = await self.listen(endpoint, Applications())
        dialling = network.clientEndpoint(LOCAL, self.bridge.port)
        peer: Any = await dialling.connect(Factory.forProtocol(Talker))
        peer.transport.write(said)
        return peer  # type: ignore[no-any-return]

    async def test_askAndListen(self) -> None:
        """
        A peer that says what it has to say, and ends its side, is the decoy's at
        once, and hears the whole answer.
        """
        peer = await self.announce(REQUEST)
        peer.wire.loseWriteConnection()
        await self.host.ended
        self.assertEqual(bytes(self.host.received), REQUEST)
        self.host.wire.write(PAGE)
        self.host.wire.loseConnection()
        await peer.ended
        self.assertEqual(bytes(peer.received), PAGE)
        peer.wire.loseConnection()
        self.assertEqual([await side.lost for side in (peer, self.host)], [ConnectionDone] * 2)

    async def test_nothingToSay(self) -> None:
        """
        A peer that only looks whether somebody listens is shown to the decoy.
        """
        peer = await self.announce(b"")
        peer.wire.loseConnection()
        await self.host.ended
        self.host.wire.loseConnection()
        self.assertEqual(bytes(self.host.received), b"")
        self.assertEqual([await side.lost for side in (peer, self.host)], [ConnectionDone] * 2)

    async def test_decoyEndsFirst(self) -> None:
        """
        A decoy that says no more may hear more.
        """
        peer, host = await self.meet(bytes(10_000))
        host.wire.write(PAGE)
        host.wire.loseWriteConnection()
        await peer.ended
        self.assertEqual(bytes(peer.received), PAGE)
        peer.wire.write(b"thank you")
        peer.wire.loseConnection()
        await host.ended
        self.assertEqual(bytes(host.received), b"thank you")
        host.wire.loseConnection()
        self.assertEqual([await side.lost for side in (peer, host)], [ConnectionDone] * 2)

    async def test_decoyCloses(self) -> None:
        """
        A decoy that closes takes the peer's connection with it.
        """
        peer, host = await self.meet(bytes(10_000))
        host.wire.write(PAGE)
        host.wire.loseConnection()
        await peer.ended
        self.assertEqual(bytes(peer.received), PAGE)
        peer.wire.loseConnection()
        self.assertEqual([await side.lost for side in (peer, host)], [ConnectionDone] * 2)

    async def test_resets(self) -> None:
        """
        A reset is one on the other side, whoever begins.
        """
        for first, second in ((0, 1), (1, 0)):
            sides = await self.meet(bytes(10_000))
            sides[first].wire.abortConnection()
            self.assertIs(await sides[second].lost, ConnectionLost)
            await sides[first].lost

    async def test_noDecoy(self) -> None:
        """
        A peer that ends its side where the decoy cannot be reached sees ours end.
        """
        self.patch(limits, "DECOYED", 0)
        peer = await self.announce(REQUEST)
        peer.wire.loseWriteConnection()
        await peer.ended
        peer.wire.loseConnection()
        self.assertEqual(bytes(peer.received), b"")
        self.assertFalse(self.host.made.called)
        await peer.lost

    async def test_much(self) -> None:
        """
        Both talk at once, and much.
        """
        peer, host = await self.meet(bytes(10_000))
        for side in (peer, host):
            side.wire.write(PAGE * 10)
        for side in (peer, host):
            self.assertEqual(await side.read(10 * len(PAGE)), PAGE * 10)
        peer.wire.loseConnection()
        await host.ended
        host.wire.loseConnection()
        self.assertEqual([await side.lost for side in (peer, host)], [ConnectionDone] * 2)


class PatienceTests(SynchronousTestCase):
    """
    Over a network in memory.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.gone: list[MirrorEnd] = []
        self.outer = Applications()
        self.ends: list[MirrorEnd] = []
        self.successResultOf(self.network.serverEndpoint("192.0.2.1", 1).listen(self.outer))
        for _ in range(2):
            self.network.clientEndpoint("192.0.2.1", 1).connect(Factory.forProtocol(self.end))
        self.network.pump()
        join(*self.ends)

    def end(self) -> MirrorEnd:
        """
        :returns: another end.
        """
        self.ends.append(MirrorEnd(self.network.clock, self.gone.append))
        return self.ends[-1]

    def test_reader(self) -> None:
        """
        A peer that does not read cannot keep its connection for ever, once the
        other side is gone.
        """
        stuck, other = (application.transport for application in self.outer.built)
        assert stuck is not None and other is not None
        stuck.pauseProducing()  # type: ignore[attr-defined]
        other.write(b"x" * 30_000)
        other.loseConnection()
        self.network.pump(1)
        [end] = self.gone
        self.network.pump(limits.CLOSE_FLUSH - 1.001)
        self.assertEqual(self.gone, [end])
        self.network.pump(0.002)
        self.assertEqual(len(self.gone), 2)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_abandon(self) -> None:
        """
        The program may end both; nothing is left.
        """
        self.ends[0].abandon()
        self.network.pump()
        self.assertCountEqual(self.gone, self.ends)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_unjoined(self) -> None:
        """
        An end without another is closed when its peer says no more.
        """
        end = MirrorEnd(Clock())
        wire = self.ends[0].transport
        end.makeConnection(wire)
        end.readConnectionLost()
        self.assertTrue(wire.disconnecting)  # type: ignore[union-attr]
        end.connectionLost()
