"""
twisted.web's server, with the bounds that it lacks, and without what it tells.

A request has a time to come, head and body, whatever it is sent in; so has the next
one to begin, and so have answers to be taken.  Neither addresses nor what is asked
for get into logs, and no answer names the server's software, by which lists of such
servers are made.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from pyptwist.alarm import Alarm


class WebRequest(Request):
    """
    A request whose answer does not name the server's software.
    """

    def __repr__(self) -> str:
        """
        :returns: nothing of it: twisted.web logs some of them.
        """
        return "<Request>"

    def write(self, data: bytes) -> None:
        """
        Part of the answer, the head before the first.
        """
        if not self.startedWriting:
            self.responseHeaders.removeHeader(b"server")
        super().write(data)  # type: ignore[no-untyped-call]


class WebChannel(HTTPChannel):
    """
    One connection.
    """

    site: WebSite

    # The time for the first request begins with the connection.
    _isCounting = True
    _isClosing = False

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
        An answer was given.
        """
        self._isCounting = False
        super().requestDone(request)  # type: ignore[no-untyped-call]
        # The next one may have come with it, and be answered by now, or not yet.
        if self.persistent and not (self._isCounting or self._handlingRequest):
            self.setTimeout(self.site.idleTime)  # type: ignore[no-untyped-call]

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
        Let go of the transport: TLS keeps its protocol, which is its producer, too.
        """
        self._stall.stop()
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
