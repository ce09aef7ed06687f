"""
smux's frames, both versions.

All numbers are little-endian::

    version  1   1 or 2, the same in all frames of a session
    command  1   0 SYN, 1 FIN, 2 PSH, 3 NOP; in version 2 also 4 UPD
    length   2   bytes of data that follow
    stream   4   number of the stream; 0 in NOP
    data

Only PSH, with payload, and UPD have data.  UPD's is 8 bytes::

    consumed 4   payload bytes of the stream that the application took, modulo 2^32
    window   4   how many more than those may be sent

Clients number their streams 3, 5, 7 and so on, servers 2, 4, 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from pyptwist.errors import FramingError

HEADER = Struct("<BBHI")
UPDATE = Struct("<II")


class Command(IntEnum):
    """
    What a frame is for.
    """

    SYN = 0
    FIN = 1
    PSH = 2
    NOP = 3
    UPD = 4


def encodeFrame(version: int, command: Command, stream: int, data: bytes = b"") -> bytes:
    """
    :param version: 1 or 2.
    :param stream: 0 to 2^32 - 1.
    :param data: at most 65535 bytes.
    """
    return HEADER.pack(version, command, len(data), stream) + data


def encodeUpdate(version: int, stream: int, consumed: int, window: int) -> bytes:
    """
    :param consumed: 0 to 2^32 - 1, as ``window``.
    :returns: an UPD frame.
    """
    return encodeFrame(version, Command.UPD, stream, UPDATE.pack(consumed, window))


class FrameReader:
    """
    Reads frames, in whatever pieces they come.

    Payload is handed on as it comes, not frame by frame: so nothing is kept but
    a header, whatever length that says.
    """

    def __init__(self, version: int) -> None:
        """
        :param version: of all frames: 1 or 2.
        """
        self._version = version
        self._head = bytearray()  # a header, and an UPD's data
        self._wanted = HEADER.size  # bytes of these
        self._stream = 0
        self._payload = 0  # bytes of a PSH that are still to come

    def receive(self, data: bytes) -> Iterator[tuple[Command, int, bytes]]:
        """
        :returns: command, stream and data of each frame; of a PSH several times, if
            it comes in pieces.
        :raises FramingError: after all that was right; take nothing more then.
        """
        view, at = memoryview(data), 0
        while at < len(data):
            if self._payload:
                piece = bytes(view[at : at + self._payload])
                at += len(piece)
                self._payload -= len(piece)
                yield Command.PSH, self._stream, piece
                continue
            missing = self._wanted - len(self._head)
            self._head += view[at : at + missing]
            at += missing
            if len(self._head) == self._wanted:
                frame = self._complete()
                if frame is not None:
                    yield frame

    def _complete(self) -> tuple[Command, int, bytes] | None:
        """
        :returns: the frame, unless only its payload is one.
        """
        version, number, length, self._stream = HEADER.unpack_from(self._head)
        command = self._checked(version, number, length)
        if command is Command.UPD and self._wanted == HEADER.size:
            self._wanted += UPDATE.size
            return None
        data = bytes(self._head[HEADER.size :])
        self._head.clear()
        self._wanted = HEADER.size
        if command is Command.PSH:
            self._payload = length
            return None
        return command, self._stream, data

    def _checked(self, version: int, number: int, length: int) -> Command:
        if version != self._version:
            raise FramingError(f"the peer speaks another version than {self._version} of smux")
        if number > Command.UPD or (number == Command.UPD and version == 1):
            raise FramingError("the peer sent an unknown command of smux")
        command = Command(number)
        if command is not Command.PSH and length != (UPDATE.size if command is Command.UPD else 0):
            raise FramingError("the peer sent a frame of a wrong length")
        return command
