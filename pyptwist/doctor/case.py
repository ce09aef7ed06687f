"""
What is examined, and what an examination says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from time import time

from pyptwist.doctor import kernel
from pyptwist.doctor.torrc import Torrc


class Verdict(Enum):
    """
    How bad it is.
    """

    OK = "ok"
    NOTE = "note"  # nothing is wrong, but somebody may wonder
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """
    One thing that was looked at.

    :ivar check: which examination it is from.
    :ivar text: what was found, in a sentence.
    :ivar remedy: the command that mends it, for a shell; empty if there is none.
    """

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Case:
    """
    An installation on a machine.

    :ivar program: the absolute path of what tor starts.
    :ivar prefix: of the Python installation, or virtual environment.
    :ivar python: the interpreter, behind all links.
    :ivar torrc: None if none was named.
    :ivar state: the state directory that was named.
    :ivar environ: the environment.
    :ivar user: the effective user's id.
    :ivar root: instead of ``/``, for absolute paths of the system's.
    :ivar descriptors: gives the limits of open files, soft and hard.
    :ivar isClockAdrift: does the kernel say that nobody keeps the clock right?  None
        if it does not say.
    :ivar now: gives the Unix time.
    """

    program: str
    prefix: str
    python: str
    torrc: Torrc | None = None
    state: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    user: int = field(default_factory=os.geteuid)
    root: Path = Path("/")
    descriptors: Callable[[], tuple[int, int]] = kernel.descriptors
    isClockAdrift: Callable[[], bool | None] = kernel.isClockAdrift
    now: Callable[[], float] = time

    def path(self, absolute: str) -> Path:
        """
        :returns: where a file of the system's is.
        """
        return self.root / absolute.lstrip("/")

    def read(self, absolute: str) -> str | None:
        """
        :returns: a file of the system's; None if it is missing, or closed to us.
        """
        try:
            return self.path(absolute).read_text("utf-8", "replace")
        except OSError:
            return None

    def serious(self, verdict: Verdict) -> Verdict:
        """
        :returns: the verdict on what tor's service cannot do; that is of no account if
            nobody said that it shall, by naming its torrc.
        """
        return verdict if self.torrc is not None else Verdict.NOTE

    @property
    def isOurs(self) -> bool:
        """
        Is it this installation that tor is to start?
        """
        plugins = self.torrc.plugins if self.torrc is not None else []
        return not plugins or any(plugin.isOurs for plugin in plugins)

    @property
    def programs(self) -> list[str]:
        """
        What tor starts: what torrc says, else our own command.
        """
        plugins = self.torrc.plugins if self.torrc is not None else []
        paths = [plugin.program for plugin in plugins if plugin.program.startswith("/")]
        return [*dict.fromkeys(paths)] or [self.program]


#: One examination.
Check = Callable[[Case], Iterator[Finding]]
