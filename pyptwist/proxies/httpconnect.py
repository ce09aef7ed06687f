"""
HTTP CONNECT, the client's side.

::

    client  CONNECT host:port HTTP/1.1      host: host:port
                                            proxy-authorization: Basic ...
    server  HTTP/1.x 2xx, headers           any body headers mean nothing

HTTP itself is read and written by h11.

Sources: RFC 9110, section 9.3.6; RFC 7617.
"""

from __future__ import annotations

import base64

import h11

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ConfigurationError, UpstreamProxyError
from pyptwist.proxies.hosts import requireTarget
from pyptwist.proxies.tunnel import TunnelCodec


class HTTPConnectClient(TunnelCodec):
    """
    A tunnel through an HTTP proxy.
    """

    def __init__(self, target: HostPort, credentials: tuple[bytes, bytes] | None = None) -> None:
        """
        :param target: where to; a name goes to the proxy as it is.
        :param credentials: user name, without a colon, and password.
        :raises ConfigurationError: if the target or the credentials cannot be
            sent.
        """
        super().__init__()
        authority = str(requireTarget(target)).encode("ascii")
        headers = [(b"Host", authority)]
        if credentials is not None:
            headers.append((b"Proxy-Authorization", _basic(*credentials)))
        self._request = h11.Request(method=b"CONNECT", target=authority, headers=headers)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.HTTP_CONNECT_HEAD)
        self._room = limits.HTTP_CONNECT_HEAD
        self.state = self._response

    def begin(self) -> None:
        for event in (self._request, h11.EndOfMessage()):
            self.transmit(self._http.send(event) or b"")

    def endOfInput(self) -> None:
        self.finish(None if self.isReady else UpstreamProxyError("the HTTP proxy closed"))

    def _response(self) -> bool:
        # Interim responses count too: a proxy must not keep us busy with them.
        fresh = self.take(min(self._room, len(self.buffer)))
        if not fresh:
            return False
        self._room -= len(fresh)
        self._http.receive_data(fresh)
        if self._accepted():
            self.buffer[:0] = self._http.trailing_data[0]
            # An idle tunnel needs no parser.
            del self._http
            self.established()
        elif not self._room:
            raise UpstreamProxyError("the HTTP proxy's answer was too long")
        return False

    def _accepted(self) -> bool:
        """
        :returns: whether the final response has come; it is a good one then.
        """
        try:
            while isinstance(event := self._http.next_event(), h11.InformationalResponse):
                pass
        except h11.RemoteProtocolError:
            raise UpstreamProxyError("the upstream proxy does not speak HTTP") from None
        if not isinstance(event, h11.Response):
            return False
        if not 200 <= event.status_code < 300:
            raise _refused(event.status_code)
        return True


def _basic(username: bytes, password: bytes) -> bytes:
    if b":" in username:
        raise ConfigurationError("an HTTP proxy's user name must not hold a colon")
    return b"Basic " + base64.b64encode(username + b":" + password)


def _refused(status: int) -> UpstreamProxyError:
    if status in (401, 407):
        # Proxies say 407 (RFC 9110, section 15.5.8); tinyproxy says 401 to wrong ones.
        return UpstreamProxyError("the HTTP proxy wants another user name and password")
    error = UpstreamProxyError(f"the HTTP proxy answered {status}")
    if status == 504:
        # The one status that speaks of the target alone (RFC 9110, section 15.6.5).
        error.cause = Cause.TIMEOUT
    return error
