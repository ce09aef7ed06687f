"""
TCP connections for tests that talk to real processes.

It shares nothing with what is tested, so that a fault there cannot hide behind
the same fault here.

- ``connect`` opens a ``Stream``, which a test reads and writes step by step with
  ``await``; ``socksclient.socksConnect`` opens one through a proxy;
- ``destinations.listen`` starts a server for the other end;
- ``payload`` makes data worth hashing, ``together`` runs both directions at once.

What is opened for a test is closed by its cleanup.  No wait is without bound: a
``Stream`` gives up with ``TimeoutError`` after ``Stream.patience`` seconds in which
nothing moved.  For a bound on the whole, set ``timeout`` on the test.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist.testing.reactors import theReactor

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

#: A host, without brackets, and a port.
Address = tuple[str, int]

_T = TypeVar("_T")

#: Bytes that may wait unread in a stream before its sender is held back.
UNREAD_CAP: Final = 256 * 1024

#: Bytes in one write unless a test says otherwise.
CHUNK: Final = 64 * 1024


def payload(size: int, seed: int = 0) -> bytes:
    """
    Data that does not compress and is the same in every run.

    :param size: how many bytes.
    :param seed: another seed, other data.
    """
    return hashlib.shake_128(str(seed).encode()).digest(size)


def sha256(data: bytes) -> str:
    """
    :returns: the hash in hex, to compare with ``Stream.digest``.
    """
    return hashlib.sha256(data).hexdigest()


def bounded(waiting: Deferred[_T], seconds: float, what: str) -> Deferred[_T]:
    """
    Give up waiting, with the built-in ``TimeoutError`` that names what for.
    """

    def explain(result: object, seconds: float) -> _T:
        raise TimeoutError(f"not within {seconds} s: {what}")

    return waiting.addTimeout(seconds, theReactor(), explain)


async def together(*work: Coroutine[Deferred[Any], Any, _T]) -> list[_T]:
    """
    Run coroutines at the same time, say a ``Stream.send`` and the other side's
    ``Stream.digest``; the first failure is the failure of all.

    :returns: their results, in order.
    """
    running = [Deferred.fromCoroutine(one) for one in work]
    try:
        return await gatherResults(running, consumeErrors=True)
    except FirstError as error:
        for one in running:
            one.cancel()
        cause = error.subFailure.value
    assert cause is not None
    raise cause


class Stream(Protocol):
    """
    One TCP connection, read by awaiting.

    One reader at a time.  While nobody reads, at most about ``UNREAD_CAP`` bytes
    are taken from the network, so a test that does not read is a peer that does
    not read.

    :ivar patience: seconds that one wait for data, or for room to write, may
        last before it fails with ``TimeoutError``.
    :ivar received: bytes that have arrived so far.
    :ivar reason: why the connection ended, None while it lives.
    """

    patience = 40.0
    received = 0
    reason: Failure | None = None

    def __init__(self) -> None:
        self._unread = bytearray()
        self._arrival: Deferred[None] | None = None
        self._waiters: list[Deferred[None]] = []
        self._tcp: Any = None
        self._outbox: _Outbox | None = None

    @property
    def unread(self) -> int:
        """
        How many bytes have arrived, and were not read.
        """
        return len(self._unread)

    @property
    def localAddress(self) -> Address:
        """
        This end's.
        """
        host = self._tcp.getHost()
        return host.host, host.port

    # --- reading ---

    async def read(self, count: int) -> bytes:
        """
        :returns: exactly so many bytes.
        :raises EOFError: the connection ended before that.
        """
        while len(self._unread) < count:
            await self._more()
        return self._take(count)

    async def readSome(self) -> bytes:
        """
        :returns: what there is, at least one byte; empty at the end.
        """
        if not self._unread and self.reason is None:
            with contextlib.suppress(EOFError):
                await self._more()
        return self._take(len(self._unread))

    async def readUntil(self, delimiter: bytes) -> bytes:
        """
        :returns: all up to and with the delimiter.
        :raises EOFError: the connection ended before that.
        """
        while (found := self._unread.find(delimiter)) < 0:
            await self._more()
        return self._take(found + len(delimiter))

    async def readToEnd(self) -> bytes:
        """
        :returns: all that comes until the connection ends.
        """
        pieces = []
        while piece := await self.readSome():
            pieces.append(piece)
        return b"".join(pieces)

    async def digest(self, count: int) -> str:
        """
        Read so many bytes without keeping them.

        :returns: their SHA-256 in hex.
        :raises EOFError: the connection ended before that.
        """
        digest = hashlib.sha256()
        while count:
            if not self._unread:
                await self._more()
            piece = self._take(min(count, len(self._unread)))
            digest.update(piece)
            count -= len(piece)
        return digest.hexdigest()

    # --- writing and ending ---

    def write(self, data: bytes) -> None:
        """
        Hand data over at once, without waiting.
        """
        self._tcp.write(data)

    async def send(self, data: bytes, chunk: int = CHUNK) -> None:
        """
        Write, never faster than the kernel takes it.

        :param data: what to write.
        :param chunk: how many bytes go into each ``send(2)``; each is a packet
            of its own if the peer reads fast enough (Nagle is off).
        :raises EOFError: the connection ended before all was handed over.
        """
        if self.reason is not None:
            raise EOFError("the connection has ended")
        assert self._outbox is None, "one send at a time"
        self._outbox = _Outbox(self._tcp, data, chunk, self.patience)
        try:
            await self._outbox.done
        finally:
            self._outbox = None

    def close(self) -> None:
        """
        Send what is left and close.
        """
        self._tcp.loseConnection()

    async def drop(self) -> None:
        """
        Reset the connection and wait until it is gone.
        """
        if self.reason is None:
            self._tcp.abortConnection()
        await self.lost()

    async def lost(self) -> None:
        """
        Wait until the connection has ended, without reading.

        A peer's close behind unread data is only seen once that is read; see
        ``readToEnd``.
        """
        if self.reason is None:
            waiter: Deferred[None] = Deferred()
            self._waiters.append(waiter)
            await bounded(waiter, self.patience, "the end of the connection")

    # --- what Twisted calls ---

    def connectionMade(self) -> None:
        self._tcp = self.transport
        self._tcp.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self._unread += data
        if self._arrival is not None:
            self._arrived()
        elif len(self._unread) >= UNREAD_CAP:
            self._tcp.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason
        self._arrived()
        for waiter in self._waiters:
            waiter.callback(None)

    # --- inner parts ---

    def _take(self, count: int) -> bytes:
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    async def _more(self) -> None:
        if self.reason is not None:
            raise EOFError(f"the connection ended after {self.received} bytes")
        assert self._arrival is None, "one reader at a time"
        arrival = self._arrival = Deferred()
        self._tcp.resumeProducing()
        try:
            await bounded(arrival, self.patience, "more data")
        finally:
            self._arrival = None

    def _arrived(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.callback(None)


@implementer(IPullProducer)
class _Outbox:
    """
    Feeds one ``Stream.send`` to the kernel, a chunk each time it has taken all.
    """

    def __init__(self, tcp: Any, data: bytes, chunk: int, patience: float) -> None:
        self._tcp = tcp
        self._data = memoryview(data)
        self._chunk = chunk
        self._patience = patience
        self._timer = theReactor().callLater(
            patience, self._fail, TimeoutError("nothing was taken")
        )
        self.done: Deferred[None] = Deferred()
        tcp.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self._timer.reset(self._patience)
        if self._data:
            self._tcp.write(bytes(self._data[: self._chunk]))
            self._data = self._data[self._chunk :]
        else:
            self._tcp.unregisterProducer()
            self._timer.cancel()
            self.done.callback(None)

    def stopProducing(self) -> None:
        if self._timer.active():
            self._timer.cancel()
            self._fail(EOFError("the connection ended while data was written"))

    def _fail(self, error: Exception) -> None:
        self._tcp.unregisterProducer()
        self.done.errback(error)


async def connect(test: TestCase, address: Address, patience: float = Stream.patience) -> Stream:
    """
    Open a TCP connection that the test's cleanup drops.

    :param address: host, an IPv4 or IPv6 address, and port.
    :param patience: see ``Stream``.
    """
    # No other module reaches for sockets but the package's network; a test does.
    from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint  # noqa: TID251

    host, port = address
    make = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
    stream = await make(theReactor(), host, port).connect(Factory.forProtocol(Stream))
    assert isinstance(stream, Stream)
    stream.patience = patience
    test.addCleanup(_dropping, stream)
    return stream


def _dropping(stream: Stream) -> Deferred[None]:
    return Deferred.fromCoroutine(stream.drop())
