"""
A line between two peers that is cut, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist.testing.streams import Address


class CutLine(Factory):
    """
    Passes TCP connections on, and cuts them off in the middle of what they carry.

    :ivar address: where it listens.
    :ivar cuts: how many connections it has cut so far.
    """

    noisy = False

    def __init__(self, target: Address, places: Sequence[int]) -> None:
        """
        :param places: bytes passed on, in all directions, before each cut.
        """
        self._target = target
        self._places = sorted(places)
        self._passed = 0
        self._ends: set[_End] = set()
        listener: Any = reactor
        self._port = listener.listenTCP(0, self, interface="127.0.0.1")
        self.address: Address = ("127.0.0.1", self._port.getHost().port)
        self.cuts = 0

    def buildProtocol(self, addr: IAddress | None) -> _End:
        return _End(self, self._target)

    def passing(self, end: _End, data: bytes) -> bytes:
        """
        :returns: as much of it as gets through; less, and the line is cut.
        """
        room = self._places[0] - self._passed if self._places else len(data)
        through = data[:room]
        self._passed += len(through)
        if len(through) < len(data):
            del self._places[0]
            self.cuts += 1
        return through

    async def stop(self) -> None:
        await maybeDeferred(self._port.stopListening)
        for end in list(self._ends):
            end.transport.abortConnection()
        for end in list(self._ends):
            await end.lost


class _End(Protocol):
    """
    One end of a connection that is passed on.
    """

    transport: Any

    def __init__(self, line: CutLine, target: Address | None = None) -> None:
        self._line = line
        self._target = target
        self.other: _End | None = None
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self._line._ends.add(self)
        self.transport.setTcpNoDelay(True)
        if self._target is None:
            return
        self.transport.pauseProducing()
        beyond = TCP4ClientEndpoint(reactor, *self._target)
        connecting = beyond.connect(Factory.forProtocol(lambda: _End(self._line)))
        connecting.addCallbacks(self._join, lambda reason: self.transport.abortConnection())

    def _join(self, other: _End) -> None:
        if self.lost.called:
            other.transport.abortConnection()
            return
        self.other, other.other = other, self
        for one, another in ((self, other), (other, self)):
            one.transport.registerProducer(another.transport, True)
        self.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        other = self.other
        if other is None:
            return
        through = self._line.passing(self, data)
        other.transport.write(through)
        if len(through) < len(data):
            # What got through arrives, at least in part: then silence, or a reset.
            other.transport.unregisterProducer()
            other.transport.loseConnection()
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._line._ends.discard(self)
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.unregisterProducer()
            other.transport.loseConnection()
        self.lost.callback(None)


def cutLine(test: TestCase, target: Address, cuts: int, total: int, seed: str) -> CutLine:
    """
    A line that is cut so many times while so much is carried, at places drawn from the
    seed; until the test's cleanup.
    """
    random = Random(seed)
    line = CutLine(target, [random.randrange(total) for _ in range(cuts)])
    test.addCleanup(lambda: Deferred.fromCoroutine(line.stop()))
    return line
