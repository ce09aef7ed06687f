"""
The server as a resource of twisted.web: on its own, or in an author's own tree.

A visitor sees what the reference's server shows: a line of text at ``/``, and
nothing elsewhere; or else the site that the operator or the author has.
"""

from __future__ import annotations

import hmac
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, FramingError
from pyptwist.metrics import Metrics
from pyptwist.transports.meek.arguments import serverOptions
from pyptwist.transports.meek.numbering import Flag, Frame, isOffer
from pyptwist.transports.meek.sessions import ServerSession, SessionTable
from pyptwist.web.forwarded import HEADER
from pyptwist.web.pages import TEXT, refused

_DATA = b"application/octet-stream"
_COVER = b"Nothing to see here yet.\n"


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
        if request.method == b"POST" and self._isOurs(request):
            return self._post(request)
        if request.method != b"GET":
            return _badRequest(request)
        if request.path.strip(b"/"):
            return refused(request, 404, b"404 page not found")
        return _respond(request, 200, TEXT, _COVER)

    def isFor(self, request: Request) -> bool:
        """
        :returns: does it look like a client's?
        """
        isOurs = request.method == b"POST" and self._isOurs(request)
        return isOurs and request.requestHeaders.hasHeader(b"x-session-id")

    def _isOurs(self, request: Request) -> bool:
        path = self._table.options.path
        return path is None or hmac.compare_digest(request.path, path.encode("ascii"))

    def _post(self, request: Request) -> Any:
        sessionId, body = self._sessionId(request), _body(request)
        if sessionId is None or body is None:
            return _badRequest(request)
        session = self._table.known(sessionId)
        if session is None and body and isOffer(sessionId):
            return _forgotten(request, body)
        if session is None:
            peer = request.getClientAddress()
            said = request.requestHeaders.getRawHeaders(HEADER) or []
            client = self._table.options.forwarded.client(peer, said) or peer
            session = self._table.begun(sessionId, request.getHost(), client)
        if session is None:
            return refused(request, 500, b"Internal server error.")
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
    if read.certificate is not None or read.site is not None:
        raise ConfigurationError(
            "the options 'cert', 'key' and 'site' are for a server of its own"
        )
    return MeekResource(SessionTable(reactor, factory, read, methodName, metrics or Metrics()))


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
    return refused(request, 400, b"Bad request.")


def _respond(request: Request, status: int, kind: bytes, body: bytes) -> bytes:
    """
    :returns: the body.
    """
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", kind)
    if status >= 400:
        request.setHeader(b"X-Content-Type-Options", b"nosniff")  # as Go's servers do
    return body
