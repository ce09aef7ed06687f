"""
The client: one UDP socket for each connection, and another one when it seems to be cut
off.

With our own framing an attempt succeeds when the server has accepted the session: two
round trips, so that he knows that we are where we seem to be.  With kcptun's it succeeds
at once: there is nothing that could be asked and would not be taken for payload.
"""

from __future__ import annotations

from enum import Enum, auto
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import (
    CannotListenError,
    ConnectBindError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionLost,
    ConnectionRefusedError,
    NoProtocol,
    getConnectError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.alarm import Alarm
from pyptwist.codec import Effect, Finished, Ready, Transmit
from pyptwist.errors import (
    DatagramsForbidden,
    HandshakeTimeout,
    UpstreamProxyError,
    causeOfFailure,
)
from pyptwist.names import lookUp
from pyptwist.transports.kcp.cookies import Address
from pyptwist.transports.kcp.framing import SESSION, Kind
from pyptwist.transports.kcp.greeting import Greeting
from pyptwist.transports.kcp.parts import Parts
from pyptwist.transports.kcp.session import Session, addressOf
from pyptwist.transports.kcp.socket import Socket


@implementer(IStreamClientEndpoint)
class KcpClientEndpoint:
    """
    How to reach a server.
    """

    def __init__(self, parts: Parts, target: HostPort) -> None:
        self._parts = parts
        self._target = target

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        link = Link(self._parts, protocolFactory)
        try:
            return link.dial(self._target)
        except DatagramsForbidden as error:
            return fail(UpstreamProxyError(f"{self._parts.methodName} needs UDP: {error}"))
        except Exception:
            return fail(Failure())


class _Life(Enum):
    LOOKING = auto()  # the name up
    GREETING = auto()
    OPEN = auto()
    LINGERING = auto()  # the server may not know yet that we have everything
    OVER = auto()


class Link:
    """
    One attempt, and the conversation that comes of it.
    """

    def __init__(self, parts: Parts, factory: IProtocolFactory) -> None:
        self._parts = parts
        self._factory: IProtocolFactory | None = factory
        self._life = _Life.LOOKING
        self._id = parts.context.entropy(SESSION)
        self._server: Address = ("", 0)
        self._result: Deferred[IProtocol] | None = None
        self._finding: Deferred[str] | None = None
        self._greeting: Greeting | None = None
        self._session: Session | None = None
        self._rebindAt = limits.KCP_REBIND
        self._alarm = Alarm(parts.context.reactor)
        self._deadline = Alarm(parts.context.reactor)
        self._socket = self._newSocket()

    def dial(self, target: HostPort) -> Deferred[IProtocol]:
        """
        :returns: what ``connect`` does.
        :raises DatagramsForbidden: if the network has none.
        """
        # Before the name is looked up: where UDP is forbidden, so is that.
        self._bind(_IPV4)
        self._parts.context.metrics.handshakesBegun += 1
        result: Deferred[IProtocol] = Deferred(self._cancelled)
        self._result = result
        self._finding = lookUp(self._parts.context.reactor, target.host)
        self._finding.addCallback(self._found, target.port).addErrback(self._failed)
        return result

    # --- the attempt --------------------------------------------------------

    def _found(self, host: str, port: int) -> None:
        self._finding = None
        plain, percent, zone = host.partition("%")
        # Spelled as the system spells who has sent something.
        self._server = f"{ip_address(plain)}{percent}{zone}", port
        if ":" in host:
            self._rebind()
        else:
            self._reach()
        if not self._parts.framing.hasSessions:
            self._ready()
            return
        self._life = _Life.GREETING
        self._greeting = Greeting(self._parts.framing, self._id)
        self._deadline.set(self._parts.now + limits.KCP_HANDSHAKE, self._tooLate)
        self._apply(self._greeting.start(self._parts.now))

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                self._socket.write(bytes(effect.data))
            elif isinstance(effect, Ready):
                self._ready()
            elif isinstance(effect, Finished):
                assert effect.error is not None
                self._failed(Failure(effect.error))
        if self._greeting is not None:
            self._alarm.set(self._greeting.nextTimer, self._rang)

    def _rang(self) -> None:
        assert self._greeting is not None
        self._apply(self._greeting.timerFired(self._parts.now))

    def _tooLate(self) -> None:
        self._failed(Failure(HandshakeTimeout()))

    def _cancelled(self, result: Deferred[IProtocol]) -> None:
        reason = Failure(ConnectingCancelledError(addressOf(self._server)))
        self._failed(reason)
        if not result.called:  # by the application, which is just being connected
            result.errback(reason)

    def _failed(self, reason: Failure) -> None:
        result, self._result = self._result, None
        if result is None:
            return
        self._close()
        if not reason.check(CancelledError):
            self._parts.context.metrics.handshakesFailed[causeOfFailure(reason)] += 1
        result.errback(reason)

    def _ready(self) -> None:
        self._greeting = None
        self._alarm.stop()
        self._deadline.stop()
        assert self._factory is not None
        try:
            protocol = self._factory.buildProtocol(addressOf(self._server))
            if protocol is None:
                raise NoProtocol
        except Exception:
            if aborted := self._parts.framing.seal(self._id, Kind.ABORT):
                self._socket.write(aborted)
            self._failed(Failure())
            return
        self._open(protocol)

    def _open(self, protocol: Any) -> None:
        self._life = _Life.OPEN
        result, self._result, self._factory = self._result, None, None
        stream = self._parts.newStream(self._id)
        session = self._session = Session(
            self._parts.context.reactor, stream, self._write, self._gone
        )
        host = self._socket.port.getHost()
        connection = self._parts.newConnection(session, host, self._server)
        session.carry(connection)
        connection.open(protocol)
        assert result is not None
        if result.called:
            connection.abortConnection()  # the application itself has cancelled it
        else:
            result.callback(protocol)

    # --- the socket ---------------------------------------------------------

    def _newSocket(self) -> Socket:
        return Socket(self._datagram, self._refused, self._stopped)

    def _rebind(self) -> None:
        """
        Go on from another port, and maybe another address of this machine.
        """
        self._socket.close()
        self._socket = self._newSocket()
        self._bind(self._server[0])
        self._reach()

    def _bind(self, peer: str) -> None:
        try:
            self._socket.bind(self._parts.context.network, _anywhere(peer), 0)
        except CannotListenError as error:
            raise ConnectBindError from error

    def _reach(self) -> None:
        try:
            self._socket.port.connect(*self._server)
        except OSError as error:
            raise getConnectError(error) from error

    def _write(self, datagram: bytes) -> None:
        session = self._session
        stream = None if session is None else session.stream
        if stream is None or stream.unanswered < self._rebindAt:
            if stream is not None and not stream.unanswered:
                self._rebindAt = limits.KCP_REBIND
        else:
            self._rebindAt += limits.KCP_REBIND
            self._rebindSafely()
        self._socket.write(datagram)

    def _rebindSafely(self) -> None:
        try:
            self._rebind()
        except Exception:
            # No socket to be had now, or no way from it.  It will be tried again.
            self._socket.close()

    def _datagram(self, datagram: bytes, address: Address) -> None:
        if len(datagram) > limits.KCP_DATAGRAM_MAXIMUM or not self._isServer(address):
            return
        opened = self._parts.framing.open(datagram)
        if opened is None:
            return
        session, kind, body = opened
        if self._parts.framing.hasSessions and session != self._id:
            return
        if self._life is _Life.GREETING:
            assert self._greeting is not None
            self._apply(self._greeting.receive(kind, body, self._parts.now))
        elif self._life is _Life.OPEN:
            self._opened(kind, body)
        elif self._life is _Life.LINGERING and kind in (Kind.PACKET, Kind.PING):
            self._socket.write(self._parts.framing.seal(self._id, Kind.OVER))

    def _isServer(self, address: Address) -> bool:
        # The socket is connected, but was not from the start.  A zone has two names.
        hosts = [host.partition("%")[0] for host, _ in (address, self._server)]
        return hosts[0] == hosts[1] and address[1] == self._server[1]

    def _opened(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.CHALLENGE:
            # We are somewhere else now, as the server sees it.
            self._socket.write(self._parts.framing.seal(self._id, Kind.ANSWER, body))
        elif self._session is not None:
            self._session.received(kind, body)

    def _refused(self) -> None:
        if self._life is _Life.GREETING:
            self._failed(Failure(ConnectionRefusedError()))
        elif self._life is _Life.OPEN and not self._parts.framing.hasSessions:
            assert self._session is not None
            self._session.lost(ConnectionLost())

    def _stopped(self) -> None:
        """
        Somebody closed the socket under us.
        """
        if self._session is not None:
            self._session.lost(ConnectionAborted())
        self._failed(Failure(ConnectionAborted()))
        self._close()

    # --- the end ------------------------------------------------------------

    def _gone(self, isOrderly: bool) -> None:
        self._session = None
        if isOrderly and self._parts.framing.hasSessions and self._life is _Life.OPEN:
            self._life = _Life.LINGERING
            self._deadline.set(self._parts.now + limits.KCP_LINGER, self._close)
        else:
            self._close()

    def _close(self) -> None:
        self._life = _Life.OVER
        self._factory = self._greeting = None
        self._alarm.stop()
        self._deadline.stop()
        finding, self._finding = self._finding, None
        if finding is not None:
            finding.cancel()
        self._socket.close()


_IPV4 = "0.0.0.0"  # noqa: S104 - connected at once


def _anywhere(peer: str) -> str:
    return "::" if ":" in peer else _IPV4
