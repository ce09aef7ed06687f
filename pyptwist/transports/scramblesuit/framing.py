"""
Messages.

A message (scramblesuit-spec.txt section 3)::

    MAC     16  HMAC-SHA256 of all that follows, cut
    total    2  bytes of payload and padding, 0 to 1427, big-endian
    size     2  bytes of payload, at most as many
    flags    1  1 payload, 2 new ticket, 4 seed
    payload
    padding     zeros

All behind the MAC is encrypted, and the MAC made of the ciphertext.  The cipher
is AES-256-CTR, one stream for all the messages of a direction.  Its first block
is an 8-byte prefix and the number 1 in 64 bits: the spec is silent about the 1.

A new ticket is master key 32 | ticket 112; a seed has 32 bytes.  Only servers
send these.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pyptwist.crypto.dice import Entropy, uniform
from pyptwist.crypto.seal import TAG_LENGTH
from pyptwist.errors import FramingError
from pyptwist.shaping import SEGMENT

#: Bytes by which a message is longer than the payload and padding in it.
OVERHEAD: Final = TAG_LENGTH + 5
#: Bytes of payload and padding in the longest message.
MAXIMUM_CONTENT: Final = SEGMENT - OVERHEAD
#: Bytes of a master key.
MASTER_KEY_LENGTH: Final = 32
#: Bytes of a session ticket.
TICKET_LENGTH: Final = 112
#: Bytes of the seed of a server's tables.
SEED_LENGTH: Final = 32

PAYLOAD: Final = 1
NEW_TICKET: Final = 2
SEED: Final = 4

#: What only servers send: flags, and bytes of payload.
NEWS: Final[Mapping[int, int]] = {
    NEW_TICKET: MASTER_KEY_LENGTH + TICKET_LENGTH,
    SEED: SEED_LENGTH,
}

_HEADER: Final = struct.Struct(">HHB")
_FULL: Final = _HEADER.pack(MAXIMUM_CONTENT, MAXIMUM_CONTENT, PAYLOAD)


def payloadMessages(data: bytes) -> list[bytes]:
    """
    Cut payload into plain messages without padding, all but the last full.

    :param data: 1 byte or more.
    """
    whole = len(data) - len(data) % MAXIMUM_CONTENT
    messages = [_FULL + data[at : at + MAXIMUM_CONTENT] for at in range(0, whole, MAXIMUM_CONTENT)]
    if rest := data[whole:]:
        messages.append(newsMessage(PAYLOAD, rest))
    return messages


def paddingMessage(count: int) -> bytes:
    """
    A plain message without payload.

    :param count: bytes of padding, up to 1427.
    """
    return _HEADER.pack(count, 0, PAYLOAD) + bytes(count)


def newsMessage(flags: int, content: bytes) -> bytes:
    """
    A plain message without padding.

    :param content: up to 1427 bytes.
    """
    return _HEADER.pack(len(content), len(content), flags) + content


@dataclass(frozen=True, slots=True)
class DirectionKeys:
    """
    The keys of one direction.

    :ivar cipher: 32 bytes.
    :ivar prefix: of the cipher's counter blocks, 8 bytes.
    :ivar mac: 32 bytes.
    """

    cipher: bytes
    prefix: bytes
    mac: bytes

    def __repr__(self) -> str:
        return "<DirectionKeys>"

    def stream(self) -> CipherContext:
        """
        :returns: what encrypts, or decrypts, all bytes of the direction in order.
        """
        first = self.prefix + (1).to_bytes(8, "big")
        return Cipher(AES256(self.cipher), CTR(first)).encryptor()


class MessageEncoder:
    """
    Seals the messages of one direction.
    """

    __slots__ = ("_mac", "_stream")

    def __init__(self, keys: DirectionKeys) -> None:
        self._stream = keys.stream()
        self._mac = hmac.new(keys.mac, digestmod="sha256")

    def seal(self, messages: Sequence[bytes]) -> bytearray:
        """
        Encrypt plain messages, and put them back to back.

        :param messages: each a header and up to 1427 bytes.
        """
        # One call for all: the stream does not care where messages begin.
        encrypted = memoryview(self._stream.update(b"".join(messages)))
        pieces: list[bytes | memoryview] = []
        at = 0
        for message in messages:
            piece = encrypted[at : at + len(message)]
            mac = self._mac.copy()
            mac.update(piece)
            pieces += mac.digest()[:TAG_LENGTH], piece
            at += len(message)
        return bytearray().join(pieces)


class MessageDecoder:
    """
    Opens the messages of one direction.

    Only the part of the last message that is not complete is kept.

    :ivar hasOpened: whether any message came yet.
    :ivar news: what came last besides payload, by its flags.
    """

    __slots__ = (
        "_entropy",
        "_expected",
        "_header",
        "_mac",
        "_rest",
        "_stream",
        "hasOpened",
        "news",
    )

    def __init__(self, keys: DirectionKeys, entropy: Entropy, expected: Mapping[int, int]) -> None:
        """
        :param entropy: for what an illegal length is replaced with.
        :param expected: flags besides payload's that may come, and how many
            bytes of payload they have.
        """
        self._stream = keys.stream()
        self._mac = hmac.new(keys.mac, digestmod="sha256")
        self._entropy = entropy
        self._expected = expected
        self._header: tuple[int, int, int] | None = None  # of the message that comes next
        self._rest = b""
        self.hasOpened = False
        self.news: dict[int, bytes] = {}

    def open(self, data: bytes, payloads: list[bytes]) -> None:
        """
        Open all messages that are complete now.

        :param data: the bytes that came.
        :param payloads: where the payload goes to, also what came before the
            error.
        :raises FramingError: the stream was tampered with, or the peer errs.
            The decoder must not be used again.
        """
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        at, end = 0, len(data)
        while end - at >= OVERHEAD:
            if self._header is None:
                self._header = self._legal(
                    self._stream.update(view[at + TAG_LENGTH : at + OVERHEAD])
                )
            total, size, flags = self._header
            stop = at + OVERHEAD + total
            if stop > end:
                break
            content = self._stream.update(view[at + OVERHEAD : stop])
            mac = self._mac.copy()
            mac.update(view[at + TAG_LENGTH : stop])
            if not hmac.compare_digest(mac.digest()[:TAG_LENGTH], view[at : at + TAG_LENGTH]):
                raise FramingError
            if flags == PAYLOAD:
                if size:
                    payloads.append(content[:size])
            elif self._expected.get(flags) == size:
                self.news[flags] = content[:size]
            else:
                raise FramingError
            self._header = None
            self.hasOpened = True
            at = stop
        self._rest = bytes(view[at:])

    def _legal(self, header: bytes) -> tuple[int, int, int]:
        """
        :returns: what the header says, or something that leads to an error later.
        """
        total, size, flags = _HEADER.unpack(header)
        if size <= total <= MAXIMUM_CONTENT:
            return total, size, flags
        # Failing at once would tell whoever flips bits of the lengths which of
        # them matter (Albrecht, Paterson, Watson: "Plaintext Recovery Attacks
        # Against SSH", 2009): wait for some legal length first.
        return uniform(self._entropy, 0, MAXIMUM_CONTENT), 0, 0
