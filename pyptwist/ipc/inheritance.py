"""
What a child process got from its parent, claimed before anybody else uses it.

Standard output belongs to the IPC, byte by byte: one stray line is a notice in
tor's log, and ends start-up under other parents.  So it is moved out of the way,
and whatever prints from then on, in Python or not, prints to standard error.

Imports next to nothing, so that it can be the first thing that a process does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pyptwist.ipc.flags import isServing

_INPUT, _OUTPUT, _ERROR = 0, 1, 2


@dataclass(frozen=True)
class Inheritance:
    """
    What the parent left us.

    :ivar output: a descriptor of what was standard output, closed on exec;
        None if the process was started without one.
    :ivar hasInput: whether there is a standard input at all.
    :ivar parent: the process id of the parent.
    """

    output: int | None
    hasInput: bool
    parent: int


def isLaunched() -> bool:
    """
    Did a parent launch this process that speaks the IPC (pt-spec 3.2.1)?
    """
    return "TOR_PT_MANAGED_TRANSPORT_VER" in os.environ


@cache
def claim() -> Inheritance:
    """
    Take standard output over; the second call and later ones change nothing.

    Text that others have printed by now, and that still waits in a buffer, goes
    to standard error.
    """
    # Read first: it is compared with later readings to see if the parent died.
    parent = os.getppid()
    # Python found out at its start which descriptors were open; by now, a
    # number that was free may be anything.
    inherited = Inheritance(
        None if sys.__stdout__ is None else _takeOutput(), sys.__stdin__ is not None, parent
    )
    for stream in (sys.stdout, sys.__stdout__):
        # Whatever stands for standard output by now, if anything.
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    return inherited


def claimForTwistd(arguments: Sequence[str]) -> None:
    """
    Claim standard output early if this process is a ``twistd pt`` that serves: with
    twistd, our own code runs only when all plugin modules have been imported.

    :param arguments: ``sys.argv``.
    """
    program = os.path.basename(arguments[0]) if arguments else ""
    if program.startswith("twistd") and "pt" in arguments[1:]:
        own = arguments[list(arguments).index("pt", 1) + 1 :]
        if isLaunched() or isServing(own):
            claim()


def raiseDescriptorLimit() -> None:
    """
    Allow as many open descriptors as the system lets us: each connection takes
    two, and the usual 1024 are a limit for programs that use select().
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems do not take their own limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _takeOutput() -> int:
    # Imported here, since only programs need it, and some systems have none.
    import fcntl

    private = fcntl.fcntl(_OUTPUT, fcntl.F_DUPFD_CLOEXEC, _ERROR + 1)
    try:
        os.dup2(_ERROR, _OUTPUT)
    except OSError:
        # No standard error either.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, _OUTPUT)
    return private
