"""
From the text of a configuration file to what is to be run: a pure parse, but for
``read``.

What the keys mean is in doc/operate/configuration.rst.
"""

from __future__ import annotations

import os
import shlex
import stat
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyptwist import limits
from pyptwist.configfile.sections import CLIENT, SERVER, Section, client, server
from pyptwist.configfile.tables import FileProblems, Table
from pyptwist.errors import ConfigurationError, PTError
from pyptwist.expressions import parseDefinition
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.parsing import DEFAULT_STATE
from pyptwist.registry import Methods
from pyptwist.safelog import LEVELS

#: The keys that there can be, by table.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("state", "exit-on-stdin-close", "log", "stacks", "server", "client"),
    "[log]": ("file", "level", "unsafe"),
    "[[server]]": SERVER,
    "[[client]]": CLIENT,
}


@dataclass(frozen=True)
class Log:
    """
    What is logged, and where.

    :ivar file: an absolute path; None for standard error.
    :ivar level: one of ``safelog.LEVELS``.
    :ivar unsafe: leave addresses in?
    """

    file: str | None
    level: str
    unsafe: bool


@dataclass(frozen=True, repr=False)
class Plan:
    """
    What a file asks for.

    :ivar sections: servers first, in the file's order.
    :ivar stacks: expressions by the names that they are given.
    :ivar state: the directory in which sections have theirs, unless they say
        otherwise.
    :ivar exitOnStdinClose: does the end of standard input mean to stop?
    """

    sections: tuple[Section, ...]
    stacks: Mapping[str, str]
    state: str
    log: Log
    exitOnStdinClose: bool


def read(path: str) -> Plan:
    """
    Read a file.

    :param path: paths in the file that are relative start from its directory.
    :raises FileProblems: with all that is wrong.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(limits.CONFIGURATION_FILE + 1)
    except OSError as error:
        raise FileProblems([f"it cannot be read: {error.strerror}"]) from None
    except ValueError:
        raise FileProblems(["this is no path"]) from None
    # A service may write there alone; systemd.exec(5): several are joined by colons.
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or DEFAULT_STATE
    return parse(data, os.path.dirname(os.path.abspath(path)), state)


def exposure(path: str) -> str | None:
    """
    :param path: of a file, which may hold keys.
    :returns: what its owner should know and do, if all users of the machine can
        read it.
    """
    try:
        isExposed = os.stat(path).st_mode & stat.S_IROTH
    except OSError:
        return None
    return (
        f"all users of this machine can read what keys are in it; chmod 600 {shlex.quote(path)}"
        if isExposed
        else None
    )


def parse(data: bytes, directory: str, defaultState: str = DEFAULT_STATE) -> Plan:
    """
    Read a file's contents.

    :param data: at most ``limits.CONFIGURATION_FILE`` bytes.
    :param directory: where relative paths start, itself absolute.
    :param defaultState: the state directory, if the file names none.
    :raises FileProblems: with all that is wrong.
    """
    problems: list[str] = []
    top = Table("", _toml(data), KEYS[""], problems)
    state = os.path.join(directory, top.text("state") or defaultState)
    exitOnStdinClose = top.value("exit-on-stdin-close", bool) or False
    log = _log(_table(top, "log", problems), directory)
    stacks = _stacks(_table(top, "stacks", problems))
    sections = [
        *_sections(top, Role.SERVER, directory, state, problems),
        *_sections(top, Role.CLIENT, directory, state, problems),
    ]
    if not problems and not sections:
        top.problem("", "there is neither a [[server]] nor a [[client]]")
    _distinct(sections, stacks, problems)
    if problems:
        raise FileProblems(problems)
    return Plan(tuple(sections), stacks, state, log, exitOnStdinClose)


def _toml(data: bytes) -> dict[str, Any]:
    if len(data) > limits.CONFIGURATION_FILE:
        raise FileProblems([f"there are more than {limits.CONFIGURATION_FILE} bytes"])
    try:
        # Some editors put a mark in front.
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileProblems([f"this is not UTF-8 (at line {line})"]) from None
    except tomllib.TOMLDecodeError as error:
        # Its text names a place, and shows one character or a key at most.
        text = "".join(c if c.isprintable() else "?" for c in str(error))
        raise FileProblems([f"this is not TOML: {text}"]) from None
    except (ValueError, RecursionError):
        raise FileProblems(["this is not TOML that can be read"]) from None


def _table(top: Table, key: str, problems: list[str]) -> Table:
    known = KEYS.get(f"[{key}]")
    return Table(f"[{key}]", top.value(key, dict) or {}, known, problems)


def _log(table: Table, directory: str) -> Log:
    file = table.text("file")
    return Log(
        file and os.path.join(directory, file),
        table.choice("level", LEVELS) or "info",
        table.value("unsafe", bool) or False,
    )


def _stacks(table: Table) -> dict[str, str]:
    stacks: dict[str, str] = {}
    for key in table.found:
        if (expression := table.text(key)) is not None:
            try:
                name, stacks[name] = parseDefinition(f"{key}={expression}")
            except ConfigurationError as error:
                table.problem(key, error)
    return stacks


def _sections(
    top: Table, role: Role, directory: str, state: str, problems: list[str]
) -> list[Section]:
    kind = f"[[{role.value}]]"
    make = server if role is Role.SERVER else client
    found = top.found.get(role.value, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        top.problem(role.value, f"this must be written as {kind}")
        return []
    read = [
        make(Table(f"{kind} {number}", one, KEYS[kind], problems), directory, state)
        for number, one in enumerate(found, 1)
    ]
    return [section for section in read if section is not None]


def _distinct(sections: list[Section], stacks: Mapping[str, str], problems: list[str]) -> None:
    """
    What may be there once only: names, directories, and ports.
    """
    sockets = Counter(section.socket for section in sections)
    for what in ("name", "state", "listen"):
        taken: dict[object, Section] = {}
        for section in sections:
            value = section.unique.get(what)
            if what == "listen" and (address := section.socket) is not None:
                # Methods are asked only if they must be: that takes its time.
                value = address, sockets[address] > 1 and _isUDP(section, stacks)
            other = section if value is None else taken.setdefault(value, section)
            if other is not section:
                problems.append(f"{section.where}, {what}: this is the same as {other.where}'s")


def _isUDP(section: Section, stacks: Mapping[str, str]) -> bool:
    """
    :returns: does it listen for datagrams, or else for connections?
    """
    if not section.isServer:
        return section.configuration.mode.isDatagrams
    try:
        return bool(getattr(Methods(stacks).server(section.method), "needsDatagrams", False))
    except (PTError, ImportError):
        return False  # somebody else says what is wrong with it
