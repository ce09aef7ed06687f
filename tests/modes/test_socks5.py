"""
Tests for ``pyptwist.modes.socks5``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import DNSLookupError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, HandshakeTimeout
from pyptwist.modes.socks5 import Socks5Factory
from pyptwist.proxies.socks5server import ALL_METHODS
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Application, Applications
from tests.memory import Hello

BRIDGE = HostPort("192.0.2.7", 443)
REQUEST = b"\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"


class Scripted:
    """
    A transport whose endpoint does what the test says.
    """

    name = "scripted"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.asked: list[tuple[HostPort, Arguments]] = []

    def clientEndpoint(self, context: Any, target: HostPort, arguments: Arguments) -> Any:
        """
        Note the question.
        """
        self.asked.append((target, arguments))
        if isinstance(self.outcome, ConfigurationError):
            raise self.outcome
        return self

    def connect(self, factory: Any) -> Any:
        """
        Answer.
        """
        return self.outcome


class Socks5Case(SynchronousTestCase):
    """
    An application connected to a SOCKS port.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), "socks", self.network)

    def listen(self, transport: Any, *more: Any) -> Socks5Factory:
        """
        Open the SOCKS port.

        :param more: for the factory.
        """
        factory = Socks5Factory(transport, self.context, *more)
        self.successResultOf(self.network.serverEndpoint("127.0.0.1", 1080).listen(factory))
        return factory

    def application(self) -> Any:
        """
        :returns: somebody connected to it.
        """
        connecting = self.network.clientEndpoint("127.0.0.1", 1080).connect(Applications())
        self.network.pump()
        return self.successResultOf(connecting)

    def say(self, application: Any, data: bytes) -> bytes:
        """
        :returns: what is answered.
        """
        application.received.clear()
        application.transport.write(data)
        self.network.pump()
        return bytes(application.received)


