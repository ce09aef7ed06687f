"""
webtunnel on the wire: one HTTP exchange, and then bytes as they are.

::

    client  GET /PATH HTTP/1.1        Host: NAME
                                      User-Agent: Go-http-client/1.1
                                      Connection: upgrade
                                      Upgrade: websocket
    server  HTTP/1.1 101 Switching Protocols
                                      Connection: upgrade
                                      Upgrade: websocket
    both    payload

Nothing is framed or masked, whatever the headers promise: who looks into TLS sees
no WebSocket.  HTTP itself is read and written by h11 on the client's side, and by
twisted.web on the server's, whose codec begins where the request was read.

Source: Tor's webtunnel 0.0.3, ``transport/httpupgrade``.
"""

from __future__ import annotations

from collections.abc import Sequence

import h11

from pyptwist import limits
from pyptwist.codec import CodecBase, Effect
from pyptwist.errors import ClosedByPeer, HandshakeFailed
from pyptwist.proxies.tunnel import TunnelCodec

#: As Go's clients have it.
USER_AGENT = "Go-http-client/1.1"

#: What a server says before it is a tunnel.
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)


class WebTunnelClientCodec(TunnelCodec):
    """
    Asks for the tunnel.
    """

    def __init__(self, host: str, path: str) -> None:
        """
        :param host: for the header of this name.
        :param path: percent-encoded, with a slash at its beginning.
        """
        super().__init__()
        headers = [
            ("Host", host),
            ("User-Agent", USER_AGENT),
            ("Connection", "upgrade"),
            ("Upgrade", "websocket"),
        ]
        self._request = h11.Request(method="GET", target=path, headers=headers)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.WEBTUNNEL_HEAD)
        self._room = limits.WEBTUNNEL_HEAD
        self.state = self._response

    def begin(self) -> None:
        for event in (self._request, h11.EndOfMessage()):
            self.transmit(self._http.send(event) or b"")

    def endOfInput(self) -> None:
        if self.isReady:
            self.finish()
        else:
            # So does the reference, to whoever asks for something else.
            self.finish(ClosedByPeer("the web server closed instead of opening the tunnel"))

    def _response(self) -> bool:
        fresh = self.take(min(self._room, len(self.buffer)))
        if not fresh:
            return False
        self._room -= len(fresh)
        self._http.receive_data(fresh)
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError:
            raise HandshakeFailed("the server does not speak HTTP as it should") from None
        if isinstance(event, h11.InformationalResponse | h11.Response):
            _requireUpgrade(event)
            # What came behind the head is payload.
            self.buffer[:0] = self._http.trailing_data[0]
            del self._http  # an idle tunnel needs no parser
            self.established()
        elif not self._room:
            raise HandshakeFailed("the server's answer was too long")
        return False


class WebTunnelServerCodec(TunnelCodec):
    """
    Opens the tunnel, once the request was read: the first bytes that it receives
    are payload.

    The reference's client loses what it reads together with the 101.  So the
    server's first payload waits for the client's, behind which nothing is lost; or
    for ``limits.WEBTUNNEL_HUSH`` seconds, so that clients who wait for the server to
    speak are not left waiting.  tor's clients always begin.

    :ivar forwardedFor: the values of ``X-Forwarded-For``, in order.
    """

    def __init__(self, forwardedFor: Sequence[bytes] = ()) -> None:
        """
        :param forwardedFor: what the request says of where the client is.
        """
        super().__init__()
        self.forwardedFor = forwardedFor
        self._held: bytearray | None = bytearray()

    def begin(self) -> None:
        self.open()

    def open(self) -> None:
        """
        Answer the request.
        """
        self.transmit(SWITCHING)
        self.ready()
        self.nextTimer = self.now + limits.WEBTUNNEL_HUSH
        self.state = self._first

    def send(self, data: bytes, now: float) -> list[Effect]:
        if self._held is not None:
            return CodecBase.send(self, data, now)
        return super().send(data, now)

    def receive(self, data: bytes, now: float) -> list[Effect]:
        if self._held is not None:
            return CodecBase.receive(self, data, now)
        return super().receive(data, now)

    def encode(self, data: bytes) -> None:
        if self._held is None:
            self.transmit(data)
        else:
            self._held += data
            self.backlog = len(self._held)

    def timer(self) -> None:
        self._speak()

    def _first(self) -> bool:
        if self.buffer:
            self._speak()
            self.deliver(self.take(len(self.buffer)))
        return False

    def _speak(self) -> None:
        held, self._held = self._held, None
        self.nextTimer = None
        self.backlog = 0
        self.transmit(held or b"")


def _requireUpgrade(response: h11.InformationalResponse | h11.Response) -> None:
    """
    As strict as the reference's client, so that nobody is taken for a server whom
    that would not take.
    """
    status, headers = response.status_code, response.headers
    if status != 101:
        raise HandshakeFailed(
            f"the web server answered {status} instead of opening the tunnel:"
            " is the path in url the right one?"
        )
    for name, value in ((b"upgrade", b"websocket"), (b"connection", b"upgrade")):
        if [given.lower() for key, given in headers if key == name][:1] != [value]:
            raise HandshakeFailed("the web server switched to something else than the tunnel")
    if response.reason != b"Switching Protocols":
        raise HandshakeFailed("the web server switches in other words than webtunnel's")
