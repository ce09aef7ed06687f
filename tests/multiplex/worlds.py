"""
smux clients and servers in memory.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.registry import Methods
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Application, Applications
from pyptwist.transports.smux import Smux

SERVER = HostPort("127.0.0.1", 443)
HOUR = 3600.0


class Echo(Application):
    """
    Sends back what it gets.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        assert self.transport is not None
        self.transport.write(data)


class Forgetting(Application):
    """
    Lets go of its transport at the end, as those do who are many.
    """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.transport = None


class Strangers:
    """
    Finds methods, and never the same smux twice: those of two stacks share nothing.
    """

    def client(self, name: str) -> Any:
        return Smux() if name == "smux" else Methods().client(name)

    def server(self, name: str) -> Any:
        return Smux() if name == "smux" else Methods().server(name)


class WorldCase(SynchronousTestCase):
    """
    A server that listens, and clients that share.

    :cvar method: one object, of both sides.
    :ivar servers: the server's applications.
    """

    arguments = Arguments()

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.network = MemoryNetwork()
        self.clock = self.network.clock
        self.context = memoryContext(directory.name, network=self.network)
        self.method = self.makeMethod()
        self.servers = Applications()
        endpoint = self.method.serverEndpoint(self.context, SERVER, self.arguments)
        self.published: Arguments = endpoint.clientArguments
        self.port = self.successResultOf(endpoint.listen(self.servers))

    def makeMethod(self) -> Any:
        """
        :returns: the method.
        """
        return Smux()

    def dial(self, applications: Any = None, **arguments: str) -> Any:
        """
        :returns: what comes of one more connection, by an endpoint of its own.
        """
        endpoint = self.method.clientEndpoint(
            self.context, SERVER, self.published.updated(Arguments(arguments))
        )
        return endpoint.connect(applications or Applications())

    def connect(self, applications: Any = None, **arguments: str) -> tuple[Any, Any]:
        """
        :returns: both sides' applications of one more connection.
        """
        attempt = self.dial(applications, **arguments)
        self.network.pump()
        client = self.successResultOf(attempt)
        self.network.pump()
        return client, self.servers.built[-1]

    def assertAtRest(self) -> None:
        """
        In time, no session is left, and no timer.
        """
        self.network.pump(HOUR)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(any(end.connected for pair in self.network.connections for end in pair))
        self.assertEqual(self.context.metrics.connectionsOpen, 0)
