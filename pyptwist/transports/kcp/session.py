"""
What both sides have in common that does I/O: a stream, its timer, and the transport
connection that it carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.codec import Deliver, Effect, Finished, Transmit
from pyptwist.transports.kcp.cookies import Address
from pyptwist.transports.kcp.framing import Kind
from pyptwist.virtual import IVirtualSession, VirtualConnection

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pyptwist.transports.kcp.stream import Stream


@implementer(IVirtualSession)
class Session:
    """
    Drives a stream.

    :ivar connection: the transport connection, from ``carry`` to the end.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        stream: Stream,
        write: Callable[[bytes], object],
        gone: Callable[[bool], object],
    ) -> None:
        """
        :param write: sends a datagram.
        :param gone: called once, with whether the end was an orderly one.
        """
        self.connection: VirtualConnection | None = None
        self._reactor = reactor
        self._stream: Stream | None = stream
        self._write: Callable[[bytes], object] | None = write
        self._gone: Callable[[bool], object] | None = gone
        self._alarm = Alarm(reactor)
        self._due = 0.0

    def carry(self, connection: VirtualConnection) -> None:
        """
        :param connection: whose session this is.
        """
        self.connection = connection
        self._apply([])

    @property
    def stream(self) -> Stream | None:
        """
        None when it is over.
        """
        return self._stream

    # --- the network --------------------------------------------------------

    def received(self, kind: Kind, body: bytes) -> None:
        """
        A datagram of the session came.
        """
        if self._stream is not None:
            self._apply(self._stream.receive(kind, body, self._reactor.seconds()))

    def hurry(self) -> None:
        """
        The way to the peer is another one now.
        """
        if self._stream is not None:
            self._apply(self._stream.hurry(self._reactor.seconds()))

    def lost(self, error: BaseException) -> None:
        """
        Nothing can be sent or received any more.
        """
        self._end(error)

    # --- IVirtualSession ----------------------------------------------------

    def send(self, data: bytes) -> None:
        if self._stream is not None:
            self._apply(self._stream.send(data, self._reactor.seconds()))

    def sendEnd(self) -> None:
        if self._stream is not None:
            self._apply(self._stream.sendEnd(self._reactor.seconds()))

    def abort(self) -> None:
        if self._stream is not None:
            for effect in self._stream.abort():
                self._applyOne(effect)
            self.connection = None  # which knows
            self._end(None, isOrderly=False)

    def pauseReceiving(self) -> None:
        if self._stream is not None:
            self._stream.pause()

    def resumeReceiving(self) -> None:
        if self._stream is not None:
            self._apply(self._stream.resume(self._reactor.seconds()))

    # --- inside -------------------------------------------------------------

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._applyOne(effect)
        stream, connection = self._stream, self.connection
        if stream is None:
            return
        if connection is not None:
            connection.backlog(stream.backlog)
        at = stream.nextTimer
        # One that rings too early does no harm, and setting it for each datagram
        # would cost more.
        if at is not None and (self._alarm.at is None or at < self._alarm.at):
            self._due = at
            self._alarm.set(at, self._rang)

    def _applyOne(self, effect: Effect) -> None:
        if isinstance(effect, Transmit):
            if self._write is not None:
                self._write(bytes(effect.data))
        elif isinstance(effect, Deliver):
            if self.connection is not None:
                self.connection.deliver(effect.data)
        elif isinstance(effect, Finished):
            self._end(effect.error)

    def _rang(self) -> None:
        now = self._reactor.seconds()
        if now > self._due + limits.KCP_LATE:
            self._alarm.set(now, self._fire)  # behind what the sockets have
        else:
            self._fire()

    def _fire(self) -> None:
        if self._stream is not None:
            self._apply(self._stream.timerFired(self._reactor.seconds()))

    def _end(self, error: BaseException | None, isOrderly: bool | None = None) -> None:
        connection, self.connection = self.connection, None
        gone, self._gone = self._gone, None
        self._stream = self._write = None
        self._alarm.stop()
        if gone is not None:
            gone(error is None if isOrderly is None else isOrderly)
        if connection is not None:
            connection.ended(error)


def addressOf(address: Address) -> IPv4Address | IPv6Address:
    """
    :returns: Twisted's form.
    """
    kind = IPv6Address if ":" in address[0] else IPv4Address
    return kind("UDP", *address)
