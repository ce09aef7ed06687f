"""
A transport connection's stream over one KCP conversation, without any I/O.

It is the same for client and server, once both know that the other is there:
payload, pauses, ends, and whether the peer lives still.

It is no ``ICodec``, though it looks like one: a codec may join what it transmits, and
its connection is not read while the application is paused.  Here each ``Transmit`` is a
datagram, and what comes is acknowledged and answered whether anybody reads it or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyptwist import limits
from pyptwist.codec import Deliver, Effect, Finished, Transmit
from pyptwist.errors import FramingError, PeerReset, PTError, Unresponsive
from pyptwist.multiplex.kcp import Conversation, Settings
from pyptwist.transports.kcp.framing import Framing, Kind


@dataclass(frozen=True)
class StreamOptions:
    """
    What the operator may choose.

    :ivar settings: KCP's.
    :ivar keepalive: seconds of silence after which a peer is asked whether he is
        there.
    """

    settings: Settings
    keepalive: float = limits.KCP_KEEPALIVE


class Stream:
    """
    Each ``Transmit`` is one datagram.  ``nextTimer`` and the effects are as in
    ``ICodec``.

    :ivar session: the session, or nothing.
    :ivar nextTimer: when ``timerFired`` wants to be called, in seconds.
    :ivar unanswered: how often the peer was asked whether he is there, since he was
        heard last.
    """

    def __init__(
        self,
        conversation: Conversation,
        framing: Framing,
        session: bytes,
        options: StreamOptions,
        now: float,
    ) -> None:
        self.session = session
        self.nextTimer: float | None = None
        self.unanswered = 0
        self._conversation = conversation
        self._framing = framing
        self._keepalive = options.keepalive if framing.hasSessions else limits.KCP_IDLE
        self._askAt = now + self._keepalive
        self._isPaused = False
        self._isEnding = False
        self._isFinished = False
        self._watch()

    # --- the application ----------------------------------------------------

    @property
    def backlog(self) -> int:
        """
        Bytes that were taken and were never under way yet.
        """
        return self._conversation.backlog

    @property
    def isProven(self) -> bool:
        """
        Does the peer receive what he is sent?
        """
        return self._conversation.isProven

    def beCautious(self) -> None:
        """
        Send next to nothing before ``isProven``.
        """
        self._conversation.beCautious()

    def send(self, data: bytes, now: float) -> list[Effect]:
        """
        The application writes.
        """
        if not self._isEnding:
            self._conversation.send(data)
        return self._after(now)

    def sendEnd(self, now: float) -> list[Effect]:
        """
        The application writes no more: flush, then ``Finished``.
        """
        self._isEnding = True
        if self._framing.hasSessions:
            self._conversation.sendEnd()
        return self._after(now)

    def abort(self) -> list[Effect]:
        """
        Drop everything.

        :returns: what tells the peer.
        """
        self._finished()
        return self._say(Kind.ABORT)

    def pause(self) -> None:
        """
        The application takes no more: KCP's window closes.
        """
        self._isPaused = True

    def resume(self, now: float) -> list[Effect]:
        """
        The application takes more.
        """
        self._isPaused = False
        return self._after(now)

    def hurry(self, now: float) -> list[Effect]:
        """
        The way to the peer is another one now.
        """
        self._conversation.hurry()
        return self._after(now)

    # --- the network --------------------------------------------------------

    def receive(self, kind: Kind, body: bytes, now: float) -> list[Effect]:
        """
        A datagram of the session came.
        """
        if self._isFinished:
            return []
        if kind is Kind.PACKET:
            # What does not fit is a stranger's, or damaged: that is no reason to
            # end anything, since anybody can send a datagram.
            if not self._isTaken(body, now):
                return []
        elif kind in (Kind.OVER, Kind.ABORT):
            return self._peerEnded(kind)
        self._heard(kind, now)
        return (self._say(Kind.PONG) if kind is Kind.PING else []) + self._after(now)

    def timerFired(self, now: float) -> list[Effect]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
        if self._isFinished:
            return []
        if now < self._askAt or self._conversation.hasEnd:
            return self._after(now)
        if not self._framing.hasSessions or self.unanswered >= limits.KCP_UNANSWERED:
            return self._finish(Unresponsive("the peer does not answer any more"))
        self.unanswered += 1
        self._askAt = now + self._keepalive
        return self.ask() + self._after(now)

    def ask(self) -> list[Effect]:
        """
        :returns: what asks the peer whether he is there.
        """
        return self._say(Kind.PING)

    # --- inside -------------------------------------------------------------

    def _isTaken(self, packet: bytes, now: float) -> bool:
        try:
            self._conversation.receive(packet, now)
        except FramingError:
            return False
        return True

    def _heard(self, kind: Kind, now: float) -> None:
        """
        The peer is there.  If he stops in the middle of things, it may be that he does
        not know where we are now: so ask soon, once.
        """
        self.unanswered = 0
        isBusy = kind is Kind.PACKET and self._framing.hasSessions
        self._askAt = now + (
            min(self._keepalive, limits.KCP_STOPPED) if isBusy else self._keepalive
        )

    def _peerEnded(self, kind: Kind) -> list[Effect]:
        if self._conversation.hasEnd:
            return []  # the application still has to take what came
        isWanted = kind is Kind.OVER and self._isEnding
        return self._finish(None if isWanted else PeerReset())

    def _after(self, now: float) -> list[Effect]:
        """
        :returns: what comes of whatever was just done.
        """
        if self._isFinished:
            return []
        conversation = self._conversation
        effects: list[Effect] = []
        if not self._isPaused and (data := conversation.take()) and not self._isEnding:
            effects.append(Deliver(data))
        effects += [
            Transmit(self._seal(Kind.PACKET, packet)) for packet in conversation.transmit(now)
        ]
        if conversation.isComplete and (self._isEnding or not self._isPaused):
            effects += self._say(Kind.OVER) + self._finish(None)
        elif self._isEnding and conversation.isFlushed:
            effects += self._finish(None)
        elif conversation.isDead and not conversation.hasEnd:
            effects += self._finish(Unresponsive("the peer does not answer any more"))
        self._watch()
        return effects

    def _say(self, kind: Kind) -> list[Effect]:
        return [Transmit(said)] if (said := self._seal(kind)) else []

    def _seal(self, kind: Kind, body: bytes = b"") -> bytes:
        return self._framing.seal(self.session, kind, body)

    def _watch(self) -> None:
        if self._isFinished:
            return
        times = [self._conversation.nextTimer, None if self._conversation.hasEnd else self._askAt]
        self.nextTimer = min((at for at in times if at is not None), default=None)

    def _finish(self, error: PTError | None) -> list[Effect]:
        self._finished()
        return [Finished(error)]

    def _finished(self) -> None:
        self._isFinished = True
        self.nextTimer = None
