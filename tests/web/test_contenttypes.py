"""
Tests for ``pyptwist.web.contenttypes``.
"""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.web.contenttypes import Name, withoutForbidden

#: Imports sites where one list may not be read, as under AppArmor: root may read all.
_FORBIDDEN = """
import builtins, mimetypes, sys
ours, opening = sys.argv[1], builtins.open
def forbidding(path, *more, **options):
    if path == ours:
        raise PermissionError(13, "Permission denied", path)
    return opening(path, *more, **options)
builtins.open = forbidding
mimetypes.knownfiles[:] = [ours]
from pyptwist.web.folder import Folder
print(Folder.contentTypes[".html"])
"""


class ListTests(SynchronousTestCase):
    """
    Tests for the machine's lists.
    """

    def test_forbidden(self) -> None:
        """
        Only what is forbidden is left out.
        """
        opening = builtins.open

        def forbidding(path: Any, *more: Any, **options: Any) -> Any:
            if path == "forbidden":
                raise PermissionError(13, "Permission denied", path)
            return opening(path, *more, **options)

        self.patch(builtins, "open", forbidding)
        lists: list[Name] = [__file__, "forbidden", "/nonexistent/mime.types"]
        self.assertEqual(withoutForbidden(lists), [__file__, "/nonexistent/mime.types"])

    def test_site(self) -> None:
        """
        There are sites all the same, and Python's own list.
        """
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("text/odd html\n")
        done = subprocess.run(
            [sys.executable, "-c", _FORBIDDEN, path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout), (0, "text/html\n"), done.stderr)
