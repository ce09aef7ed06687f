"""
The ordinary site: a folder, or nothing at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.web.resource import Resource
from twisted.web.static import File
from twisted.web.util import redirectTo

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError

_SITE = "site"

#: What is hidden by its name, and public all the same (RFC 8615).
_WELL_KNOWN = b".well-known"


def siteRoot(arguments: Arguments) -> Resource:
    """
    :param arguments: ``site`` names a folder, whose files everybody may see; without
        it, whatever is asked for is not found.
    :returns: the root of the site.
    :raises ConfigurationError: if there is no such folder.
    """
    if _SITE not in arguments:
        return Resource()
    try:
        isFolder = Path(arguments.require(_SITE)).is_dir()
    except (OSError, ValueError):
        isFolder = False
    if not isFolder:
        raise ConfigurationError(
            f"the option {_SITE!r} must name a folder with a web site's files"
        )
    return Folder(arguments.require(_SITE))


class Folder(File):
    """
    A folder that shows files, never a list of them, and none that are hidden.
    """

    def getChild(self, path: bytes, request: Any) -> Any:
        if path.startswith(b".") and path != _WELL_KNOWN:
            return self.childNotFound
        try:
            return super().getChild(path, request)  # type: ignore[no-untyped-call]
        except ValueError:
            return self.childNotFound  # no file can have such a name

    def directoryListing(self) -> Any:
        return self.childNotFound

    def redirect(self, request: Any) -> Any:
        # twisted.web would name a scheme and a port, which are not those that the
        # visitor of a reverse proxy knows.
        return redirectTo(b"/" + request.path.strip(b"/") + b"/", request)
