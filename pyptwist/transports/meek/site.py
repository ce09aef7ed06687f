"""
The server's HTTP, with bodies that have a bound.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from pyptwist import limits
from pyptwist.transports.meek.resource import MeekResource
from pyptwist.transports.meek.sessions import SessionTable
from pyptwist.web.pages import closing
from pyptwist.web.server import WebChannel, WebRequest, WebSite


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
                transport.write(closing(400))
            channel.loseConnection()


class MeekChannel(WebChannel):
    """
    A connection, which its site counts.
    """

    site: MeekSite

    def connectionMade(self) -> None:
        """
        Somebody is there.
        """
        super().connectionMade()
        self.site.entered(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It is over.
        """
        super().connectionLost(reason)
        self.site.left(self)


class MeekSite(WebSite):
    """
    A server of meek's: of nothing else, or of a folder's files as well.
    """

    protocol: Any = MeekChannel

    def __init__(self, table: SessionTable) -> None:
        """
        :param table: of its sessions.
        """
        self._table = table
        self._meek = MeekResource(table)
        self._channels: set[MeekChannel] = set()
        self._isListening = False
        super().__init__(
            table.options.site or self._meek,
            table.reactor,
            table.factory,
            limits.MEEK_REQUEST_TIME,
            limits.MEEK_IDLE,
            _OurRequest,
        )

    def getResourceFor(self, request: Request) -> Any:
        """
        :returns: what answers it.  With a folder, all that is not a client's is that's.
        """
        if self._table.options.site is not None and self._meek.isFor(request):
            return self._meek
        return super().getResourceFor(request)  # type: ignore[no-untyped-call]

    def startFactory(self) -> None:
        """
        There may be sessions.
        """
        self._isListening = True
        self._table.open()
        super().startFactory()

    def stopFactory(self) -> None:
        """
        Those who are there may stay, as long as they keep a connection; nobody else
        comes.
        """
        self._isListening = False
        self._table.close()
        super().stopFactory()
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


class _OurRequest(MeekRequest, WebRequest):
    """
    The same, of a server that is only ours.
    """
