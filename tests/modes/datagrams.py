"""
Who sends and receives datagrams in the tests of the modes for them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context

HERE = "127.0.0.1"


class Peer(DatagramProtocol):
    """
    Sends when it is told, and notes what comes, and from whom.
    """

    noisy = False

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.senders: list[tuple[str, int]] = []
        self.refusals = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.received.append(datagram)
        self.senders.append(tuple(addr))

    def connectionRefused(self) -> None:
        self.refusals += 1

    def send(self, datagram: bytes, address: tuple[str, int] | None = None) -> None:
        """
        :param address: None if this is connected.
        """
        transport: Any = self.transport
        transport.write(datagram, address)


class Echo(Peer):
    """
    Answers each datagram with itself.
    """

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        super().datagramReceived(datagram, addr)
        self.send(datagram, addr)


class ScriptedConnection:
    """
    A transport connection that does what the test says.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: Any = None
        self.closed = False
        self.paused = False
        self.broken = False

    def write(self, data: bytes) -> None:
        """
        Note it.
        """
        if self.broken:
            raise ValueError("no write")
        self.written.append(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        As Twisted's.
        """
        assert streaming and self.producer is None
        self.producer = producer

    def unregisterProducer(self) -> None:
        """
        As Twisted's.
        """
        self.producer = None

    def loseConnection(self) -> None:
        """
        Note it.
        """
        self.closed = True

    abortConnection = loseConnection

    def pauseProducing(self) -> None:
        """
        Note it.
        """
        self.paused = True

    def resumeProducing(self) -> None:
        """
        Note it.
        """
        self.paused = False

    def getPeer(self) -> IPv4Address:
        """
        Anybody.
        """
        return IPv4Address("TCP", HERE, 1)


class Attempt:
    """
    One call of ``connect()``.
    """

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.cancelled = 0
        self.deferred: Deferred[Any] = Deferred(self._cancel)
        self.connection = ScriptedConnection()
        self.protocol: Any = None
        self.isLost = False

    def _cancel(self, deferred: Deferred[Any]) -> None:
        self.cancelled += 1

    def succeed(self) -> ScriptedConnection:
        """
        The connection is ready.
        """
        self.protocol = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.connection)
        self.deferred.callback(self.protocol)
        return self.connection

    def fail(self, error: Exception) -> None:
        """
        It will not be.
        """
        self.deferred.errback(Failure(error))

    def lose(self) -> None:
        """
        It is gone.
        """
        self.isLost = True
        self.protocol.connectionLost(Failure(ConnectionLost()))


class ScriptedMethod:
    """
    A transport method whose connections the test makes.

    :ivar attempts: each to connect, in order.
    """

    name = "scripted"

    def __init__(self, error: ConfigurationError | None = None) -> None:
        self.attempts: list[Attempt] = []
        self.asked: list[tuple[HostPort | None, Arguments]] = []
        self._error = error

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> ScriptedMethod:
        """
        The endpoint is the method.
        """
        self.asked.append((target, arguments))
        if self._error is not None:
            raise self._error
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        """
        Begin an attempt.
        """
        self.attempts.append(Attempt(factory))
        return self.attempts[-1].deferred


def counted(counter: Counter[Any]) -> dict[str, int]:
    """
    :returns: what was dropped, by the name of the reason, without zeros.
    """
    return {why.name: count for why, count in counter.items() if count}
