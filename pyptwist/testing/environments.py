"""
What tor puts into the environment of a child, and the commands that it starts.
"""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


def pyptwistCommand() -> list[str]:
    """
    Our child as ``python -m pyptwist``.
    """
    return [sys.executable, "-m", "pyptwist"]


def twistdCommand() -> list[str]:
    """
    Our child as a bare ``twistd pt``, by the ``twistd`` beside this Python.

    :raises SkipTest: there is none.
    """
    from twisted.trial.unittest import SkipTest

    twistd = Path(sys.executable).parent / "twistd"
    if not twistd.exists():
        raise SkipTest(f"there is no twistd beside {sys.executable}")
    return [str(twistd), "pt"]


def baseEnvironment() -> dict[str, str]:
    """
    This process's environment without what a parent of pluggable transports
    sets, and such that a child imports the same modules as the test, and finds
    the same plugins.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TOR_PT_")}
    # Not what the environment says: trial changes the path, and so may tests.
    paths = [path for path in sys.path if _isOurs(path)]
    return withPaths({**environment, "PYTHONPATH": ""}, os.pathsep.join(paths))


def withPaths(environment: Mapping[str, str], paths: str | None) -> dict[str, str]:
    """
    :param paths: what to put in front of ``PYTHONPATH``.
    """
    joined = os.pathsep.join(filter(None, [paths, environment.get("PYTHONPATH")]))
    return {**environment, "PYTHONPATH": joined} if joined else dict(environment)


def managedEnvironment(state: str | Path) -> dict[str, str]:
    """
    ``baseEnvironment`` and what tor sets for clients and servers alike.

    :param state: the state directory; need not exist.
    """
    return baseEnvironment() | {
        "TOR_PT_MANAGED_TRANSPORT_VER": "1",
        "TOR_PT_STATE_LOCATION": f"{state}/",
        "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
    }


def encodeServerOptions(options: Mapping[str, Mapping[str, str]]) -> str:
    """
    ``TOR_PT_SERVER_TRANSPORT_OPTIONS``, escaped as tor does.

    :param options: for each method its options.
    """

    def escape(text: str) -> str:
        return re.sub(r"([:;\\])", r"\\\1", text)

    return ";".join(
        f"{method}:{escape(key)}={escape(value)}"
        for method, pairs in options.items()
        for key, value in pairs.items()
    )


def freshDirectory(test: TestCase) -> Path:
    """
    :returns: an absolute path under trial's directory where nothing exists yet.
    """
    return Path(cast(Any, test).mktemp()).resolve()


def _isOurs(path: str) -> bool:
    """
    Is it a directory where another run of this Python would not look?
    """
    names = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    standard = {Path(name).resolve() for name in names}
    standard.add(Path(sysconfig.get_path("platstdlib"), "lib-dynload").resolve())
    found = Path(path)
    return found.is_absolute() and found.is_dir() and found.resolve() not in standard
