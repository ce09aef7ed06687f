"""
Tests for ``pyptwist.multiplex.pool``: who gets which session.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    NoProtocol,
)

from pyptwist import limits
from pyptwist.errors import ClosedByPeer
from pyptwist.multiplex.events import SmuxSettings
from pyptwist.multiplex.pool import PoolSettings, SessionPool
from pyptwist.testing.applications import Applications
from tests.multiplex.worlds import SERVER, WorldCase


class Later:
    """
    An endpoint whose connections are made when the test says so.

    :ivar attempts: each as (factory, Deferred), in order.
    :ivar cancelled: how many were given up.
    """

    def __init__(self) -> None:
        self.attempts: list[tuple[Any, Deferred[Any]]] = []
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        def cancel(_: object) -> None:
            self.cancelled += 1

        attempt: Deferred[Any] = Deferred(cancel)
        self.attempts.append((factory, attempt))
        return attempt


class PoolCase(WorldCase):
    """
    A pool over an endpoint that waits, or over the network in memory.

    :ivar empty: how often the pool said that it is.
    """

    def setUp(self) -> None:
        super().setUp()
        self.endpoint = Later()
        self.empty = 0

    def pool(self, endpoint: Any = None, **settings: Any) -> SessionPool:
        """
        :returns: a new one.
        """

        def emptied() -> None:
            self.empty += 1

        session = SmuxSettings(streams=settings.pop("streams", limits.SMUX_CLIENT_STREAMS))
        below: Any = endpoint or self.endpoint
        return SessionPool(self.clock, below, PoolSettings(session, **settings), emptied)

    def reach(self, pool: SessionPool, applications: Any = None) -> Deferred[Any]:
        """
        :returns: what comes of one more connection.
        """
        return pool.connect(applications or Applications(), "smux", self.context.metrics)

    def networked(self, **settings: Any) -> SessionPool:
        """
        :returns: one that reaches the server.
        """
        return self.pool(self.network.clientEndpoint(SERVER.host, SERVER.port), **settings)

    def makeIt(self, index: int = -1) -> None:
        """
        Let the connection of an attempt be made.
        """
        factory, attempt = self.endpoint.attempts[index]
        made = self.network.clientEndpoint(SERVER.host, SERVER.port).connect(factory)
        made.chainDeferred(attempt)
        self.network.pump()


class DiallingTests(PoolCase):
    """
    One session is made for all who come meanwhile.
    """

    def test_joined(self) -> None:
        """
        They wait for the same connection, and share it.
        """
        pool = self.pool()
        attempts = [self.reach(pool) for _ in range(5)]
        self.assertEqual(len(self.endpoint.attempts), 1)
        self.makeIt()
        clients = [self.successResultOf(attempt) for attempt in attempts]
        self.assertEqual(len({client.transport.session for client in clients}), 1)
        self.assertEqual(len(self.servers.built), 5)
        late = self.successResultOf(self.reach(pool))
        self.assertIs(late.transport.session, clients[0].transport.session)
        for client in (*clients, late):
            client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual((self.empty, len(pool)), (1, 0))

    def test_failed(self) -> None:
        """
        They all hear why there is none; the next one tries again.
        """
        pool = self.pool()
        attempts = [self.reach(pool) for _ in range(3)]
        self.endpoint.attempts[0][1].errback(ConnectionRefusedError())
        for attempt in attempts:
            self.failureResultOf(attempt, ConnectionRefusedError)
        self.assertEqual(self.empty, 1)
        self.reach(pool).addErrback(lambda reason: None)
        self.assertEqual(len(self.endpoint.attempts), 2)

    def test_failedAtOnce(self) -> None:
        """
        An endpoint may fail before it returns.
        """

        class Never:
            def connect(self, factory: object) -> Deferred[Any]:
                failed: Deferred[Any] = Deferred()
                failed.errback(ConnectionRefusedError())
                return failed

        pool = self.pool(Never())
        self.failureResultOf(self.reach(pool), ConnectionRefusedError)
        self.assertEqual((self.empty, len(pool)), (1, 0))

    def test_raises(self) -> None:
        """
        Or raise something: that must not look like an attempt that goes on.
        """

        class Broken:
            def connect(self, factory: object) -> Deferred[Any]:
                raise RuntimeError("what an endpoint must not do")

        pool = self.pool(Broken())
        self.failureResultOf(self.reach(pool), RuntimeError)
        self.assertEqual((self.empty, len(pool)), (1, 0))

    def test_cancelled(self) -> None:
        """
        Who gives up concerns nobody else.
        """
        pool = self.pool()
        first, second, third = (self.reach(pool) for _ in range(3))
        second.cancel()
        self.failureResultOf(second, ConnectingCancelledError)
        first.cancel()
        self.failureResultOf(first, ConnectingCancelledError)
        self.assertEqual(self.endpoint.cancelled, 0)
        self.makeIt()
        client = self.successResultOf(third)
        self.assertEqual(len(self.servers.built), 1)
        client.transport.loseConnection()
        self.assertAtRest()

    def test_allCancelled(self) -> None:
        """
        A session that nobody waits for any more is not dialled any longer.
        """
        pool = self.pool()
        attempts = [self.reach(pool) for _ in range(2)]
        for attempt in attempts:
            attempt.cancel()
            self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertEqual(self.endpoint.cancelled, 1)
        self.assertEqual((self.empty, len(pool)), (1, 0))

    def test_cancelledTooLate(self) -> None:
        """
        A connection that is made all the same is closed in time.
        """

        class Stubborn(Later):
            def connect(self, factory: Any) -> Deferred[Any]:
                super().connect(factory)
                stubborn: Deferred[Any] = Deferred(lambda _: self_.makeIt())
                self.attempts[-1] = (factory, stubborn)
                return stubborn

        self_ = self
        self.endpoint = Stubborn()
        pool = self.pool()
        attempt = self.reach(pool)
        attempt.cancel()
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.network.pump()
        self.assertEqual(len(pool), 1)
        self.network.pump(limits.SMUX_IDLE)
        self.assertEqual((self.empty, len(pool)), (1, 0))
        self.assertAtRest()

    def test_oneFactoryFails(self) -> None:
        """
        An application that cannot be built is its owner's trouble alone.
        """

        class Broken(Applications):
            def buildProtocol(self, addr: Any) -> Any:
                raise RuntimeError("what a factory may do")

        closed = Applications()
        closed.isOpen = False
        pool = self.pool()
        attempts = [self.reach(pool, each) for each in (Broken(), Applications(), closed)]
        self.makeIt()
        self.failureResultOf(attempts[0], RuntimeError)
        self.failureResultOf(attempts[2], NoProtocol)
        self.assertEqual(len(self.servers.built), 1)
        self.successResultOf(attempts[1]).transport.loseConnection()
        self.assertAtRest()

    def test_lostAtOnce(self) -> None:
        """
        A session that is lost before it is known is no session.
        """
        pool = self.pool()
        attempt = self.reach(pool)
        factory, below = self.endpoint.attempts[0]
        made = self.network.clientEndpoint(SERVER.host, SERVER.port).connect(factory)
        self.network.pump()
        self.network.connections[0][1].abortConnection()
        self.network.pump()
        made.chainDeferred(below)
        self.failureResultOf(attempt, ClosedByPeer)
        self.assertEqual((self.empty, len(pool)), (1, 0))

    def test_reentered(self) -> None:
        """
        Applications may connect again while they are connected, and give up others.
        """
        pool = self.pool()
        more: list[Any] = []

        def begin(transport: Any) -> None:
            more.append(self.reach(pool))
            attempts[1].cancel()

        attempts = [self.reach(pool, Applications(begin)), self.reach(pool), self.reach(pool)]
        self.makeIt()
        self.failureResultOf(attempts[1], ConnectingCancelledError)
        clients = [self.successResultOf(each) for each in (attempts[0], attempts[2], *more)]
        self.assertEqual(len({client.transport.session for client in clients}), 1)
        for client in clients:
            client.transport.loseConnection()
        self.assertAtRest()

    def test_cancelledWithin(self) -> None:
        """
        An application that cancels its own attempt while it is connected keeps nobody
        from a stream.
        """
        pool = self.pool()
        attempts: list[Any] = []
        attempts.append(self.reach(pool, Applications(lambda _: attempts[0].cancel())))
        attempts.append(self.reach(pool))
        self.makeIt()
        self.failureResultOf(attempts[0], ConnectingCancelledError)
        self.network.pump()
        self.assertEqual(self.context.metrics.connectionsOpen, 2)  # both ends of one
        self.successResultOf(attempts[1]).transport.loseConnection()
        self.assertAtRest()

    def test_overtaken(self) -> None:
        """
        Who waited for a session on which others were faster gets another one.
        """
        pool = self.pool(streams=2)
        more: list[Any] = []
        begin = Applications(lambda transport: more.append(self.reach(pool)))
        attempts = [self.reach(pool, begin), self.reach(pool)]
        self.makeIt()
        self.assertNoResult(attempts[1])
        self.makeIt()
        clients = [self.successResultOf(each) for each in (*attempts, *more)]
        self.assertEqual(len({client.transport.session for client in clients}), 2)
        for client in clients:
            client.transport.loseConnection()
        self.assertAtRest()


class LimitTests(PoolCase):
    """
    How many streams, how many sessions, how long.
    """

    def test_secondSession(self) -> None:
        """
        A session that is full is followed by another; room that is made is used.
        """
        pool = self.networked(streams=2, sessions=2)
        attempts = [self.reach(pool) for _ in range(4)]
        self.network.pump()
        clients = [self.successResultOf(attempt) for attempt in attempts]
        self.assertEqual(len(self.network.connections), 2)
        self.failureResultOf(self.reach(pool), ConnectError)
        clients[1].transport.loseConnection()
        self.network.pump()
        fifth = self.successResultOf(self.reach(pool))
        self.assertIs(fifth.transport.session, clients[0].transport.session)
        for client in (*clients, fifth):
            client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(len(pool), 0)

    def test_closingSession(self) -> None:
        """
        A session that is being closed, which may take minutes, stands in nobody's way.
        """
        pool = self.networked(sessions=1, idle=0)
        attempt = self.reach(pool)
        self.network.pump()
        client = self.successResultOf(attempt)
        session = client.transport.session
        (end,) = [e for pair in self.network.connections for e in pair if e.protocol is session]
        with mock.patch.object(end, "loseConnection"):
            client.transport.loseConnection()
            self.network.pump()
        self.assertTrue(session.isClosing and not session.isLost)
        attempt = self.reach(pool)
        self.network.pump()
        self.successResultOf(attempt).transport.loseConnection()
        self.network.pump(limits.CLOSE_FLUSH)
        self.assertEqual((self.empty, len(pool)), (1, 0))
        self.assertAtRest()

    def test_lostSession(self) -> None:
        """
        A session that is lost is replaced.
        """
        pool = self.networked()
        first = self.reach(pool)
        self.network.pump()
        self.network.connections[0][1].abortConnection()
        self.network.pump()
        self.assertEqual(len(self.successResultOf(first).lost), 1)
        self.assertEqual(self.empty, 1)
        second = self.reach(pool)
        self.network.pump()
        self.assertEqual(len(self.network.connections), 2)
        self.successResultOf(second).transport.loseConnection()
        self.assertAtRest()

    def test_idle(self) -> None:
        """
        A session without streams waits for the next one, for a while.
        """
        pool = self.networked(idle=5)
        for pause in (4, 4, 6):
            attempt = self.reach(pool)
            self.network.pump()
            client = self.successResultOf(attempt)
            self.network.pump(60)
            client.transport.loseConnection()
            self.network.pump(pause)
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual((self.empty, len(pool)), (1, 0))
        self.assertAtRest()

    def test_notIdle(self) -> None:
        """
        Or for none at all; but not before it had a stream.
        """
        pool = self.networked(idle=0)
        attempt = self.reach(pool)
        self.network.pump()
        client = self.successResultOf(attempt)
        client.transport.write(b"last words")
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(bytes(self.servers.built[0].received), b"last words")
        self.assertEqual((self.empty, len(pool)), (1, 0))
        self.assertAtRest()

    def test_numbersUsedUp(self) -> None:
        """
        A session without numbers for new streams closes with its last stream, and
        another takes its place.
        """
        pool = self.networked()
        attempt = self.reach(pool)
        self.network.pump()
        old = self.successResultOf(attempt)
        old.transport.session.machine._next = 1 << 32
        attempt = self.reach(pool)
        self.network.pump()
        new = self.successResultOf(attempt)
        self.assertIsNot(new.transport.session, old.transport.session)
        old.transport.loseConnection()
        self.network.pump()
        self.assertEqual([one.connected for one, _ in self.network.connections], [False, True])
        new.transport.loseConnection()
        self.assertAtRest()
