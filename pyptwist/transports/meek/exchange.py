"""
Requests and answers, over one connection at a time that is kept for the next ones.

Twisted's HTTP client keeps connections, and reads answers.  Requests are written
here, since theirs have their header fields in an order of their own.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import (
    IAddress,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IClientRequest, IResponse
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.errors import ClosedByPeer, FramingError, HandshakeFailed, HandshakeTimeout, PTError
from pyptwist.transports.meek.metering import Metered, Metering

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_KEY = "the web server"
_GZIP = 16 + zlib.MAX_WBITS


class Exchange:
    """
    What one session needs of HTTP.

    :ivar host: our address on the last connection; None before there was one.
    :ivar peer: the web server's.
    """

    def __init__(
        self, reactor: IReactorTime, endpoint: IStreamClientEndpoint, before: bytes, behind: bytes
    ) -> None:
        """
        :param endpoint: reaches the web server, TLS included.
        :param before: the head of each request up to ``Content-Length:``.
        :param behind: what follows the length.
        """
        self.host: IAddress | None = None
        self.peer: IAddress | None = None
        self._reactor = reactor
        self._endpoint: IStreamClientEndpoint | None = Metering(endpoint, self.connected)
        self._head = before, behind
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 1
        self._pool.retryAutomatically = False
        self._metered: Metered | None = None
        self._current: Deferred[bytes] | None = None
        self._deadline = Alarm(reactor)
        self._isLate = False
        self._hint = ": is the path in url the right one?"

    def post(self, body: bytes, seconds: float = limits.MEEK_ANSWER_TIME) -> Deferred[bytes]:
        """
        Make one request; there must be no other.

        :param body: at most ``limits.MEEK_BODY`` bytes.
        :param seconds: for all of it.
        :returns: the answer's body, of at most as many bytes.  It fails as an
            endpoint's ``connect()`` does, and with ``HandshakeFailed`` and its kin for
            an answer that is none, or has another status than 200.
        """
        self._isLate = False
        self._deadline.set(self._reactor.seconds() + seconds, self._late)
        self._current = Deferred.fromCoroutine(self._post(body))
        return self._current.addBoth(self._over)

    def cut(self) -> None:
        """
        Give the request up, and drop its connection.
        """
        current, self._current = self._current, None
        if current is not None:
            current.addErrback(_ignore)
            current.cancel()

    def close(self) -> None:
        """
        Drop everything.
        """
        self.cut()
        self._deadline.stop()
        self._pool.closeCachedConnections()
        if self._metered is not None:
            # TLS waits for the other side's goodbye, which may never come.
            self._metered.expire(self._reactor)
        self._metered = self._endpoint = None

    def connected(self, metered: Metered, transport: ITransport) -> None:
        """
        There is a new connection, in the place of one that is over, or should be.
        """
        self._drop()
        self._metered = metered
        self.host, self.peer = transport.getHost(), transport.getPeer()

    # --- inside -------------------------------------------------------------

    async def _post(self, body: bytes) -> bytes:
        before, behind = self._head
        request = _Request(before + b"%d\r\n" % len(body) + behind + body)
        endpoint: Any = self._endpoint
        connection: Any = await self._pool.getConnection(_KEY, endpoint)
        if self._metered is not None:
            self._metered.allowance = limits.MEEK_ANSWER
        response = await connection.request(request)
        collected = await self._collected(response)
        if response.code != 200:
            raise HandshakeFailed(f"the web server answered {response.code}{self._hint}")
        self._hint = ""
        return _unpacked(response, collected)

    def _collected(self, response: IResponse) -> Deferred[bytes]:
        collector = _Collector(Deferred(lambda _: self._drop()))
        response.deliverBody(collector)
        return collector.done

    def _drop(self) -> None:
        if self._metered is not None:
            self._metered.drop()

    def _late(self) -> None:
        self._isLate = True
        if self._current is not None:
            self._current.cancel()

    def _over(self, result: Any) -> Any:
        self._deadline.stop()
        self._current = None
        return self._explained(result) if isinstance(result, Failure) else result

    def _explained(self, reason: Failure) -> Failure:
        if self._isLate:
            return Failure(HandshakeTimeout("the web server did not answer in time"))
        if reason.check(PTError, ConnectError, CancelledError):
            return reason
        causes: list[Failure] = getattr(reason.value, "reasons", [])
        for cause in causes:
            if cause.check(PTError):
                return cause
        if any(cause.check(ConnectionClosed) for cause in causes):
            return Failure(ClosedByPeer("the web server closed the connection"))
        if causes or reason.check(PotentialDataLoss):
            return Failure(HandshakeFailed("the answer is none of HTTP/1.1, or half of one"))
        return reason


@implementer(IClientRequest)
class _Request:
    """
    As obfs4proxy's client writes it, to the byte.
    """

    method = b"POST"
    absoluteURI = None
    headers = Headers()
    persistent = True

    def __init__(self, data: bytes) -> None:
        self._data = data

    def writeTo(self, transport: Any) -> Deferred[None]:
        transport.write(self._data)
        return succeed(None)

    def stopWriting(self) -> None:
        """
        It has all been written.
        """


class _Collector(Protocol):
    """
    Joins a body.
    """

    def __init__(self, done: Deferred[bytes]) -> None:
        self.done = done
        self._body = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._body += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        if self.done.called:
            return
        # A body that ends with its connection may be half of one.
        if reason.check(ResponseDone):
            self.done.callback(bytes(self._body))
        else:
            self.done.errback(reason)


def _unpacked(response: IResponse, body: bytes) -> bytes:
    """
    :raises FramingError: if it is too long, or is not what it says.
    """
    if response.headers.getRawHeaders(b"content-encoding") == [b"gzip"]:
        unpacking = zlib.decompressobj(_GZIP)
        try:
            body = unpacking.decompress(body, limits.MEEK_BODY + 1)
        except zlib.error:
            raise FramingError("an answer is not compressed as it says") from None
    if len(body) > limits.MEEK_BODY:
        raise FramingError("an answer is too long")
    return body


def _ignore(reason: Failure) -> None:
    pass
