"""
The kit's tests of endpoints on an Optimizer whose transports reach one server.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.testing import EndpointConformance
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs4.method import Obfs4
from pyptwist.transports.optimizer.method import LowerOptimizer, Optimizer
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
