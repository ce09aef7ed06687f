"""
Applications and targets that exchange datagrams over real sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import TestCase

from pyptwist.network import DirectNetwork
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, bounded
from tests.modes.datagrams import HERE, Echo, Peer

#: Seconds for anything here to happen.
PATIENCE = 30.0

#: Seconds after which an application asks again.
AGAIN = 0.2


class Talker(Peer):
    """
    One whose datagrams can be waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        super().datagramReceived(datagram, addr)
        for entry in list(self._waiting):
            if entry[0]():
                self._waiting.remove(entry)
                entry[1].callback(None)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """
        :param condition: looked at whenever a datagram has come.
        """
        if not condition():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((condition, waiting))
            await bounded(waiting, PATIENCE, what)

    async def receive(self, count: int) -> list[bytes]:
        """
        :returns: the first so many.
        """
        await self.until(lambda: len(self.received) >= count, f"{count} datagrams")
        return self.received[:count]

    async def ask(self, question: bytes) -> None:
        """
        Send until that comes back.
        """
        await self.askUntil(question, lambda: question in self.received)

    async def askUntil(self, question: bytes, condition: Callable[[], bool]) -> None:
        """
        Send again and again.
        """
        asking = LoopingCall(self.send, question)
        asking.clock = theReactor()
        asking.start(AGAIN)
        try:
            await self.until(condition, "an answer")
        finally:
            asking.stop()


class EchoTalker(Talker, Echo):
    """
    The other side.
    """


def bind(test: TestCase, protocol: Peer, port: int = 0) -> Any:
    """
    :returns: the UDP port, which the test's cleanup closes.
    """
    bound: Any = DirectNetwork(theReactor()).bindDatagrams(protocol, HERE, port)
    test.addCleanup(maybeDeferred, bound.stopListening)
    return bound


def talkTo(test: TestCase, address: Address) -> Talker:
    """
    :returns: an application that speaks to a port.
    """
    talker = Talker()
    bind(test, talker).connect(*address)
    return talker
