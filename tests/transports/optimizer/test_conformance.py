"""
The kit's tests of endpoints on an Optimizer whose transports reach one server.
"""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.testing import EndpointConformance, MemoryNetwork, memoryContext
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs4.method import Obfs4
from pyptwist.transports.optimizer.method import LowerOptimizer, Optimizer
from tests.memory import Hello
from tests.transports.optimizer.fakes import methodsOf


@implementer(IClientTransport, IServerTransport)
class Served(Optimizer):
    """
    Of obfs4, beside a transport whose server is closed.
    """

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        closed = {"name": "dummy", "config": {"serverAddress": "127.0.0.1:1"}}
        good = {"name": "obfs4", "config": dict(arguments.items())}
        given: Any = {"transports": [good, closed], "strategy": "rotate", "rounds": 1}
        methods = methodsOf([Dummy(), Obfs4()])
        return super().clientEndpoint(replace(context, methods=methods), target, Arguments(given))

    def serverEndpoint(self, context: Context, bind: HostPort, arguments: Arguments) -> Any:
        """
        That of obfs4.
        """
        return Obfs4().serverEndpoint(replace(context, alias=self.name), bind, arguments)


class LowerServed(Served):
    """
    The other name.
    """

    name = LowerOptimizer.name


class OptimizerTests(EndpointConformance, SynchronousTestCase):
    """
    The method ``Optimizer``.
    """

    method = Served

    def test_winner(self) -> None:
        """
        The network connection is that of the transport that won.
        """
        client, _ = self.connected()
        [(end, _)] = self.network.connections
        self.assertIs(client.transport.networkConnection, end)
        client.transport.abortConnection()
        self.assertAtRest()


class LowerOptimizerTests(EndpointConformance, SynchronousTestCase):
    """
    And ``optimizer``.
    """

    method = LowerServed


class RemainsTests(SynchronousTestCase):
    """
    What is over is freed at once, and all of it.
    """

    def test_thousand(self) -> None:
        """
        Of a thousand connections past a server that is closed nothing remains, on
        either side, though no garbage is collected.
        """
        network = MemoryNetwork()
        context = replace(
            memoryContext(self.mktemp(), "remains", network), methods=methodsOf([Hello()])
        )
        served: list[Any] = []
        listening = Hello().serverEndpoint(context, HostPort("127.0.0.1", 443), Arguments())
        self.successResultOf(listening.listen(Factory.forProtocol(lambda: _noted(served))))
        entries: list[Any] = [
            {"name": "hello", "config": {"serverAddress": f"127.0.0.1:{port}"}}
            for port in (1, 443)
        ]
        endpoint = Optimizer().clientEndpoint(
            context, None, Arguments({"transports": entries, "strategy": "track"})
        )
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        left: list[Any] = []
        for _ in range(1000):
            connecting = endpoint.connect(Factory.forProtocol(Protocol))
            network.pump()
            client: Any = self.successResultOf(connecting)
            left += [weakref.ref(client), weakref.ref(client.transport)]
            client.transport.loseConnection()
            network.pump()
            network.connections.clear()
            del client, connecting
        self.assertEqual(len(served), 1000)
        self.assertEqual([ref for ref in left + served if ref() is not None], [])
        self.assertEqual(context.metrics.handshakesDone, 2000)
        self.assertEqual(context.metrics.connectionsOpen, 0)
        self.assertEqual(network.clock.getDelayedCalls(), [])


def _noted(served: list[Any]) -> Protocol:
    protocol = Protocol()
    served.append(weakref.ref(protocol))
    return protocol
