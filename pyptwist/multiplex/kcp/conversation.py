"""
One KCP conversation: packets in, packets and bytes out.
"""

from __future__ import annotations

from pyptwist import limits
from pyptwist.multiplex.kcp.receiving import Receiver
from pyptwist.multiplex.kcp.segments import HEADER, Command, distance, readPacket
from pyptwist.multiplex.kcp.sending import Sender
from pyptwist.multiplex.kcp.settings import Settings

_MASK = 0xFFFFFFFF


class Conversation:
    """
    Knows no socket and no clock: ``now`` is in seconds of one that never goes back.

    Whoever owns it hands in what arrives, and calls ``transmit`` after every call that
    changes something and at ``nextTimer``; a conversation that has nothing to do has
    no timer.

    :ivar number: 32 bits, the same on both sides.
    """

    def __init__(self, number: int, settings: Settings, now: float, epoch: int = 0) -> None:
        """
        :param epoch: what the timestamps begin with, in milliseconds, 32 bits: who does
            not see them cannot make up an acknowledgement if it is unpredictable.
        """
        self.number = number
        self._settings = settings
        self._origin, self._epoch = now, epoch
        self._sender = Sender(settings)
        self._receiver = Receiver(settings.receiveWindow)
        self._acknowledgeAt: float | None = None
        self._pacedAt = now
        self._allowance = float(limits.KCP_BURST)
        self._probeAt: float | None = None
        self._probeAfter = limits.KCP_PROBE
        self._commands: list[Command] = []

    # --- the application ----------------------------------------------------

    def send(self, data: bytes) -> None:
        """
        Take bytes for the peer.  They are kept until he has them: look at ``backlog``.
        """
        self._sender.pending += data

    def sendEnd(self) -> None:
        """
        Nothing follows.  Only peers of our own kind understand it.
        """
        self._sender.end()

    def take(self) -> bytes:
        """
        :returns: the bytes that came, in order.  Whoever does not call this closes the
            window, and stops the peer.
        """
        wasClosed = not self._receiver.window
        data = self._receiver.take()
        if wasClosed and self._receiver.window:
            self._tell(Command.TELL)
        return data

    @property
    def backlog(self) -> int:
        """
        Bytes that were taken by ``send`` and never were under way yet.
        """
        return len(self._sender.pending)

    @property
    def isFlushed(self) -> bool:
        """
        Has the peer acknowledged everything?
        """
        return self._sender.isFlushed

    @property
    def isComplete(self) -> bool:
        """
        Has all that the peer will ever send come, and was it taken?
        """
        return self._receiver.isComplete and self._receiver.isEmpty

    @property
    def hasEnd(self) -> bool:
        """
        Has all that the peer will ever send come?  Then he is needed no more.
        """
        return self._receiver.isComplete

    @property
    def isDead(self) -> bool:
        """
        Was something sent so often without an answer that nobody can be there?
        """
        return self._sender.isDead

    @property
    def isProven(self) -> bool:
        """
        Has somebody acknowledged something with its timestamp?
        """
        return self._sender.isProven

    def beCautious(self) -> None:
        """
        Send no more than a few bytes of payload at a time before ``isProven``.
        """
        self._sender.isCautious = not self._sender.isProven

    def hurry(self) -> None:
        """
        The way to the peer is another one now: what is under way is sent again.
        """
        self._sender.hurry()

    # --- the network --------------------------------------------------------

    def receive(self, packet: bytes, now: float) -> None:
        """
        A packet came.

        :raises FramingError: if it holds something else than this conversation's
            segments.  Then none of it counts: acknowledgements of what counts would
            wait here, without a bound, for whoever has no reason to call ``transmit``.
        """
        moment = self._milliseconds(now)
        farthest: tuple[int, int] | None = None
        received: int | None = None
        for command, window, stamp, number, first, data in list(readPacket(packet, self.number)):
            self._sender.peerWindow, received = window, first
            if command == Command.ACKNOWLEDGE:
                self._sender.acknowledged(number, stamp, moment)
                if farthest is None or distance(number, farthest[0]) > 0:
                    farthest = number, stamp
            elif command == Command.PUSH:
                self._receiver.push(number, stamp, data)
            elif command == Command.ASK:
                self._tell(Command.TELL)
        # Behind the acknowledgements, which say when each segment arrived.
        if received is not None:
            self._sender.received(received)
        if farthest is not None:
            self._sender.passed(*farthest)
        if self._receiver.acknowledgements and self._acknowledgeAt is None:
            self._acknowledgeAt = now + self._settings.interval / 1000
        if self._sender.peerWindow:
            self._probeAt, self._probeAfter = None, limits.KCP_PROBE

    @property
    def nextTimer(self) -> float | None:
        """
        When ``transmit`` wants to be called; None for never, unless something happens.
        """
        times = [self._acknowledgeAt, self._probeAt]
        mayGo = self._pacedAt + (0 if self._allowance >= 1 else limits.KCP_PACE_STEP)
        if (due := self._sender.due) is not None:
            times.append(max(mayGo, self._origin + (due - self._epoch) / 1000))
        if self._sender.isWaiting and self._sender.room:
            times.append(mayGo)
        return min((at for at in times if at is not None), default=None)

    def transmit(self, now: float) -> list[bytes]:
        """
        :returns: packets, each for a datagram of its own, to be sent now.
        """
        moment = self._milliseconds(now)
        segments: list[tuple[Command, int, int, bytes]] = []
        if not self._sender.isFlushed:
            count = self._paced(now)
            chosen = list(self._sender.again(moment, count))
            chosen += self._sender.fresh(moment, count - len(chosen))
            self._allowance -= len(chosen)
            segments = [(Command.PUSH, number, moment, data) for number, data in chosen]
        self._probe(now)
        acknowledged = self._receiver.acknowledgements
        if segments or self._commands or self._isTimeToAcknowledge(now):
            answers = [(Command.ACKNOWLEDGE, number, stamp, b"") for number, stamp in acknowledged]
            answers += [(command, 0, moment, b"") for command in self._commands]
            acknowledged.clear()
            self._commands.clear()
            self._acknowledgeAt = None
            segments = answers + segments
        return self._packed(segments)

    # --- inside -------------------------------------------------------------

    def _milliseconds(self, now: float) -> int:
        # Rounded up, or a timer that rings on time would come too early.
        return self._epoch - int((self._origin - now) * 1000 // 1)

    def _tell(self, command: Command) -> None:
        if command not in self._commands:
            self._commands.append(command)

    def _isTimeToAcknowledge(self, now: float) -> bool:
        return len(self._receiver.acknowledgements) >= limits.KCP_ACKNOWLEDGEMENTS or (
            self._acknowledgeAt is not None and now >= self._acknowledgeAt
        )

    def _paced(self, now: float) -> int:
        """
        :returns: segments that may be sent in this moment: a whole window at once
            would not fit into the kernel's buffers, at either end.
        """
        steps = (now - self._pacedAt) / limits.KCP_PACE_STEP
        self._pacedAt = now
        self._allowance = min(limits.KCP_BURST, self._allowance + steps * limits.KCP_PACE)
        return max(0, int(self._allowance))

    def _probe(self, now: float) -> None:
        """
        A closed window opens by a segment that may be lost: so ask.
        """
        if self._sender.peerWindow or not self._sender.isWaiting:
            self._probeAt = None
        elif self._probeAt is None:
            self._probeAt = now + self._probeAfter
        elif now >= self._probeAt:
            self._probeAfter = min(self._probeAfter * 1.5, limits.KCP_PROBE_MAXIMUM)
            self._probeAt = now + self._probeAfter
            self._tell(Command.ASK)

    def _packed(self, segments: list[tuple[Command, int, int, bytes]]) -> list[bytes]:
        window, first = self._receiver.window, self._receiver.expected
        packets: list[bytes] = []
        parts: list[bytes] = []
        size = 0
        for command, number, stamp, data in segments:
            length = HEADER.size + len(data)
            if size + length > self._settings.packet:
                packets.append(b"".join(parts))
                parts, size = [], 0
            header = HEADER.pack(
                self.number, command, 0, window, stamp & _MASK, number, first, len(data)
            )
            parts += (header, data)
            size += length
        if parts:
            packets.append(b"".join(parts))
        return packets
