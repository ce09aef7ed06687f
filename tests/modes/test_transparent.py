"""
Tests for ``pyptwist.modes.transparent``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, HandshakeTimeout
from pyptwist.modes.transparent import TransparentFactory
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Applications
from tests.memory import Hello
from tests.modes.datagrams import ScriptedMethod

SERVER = HostPort("192.0.2.7", 443)
LOCAL = HostPort("127.0.0.1", 8080)


class TransparentCase(SynchronousTestCase):
    """
    An application connected to a transparent port.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        # So that applications speak before they can be heard.
        self.network.latency = 1.0
        self.context = memoryContext(self.mktemp(), "transparent", self.network)

    def listen(self, method: Any) -> TransparentFactory:
        """
        Open the port.
        """
        self.factory = TransparentFactory(method, self.context, SERVER, Arguments({"a": "b"}))
        listening = self.network.serverEndpoint(LOCAL.host, LOCAL.port).listen(self.factory)
        self.successResultOf(listening)
        return self.factory

    def application(self) -> Any:
        """
        :returns: somebody connected to it.
        """
        connecting = self.network.clientEndpoint(LOCAL.host, LOCAL.port).connect(Applications())
        self.network.pump(1)
        return self.successResultOf(connecting)


class RelayedTests(TransparentCase):
    """
    Through a real transport.
    """

    def setUp(self) -> None:
        super().setUp()
        self.servers = Applications()
        endpoint = Hello().serverEndpoint(self.context, SERVER, Arguments())
        self.successResultOf(endpoint.listen(self.servers))
        self.listen(Hello())

    def test_bothWays(self) -> None:
        """
        Bytes pass both ways, those that the application said at once included.
        """
        application = self.application()
        application.transport.write(b"early")
        self.network.pump(10)
        server: Any = self.servers.built[0]
        server.transport.write(b"welcome")
        application.transport.write(b" and late")
        self.network.pump(10)
        self.assertEqual(bytes(server.received), b"early and late")
        self.assertEqual(bytes(application.received), b"welcome")

    def test_saidAndGone(self) -> None:
        """
        What an application says before it leaves at once is heard.
        """
        application = self.application()
        application.transport.write(b"one line for the log")
        application.transport.loseConnection()
        self.network.pump(10)
        server: Any = self.servers.built[0]
        self.assertEqual(bytes(server.received), b"one line for the log")
        self.assertEqual(len(server.lost), 1)
        self.assertEqual(self.factory.connections, set())

    def test_closes(self) -> None:
        """
        Either end closes the other.
        """
        applications = [self.application() for _ in range(2)]
        self.network.pump(10)
        servers: list[Any] = self.servers.built
        applications[0].transport.loseConnection()
        servers[1].transport.loseConnection()
        self.network.pump(10)
        ends = [*applications, *servers]
        self.assertEqual([len(end.lost) for end in ends], [1] * 4)
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_closeAll(self) -> None:
        """
        The program's end closes every connection.
        """
        applications = [self.application() for _ in range(2)]
        self.network.pump(10)
        self.factory.closeAll()
        self.network.pump(10)
        self.assertEqual([len(application.lost) for application in applications], [1, 1])
        self.assertEqual(self.factory.connections, set())


class Raising(ScriptedMethod):
    """
    Its endpoints raise.
    """

    def connect(self, factory: Any) -> Any:
        raise ConfigurationError("the proxy cannot be asked for that")


class DiallingTests(TransparentCase):
    """
    With a method whose connections the test makes.
    """

    def test_oneEndpoint(self) -> None:
        """
        The method is asked once, with the server and the arguments, for all.
        """
        method = ScriptedMethod()
        self.listen(method)
        for _ in range(2):
            self.application()
        self.assertEqual(method.asked, [(SERVER, Arguments({"a": "b"}))])
        self.assertEqual(len(method.attempts), 2)

    def test_wrongArguments(self) -> None:
        """
        What is wrong with the arguments is found before anybody connects.
        """
        method = ScriptedMethod(ConfigurationError("key is missing"))
        self.assertRaises(ConfigurationError, self.listen, method)

    def test_raised(self) -> None:
        """
        So it is if an endpoint raises.
        """
        self.listen(Raising())
        application = self.application()
        self.network.pump(10)
        self.assertEqual(len(application.lost), 1)
        self.assertEqual(self.factory.connections, set())

    def test_unreachable(self) -> None:
        """
        An application whose connection cannot be made is let go.
        """
        for error in (HandshakeTimeout(), ValueError("unforeseen")):
            self.setUp()
            method = ScriptedMethod()
            self.listen(method)
            application = self.application()
            method.attempts[0].fail(error)
            self.network.pump(10)
            self.assertEqual(len(application.lost), 1)
            self.assertEqual(self.factory.connections, set())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_leavesWhileDialling(self) -> None:
        """
        An application that is gone is not dialled for any longer.
        """
        method = ScriptedMethod()
        self.listen(method)
        self.application().transport.abortConnection()
        self.network.pump(10)
        self.assertEqual(method.attempts[0].cancelled, 1)
        self.assertEqual(self.factory.connections, set())

    def test_failsAtOnce(self) -> None:
        """
        A failure that is there before anybody waits for it.
        """
        method = ScriptedMethod()

        def connect(factory: Any) -> Deferred[Any]:
            return fail(HandshakeTimeout())

        self.patch(method, "connect", connect)
        self.listen(method)
        application = self.application()
        self.network.pump(10)
        self.assertEqual(len(application.lost), 1)
