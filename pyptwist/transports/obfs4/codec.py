"""
obfs4, one network connection of it.

The server says nothing to whoever does not know its identity: see
``pyptwist.strangers.silence``.  The client closes at once when the server fails to prove
its identity.

``pyptwist.transports.obfs4.handshake`` and
``pyptwist.transports.obfs4.framing`` have the wire format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import Drbg
from pyptwist.crypto.replay import ReplayFilter
from pyptwist.crypto.seal import epochHour
from pyptwist.errors import PTError
from pyptwist.shaping import ShapedCodec, Tables
from pyptwist.strangers.silence import SilentServerCodec
from pyptwist.transports.obfs4.framing import FrameDecoder, FrameEncoder, seedPacket
from pyptwist.transports.obfs4.handshake import (
    ClientHandshake,
    ServerHandshake,
    ServerIdentity,
    ServerKeys,
)
from pyptwist.transports.obfs4.shaping import PacedShaper, ParanoidShaper, Shaper

_LATER: Final[Any] = None
_SHAPERS: tuple[type[Shaper], ...] = (Shaper, PacedShaper, ParanoidShaper)


class _Obfs4Codec(ShapedCodec):
    """
    What both sides have in common: all that comes after the handshake.
    """

    def __init__(
        self, tables: Tables, iatMode: int, entropy: Entropy, wallClock: Callable[[], float]
    ) -> None:
        super().__init__()
        # There before they have a value, as those of ``CodecConnection``.
        self._encoder: FrameEncoder = _LATER
        self._decoder: FrameDecoder = _LATER
        self._shaper: Shaper = _LATER
        self.nextTimer, self.backlog = None, 0
        self._tables = tables
        self._shaperClass = _SHAPERS[iatMode]
        self._entropy = entropy
        self._wallClock = wallClock

    def _establish(self, outgoing: bytes, incoming: bytes) -> None:
        self._encoder = FrameEncoder(outgoing)
        self._decoder = FrameDecoder(incoming, self._entropy)
        self._shaper = self._shaperClass(self._encoder, self._tables)


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
        self.open(frames)
        return False

    def opened(self) -> None:
        if self._decoder.seed is not None:
            self._tables.reseed(self._decoder.seed)
            self._decoder.seed = None


class ServerShared:
    """
    What all connections of one listener share.

    :ivar keys: the server's.
    :ivar tables: by which writes are shaped.
    :ivar replays: the handshakes of late.
    :ivar isKnown: tells the handshakes that others took.
    :ivar drain: seconds from its begin to the end of a connection that failed:
        obfs4proxy's, which draws whole ones from the seed, so that a server has
        the same time after each start.
    """

    def __init__(
        self,
        keys: ServerKeys,
        entropy: Entropy,
        isKnown: Callable[[bytes], bool] = lambda mac: False,
    ) -> None:
        """
        :param keys: the server's.
        :param entropy: throws dice and keys the replay filter.
        :param isKnown: did another listener with this state, or one before a
            restart, see the handshake with this MAC?  From now on it was seen.
        """
        self.keys = keys
        self.isKnown = isKnown
        self.tables = Tables(entropy, keys.seed)
        self.replays = ReplayFilter(entropy)
        delay = Drbg(keys.seed).intn(limits.SILENT_SPREAD)
        self.drain = limits.SILENT_HANDSHAKE + delay


class Obfs4ServerCodec(SilentServerCodec, _Obfs4Codec):
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
        self.drain = shared.drain
        self._handshake = ServerHandshake(keys, entropy)
        self.state = self._awaitingRequest

    def failed(self, error: PTError) -> None:
        super().failed(error)
        del self._handshake

    def _awaitingRequest(self) -> bool:
        hour = epochHour(self._wallClock())
        accepted = self._handshake.accept(self.buffer, hour, self._isReplay)
        if accepted is None:
            return False
        keys, response = accepted
        self.buffer.clear()
        del self._handshake
        self._establish(outgoing=keys.toClient, incoming=keys.toServer)
        # In the same write, and without padding: its length is part of the
        # response's, which is random.
        self.transmit(response + self._encoder.seal([seedPacket(self._seed)]))
        self.ready()
        return False

    def _isReplay(self, mac: bytes) -> bool:
        return self._shared.replays.seenBefore(mac, self.now) or self._shared.isKnown(mac)
