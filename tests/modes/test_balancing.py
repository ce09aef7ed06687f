"""
Tests for ``pyptwist.modes.balancing``.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.endpoints import wrapServer
from pyptwist.errors import Cause, HandshakeFailed, HandshakeTimeout
from pyptwist.extorport import ExtORPortServer
from pyptwist.modes.balancing import Pool
from pyptwist.modes.forward import ForwardFactory, extendedORPortBackend, orPortBackend
from pyptwist.testing import MemoryNetwork, fixedEntropy
from pyptwist.testing.applications import Applications

_BRIDGE = HostPort("192.0.2.1", 443)
_NOBODY: Any = None


@implementer(IStreamClientEndpoint)
class Hanging:
    """
    An endpoint that does not answer.

    :ivar cancelled: how often it was told to give up.
    """

    def __init__(self) -> None:
        self.asked = self.cancelled = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        def cancel(deferred: Any) -> None:
            self.cancelled += 1

        self.asked += 1
        return Deferred(cancel)


@implementer(IStreamClientEndpoint)
class Failing:
    """
    An endpoint that fails.
    """

    def __init__(self, error: Exception) -> None:
        self.asked = 0
        self.error: Exception = error

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        self.asked += 1
        failed: Deferred[Any] = Deferred()
        failed.errback(Failure(self.error))
        return failed


class BalancingCase(SynchronousTestCase):
    """
    A server in front of three destinations.

    :ivar destinations: their applications.
    :ivar listeners: their ports; None for those that are not there.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.addresses = [HostPort("127.0.0.1", 9001 + n) for n in range(3)]
        self.destinations = [Applications() for _ in range(3)]
        self.listeners: list[Any] = [None] * 3
        for number in range(3):
            self.start(number)
        self.pool = Pool(self.network.clock, 3)
        backends = [orPortBackend(self.network, address) for address in self.addresses]
        self.factory = self.forward(self.pool.backend(backends), _BRIDGE)

    def forward(self, backend: Any, address: HostPort) -> ForwardFactory:
        """
        Listen for clients.
        """
        factory = ForwardFactory(backend, "hello")
        self.network.serverEndpoint(address.host, address.port).listen(factory)
        return factory

    def start(self, number: int) -> None:
        """
        Have a destination listen.
        """
        host, port = self.addresses[number].host, self.addresses[number].port
        listening = self.network.serverEndpoint(host, port).listen(self.destinations[number])
        self.listeners[number] = self.successResultOf(listening)

    def kill(self, number: int) -> None:
        """
        Have it end, with all that is open.
        """
        self.listeners[number].stopListening()
        for application in self.destinations[number].built:
            transport: Any = application.transport
            if not application.lost:
                transport.abortConnection()
        self.network.pump()

    def client(self, address: HostPort = _BRIDGE) -> Any:
        """
        :returns: a client that has said something.
        """
        connecting = self.network.clientEndpoint(address.host, address.port).connect(
            Applications()
        )
        self.network.pump()
        client: Any = self.successResultOf(connecting)
        client.transport.write(b"question")
        self.network.pump()
        return client

    def counts(self) -> list[int]:
        """
        :returns: how many clients each destination has now.
        """
        return [
            sum(not application.lost for application in destination.built)
            for destination in self.destinations
        ]

    def loads(self) -> list[int]:
        """
        :returns: how many it is believed to have.
        """
        return [len(destination.clients) for destination in self.pool.destinations]


class ChoiceTests(BalancingCase):
    """
    Who gets which client.
    """

    def test_evenly(self) -> None:
        """
        Each gets as many, and what they say.
        """
        for _ in range(9):
            self.client()
        self.assertEqual((self.counts(), self.loads()), ([3, 3, 3], [3, 3, 3]))
        said = {bytes(each.received) for one in self.destinations for each in one.built}
        self.assertEqual(said, {b"question"})

    def test_fewest(self) -> None:
        """
        Who has lost clients gets the next ones, whichever side ended them.
        """
        clients = [self.client() for _ in range(9)]
        for client in clients[1:7:3]:
            client.transport.loseConnection()
        self.destinations[2].built[0].transport.loseConnection()  # type: ignore[union-attr]
        self.network.pump()
        self.assertEqual((self.counts(), self.loads()), ([3, 1, 2], [3, 1, 2]))
        self.client()
        self.assertEqual(self.counts(), [3, 2, 2])
        for _ in range(2):
            self.client()
        self.assertEqual(self.counts(), [3, 3, 3])

    def test_inTurn(self) -> None:
        """
        Where all have as few, each has its turn: it is not always the first who
        gets those that do not stay.
        """
        for _ in range(6):
            self.client().transport.loseConnection()
            self.network.pump()
        self.assertEqual([len(one.built) for one in self.destinations], [2, 2, 2])

    def test_allGone(self) -> None:
        """
        In the end nothing is left.
        """
        for _ in range(5):
            self.client()
        self.factory.closeAll()
        self.network.pump()
        self.assertEqual((self.counts(), self.loads()), ([0] * 3, [0] * 3))
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_methods(self) -> None:
        """
        All methods of a server share them.
        """
        other = HostPort("192.0.2.1", 8443)
        backends = [orPortBackend(self.network, address) for address in self.addresses]
        self.forward(self.pool.backend(backends), other)
        for _ in range(2):
            self.client()
        self.client(other)
        self.assertEqual(self.counts(), [1, 1, 1])

    def test_one(self) -> None:
        """
        Where there is one, nothing is between it and its clients.
        """
        backend = orPortBackend(self.network, self.addresses[0])
        self.assertIs(Pool(self.network.clock, 1).backend([backend]), backend)


