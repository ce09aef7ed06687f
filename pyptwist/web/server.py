"""
twisted.web's server, with the bounds that it lacks, and without what it tells.

A request has a time to come, head and body, whatever it is sent in; so has the next
one to begin, and so have answers to be taken.  Neither addresses nor what is asked
for get into logs.  What is refused is refused in the words of ``pyptwist.web.pages``,
and what every other server refuses, and twisted.web does not, is refused as well.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from pyptwist.alarm import Alarm
from pyptwist.web.pages import arranged, closing, refused

#: What a request to a proxy has before the path; every server must take it, too
#: (RFC 9112, section 3.2.2).
_ORIGIN = re.compile(rb"\Ahttps?://[^/?]+", re.IGNORECASE)

#: Digits of a body's length: any of them more than any body has.
_LENGTH_DIGITS = 18


class WebRequest(Request):
    """
    A request whose answer does not tell the server's software.
    """

    # It has none any more once it is answered.
    channel: Any = None

    def __repr__(self) -> str:
        """
        :returns: nothing of it: twisted.web logs some of them.
        """
        return "<Request>"

    def process(self) -> None:
        """
        All of it is there.
        """
        hosts = self.requestHeaders.getRawHeaders(b"host") or []
        least = 1 if self.clientproto == b"HTTP/1.1" else 0
        self.path = _ORIGIN.sub(b"", self.path, count=1) or b"/"
        isPlace = self.path.startswith(b"/") or (self.method, self.path) == (b"OPTIONS", b"*")
        if isPlace and least <= len(hosts) <= 1:
            super().process()  # type: ignore[no-untyped-call]
        elif self.channel is not None:
            self.channel.refuse(400)

    def render(self, resrc: Any) -> None:
        """
        :param resrc: what answers.
        """
        try:
            body = resrc.render(self)
        except UnsupportedMethod as error:
            allowed = b", ".join(sorted(error.allowedMethods))
            self.responseHeaders.setRawHeaders(b"allow", [allowed])
            body = refused(self, 405, b"Method Not Allowed")
        if body is not NOT_DONE_YET:
            self._answer(body)

    def processingFailed(self, reason: Failure) -> Failure:
        """
        A resource failed, which is logged, and not shown.
        """
        self._log.failure("A page could not be shown", failure=reason)
        if self.startedWriting or self.channel is None:
            self.loseConnection()  # type: ignore[no-untyped-call]
        else:
            self.responseHeaders.removeHeader(b"content-length")
            self._answer(refused(self, 500, b"500 Internal Server Error"))
        return reason

    def _answer(self, body: bytes) -> None:
        # Who is asked for a head alone may know the length, and have no body.
        if body or not self.responseHeaders.hasHeader(b"content-length"):
            self.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(body)])
        self.write(body)  # type: ignore[no-untyped-call]
        self.finish()  # type: ignore[no-untyped-call]


class WebChannel(HTTPChannel):
    """
    One connection.
    """

    site: WebSite

    # A CR before it is no part of a line (RFC 9112, section 2.2).
    delimiter = b"\n"

    # The time for the first request begins with the connection.
    _isCounting = True
    _isClosing = False

    # The request whose answer is made, and not yet taken.
    _untaken: Request | None = None

    def connectionMade(self) -> None:
        """
        Somebody is there.
        """
        self._stall = Alarm(self.site.reactor)
        transport: Any = self.transport
        if not hasattr(transport, "setTcpNoDelay"):
            # TLS claims to be on TCP, whatever it is on.
            transport.setTcpNoDelay = bool
        super().connectionMade()  # type: ignore[no-untyped-call]

    def resetTimeout(self) -> None:
        """
        Something came: that gives no more time, unless it begins a request.
        """
        if not self._isCounting:
            self._isCounting = True
            self.setTimeout(self.site.requestTime)  # type: ignore[no-untyped-call]

    def requestDone(self, request: Request) -> None:
        """
        An answer was given.  The next request waits until it is taken; those who send
        many, and take nothing, would have all the answers in memory.
        """
        if self._waitingForTransport and self.persistent and not self._isClosing:
            self._untaken = request
        else:
            self._next(request)

    def _next(self, request: Request) -> None:
        self._isCounting = False
        super().requestDone(request)  # type: ignore[no-untyped-call]
        # The next one may have come with it, and be answered by now, or not yet.
        if self.persistent and not (self._isCounting or self._handlingRequest):
            self.setTimeout(self.site.idleTime)  # type: ignore[no-untyped-call]

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """
        The head of an answer.
        """
        fields = arranged(headers, code == b"304")
        super().writeHeaders(version, code, reason, fields)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        """
        Something came, which TLS hands on for as long as it is being closed, too.
        """
        if not self._isClosing:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def lineReceived(self, line: bytes) -> None:
        """
        A line of a head.
        """
        super().lineReceived(line.removesuffix(b"\r"))  # type: ignore[no-untyped-call]

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        Unlike twisted.web's, this takes ``Connection`` for a list, and who speaks HTTP/1.0
        at his word: every answer here has a length.

        :returns: may another request follow?
        """
        said = request.requestHeaders.getRawHeaders(b"connection") or []
        options = {option.strip().lower() for value in said for option in value.split(b",")}
        isUsual = version == b"HTTP/1.1"
        isKept = b"close" not in options and (isUsual or b"keep-alive" in options)
        if isKept != isUsual:
            word = b"keep-alive" if isKept else b"close"
            request.responseHeaders.setRawHeaders(b"connection", [word])
        return isKept

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        # Python makes no number of too many digits; and ``identity`` is no coding any more.
        isBad = (header == b"Content-Length" and len(data) > _LENGTH_DIGITS) or (
            header == b"Transfer-Encoding" and data.lower() != b"chunked"
        )
        theirs: Any = super()
        if isBad:
            return bool(theirs._failChooseTransferDecoder())
        return bool(theirs._maybeChooseTransferDecoder(header, data))

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        A line is too long.
        """
        self.refuse(431)

    def _respondToBadRequestAndDisconnect(self) -> None:
        # There is no other way to have it say anything else.
        isLong = (
            self._receivedHeaderSize > self.totalHeadersSize
            or self._receivedHeaderCount > self.maxHeaders
        )
        self.refuse(431 if isLong else 400)

    def refuse(self, status: int) -> None:
        """
        Answer what is no request, and close.

        :param status: see ``closing``.
        """
        if not self._isClosing:
            transport: Any = self.transport
            transport.write(closing(status))
            self.loseConnection()

    def pauseProducing(self) -> None:
        """
        The answer is not taken as fast as it is made.
        """
        transport: Any = self.transport
        at = self.site.reactor.seconds() + self.site.idleTime
        # Not an orderly end: behind that nobody would close the file that is sent.
        self._stall.set(at, transport.abortConnection)
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:
        """
        It was taken.
        """
        self._stall.stop()
        super().resumeProducing()  # type: ignore[no-untyped-call]
        untaken, self._untaken = self._untaken, None
        if untaken is not None:
            self._next(untaken)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        A file is about to be sent: behind what is not yet taken, if need be.
        """
        super().registerProducer(producer, streaming)  # type: ignore[no-untyped-call]
        if self._waitingForTransport and streaming:
            producer.pauseProducing()

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
        self._stall.stop()
        self.setTimeout(self.site.requestTime)  # type: ignore[no-untyped-call]
        super().loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It is over.
        """
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.released()

    def released(self) -> None:
        """
        Let go of the transport, as must a request that had no answer: TLS keeps its
        protocol, which is its producer, too.
        """
        self._stall.stop()
        self.requests.clear()
        self._untaken = None
        self.transport: Any = None
        self._networkProducer: Any = None


class WebSite(Site):
    """
    A server that begins and ends with the application's factory.

    :ivar requestTime: seconds for a request to come, head and body; and for a
        connection to be closed.
    :ivar idleTime: seconds between requests, and for an answer to be taken on.
    """

    protocol: Any = WebChannel
    noisy = False

    def __init__(
        self,
        root: Resource,
        reactor: Any,
        application: IProtocolFactory,
        requestTime: float,
        idleTime: float,
        requestFactory: type[WebRequest] = WebRequest,
    ) -> None:
        """
        :param root: of what everybody sees.
        """
        super().__init__(  # type: ignore[no-untyped-call]
            root, requestFactory=requestFactory, timeout=requestTime, reactor=reactor
        )
        self.requestTime = requestTime
        self.idleTime = idleTime
        self._application = application

    def acceptableProtocols(self) -> list[bytes]:
        """
        :returns: for ALPN: no HTTP/2, which has neither upgrades nor these bounds.
        """
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """
        Not twisted.web's: that begins a log, and a timer for it.
        """
        self._application.doStart()

    def stopFactory(self) -> None:
        """
        Nobody new comes.
        """
        self._application.doStop()

    def log(self, request: Any) -> None:
        """
        It is not logged who asked for what.
        """
