"""
A client's sessions with one server, shared by all who connect to it.

 1. Who connects gets a stream of a session that has room.
 2. If there is none, a session is dialled; who comes meanwhile waits for it, too.
    Nobody's cancellation concerns the others: only the last one's ends the dialling.
 3. A session with all the streams that it may have is followed by another, up to a
    limit.
 4. A session that is lost, or was without streams for a while, is forgotten; and with
    the last of them, the pool itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.errors import ClosedByPeer
from pyptwist.multiplex.events import SmuxSettings
from pyptwist.multiplex.sides import ClientSession

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

    from pyptwist.metrics import Metrics


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """
    How many sessions there are, and for how long.

    :ivar session: of each; its ``streams`` is how many one has before another is made.
    :ivar sessions: how many there are at the most.
    :ivar idle: seconds for which one is kept without streams.
    """

    session: SmuxSettings
    sessions: int = limits.SMUX_SESSIONS
    idle: float = limits.SMUX_IDLE


class SessionPool:
    """
    Opens streams.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        settings: PoolSettings,
        emptied: Callable[[], object],
    ) -> None:
        """
        :param endpoint: makes the connection of one session.
        :param emptied: called when there is neither a session nor an attempt at one.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._settings = settings
        self._emptied = emptied
        self._sessions: list[ClientSession] = []
        self._dials: list[_Dial] = []

    def __len__(self) -> int:
        """
        How many sessions there are, those included that are being made or closed.
        """
        return len(self._sessions) + len(self._dials)

    def connect(
        self, factory: IProtocolFactory, methodName: str, metrics: Metrics
    ) -> Deferred[IProtocol]:
        """
        Put one more transport connection on a session.

        :param factory: of the application.
        :param methodName: what the connection calls its method.
        :param metrics: where it is counted.
        :returns: fires with the application's protocol, connected.  Fails as the
            endpoint does, or with a ``ConnectError`` if all sessions have all the
            streams that they may have.
        """
        attempt = _Attempt(factory, methodName, metrics)
        self._place(attempt)
        return attempt.result

    # --- inside -------------------------------------------------------------

    def _place(self, attempt: _Attempt) -> None:
        session = next((each for each in self._sessions if each.canOpen), None)
        if session is not None:
            attempt.on(session)
            return
        dial = next((each for each in self._dials if each.hasRoom), None)
        if dial is not None:
            dial.join(attempt)
            return
        closing = sum(each.isClosing for each in self._sessions)
        if len(self) - closing >= self._settings.sessions:
            attempt.failed(Failure(ConnectError(string="all sessions of smux are full")))
            return
        dial = _Dial(self._settings.session.streams)
        self._dials.append(dial)
        dial.join(attempt)
        self._begin(dial)

    def _begin(self, dial: _Dial) -> None:
        factory = _SessionFactory(self._newSession)
        below: Deferred[Any] = maybeDeferred(self._endpoint.connect, factory)
        dial.begin(below)
        below.addCallbacks(self._dialled, self._failed, callbackArgs=(dial,), errbackArgs=(dial,))

    def _newSession(self) -> ClientSession:
        settings = self._settings
        return ClientSession(self._reactor, settings.session, settings.idle, self._lost)

    def _dialled(self, session: ClientSession, dial: _Dial) -> None:
        self._dials.remove(dial)
        if session.isLost:
            dial.failed(Failure(ClosedByPeer()))
            self._check()
            return
        self._sessions.append(session)

        def give(attempt: _Attempt) -> None:
            if session.isClosing:
                attempt.failed(Failure(ClosedByPeer()))
            else:
                self._place(attempt)  # elsewhere, if others were faster

        dial.done(give)
        session.soon()  # if nobody is there any more, it has to notice

    def _failed(self, reason: Failure, dial: _Dial) -> None:
        self._dials.remove(dial)
        dial.failed(reason)
        self._check()

    def _lost(self, session: ClientSession) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
            self._check()

    def _check(self) -> None:
        if not len(self):
            self._emptied()


class _SessionFactory(Factory):
    """
    Builds the one session of a connection that is dialled.
    """

    noisy = False

    def __init__(self, make: Callable[[], ClientSession]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> ClientSession:  # type: ignore[override]
        return self._make()


class _Attempt:
    """
    Somebody who wants to be connected.

    :ivar result: what he has.
    """

    def __init__(self, factory: IProtocolFactory, methodName: str, metrics: Metrics) -> None:
        self.dial: _Dial | None = None
        self.result: Deferred[IProtocol] = Deferred(self._cancel)
        self._factory = factory
        self._methodName = methodName
        self._metrics = metrics

    def on(self, session: ClientSession) -> None:
        """
        There is a session, which has room.
        """
        self.dial = None
        try:
            protocol: Any = session.open(self._factory, self._methodName, self._metrics)
        except Exception:
            protocol = Failure()
        if not self.result.called:
            self.result.callback(protocol)
        elif getattr(protocol, "transport", None) is not None:
            protocol.transport.abortConnection()  # cancelled by the application itself

    def failed(self, reason: Failure) -> None:
        """
        There is none.
        """
        self.dial = None
        self.result.errback(reason)

    def _cancel(self, result: object) -> None:
        dial, self.dial = self.dial, None
        # The address is in nobody's interest, and a session has none yet.
        self.result.errback(ConnectingCancelledError(None))
        if dial is not None:
            dial.leave(self)


class _Dial:
    """
    A session that is being made, and who waits for it.
    """

    def __init__(self, room: int) -> None:
        """
        :param room: for how many.
        """
        self._room = room
        self._waiting: list[_Attempt] = []
        self._below: Deferred[ClientSession] | None = None

    @property
    def hasRoom(self) -> bool:
        """
        May one more wait?
        """
        return len(self._waiting) < self._room and self._below is not None

    def begin(self, below: Deferred[ClientSession]) -> None:
        """
        :param below: what comes of it.
        """
        self._below = below

    def join(self, attempt: _Attempt) -> None:
        """
        One more waits.
        """
        attempt.dial = self
        self._waiting.append(attempt)

    def leave(self, attempt: _Attempt) -> None:
        """
        One does not wait any more.  If he was the last, nobody wants the session.
        """
        self._waiting.remove(attempt)
        below = self._below
        if not self._waiting and below is not None:
            self._below = None
            below.cancel()

    def done(self, give: Callable[[_Attempt], object]) -> None:
        """
        :param give: what each gets now.
        """
        self._below = None
        while self._waiting:
            give(self._waiting.pop(0))

    def failed(self, reason: Failure) -> None:
        """
        Each hears why not.
        """
        self.done(lambda attempt: attempt.failed(reason))
