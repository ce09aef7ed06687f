"""
What differs between the versions of the pluggable transport IPC, as a table.

PT 1 (torproject pt-spec) writes every line to standard output and says nothing
of exit codes.  A later version is one more row: PT 2.1 to 3.0 write errors to
standard error and end with the codes of ``sysexits.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Stream(Enum):
    """
    A standard stream, by its file descriptor.
    """

    STDOUT = 1
    STDERR = 2


@dataclass(frozen=True)
class Dialect:
    """
    One version of the IPC.

    :ivar version: as the parent writes it.
    :ivar errorStream: where lines go that end in ``-ERROR``.
    :ivar exitCodes: with which code the process ends after an error, by the
        first word of the error's line.
    """

    version: str
    errorStream: Stream
    exitCodes: Mapping[str, int]


#: pt-spec 3.3: "writing NL-terminated lines to stdout".  Which exit code follows
#: an error is left open; tor treats all alike.
PT1 = Dialect("1", Stream.STDOUT, {"VERSION-ERROR": 1, "ENV-ERROR": 1, "PROXY-ERROR": 1})

#: The versions spoken, the most preferred one first.
DIALECTS: tuple[Dialect, ...] = (PT1,)


def negotiate(offered: str) -> Dialect | None:
    """
    Choose the version to speak (pt-spec 3.2.1).

    :param offered: the parent's list, such as ``1,1a,2b``.
    :returns: the most preferred version that both sides speak; None for none.
    """
    versions = offered.split(",")
    return next((dialect for dialect in DIALECTS if dialect.version in versions), None)
