"""
Frames, and the packets in them.

A frame (obfs4-spec.txt section 5)::

    length  2   of the box, 16 to 1446, big-endian, XORed with the mask
    box         NaCl secretbox: tag 16 | packet 0 to 1430

The mask is the first two bytes of the next block of the direction's generator
(``pyptwist.crypto.drbg``); the nonce is the direction's prefix and the number of
the frame, which starts at 1.

A packet::

    type    1   0 data, 1 PRNG seed; others are ignored
    size    2   of the payload, big-endian
    payload
    padding     zeros, whatever is left

Each direction has 72 bytes of keys: secretbox key 32 | nonce prefix 16 |
generator seed 24.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.drbg import SEED_LENGTH, generatorHash
from pyptwist.crypto.secretbox import OVERHEAD, pointer, seal, unseal
from pyptwist.errors import FramingError

#: Bytes of keys for one direction.
KEYS_LENGTH: Final = 32 + 16 + SEED_LENGTH
#: Bytes of the longest frame: a TCP segment over Ethernet, less a little.
MAXIMUM_FRAME: Final = 1448
#: Bytes by which a frame is longer than the payload in it.
FRAME_OVERHEAD: Final = 2 + OVERHEAD + 3
#: Bytes of payload in the longest frame.
MAXIMUM_PAYLOAD: Final = MAXIMUM_FRAME - FRAME_OVERHEAD

_MAXIMUM_BOX: Final = MAXIMUM_FRAME - 2
_DATA: Final = 0
_SEED: Final = 1
_SIZED: Final = struct.Struct(">BH")
_NONCE: Final = struct.Struct(">16sQ").pack
_FULL: Final = _SIZED.pack(_DATA, MAXIMUM_PAYLOAD)
_EMPTY: Final = _SIZED.pack(_DATA, 0)


def dataPackets(data: bytes) -> list[bytes]:
    """
    Cut payload into packets without padding, all but the last full.

    :param data: 1 byte or more.
    """
    whole = len(data) - len(data) % MAXIMUM_PAYLOAD
    packets = [_FULL + data[at : at + MAXIMUM_PAYLOAD] for at in range(0, whole, MAXIMUM_PAYLOAD)]
    if rest := data[whole:]:
        packets.append(_SIZED.pack(_DATA, len(rest)) + rest)
    return packets


def paddingPacket(count: int) -> bytes:
    """
    A packet without payload.

    :param count: bytes of padding, up to 1427.
    """
    return _EMPTY + bytes(count)


def seedPacket(seed: bytes) -> bytes:
    """
    The packet that tells a client the server's seed.

    :param seed: 24 bytes.
    """
    return _SIZED.pack(_SEED, len(seed)) + seed


class _Direction:
    """
    The keys of one direction, and how many frames it had.
    """

    __slots__ = ("_counter", "_hash", "_key", "_prefix")

    def __init__(self, keys: bytes) -> None:
        self._key = keys[:32]
        self._prefix = keys[32:48]
        self._hash = generatorHash(keys[48:])
        self._counter = 1


class FrameEncoder(_Direction):
    """
    Seals the packets of one direction.  Made from 72 bytes of keys.
    """

    __slots__ = ()

    def seal(self, packets: Sequence[bytes]) -> bytearray:
        """
        Make frames, one of each packet, back to back.

        :param packets: each up to 1430 bytes.
        """
        frames = bytearray(sum(map(len, packets)) + (2 + OVERHEAD) * len(packets))
        target = pointer(frames)
        digest, update = self._hash.digest, self._hash.update
        key, prefix, counter = self._key, self._prefix, self._counter
        at = 0
        for packet in packets:
            size = len(packet)
            length = size + OVERHEAD
            mask = digest()
            update(mask)
            frames[at] = mask[0] ^ length >> 8
            frames[at + 1] = mask[1] ^ length & 255
            at += 2
            seal(target + at, packet, size, _NONCE(prefix, counter), key)
            at += length
            counter += 1
        self._counter = counter
        return frames


class FrameDecoder(_Direction):
    """
    Opens the frames of one direction.

    Whole frames are opened where they are; only the part of the last one that
    is not complete is kept.

    :ivar seed: the seed packet that came last, 24 bytes, or None.
    """

    __slots__ = ("_entropy", "_length", "_poisoned", "_rest", "seed")

    def __init__(self, keys: bytes, entropy: Entropy) -> None:
        """
        :param keys: 72 bytes.
        :param entropy: for what an illegal length is replaced with.
        """
        super().__init__(keys)
        self._entropy = entropy
        self._length = 0  # of the box that comes next, 0 while not known
        self._poisoned = False
        self._rest = b""
        self.seed: bytes | None = None

    def open(self, data: bytes | bytearray | memoryview, payloads: list[bytearray]) -> None:
        """
        Open all frames that are complete now.

        :param data: the bytes that came; kept no longer than needed.
        :param payloads: where the payload goes to, also what came before the
            error.
        :raises FramingError: the stream was tampered with, or the peer errs.
            The decoder must not be used again.
        """
        if self._rest:
            data = self._rest + data
        source = pointer(data)
        packet = bytearray(_MAXIMUM_BOX - OVERHEAD)
        target = pointer(packet)
        digest, update = self._hash.digest, self._hash.update
        unpack = _SIZED.unpack_from
        key, prefix, counter, length = self._key, self._prefix, self._counter, self._length
        at, end = 0, len(data)
        while True:
            if not length:
                if end - at < 2:
                    break
                mask = digest()
                update(mask)
                length = (data[at] ^ mask[0]) << 8 | data[at + 1] ^ mask[1]
                at += 2
                if not OVERHEAD <= length <= _MAXIMUM_BOX:
                    length = self._pretended()
            if end - at < length:
                break
            failed = unseal(target, source + at, length, _NONCE(prefix, counter), key)
            if failed or self._poisoned:
                raise FramingError
            kind, size = unpack(packet)
            # Negative, hence always less, if the packet has not even its head.
            if size > length - (FRAME_OVERHEAD - 2):
                raise FramingError
            at += length
            counter += 1
            length = 0
            if kind == _DATA:
                if size:
                    payloads.append(packet[3 : 3 + size])
            elif kind == _SEED and size == SEED_LENGTH:
                self.seed = bytes(packet[3 : 3 + size])
        self._rest = bytes(data[at:])
        self._counter, self._length = counter, length

    def _pretended(self) -> int:
        # Failing at once would tell whoever flips bits of the length which of
        # them matter (Albrecht, Paterson, Watson: "Plaintext Recovery Attacks
        # Against SSH", 2009): wait for some legal length first.
        self._poisoned = True
        return uniform(self._entropy, OVERHEAD, _MAXIMUM_BOX)
