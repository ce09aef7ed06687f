"""
twisted.web's server, with the bounds that it lacks.

A request has a time to come, head and body, whatever it is sent in; so has the next
one to begin.  A body has a length.  Nobody's address gets into a log of requests.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from pyptwist import limits
from pyptwist.transports.meek.resource import MeekResource
from pyptwist.transports.meek.sessions import SessionTable

# As Go's server says it.
_REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\n"
    b"400 Bad Request"
)


class MeekRequest(Request):
    """
    A request whose body is no longer than one of meek's, or is not read.
    """

    _room = limits.MEEK_BODY
    _isRefused = False

    def gotLength(self, length: int | None) -> None:
        """
        :param length: as the head says it; None if it does not.
        """
        self.content = BytesIO()
        if length is not None and length > limits.MEEK_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """
        :param data: a part of the body.
        """
        self._room -= len(data)
        if self._room < 0:
            self._refuse()
        elif not self._isRefused:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        All of it is there.
        """
        if self._isRefused:
            return
        # Or the body would be read as a form, were it called one.
        self.requestHeaders.removeHeader(b"content-type")
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        if not self._isRefused:
            self._isRefused = True
            channel: Any = self.channel
            transport: Any = channel.transport
            if isinstance(channel, HTTPChannel):  # it is no stream of HTTP/2
                transport.write(_REFUSAL)
            channel.loseConnection()


class MeekChannel(HTTPChannel):
    """
    A connection, with the times of the reference.
    """

    site: MeekSite

    # The time for the first request begins with the connection.
    _isCounting = True
    _isClosing = False

    def connectionMade(self) -> None:
        """
        Somebody is there.
        """
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.site.entered(self)

    def resetTimeout(self) -> None:
        """
        Something came: that gives no more time, unless it begins a request.
        """
        if not self._isCounting:
            self._isCounting = True
            self.setTimeout(limits.MEEK_REQUEST_TIME)  # type: ignore[no-untyped-call]

    def requestDone(self, request: Request) -> None:
        """
        An answer was given.
        """
        self._isCounting = False
        super().requestDone(request)  # type: ignore[no-untyped-call]
        if self.persistent and not self._isCounting:
            self.setTimeout(limits.MEEK_IDLE)  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        """
        Close; or, if that was not enough, drop what is left.
        """
        if self._isClosing:
            transport: Any = self.transport
            transport.abortConnection()
        else:
            self.loseConnection()

    def loseConnection(self) -> None:
        """
        It is to be closed: which takes no longer than a request may.
        """
        self._isClosing = True
        self.setTimeout(limits.MEEK_REQUEST_TIME)  # type: ignore[no-untyped-call]
        super().loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It is over.
        """
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.site.left(self)
        # TLS keeps its protocol.
        self.transport: Any = None
        self._networkProducer: Any = None


class MeekSite(Site):
    """
    A server of meek's alone, which begins and ends with the application's factory.
    """

    protocol: Any = MeekChannel
    noisy = False

    def __init__(self, table: SessionTable) -> None:
        """
        :param table: of its sessions.
        """
        super().__init__(  # type: ignore[no-untyped-call]
            MeekResource(table),
            requestFactory=_Anonymous,
            timeout=limits.MEEK_REQUEST_TIME,
            reactor=table.reactor,
        )
        self._table = table
        self._channels: set[MeekChannel] = set()
        self._isListening = False
        self._application: IProtocolFactory = table.factory

    def acceptableProtocols(self) -> list[bytes]:
        """
        :returns: for ALPN: the reference knows this one alone.
        """
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """
        No log of requests is opened.
        """
        self._isListening = True
        self._table.open()
        self._application.doStart()

    def stopFactory(self) -> None:
        """
        Those who are there may stay, as long as they keep a connection; nobody else
        comes.
        """
        self._isListening = False
        self._table.close()
        self._application.doStop()
        self._cutOff()

    def entered(self, channel: MeekChannel) -> None:
        """
        A connection was accepted.
        """
        self._channels.add(channel)

    def left(self, channel: MeekChannel) -> None:
        """
        It is over.
        """
        self._channels.discard(channel)
        self._cutOff()

    def _cutOff(self) -> None:
        if not self._isListening and not self._channels:
            self._table.cutOff()

    def log(self, request: Any) -> None:
        """
        It is not logged who asked for what.
        """


class _Anonymous(MeekRequest):
    """
    A request whose answer does not name the server's software.
    """

    def write(self, data: bytes) -> None:
        """
        Part of the answer, the head before the first.
        """
        if not self.startedWriting:
            headers = self.responseHeaders
            date = headers.getRawHeaders(b"date") or []
            length = headers.getRawHeaders(b"content-length") or []
            for name in (b"server", b"date", b"content-length"):
                headers.removeHeader(name)
            # In Go's order.
            headers.setRawHeaders(b"date", date)
            headers.setRawHeaders(b"content-length", length)
        super().write(data)  # type: ignore[no-untyped-call]