class FailureTests(BalancingCase):
    """
    Destinations that come and go.
    """

    def test_killed(self) -> None:
        """
        The clients of one that ends are let go, new ones are served by the others,
        and it has its part again when it is back; the log tells of it once.
        """
        clients = [self.client() for _ in range(6)]
        with capturedLogs() as events:
            self.kill(1)
            self.assertEqual([len(c.lost) for c in clients], [0, 1, 0] * 2)
            for _ in range(6):
                self.client()
            self.assertEqual((self.counts(), self.loads()), ([5, 0, 5], [5, 0, 5]))
            self.start(1)
            self.network.pump(limits.DESTINATION_SHUNNED)
            for _ in range(5):
                self.client()
        self.assertEqual(self.counts(), [5, 5, 5])
        told = [(e["log_level"], e["label"]) for e in events if "label" in e]
        self.assertEqual(
            told, [(LogLevel.warn, "Destination 2 of 3"), (LogLevel.info, "Destination 2 of 3")]
        )

    def test_remembered(self) -> None:
        """
        One that failed is left alone for a while, and seen to by one client then.
        """
        self.kill(0)
        failing = Failing(ConnectionRefusedError())
        rest = [orPortBackend(self.network, address) for address in self.addresses[1:]]
        other = HostPort("192.0.2.1", 8443)
        self.forward(self.pool.backend([lambda client: failing, *rest]), other)
        for waited, asked in (
            (0, 1),
            (0, 1),
            (limits.DESTINATION_SHUNNED - 0.001, 1),
            (0.002, 2),
            (0, 2),
            (limits.DESTINATION_SHUNNED - 0.001, 2),
            (0.002, 3),
        ):
            self.network.pump(waited)
            self.client(other)
            self.assertEqual(failing.asked, asked)
        self.assertEqual(sum(self.counts()), 7)

    def test_allDown(self) -> None:
        """
        If none is there, the client is let go; the next one is tried with all of
        them again, so that none has to wait for one that is back.
        """
        for number in range(3):
            self.kill(number)
        self.assertEqual(len(self.client().lost), 1)
        self.start(2)
        self.assertEqual(len(self.client().lost), 0)
        self.assertEqual(self.counts(), [0, 0, 1])

    def test_bounded(self) -> None:
        """
        A client is not offered to any number of them.
        """
        failing = Failing(ConnectionRefusedError())
        pool = Pool(self.network.clock, 9)
        connecting = pool.backend([lambda client: failing] * 9)(_NOBODY).connect(_NOBODY)
        self.failureResultOf(connecting, ConnectionRefusedError)
        self.assertEqual(failing.asked, limits.DESTINATION_TRIES)

    def test_noAnswer(self) -> None:
        """
        One that does not answer costs its client a while, and nobody else.
        """
        hanging = Hanging()
        pool = Pool(self.network.clock, 2)
        second = orPortBackend(self.network, self.addresses[1])
        backend = pool.backend([lambda client: hanging, second])
        connecting = backend(_NOBODY).connect(Applications())
        self.network.pump(limits.DESTINATION - 0.001)
        self.assertNoResult(connecting)
        self.network.pump(0.001)
        self.successResultOf(connecting)
        self.assertEqual((hanging.asked, hanging.cancelled), (1, 1))
        again = backend(_NOBODY).connect(Applications())
        self.network.pump()
        self.successResultOf(again)
        self.assertEqual([len(each.clients) for each in pool.destinations], [0, 2])

    def test_noneAnswers(self) -> None:
        """
        What is told in the end is a cause.
        """
        pool = Pool(self.network.clock, 2)
        connecting = pool.backend([lambda client: Hanging()] * 2)(_NOBODY).connect(_NOBODY)
        self.network.pump(2 * limits.DESTINATION)
        self.failureResultOf(connecting, HandshakeTimeout)

    def test_clientLeaves(self) -> None:
        """
        A client that leaves meanwhile says nothing of a destination, and needs no
        other.
        """
        hanging = Hanging()
        pool = Pool(self.network.clock, 2)
        connecting = pool.backend([lambda client: hanging] * 2)(_NOBODY).connect(_NOBODY)
        connecting.cancel()
        self.failureResultOf(connecting)
        self.assertEqual((hanging.asked, hanging.cancelled), (1, 1))
        self.assertEqual([len(each.clients) for each in pool.destinations], [0, 0])
        self.assertFalse(pool.destinations[0].isShunned())
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_denied(self) -> None:
        """
        Nor does one that a destination does not want.
        """
        error = HandshakeFailed("the ext-ORPort denied this client")
        error.cause = Cause.REFUSED
        failing = Failing(error)
        pool = Pool(self.network.clock, 2)
        connecting = pool.backend([lambda client: failing] * 2)(_NOBODY).connect(_NOBODY)
        self.failureResultOf(connecting, HandshakeFailed)
        self.assertEqual(failing.asked, 1)
        self.assertFalse(pool.destinations[0].isShunned())

    def test_oneClientSees(self) -> None:
        """
        While one client waits for a destination that had failed, nobody else does.
        """
        asked: list[Any] = [Failing(ConnectionRefusedError()), Hanging()]
        pool = Pool(self.network.clock, 2)
        second = orPortBackend(self.network, self.addresses[1])
        backend = pool.backend([lambda client: asked[0], second])
        waiting = []
        for seconds in (0, limits.DESTINATION_SHUNNED, 1, 1):
            self.network.pump(seconds)
            waiting.append(backend(_NOBODY).connect(Applications()))
            self.network.pump()
            asked[0] = asked[1]
        self.assertEqual(asked[1].asked, 1)
        self.assertEqual([attempt.called for attempt in waiting], [True, False, True, True])
        self.network.pump(limits.DESTINATION)
        self.successResultOf(waiting[1])


