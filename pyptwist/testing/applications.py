"""
Applications above a transport connection, and producers that feed one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IPullProducer, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

_CHUNK = b"endless " * 1024


class Application(Protocol):
    """
    An application that notes what happens to it.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


class Applications(Factory):
    """
    :ivar built: every application, in order.
    :ivar isOpen: whether another one is built when it is asked for.
    :ivar begin: called with the transport of each as it is connected.
    """

    noisy = False

    def __init__(self, begin: Callable[[Any], object] | None = None) -> None:
        self.built: list[Application] = []
        self.isOpen = True
        self.begin = begin

    def buildProtocol(self, addr: IAddress | None) -> Application | None:
        if not self.isOpen:
            return None
        application = _Beginning(self.begin) if self.begin else Application()
        self.built.append(application)
        return application


class _Beginning(Application):
    """
    One that does something at once.
    """

    def __init__(self, begin: Callable[[Any], object]) -> None:
        super().__init__()
        self._begin = begin

    def connectionMade(self) -> None:
        self._begin(self.transport)


@implementer(IPushProducer)
class Endless:
    """
    Writes until it is told to pause.

    :ivar limit: bytes that it writes at the most: nothing is endless where
        backpressure is broken.
    """

    def __init__(self, transport: Any, clock: Any, limit: int) -> None:
        self.transport = transport
        self.clock = clock
        self.limit = limit
        self.written = 0
        self.paused = False
        self.stopped = False
        clock.callLater(0, self.turn)

    def turn(self) -> None:
        """
        One reactor turn's worth.
        """
        if not self.paused and not self.stopped and self.written < self.limit:
            self.transport.write(_CHUNK)
            self.written += len(_CHUNK)
            self.clock.callLater(0.001, self.turn)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        if self.paused:
            self.paused = False
            self.clock.callLater(0, self.turn)

    def stopProducing(self) -> None:
        self.stopped = True


@implementer(IPullProducer)
class Asked:
    """
    Writes a piece whenever it is asked to, until it has written all.

    :ivar written: bytes so far.
    """

    def __init__(self, transport: Any, total: int) -> None:
        self.transport = transport
        self.total = total
        self.written = 0

    def resumeProducing(self) -> None:
        if self.written < self.total:
            self.transport.write(_CHUNK)
            self.written += len(_CHUNK)
        else:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.total = self.written
