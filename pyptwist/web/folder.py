"""
The ordinary site of a server that hides in one: a folder.
"""

from __future__ import annotations

import errno
import os
import re
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import (
    MOVED_PERMANENTLY,
    REQUESTED_RANGE_NOT_SATISFIABLE,
    datetimeToString,
)
from twisted.web.resource import Resource
from zope.interface import implementer

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.web import pages
from pyptwist.web.contenttypes import File

_SITE = "site"

#: The page for what is not there, if there is one, as other web servers have it.
_NOT_FOUND = "404.html"

#: The type of a file whose name tells none.
_UNKNOWN = "application/octet-stream"

#: What is hidden by its name, and public all the same (RFC 8615).
_WELL_KNOWN = b".well-known"

#: One, whose numbers are some file's.
_RANGE = re.compile(rb"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def siteRoot(arguments: Arguments) -> Resource | None:
    """
    :param arguments: ``site`` names a folder, whose files everybody may see.
    :returns: the root of the site; None without the option.
    :raises ConfigurationError: if there is no such folder.
    """
    if _SITE not in arguments:
        return None
    try:
        isFolder = Path(arguments.require(_SITE)).is_dir()
    except (OSError, ValueError):
        isFolder = False
    if not isFolder:
        raise ConfigurationError(
            f"the option {_SITE!r} must name a folder with a web site's files"
        )
    folder: Any = Folder(arguments.require(_SITE), _UNKNOWN)
    folder.childNotFound = _NotFound(folder.child(_NOT_FOUND))
    return folder  # type: ignore[no-any-return]


class Folder(File):
    """
    A folder that shows files, never a list of them, and none that are hidden.
    """

    #: A compressed file is one, and no page that is compressed on its way.
    contentEncodings: Any = MappingProxyType({})
    forbidden: Any = pages.forbidden()
    indexNames: Any = ("index.html", "index.htm")

    def getChild(self, path: bytes, request: Any) -> Any:
        # A name with a slash, which was encoded, may lead back here, to what is hidden.
        isHidden = path.startswith(b".") and path != _WELL_KNOWN
        if isHidden or b"/" in path:
            return self.childNotFound
        try:
            # Decoded here: what is no UTF-8 would have an error logged.
            name = path.decode("utf-8")
            return super().getChild(name, request)  # type: ignore[no-untyped-call]
        except ValueError:
            return self.childNotFound  # no file can have such a name

    def openForReading(self) -> Any:
        # The name is what somebody asked for, which is not logged; and who opens a pipe
        # waits for the one who writes to it.
        if not self.isfile():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            return super().openForReading()  # type: ignore[no-untyped-call]
        except OSError as error:
            raise OSError(error.errno, error.strerror) from None

    def makeProducer(self, request: Any, fileForReading: Any) -> Any:
        wanted = _range(request, self.getsize())
        if wanted is None:
            request.requestHeaders.removeHeader(b"range")
        else:
            request.requestHeaders.setRawHeaders(b"range", [wanted])
        theirs: Any = super().makeProducer(request, fileForReading)  # type: ignore[no-untyped-call]
        if request.code == REQUESTED_RANGE_NOT_SATISFIABLE:
            fileForReading.close()
            return _beyond(request)
        offset = getattr(theirs, "offset", 0)
        return _Sending(request, fileForReading, offset, getattr(theirs, "size", self.getsize()))

    def directoryListing(self) -> Any:
        return self.childNotFound

    def redirect(self, request: Any) -> Any:
        # twisted.web would name a scheme and a port, which are not those that the
        # visitor of a reverse proxy knows; nor may the path be his.
        name = request.path.rpartition(b"/")[2].replace(b":", b"%3A") + b"/"
        query = request.uri.partition(b"?")[1:]
        request.setResponseCode(MOVED_PERMANENTLY)
        request.setHeader(b"Location", name + b"".join(query))
        return b""


@implementer(IPushProducer)
class _Sending:
    """
    Sends a part of a file as fast as it is taken.

    twisted.web's own has to be asked for each piece; who asks leaves a cycle with the
    connection behind for each file that is sent.
    """

    def __init__(self, request: Any, file: BinaryIO, offset: int, size: int) -> None:
        """
        :param offset: where to begin.
        :param size: bytes to send.
        """
        self._request: Any = request
        self._file = file
        self._offset = offset
        self._left = size
        self._isPaused = False

    def start(self) -> None:
        self._file.seek(self._offset)
        self._request.registerProducer(self, True)
        self._go()

    def resumeProducing(self) -> None:
        self._isPaused = False
        self._go()

    def _go(self) -> None:
        while self._request is not None and not self._isPaused:
            self._send()

    def pauseProducing(self) -> None:
        self._isPaused = True

    def stopProducing(self) -> None:
        self._request = None
        self._file.close()

    def _send(self) -> None:
        data = self._read()
        self._left -= len(data)
        if data:
            self._request.write(data)
            return
        request = self._request
        self.stopProducing()
        request.unregisterProducer()
        if self._left:
            # Or the next answer would be taken for what is missing of this one.
            request.loseConnection()
        else:
            request.finish()

    def _read(self) -> bytes:
        try:
            return self._file.read(min(limits.TCP_READ, self._left))
        except OSError:
            return b""


def _range(request: Any, size: int) -> bytes | None:
    """
    Of several ranges each may be the whole file; and what is malformed, and no UTF-8,
    would be an error.  Every range may be ignored (RFC 9110, 14.2).

    :param request: for a file.
    :param size: the file's, in bytes.
    :returns: the part that is sent; None for all of it.
    """
    wanted: bytes = request.getHeader(b"range") or b""
    condition = request.getHeader(b"if-range")
    isSame = condition in (None, datetimeToString(request.lastModified))
    found = _RANGE.fullmatch(wanted)
    if found is None or not isSame:
        return None
    first, last, length = found.groups()
    if length:
        # More than there is twisted.web takes for a place before the file.
        return wanted if int(length) <= size else b"bytes=0-"
    return None if last and int(first) > int(last) else wanted


def _beyond(request: Any) -> _Sending:
    """
    :param request: for a part of a file that begins behind its end.
    """
    body = pages.refused(
        request, REQUESTED_RANGE_NOT_SATISFIABLE, b"invalid range: failed to overlap"
    )
    request.code_message = b"Requested Range Not Satisfiable"
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.lastModified = None
    return _Sending(request, BytesIO(body), 0, len(body))


class _NotFound(Resource):
    """
    In the site's own words.
    """

    isLeaf = True

    def __init__(self, file: Any) -> None:
        """
        :param file: that need not exist.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._file = file

    def render(self, request: Any) -> Any:
        try:
            page = self._file.getContent()
        except OSError:
            return pages.notFound().render(request)
        request.setResponseCode(404)
        request.setHeader(b"content-type", b"text/html")
        return page