class ExtendedORPortTests(SynchronousTestCase):
    """
    Extended ORPorts, each with a cookie.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.served: list[int] = []
        self.files = [self.mktemp() for _ in range(2)]
        clock = self.network.clock
        backends = []
        for number, file in enumerate(self.files):
            address = HostPort("127.0.0.1", 9001 + number)
            self.listen(number, address)
            entropy = fixedEntropy(f"us {number}")
            backends.append(
                extendedORPortBackend(clock, self.network, address, file, "hello", entropy)
            )
        factory = ForwardFactory(Pool(clock, 2).backend(backends), "hello")
        self.network.serverEndpoint(_BRIDGE.host, _BRIDGE.port).listen(factory)

    def listen(self, number: int, address: HostPort) -> None:
        """
        Be a tor.
        """
        below = self.network.serverEndpoint(address.host, address.port)
        endpoint = wrapServer(
            below,
            self.network.clock,
            lambda: ExtORPortServer(bytes([number]) * 32, fixedEntropy(f"tor {number}")),
            "ext-orport",
        )
        endpoint.listen(Applications(lambda transport: self.served.append(number)))

    def write(self, number: int, cookie: int) -> None:
        """
        Write a cookie file.
        """
        with open(self.files[number], "wb") as file:
            file.write(b"! Extended ORPort Auth Cookie !\n" + bytes([cookie]) * 32)

    def client(self) -> Any:
        """
        :returns: what became of a new client.
        """
        connecting = self.network.clientEndpoint(_BRIDGE.host, _BRIDGE.port).connect(
            Applications()
        )
        self.network.pump()
        return self.successResultOf(connecting)

    def test_cookies(self) -> None:
        """
        Each is spoken to with its own; one whose cookie is missing, or wrong, is
        passed over until it is right.
        """
        for number in range(2):
            self.write(number, number)
            self.client()
        self.assertEqual(self.served, [0, 1])
        os.remove(self.files[0])
        self.client()
        self.write(0, 7)
        self.network.pump(limits.DESTINATION_SHUNNED)
        self.client()
        self.assertEqual(self.served, [0, 1, 1, 1])
        self.write(0, 0)
        self.network.pump(limits.DESTINATION_SHUNNED)
        self.assertEqual(len(self.client().lost), 0)
        self.assertEqual(self.served, [0, 1, 1, 1, 0])
