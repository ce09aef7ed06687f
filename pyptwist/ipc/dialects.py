"""
What differs between the versions of the pluggable transport IPC, as a table.

=====================  ============  ============  ============  ============
what                   PT 1          PT 2.1        PT 2.2        PT 3.0
=====================  ============  ============  ============  ============
words for it           1             2, 2.0, 2.1   2.2, 2.2.1    3, 3.0
lines with ``-ERROR``  stdout        stderr        stderr        stderr
exit codes             1             64, 69, 78    64, 69, 78    64, 69, 78
method not known       error line    no line       no line       no line
``STATUS``             yes           no            no            no
``LOG``                key=value     level, text   level, text   level, text
without a level        warnings      nothing       nothing       nothing
state directory        asked for     or here       or here       or here
bind address           or any        or any        asked for     asked for
options                key=value     either        JSON          JSON
variable and flag      flag          flag          refused       flag
=====================  ============  ============  ============  ============

PT 1 is torproject's pt-spec, the others are the "Dispatcher IPC Interface" of the
Pluggable Transports specification.  In PT 1 flags are ours, since it has none; in
2.1 ``LOG`` is, since it has none, and so is JSON; in 3.0 it is the variables.
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


class OptionsForm(Enum):
    """
    How options for methods are written.
    """

    PAIRS = "METHOD:KEY=VALUE;..."
    JSON = "JSON"
    EITHER = "METHOD:KEY=VALUE;... or JSON"


class Means(Enum):
    """
    How a parent tells its child what to do.
    """

    ENVIRONMENT = "environment variables"
    FLAGS = "command line flags"


class Parameters(Enum):
    """
    How SOCKS5 carries a connection's arguments.
    """

    PASSWORD = "user name and password"  # noqa: S105 - the name of a method
    JSON = "JSON parameter block"


@dataclass(frozen=True)
class Dialect:
    """
    One version of the IPC.

    :ivar version: its name in the spec.
    :ivar words: what parents call it, the version among them.
    :ivar errorStream: where lines go that end in ``-ERROR``.
    :ivar exitCodes: with which code the process ends after an error, by the
        first word of the error's line.
    :ivar answersUnknown: does a method that is not known get an error line?
    :ivar hasStatus: are there ``STATUS`` lines?
    :ivar hasLevels: are ``LOG`` lines a level and a text, as the parent wants them?
    :ivar needsState: must the parent name a state directory?
    :ivar needsBind: must the parent say where servers listen?
    :ivar options: how options for methods are written.
    :ivar flagWins: does a flag replace the variable that means the same?
    :ivar means: how our parent's side tells its child what to do.
    :ivar parameters: how our parent's side passes a connection's arguments.
    """

    version: str
    words: tuple[str, ...]
    errorStream: Stream
    exitCodes: Mapping[str, int]
    answersUnknown: bool = False
    hasStatus: bool = False
    hasLevels: bool = True
    needsState: bool = False
    needsBind: bool = False
    options: OptionsForm = OptionsForm.JSON
    flagWins: bool = True
    means: Means = Means.FLAGS
    parameters: Parameters = Parameters.JSON


#: sysexits.h: EX_CONFIG, EX_USAGE and EX_UNAVAILABLE.
_SYSEXITS = {"VERSION-ERROR": 78, "ENV-ERROR": 64, "PROXY-ERROR": 69}

#: pt-spec 3.3: "writing NL-terminated lines to stdout".  Which exit code follows
#: an error is left open; tor treats all alike.
PT1 = Dialect(
    "1",
    ("1",),
    Stream.STDOUT,
    {"VERSION-ERROR": 1, "ENV-ERROR": 1, "PROXY-ERROR": 1},
    # tor counts the answers.
    answersUnknown=True,
    hasStatus=True,
    hasLevels=False,
    needsState=True,
    options=OptionsForm.EITHER,
    means=Means.ENVIRONMENT,
    parameters=Parameters.PASSWORD,
)

#: Its own word for itself is "2", while people and shapeshifter-dispatcher say 2.1.
PT21 = Dialect(
    "2.1",
    ("2.1", "2", "2.0"),
    Stream.STDERR,
    _SYSEXITS,
    options=OptionsForm.EITHER,
    means=Means.ENVIRONMENT,
)

#: 2.2.1 adds nothing but notes that variables are deprecated.
PT22 = Dialect("2.2", ("2.2", "2.2.1"), Stream.STDERR, _SYSEXITS, needsBind=True, flagWins=False)

PT3 = Dialect("3.0", ("3.0", "3"), Stream.STDERR, _SYSEXITS, needsBind=True)

#: The versions spoken, the most preferred one first.
DIALECTS: tuple[Dialect, ...] = (PT3, PT22, PT21, PT1)


#: What a parent may call each.
BY_WORD: Mapping[str, Dialect] = {word: dialect for dialect in DIALECTS for word in dialect.words}


@dataclass(frozen=True)
class Agreement:
    """
    A version that both sides speak.

    :ivar word: how the parent wrote it, and wants to read it.
    """

    dialect: Dialect
    word: str


#: If nobody asks: "the latest version supported" (PT 2.2 and 3.0, section 1.2.1).
LATEST = Agreement(PT3, PT3.version)


def negotiate(offered: str) -> Agreement | None:
    """
    Choose the version to speak (pt-spec 3.2.1; PT 2.1 to 3.0, section 1.1.1).

    :param offered: the parent's list, such as ``1,1a,2b``.
    :returns: the most preferred version that both sides speak; None for none.
    """
    versions = offered.split(",")
    known = (Agreement(dialect, word) for dialect in DIALECTS for word in dialect.words)
    return next((agreement for agreement in known if agreement.word in versions), None)
