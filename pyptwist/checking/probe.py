"""
The check of one bridge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.checking.lines import Bridge
from pyptwist.checking.stages import Course, Passed, Stage
from pyptwist.checking.traffic import Conversation, Talk
from pyptwist.checking.watching import (
    WatchedReactor,
    watchDirect,
    watchProxied,
    watchProxy,
)
from pyptwist.errors import Cause, ConfigurationError, PTError, causeOf
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.misspelt import watching
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import Methods
from pyptwist.safelog import oneLine
from pyptwist.state import StateDirectory


@dataclass(frozen=True)
class Plan:
    """
    How bridges are checked.

    :ivar methods: knows the transport methods.
    :ivar patience: seconds without progress after which a check gives up.
    :ivar proxy: the upstream proxy, if any.
    :ivar state: where methods keep what they remember of servers; None for
        nowhere.
    :ivar talk: makes what is said behind the handshake; None for nothing.
    """

    methods: Methods = field(default_factory=Methods)
    patience: float = limits.CHECK
    proxy: UpstreamProxy | None = None
    state: StateDirectory | None = None
    talk: Callable[[], Talk] | None = None


@dataclass(frozen=True)
class Result:
    """
    What came of one line.

    :ivar number: of the line, from 1 on.
    :ivar bridge: None if the line is none.
    :ivar stages: all that it went through; the last one decides.
    :ivar warnings: what may be wrong with the line.
    """

    number: int
    bridge: Bridge | None
    stages: tuple[Passed, ...]
    warnings: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """
        Why it failed; None if it did not.
        """
        return self.stages[-1].cause

    @property
    def seconds(self) -> float:
        """
        All of it.
        """
        return sum(passed.seconds for passed in self.stages)


class Probe:
    """
    Checks one line.
    """

    def __init__(
        self, reactor: Any, plan: Plan, number: int, entered: Callable[[int, Stage], object]
    ) -> None:
        """
        :param number: of the line.
        :param entered: called with it and each stage that begins.
        """
        self._reactor = reactor
        self._plan = plan
        self._number = number
        self._course = Course(reactor, self._entered)
        self._report = entered
        self._alarm = Alarm(reactor)
        self._warnings: list[str] = []
        self._giveUp: Callable[[], object] = lambda: None

    async def check(self, text: str) -> Result:
        """
        :param text: the line.
        :returns: what came of it; whatever goes wrong is a part of that.
        :raises CancelledError: if the check is cancelled.
        """
        bridge = None
        try:
            bridge = Bridge.parse(self._number, text)
        except ConfigurationError as error:
            # It repeats nothing of the line, but has examples of addresses.
            self._course.fail(error.cause, str(error))
            return self._result(bridge)
        try:
            await self._check(bridge)
        except Exception as error:
            self._failed(error)
        finally:
            self._alarm.stop()
        return self._result(bridge)

    def _result(self, bridge: Bridge | None) -> Result:
        stages, warnings = tuple(self._course.passed), tuple(self._warnings)
        return Result(self._number, bridge, stages, warnings)

    async def _check(self, bridge: Bridge) -> None:
        talk = self._plan.talk and self._plan.talk()
        endpoint = self._endpoint(bridge)
        self._course.dial()
        self._wait()
        protocol = _Silent() if talk is None else Conversation(talk, self._wait)
        factory: Any = _OneProtocol(protocol, lambda: self._ready(talk is not None))
        connecting = endpoint.connect(factory)
        self._giveUp = connecting.cancel
        await connecting
        try:
            if isinstance(protocol, Conversation):
                self._giveUp = protocol.transport.abortConnection
                self._course.finish(await protocol.whenOver)
        except Exception as error:
            self._failed(error)
        finally:
            await self._close(protocol)

    def _endpoint(self, bridge: Bridge) -> IStreamClientEndpoint:
        """
        The client's own way, but for those who watch it.
        """
        plan, course = self._plan, self._course
        direct = DirectNetwork(WatchedReactor(self._reactor, course))
        if plan.proxy is None:
            network = watchDirect(direct, course)
        else:
            below = watchProxy(direct, course)
            network = watchProxied(ProxiedNetwork(self._reactor, below, plan.proxy), course)
        context = Context(self._reactor, network, plan.state, Metrics(), methods=plan.methods)
        method = plan.methods.client(bridge.methodName)
        with watching(method.name, self._warnings.append) as watch:
            endpoint: IStreamClientEndpoint = method.clientEndpoint(
                context, bridge.address, watch.handed(bridge.arguments)
            )
        return endpoint

    def _ready(self, isTalking: bool) -> None:
        if isTalking:
            self._course.enter(Stage.TRAFFIC)
        else:
            self._course.finish()

    async def _close(self, protocol: Any) -> None:
        self._alarm.stop()
        if protocol.transport is None or protocol.whenLost.called:
            return
        protocol.transport.loseConnection()
        at = self._reactor.seconds() + limits.CHECK_CLOSE
        self._alarm.set(at, protocol.transport.abortConnection)
        await protocol.whenLost

    # --- giving up ----------------------------------------------------------

    def _entered(self, stage: Stage) -> None:
        self._wait()
        self._report(self._number, stage)

    def _wait(self) -> None:
        if not self._course.isOver:
            self._alarm.set(self._reactor.seconds() + self._plan.patience, self._expired)

    def _expired(self) -> None:
        self._course.fail(Cause.TIMEOUT, f"nothing for {self._plan.patience:g} seconds")
        self._giveUp()

    def _failed(self, error: Exception) -> None:
        """
        :raises CancelledError: if it was not we who gave up.
        """
        if (
            isinstance(error, CancelledError | ConnectingCancelledError)
            and not self._course.isOver
        ):
            raise CancelledError from error
        # Only our own errors say in words what the cause does not.
        isOurs = isinstance(error, PTError)
        cause = causeOf(error)
        note = str(error) if isOurs else type(error).__name__ if cause is Cause.INTERNAL else ""
        self._course.fail(cause, oneLine(note))


class _Silent(Protocol):
    """
    Says nothing.
    """

    def __init__(self) -> None:
        self.whenLost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.whenLost.callback(None)


class _OneProtocol(Factory):
    """
    For one connection, which is ready when a protocol is asked for.
    """

    noisy = False

    def __init__(self, protocol: Protocol, ready: Callable[[], object]) -> None:
        self._one = protocol
        self._ready = ready

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self._ready()
        return self._one
