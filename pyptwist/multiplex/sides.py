"""
The two kinds of smux sessions: a server's, and a client's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist.alarm import Alarm
from pyptwist.multiplex.events import SmuxSettings
from pyptwist.multiplex.sessions import SmuxConnection

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pyptwist.metrics import Metrics


class ServerSession(SmuxConnection):
    """
    One that is told of streams, and builds an application for each.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        settings: SmuxSettings,
        build: Callable[[IAddress], IProtocol | None],
        methodName: str,
        metrics: Metrics,
    ) -> None:
        """
        :param build: makes the application of a stream that the peer opened; None
            refuses.
        :param methodName: what their connections call their method.
        """
        super().__init__(reactor, settings, isClient=False)
        self._build = build
        self._methodName = methodName
        self._metrics = metrics

    def opened(self, number: int) -> None:
        try:
            protocol = self._build(self.getPeer())
        except Exception:
            self._log.failure("No application for a stream that was opened", Failure())
            protocol = None
        if protocol is None:
            self.machine.reset(number)
        else:
            self.add(number, protocol, self._methodName, self._metrics)


class ClientSession(SmuxConnection):
    """
    One that opens streams, and closes when it was without any for a while.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        settings: SmuxSettings,
        idle: float,
        lost: Callable[[ClientSession], object],
    ) -> None:
        """
        :param idle: seconds without streams.
        :param lost: told of the end.
        """
        super().__init__(reactor, settings, isClient=True)
        self._idle = idle
        self._lost: Callable[[ClientSession], object] | None = lost
        self._idleness = Alarm(reactor)

    @property
    def canOpen(self) -> bool:
        """
        Is there room for one more stream?
        """
        return self.transport is not None and not self._isClosing and self.machine.canOpen

    @property
    def isClosing(self) -> bool:
        """
        Was its end begun?  It takes until the connection below has flushed.
        """
        return self._isClosing

    @property
    def isLost(self) -> bool:
        """
        Is its connection gone?
        """
        return self._lost is None

    def open(self, factory: IProtocolFactory, methodName: str, metrics: Metrics) -> IProtocol:
        """
        Put one more transport connection on the session, which ``canOpen``.

        :returns: the application's protocol, connected.
        :raises NoProtocol: if the factory builds none.  Whatever it raises is raised.
        """
        self._idleness.stop()
        number = self.machine.open()
        self.soon()
        try:
            protocol = factory.buildProtocol(self.getPeer())
            if protocol is None:
                raise NoProtocol
        except Exception:
            self.machine.reset(number)
            raise
        self.add(number, protocol, methodName, metrics)
        return protocol

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._idleness.stop()
        lost, self._lost = self._lost, None
        super().connectionLost(reason)
        if lost is not None:
            lost(self)

    def quiet(self) -> None:
        if not self._idle or not self.machine.hasNumbers:
            self.close()
        elif self._idleness.at is None:
            self._idleness.set(self._reactor.seconds() + self._idle, self.close)

    def close(self, error: BaseException | None = None) -> None:
        self._idleness.stop()
        super().close(error)
