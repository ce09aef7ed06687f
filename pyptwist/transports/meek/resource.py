"""
The server as a resource of twisted.web: on its own, or in an author's own tree.

A visitor sees what the reference's server shows: a line of text at ``/``, and
nothing elsewhere.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, FramingError
from pyptwist.metrics import Metrics
from pyptwist.transports.meek.arguments import Network, isWithin, serverOptions
from pyptwist.transports.meek.numbering import Flag, Frame, isOffer
from pyptwist.transports.meek.sessions import ServerSession, SessionTable

_TEXT = b"text/plain; charset=utf-8"
_DATA = b"application/octet-stream"
_COVER = b"Nothing to see here yet.\n"

#: The port of a client whose proxy says its address alone: tor closes connections
#: whose client has port 0.
_UNKNOWN_PORT = 1


class MeekResource(Resource):
    """
    Answers requests for its own path, and all paths beneath.
    """

    isLeaf = True

    def __init__(self, table: SessionTable) -> None:
        """
        :param table: see ``meekResource``, which makes one.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._table = table

    def render(self, request: Request) -> Any:
        isOurs = self._table.options.path in (None, request.path.decode("latin-1"))
        if request.method == b"POST" and isOurs:
            return self._post(request)
        if request.method != b"GET":
            return _badRequest(request)
        if request.path.strip(b"/"):
            return _respond(request, 404, _TEXT, b"404 page not found\n")
        return _respond(request, 200, _TEXT, _COVER)

    def _post(self, request: Request) -> Any:
        sessionId, body = self._sessionId(request), _body(request)
        if sessionId is None or body is None:
            return _badRequest(request)
        session = self._table.known(sessionId)
        if session is None and body and isOffer(sessionId):
            return _forgotten(request, body)
        if session is None:
            peer = clientAddress(request, self._table.options.proxies)
            session = self._table.begun(sessionId, request.getHost(), peer)
        if session is None:
            return _respond(request, 500, _TEXT, b"Internal server error.\n")
        session.requested(_Pending(request, session), body)
        return NOT_DONE_YET

    def _sessionId(self, request: Request) -> str | None:
        values = request.requestHeaders.getRawHeaders(b"x-session-id") or []
        if len(values) != 1:
            return None
        (value,) = values
        isLongEnough = self._table.options.shortestId <= len(value) <= limits.MEEK_ID_MAXIMUM
        return value.decode("ascii") if isLongEnough and value.isascii() else None


def meekResource(
    reactor: Any,
    factory: IProtocolFactory,
    options: Arguments | None = None,
    metrics: Metrics | None = None,
    methodName: str = "meek",
) -> MeekResource:
    """
    Put meek into a tree of resources::

        root.putChild(b"upload", meekResource(reactor, factory))
        site = Site(root, requestFactory=MeekRequest)

    ``MeekRequest`` refuses bodies that are too long before it has read them, in all of
    the site; any other has them on disk first.

    :param factory: builds the application's protocol for each session.
    :param options: the server's, but for those of TLS.
    :raises ConfigurationError: naming the option that is wrong.
    """
    read = serverOptions(options or Arguments())
    if read.certificate is not None:
        raise ConfigurationError("the options 'cert' and 'key' are for a server of its own")
    return MeekResource(SessionTable(reactor, factory, read, methodName, metrics or Metrics()))


def clientAddress(request: Request, proxies: tuple[Network, ...]) -> IAddress:
    """
    Who makes a request.

    :param proxies: those whose word counts, if they say ``X-Forwarded-For``: its last
        address that is none of theirs.  What stands before that anybody may have
        written.
    """
    peer: Any = request.getClientAddress()
    if not isWithin(getattr(peer, "host", None) or "", proxies):
        return peer  # type: ignore[no-any-return]
    lines = request.requestHeaders.getRawHeaders(b"x-forwarded-for") or []
    for word in reversed(b",".join(lines).decode("latin-1").split(",")):
        told = _address(word.strip())
        if told is None:
            return peer  # type: ignore[no-any-return]
        if not isWithin(told.host, proxies):
            return told
    return peer  # type: ignore[no-any-return]


class _Pending:
    """
    A request that waits for its answer.
    """

    def __init__(self, request: Request, session: ServerSession) -> None:
        self._request: Any = request
        self._session: ServerSession | None = session
        request.notifyFinish().addErrback(self._lost)

    def answer(self, body: bytes) -> None:
        if (request := self._done()) is not None:
            answer = _respond(request, 200, _DATA, body)
            request.setHeader(b"Content-Length", b"%d" % len(answer))
            request.write(answer)
            request.finish()

    def drop(self, isBad: bool) -> None:
        request = self._done()
        if request is None:
            return
        if isBad:
            answer = _badRequest(request)
            request.setHeader(b"Content-Length", b"%d" % len(answer))
            request.write(answer)
            request.finish()
        else:
            request.loseConnection()

    def _done(self) -> Any:
        request, self._request, self._session = self._request, None, None
        return request

    def _lost(self, reason: Failure) -> None:
        session, self._session, self._request = self._session, None, None
        if session is not None:
            session.gone(self)


def _body(request: Request) -> bytes | None:
    content: Any = request.content
    body: bytes = content.read(limits.MEEK_BODY + 1)
    return body if len(body) <= limits.MEEK_BODY else None


def _forgotten(request: Request, body: bytes) -> bytes:
    """
    :param body: of a request that is not the first of its session.
    """
    try:
        answer = Frame(Frame.decode(body).number, Flag.GONE).encode()
    except FramingError:
        return _badRequest(request)
    return _respond(request, 200, _DATA, answer)


def _badRequest(request: Request) -> bytes:
    return _respond(request, 400, _TEXT, b"Bad request.\n")


def _respond(request: Request, status: int, kind: bytes, body: bytes) -> bytes:
    """
    :returns: the body.
    """
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", kind)
    return body


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        place = HostPort.parse(text) if not _isIP(text) else HostPort(text, _UNKNOWN_PORT)
    except ConfigurationError:
        return None
    if place.ip is None:
        return None
    kind = IPv4Address if place.ip.version == 4 else IPv6Address
    return kind("TCP", place.host, place.port or _UNKNOWN_PORT)


def _isIP(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
