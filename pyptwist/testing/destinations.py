"""
Servers in the test's own process, for the far end of what is tested.

``listen`` starts a ``Destination`` on a port that the kernel chooses, whose
connections are served by ``echo``, ``sink``, ``source`` or a handler of the test's
own, or are read and written by the test itself.  The test's cleanup stops it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python import log

from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import CHUNK, Address, Stream, bounded

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

Handler = Callable[[Stream], Awaitable[None]]


async def echo(stream: Stream) -> None:
    """
    Handler: send back all that comes; reads no faster than it can write.
    """
    while data := await stream.readSome():
        await stream.send(data)


async def sink(stream: Stream) -> None:
    """
    Handler: read all and forget it; ``Stream.received`` counts.
    """
    while await stream.readSome():
        pass


def source(data: bytes, chunk: int = CHUNK) -> Handler:
    """
    :returns: a handler that sends the data and closes.
    """

    async def handler(stream: Stream) -> None:
        await stream.send(data, chunk)
        stream.close()

    return handler


class Destination(Factory):
    """
    A server in this process; make one with ``listen``.

    :ivar address: where it listens.
    :ivar streams: every connection so far, in order.
    """

    protocol = Stream

    def __init__(self, handler: Handler | None, host: str, patience: float) -> None:
        self._handler = handler
        self._patience = patience
        self._accepted: DeferredQueue[Stream] = DeferredQueue()
        self._port: Any = theReactor().listenTCP(0, self, interface=host)
        self.address: Address = (host, self._port.getHost().port)
        self.streams: list[Stream] = []

    def buildProtocol(self, address: IAddress | None) -> Stream:
        stream = Stream()
        stream.patience = self._patience
        self.streams.append(stream)
        # The stream has no transport before this method returns.
        theReactor().callLater(0, self._serve, stream)
        return stream

    async def accept(self, patience: float = Stream.patience) -> Stream:
        """
        The next connection, waiting for it if need be.  Without a handler the
        test alone reads and writes it.
        """
        return await bounded(self._accepted.get(), patience, "a connection")

    def _serve(self, stream: Stream) -> None:
        self._accepted.put(stream)
        if self._handler is not None:
            served = Deferred.fromCoroutine(_run(self._handler, stream))
            served.addErrback(cast(Any, log.err), "a destination's handler failed")

    async def stop(self) -> None:
        """
        Stop listening and drop every connection.
        """
        await maybeDeferred(self._port.stopListening)
        for stream in self.streams:
            await stream.drop()


def listen(
    test: TestCase,
    handler: Handler | None = None,
    host: str = "127.0.0.1",
    patience: float = 120.0,
) -> Destination:
    """
    Start a server on a port that the kernel chooses, until the test's cleanup.

    :param handler: serves each connection; None leaves them to the test, see
        ``Destination.accept``.
    :param patience: of the accepted streams; long, since a server has to wait
        while a test does other things.
    """
    destination = Destination(handler, host, patience)
    test.addCleanup(lambda: Deferred.fromCoroutine(destination.stop()))
    return destination


async def _run(handler: Handler, stream: Stream) -> None:
    # A peer that leaves is no fault; anything else fails the test.
    with contextlib.suppress(EOFError):
        await handler(stream)
