"""
Tests for ``pyptwist.connectors``; ``tests.test_remains`` has more.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist.connectors import ReleasingReactor
from pyptwist.testing.reactors import theReactor
from tests.remains import objects, since, withoutCollector

_HERE = "127.0.0.1"
_PACKAGES = "twisted.internet.tcp", "twisted.internet.endpoints", "pyptwist.connectors"


class Noting(Protocol):
    """
    Notes its end.
    """

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


def _abort(protocol: Any) -> None:
    protocol.transport.abortConnection()


def _trap(reason: Failure) -> None:
    reason.trap(ConnectingCancelledError)


class ReleasingTests(TestCase):
    """
    ``ReleasingReactor``
    """

    def setUp(self) -> None:
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        listener = theReactor().listenTCP(0, factory, interface=_HERE)
        self.addCleanup(maybeDeferred, listener.stopListening)
        self.port: int = listener.getHost().port
        withoutCollector(self)
        self.before = objects(*_PACKAGES)

    def connect(self, port: int) -> Deferred[Any]:
        """
        Begin.
        """
        endpoint = TCP4ClientEndpoint(ReleasingReactor(theReactor()), _HERE, port)
        connecting: Deferred[Any] = endpoint.connect(Factory.forProtocol(Noting))
        return connecting

    async def nothingRemains(self) -> None:
        """
        When the reactor has let go of what it was told to close.
        """
        await deferLater(theReactor(), 0.05)
        self.assertEqual(since(self.before, *_PACKAGES), {})

    async def test_connected(self) -> None:
        """
        Of a connection that is over nothing remains.
        """
        protocol = await self.connect(self.port)
        protocol.transport.loseConnection()
        await protocol.lost
        del protocol
        await self.nothingRemains()

    async def test_refused(self) -> None:
        """
        Nor of one that was refused.
        """
        await self.assertFailure(self.connect(1), ConnectionRefusedError)
        await self.nothingRemains()

    async def test_cancelled(self) -> None:
        """
        Nor of one that was cancelled, before or after it was begun.
        """
        for turns in range(2):
            attempt = self.connect(self.port)
            for _ in range(turns):
                await deferLater(theReactor(), 0)
            attempt.addCallbacks(_abort, _trap)
            attempt.cancel()
            del attempt
            await self.nothingRemains()

    def test_rest(self) -> None:
        """
        All else is the reactor's own.
        """
        reactor = ReleasingReactor(theReactor())
        self.assertEqual(reactor.callLater, theReactor().callLater)
        self.assertTrue(IReactorPluggableNameResolver.providedBy(reactor))
