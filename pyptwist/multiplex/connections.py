"""
A smux stream, as what an application's transport stands on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from pyptwist import limits
from pyptwist.virtual import IVirtualSession, VirtualConnection

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pyptwist.metrics import Metrics
    from pyptwist.multiplex.sessions import SmuxConnection


class StreamConnection(VirtualConnection):
    """
    A transport connection that is one stream of a session.

    Its ``networkConnection`` is None, since it has none of its own.  The one that it
    shares is ``session.networkConnection``.
    """

    @property
    def session(self) -> SmuxConnection | None:
        """
        The session that carries it, with others; None once it is over.
        """
        stream = self._session
        return None if stream is None else stream.session


@implementer(IVirtualSession)
class SessionStream:
    """
    One stream of a session that has a network.

    :ivar session: that.
    :ivar number: the stream's.
    :ivar connection: what the application has for a transport.
    :ivar isPaused: does that take nothing?
    """

    __slots__ = ("connection", "isPaused", "number", "session")

    def __init__(
        self,
        session: SmuxConnection,
        number: int,
        reactor: IReactorTime,
        methodName: str,
        metrics: Metrics,
    ) -> None:
        self.session = session
        self.number = number
        self.isPaused = False
        self.connection: Any = StreamConnection(
            reactor, self, methodName, metrics, session.getHost(), session.getPeer()
        )

    # --- IVirtualSession ----------------------------------------------------

    def send(self, data: bytes) -> None:
        self.session.machine.send(self.number, data)
        self.session.soon()
        self.tellBacklog()

    def sendEnd(self) -> None:
        self.session.machine.end(self.number)
        self.session.soon()

    def abort(self) -> None:
        self.session.forget(self)

    def pauseReceiving(self) -> None:
        self.isPaused = True
        self.session.pause(self)

    def resumeReceiving(self) -> None:
        self.isPaused = False
        self.session.resume(self)

    # --- the session --------------------------------------------------------

    def tellBacklog(self) -> None:
        """
        Tell the connection what waits to be sent.  While the network takes nothing,
        whatever waits is enough: with many streams it adds up.
        """
        backlog = self.session.machine.backlog(self.number)
        if backlog and self.session.isBelowFull:
            backlog += limits.BACKLOG_PAUSE
        self.connection.backlog(backlog)

    def end(self, reason: Any) -> None:
        """
        Tell the connection that it is over, and let go of it.
        """
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.ended(reason)
