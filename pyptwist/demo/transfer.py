"""
The destination, and the applications that talk to it.

A connection begins with a command::

    U size(8)  then size bytes from the application; answered by their SHA-256
    D size(8)  answered by size bytes and their SHA-256
    E          and all that follows is sent back
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist.errors import FramingError

_CHUNK = 64 * 1024
_DIGEST = 32
_HEADER = struct.Struct(">cQ")

#: Called with the bytes moved so far.
Progress = Callable[[int], None]


@implementer(IPullProducer)
class Source:
    """
    Sends random bytes to a transport, as fast as it takes them.
    """

    def __init__(self, transport: Any, size: int, progress: Progress) -> None:
        """
        :param size: how many.
        """
        self._transport = transport
        self._left = self._size = size
        self._progress = progress
        self._block = os.urandom(_CHUNK)
        self._hash = sha256()
        self.finished: Deferred[bytes] = Deferred()

    def start(self) -> Deferred[bytes]:
        """
        :returns: fires with the hash of all that was sent.
        """
        self._transport.registerProducer(self, False)
        return self.finished

    def resumeProducing(self) -> None:
        # The count makes each chunk another; random bytes are costly.
        data = (self._left.to_bytes(8, "big") + self._block[8:])[: self._left]
        self._left -= len(data)
        self._hash.update(data)
        self._transport.write(data)
        self._progress(self._size - self._left)
        if not self._left and not self.finished.called:
            self._transport.unregisterProducer()
            self.finished.callback(self._hash.digest())

    def stopProducing(self) -> None:
        """
        The connection is gone; its protocol hears of that.
        """


class Sink:
    """
    Hashes a known number of bytes, and keeps what follows.

    :ivar rest: what follows.
    """

    def __init__(self, size: int, progress: Progress) -> None:
        self._left = self._size = size
        self._progress = progress
        self._hash = sha256()
        self.rest = b""

    def receive(self, data: bytes) -> None:
        """
        Take bytes, in any pieces.
        """
        mine = data[: self._left]
        self._left -= len(mine)
        self._hash.update(mine)
        self.rest += data[len(mine) :]
        self._progress(self._size - self._left)

    @property
    def digest(self) -> bytes | None:
        """
        The hash, once all bytes are there.
        """
        return None if self._left else self._hash.digest()


class Destination(Protocol):
    """
    What the server's clients are forwarded to.
    """

    def connectionMade(self) -> None:
        self._header = b""
        self._receive: Callable[[bytes], None] = self._command

    def dataReceived(self, data: bytes) -> None:
        self._receive(data)

    def _command(self, data: bytes) -> None:
        self._header += data
        if self._header[:1] == b"E":
            self._receive = self._echo
            self._receive(self._header[1:])
        elif len(self._header) >= _HEADER.size:
            command, size = _HEADER.unpack_from(self._header)
            self._begin(command, size, self._header[_HEADER.size :])

    def _begin(self, command: bytes, size: int, data: bytes) -> None:
        if command == b"D":
            self._receive = self._ignore
            Source(self._transport, size, _quiet).start().addCallback(self._transport.write)
        else:
            self._sink = Sink(size, _quiet)
            self._receive = self._count
            self._receive(data)

    def _count(self, data: bytes) -> None:
        self._sink.receive(data)
        if (digest := self._sink.digest) is not None:
            self._receive = self._ignore
            self._transport.write(digest)

    def _echo(self, data: bytes) -> None:
        self._transport.write(data)

    def _ignore(self, data: bytes) -> None:
        """
        Nothing more is due.
        """

    @property
    def _transport(self) -> Any:
        return self.transport


class Application(Protocol):
    """
    One transfer from the application's side.

    :ivar done: fires with whether both ends have the same hash.
    """

    def __init__(self, size: int, progress: Progress) -> None:
        self.size = size
        self.progress = progress
        self.done: Deferred[bool] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(reason)

    def finish(self, result: bool) -> None:
        """
        The transfer is over.
        """
        if not self.done.called:
            self.done.callback(result)
            self.channel.loseConnection()

    @property
    def channel(self) -> Any:
        """
        The transport connection.
        """
        return self.transport


class Upload(Application):
    """
    Sends bytes and compares hashes.
    """

    def connectionMade(self) -> None:
        self._answer = b""
        self._sent = b""
        self.channel.write(_HEADER.pack(b"U", self.size))
        Source(self.channel, self.size, self.progress).start().addCallback(self._allSent)

    def _allSent(self, digest: bytes) -> None:
        self._sent = digest

    def dataReceived(self, data: bytes) -> None:
        self._answer += data
        if len(self._answer) >= _DIGEST:
            self.finish(self._answer == self._sent)


class Download(Application):
    """
    Receives bytes and compares hashes.
    """

    def connectionMade(self) -> None:
        self._sink = Sink(self.size, self.progress)
        self.channel.write(_HEADER.pack(b"D", self.size))

    def dataReceived(self, data: bytes) -> None:
        self._sink.receive(data)
        if len(self._sink.rest) >= _DIGEST:
            self.finish(self._sink.rest == self._sink.digest)


class Talk(Protocol):
    """
    Says something to the echo.

    :ivar done: fires when all of it has come back.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._heard = b""
        self.done: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(b"E" + self._text)

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if not self.done.called and len(self._heard) >= len(self._text):
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(reason)

    def _end(self) -> None:
        if self._heard == self._text:
            self.done.callback(None)
        else:
            self.done.errback(FramingError("what came back is not what was sent"))
        transport: Any = self.transport
        transport.loseConnection()


def _quiet(moved: int) -> None:
    """
    Nobody watches.
    """