class RelayedTests(Socks5Case):
    """
    Through a real transport.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bridges = Applications()
        endpoint = Hello().serverEndpoint(self.context, BRIDGE, Arguments())
        self.successResultOf(endpoint.listen(self.bridges))
        self.factory = self.listen(Hello())

    def test_relayed(self) -> None:
        """
        Negotiation, success when the transport is ready, then bytes both ways.
        """
        application = self.application()
        self.assertEqual(self.say(application, b"\x05\x01\x00"), b"\x05\x00")
        self.assertEqual(self.say(application, REQUEST)[:2], b"\x05\x00")
        self.say(application, b"out")
        bridge: Any = self.bridges.built[0]
        bridge.transport.write(b"in")
        self.network.pump()
        self.assertEqual(bytes(bridge.received), b"out")
        self.assertEqual(bytes(application.received), b"in")
        bridge.transport.loseConnection()
        self.network.pump()
        self.assertEqual(len(application.lost), 1)
        self.assertEqual(self.factory.connections, set())
        self.network.pump(100)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_earlyPayload(self) -> None:
        """
        Payload behind the request is not lost.
        """
        application = self.application()
        self.say(application, b"\x05\x01\x00" + REQUEST + b"early")
        self.assertEqual(bytes(self.bridges.built[0].received), b"early")

    def test_muchEarlyPayload(self) -> None:
        """
        An application that does not wait is slowed down, not refused.
        """
        application = self.application()
        early = b"payload " * 65536
        self.say(application, b"\x05\x01\x00")
        application.transport.write(REQUEST + early)
        self.network.pump()
        self.assertEqual(bytes(self.bridges.built[0].received), early)

    def test_closeAll(self) -> None:
        """
        The program's end closes applications in every stage.
        """
        applications = [self.application() for _ in range(3)]
        self.say(applications[1], b"\x05\x01\x00")
        self.say(applications[2], b"\x05\x01\x00" + REQUEST)
        self.factory.closeAll()
        self.network.pump(1)
        self.assertEqual([len(a.lost) for a in applications], [1, 1, 1])
        self.assertEqual(len(self.bridges.built[0].lost), 1)


class RefusedTests(Socks5Case):
    """
    When there is no connection.
    """

    def reply(self, outcome: Any) -> bytes:
        """
        :returns: the SOCKS reply to a request with that outcome.
        """
        self.listen(Scripted(outcome))
        application: Application = self.application()
        self.say(application, b"\x05\x01\x00")
        reply = self.say(application, REQUEST)
        self.assertEqual(len(application.lost), 1)
        return reply

    def test_refused(self) -> None:
        """
        Nobody listens at the bridge: reply 5.
        """
        self.listen(Hello())
        application = self.application()
        self.say(application, b"\x05\x01\x00")
        self.assertEqual(self.say(application, REQUEST)[:2], b"\x05\x05")
        self.assertEqual(len(application.lost), 1)

    def test_badArguments(self) -> None:
        """
        Bad arguments: reply 1, as obfs4proxy answers.
        """
        self.assertEqual(self.reply(ConfigurationError("no"))[:2], b"\x05\x01")

    def test_timeout(self) -> None:
        """
        A handshake that took too long: reply 6, TTL expired.
        """
        self.assertEqual(self.reply(fail(HandshakeTimeout()))[:2], b"\x05\x06")

    def test_dns(self) -> None:
        """
        A name that does not resolve: reply 4, host unreachable.
        """
        self.assertEqual(self.reply(fail(DNSLookupError()))[:2], b"\x05\x04")

    def test_bug(self) -> None:
        """
        A transport's bug costs one connection, and is logged.
        """
        self.assertEqual(self.reply(fail(ZeroDivisionError()))[:2], b"\x05\x01")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_arguments(self) -> None:
        """
        Arguments in the credentials reach the transport.
        """
        transport = Scripted(Deferred())
        self.listen(transport)
        application = self.application()
        self.assertEqual(self.say(application, b"\x05\x01\x02"), b"\x05\x02")
        self.assertEqual(self.say(application, b"\x01\x03a=b\x01\x00"), b"\x01\x00")
        self.say(application, REQUEST)
        self.assertEqual(transport.asked, [(BRIDGE, Arguments(a="b"))])

    def test_applicationLeaves(self) -> None:
        """
        An application that leaves cancels the attempt.
        """
        cancelled: list[Any] = []
        self.listen(Scripted(Deferred(cancelled.append)))
        application = self.application()
        self.say(application, b"\x05\x01\x00" + REQUEST)
        application.transport.loseConnection()
        self.network.pump()
        self.assertEqual(len(cancelled), 1)

    def test_slowNegotiation(self) -> None:
        """
        An application that does not say what it wants is let go.
        """
        factory = self.listen(Hello())
        application = self.application()
        for _ in range(3):
            self.say(application, b"\x05\xff")
            self.network.pump(limits.SOCKS_NEGOTIATION / 2)
        self.assertEqual(len(application.lost), 1)
        self.assertEqual(factory.connections, set())

    def test_garbage(self) -> None:
        """
        Whoever does not speak SOCKS5 is let go at once.
        """
        self.listen(Hello())
        application = self.application()
        self.assertEqual(self.say(application, b"GET / HTTP/1.0\r\n\r\n"), b"")
        self.assertEqual(len(application.lost), 1)


class ParametersTests(Socks5Case):
    """
    Arguments as PT 2.1 and later have them.
    """

    def ask(self, transport: Any, arguments: Arguments | None, text: str) -> bytes:
        """
        :param arguments: for all connections.
        :param text: the application's parameters.
        :returns: the code of the answer to a request.
        """
        self.listen(transport, ALL_METHODS, arguments)
        block = len(text).to_bytes(4, "big") + text.encode()
        answer = self.say(self.application(), b"\x05\x01\x09" + block + REQUEST)
        self.assertEqual(answer[:2], b"\x05\x09")
        return answer[3:4]

    def test_together(self) -> None:
        """
        Both sources are used; what the application says comes first, and each may
        name the server.
        """
        transport = Scripted(fail(Refused()))
        standing = Arguments(a=1, b=2, serverAddress="192.0.2.1:1")
        self.ask(transport, standing, '{"b": 3}')
        self.assertEqual(transport.asked, [(HostPort("192.0.2.1", 1), Arguments(a=1, b=3))])

    def test_applicationsServer(self) -> None:
        """
        An application's own server is asked for before the standing one.
        """
        transport = Scripted(fail(Refused()))
        self.ask(transport, Arguments(serverAddress="h:1"), '{"serverAddress": "h:2"}')
        self.assertEqual(transport.asked[0][0], HostPort("h", 2))

    def test_target(self) -> None:
        """
        Without such an argument, the server is whom the request names.
        """
        transport = Scripted(fail(Refused()))
        self.ask(transport, Arguments(), "{}")
        self.assertEqual(transport.asked, [(BRIDGE, Arguments())])

    def test_version1(self) -> None:
        """
        In PT 1 that argument means nothing.
        """
        transport = Scripted(fail(Refused()))
        self.listen(transport)
        login = b"serverAddress=h:1"
        login = b"\x01" + bytes([len(login)]) + login + b"\x01\x00"
        self.say(self.application(), b"\x05\x01\x02" + login + REQUEST)
        self.assertEqual(transport.asked, [(BRIDGE, Arguments(serverAddress="h:1"))])

    def test_wrong(self) -> None:
        """
        What the method does not take has a code of its own.
        """
        transport = Scripted(ConfigurationError("no"))
        self.assertEqual(self.ask(transport, Arguments(), "{}"), b"\x13")

    def test_wrongServer(self) -> None:
        """
        So has a server that is none.
        """
        transport = Scripted(None)
        self.assertEqual(self.ask(transport, Arguments(), '{"serverAddress": 1}'), b"\x13")

    def test_late(self) -> None:
        """
        Who never ends the parameters is told so.
        """
        self.listen(Scripted(None), ALL_METHODS, Arguments())
        application = self.application()
        self.say(application, b"\x05\x01\x09\x00\x00\x00\x02{")
        application.received.clear()
        self.network.pump(limits.SOCKS_NEGOTIATION)
        self.assertEqual(bytes(application.received)[:2], b"\x05\x11")
        self.assertEqual(len(application.lost), 1)
