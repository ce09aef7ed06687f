"""
Plugin files for tests, where Twisted finds them, and no others.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import twisted.plugins
from twisted.trial.unittest import SynchronousTestCase


def installPlugins(test: SynchronousTestCase, *directories: dict[str, str]) -> list[Path]:
    """
    Let the plugin path consist of directories with these files only, until the
    test ends.

    :param directories: for each directory, the text of each module by its name.
    :returns: the directories.
    """
    paths = []
    for modules in directories:
        path = Path(mkdtemp())
        test.addCleanup(rmtree, path)
        for name, text in modules.items():
            (path / f"{name}.py").write_text(text)
            test.addCleanup(_forget, name)
        paths.append(path)
    test.patch(twisted.plugins, "__path__", [str(path) for path in paths])
    return paths


def _forget(name: str) -> None:
    sys.modules.pop(f"twisted.plugins.{name}", None)
    vars(twisted.plugins).pop(name, None)
