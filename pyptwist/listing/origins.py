"""
Which package a plugin file came with.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from urllib.parse import unquote, urlsplit

_PLUGINS = os.path.join("twisted", "plugins")

#: The directories of installed packages, in any environment.
_ENVIRONMENT = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Origin:
    """
    Where something was installed from.

    :ivar folder: the directory on the path, or what was installed as editable.
    :ivar distribution: the package's name; None if the file belongs to none.
    :ivar version: of the package.
    :ivar isEditable: whether the package is used where its source is.
    """

    folder: str
    distribution: str | None = None
    version: str | None = None
    isEditable: bool = False

    def __str__(self) -> str:
        if self.distribution is None:
            return f"folder {self.folder}"
        package = f"{self.distribution} {self.version}"
        return f"{package} (editable, {self.folder})" if self.isEditable else package


class Origins:
    """
    Looks files up among the packages that are installed.
    """

    def __init__(self, path: Iterable[str] | None = None) -> None:
        """
        :param path: where packages are looked for, instead of ``sys.path``.
        """
        found = metadata.distributions() if path is None else metadata.distributions(path=[*path])
        self._distributions = list(found)

    def of(self, file: str) -> Origin:
        """
        :param file: a plugin module.
        :returns: its package; its folder, if it came with none.
        """
        return self._package(os.path.realpath(file)) or Origin(_folder(file))

    def _package(self, file: str) -> Origin | None:
        for distribution in self._distributions:
            # A package whose records are damaged is not found, and that is all.
            with contextlib.suppress(Exception):
                if _lists(distribution, file):
                    return _origin(distribution, _folder(file), False)
                root = _editableRoot(distribution)
                if root is not None and _isOf(root, file):
                    return _origin(distribution, root, True)
        return None


def _origin(distribution: metadata.Distribution, folder: str, isEditable: bool) -> Origin:
    return Origin(folder, distribution.metadata["Name"], distribution.version, isEditable)


def _lists(distribution: metadata.Distribution, file: str) -> bool:
    # Whoever stands in a checkout finds the records of its last build: those
    # are not about what is installed.
    record, name = distribution.read_text("RECORD"), os.path.basename(file)
    if record is None or name not in record:
        return False
    return any(
        os.path.realpath(str(distribution.locate_file(entry))) == file
        for entry in distribution.files or ()
        if entry.name == name
    )


def _editableRoot(distribution: metadata.Distribution) -> str | None:
    """
    PEP 610: where an editable installation has its source.
    """
    text = distribution.read_text("direct_url.json")
    if text is None:
        return None
    record = json.loads(text)
    if not record.get("dir_info", {}).get("editable"):
        return None
    return os.path.realpath(unquote(urlsplit(record["url"]).path))


def _isOf(root: str, file: str) -> bool:
    """
    :param root: a source tree, in which an environment may stand as well, with
        everybody's packages.
    """
    inside = file.startswith(os.path.join(root, ""))
    return inside and _ENVIRONMENT.isdisjoint(os.path.relpath(file, root).split(os.sep))


def _folder(file: str) -> str:
    """
    :returns: the directory on the path in which a plugin module was found.
    """
    folder = os.path.dirname(os.path.abspath(file))
    return folder.removesuffix(os.sep + _PLUGINS) or os.sep
