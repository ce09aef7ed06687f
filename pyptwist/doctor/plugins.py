"""
Examines the methods that are installed, and Twisted's cache of them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import twisted.plugins

from pyptwist.doctor.case import Case, Finding, Verdict
from pyptwist.listing.inventory import Inventory, survey
from pyptwist.listing.origins import Origin, Origins

_CACHE = "dropin.cache"


def checkPlugins(case: Case) -> Iterator[Finding]:
    """
    Can each be imported, and found?
    """
    # What plugins print while they are imported is not our answer.
    with contextlib.redirect_stdout(sys.stderr):
        inventory = survey(Origins())
    yield from findingsOf(inventory, case.python)


def findingsOf(inventory: Inventory, python: str) -> Iterator[Finding]:
    """
    :param inventory: what was found.
    :param python: the interpreter, for commands.
    """
    usable = [method.name for method in inventory.methods if method.problem is None]
    for problem in inventory.problems:
        isCache = os.path.basename(problem.name) == _CACHE
        remedy = (
            f"rm {shlex.quote(problem.name)}" if isCache else _reinstall(problem.origin, python)
        )
        yield _error(f"{problem.name}: {problem.reason}", remedy)
    for method in inventory.methods:
        if method.problem is not None:
            origins = method.origins
            # Where several quarrel about a name, one of them has to go.
            remedy = (
                _remove(origins[-1], python)
                if len(origins) > 1
                else "".join(_reinstall(origin, python) for origin in origins)
            )
            yield _error(f"{method.name}: {method.problem}", remedy)
    if usable:
        yield Finding("plugins", Verdict.OK, f"methods that can be used: {', '.join(usable)}")
    else:
        yield _error("no transport method can be used", f"{python} -m pip install pyptwist")


def checkCache(case: Case) -> Iterator[Finding]:
    """
    Is there a cache of the plugins that Twisted can use, and nobody else write?
    """
    for name in dict.fromkeys(map(str, twisted.plugins.__path__)):
        yield from cacheFindings(Path(name), case.prefix)


def cacheFindings(folder: Path, prefix: str) -> Iterator[Finding]:
    """
    :param folder: one with plugin modules.
    :param prefix: of the Python installation.
    """
    cache, modules = folder / _CACHE, sorted(folder.glob("*.py"))
    if not modules:
        return
    for path in (folder, cache):
        with contextlib.suppress(OSError):
            if path.stat().st_mode & stat.S_IWOTH:
                text = f"everybody can write to {path}, from where code is loaded"
                yield Finding("cache", Verdict.ERROR, text, f"chmod o-w {shlex.quote(str(path))}")
    if _isCurrent(cache, modules):
        yield Finding("cache", Verdict.OK, f"{cache} is up to date")
    elif os.access(cache if cache.exists() else folder, os.W_OK):
        yield Finding("cache", Verdict.OK, f"{cache} will be written at the next start")
    else:
        text = (
            f"{cache} is out of date or missing, and not ours to write: each start says so in "
            "the log, and takes a little longer"
        )
        twistd = os.path.join(prefix, "bin", "twistd")
        remedy = f"sudo {shlex.quote(twistd)} --help > /dev/null"
        yield Finding("cache", Verdict.NOTE, text, remedy)


def _isCurrent(cache: Path, modules: Sequence[Path]) -> bool:
    try:
        written = cache.stat().st_mtime
        return all(module.stat().st_mtime <= written for module in modules)
    except OSError:
        return False


def _reinstall(origin: Origin, python: str) -> str:
    if origin.distribution is None:
        return f"ls {shlex.quote(os.path.join(origin.folder, 'twisted', 'plugins'))}"
    if origin.isEditable:
        return f"{python} -m pip install --editable {shlex.quote(origin.folder)}"
    return f"{python} -m pip install --force-reinstall {origin.distribution}"


def _remove(origin: Origin, python: str) -> str:
    if origin.distribution is None:
        return f"ls {shlex.quote(os.path.join(origin.folder, 'twisted', 'plugins'))}"
    return f"{python} -m pip uninstall {origin.distribution}"


def _error(text: str, remedy: str) -> Finding:
    return Finding("plugins", Verdict.ERROR, text, remedy)
