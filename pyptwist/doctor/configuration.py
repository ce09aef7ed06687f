"""
Examines the lines about transports in a torrc.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterator

from pyptwist.doctor.case import Case, Finding, Verdict
from pyptwist.doctor.torrc import Plugin, Torrc
from pyptwist.errors import ConfigurationError
from pyptwist.listing.inventory import survey
from pyptwist.listing.origins import Origins
from pyptwist.safelog import oneLine

#: Finds a method by role and name, with these stacks; raises if it cannot be used.
Lookup = Callable[[str, str, dict[str, str]], None]


def installed(role: str, name: str, stacks: dict[str, str]) -> None:
    """
    :raises ConfigurationError: if the method cannot be used here.
    """
    # Twisted's own search would write its cache.
    methods = {method.name: method for method in survey(Origins(), stacks).methods}
    if name not in methods:
        raise ConfigurationError(f"it is not installed; there are {', '.join(methods) or 'none'}")
    method = methods[name]
    if method.problem is not None:
        raise ConfigurationError(method.problem)
    if role not in method.roles:
        raise ConfigurationError(f"it cannot be a {role}")


def checkTorrc(case: Case, lookup: Lookup = installed) -> Iterator[Finding]:
    """
    Can tor do what its torrc says?
    """
    torrc = case.torrc
    if torrc is None:
        return
    findings = [
        *(finding for plugin in torrc.plugins for finding in _plugin(case, plugin, lookup)),
        *_clients(torrc),
        *_servers(torrc),
    ]
    yield from findings
    if not torrc.plugins:
        remedy = "pyptwist  # prints the lines to put into torrc"
        yield Finding("torrc", Verdict.NOTE, "no line of it starts a transport", remedy)
    elif not findings:
        yield Finding("torrc", Verdict.OK, f"{len(torrc.plugins)} programs to start")


def _plugin(case: Case, plugin: Plugin, lookup: Lookup) -> Iterator[Finding]:
    """
    One line that starts a program.
    """
    program = plugin.program
    if any(mark in word for word in (program, *plugin.words) for mark in "\"'"):
        yield _error("tor knows no quotes in an exec line: no word can have a blank")
    if not program.startswith("/"):
        known = case.program if os.path.basename(program) == "pyptwist" else "/usr/bin/" + program
        text = f"the program must have an absolute path: {program or 'there is none'}"
        yield _error(text, f"exec {known}")
        return
    path, name = case.path(program), shlex.quote(program)
    try:
        isFile = stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        yield _error(f"there is no {program}", _ours(case))
    except OSError as error:
        text = f"{program} was not looked at, which this user may not ({error.strerror})"
        yield Finding("torrc", Verdict.NOTE, text, "sudo pyptwist doctor")
    else:
        if not isFile:
            yield _error(f"{program} is no file that can be started", _ours(case))
        elif not os.access(path, os.X_OK):
            yield _error(f"{program} is not executable", f"chmod +x {name}")
        else:
            yield from _interpreter(case, plugin)
    if os.path.basename(program) == "twistd" and "pt" not in plugin.words:
        yield _error("twistd needs the word pt behind it", f"exec {program} pt")
    if plugin.isOurs:
        yield from _methods(plugin, lookup)


def _ours(case: Case) -> str:
    """
    :returns: the way to a program that is there.
    """
    isThere = os.path.isfile(case.path(case.program))
    return f"exec {case.program}" if isThere else f"{case.python} -m pip install pyptwist"


def _interpreter(case: Case, plugin: Plugin) -> Iterator[Finding]:
    """
    A script without its interpreter fails as if it were not there itself.
    """
    try:
        with case.path(plugin.program).open("rb") as file:
            first = file.readline(256)
    except OSError:
        return  # it can be started without being read, if it is no script
    words = first[2:].split() if first.startswith(b"#!") else []
    if not words:
        return
    interpreter = os.fsdecode(words[0])
    if not os.access(case.path(interpreter), os.X_OK):
        text = f"{plugin.program} wants {interpreter}, which is not there"
        yield _error(text, "python3 -m pip install --force-reinstall pyptwist")


def _methods(plugin: Plugin, lookup: Lookup) -> Iterator[Finding]:
    for name in plugin.names:
        try:
            lookup(plugin.role, name, plugin.stacks)
        except ConfigurationError as error:
            yield _error(f"{name}: {oneLine(str(error))}", "pyptwist list")
        except Exception as error:
            text = f"{name}: {type(error).__name__}: {oneLine(str(error))}"
            yield _error(text, "pyptwist list")


def _clients(torrc: Torrc) -> Iterator[Finding]:
    played = {name for plugin in torrc.plugins if plugin.role == "client" for name in plugin.names}
    for name in dict.fromkeys(torrc.bridges):
        if name not in played and name not in torrc.external:
            text = f"there is a Bridge of {name}, but no ClientTransportPlugin for it"
            yield _error(text, f"ClientTransportPlugin {name} exec /...")
    if torrc.bridges and torrc.options.get("usebridges", "0") != "1":
        yield Finding("torrc", Verdict.WARNING, "its bridges are not used", "UseBridges 1")


def _servers(torrc: Torrc) -> Iterator[Finding]:
    played = [name for plugin in torrc.plugins if plugin.role == "server" for name in plugin.names]
    for name, address in torrc.listening.items():
        if name not in played:
            text = f"{name} is to listen, but no ServerTransportPlugin names it"
            yield Finding(
                "torrc", Verdict.WARNING, text, f"ServerTransportPlugin {name} exec /..."
            )
        if address is None or address.port == 0:
            text = f"ServerTransportListenAddr {name} must be ADDRESS:PORT, and no port 0"
            yield _error(text, f"ServerTransportListenAddr {name} 0.0.0.0:8443")
    if played and "extorport" not in torrc.options:
        text = "without an extended ORPort tor counts no clients by country"
        yield Finding("torrc", Verdict.NOTE, text, "ExtORPort auto")
    if played and torrc.options.get("bridgerelay", "0") != "1":
        yield Finding("torrc", Verdict.WARNING, "tor is to be no bridge", "BridgeRelay 1")


def _error(text: str, remedy: str = "") -> Finding:
    return Finding("torrc", Verdict.ERROR, text, remedy)
