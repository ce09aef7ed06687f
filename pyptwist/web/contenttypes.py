"""
What the files of a web site are called in ``Content-Type``.

twisted.web asks the machine's own lists once, as it is imported; where one may not be
read, as in tor's profile for AppArmor, there would be no server at all.
"""

from __future__ import annotations

import mimetypes
from os import PathLike

Name = str | PathLike[str]


def withoutForbidden(lists: list[Name]) -> list[Name]:
    """
    :param lists: files, of which some may be missing.
    :returns: those of them that this process is not forbidden to read.
    """
    return [path for path in lists if not _isForbidden(path)]


def _isForbidden(path: Name) -> bool:
    try:
        # access(2) does not ask AppArmor.
        with open(path, "rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


mimetypes.knownfiles[:] = withoutForbidden(mimetypes.knownfiles)

from twisted.web.static import File  # noqa: E402

__all__ = ["File", "withoutForbidden"]
