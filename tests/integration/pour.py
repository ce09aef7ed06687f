"""
A writer that never has enough.
"""

from __future__ import annotations

import hashlib
import random
from contextlib import suppress
from typing import Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from pyptwist.testing.streams import CHUNK, Stream

#: Bytes that the kernel's buffers cannot hold between two ends.
_TOO_MUCH: Final = 256 << 20

#: Seconds in which nothing is taken if nothing will be.
_STALL: Final = 0.5


class Pour:
    """
    Writes as fast as it is read, until it is told to stop, or nobody is left.

    :ivar sent: bytes so far.
    :ivar done: fires behind the last byte.
    """

    def __init__(self, stream: Stream, seed: int) -> None:
        self.sent = 0
        self._end: int | None = None
        self._random = random.Random(seed)
        self._hash = hashlib.sha256()
        self.done: Deferred[None] = Deferred.fromCoroutine(self._run(stream))

    async def stalled(self) -> None:
        """
        Wait until nobody takes any more.

        :raises AssertionError: somebody takes what is not read behind him.
        """
        before = -1
        while self.sent != before:
            assert self.sent < _TOO_MUCH, "it never stalls"
            before = self.sent
            await deferLater(reactor, _STALL)

    def stopAfter(self, more: int) -> int:
        """
        :param more: how many bytes are still to be written, about.
        :returns: how many there will be in all.
        """
        self._end = self.sent + CHUNK + more // CHUNK * CHUNK
        return self._end

    def hexdigest(self) -> str:
        """
        :returns: the SHA-256 of all that was written.
        """
        return self._hash.hexdigest()

    async def _run(self, stream: Stream) -> None:
        with suppress(EOFError):
            while self._end is None or self.sent < self._end:
                data = self._random.randbytes(CHUNK)
                self._hash.update(data)
                await stream.send(data)
                self.sent += CHUNK
