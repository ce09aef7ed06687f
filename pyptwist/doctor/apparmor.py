"""
Examines what AppArmor lets Debian's tor start.

The profile ``system_tor`` names the programs; any other one gets ``EACCES`` at exec,
of which tor says nothing but that the managed proxy has terminated.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from pyptwist.doctor.case import Case, Finding, Verdict

_PROFILE = "/etc/apparmor.d/system_tor"
_LOCAL = "/etc/apparmor.d/local/system_tor"
_LOADED = "/sys/kernel/security/apparmor/profiles"
_ENABLED = "/sys/module/apparmor/parameters/enabled"
_FOLDER = "/etc/apparmor.d"
_SHARED = ("/usr", "/usr/local")  # with everything else
_INCLUDES = 8  # deep: Debian's are two

#: What programs of Python's read besides themselves: the kinds of files of a web site,
#: and whom clients of TLS trust.  The library for TLS looks for the number of
#: processors, and does without; that is not to fill the kernel's log.
_READ = (
    "/etc/mime.types r,",
    "/etc/ssl/certs/{,**} r,",
    "/usr/share/ca-certificates/{,**} r,",
    "/usr/local/share/ca-certificates/{,**} r,",
    "deny @{PROC}/@{pid}/cgroup r,",
)

_INCLUDE = re.compile(r'#?include\s+(?:if\s+exists\s+)?[<"]([^>"]+)[>"]')
_RULE = re.compile(r'(?:owner\s+)?(?P<path>"[^"]+"|/\S*)\s+(?P<rights>[a-zA-Z]+)\s*(?:->\s*\S+)?,')


def checkAppArmor(case: Case) -> Iterator[Finding]:
    """
    May tor start the program?
    """
    if case.read(_PROFILE) is None:
        yield Finding("apparmor", Verdict.OK, "there is no profile for tor")
        return
    mode = _mode(case)
    if mode is None:
        text = "there is a profile for tor, but it is not in force now"
        yield Finding("apparmor", Verdict.OK, text)
        return
    rules = executable(case)
    for program in case.programs:
        if any(rule.fullmatch(program) for rule in rules):
            yield Finding("apparmor", Verdict.OK, f"tor may start {program}")
        else:
            verdict = Verdict.ERROR if mode == "enforce" else Verdict.NOTE
            text = f"the profile system_tor ({mode}) does not let tor start {program}"
            yield Finding("apparmor", case.serious(verdict), text, _remedy(case, program))


def executable(case: Case) -> list[re.Pattern[str]]:
    """
    :returns: patterns of the paths that the profile lets tor execute.
    """
    found = []
    for line in _lines(case, _PROFILE, _INCLUDES):
        match = _RULE.fullmatch(line)
        if match is not None and "x" in match["rights"].lower():
            found.append(translate(match["path"].strip('"')))
    return found


def translate(glob: str) -> re.Pattern[str]:
    """
    :param glob: as apparmor.d(5) has it: one star stays within a component.
    """
    parts = re.split(r"(\*\*|\*|\?|\[[^]]*\]|[{},])", glob)
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}
    isSet = re.compile(r"\[.*\]")
    return re.compile(
        "".join(words.get(p) or (p if isSet.fullmatch(p) else re.escape(p)) for p in parts)
    )


def _lines(case: Case, path: str, depth: int) -> Iterator[str]:
    for raw in (case.read(path) or "").splitlines():
        line = raw.strip()
        included = _INCLUDE.fullmatch(line)
        if included is not None and depth:
            yield from _lines(case, os.path.join(_FOLDER, included[1]), depth - 1)
        elif not line.startswith("#"):
            yield line.partition(" #")[0].rstrip()


def _mode(case: Case) -> str | None:
    """
    :returns: ``enforce``, ``complain``, or so; None if the profile does not matter.
    """
    loaded = case.read(_LOADED)
    if loaded is not None:
        found = re.search(r"^system_tor \((\w+)\)", loaded, re.MULTILINE)
        return None if found is None else found[1]
    # Not everybody may read that; the profile is loaded at boot, if the module is on.
    return "enforce" if (case.read(_ENABLED) or "").startswith("Y") else None


def _remedy(case: Case, program: str) -> str:
    """
    :returns: what lets a program of Python's start as a part of tor.
    """
    rules = [f"{program} ix,"]
    if program == case.program or program.startswith(os.path.join(case.prefix, "")):
        library = os.path.join(os.path.dirname(os.path.dirname(case.python)), "lib")
        isShared = case.prefix in _SHARED
        rules.append(f"{case.prefix}/{'lib/python3*/' if isShared else ''}** mr,")
        rules += [f"{case.prefix}/bin/python3* ix,", f"{case.python} ix,"]
        rules += [f"{library}/python3*/** mr,", *_READ]
    words = " ".join(shlex.quote(f"  {rule}") for rule in dict.fromkeys(rules))
    return f"printf '%s\\n' {words} >> {_LOCAL} && apparmor_parser -r {_PROFILE}"
