"""
A relay that hides: whoever talks through it sees what it would see without it.

So it passes on not just bytes but each way in which a connection can end: an end
of one direction, a close, a reset.  A plain relay answers the first of them with
the end of everything, and a peer that says all it has to say and then listens
(``nc -N`` does) would get no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.relay import RelayEnd


@implementer(IHalfCloseableProtocol)
class MirrorEnd(RelayEnd):
    """
    One end; the other is a ``MirrorEnd``, too.

    :ivar hasEnded: has this side said everything?
    """

    hasEnded = False

    def __init__(self, reactor: Any, gone: Callable[[MirrorEnd], object] = id) -> None:
        """
        :param reactor: for its clock.
        :param gone: called when the connection is lost.
        """
        self._gone = gone
        self._patience = Alarm(reactor)
        self._reactor = reactor

    def readConnectionLost(self) -> None:
        if self.hasEnded:
            return
        self.hasEnded = True
        peer = self.peer
        if not isinstance(peer, MirrorEnd) or peer.hasEnded:
            self.abandon()
            return
        writer: Any = peer.transport
        # Or this side, of which there is nothing to be had, would be told to
        # read on as soon as the other side has written everything.
        writer.unregisterProducer()
        writer.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """
        The end of the other side was passed on.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._patience.stop()
        if isinstance(self.peer, MirrorEnd):
            self.peer._prepare(reason)
        super().connectionLost(reason)
        self._gone(self)

    def abandon(self) -> None:
        for end in (self, self.peer):
            if isinstance(end, MirrorEnd):
                end._prepare(connectionDone)
        super().abandon()

    def _prepare(self, reason: Failure) -> None:
        """
        This end is about to be closed, and may be lost within that.
        """
        if reason.check(ConnectionDone):
            # A peer that does not read must not keep it for ever.
            at = self._reactor.seconds() + limits.CLOSE_FLUSH
            self._patience.set(at, self._abort)
        else:
            self._abort()

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()
