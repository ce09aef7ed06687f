"""
One connection of an Optimizer: transports are tried until one connects.

 1. The strategy chooses; its transport is dialled, and bounded in time if there are
    others.  More than one is dialled at a time only if the user wants that.
 2. What fails is reported, and the next one is chosen.
 3. When all were tried, a round is over: wait, longer each time, and begin again.
 4. The first that is ready wins.  The others are cancelled before the application's
    protocol is built, so that there is one such at the most.
 5. It fails when time is over, or the rounds are that the user wants; or if no failure
    was of a kind that may pass.  The one error tells of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.errors import Cause, causeOfFailure
from pyptwist.transports.optimizer.failures import Failures
from pyptwist.transports.optimizer.strategies import Strategy
from pyptwist.transports.optimizer.tries import Try, Winning

#: What will not pass by waiting.
_LASTING = frozenset({Cause.ARGUMENTS, Cause.INTERNAL})


@dataclass(frozen=True)
class Candidate:
    """
    A transport that may be chosen.

    :ivar label: what it is called in messages.
    """

    label: str
    endpoint: IStreamClientEndpoint


@implementer(IStreamClientEndpoint)
class OptimizerEndpoint:
    """
    Reaches a server by one of several transports.
    """

    def __init__(
        self,
        reactor: Any,
        candidates: Sequence[Candidate],
        strategy: Strategy,
        entropy: Entropy,
        parallel: int = 1,
        rounds: int = 0,
    ) -> None:
        """
        :param strategy: chooses among the candidates.
        :param entropy: for the length of pauses.
        :param parallel: tries at a time.
        :param rounds: after which it gives up; 0 if only time ends it.
        """
        self.reactor = reactor
        self.candidates = candidates
        self.strategy = strategy
        self.entropy = entropy
        self.parallel = parallel
        self.rounds = rounds

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return _Dial(self, protocolFactory).begin()


class _Life(Enum):
    DIALLING = auto()
    WON = auto()
    OVER = auto()


class _Dial:
    """
    The search for one connection.
    """

    def __init__(self, endpoint: OptimizerEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._strategy = endpoint.strategy
        self._reactor = endpoint.reactor
        self._factory = factory
        self._result: Deferred[IProtocol] | None = None
        self._life = _Life.DIALLING
        self._isChoosing = False
        self._mayPass = False  # did anything fail in this round that another may mend?
        self._round = 1
        self._passed: set[int] = set()  # in this round
        self._lasting: set[int] = set()
        self._tries: dict[int, Try] = {}
        self._winner: Try | None = None
        self._failures = Failures([candidate.label for candidate in endpoint.candidates])
        self._pause = Alarm(self._reactor)
        self._limit = Alarm(self._reactor)

    def begin(self) -> Deferred[IProtocol]:
        """
        :returns: fires with the application's protocol.
        """
        result: Deferred[IProtocol] = Deferred(lambda _: self._cancelled())
        self._result = result
        self._limit.set(self._reactor.seconds() + limits.OPTIMIZER, self._expired)
        self._more()
        return result

    # --- tries --------------------------------------------------------------

    def _more(self) -> None:
        """
        Choose and dial as long as there may be more; a try may end at once.
        """
        if self._isChoosing:
            return
        self._isChoosing = True
        try:
            while self._life is _Life.DIALLING and len(self._tries) < self._endpoint.parallel:
                number = self._strategy.choose(self._passed)
                if number is None:
                    break
                self._dial(Try(self._reactor, number))
        finally:
            self._isChoosing = False
        if self._life is _Life.DIALLING and not self._tries:
            self._roundOver()

    def _dial(self, tried: Try) -> None:
        self._passed.add(tried.number)
        self._tries[tried.number] = tried
        tried.factory = Winning(self._factory, lambda: self._won(tried))
        endpoint = self._endpoint.candidates[tried.number].endpoint
        tried.connecting = maybeDeferred(endpoint.connect, tried.factory)
        if not tried.connecting.called and self._strategy.hasOthers and self._strategy.count > 1:
            patience = limits.OPTIMIZER_TRY * 2 ** (self._round - 1)
            tried.alarm.set(tried.begun + patience, lambda: self._late(tried))
        tried.connecting.addCallbacks(
            self._connected, self._failed, callbackArgs=(tried,), errbackArgs=(tried,)
        )

    def _late(self, tried: Try) -> None:
        tried.isLate = True
        tried.cancel()

    def _won(self, tried: Try) -> bool:
        """
        One is ready, and its protocol about to be built.

        :returns: whether it may be.
        """
        if self._life is not _Life.DIALLING:
            return False
        self._life, self._winner = _Life.WON, tried
        tried.alarm.stop()
        self._report(tried, True)
        for other in list(self._tries.values()):
            if other is not tried:
                other.cancel()
        return True

    def _connected(self, protocol: Any, tried: Try) -> None:
        tried.over()
        self._tries.pop(tried.number, None)
        if self._life is _Life.WON:
            self._end().callback(protocol)
        elif protocol.transport is not None:
            protocol.transport.abortConnection()  # it was cancelled too late

    def _failed(self, reason: Failure, tried: Try) -> None:
        tried.over()
        self._tries.pop(tried.number, None)
        if self._life is _Life.DIALLING:
            cause = Cause.TIMEOUT if tried.isLate else causeOfFailure(reason)
            self._note(tried, cause, None if tried.isLate else reason.value)
            self._more()
        elif self._life is _Life.WON and tried is self._winner:
            # It was ready: what failed is the application, which others cannot mend.
            self._end().errback(reason)

    def _note(self, tried: Try, cause: Cause, error: BaseException | None) -> None:
        self._report(tried, False)
        self._failures.add(tried.number, cause, error)
        if cause in _LASTING:
            self._lasting.add(tried.number)
        else:
            self._mayPass = True

    def _report(self, tried: Try, isGood: bool) -> None:
        seconds = max(0.0, self._reactor.seconds() - tried.begun)
        self._strategy.report(tried.number, isGood, seconds)

    # --- rounds -------------------------------------------------------------

    def _roundOver(self) -> None:
        if not self._mayPass or self._round == self._endpoint.rounds:
            self._giveUp()
            return
        wait = min(
            limits.OPTIMIZER_BACKOFF * 2 ** (self._round - 1), limits.OPTIMIZER_BACKOFF_MAXIMUM
        )
        # Half of it to one and a half: who watches is not to know the rhythm.
        share = 0.5 + uniform(self._endpoint.entropy, 0, 1000) / 1000
        self._pause.set(self._reactor.seconds() + wait * share, self._nextRound)

    def _nextRound(self) -> None:
        self._round += 1
        self._mayPass = False
        self._passed = set(self._lasting)
        self._more()

    # --- the end ------------------------------------------------------------

    def _expired(self) -> None:
        if self._life is _Life.DIALLING:
            for tried in list(self._tries.values()):
                self._note(tried, Cause.TIMEOUT, None)
        self._giveUp()

    def _giveUp(self) -> None:
        self._end().errback(Failure(self._failures.error()))

    def _cancelled(self) -> None:
        self._end().errback(ConnectingCancelledError(None))

    def _end(self) -> Deferred[IProtocol]:
        """
        :returns: what is to fire, now that nothing is under way.
        """
        result, self._result = self._result, None
        assert result is not None
        self._life, self._winner = _Life.OVER, None
        self._pause.stop()
        self._limit.stop()
        for tried in list(self._tries.values()):
            tried.cancel()
        self._strategy.ended()
        return result
