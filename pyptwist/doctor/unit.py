"""
Examines what systemd keeps from Debian's tor, and so from what tor starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from pyptwist.doctor.case import Case, Finding, Verdict

_NAMES = ("tor@default.service", "tor@.service", "tor.service")
_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_PRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_DEFAULT_PORT = 1024

#: Where the settings hide what is there.
_HIDDEN = {"protecthome": ("/home/", "/root/", "/run/user/"), "privatetmp": ("/tmp/", "/var/tmp/")}  # noqa: S108

Settings = dict[str, list[str]]


def checkUnit(case: Case) -> Iterator[Finding]:
    """
    Does the service see, and can it do, what it must?
    """
    found = _unit(case)
    if found is None:
        yield Finding("systemd", Verdict.OK, "there is no service for tor")
        return
    name, settings = found
    findings = [
        *_hidden(case, name, settings),
        *_ports(case, settings),
        *_state(case, name, settings),
    ]
    yield from findings
    if not findings:
        yield Finding("systemd", Verdict.OK, f"{name} keeps nothing from the transport")


def _unit(case: Case) -> tuple[str, Settings] | None:
    """
    :returns: the unit that runs tor, and what it says, drop-ins included.
    """
    for name in _NAMES:
        for folder in _FOLDERS:
            text = case.read(f"{folder}/{name}")
            if text is None or "ExecStart=/usr/bin/tor" not in text:
                continue
            settings: Settings = {}
            for part in (text, *_dropIns(case, name)):
                _merge(settings, part)
            return name, settings
    return None


def _dropIns(case: Case, name: str) -> Iterator[str]:
    for folder in _FOLDERS:
        beside = case.path(f"{folder}/{name}.d")
        for file in sorted(beside.glob("*.conf")):
            yield case.read(f"{folder}/{name}.d/{file.name}") or ""


def _merge(settings: Settings, text: str) -> None:
    for line in text.splitlines():
        key, mark, value = line.strip().partition("=")
        if mark and not key.startswith(("#", ";")):
            values = settings.setdefault(key.lower(), [])
            if value:
                values.append(value)
            else:
                values.clear()  # systemd.unit(5): an empty one takes back all before


def _isOn(settings: Settings, key: str) -> bool:
    return bool(settings.get(key)) and settings[key][-1].lower() not in ("no", "false", "0", "off")


def _hidden(case: Case, name: str, settings: Settings) -> Iterator[Finding]:
    for key, folders in _HIDDEN.items():
        if not _isOn(settings, key):
            continue
        needed = [*case.programs, *((case.prefix, case.python) if case.isOurs else ())]
        if hidden := [path for path in needed if path.startswith(folders)]:
            text = f"{name} hides {hidden[0]} from tor ({key}); install under /opt or /usr/local"
            remedy = "python3 -m venv /opt/pyptwist"
            yield Finding("systemd", case.serious(Verdict.ERROR), text, remedy)


def _ports(case: Case, settings: Settings) -> Iterator[Finding]:
    first = (case.read(_PRIVILEGED) or "").strip()
    allowed = int(first) if first.isdigit() else _DEFAULT_PORT
    listening = case.torrc.listening if case.torrc is not None else {}
    for method, address in listening.items():
        if address is None or not 0 < address.port < allowed:
            continue
        port = address.port
        text = f"{method} is to listen on port {port}, which programs that tor starts may not"
        if _isOn(settings, "nonewprivileges"):
            text += "; NoNewPrivileges makes capabilities of the file useless"
        yield Finding(
            "systemd", Verdict.ERROR, text, f"sysctl net.ipv4.ip_unprivileged_port_start={port}"
        )


def _state(case: Case, name: str, settings: Settings) -> Iterator[Finding]:
    if case.state is None or "/" not in settings.get("readonlydirectories", []):
        return
    path = os.path.join(os.path.abspath(case.state), "")
    writable = [
        os.path.join(word.lstrip("-+"), "")
        for key in ("readwritedirectories", "readwritepaths")
        for value in settings.get(key, [])
        for word in value.split()
    ]
    if not path.startswith(tuple(writable)):
        text = f"{name} lets nobody write to {case.state}"
        remedy = f"systemctl edit {name}  # [Service] ReadWriteDirectories={case.state}"
        yield Finding("systemd", case.serious(Verdict.ERROR), text, remedy)
