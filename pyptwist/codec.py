"""
What a codec tells the world, and a base to write one on.

A codec is the whole of a one-to-one transport method: bytes in, effects out.
It knows no reactor, socket, clock or logger, and has no randomness of its own,
so that it can be tested by itself and fuzzed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from zope.interface import implementer

from pyptwist import limits
from pyptwist.errors import (
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    LocalProtocolError,
    PTError,
)
from pyptwist.interfaces import ICodec
from pyptwist.ownmethod import OwnMethod
from pyptwist.pieces import USUAL, Pieces


@dataclass(frozen=True, slots=True)
class Transmit:
    """
    Put these bytes on the network connection.
    """

    data: bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Deliver:
    """
    Hand these bytes to the application.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """
    The handshake is over, and payload may flow.  Happens at most once.
    """


@dataclass(frozen=True, slots=True)
class Finished:
    """
    The codec has nothing more to say, and takes nothing more.

    :ivar error: why, or None after an orderly end.
    """

    error: PTError | None = None


Effect: TypeAlias = Transmit | Deliver | Ready | Finished

#: Makes a codec for one network connection.
CodecFactory: TypeAlias = Callable[[], ICodec]

READY = Ready()


def bare(error: PTError) -> PTError:
    """
    An error without what leads back to the codec that raised it.  Codecs and connections
    keep errors for whoever asks why: that would be a cycle, with the bytes in it.

    :returns: the same, without its traceback; and, if it was raised ``from None``, without
        what it was raised for, which has a traceback of its own.
    """
    if error.__suppress_context__:
        error.__context__ = None
    return error.with_traceback(None)


@implementer(ICodec)
class CodecBase:
    """
    A codec as a chain of states, each one a method.

    A subclass sets ``self.state`` to the method that reads its handshake.  A
    state consumes what it can from the front of ``self.buffer``, appends
    effects to ``self.out``, and returns True to be called again (in whatever
    state it chose), or False to wait for more bytes.

    What the peer may get wrong is raised as a ``PTError`` anywhere below
    ``receive``; ``failed`` decides what becomes of it.

    :cvar maximumBuffer: bytes of unread input that one connection may hold.
    :cvar pieces: how much is read at once.
    :ivar patient: may the kernel join small writes (Nagle's algorithm)?  If it becomes
        True, it stays so.
    """

    maximumBuffer: int = limits.HANDSHAKE_BUFFER
    pieces: Pieces = USUAL
    patient = False

    nextTimer: float | None = None
    backlog: int = 0
    refusal: PTError | None = None
    state = OwnMethod()

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.out: list[Effect] = []
        self.now = 0.0
        self.isReady = False
        self.isFinished = False
        self.state = self._unset

    # --- what subclasses write ----------------------------------------------

    def begin(self) -> None:
        """
        The network connection is there: transmit the first message, if it is
        ours to send, and set ``self.nextTimer``, if there is a deadline.
        """

    def unused(self) -> None:
        """
        There is no network connection, and will be none, called instead of ``begin``:
        give back what was taken for it.
        """

    def encode(self, data: bytes) -> None:
        """
        Payload from the application, after ``Ready``: append its ``Transmit``.
        """
        self.transmit(data)

    def flush(self) -> None:
        """
        The application sends no more: append what is still held back.
        """

    def timer(self) -> None:
        """
        ``self.nextTimer`` has come; it is None again by now.
        """

    def failed(self, error: PTError) -> None:
        """
        The peer erred.  Ends the connection; a server that must not be probed
        calls ``drainUntil`` instead.
        """
        self.finish(error)

    def endOfInput(self) -> None:
        """
        The peer closed its side.
        """
        self.finish(None if self.isReady else ClosedByPeer())

    def isFlushed(self) -> bool:
        """
        May an orderly end come?  Asked only after ``flush``.
        """
        return not self.backlog

    # --- what subclasses call -----------------------------------------------

    def transmit(self, data: bytes | bytearray) -> None:
        """
        Append bytes for the wire, joined to those before them.
        """
        if data:
            if self.out and isinstance(last := self.out[-1], Transmit):
                self.out[-1] = Transmit(b"".join((last.data, data)))
            else:
                self.out.append(Transmit(data))

    def deliver(self, data: bytes) -> None:
        """
        Append bytes for the application, joined to those before them.
        """
        if data:
            if self.out and isinstance(last := self.out[-1], Deliver):
                self.out[-1] = Deliver(last.data + data)
            else:
                self.out.append(Deliver(data))

    def ready(self) -> None:
        """
        The handshake is done.
        """
        self.isReady = True
        self.out.append(READY)

    def finish(self, error: PTError | None = None) -> None:
        """
        Nothing follows.
        """
        if not self.isFinished:
            self.isFinished = True
            self.nextTimer = None
            self.buffer.clear()
            self.state = self._over
            self.out.append(Finished(error))

    def drainUntil(self, deadline: float, error: PTError) -> None:
        """
        Say nothing, read and forget everything, and end at the deadline: what
        a prober sees is a port that never answers, whatever it sent.

        :param deadline: on the clock of ``now``, in seconds.
        """
        self.buffer.clear()
        self.state = self._draining
        self.nextTimer = deadline
        self.refusal = error

    def take(self, count: int) -> bytes:
        """
        Remove bytes from the front of the buffer.

        :param count: how many; the buffer must hold them.
        """
        with memoryview(self.buffer) as view:
            taken = bytes(view[:count])
        del self.buffer[:count]
        return taken

    # --- ICodec -------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        self.now = now
        self.begin()
        return self._effects()

    def send(self, data: bytes, now: float) -> list[Effect]:
        if not self.isReady:
            raise LocalProtocolError("send() was called before Ready")
        if self.isFinished or self.state == self._draining:
            return []
        self.now = now
        self.encode(data)
        return self._effects()

    def sendEnd(self, now: float) -> list[Effect]:
        self.now = now
        if self.state == self._draining:
            self.finish(self.refusal)
        elif not self.isFinished:
            self.flush()
            self._ending = True
        return self._effects()

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if self.isFinished:
            return []
        self.now = now
        self.buffer += data
        self._run()
        return self._effects()

    def receiveEnd(self, now: float) -> list[Effect]:
        self.now = now
        if not self.isFinished:
            if self.state == self._draining:
                self.finish(self.refusal)
            else:
                self.endOfInput()
        return self._effects()

    def refuse(self, error: PTError, now: float) -> list[Effect]:
        return []

    def timerFired(self, now: float) -> list[Effect]:
        self.now = now
        if self.nextTimer is not None and now >= self.nextTimer:
            self.nextTimer = None
            if self.state == self._draining:
                self.finish(self.refusal)
            else:
                self.timer()
        return self._effects()

    # --- inside -------------------------------------------------------------

    _ending = False

    def _effects(self) -> list[Effect]:
        if self._ending and self.isFlushed():
            self.finish()
        effects, self.out = self.out, []
        return effects

    def _run(self) -> None:
        try:
            while not self.isFinished and self.state():
                pass
            if len(self.buffer) > self.maximumBuffer:
                raise self._tooMuch()
        except LocalProtocolError:
            raise  # our own bug, and not to be taken for the peer's
        except PTError as error:
            self.failed(bare(error))

    def _tooMuch(self) -> PTError:
        if self.isReady:
            return FramingError("a frame was too long")
        return HandshakeFailed("the handshake was too long")

    def _draining(self) -> bool:
        self.buffer.clear()
        return False

    def _unset(self) -> bool:
        raise LocalProtocolError("the codec set no first state")

    def _over(self) -> bool:
        return False
