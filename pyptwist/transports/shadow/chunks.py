"""
Chunks: what both kinds of shadow carry payload in.

::

    length   2 + 16   sealed: big-endian, 0 to 0x3FFF; the two highest bits are ignored
    payload  n + 16   sealed

Each box is an AEAD's, with a tag of 16 bytes, no associated data, and a nonce of 12
bytes that counts the boxes of its direction from 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from pyptwist.codec import CodecBase, Effect, bare
from pyptwist.errors import FramingError, PTError
from pyptwist.strangers.silence import SilentServerCodec

Aead: TypeAlias = AESGCM | ChaCha20Poly1305

#: Makes the nonce of a box, 12 bytes, of its number.
Nonce: TypeAlias = Callable[[int], bytes]

#: Bytes of payload in the longest chunk.
MAXIMUM_PAYLOAD: Final = 0x3FFF
#: Bytes of a box's tag.
TAG_LENGTH: Final = 16
#: Bytes of a sealed length.
LENGTH_BOX: Final = 2 + TAG_LENGTH

_LENGTH: Final = struct.Struct(">H")
_FULL: Final = _LENGTH.pack(MAXIMUM_PAYLOAD)
_UNKNOWN: Final = -1

#: Shadowsocks': 96 bits, little-endian.
littleEndian: Final[Nonce] = struct.Struct("<Q4x").pack
#: DarkStar's: a constant, and 64 bits, big-endian.
bigEndian: Final[Nonce] = partial(struct.Struct(">4sQ").pack, b"\x1a" * 4)


class ChunkSealer:
    """
    Seals the chunks of one direction.
    """

    __slots__ = ("_aead", "_count", "_nonce")

    def __init__(self, aead: Aead, nonce: Nonce) -> None:
        """
        :param aead: with the direction's key.
        """
        self._aead = aead
        self._nonce = nonce
        self._count = 0

    def seal(self, data: bytes) -> list[bytes]:
        """
        :param data: any number of bytes.
        :returns: boxes, to be put back to back.
        """
        encrypt, nonce, count = self._aead.encrypt, self._nonce, self._count
        boxes: list[bytes] = []
        with memoryview(data) as view:
            for at in range(0, len(data), MAXIMUM_PAYLOAD):
                piece = view[at : at + MAXIMUM_PAYLOAD]
                size = len(piece)
                length = _FULL if size == MAXIMUM_PAYLOAD else _LENGTH.pack(size)
                boxes.append(encrypt(nonce(count), length, None))
                boxes.append(encrypt(nonce(count + 1), piece, None))
                count += 2
        self._count = count
        return boxes


class ChunkOpener:
    """
    Opens the chunks of one direction.

    Whole chunks are opened where they are; only the part of the last one that is not
    complete is kept.
    """

    __slots__ = ("_aead", "_count", "_least", "_length", "_nonce", "_rest")

    def __init__(self, aead: Aead, nonce: Nonce, least: int = LENGTH_BOX) -> None:
        """
        :param aead: with the direction's key.
        :param least: bytes of a chunk that must be there before its length is opened:
            when a wrong one shows.
        """
        self._aead = aead
        self._nonce = nonce
        self._least = least
        self._count = 0
        self._length = _UNKNOWN  # of the payload that comes next
        self._rest = bytearray()

    @property
    def isWithin(self) -> bool:
        """
        Did a part of a chunk come, and not the rest?
        """
        return bool(self._rest) or self._length != _UNKNOWN

    def open(self, data: bytes, payloads: list[bytes]) -> None:
        """
        Open all chunks that are complete now.

        :param data: the bytes that came.
        :param payloads: where the payload goes to, also what came before the error.
        :raises FramingError: the stream was tampered with, or the peer errs.  The
            opener must not be used again.
        """
        if not self._rest:
            at = self._openFrom(data, payloads)
            self._rest += memoryview(data)[at:]
        else:
            self._rest += data
            at = self._openFrom(self._rest, payloads)
            del self._rest[:at]

    def _openFrom(self, data: bytes | bytearray, payloads: list[bytes]) -> int:
        """
        :returns: how many bytes were used.
        """
        decrypt, nonce, count, length = self._aead.decrypt, self._nonce, self._count, self._length
        at, end = 0, len(data)
        with memoryview(data) as view:
            try:
                while True:
                    if length == _UNKNOWN:
                        if end - at < self._least:
                            break
                        box = decrypt(nonce(count), view[at : at + LENGTH_BOX], None)
                        at += LENGTH_BOX
                        count += 1
                        length = _LENGTH.unpack(box)[0] & MAXIMUM_PAYLOAD
                    size = length + TAG_LENGTH
                    if end - at < size:
                        break
                    payloads.append(decrypt(nonce(count), view[at : at + size], None))
                    at += size
                    count += 1
                    length = _UNKNOWN
            except InvalidTag:
                raise FramingError from None
        self._count, self._length = count, length
        return at


class ChunkedCodec(CodecBase):
    """
    A codec whose payload goes in chunks, and goes into ``flowing`` as its last state.
    A subclass sets both ends of that before, and writes the rest.
    """

    sealer: ChunkSealer
    opener: ChunkOpener
    _flows = False

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if not self._flows or self.isFinished or self.refusal is not None:
            return super().receive(data, now)
        self.now = now
        try:
            self._open(data)
        except PTError as error:
            self.failed(bare(error))
        return self._effects()

    def encode(self, data: bytes) -> None:
        self.transmit(b"".join(self.sealer.seal(data)))

    def endOfInput(self) -> None:
        if self.isReady and self._flows and self.opener.isWithin:
            self.finish(FramingError("the peer ended within a chunk"))
        else:
            super().endOfInput()

    def flowing(self) -> bool:
        """
        The state for what came behind the handshake: later payload takes no way
        through the buffer.
        """
        self._flows = True
        self._open(self.take(len(self.buffer)))
        return False

    def _open(self, data: bytes) -> None:
        payloads: list[bytes] = []
        try:
            self.opener.open(data, payloads)
        finally:
            self.deliver(b"".join(payloads))


class SilentChunkedCodec(SilentServerCodec, ChunkedCodec):
    """
    The server's side, which shows nobody which byte was wrong, not even within the
    stream of a client that it knows: somebody may be changing it to see where its
    chunks end.
    """

    def failed(self, error: PTError) -> None:
        self.keepSilent(error)
