"""
A method's client and server as processes, with somebody on the wire between
them, on this machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from pyptwist import limits
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import PTError
from pyptwist.inspection.conversation import Conversation, Talker
from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.plan import Plan
from pyptwist.loopback.pair import Pair
from pyptwist.loopback.wiretap import Look


class Stage:
    """
    Where pairs of children are recorded, one pair after the other.

    :ivar isOver: the program is ending; what fails now, fails because of that.
    """

    def __init__(self, reactor: Any, plan: Plan) -> None:
        self._reactor = reactor
        self._plan = plan
        self._pairs: list[Pair] = []
        self._directory = mkdtemp(prefix="pyptwist-inspect-")
        self.isOver = False
        # Interrupted or not, this is how it ends.
        reactor.addSystemEventTrigger("before", "shutdown", self._clear)

    async def record(self, command: Sequence[str]) -> list[Flow]:
        """
        :param command: starts a child.
        :returns: every network connection, in order.
        :raises PTError: or another exception, whatever failed.
        """
        directory = os.path.join(self._directory, str(len(self._pairs)))
        pair = Pair(self._reactor, self._plan.method, directory, command)
        self._pairs.append(pair)
        try:
            return await Recorder(self._reactor, self._plan, pair).record()
        finally:
            await pair.stop()

    def _clear(self) -> Deferred[None]:
        self.isOver = True
        stopping = gatherResults([pair.stop() for pair in self._pairs])
        return stopping.addBoth(lambda _: shutil.rmtree(self._directory, ignore_errors=True))


class Recorder:
    """
    Records a pair of children.  A packet is what one read of the connection
    yields, cut as a network would; two writes may be one read.  A datagram is whole.
    """

    def __init__(self, reactor: Any, plan: Plan, pair: Pair) -> None:
        """
        :param pair: not started yet; somebody else stops it.
        """
        self._reactor = reactor
        self._plan = plan
        self._pair = pair
        self._conversation = Conversation(plan.turns)
        self._flows: list[Flow] = []

    async def record(self) -> list[Flow]:
        """
        :returns: every network connection, in order.
        :raises PTError: or another exception, whatever failed.
        """
        pair, plan = self._pair, self._plan
        destination = await pair.listen(self._conversation)
        bridge = await pair.startServer(destination, plan.options)
        await pair.startClient()
        tap = await pair.tap(bridge.address, self._watchConnection, self._watchDatagrams)
        arguments = bridge.arguments.updated(plan.arguments)
        line = BridgeLine(plan.method, tap, None, arguments)
        for _ in range(plan.connections):
            one = Deferred.fromCoroutine(self._converse(line))
            await one.addTimeout(limits.INSPECTED_CONNECTION, self._reactor, _tooLong)
        return self._flows

    async def _converse(self, line: BridgeLine) -> None:
        talker: Talker = await self._pair.connect(line, self._conversation.client())
        try:
            await talker.done
        except Exception:
            if self._conversation.problem is not None:
                raise self._conversation.problem from None
            raise

    def _watchConnection(self) -> tuple[Look, Look]:
        return self._watch(Flow())

    def _watchDatagrams(self) -> tuple[Look, Look]:
        return self._watch(Flow(isDatagrams=True))

    def _watch(self, flow: Flow) -> tuple[Look, Look]:
        self._flows.append(flow)
        return partial(self._look, flow, Side.CLIENT), partial(self._look, flow, Side.SERVER)

    def _look(self, flow: Flow, side: Side, data: bytes) -> None:
        flow.add(side, data, self._reactor.seconds())


def _tooLong(result: object, seconds: float) -> None:
    raise PTError(f"it took more than {seconds:g} s")
