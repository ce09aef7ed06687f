"""
The server's sessions: the table of them, and what drives each.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.logger import Logger
from zope.interface import implementer

from pyptwist.alarm import Alarm
from pyptwist.codec import Deliver
from pyptwist.errors import Cause
from pyptwist.metrics import Metrics
from pyptwist.ranges import plainIP
from pyptwist.transports.meek.answering import Answer, Drop, Outcome, ServerMachine
from pyptwist.transports.meek.arguments import ServerOptions
from pyptwist.virtual import IVirtualSession, VirtualConnection


class Pending(Protocol):
    """
    A request that waits for its answer.
    """

    def answer(self, body: bytes) -> None:
        """
        Status 200, and this.
        """

    def drop(self, isBad: bool) -> None:
        """
        :param isBad: whether it is told so; else its connection just ends.
        """


class SessionTable:
    """
    The sessions of one server, by id.
    """

    def __init__(
        self,
        reactor: Any,
        factory: IProtocolFactory,
        options: ServerOptions,
        methodName: str,
        metrics: Metrics,
    ) -> None:
        """
        :param factory: builds the application's protocol for each session.
        """
        self.reactor = reactor
        self.factory = factory
        self.options = options
        self.methodName = methodName
        self.metrics = metrics
        self._isClosed = False
        self._sessions: dict[str, ServerSession] = {}
        self._each: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._sessions)

    def known(self, sessionId: str) -> ServerSession | None:
        """
        :returns: the session, if there is one.
        """
        return self._sessions.get(sessionId)

    def begun(self, sessionId: str, host: IAddress, peer: IAddress) -> ServerSession | None:
        """
        :param sessionId: not known yet.
        :param host: where the server was reached.
        :param peer: the client, as far as is known.
        :returns: a new session; None if there can be none.
        """
        crowd = self._crowd(peer)
        isFull = len(self) >= self.options.sessions or (
            crowd is not None and self._each[crowd] >= self.options.sessionsEach
        )
        if self._isClosed or isFull:
            return None
        if crowd is not None:
            self._each[crowd] += 1
        session = ServerSession(self, sessionId, crowd)
        self._sessions[sessionId] = session
        session.begin(host, peer)
        return session

    def open(self) -> None:
        """
        There may be new sessions.
        """
        self._isClosed = False

    def close(self) -> None:
        """
        There are no new sessions any more; and those that are over are not
        remembered.
        """
        self._isClosed = True
        for session in list(self._sessions.values()):
            session.closing()

    def cutOff(self) -> None:
        """
        Whoever is there cannot be reached any more.
        """
        for session in list(self._sessions.values()):
            session.cutOff()

    def forget(self, sessionId: str, crowd: str | None) -> None:
        """
        A session is over, and its client needs to know nothing more.
        """
        del self._sessions[sessionId]
        if crowd is not None:
            self._each[crowd] -= 1
            if not self._each[crowd]:
                del self._each[crowd]

    def _crowd(self, peer: IAddress) -> str | None:
        """
        :returns: what is counted as one client; None for whoever is here in the name
            of others.
        """
        ip = plainIP(str(getattr(peer, "host", "")))
        if ip is None or ip.is_loopback or self.options.forwarded.believes(peer):
            return None
        # Whoever has one address of IPv6 has all of its network.
        return ip.exploded[:19] if isinstance(ip, IPv6Address) else str(ip)


@implementer(IVirtualSession)
class ServerSession:
    """
    Drives the machine of one session.
    """

    _log = Logger()

    def __init__(self, table: SessionTable, sessionId: str, crowd: str | None) -> None:
        """
        :param crowd: what it is counted under.
        """
        self._table: SessionTable | None = table
        self._reactor = table.reactor
        self._key = sessionId, crowd
        self._machine = ServerMachine(sessionId, table.options.turnaround, self._now())
        self._connection: VirtualConnection | None = None
        self._timer = Alarm(self._reactor)

    def begin(self, host: IAddress, peer: IAddress) -> None:
        """
        Build the application's protocol, and connect it.
        """
        table = self._table
        assert table is not None
        table.metrics.handshakesBegun += 1
        try:
            protocol = table.factory.buildProtocol(peer)
        except Exception:
            self._log.failure("No application for a session")
            protocol = None
        if protocol is None:
            table.metrics.handshakesFailed[Cause.INTERNAL] += 1
            self._apply(self._machine.abort(self._now()))
            return
        connection = VirtualConnection(
            self._reactor, self, table.methodName, table.metrics, host, peer
        )
        self._connection = connection
        connection.open(protocol)
        self._settle()

    # --- requests -----------------------------------------------------------

    def requested(self, request: Pending, body: bytes) -> None:
        """
        :param body: at most ``limits.MEEK_BODY`` bytes.
        """
        self._apply(self._machine.requested(request, body, self._now()))

    def gone(self, request: Pending) -> None:
        """
        A request's connection was lost before its answer.
        """
        self._apply(self._machine.gone(request, self._now()))

    def closing(self) -> None:
        """
        The server listens no more.
        """
        self._machine.lingers = False
        self._settle()

    def cutOff(self) -> None:
        """
        No request can come any more.
        """
        self._apply(self._machine.cutOff())

    # --- IVirtualSession ----------------------------------------------------

    def send(self, data: bytes) -> None:
        self._machine.send(data, self._now())
        self._settle()

    def sendEnd(self) -> None:
        self._apply(self._machine.sendEnd(self._now()))

    def abort(self) -> None:
        self._connection = None
        self._apply(self._machine.abort(self._now()))

    def pauseReceiving(self) -> None:
        self._machine.pause(self._now())
        self._settle()

    def resumeReceiving(self) -> None:
        self._machine.resume(self._now())
        self._settle()

    # --- inside -------------------------------------------------------------

    def _now(self) -> float:
        return float(self._reactor.seconds())

    def _apply(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Answer):
                outcome.request.answer(outcome.body)
            elif isinstance(outcome, Drop):
                outcome.request.drop(outcome.isBad)
            elif isinstance(outcome, Deliver):
                if self._connection is not None:
                    self._connection.deliver(outcome.data)
            else:
                connection, self._connection = self._connection, None
                if connection is not None:
                    connection.ended(outcome.error)
        self._settle()

    def _settle(self) -> None:
        table = self._table
        if table is None:
            return
        if self._machine.nextTimer != self._timer.at:
            self._timer.set(self._machine.nextTimer, self._timerFired)
        if self._connection is not None:
            self._connection.backlog(self._machine.backlog)
        if self._machine.isForgotten:
            self._table = None
            table.forget(*self._key)

    def _timerFired(self) -> None:
        self._apply(self._machine.timerFired(self._now()))
