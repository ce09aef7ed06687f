"""
Several destinations for one server: a large bridge has several tor processes, each
of which uses one processor.

 - A client goes to the destination that has the fewest clients.
 - If that one cannot be reached, to the next; at most a few are tried.
 - A destination that failed gets a client only if all others fail, too, or after a
   while, one, to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.errors import Cause, HandshakeFailed, HandshakeTimeout, describe

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pyptwist.modes.forward import Backend


class Destination:
    """
    What is known of one destination, whichever method's clients go there.

    :ivar clients: those that are there, or on their way.
    :ivar turn: when it was chosen last, among all choices.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, label: str) -> None:
        """
        :param label: for the log.
        """
        self.clients: set[object] = set()
        self.turn = 0
        self._clock = clock
        self._label = label
        self._isDown = False
        self._shunnedUntil = 0.0

    def isShunned(self) -> bool:
        """
        Should others be tried first?
        """
        return self._isDown and self._clock.seconds() < self._shunnedUntil

    def chosen(self, turn: int) -> object:
        """
        A client is on its way.

        :returns: to be discarded from ``clients``.
        """
        self.turn = turn
        if self._isDown:
            # One client is enough to see.
            self._shun()
        token = object()
        self.clients.add(token)
        return token

    def answered(self) -> None:
        """
        It is there.
        """
        if self._isDown:
            self._isDown = False
            self._log.info("{label} can be reached again", label=self._label)

    def failed(self, reason: Failure) -> None:
        """
        It could not be reached, or would not do.
        """
        if not self._isDown:
            # Once, until it is back.
            self._isDown = True
            self._log.warn(
                "{label} cannot be reached ({cause}); the others get its clients",
                label=self._label,
                cause=describe(reason),
            )
        self._shun()

    def _shun(self) -> None:
        self._shunnedUntil = self._clock.seconds() + limits.DESTINATION_SHUNNED


class Pool:
    """
    The destinations of a process.
    """

    def __init__(self, clock: IReactorTime, count: int) -> None:
        """
        :param count: how many there are.
        """
        self._turns = 0
        self.clock = clock
        self.destinations = [
            Destination(clock, f"Destination {number} of {count}")
            for number in range(1, count + 1)
        ]

    def backend(self, backends: Sequence[Backend]) -> Backend:
        """
        :param backends: how to reach each destination, in their order.
        :returns: how to reach the one that is best for a client.
        """
        if len(backends) == 1:
            return backends[0]
        return lambda client: _BalancedEndpoint(self, backends, client)

    def choose(self, tried: Sequence[int]) -> int:
        """
        :param tried: those that are out of the question.
        :returns: the number of the best of the others; of those that are as good,
            the one that was chosen before them.
        """

        def merit(number: int) -> tuple[bool, int, int]:
            destination = self.destinations[number]
            return destination.isShunned(), len(destination.clients), destination.turn

        return min((n for n in range(len(self.destinations)) if n not in tried), key=merit)

    def nextTurn(self) -> int:
        """
        :returns: a number greater than all before.
        """
        self._turns += 1
        return self._turns


@implementer(IStreamClientEndpoint)
class _BalancedEndpoint:
    def __init__(self, pool: Pool, backends: Sequence[Backend], client: IAddress) -> None:
        self._pool = pool
        self._backends = backends
        self._client = client

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        # No coroutine: an exception that is raised in one, when an attempt failed,
        # has the failure of that attempt in its traceback, and is in a cycle.
        return self._try([], protocolFactory)

    def _try(self, tried: list[int], factory: IProtocolFactory) -> Deferred[IProtocol]:
        number = self._pool.choose(tried)
        tried.append(number)
        destination = self._pool.destinations[number]
        token = destination.chosen(self._pool.nextTurn())

        def reached(protocol: IProtocol) -> IProtocol:
            destination.answered()
            _whenLost(protocol, lambda: destination.clients.discard(token))
            return protocol

        def failed(reason: Failure) -> Failure | Deferred[IProtocol]:
            destination.clients.discard(token)
            if _isFinal(reason):
                return reason
            destination.failed(reason)
            if len(tried) == min(len(self._backends), limits.DESTINATION_TRIES):
                return reason
            return self._try(tried, factory)

        return self._dial(number, factory).addCallbacks(reached, failed)

    def _dial(self, number: int, factory: IProtocolFactory) -> Deferred[IProtocol]:
        try:
            dialling: Deferred[IProtocol] = self._backends[number](self._client).connect(factory)
        except Exception:
            dialling = fail(Failure())
        return dialling.addTimeout(limits.DESTINATION, self._pool.clock, _tooLong)


def _isFinal(reason: Failure) -> bool:
    """
    Does it say nothing of the destination?  The client is gone, or it is the client
    who is not wanted.
    """
    if reason.check(CancelledError, ConnectingCancelledError):
        return True
    error = reason.value
    return isinstance(error, HandshakeFailed) and error.cause is Cause.REFUSED


def _tooLong(result: Any, seconds: float) -> Any:
    return Failure(HandshakeTimeout()) if isinstance(result, Failure) else result


def _whenLost(protocol: Any, action: Any) -> None:
    """
    :param action: called when the protocol's connection is lost, before it hears of
        that.  Nothing stands between the two until then: payload passes straight.
    """

    def connectionLost(reason: Failure = connectionDone) -> None:
        del protocol.connectionLost  # it is a cycle
        action()
        protocol.connectionLost(reason)

    protocol.connectionLost = connectionLost
