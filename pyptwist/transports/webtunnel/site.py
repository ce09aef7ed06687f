"""
The web server that everybody sees: twisted.web's, with a door in it.

A request that knows the secret takes the connection over.  Every other one is
answered by twisted.web, and so is every one before it on the same connection: there
is no parser of our own whose habits would show.  What differs from twisted.web's
``Site`` cannot be seen from outside: nobody's visit is logged, since logs are no
place for addresses and for the secret; and what visitors upload is dropped as it
comes, since nobody here wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.connection import CodecConnection
from pyptwist.transports.webtunnel.secret import Secret

#: Makes the tunnel's end, for the request that asked for it.
Opener = Callable[[Any], CodecConnection]


class _Nowhere(BytesIO):
    def write(self, data: Any) -> int:
        return len(data)


class _Request(Request):
    """
    One of twisted.web's, unless it knows the secret.
    """

    channel: Channel

    def __repr__(self) -> str:
        """
        :returns: nothing of it: twisted.web logs some of them.
        """
        return "<Request>"

    def process(self) -> None:
        site = self.channel.site
        version = self.clientproto.removeprefix(b"HTTP/")
        headers = _flat(self.requestHeaders)
        if site.secret.isKnownTo(self.method, self.uri, version, headers):
            self.channel.open(site.opens(self))
        else:
            super().process()  # type: ignore[no-untyped-call]


class Channel(HTTPChannel):
    """
    One connection: of a visitor's, until it is a tunnel.
    """

    site: TunnelSite
    _tunnel: CodecConnection | None = None

    def connectionMade(self) -> None:
        self._abort = Alarm(self.site.reactor)
        transport: Any = self.transport
        if not hasattr(transport, "setTcpNoDelay"):
            # TLS claims to be on TCP, whatever it is on.
            transport.setTcpNoDelay = bool
        super().connectionMade()  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        # twisted.web's own does the same, and logs the visitor's address.
        transport: Any = self.transport
        self._abort.set(self.site.reactor.seconds() + limits.WEB_LINGER, transport.abortConnection)
        self.loseConnection()  # type: ignore[no-untyped-call]

    def open(self, tunnel: CodecConnection) -> None:
        """
        Let the tunnel have the connection.

        What has come behind the request comes through ``rawDataReceived`` next, and
        so does what comes later.
        """
        self._tunnel = tunnel
        transport: Any = self.transport
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self.requests.clear()
        transport.unregisterProducer()
        # It may have been paused by an answer that somebody was slow to read.
        transport.resumeProducing()
        tunnel.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        if self._tunnel is None:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        else:
            self._tunnel.dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        if self._tunnel is None:
            super().rawDataReceived(data)
        else:
            self._tunnel.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._abort.stop()
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is None:
            super().connectionLost(reason)  # type: ignore[no-untyped-call]
        else:
            tunnel.connectionLost(reason)
        # TLS keeps its producer, which this is.
        self.transport = None
        self._networkProducer: Any = None


class TunnelSite(Site):
    """
    Whose connections are ``Channel`` objects.

    :ivar secret: what opens the door.
    :ivar opens: makes what is behind it.
    """

    protocol = Channel  # type: ignore[assignment]
    requestFactory = _Request
    noisy = False

    def __init__(
        self,
        root: Resource,
        reactor: Any,
        secret: Secret,
        application: IProtocolFactory,
        opens: Opener,
    ) -> None:
        """
        :param root: of what everybody sees.
        :param application: what is behind the door, in the end.
        """
        super().__init__(  # type: ignore[no-untyped-call]
            root, timeout=limits.WEB_IDLE, reactor=reactor
        )
        self.secret = secret
        self.opens = opens
        self._application = application

    def startFactory(self) -> None:
        # Not twisted.web's: that begins a log, and a timer for it.
        self._application.doStart()

    def stopFactory(self) -> None:
        self._application.doStop()

    def log(self, request: Any) -> None:
        """
        Nothing.
        """

    def getContentFile(self, length: int | None) -> BytesIO:
        """
        Where to put what a visitor sends.
        """
        return _Nowhere()

    def acceptableProtocols(self) -> list[bytes]:
        """
        What may be agreed upon by ALPN: no HTTP/2, which has no such upgrades.
        """
        return [b"http/1.1"]


def _flat(headers: Any) -> Iterator[tuple[bytes, bytes]]:
    return ((name, value) for name, values in headers.getAllRawHeaders() for value in values)
