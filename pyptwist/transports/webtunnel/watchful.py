"""
The server's side with a decoy: nothing is said before the request is known to be
the right one, so that somebody else can answer every other one.

There is no site then: the decoy is it.
"""

from __future__ import annotations

import h11

from pyptwist import limits
from pyptwist.errors import AuthenticationFailed
from pyptwist.strangers.silence import SilentServerCodec
from pyptwist.transports.webtunnel.codec import WebTunnelServerCodec
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.web.forwarded import HEADER


class WatchfulServerCodec(SilentServerCodec, WebTunnelServerCodec):
    """
    Reads the request itself.  One that is not the first on its connection is not
    read: the decoy has the connection by then.
    """

    maximumBuffer = limits.BURST + limits.WEBTUNNEL_HEAD  # payload may be behind it

    def __init__(self, secret: Secret, drain: float) -> None:
        """
        :param drain: see ``SilentServerCodec``.
        """
        super().__init__()
        self.drain = drain
        self._secret = secret
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.WEBTUNNEL_HEAD)
        self._room = limits.WEBTUNNEL_HEAD

    def begin(self) -> None:
        super().begin()
        self.state = self._request

    def _request(self) -> bool:
        fresh = self.take(min(self._room, len(self.buffer)))
        if not fresh:
            return False
        self._room -= len(fresh)
        self._http.receive_data(fresh)
        try:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                isWhole = isinstance(self._http.next_event(), h11.EndOfMessage)
                self._decide(event, isWhole)
                return True
        except h11.RemoteProtocolError:
            raise AuthenticationFailed("what came is no request") from None
        if not self._room:
            raise AuthenticationFailed("the request was too long")
        return False

    def _decide(self, request: h11.Request, isWhole: bool) -> None:
        """
        :param isWhole: whether it has no body, which none of ours has.
        """
        parts = request.method, request.target, request.http_version, request.headers
        if not (self._secret.isKnownTo(*parts) and isWhole):
            raise AuthenticationFailed("the request is not for the tunnel")
        self.forwardedFor = [value for name, value in request.headers if name == HEADER]
        self.buffer[:0] = self._http.trailing_data[0]
        del self._http  # an idle tunnel needs no parser
        self.open()
