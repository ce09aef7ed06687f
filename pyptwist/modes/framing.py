"""
Datagrams on a stream: where one ends and the next begins.

Transparent-UDP (PT 3.0, section 1.5.4), for datagrams of any kind::

    length (2 bytes, network byte order) | that many bytes

The length may be 0.  shapeshifter-dispatcher writes it in little-endian order,
against the specification, and cannot be talked to.

STUN (the same section), for datagrams that say how long they are, one behind the
other.  A STUN message (RFC 8489, section 5)::

    00 + type (14 bits) | length (2 bytes) | 21 12 a4 42 | 12 bytes | length bytes

whose length is a multiple of 4.  A TURN client sends its payload in ChannelData
messages (RFC 8656, section 12.4)::

    01 + channel (14 bits) | length (2 bytes) | length bytes | padding

which on a stream are padded to a multiple of 4 bytes; that padding belongs to the
stream, not to the datagram.
"""

from __future__ import annotations

from typing import Final, Protocol

from pyptwist.errors import FramingError, PTError

#: Bytes of the longest datagram that a stream carries.  UDP over IPv4 has 65507
#: at the most, over IPv6 65527.
LONGEST: Final = 65535

_STUN_HEADER: Final = 20
_COOKIE: Final = b"\x21\x12\xa4\x42"
_CHANNEL_HEADER: Final = 4


class Unframeable(PTError):
    """
    A datagram that this framing cannot carry.
    """


class Decoder:
    """
    Datagrams out of a stream that arrives in any pieces.

    :ivar error: what ended the stream, once something did; what came before it
        was returned.
    """

    __slots__ = ("_buffer", "error")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.error: FramingError | None = None

    def receive(self, data: bytes) -> list[bytes]:
        """
        :param data: any part of the stream.  Less than one frame of it is kept.
        :returns: the datagrams that it completes.
        """
        found: list[bytes] = []
        if self.error is not None:
            return found
        buffer, start = self._buffer, 0
        buffer += data
        try:
            while (size := self.sizes(buffer, start)) is not None:
                header, end, frame = size
                if len(buffer) < start + frame:
                    break
                found.append(bytes(buffer[start + header : start + end]))
                start += frame
        except FramingError as error:
            # Not with its traceback, which leads back to here: that is a cycle.
            self.error = error.with_traceback(None)
            start = len(buffer)
        del buffer[:start]
        return found

    def sizes(self, buffer: bytearray, start: int) -> tuple[int, int, int] | None:
        """
        Understand the head of the frame at ``start``.

        :returns: where in it the datagram begins, where it ends, and where the
            next frame begins; None if more must arrive first.
        :raises FramingError: if there is none.
        """
        raise FramingError("a stream of unknown framing")


class Framing(Protocol):
    """
    How both sides of a mode write datagrams into a stream.
    """

    def encode(self, datagram: bytes) -> bytes:
        """
        :returns: its frame.
        :raises Unframeable: if there is none.
        """

    def decoder(self) -> Decoder:
        """
        :returns: a fresh one, for one stream.
        """


class _LengthDecoder(Decoder):
    __slots__ = ()

    def sizes(self, buffer: bytearray, start: int) -> tuple[int, int, int] | None:
        if len(buffer) < start + 2:
            return None
        end = 2 + (buffer[start] << 8 | buffer[start + 1])
        return 2, end, end


class _LengthFraming:
    def encode(self, datagram: bytes) -> bytes:
        if len(datagram) > LONGEST:
            raise Unframeable("a datagram is too long")
        return len(datagram).to_bytes(2, "big") + datagram

    def decoder(self) -> Decoder:
        return _LengthDecoder()


class _StunDecoder(Decoder):
    __slots__ = ()

    def sizes(self, buffer: bytearray, start: int) -> tuple[int, int, int] | None:
        if len(buffer) < start + 4:
            # What is garbage at its first byte must not wait for three more.
            if len(buffer) > start and buffer[start] & 0x80:
                raise FramingError("neither STUN nor ChannelData")
            return None
        length = buffer[start + 2] << 8 | buffer[start + 3]
        if buffer[start] & 0xC0 == 0x40:
            return _channelSizes(length)
        return _stunSizes(buffer, start, length)


def _channelSizes(length: int) -> tuple[int, int, int]:
    end = _CHANNEL_HEADER + length
    if end > LONGEST:
        raise FramingError("a ChannelData message is too long")
    return 0, end, end + -end % 4


def _stunSizes(buffer: bytearray, start: int, length: int) -> tuple[int, int, int] | None:
    end = _STUN_HEADER + length
    if buffer[start] & 0xC0 or length % 4:
        raise FramingError("neither STUN nor ChannelData")
    if end > LONGEST:
        raise FramingError("a STUN message is too long")
    cookie = buffer[start + 4 : start + 8]
    if not _COOKIE.startswith(cookie):
        raise FramingError("a STUN message without the magic cookie")
    return None if len(cookie) < len(_COOKIE) else (0, end, end)


class _StunFraming:
    def encode(self, datagram: bytes) -> bytes:
        try:
            sizes = _StunDecoder().sizes(bytearray(datagram[:_STUN_HEADER]), 0)
        except FramingError as error:
            raise Unframeable(str(error)) from None
        if sizes is None:
            raise Unframeable("a STUN message is too short")
        _, end, frame = sizes
        # Over UDP, ChannelData may be padded too (RFC 8656, section 12.5).
        if not end <= len(datagram) <= frame:
            raise Unframeable("a STUN message is not as long as it says")
        return datagram[:end].ljust(frame, b"\0")

    def decoder(self) -> Decoder:
        return _StunDecoder()


#: The framing of transparent-UDP.
LENGTH: Final[Framing] = _LengthFraming()

#: The framing of the STUN mode.
STUN: Final[Framing] = _StunFraming()
