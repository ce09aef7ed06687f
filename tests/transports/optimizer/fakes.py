"""
Transports whose fate is known beforehand, on a clock that costs no time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from pyptwist.interfaces import Context, IClientTransport
from pyptwist.metrics import Metrics
from pyptwist.registry import Methods
from pyptwist.testing import fixedEntropy
from pyptwist.testing.codecs import EPOCH
from pyptwist.transports.optimizer.dial import Candidate, OptimizerEndpoint
from pyptwist.transports.optimizer.health import Health, HealthMemory, KnownHealth
from pyptwist.transports.optimizer.strategies import STRATEGIES


@implementer(IStreamClientEndpoint)
@dataclass
class Fate:
    """
    An endpoint, and what becomes of its connections.

    :ivar error: what they fail with; None if they are made.
    :ivar seconds: until then; None for never, a negative number for at once.
    :ivar dialled: when each was begun.
    :ivar cancelled: how many were given up.
    """

    clock: Clock
    error: Exception | None = None
    seconds: float | None = 0.1
    dialled: list[float] = field(default_factory=list)
    cancelled: int = 0
    transports: list[StringTransport] = field(default_factory=list)

    def connect(self, factory: Any) -> Deferred[Any]:
        self.dialled.append(self.clock.seconds())
        connecting: Deferred[Any] = Deferred(self._cancel)
        factory.doStart()
        if self.seconds is None:
            return connecting
        if self.seconds < 0:
            self._end(connecting, factory)
        else:
            self.clock.callLater(self.seconds, self._end, connecting, factory)
        return connecting

    def _cancel(self, connecting: Deferred[Any]) -> None:
        self.cancelled += 1

    def _end(self, connecting: Deferred[Any], factory: Any) -> None:
        factory.doStop()
        if connecting.called:
            return
        if self.error is not None:
            connecting.errback(self.error)
            return
        try:
            protocol = factory.buildProtocol(None)
            if protocol is None:
                raise NoProtocol
        except Exception as error:
            connecting.errback(error)
            return
        transport = StringTransport()
        self.transports.append(transport)
        protocol.makeConnection(transport)
        connecting.callback(protocol)


def refused(clock: Clock, seconds: float | None = -1) -> Fate:
    """
    :returns: one whose server refuses.
    """
    return Fate(clock, ConnectionRefusedError(), seconds)


def silent(clock: Clock) -> Fate:
    """
    :returns: one whose server is never heard of.
    """
    return Fate(clock, seconds=None)


class Known:
    """
    A ``Knowledge`` of what it was told.
    """

    def __init__(self) -> None:
        self.health: dict[int, Health] = {}
        self.saved = 0

    def get(self, number: int) -> Health | None:
        return self.health.get(number)

    def put(self, number: int, isGood: bool, seconds: float) -> None:
        self.health[number] = Health(isGood, seconds, EPOCH)

    def save(self) -> None:
        self.saved += 1


def strategy(name: str, count: int, seed: str = "", knowledge: Any = None) -> Any:
    """
    :returns: the strategy of that name, knowing nothing unless told otherwise.
    """
    return STRATEGIES[name](count, fixedEntropy(seed), lambda: knowledge or Known())


def optimized(
    clock: Clock, fates: Sequence[Any], name: str, seed: str = "", **more: Any
) -> OptimizerEndpoint:
    """
    :returns: an endpoint that chooses among them, remembering as the method's do.
    """
    entropy = fixedEntropy(seed)
    memory = HealthMemory(None, entropy, lambda: EPOCH + clock.seconds())
    candidates = [Candidate(f"{number} (t)", fate) for number, fate in enumerate(fates, 1)]
    ledger = KnownHealth(memory, [candidate.label for candidate in candidates])
    chosen = STRATEGIES[name](len(fates), entropy, lambda: ledger)
    return OptimizerEndpoint(clock, candidates, chosen, entropy, **more)


def choices(chosen: Any, count: int, isGood: Callable[[int], bool]) -> list[int]:
    """
    :returns: what a strategy chooses in one round, to the first that is good.
    """
    passed: list[int] = []
    while (number := chosen.choose(passed)) is not None:
        passed.append(number)
        chosen.report(number, isGood(number), 0.1)
        if isGood(number):
            break
    assert len(passed) <= count
    return passed


def never(number: int) -> bool:
    """
    Nothing works.
    """
    return False


@implementer(IClientTransport)
class Scripted:
    """
    A method whose endpoints are given, by the argument ``fate``.
    """

    def __init__(self, name: str, fates: dict[str, Any]) -> None:
        self.name = name
        self.fates = fates
        self.asked: list[tuple[Context, Any, Any]] = []

    def clientEndpoint(self, context: Context, target: Any, arguments: Any) -> Any:
        self.asked.append((context, target, arguments))
        return self.fates[arguments.require("fate")]


def methodsOf(plugins: Collection[Any]) -> Methods:
    """
    :returns: where these are found, and no others.
    """
    return Methods(plugins=lambda role: [p for p in plugins if role.providedBy(p)])


def contextOf(clock: Clock, plugins: Collection[Any], state: Any = None) -> Context:
    """
    :returns: surroundings in which these methods are found.
    """
    return Context(
        clock,
        None,
        state,
        Metrics(),
        fixedEntropy("optimizer"),
        lambda: EPOCH + clock.seconds(),
        methods=methodsOf(plugins),
    )
