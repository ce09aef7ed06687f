"""
The lines that a child writes, as its parent reads them (pt-spec 3.3; PT 2.1 to 3.0,
section 1.2).

::

    VERSION 1                                VERSION-ERROR text
    PROXY DONE                               PROXY-ERROR text      ENV-ERROR text
    CMETHOD name protocol address            CMETHOD-ERROR name text
    SMETHOD name address [ARGS:k=v,k=v]      SMETHOD-ERROR name text
    CMETHODS DONE                            SMETHODS DONE
    LOG SEVERITY=level MESSAGE="text"        PT 1
    LOG LEVEL text                           PT 2.2 and 3.0
    STATUS key=value key="value"             PT 1

A line whose first word is not known is ignored, as all versions demand.  One that
is known and makes no sense is the child's fault if something depends on it, and is
ignored like the others if nothing does (``LOG``, ``STATUS``).  Further words are
left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, ManagedProcessError
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.messages import (
    ClientMethod,
    LogMessage,
    Message,
    MethodError,
    MethodsDone,
    ProxyAccepted,
    Refusal,
    ServerMethod,
    Status,
    Unknown,
    Version,
)
from pyptwist.ipc.quoting import isMethodName, parseSmethodArguments


class LineSplitter:
    """
    Makes lines of pieces.

    A line beyond ``limits.CHILD_LINE`` is cut, and the rest of it is forgotten.
    What follows the last line end is no line: the child may have died over it.
    """

    def __init__(self) -> None:
        self._partial = bytearray()
        self._isCut = False

    def feed(self, data: bytes) -> Iterator[tuple[str, bool]]:
        """
        :returns: each line that is complete, without its end, and whether it was
            cut.
        """
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._append(piece)
            line, isCut = bytes(self._partial), self._isCut
            self._partial.clear()
            self._isCut = False
            yield _decode(line), isCut
        self._append(rest)

    def rest(self) -> str:
        """
        :returns: what came without a line end.
        """
        return _decode(bytes(self._partial))

    def _append(self, piece: bytes) -> None:
        room = limits.CHILD_LINE - len(self._partial)
        self._isCut = self._isCut or len(piece) > room
        self._partial += piece[: max(room, 0)]


def isError(line: str) -> bool:
    """
    Is this one of the lines that PT 2 and 3 have on standard error?
    """
    return line.partition(" ")[0] in _ERRORS


def parseLine(line: str) -> Message:
    """
    Read one line.

    :param line: without its end.
    :raises ManagedProcessError: for one that is known, makes no sense, and
        matters.
    """
    keyword, _, rest = line.partition(" ")
    reader = _READERS.get(keyword)
    if reader is None:
        return Unknown(line[:_SHOWN])
    try:
        return reader(keyword, rest)
    except ConfigurationError as error:
        raise ManagedProcessError(f"the child's {keyword} line is wrong: {error}") from None


# --- Inside -----------------------------------------------------------------

_SHOWN = 200  # characters of a line that is not understood
_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    "ERROR": Severity.ERROR,
    "WARN": Severity.WARNING,
    "INFO": Severity.INFO,
    "DEBUG": Severity.DEBUG,
}
_PAIR = re.compile(r' *+([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)"|([^\s"]*+))(?= |$)', re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_OCTAL = {bytes([digit]) for digit in b"01234567"}
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def _version(keyword: str, rest: str) -> Message:
    return Version(_words(rest, 1)[0])


def _refusal(keyword: str, rest: str) -> Message:
    return Refusal(keyword, rest or "no reason was given")


def _proxy(keyword: str, rest: str) -> Message:
    return ProxyAccepted() if rest.rstrip() == "DONE" else Unknown(f"{keyword} {rest}"[:_SHOWN])


def _clientMethod(keyword: str, rest: str) -> Message:
    name, protocol, address = _words(rest, 3)
    return ClientMethod(_name(name), protocol, _address(address))


def _serverMethod(keyword: str, rest: str) -> Message:
    words = rest.split()
    name, address = _words(rest, 2)
    options = [w.removeprefix("ARGS:") for w in words[2:] if w.startswith("ARGS:")]
    arguments = parseSmethodArguments(options[0]) if options else Arguments()
    return ServerMethod(_name(name), _address(address), arguments)


def _methodError(keyword: str, rest: str) -> Message:
    name, _, text = rest.partition(" ")
    return MethodError(_name(name), text or "no reason was given", keyword[0] == "S")


def _done(keyword: str, rest: str) -> Message:
    if rest.rstrip() != "DONE":
        return Unknown(f"{keyword} {rest}"[:_SHOWN])
    return MethodsDone(keyword[0] == "S")


def _log(keyword: str, rest: str) -> Message:
    word, _, text = rest.partition(" ")
    if word.isupper() and "=" not in word and word in _SEVERITIES:
        return LogMessage(_SEVERITIES[word], text)
    pairs = _pairs(rest)
    severity = _SEVERITIES.get((pairs or {}).get("SEVERITY", ""))
    if pairs is None or severity is None or "MESSAGE" not in pairs:
        return Unknown(f"{keyword} {rest}"[:_SHOWN])
    return LogMessage(severity, pairs["MESSAGE"])


def _status(keyword: str, rest: str) -> Message:
    pairs = _pairs(rest)
    return Status(pairs) if pairs else Unknown(f"{keyword} {rest}"[:_SHOWN])


_ERRORS: dict[str, Callable[[str, str], Message]] = {
    "VERSION-ERROR": _refusal,
    "ENV-ERROR": _refusal,
    "PROXY-ERROR": _refusal,
    "CMETHOD-ERROR": _methodError,
    "SMETHOD-ERROR": _methodError,
}
_READERS: dict[str, Callable[[str, str], Message]] = {
    **_ERRORS,
    "VERSION": _version,
    "PROXY": _proxy,
    "CMETHOD": _clientMethod,
    "SMETHOD": _serverMethod,
    "CMETHODS": _done,
    "SMETHODS": _done,
    "LOG": _log,
    "STATUS": _status,
}


def _words(rest: str, count: int) -> list[str]:
    words = rest.split()
    if len(words) < count:
        raise ConfigurationError("it has too few words")
    return words[:count]


def _name(text: str) -> str:
    if not isMethodName(text):
        raise ConfigurationError("it does not name a method")
    return text


def _address(text: str) -> HostPort:
    address = HostPort.parse(text, allowName=False)
    if not address.port:
        raise ConfigurationError("a port must be between 1 and 65535")
    return address


def _pairs(text: str) -> dict[str, str] | None:
    """
    :returns: ``key=value`` pairs, whose values may be C strings; None if there is
        anything else.
    """
    pairs: dict[str, str] = {}
    position = 0
    text = text.rstrip(" ")
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            return None
        key, quoted, plain = match.groups()
        pairs[key] = plain if quoted is None else _unquoted(quoted)
        position = match.end()
    return pairs


def _unquoted(text: str) -> str:
    data = _ESCAPE.sub(_character, text.encode("utf-8", "surrogateescape"))
    return _decode(data)


def _character(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if escaped[:1] in _OCTAL:
        return bytes([int(escaped, 8) & 0xFF])
    if escaped.startswith(b"x") and len(escaped) > 1:
        return bytes([int(escaped[1:], 16)])
    return _LETTERS.get(escaped, escaped)


def _decode(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
