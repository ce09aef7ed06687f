"""
The web server that everybody sees: twisted.web's, with a door in it.

A request that knows the secret takes the connection over.  Every other one is
answered by twisted.web, and so is every one before it on the same connection: there
is no parser of our own whose habits would show.  What visitors upload is dropped as
it comes, since nobody here wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from pyptwist import limits
from pyptwist.connection import CodecConnection
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.web.server import WebChannel, WebRequest, WebSite

#: Makes the tunnel's end, for the request that asked for it.
Opener = Callable[[Any], CodecConnection]


class _Nowhere(BytesIO):
    def write(self, data: Any) -> int:
        return len(data)


class _Request(WebRequest):
    """
    One of twisted.web's, unless it knows the secret.
    """

    channel: Channel

    def process(self) -> None:
        site = self.channel.site
        version = self.clientproto.removeprefix(b"HTTP/")
        headers = _flat(self.requestHeaders)
        if site.secret.isKnownTo(self.method, self.uri, version, headers):
            self.channel.open(site.opens(self))
        else:
            super().process()


class Channel(WebChannel):
    """
    One connection: of a visitor's, until it is a tunnel.
    """

    site: TunnelSite
    _tunnel: CodecConnection | None = None

    def open(self, tunnel: CodecConnection) -> None:
        """
        Let the tunnel have the connection.

        What has come behind the request comes through ``rawDataReceived`` next, and
        so does what comes later.
        """
        self._tunnel = tunnel
        transport: Any = self.transport
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self._stall.stop()
        self.requests.clear()
        transport.unregisterProducer()
        # It may have been paused by an answer that somebody was slow to read.
        transport.resumeProducing()
        tunnel.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        if self._tunnel is None:
            super().dataReceived(data)
        else:
            self._tunnel.dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        if self._tunnel is None:
            super().rawDataReceived(data)
        else:
            self._tunnel.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is None:
            super().connectionLost(reason)
        else:
            tunnel.connectionLost(reason)
            self.released()


class TunnelSite(WebSite):
    """
    Whose connections are ``Channel`` objects.

    :ivar secret: what opens the door.
    :ivar opens: makes what is behind it.
    """

    protocol: Any = Channel

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
        super().__init__(root, reactor, application, limits.WEB_REQUEST, limits.WEB_IDLE, _Request)
        self.secret = secret
        self.opens = opens

    def getContentFile(self, length: int | None) -> BytesIO:
        """
        Where to put what a visitor sends.
        """
        return _Nowhere()


def _flat(headers: Any) -> Iterator[tuple[bytes, bytes]]:
    return ((name, value) for name, values in headers.getAllRawHeaders() for value in values)
