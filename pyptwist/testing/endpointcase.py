"""
What the tests of endpoints have in common: a method's server that listens in
memory, and clients for it.
"""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context, IServerTransportEndpoint
from pyptwist.state import StateDirectory
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

BRIDGE = HostPort("127.0.0.1", 443)
SILENT = HostPort("127.0.0.1", 444)
CLOSED = HostPort("127.0.0.1", 1)

#: Seconds: longer than any handshake, drain or linger.
SETTLE = 600.0


class EndpointCase(_Case):
    """
    See ``EndpointConformance``, which is this and the tests.
    """

    method: Any
    serverArguments = Arguments()
    flushSeconds = 60.0
    boundedBuffer = 1024 * 1024
    plain = False
    answersStrangers = False

    def setUp(self) -> None:
        """
        A server that listens, and a client that can reach it.
        """
        super().setUp()
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.start()

    def start(self, seed: str = "endpoints") -> None:
        """
        Begin anew, in a world where nothing has happened: but for the state
        directory, which is as it was left.
        """
        self.network = MemoryNetwork()
        self.context: Context = memoryContext(self.directory, seed, self.network)
        self.servers = Applications()
        endpoint = self.serverEndpoint(self.serverArguments)
        self.clientArguments: Arguments = endpoint.clientArguments
        self.port = self.successResultOf(endpoint.listen(self.servers))

    def forget(self) -> None:
        """
        Begin anew, with nothing in the state directory.
        """
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.start()

    def newMethod(self) -> Any:
        """
        :returns: the method, as new.
        """
        return type(self).method()

    def serverEndpoint(self, arguments: Arguments) -> IServerTransportEndpoint:
        """
        :param arguments: the operator's options.
        :returns: where this server listens, or will.
        """
        endpoint: IServerTransportEndpoint = self.newMethod().serverEndpoint(
            self.context, BRIDGE, arguments
        )
        return endpoint

    def elsewhere(self, stateless: bool = False) -> Context:
        """
        :returns: the same surroundings with a state directory where nothing is
            yet, or with none.
        """
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        state = None if stateless else StateDirectory(directory.name)
        return replace(self.context, stateDirectory=state)

    def connecting(
        self, target: HostPort = BRIDGE, applications: Applications | None = None
    ) -> tuple[Deferred[Any], Applications]:
        """
        :returns: an attempt that was just begun, and the client's applications.
        """
        applications = applications or Applications()
        endpoint = self.newMethod().clientEndpoint(self.context, target, self.clientArguments)
        return endpoint.connect(applications), applications

    def connected(self, applications: Applications | None = None) -> tuple[Any, Any]:
        """
        :returns: both sides' applications, connected.
        """
        attempt, _ = self.connecting(applications=applications)
        self.network.pump()
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.assertTrue(outcomes, "connect() has not fired, though both sides said all they have")
        if not isinstance(outcomes[0], Application):
            self.fail(f"connect() did not fire with the application's protocol: {outcomes[0]}")
        self.network.pump()
        self.assertTrue(self.servers.built, "the server built no application for its client")
        return outcomes[0], self.servers.built[-1]

    def stranger(self) -> Application:
        """
        :returns: somebody who is no client, connected to the server's port.
        """
        application = Application()
        factory = Factory.forProtocol(lambda: application)
        self.network.clientEndpoint(BRIDGE.host, BRIDGE.port).connect(factory)
        self.network.pump()
        return application

    def listenSilently(self) -> HostPort:
        """
        :returns: where somebody listens who takes all and says nothing.
        """
        listening = self.network.serverEndpoint(SILENT.host, SILENT.port)
        self.successResultOf(listening.listen(Applications()))
        return SILENT

    def assertAtRest(self) -> None:
        """
        Nothing is left: no timer, no open connection; everybody who was
        connected knows that it is over.
        """
        self.network.pump(SETTLE)
        self.assertEqual(
            self.network.clock.getDelayedCalls(),
            [],
            f"timers are left {SETTLE:.0f} seconds after the end: cancel them in connectionLost",
        )
        self.assertEqual(
            self.context.metrics.connectionsOpen, 0, "metrics count connections that are gone"
        )
        for application in self.servers.built:
            self.assertEqual(
                len(application.lost), 1, "connectionLost must come once to each application"
            )
