"""
Tests for ``pyptwist.checking.probe`` and ``pyptwist.checking.watching``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.checking.probe import Plan, Probe, Result
from pyptwist.checking.stages import Stage
from pyptwist.checking.traffic import RequestTalk
from pyptwist.checking.watching import WatchedNetwork
from pyptwist.errors import DatagramsForbidden
from pyptwist.interfaces import IClientTransport, INetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import Methods
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.meek.method import Meek
from pyptwist.transports.smux import Smux
from tests.checking.reactors import ScriptedReactor
from tests.memory import Hello

LINE = "hello 192.0.2.7:443"


@implementer(IClientTransport)
class _Broken:
    name = "broken"

    def clientEndpoint(self, context: Any, target: Any, arguments: Any) -> Any:
        raise ZeroDivisionError("at 192.0.2.7")


@implementer(IClientTransport)
class _Unconnected:
    """
    A method that uses no network.
    """

    name = "unconnected"

    def __init__(self) -> None:
        self.connecting: Deferred[Any] = Deferred()

    def clientEndpoint(self, context: Any, target: Any, arguments: Any) -> Any:
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        return self.connecting


def named(name: str, plugin: Any) -> Methods:
    """
    :returns: what knows this method alone.
    """
    plugin.name = name
    return Methods(plugins=lambda role: [plugin] if role is IClientTransport else [])


class ProbeTests(SynchronousTestCase):
    """
    Tests for ``Probe``.
    """

    def setUp(self) -> None:
        self.reactor = ScriptedReactor()
        self.entered: list[Stage] = []

    def check(self, line: str = LINE, method: Any = None, **more: Any) -> Deferred[Result]:
        plan = Plan(named("hello", method or Hello()), **more)
        probe = Probe(self.reactor, plan, 1, lambda number, stage: self.entered.append(stage))
        return Deferred.fromCoroutine(probe.check(line))

    def outcome(self, checking: Deferred[Result]) -> list[tuple[str, float, str | None]]:
        """
        :returns: stages, seconds and causes; nothing is left.
        """
        result = self.result = self.successResultOf(checking)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return [(p.stage.value, p.seconds, p.cause and p.cause.value) for p in result.stages]

    def test_well(self) -> None:
        """
        TCP and the handshake are told apart; then the connection is closed.
        """
        checking = self.check()
        self.reactor.advance(1)
        protocol, transport = self.reactor.accept()
        self.assertEqual(transport.value(), b"hello")
        self.reactor.advance(2)
        protocol.dataReceived(b"hello")
        self.assertEqual(self.outcome(checking), [("tcp", 1, None), ("handshake", 2, None)])
        self.assertIsNone(transport.protocol)  # type: ignore[attr-defined]
        self.assertEqual(self.entered, [Stage.TCP, Stage.HANDSHAKE])

    def test_name(self) -> None:
        """
        A name is resolved first.
        """
        checking = self.check("hello bridge.example.org:443")
        self.assertEqual(self.entered, [Stage.RESOLVE])
        self.reactor.advance(0.5)
        self.reactor.nameResolver.answer("192.0.2.7", "192.0.2.8")
        self.reactor.advance(0)
        self.reactor.advance(0.1)
        protocol, _ = self.reactor.accept(0)
        protocol.dataReceived(b"hello")
        found = self.outcome(checking)
        self.assertEqual([name for name, _, _ in found], ["resolve", "tcp", "handshake"])
        self.assertEqual(found[0], ("resolve", 0.5, None))
        self.assertEqual(self.result.stages[0].note, "2 addresses")

    def test_noName(self) -> None:
        """
        One that means nothing is the resolver's failure.
        """
        checking = self.check("hello bridge.example.org:443")
        self.reactor.nameResolver.answer()
        self.assertEqual(self.outcome(checking), [("resolve", 0, "dns")])

    def test_refused(self) -> None:
        """
        Nobody listens.
        """
        checking = self.check()
        factory: Any = self.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual(self.outcome(checking), [("tcp", 0, "refused")])

    def test_authentication(self) -> None:
        """
        The peer is not who it should be.
        """
        checking = self.check()
        protocol, _ = self.reactor.accept()
        protocol.dataReceived(b"wrong")
        self.assertEqual(
            self.outcome(checking), [("tcp", 0, None), ("handshake", 0, "authentication")]
        )

    def test_silence(self) -> None:
        """
        Patience ends, and counts anew for each stage.
        """
        checking = self.check(patience=3)
        self.reactor.advance(2.5)
        _, transport = self.reactor.accept()
        self.reactor.advance(2.5)
        self.assertNoResult(checking)
        self.reactor.advance(0.5)
        self.assertEqual(self.outcome(checking), [("tcp", 2.5, None), ("handshake", 3, "timeout")])
        self.assertIsNone(transport.protocol)  # type: ignore[attr-defined]

    def test_noTCP(self) -> None:
        """
        It ends while nothing is connected, too.
        """
        checking = self.check(patience=3)
        self.reactor.advance(3)
        self.assertEqual(self.outcome(checking), [("tcp", 3, "timeout")])

    def test_cancelled(self) -> None:
        """
        A check that is cancelled has no result.
        """
        for isConnected in (False, True):
            checking = self.check()
            if isConnected:
                self.reactor.accept()
            checking.cancel()
            self.failureResultOf(checking, CancelledError)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_traffic(self) -> None:
        """
        A talk is a stage of its own, and progress keeps it alive.
        """
        checking = self.check(patience=3, talk=lambda: RequestTalk(b"question", 2))
        protocol, transport = self.reactor.accept()
        protocol.dataReceived(b"hello")
        self.reactor.advance(1)
        self.assertEqual(transport.value(), b"helloquestion")
        protocol.dataReceived(b"a")
        self.reactor.advance(2.5)
        protocol.dataReceived(b"b")
        found = self.outcome(checking)
        self.assertEqual(found[2], ("traffic", 3.5, None))
        self.assertEqual(self.result.stages[2].note, "2 bytes of answer")

    def test_noTraffic(self) -> None:
        """
        Silence, and a peer that leaves, are failures of the talk.
        """
        checking = self.check(patience=3, talk=lambda: RequestTalk(b"question"))
        protocol, transport = self.reactor.accept()
        protocol.dataReceived(b"hello")
        self.reactor.advance(1)
        self.reactor.advance(2)
        self.assertEqual(self.outcome(checking)[2], ("traffic", 3, "timeout"))
        checking = self.check(talk=lambda: RequestTalk(b"question"))
        protocol, transport = self.reactor.accept()
        protocol.dataReceived(b"hello")
        transport.loseConnection()
        self.assertEqual(self.outcome(checking)[2], ("traffic", 0, "closed-by-peer"))

    def test_line(self) -> None:
        """
        What is no line, and what its method does not take, fails before anything
        is dialled.
        """
        for line, method, cause in (
            ("nonsense", None, "arguments"),
            ("other 192.0.2.7:443", None, "arguments"),
            (LINE, _Broken(), "internal"),
        ):
            checking = self.check(line, method)
            self.assertEqual(self.outcome(checking), [("line", 0, cause)])
            self.assertNotIn("192.0.2.7", self.result.stages[0].note)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_misspelt(self) -> None:
        """
        What may be misspelt is a warning; what would be dangerous, the end.
        """
        self.assertEqual(
            self.outcome(self.check(f"{LINE} url=https://x.example/ fornt=secret", Meek())),
            [("line", 0, "arguments")],
        )
        told = "there is no option 'fornt': is 'front' meant?"
        self.assertEqual(self.result.stages[0].note, told)
        checking = self.check(f"{LINE} buffr=secret", Smux())
        self.reactor.advance(limits.CHECK)
        self.assertEqual(self.outcome(checking)[-1][2], "timeout")
        self.assertEqual(self.result.warnings, ("there is no option 'buffr': is 'buffer' meant?",))

    def test_unconnected(self) -> None:
        """
        A method without a network connection of its own reports what applies.
        """
        method = _Unconnected()
        checking = self.check(method=method)
        self.reactor.advance(1)
        method.connecting.errback(ZeroDivisionError("secret"))
        self.assertEqual(self.outcome(checking), [("handshake", 1, "internal")])
        self.assertEqual(self.result.stages[0].note, "ZeroDivisionError")

    def test_proxy(self) -> None:
        """
        The way to the proxy, the proxy's way, and the handshake are told apart; the
        proxy resolves the name.
        """
        proxy = UpstreamProxy.parse("http://192.0.2.9:8080")
        checking = self.check("hello bridge.example.org:443", proxy=proxy)
        self.reactor.advance(1)
        self.assertEqual(self.reactor.tcpClients[0][:2], ("192.0.2.9", 8080))
        protocol, transport = self.reactor.accept()
        self.assertIn(b"CONNECT bridge.example.org:443", transport.value())
        self.reactor.advance(2)
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.reactor.advance(3)
        protocol.dataReceived(b"hello")
        self.assertEqual(
            self.outcome(checking), [("proxy", 1, None), ("tcp", 2, None), ("handshake", 3, None)]
        )

    def test_proxyFails(self) -> None:
        """
        A proxy that is not there, and one that refuses.
        """
        proxy = UpstreamProxy.parse("http://192.0.2.9:8080")
        checking = self.check(proxy=proxy)
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual(self.outcome(checking), [("proxy", 0, "upstream-proxy")])
        checking = self.check(proxy=proxy)
        protocol, _ = self.reactor.accept()
        protocol.dataReceived(b"HTTP/1.1 403 No\r\n\r\n")
        self.assertEqual(
            self.outcome(checking), [("proxy", 0, None), ("tcp", 0, "upstream-proxy")]
        )


class WatchedNetworkTests(SynchronousTestCase):
    """
    Tests for ``WatchedNetwork``.
    """

    def test_interface(self) -> None:
        """
        It is a network, which passes on what it does not watch.
        """
        below = MemoryNetwork()
        network = WatchedNetwork(below, lambda host: None, lambda: None)
        verifyObject(INetwork, network)
        network.serverEndpoint("127.0.0.1", 80).listen(Factory())
        self.assertIn(("127.0.0.1", 80), below._listeners)
        self.assertRaises(DatagramsForbidden, network.bindDatagrams, None, "127.0.0.1", 53)
