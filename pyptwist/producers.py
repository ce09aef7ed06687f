"""
Backpressure from below, passed on to a producer above.

There are two reasons to pause the producer: the transport below is full, or
the codec holds back too much.  They are independent; the producer hears only
of changes of their union.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from pyptwist import limits
from pyptwist.wrapping import beneath

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime


# Seconds, for the next reactor turn.  Not 0: Twisted's Clock runs what is due
# before it returns, and would ask a producer for ever.
_NEXT_TURN = 1e-8


def setReadSize(transport: Any, size: int) -> None:
    """
    Bound what a connection reads at once, and what it keeps unwritten before it
    pauses its producer.

    :param transport: of TCP, or of TLS over that; others are left alone.
    :param size: bytes.
    """
    transport = beneath(transport)
    if hasattr(transport, "bufferSize"):
        transport.bufferSize = size


@implementer(IPushProducer)
class ProducerMembrane:
    """
    Stands between a transport and the producer that writes to it.
    """

    __slots__ = ("_belowFull", "_codecFull", "_paused", "_producer")

    def __init__(self, reactor: IReactorTime, producer: Any, streaming: bool) -> None:
        """
        :param producer: an ``IPushProducer`` if streaming, else an ``IPullProducer``.
        """
        self._producer: Any = producer if streaming else _PushedPuller(reactor, producer)
        self._belowFull = False
        self._codecFull = False
        self._paused = False

    def start(self) -> None:
        """
        Let a pull producer begin; a push producer has begun by itself.
        """
        if isinstance(self._producer, _PushedPuller) and not self._paused:
            self._producer.resumeProducing()

    def backlog(self, size: int) -> None:
        """
        :param size: bytes that the codec holds back.
        """
        if size > limits.BACKLOG_PAUSE:
            self._codecFull = True
        elif size < limits.BACKLOG_RESUME:
            self._codecFull = False
        self._update()

    def pauseProducing(self) -> None:
        self._belowFull = True
        self._update()

    def resumeProducing(self) -> None:
        self._belowFull = False
        self._update()

    def stopProducing(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()

    def release(self) -> None:
        """
        Let go of the producer, without a word to it.
        """
        producer, self._producer = self._producer, None
        if isinstance(producer, _PushedPuller):
            producer.pauseProducing()

    def _update(self) -> None:
        paused = self._belowFull or self._codecFull
        if self._producer is None or paused == self._paused:
            return
        self._paused = paused
        if paused:
            self._producer.pauseProducing()
        else:
            self._producer.resumeProducing()


@implementer(IPushProducer)
class _PushedPuller:
    """
    Asks a pull producer for more, once a reactor turn, unless paused.
    """

    __slots__ = ("_call", "_producer", "_reactor")

    def __init__(self, reactor: IReactorTime, producer: Any) -> None:
        self._reactor = reactor
        self._producer = producer
        self._call: IDelayedCall | None = None

    def resumeProducing(self) -> None:
        if self._call is None:
            self._call = self._reactor.callLater(_NEXT_TURN, self._pull)

    def pauseProducing(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def stopProducing(self) -> None:
        self.pauseProducing()
        self._producer.stopProducing()

    def _pull(self) -> None:
        # The producer may pause us, or end, while it produces.
        self._call = self._reactor.callLater(_NEXT_TURN, self._pull)
        try:
            self._producer.resumeProducing()
        except BaseException:
            self.pauseProducing()  # or it would fail again each turn, for ever
            raise
