"""
Two connections joined: what comes in on one goes out on the other.

Requirements, in this order:

 - A slow reader on one side stops the other side's reading: each transport is
   the other's producer, so the kernel's windows do the rest.
 - What was read is written, also when its sender is gone already: the other
   side is closed only behind it.
 - Each side is closed once, by whichever end comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyptwist.pieces import piecesOf
from pyptwist.producers import setReadSize
from pyptwist.promptness import promptWriter


class RelayEnd(Protocol):
    """
    One end.  Until it is joined, subclasses say what becomes of data.

    :ivar received: payload bytes read by this end since it was joined.
    """

    received = 0
    peer: RelayEnd | None = None
    _forward: Callable[[bytes], Any] | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._forward is not None:
            self.received += len(data)
            self._forward(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        peer, self.peer = self.peer, None
        self._forward = None
        if peer is not None:
            peer.peer = None
            _close(peer)

    def abandon(self) -> None:
        """
        Close both ends: the program is stopping.
        """
        for end in (self, self.peer):
            if end is not None:
                _close(end)


class RelayingFactory(Factory):
    """
    Knows its relays' ends, so that the program can stop.

    :ivar connections: those that are open, on both sides: what one side said last may
        be under way on the other.
    """

    noisy = False

    def __init__(self) -> None:
        self.connections: set[RelayEnd] = set()

    def closeAll(self) -> None:
        """
        Close every connection, flushing what is under way.
        """
        for connection in list(self.connections):
            connection.abandon()

    def dial(self, connect: Callable[[IProtocolFactory], Deferred[Any]]) -> Deferred[Any]:
        """
        Make the second end of a relay.

        :param connect: an endpoint's, or what makes the endpoint as well.
        :returns: fires with it; fails with whatever went wrong, told by a Deferred or
            raised.
        """
        return maybeDeferred(connect, _DiallingFactory(self.connections))


class _DialledEnd(RelayEnd):
    """
    The second end.  It reads nothing until it is joined: a peer may speak first, and
    an endpoint may tell of its connection in a later turn.
    """

    def __init__(self, ends: set[RelayEnd]) -> None:
        """
        :param ends: that are open; it is one while it is.
        """
        self._ends = ends

    def connectionMade(self) -> None:
        self._ends.add(self)
        _transport(self).pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ends.discard(self)
        super().connectionLost(reason)


class _DiallingFactory(Factory):
    noisy = False

    def __init__(self, ends: set[RelayEnd]) -> None:
        self._ends = ends

    def buildProtocol(self, addr: IAddress | None) -> _DialledEnd:
        return _DialledEnd(self._ends)


def join(one: RelayEnd, other: RelayEnd) -> None:
    """
    Let bytes flow between two connected ends until one of them closes.

    Both transports may be paused; they are let go here.
    """
    one.peer, other.peer = other, one
    a, b = _transport(one), _transport(other)
    setReadSize(a, piecesOf(b).payload)
    setReadSize(b, piecesOf(a).payload)
    one._forward, other._forward = promptWriter(b), promptWriter(a)
    a.registerProducer(b, True)
    b.registerProducer(a, True)
    # The first may hold data that makes the second pause it, or end it.
    a.resumeProducing()
    if other.peer is one:
        b.resumeProducing()


def _close(end: RelayEnd) -> None:
    transport = _transport(end)
    if transport is not None:
        transport.unregisterProducer()
        transport.loseConnection()


def _transport(end: RelayEnd) -> Any:
    return end.transport
