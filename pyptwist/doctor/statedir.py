"""
Examines the state directory, as ``pyptwist.state`` will when it is used.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from pyptwist import limits
from pyptwist.doctor.case import Case, Finding, Verdict

_DEBIANS = "/var/lib/tor/pt_state"
_TORS = "/var/lib/tor"


def checkState(case: Case) -> Iterator[Finding]:
    """
    Will keys be found, and kept from others?
    """
    path = stateDirectory(case)
    if path is None:
        text = "no state directory was named, and Debian's tor has none here"
        yield Finding("state", Verdict.NOTE, text, "pyptwist doctor --state DIRECTORY")
        return
    try:
        found = path.stat()
    except FileNotFoundError:
        yield from _missing(case, path)
    except NotADirectoryError:
        text = f"{path} cannot be: something above it is no directory"
        yield _error(text, "pyptwist doctor --state DIRECTORY")
    except OSError:
        yield _closed(path)
    else:
        yield from _examine(case, path, found)


def stateDirectory(case: Case) -> Path | None:
    """
    :returns: that which was named, or the parent's, or Debian's.
    """
    named = case.state or case.environ.get("TOR_PT_STATE_LOCATION")
    if named:
        return Path(os.path.abspath(named))
    if case.torrc is not None and (data := case.torrc.options.get("datadirectory")):
        return case.path(os.path.join(data, "pt_state"))
    return case.path(_DEBIANS) if os.path.lexists(case.path(_TORS)) else None


def _missing(case: Case, path: Path) -> Iterator[Finding]:
    parent = next(folder for folder in path.parents if os.path.lexists(folder))
    if os.access(parent, os.W_OK | os.X_OK):
        text = f"{path} will be made by the first server"
        yield Finding("state", Verdict.OK, text)
    else:
        text = f"{path} is missing, and user {case.user} cannot make it"
        yield Finding("state", Verdict.NOTE, text, _asOwner(parent))


def _closed(path: Path) -> Finding:
    parent = next(folder for folder in path.parents if os.access(folder.parent, os.X_OK))
    text = f"{path} is closed to this user, so it was not looked at"
    return Finding("state", Verdict.NOTE, text, _asOwner(parent))


def _examine(case: Case, path: Path, found: os.stat_result) -> Iterator[Finding]:
    name = shlex.quote(str(path))
    if not stat.S_ISDIR(found.st_mode):
        yield _error(f"{path} is not a directory", f"mv {name} {name}.old")
        return
    if found.st_mode & stat.S_ISVTX:
        text = f"{path} is a directory for all users; name one of your own inside it"
        yield _error(text, f"mkdir -m 700 {name}/pyptwist")
        return
    # root looks on behalf of whoever owns the directory above.
    user = path.parent.stat().st_uid if case.user == 0 else case.user
    if found.st_uid != user:
        text = f"{path} belongs to user {found.st_uid}, and not to {user}"
        yield _error(text, f"sudo chown -R {user} {name}")
        return
    # Nobody else reaches the files of a private directory.
    isOpen = bool(found.st_mode & 0o077)
    problems = [*_modes(path, found), *_files(path, user, isOpen)]
    yield from problems
    if not problems:
        yield Finding("state", Verdict.OK, f"{path} is private and can be used")


def _modes(path: Path, found: os.stat_result) -> Iterator[Finding]:
    mode = stat.S_IMODE(found.st_mode)
    name = shlex.quote(str(path))
    if mode & 0o077:
        text = f"other users can enter {path} (mode {mode & 0o777:03o})"
        yield Finding("state", Verdict.WARNING, text, f"chmod 700 {name}")
    if mode & 0o700 != 0o700:
        yield _error(f"its owner cannot use {path}", f"chmod 700 {name}")


def _files(path: Path, user: int, isOpen: bool) -> Iterator[Finding]:
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        yield _closed(path)
        return
    for entry in entries:
        # A server that runs replaces its files: one may be gone by now.
        with contextlib.suppress(FileNotFoundError):
            yield from [*_file(entry, user, isOpen)]


def _file(entry: os.DirEntry[str], user: int, isOpen: bool) -> Iterator[Finding]:
    name = shlex.quote(entry.path)
    found = entry.stat(follow_symlinks=False)
    isLog = entry.name.endswith((".log", ".log.1"))
    if entry.is_symlink():
        text = f"{entry.path} is a symbolic link, which is not followed"
        yield _error(text, f"cp --remove-destination $(readlink -f {name}) {name}")
    elif found.st_uid != user:
        text = f"{entry.path} belongs to user {found.st_uid}, and not to {user}"
        yield _error(text, f"sudo chown {user} {name}")
    elif isOpen and found.st_mode & 0o077 and not entry.is_dir():
        text = f"other users can read {entry.path}, which may hold keys"
        yield Finding("state", Verdict.WARNING, text, f"chmod 600 {name}")
    elif entry.is_file() and found.st_size > limits.STATE_FILE and not isLog:
        text = f"{entry.path} is too large for a state file, and not ours"
        yield Finding("state", Verdict.NOTE, text, f"mv {name} /var/tmp/")


def _asOwner(folder: Path) -> str:
    try:
        owner = folder.owner()
    except (OSError, KeyError):
        owner = "root"
    return f"sudo -u {owner} pyptwist doctor"


def _error(text: str, remedy: str) -> Finding:
    return Finding("state", Verdict.ERROR, text, remedy)
