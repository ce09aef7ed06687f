"""
Examines the machine: open files, the clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pyptwist
from pyptwist.doctor.case import Case, Finding, Verdict

_FEW = 4096  # open files: two a connection, so a busy bridge's
_TORS_UNIT = "tor@default.service"


def checkDescriptors(case: Case) -> Iterator[Finding]:
    """
    How many connections can there be?
    """
    _, hard = case.descriptors()
    if hard < 0:  # RLIM_INFINITY
        yield Finding("open files", Verdict.OK, "as many as the kernel has")
        return
    text = (
        f"a process started from here can have {hard} files open, hence some {hard // 2} "
        "connections; tor's service has a limit of its own"
    )
    if hard >= _FEW:
        yield Finding("open files", Verdict.OK, text)
    else:
        remedy = f"systemctl edit {_TORS_UNIT}  # [Service] LimitNOFILE=65536"
        yield Finding("open files", Verdict.WARNING, text, remedy)


def checkClock(case: Case) -> Iterator[Finding]:
    """
    Is the clock likely to be right?  It cannot be compared with any other one here.
    """
    now = case.now()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    remedy = "timedatectl set-ntp true"
    why = "obfs4 and scramblesuit fail if client and server are more than an hour apart"
    if now < os.path.getmtime(pyptwist.__file__) - 24 * 3600:
        text = f"it cannot be {shown}: pyptwist was installed later; {why}"
        yield Finding("clock", Verdict.ERROR, text, remedy)
    elif case.isClockAdrift():
        text = f"it is {shown}, but nobody keeps the clock right; {why}"
        yield Finding("clock", Verdict.NOTE, text, remedy)
    else:
        yield Finding("clock", Verdict.OK, f"it is {shown}; {why}")
