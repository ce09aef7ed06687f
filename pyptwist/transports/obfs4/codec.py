"""
obfs4, one network connection of it.

The server says nothing to whoever does not know its identity: it reads and
forgets until a time that is the same for every failure, then closes.  The
client closes at once when the server fails to prove its identity.

``pyptwist.transports.obfs4.handshake`` and
``pyptwist.transports.obfs4.framing`` have the wire format.
"""

from __future__ import annotations

from collections.abc import Callable

from pyptwist import limits
from pyptwist.codec import CodecBase, Deliver, Effect, Transmit
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import Drbg
from pyptwist.crypto.replay import ReplayFilter
from pyptwist.errors import FramingError, HandshakeTimeout, PTError
from pyptwist.transports.obfs4.framing import FrameDecoder, FrameEncoder, seedPacket
from pyptwist.transports.obfs4.handshake import (
    ClientHandshake,
    ServerHandshake,
    ServerIdentity,
    ServerKeys,
    epochHour,
)
from pyptwist.transports.obfs4.shaping import PacedShaper, ParanoidShaper, Shaper, Tables

_SHAPERS: tuple[type[Shaper], ...] = (Shaper, PacedShaper, ParanoidShaper)


class _Obfs4Codec(CodecBase):
    """
    What both sides have in common: all that comes after the handshake.
    """

    _encoder: FrameEncoder
    _decoder: FrameDecoder
    _shaper: Shaper

    def __init__(
        self, tables: Tables, iatMode: int, entropy: Entropy, wallClock: Callable[[], float]
    ) -> None:
        super().__init__()
        self._tables = tables
        self._shaperClass = _SHAPERS[iatMode]
        self._entropy = entropy
        self._wallClock = wallClock

    def send(self, data: bytes, now: float) -> list[Effect]:
        if not self.isReady or self.isFinished:
            return super().send(data, now)
        shaper, burst = self._shaper, limits.OBFS4_BURST
        # Each burst is a write of its own, and ends in a segment of its own.
        effects: list[Effect] = [
            Transmit(frames)
            for at in range(0, len(data), burst)
            if (frames := shaper.write(data[at : at + burst], now))
        ]
        self.nextTimer, self.backlog = shaper.nextTimer, shaper.backlog
        return effects

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if not self.isReady or self.isFinished:
            return super().receive(data, now)
        self._open(data)
        if self._decoder.seed is not None:
            self._seedCame(self._decoder.seed)
            self._decoder.seed = None
        return self._effects()

    def timer(self) -> None:
        frames = self._shaper.resume(self.now)
        self.nextTimer, self.backlog = self._shaper.nextTimer, self._shaper.backlog
        self.transmit(frames)

    def isFlushed(self) -> bool:
        # obfs4proxy sleeps behind its last piece, too, before it closes.
        return self.nextTimer is None

    def _establish(self, outgoing: bytes, incoming: bytes) -> None:
        self._encoder = FrameEncoder(outgoing)
        self._decoder = FrameDecoder(incoming, self._entropy)
        self._shaper = self._shaperClass(self._encoder, self._tables)

    def _open(self, data: bytes) -> None:
        payloads: list[bytearray] = []
        error = None
        try:
            self._decoder.open(data, payloads)
        except FramingError as caught:
            error = caught
        if payloads:
            self.out.append(Deliver(b"".join(payloads)))
        if error:
            self.finish(error)

    def _seedCame(self, seed: bytes) -> None:
        """
        The peer sent a seed packet.  Servers do not care.
        """


class Obfs4ClientCodec(_Obfs4Codec):
    """
    The side that knows the server, and begins.

    Make it before connecting, so that nobody can measure how long its keys
    took.
    """

    def __init__(
        self,
        serverIdentity: ServerIdentity,
        iatMode: int,
        entropy: Entropy,
        wallClock: Callable[[], float],
    ) -> None:
        """
        :param serverIdentity: from the bridge line.
        :param iatMode: 0, 1 or 2: how writes are spread over time.
        :param entropy: makes keys and padding.
        :param wallClock: the Unix time in seconds, right to the hour.
        """
        super().__init__(Tables(entropy), iatMode, entropy, wallClock)
        self._handshake = ClientHandshake(serverIdentity, entropy)
        self.state = self._awaitingResponse

    def begin(self) -> None:
        self.transmit(self._handshake.request(epochHour(self._wallClock())))

    def _awaitingResponse(self) -> bool:
        finished = self._handshake.finish(self.buffer)
        if finished is None:
            return False
        keys, length = finished
        frames = bytes(self.buffer[length:])
        self.buffer.clear()
        del self._handshake
        self._establish(outgoing=keys.toServer, incoming=keys.toClient)
        self.ready()
        # A seed in here counts from the next read on, as it does in obfs4proxy,
        # which leaves these frames until then: what the application sends
        # first is shaped by a random table.
        self._open(frames)
        return False

    def _seedCame(self, seed: bytes) -> None:
        self._tables.reseed(seed)


class ServerShared:
    """
    What all connections of one listener share.

    :ivar keys: the server's.
    :ivar tables: by which writes are shaped.
    :ivar replays: the handshakes of late.
    :ivar drain: seconds from its begin to the end of a connection that failed.
    """

    def __init__(self, keys: ServerKeys, entropy: Entropy) -> None:
        """
        :param keys: the server's.
        :param entropy: throws dice and keys the replay filter.
        """
        self.keys = keys
        self.tables = Tables(entropy, keys.seed)
        self.replays = ReplayFilter(entropy)
        delay = Drbg(keys.seed).intn(limits.OBFS4_CLOSE_DELAY)
        self.drain = limits.OBFS4_SERVER_HANDSHAKE + delay


class Obfs4ServerCodec(_Obfs4Codec):
    """
    The side that waits, and stays silent.
    """

    def __init__(
        self,
        keys: ServerKeys,
        iatMode: int,
        shared: ServerShared,
        entropy: Entropy,
        wallClock: Callable[[], float],
    ) -> None:
        """
        :param keys: the server's.
        :param iatMode: 0, 1 or 2: how writes are spread over time.
        :param shared: one object for all connections of one listener.
        :param entropy: makes keys and padding.
        :param wallClock: the Unix time in seconds, right to the hour.
        """
        super().__init__(shared.tables, iatMode, entropy, wallClock)
        self._seed = keys.seed
        self._shared = shared
        self._handshake = ServerHandshake(keys, entropy)
        self.state = self._awaitingRequest

    def begin(self) -> None:
        self._begun = self.now
        self.nextTimer = self.now + limits.OBFS4_SERVER_HANDSHAKE

    def timer(self) -> None:
        if self.isReady:
            super().timer()
        else:
            self.failed(HandshakeTimeout())

    def failed(self, error: PTError) -> None:
        self.drainUntil(self._begun + self._shared.drain, error)
        del self._handshake

    def _awaitingRequest(self) -> bool:
        hour = epochHour(self._wallClock())
        accepted = self._handshake.accept(self.buffer, hour, self._isReplay)
        if accepted is None:
            return False
        keys, response = accepted
        self.buffer.clear()
        self.nextTimer = None
        del self._handshake
        self._establish(outgoing=keys.toClient, incoming=keys.toServer)
        # In the same write, and without padding: its length is part of the
        # response's, which is random.
        self.transmit(response + self._encoder.seal([seedPacket(self._seed)]))
        self.ready()
        return False

    def _isReplay(self, mac: bytes) -> bool:
        return self._shared.replays.seenBefore(mac, self.now)
