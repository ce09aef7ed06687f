"""
The ordinary site of a server that hides in one: a folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.static import File
from twisted.web.util import redirectTo

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError

_SITE = "site"

#: The page for what is not there, if there is one, as other web servers have it.
_NOT_FOUND = "404.html"

#: What is hidden by its name, and public all the same (RFC 8615).
_WELL_KNOWN = b".well-known"

#: One, whose numbers are some file's.
_RANGE = re.compile(rb"bytes=([0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")


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
    folder: Any = Folder(arguments.require(_SITE))
    folder.childNotFound = _NotFound(folder.child(_NOT_FOUND))
    return folder  # type: ignore[no-any-return]


class Folder(File):
    """
    A folder that shows files, never a list of them, and none that are hidden.
    """

    def getChild(self, path: bytes, request: Any) -> Any:
        if path.startswith(b".") and path != _WELL_KNOWN:
            return self.childNotFound
        try:
            # Decoded here: what is no UTF-8 would have an error logged.
            name = path.decode("utf-8")
            return super().getChild(name, request)  # type: ignore[no-untyped-call]
        except ValueError:
            return self.childNotFound  # no file can have such a name

    def makeProducer(self, request: Any, fileForReading: Any) -> Any:
        # Of several ranges each may be the whole file; and what is malformed, and no
        # UTF-8, would be an error.  Every range may be ignored (RFC 9110, 14.2).
        wanted = request.getHeader(b"range")
        if wanted is not None and not _RANGE.fullmatch(wanted):
            request.requestHeaders.removeHeader(b"range")
        return super().makeProducer(request, fileForReading)  # type: ignore[no-untyped-call]

    def directoryListing(self) -> Any:
        return self.childNotFound

    def redirect(self, request: Any) -> Any:
        # twisted.web would name a scheme and a port, which are not those that the
        # visitor of a reverse proxy knows.
        return redirectTo(b"/" + request.path.strip(b"/") + b"/", request)


class _NotFound(Resource):
    """
    Instead of twisted.web's own words, which tell what this server is.
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
            return notFound().render(request)
        request.setResponseCode(404)
        request.setHeader(b"content-type", b"text/html")
        return page
