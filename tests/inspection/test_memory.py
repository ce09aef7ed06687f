"""
Tests for ``pyptwist.inspection.memory``.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.errors import AuthenticationFailed, ClosedByPeer, ConfigurationError, PTError
from pyptwist.inspection.conversation import echoing
from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.memory import record
from pyptwist.inspection.plan import Plan
from pyptwist.interfaces import Context
from pyptwist.registry import Methods, Plugins
from pyptwist.strangers.silence import SilentServerCodec
from pyptwist.transports.kcp.method import Kcp
from pyptwist.transports.smux import Smux
from tests.memory import Draining, Hello, HelloCodec, Slow

TURNS = echoing(b"payload")


class Impolite(HelloCodec):
    """
    Says something else than hello.
    """

    def begin(self) -> None:
        self.state = self._hello
        self.transmit(b"howdy")


class StrictCodec(SilentServerCodec):
    """
    A server that lets nobody in, and says nothing.
    """

    drain = 40.0

    def begin(self) -> None:
        super().begin()
        self.state = self._refuse

    def _refuse(self) -> bool:
        raise AuthenticationFailed()


class Strict(Hello):
    """
    The method of that.
    """

    name = "strict"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return StrictCodec, Arguments()


class Spoiling(HelloCodec):
    """
    Changes the payload.
    """

    def encode(self, data: bytes) -> None:
        super().encode(data.upper())


class Recorded(Hello):
    """
    Notes what it is given.
    """

    def __init__(self, clientCodec: CodecFactory = HelloCodec) -> None:
        self.codecs = clientCodec
        self.given: list[tuple[Context, Arguments]] = []

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        self.given.append((context, arguments))
        return self.codecs

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        self.given.append((context, arguments))
        return HelloCodec, Arguments(published="1", other="1")


@implementer(IStreamClientEndpoint)
class KnockingEndpoint:
    """
    Makes a connection, drops it, and makes another.
    """

    def __init__(self, below: Any) -> None:
        self._below = below

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        def knocked(protocol: Any) -> Any:
            protocol.transport.write(b"pay")
            protocol.transport.loseConnection()
            return self._below.connect(protocolFactory)

        knocking: Deferred[Any] = self._below.connect(Factory.forProtocol(Protocol))
        return knocking.addCallback(knocked)


class Knocking(Hello):
    """
    A method that is no codec: two network connections for each of its own.
    """

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        return KnockingEndpoint(context.network.clientEndpoint(target.host, target.port))

    def serverEndpoint(self, context: Context, bind: HostPort, arguments: Arguments) -> Any:
        endpoint: Any = context.network.serverEndpoint(bind.host, bind.port)
        endpoint.clientArguments = Arguments()
        return endpoint


class Saying(Knocking):
    """
    One whose client sends a datagram before each.
    """

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        port: Any = context.network.bindDatagrams(DatagramProtocol(), "127.0.0.1", 0)
        port.write(b"", (target.host, target.port))
        return super().clientEndpoint(context, target, arguments)


@implementer(IStreamClientEndpoint)
class Never:
    """
    Never connects.
    """

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred()


class Stuck(Hello):
    """
    Its client never gets anywhere, and sets no time.
    """

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        return Never()


def _plugins(*methods: Any) -> Plugins:
    return lambda role: methods


class RecordTests(SynchronousTestCase):
    """
    Tests for ``record``.
    """

    def setUp(self) -> None:
        self.temporary = os.path.abspath(self.mktemp())
        os.mkdir(self.temporary)
        self.patch(tempfile, "tempdir", self.temporary)

    def tearDown(self) -> None:
        self.assertEqual(os.listdir(self.temporary), [])

    def record(self, method: Any, connections: int = 1, fresh: bool = False) -> list[Flow]:
        plan = Plan(
            method.name,
            TURNS,
            connections,
            Arguments(option="2"),
            Arguments(other="3", argument="4"),
        )
        return record(plan, Methods({}, lambda role: [method]), fresh)

    def packets(self, flow: Flow) -> list[tuple[str, int, float | None]]:
        return [(packet.sender.value, packet.size, packet.gap) for packet in flow.packets]

    def test_flow(self) -> None:
        """
        It is what the method sends, handshake and payload, with the times at
        which it does.
        """
        flows = self.record(Hello(), 3)
        self.assertEqual(len(flows), 3)
        for flow in flows:
            self.assertEqual(
                self.packets(flow),
                [
                    ("server", 5, None),
                    ("client", 5, 0.0),
                    ("client", 7, 0.0),
                    ("server", 7, 0.0),
                ],
            )
            self.assertEqual(flow.beginnings[Side.CLIENT], b"hellopayload")

    def test_gaps(self) -> None:
        """
        A method that waits has gaps.
        """
        [flow] = self.record(Slow())
        self.assertEqual(flow.gaps(Side.CLIENT), [0.0, 1.0])
        self.assertEqual(flow.gaps(Side.SERVER), [1.0])

    def test_arguments(self) -> None:
        """
        The server gets the options; the client what the server publishes, and what
        is said besides, which wins.
        """
        method = Recorded()
        self.record(method)
        (_, options), (_, arguments) = method.given
        self.assertEqual(options, Arguments(option="2"))
        self.assertEqual(arguments, Arguments(published="1", other="3", argument="4"))

    def test_client(self) -> None:
        """
        It is one client with one memory; or, if wanted, a new one each time.
        """
        for fresh, clients in ((False, 1), (True, 3)):
            method = Recorded()
            self.record(method, 3, fresh)
            states = {repr(context.stateDirectory) for context, _ in method.given}
            self.assertEqual(len(states), 1 + clients)

    def test_clock(self) -> None:
        """
        The wall's clock shows the present, and goes with the other.
        """
        method = Recorded()
        self.record(method)
        for context, _ in method.given:
            began = context.wallClock()
            context.reactor.advance(5)
            self.assertEqual(context.wallClock() - began, 5)

    def test_several(self) -> None:
        """
        A method with several network connections has as many flows.
        """
        flows = self.record(Knocking(), 2)
        self.assertEqual([flow.directions(9) for flow in flows], ["C", "CS"] * 2)

    def test_datagrams(self) -> None:
        """
        A method over UDP has flows of datagrams, one for each client's socket.
        """
        flows = self.record(Kcp(), 3)
        self.assertEqual(len(flows), 3)
        for flow in flows:
            self.assertTrue(flow.isDatagrams)
            [hello, answer, *_] = self.packets(flow)
            self.assertEqual(hello, ("client", 25, None))
            self.assertEqual(answer, ("server", 25, 0.0))
            both = flow.heads[Side.CLIENT] + flow.heads[Side.SERVER]
            self.assertEqual(len({head[:8] for head in both}), 1)
            self.assertTrue(any(b"payload" in head for head in both))

    def test_both(self) -> None:
        """
        Connections are recorded beside datagrams, even empty ones.
        """
        flows = self.record(Saying(), 2, fresh=True)
        seen = [flow.directions(9) for flow in flows]
        self.assertEqual(seen, ["C", "C", "CS"] * 2)
        self.assertEqual([flow.isDatagrams for flow in flows], [True, False, False] * 2)
        [empty, _] = [flow.packets for flow in flows if flow.isDatagrams]
        self.assertEqual([packet.size for packet in empty], [0])

    def test_shared(self) -> None:
        """
        Where later connections use what the first one made, that goes on being recorded;
        a new client makes its own.
        """
        for methods in ((Smux(),), (Smux(), Kcp())):
            expression = "|".join(method.name for method in methods)
            plan = Plan(expression, TURNS, 3)
            found = Methods({}, _plugins(*methods))
            [one] = record(plan, found)
            flows = record(plan, found, fresh=True)
            self.assertEqual(len(flows), 3)
            for flow in flows:
                self.assertGreater(len(one.packets), len(flow.packets))

    def test_misspelt(self) -> None:
        """
        What is misspelt is refused, on either side.
        """
        methods = Methods({}, _plugins(Kcp()))
        wrong = Arguments(framin="x")
        for plan in (
            Plan("kcp", TURNS, 1, options=wrong),
            Plan("kcp", TURNS, 1, arguments=wrong),
        ):
            error = self.assertRaises(ConfigurationError, record, plan, methods)
            self.assertIn("is 'framing' meant?", str(error))

    def test_unknown(self) -> None:
        """
        A method that is not there is the registry's error.
        """
        methods = Methods({}, lambda role: [])
        self.assertRaises(ConfigurationError, record, Plan("nix", TURNS, 1), methods)

    def test_handshakeFails(self) -> None:
        """
        Why a handshake failed is told, by the client as by the server.
        """
        error = self.assertRaises(PTError, self.record, Strict())
        self.assertIn(str(ClosedByPeer()), str(error))
        self.assertIn("the peer failed to authenticate", str(error))

    def test_answered(self) -> None:
        """
        The same if the server has said something.
        """
        method = Draining()
        method.codec = Impolite
        error = self.assertRaises(PTError, self.record, method)
        self.assertIn("the server's reason: authentication", str(error))

    def test_spoilt(self) -> None:
        """
        A method that changes what is said fails.
        """
        error = self.assertRaises(PTError, self.record, Recorded(Spoiling))
        self.assertIn("heard what nobody said", str(error))

    def test_stuck(self) -> None:
        """
        One that never ends is not waited for for ever.
        """
        error = self.assertRaises(PTError, self.record, Stuck())
        self.assertIn(f"more than {limits.INSPECTED_CONNECTION:g} s", str(error))
