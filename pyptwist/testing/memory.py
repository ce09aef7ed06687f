"""
A network in memory: deterministic, driven by a clock that only tests move.

Its connections behave as TCP does under Twisted where it matters to a
transport: bytes arrive in a later turn, in pieces of a chosen size; writes
pause their producer above a mark; a paused reader reads nothing; loseConnection
flushes, abortConnection does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import (
    IConsumer,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist.errors import DatagramsForbidden
from pyptwist.interfaces import INetwork

_WRITE_MARK = 64 * 1024  # as Twisted's TCP: what is more pauses the producer
_TURNS = 1_000_000  # more reactor turns than any test needs: a loop, then


@implementer(INetwork)
class MemoryNetwork:
    """
    Hosts and ports that exist in this object alone.

    :ivar clock: what its events are scheduled on.
    :ivar pieces: bytes that one read of a connection yields at the most.
    :ivar latency: seconds that a connection takes to be made, and a piece to
        arrive; only one piece is on its way at a time.
    :ivar connections: every connection made, as (client's end, server's end).
    """

    def __init__(self, clock: Clock | None = None, pieces: int = 64 * 1024) -> None:
        self.clock = clock or Clock()
        self.pieces = pieces
        self.latency = 0.0
        self.connections: list[tuple[MemoryTransport, MemoryTransport]] = []
        self._listeners: dict[tuple[str, int], IProtocolFactory] = {}
        self._lastPort = 40000

    def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        return _Client(self, host, port)

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        return _Server(self, host, port)

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        raise DatagramsForbidden("this network carries streams only")

    def pump(self, seconds: float = 0.0) -> None:
        """
        Let time pass, and everything happen that is due by then.

        :param seconds: how long.
        """
        deadline = self.clock.seconds() + seconds
        for _ in range(_TURNS):
            calls = self.clock.getDelayedCalls()
            due = min((call.getTime() for call in calls), default=deadline + 1)
            if due > deadline:
                self.clock.advance(max(0.0, deadline - self.clock.seconds()))
                return
            self.clock.advance(max(0.0, due - self.clock.seconds()))
        raise AssertionError("the network never comes to rest")

    def newPort(self) -> int:
        """
        :returns: a port that nobody has, as the kernel would choose one.
        """
        self._lastPort += 1
        return self._lastPort

    def written(self, end: MemoryTransport, data: bytes) -> None:
        """
        An end of a connection was given bytes to send: for subclasses that look on.
        """

    def _connect(self, host: str, port: int, factory: IProtocolFactory) -> IProtocol:
        accept = self._listeners.get((host, port))
        if accept is None:
            raise ConnectionRefusedError()
        local = IPv4Address("TCP", "127.0.0.1", self.newPort())
        remote = IPv4Address("TCP", host, port)
        client, server = MemoryTransport(self, local, remote), MemoryTransport(self, remote, local)
        client.other, server.other = server, client
        above = factory.buildProtocol(remote)
        if above is None:
            raise NoProtocol()
        accepted = accept.buildProtocol(local)
        self.connections.append((client, server))
        if accepted is None:
            server.protocol = None
            client.attach(above)
            server.abortConnection()
        else:
            server.attach(accepted)
            client.attach(above)
        return above


@implementer(IStreamClientEndpoint)
class _Client:
    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self._host = host
        self._port = port

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        def cancel(_: object) -> None:
            call.cancel()
            connected.errback(Failure(ConnectingCancelledError(None)))

        def dial() -> None:
            try:
                protocol = self._network._connect(self._host, self._port, protocolFactory)
            except Exception:
                connected.errback(Failure())
            else:
                connected.callback(protocol)

        connected: Deferred[IProtocol] = Deferred(cancel)
        call = self._network.clock.callLater(self._network.latency, dial)
        return connected


@implementer(IStreamServerEndpoint)
class _Server:
    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self._host = host
        self._port = port

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        port = self._port or self._network.newPort()
        listeners = self._network._listeners
        if (self._host, port) in listeners:
            return fail(CannotListenError(self._host, port, OSError("in use")))
        listeners[self._host, port] = protocolFactory
        protocolFactory.doStart()
        return succeed(_Port(listeners, self._host, port))


@implementer(IListeningPort)
class _Port:
    def __init__(
        self, listeners: dict[tuple[str, int], IProtocolFactory], host: str, port: int
    ) -> None:
        self._listeners = listeners
        self._host = host
        self._port = port

    def startListening(self) -> None:
        """
        It listens from the start.
        """

    def stopListening(self) -> Deferred[None]:
        factory = self._listeners.pop((self._host, self._port), None)
        if factory is not None:
            factory.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self._host, self._port)


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """
    One end of a connection.

    :ivar sent: every byte that this end put on the wire, in order.
    :ivar maximumBuffered: the most bytes that ever waited to leave this end.
    """

    def __init__(self, network: MemoryNetwork, host: IPv4Address, peer: IPv4Address) -> None:
        self.other: MemoryTransport | None = None
        self.protocol: IProtocol | None = None
        self.sent = bytearray()
        self.maximumBuffered = 0
        self.disconnecting = False
        self.aborted = False
        self._network = network
        self._host, self._peer = host, peer
        self._buffer = bytearray()
        self._producer: Any = None
        self._producerPaused = False
        self._reading = True
        self._lost = False
        self._scheduled = False

    def attach(self, protocol: IProtocol) -> None:
        """
        Connect a protocol to this end.
        """
        self.protocol = protocol
        protocol.makeConnection(self)

    @property
    def connected(self) -> bool:
        """
        Is it neither closed nor lost?
        """
        return not self._lost

    # --- what a protocol calls ----------------------------------------------

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError("Twisted's transports take bytes and nothing that is like them")
        if self._lost or self.disconnecting or not data:
            return
        self._network.written(self, data)
        self._buffer += data
        self.maximumBuffered = max(self.maximumBuffered, len(self._buffer))
        if len(self._buffer) > _WRITE_MARK and self._producer and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()
        self._wake()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.disconnecting = True
        self._wake()

    def abortConnection(self) -> None:
        if not self._lost:
            self.aborted = self.disconnecting = True
            self._buffer.clear()
            self._network.clock.callLater(0, self._end, ConnectionAborted(), ConnectionLost())

    def getPeer(self) -> IPv4Address:
        return self._peer

    def getHost(self) -> IPv4Address:
        return self._host

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Nothing is delayed here.
        """

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._lost:
            producer.stopProducing()
            return
        assert self._producer is None and streaming
        self._producer = producer
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        self._producer = None
        self._wake()

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True
        if self.other is not None:
            self.other._wake()

    def stopProducing(self) -> None:
        self.loseConnection()

    # --- the wire -----------------------------------------------------------

    def _wake(self) -> None:
        if not self._scheduled and not self._lost:
            self._scheduled = True
            self._network.clock.callLater(self._network.latency, self._carry)

    def _carry(self) -> None:
        self._scheduled = False
        other = self.other
        if self._lost or self.aborted or other is None:
            return
        if self._buffer and other._reading and not other.disconnecting:
            piece = bytes(self._buffer[: self._network.pieces])
            del self._buffer[: len(piece)]
            self.sent += piece
            self._wake()
            if other.protocol is not None:
                other.protocol.dataReceived(piece)
        elif self._buffer and other.disconnecting:
            # Nobody reads any more: TCP would be reset.
            self._buffer.clear()
        if not self._buffer:
            self._drained()

    def _drained(self) -> None:
        if self._producer is not None and self._producerPaused:
            self._producerPaused = False
            self._producer.resumeProducing()
        elif self.disconnecting and (self.other is None or self.other._reading):
            self._end(ConnectionDone(), ConnectionDone())

    def _end(self, here: Exception, there: Exception) -> None:
        other, self.other = self.other, None
        self._lose(here)
        if other is not None:
            other.other = None
            other._lose(there)

    def _lose(self, reason: Exception) -> None:
        if self._lost:
            return
        self._lost = True
        self._buffer.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(reason))
