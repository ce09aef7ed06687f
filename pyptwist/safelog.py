"""
Logs that can be shown around: addresses are taken out at the sink.

Whatever is logged, by whom and in what words, passes through ``scrub`` on its
way into a file, to standard error or to the parent: tracebacks and the messages
of third parties included.  Eliding addresses where messages are made fails as
soon as somebody forgets.

In doubt, text is taken out: a version number lost costs less than an address
kept.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Final, TextIO, cast

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEventAsClassicLogText,
)
from zope.interface import implementer

from pyptwist import limits
from pyptwist.errors import ConfigurationError

#: What stands where an address stood; tor and other transports use this word.
SCRUBBED: Final = "[scrubbed]"

#: The names that ``levelNamed`` takes.
LEVELS: Final = ("debug", "info", "warn", "error")

# Every pattern must be linear in the text, which a peer may have written: runs
# are possessive, and can only start where no run is going on.
_IPV6 = re.compile(
    r"""
    (?P<open>\[)?
    (?<![0-9A-Fa-f:.])
    (?=[0-9A-Fa-f:.]*?::|(?:[0-9A-Fa-f.]*+:){6})  # compressed, or at least six colons
    (?P<run>[0-9A-Fa-f:.]++)
    (?P<zone>%[\w.~-]++)?
    (?P<close>\](?P<port>:[0-9]{1,5}(?![0-9]))?)?
    """,
    re.VERBOSE,
)
# Nobody has an address in 0.0.0.0/8, and tor's versions look as if they were in it.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_IPV4 = re.compile(
    rf"(?<![0-9])(?!0+\.)(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9])(?::[0-9]{{1,5}}(?![0-9]))?"
)
_AUTHORITY = re.compile(r"(?<=://)[^\s/?#'\"<>\\]++")
_NAME_PORT = re.compile(r"(?<![\w.-])(?P<name>[\w.-]++):[0-9]{1,5}(?!\w)")
# "No route to host: ..." goes on with anything, "Host: example.org" with a name.
_LABELLED = re.compile(
    r"""
    (?P<label>
      \bhost(?:name)?\s?=\s?b?['"]? | \bhost:\s?(?=[\w-]++\.\w)
      | \bhostname\ lookup:\s? | \binvalid\ hostname:\s? | \bthe\ hostname\ '
    )
    [\w-][\w.-]*+
    """,
    re.IGNORECASE | re.VERBOSE,
)
# As Python shows a socket's address.
_PAIR = re.compile(r"(?<=['\"])[\w-]++(?:\.[\w-]++)++\.?(?=['\"],\s?[0-9]{1,5}(?!\w))")
# Ends of file names that are also, or look like, top-level domains.
_FILES = frozenset({"py", "pyc", "pyi", "pyx", "so", "c", "h", "rs", "go", "txt", "log", "conf"})
# And what UTF-8 has no form for, which file names may hold.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def scrub(text: str) -> str:
    """
    Take the addresses out of a message.

    Taken out, with the port behind it, is every IPv4 and IPv6 address, the host
    and the credentials of a URL, a ``name:port``, a name in quotes before a port,
    and a name that is said to be a host.  Times, file names with line numbers and
    version numbers of up to three parts stay.

    :param text: of any length, from anywhere.
    :returns: the text with ``[scrubbed]`` in each such place.
    """
    text = _IPV6.sub(_withoutIPv6, text)
    text = _IPV4.sub(SCRUBBED, text)
    text = _AUTHORITY.sub(SCRUBBED, text)
    text = _PAIR.sub(SCRUBBED, text)
    text = _LABELLED.sub(rf"\g<label>{SCRUBBED}", text)
    return _NAME_PORT.sub(_withoutName, text)


def oneLine(text: str, longest: int = 300) -> str:
    """
    :param text: from anywhere, such as an error of somebody else's code.
    :param longest: characters to keep.
    :returns: a line to print, which neither steers a terminal nor gives away whom
        a method talks to.
    """
    shown = scrub(" ".join(text.split()))
    return "".join(c if c.isprintable() else "?" for c in shown)[:longest]


def levelNamed(name: str) -> LogLevel:
    """
    :param name: one of ``LEVELS``, in any case; ``warning`` will do as well.
    :raises ConfigurationError: naming what is allowed.
    """
    lowered = name.lower().removesuffix("ing")
    if lowered not in LEVELS:
        raise ConfigurationError(f"a log level must be one of {', '.join(LEVELS)}")
    level: LogLevel = LogLevel.levelWithName(lowered)
    return level


@implementer(ILogObserver)
class SafeObserver:
    """
    Writes each event as lines of text that hold no address and no control
    characters, so that a message can neither forge another nor steer a terminal.
    """

    def __init__(self, file: TextIO, unsafe: bool = False) -> None:
        """
        :param file: where to write.
        :param unsafe: leave the addresses in.
        """
        self._file = file
        self._unsafe = unsafe

    def __call__(self, event: LogEvent) -> None:
        text = formatEventAsClassicLogText(event)
        if text is None:
            return
        if not self._unsafe:
            text = scrub(text)
        # A full disk or a reader gone must not become an error of whoever logs.
        with contextlib.suppress(OSError):
            self._file.write(_CONTROLS.sub(_escaped, text))
            self._file.flush()


def observerTo(
    file: TextIO, level: LogLevel = LogLevel.info, unsafe: bool = False
) -> ILogObserver:
    """
    :param file: where to write.
    :param level: events below it are dropped.
    :param unsafe: leave the addresses in.
    """
    predicate = LogLevelFilterPredicate(defaultLogLevel=level)
    return FilteringLogObserver(SafeObserver(file, unsafe), [predicate])


def openLogFile(path: str) -> TextIO:
    """
    Open a log file for appending; its directory must be there.

    The file is readable to its owner alone, and starts anew at
    ``limits.LOG_FILE`` bytes, when one older file is kept as ``path.1``.

    :raises ConfigurationError: if it cannot be opened.
    """
    from twisted.python.logfile import LogFile

    try:
        file = LogFile.fromFullPath(
            os.path.abspath(path),
            rotateLength=limits.LOG_FILE,
            maxRotatedFiles=1,
            defaultMode=0o600,
        )
    except OSError as error:
        raise ConfigurationError(f"the log file cannot be opened: {error.strerror}") from error
    return cast(TextIO, file)


def standardError() -> TextIO:
    """
    :returns: standard error as the process got it, whatever stands for
        ``sys.stderr`` by now; a file that swallows all, if the process got none.
    """
    return sys.__stderr__ or open(os.devnull, "w", encoding="utf-8")


def _withoutIPv6(match: re.Match[str]) -> str:
    opening, run, closing = match["open"] or "", match["run"], match["close"] or ""
    address = run.rstrip(".")
    if address.endswith(":") and not address.endswith("::"):
        address = address[:-1]
    if not _isIPv6(address, match.string[match.end("run") : match.end("run") + 1]):
        return match[0]
    if opening and closing:
        return SCRUBBED
    return opening + SCRUBBED + run[len(address) :] + closing


def _isIPv6(candidate: str, following: str) -> bool:
    """
    Tell ``fe80::1`` from ``::`` and from the middle of ``std::foo`` or
    ``tests.py::Case``.
    """
    if not candidate.strip(":."):
        return False
    hasDigit = any(character.isdigit() for character in candidate)
    return hasDigit or not (following.isalnum() or following == "_")


def _withoutName(match: re.Match[str]) -> str:
    labels = match["name"].rstrip(".").split(".")
    isFile = labels[-1].lower() in _FILES and (
        len(labels) == 2 or match.string[match.start() - 1 : match.start()] == "/"
    )
    last = labels[-1]
    looksLikeName = len(labels) > 1 and len(last) > 1 and not last[0].isdigit()
    return SCRUBBED if looksLikeName and not isFile else match[0]


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"
