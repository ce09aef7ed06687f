"""
What our web servers say where they have nothing to show.

twisted.web has pages and habits of its own, which few sites have, and by which lists of
bridges could be made.  So nothing of it is sent: all answers have the words, and the
order of header fields, of the library that Go has for the purpose, which very many
servers are made with, the reference's of both our methods among them.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.web.http_headers import Headers
from twisted.web.resource import Resource

#: Of all pages here.
TEXT: Final = b"text/plain; charset=utf-8"

_PHRASES: Final = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}

#: Behind all others, in this order.
_LAST: Final = (b"Date", b"Content-Length", b"Connection", b"Transfer-Encoding")


def closing(status: int) -> bytes:
    """
    :param status: 400 or 431.
    :returns: a whole answer, head and body, to what is no request, behind which the
        connection ends.
    """
    line = b"%d %b" % (status, _PHRASES[status])
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nConnection: close\r\n\r\n%b" % (line, TEXT, line)


def refused(request: Any, status: int, text: bytes) -> bytes:
    """
    Make the head of an answer, which is an error's.

    :param text: one line, without its end.
    :returns: the body.
    """
    request.setResponseCode(status)
    request.responseHeaders.removeHeader(b"accept-ranges")  # it may be a file's no more
    request.setHeader(b"Content-Type", TEXT)
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    return text + b"\n"


def arranged(headers: Headers, isUnchanged: bool) -> Headers:
    """
    :param headers: of an answer.
    :param isUnchanged: whether its status is 304.
    :returns: those that are sent, in their order.
    """
    fields = dict(headers.getAllRawHeaders())
    fields.pop(b"Server", None)
    if isUnchanged:
        for name in (b"Accept-Ranges", b"Content-Length"):
            fields.pop(name, None)
    # The length of a file is known before its head is made.
    isFile = b"Accept-Ranges" in fields
    last = [name for name in _LAST if not (isFile and name == b"Content-Length")]
    ordered = Headers()
    for name in sorted(fields.keys() - last) + [name for name in last if name in fields]:
        ordered.setRawHeaders(name, fields[name])
    return ordered


class Refusal(Resource):
    """
    Says the same of all paths, and to all methods.
    """

    isLeaf = True

    def __init__(self, status: int, text: bytes) -> None:
        """
        :param status: of the answer.
        :param text: see ``refused``.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._status = status
        self._text = text

    def render(self, request: Any) -> bytes:
        return refused(request, self._status, self._text)


def notFound() -> Resource:
    """
    :returns: there is nothing.
    """
    return Refusal(404, b"404 page not found")


def forbidden() -> Resource:
    """
    :returns: there is something, which this process may not read.
    """
    return Refusal(403, b"403 Forbidden")
