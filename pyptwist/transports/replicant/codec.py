"""
Replicant, one network connection of it: one codec that is two, one after the other.
"""

from __future__ import annotations

from zope.interface import implementer

from pyptwist.codec import Effect, Ready
from pyptwist.errors import PTError
from pyptwist.interfaces import ICodec
from pyptwist.transports.replicant.interfaces import IToneburst


@implementer(ICodec)
class ReplicantCodec:
    """
    The toneburst until it is done, then what follows it.
    """

    def __init__(self, toneburst: IToneburst, following: ICodec) -> None:
        """
        :param following: the polish's codec, or one that changes nothing.
        """
        self._toneburst: IToneburst | None = toneburst
        self._codec: ICodec = toneburst
        self._following: ICodec | None = following

    @property
    def nextTimer(self) -> float | None:
        """
        See ``ICodec``.
        """
        return self._codec.nextTimer

    @property
    def backlog(self) -> int:
        """
        See ``ICodec``.
        """
        return self._codec.backlog

    @property
    def refusal(self) -> PTError | None:
        """
        See ``ICodec``.
        """
        return self._codec.refusal

    def start(self, now: float) -> list[Effect]:
        return self._goOn(self._codec.start(now), now)

    def send(self, data: bytes, now: float) -> list[Effect]:
        return self._codec.send(data, now)

    def sendEnd(self, now: float) -> list[Effect]:
        return self._codec.sendEnd(now)

    def receive(self, data: bytes, now: float) -> list[Effect]:
        return self._goOn(self._codec.receive(data, now), now)

    def receiveEnd(self, now: float) -> list[Effect]:
        return self._codec.receiveEnd(now)

    def refuse(self, error: PTError, now: float) -> list[Effect]:
        return self._codec.refuse(error, now)

    def timerFired(self, now: float) -> list[Effect]:
        return self._goOn(self._codec.timerFired(now), now)

    def _goOn(self, effects: list[Effect], now: float) -> list[Effect]:
        if self._toneburst is None or not any(type(effect) is Ready for effect in effects):
            return effects
        assert self._following is not None
        rest, self._codec = self._toneburst.rest(), self._following
        # Its end, which nobody is told of: a codec that has not finished is one of
        # its own states' cycles.
        self._toneburst.receiveEnd(now)
        self._toneburst = self._following = None
        effects = [effect for effect in effects if type(effect) is not Ready]
        effects += self._codec.start(now)
        return effects + self._codec.receive(rest, now) if rest else effects
