"""
Tests for ``pyptwist.attempts``; those of the endpoints that have one show the rest.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectingCancelledError, NoProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.attempts import Attempt, Awaited


class Made:
    """
    A connection, maybe.
    """

    def __init__(self, transport: Any = None) -> None:
        self.transport = transport
        self.isClosed = False

    def loseConnection(self) -> None:
        """
        Nobody wants it.
        """
        self.isClosed = True


class AttemptTests(SynchronousTestCase):
    """
    Each way that it ends, which the first one decides.
    """

    def setUp(self) -> None:
        self.below: Deferred[Any] = Deferred()
        self.attempt = Attempt()
        self.made = Made()
        self.result = self.attempt.on(self.below, self.made)

    def test_ready(self) -> None:
        protocol = Protocol()
        self.below.callback(protocol)
        self.assertNoResult(self.result)
        self.attempt.ready(protocol)
        self.attempt.failed(Failure(ValueError()))
        self.assertIs(self.successResultOf(self.result), protocol)

    def test_readyAtOnce(self) -> None:
        """
        Before it is known what it stands on.
        """
        attempt, protocol = Attempt(), Protocol()
        attempt.ready(protocol)
        result = attempt.on(self.below, self.made)
        self.assertIs(self.successResultOf(result), protocol)

    def test_failed(self) -> None:
        self.below.callback(Protocol())
        self.attempt.failed(Failure(ValueError()))
        self.attempt.ready(Protocol())
        self.failureResultOf(self.result, ValueError)

    def test_unreachable(self) -> None:
        self.below.errback(Failure(ValueError()))
        self.failureResultOf(self.result, ValueError)

    def test_cancelledEarly(self) -> None:
        """
        There is nothing but the attempt below to give up.
        """
        self.result.cancel()
        self.assertTrue(self.below.called)
        self.failureResultOf(self.result)
        self.assertFalse(self.made.isClosed)

    def test_cancelledLate(self) -> None:
        """
        There is a connection to close.
        """
        self.made.transport = StringTransport()
        self.result.cancel()
        self.failureResultOf(self.result, ConnectingCancelledError)
        self.assertTrue(self.made.isClosed)
        self.attempt.ready(Protocol())
        self.assertFalse(self.below.called)


class AwaitedTests(SynchronousTestCase):
    """
    Who waits is told once.
    """

    def setUp(self) -> None:
        self.told: list[Any] = []

    def awaited(self, protocol: Any) -> Any:
        """
        :returns: a connection whose application is this.
        """
        return Awaited(lambda peer: protocol, self.told.append, self.told.append)

    def test_ready(self) -> None:
        """
        When the application is connected.
        """
        protocol, transport = Protocol(), StringTransport()
        connection = self.awaited(protocol)
        self.assertIs(connection._built(None), protocol)
        self.assertEqual(self.told, [])
        connection._connected(protocol, transport)
        self.assertIs(protocol.transport, transport)
        connection._fail(Failure(ValueError()))
        self.assertEqual(self.told, [protocol])

    def test_failed(self) -> None:
        connection, reason = self.awaited(None), Failure(ValueError())
        self.assertRaises(NoProtocol, connection._built, None)
        connection._fail(reason)
        connection._fail(Failure(KeyError()))
        self.assertEqual(self.told, [reason])
