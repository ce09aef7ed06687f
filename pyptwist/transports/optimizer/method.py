"""
Optimizer as a transport method: a client's alone, for it needs no server of its own.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport
from pyptwist.transports.optimizer.choices import Choice, Wanted, read
from pyptwist.transports.optimizer.dial import Candidate, OptimizerEndpoint
from pyptwist.transports.optimizer.health import HEALTH_FILE, HealthMemory, KnownHealth
from pyptwist.transports.optimizer.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from pyptwist.registry import Methods


@implementer(IClientTransport)
class Optimizer:
    """
    The method ``Optimizer``.

    Endpoints are often made for each connection, so what strategies know is kept here:
    that of each set of transports, as long as there are not too many.
    """

    name = "Optimizer"

    def __init__(self) -> None:
        self._strategies: OrderedDict[bytes, Strategy] = OrderedDict()
        self._memories: WeakValueDictionary[str, HealthMemory] = WeakValueDictionary()

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        See ``IClientTransport.clientEndpoint``.

        :param target: the server of transports whose own arguments name none.
        """
        wanted = read(arguments, target)
        within = _within(context, self.name)
        candidates = [_candidate(within, choice) for choice in wanted.choices]
        return OptimizerEndpoint(
            context.reactor,
            candidates,
            self._strategy(context, wanted),
            context.entropy,
            wanted.parallel,
            wanted.rounds,
        )

    def _strategy(self, context: Context, wanted: Wanted) -> Strategy:
        """
        :returns: the same one for the same transports and state directory.
        """
        state = context.stateDirectory
        place = "" if state is None else state.path(HEALTH_FILE)
        identities = [choice.identity for choice in wanted.choices]
        text = repr([place, wanted.strategy, identities])
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        strategy = self._strategies.pop(key, None)
        if strategy is None:
            strategy = STRATEGIES[wanted.strategy](
                len(identities),
                context.entropy,
                lambda: KnownHealth(self._memory(context, place), identities),
            )
        self._strategies[key] = strategy
        while len(self._strategies) > limits.OPTIMIZER_CONFIGURATIONS:
            self._strategies.popitem(last=False)
        return strategy

    def _memory(self, context: Context, place: str) -> HealthMemory:
        """
        :returns: the one that writes this file: there must not be two.
        """
        memory = self._memories.get(place) if place else None
        if memory is None:
            memory = HealthMemory(context.stateDirectory, context.entropy, context.wallClock)
            if place:
                self._memories[place] = memory
        return memory


class LowerOptimizer(Optimizer):
    """
    The same, for those who write all methods in lower case.
    """

    name = "optimizer"


@dataclass(frozen=True)
class _Within(Context):
    """
    The surroundings of an Optimizer's transports.

    :ivar depth: how many Optimizers there are around.
    """

    depth: int = 0


def _within(context: Context, name: str) -> _Within:
    depth = getattr(context, "depth", 0) + 1
    if depth > limits.OPTIMIZER_DEPTH:
        raise ConfigurationError(
            f"there are more than {limits.OPTIMIZER_DEPTH} Optimizers within one another"
        )
    given = {field.name: getattr(context, field.name) for field in fields(Context)}
    return _Within(**{**given, "alias": context.alias or name, "depth": depth})


def _candidate(context: Context, choice: Choice) -> Candidate:
    methods = context.methods or _installed()
    try:
        method: Any = methods.client(methods.spelt(choice.method))
        endpoint = method.clientEndpoint(context, choice.target, choice.arguments)
    except ConfigurationError as error:
        raise ConfigurationError(f"transport {choice.label}: {error}") from error
    return Candidate(choice.label, endpoint)


def _installed() -> Methods:
    # Imported here, since it finds this method, too.
    from pyptwist.registry import Methods

    return Methods()
