"""
The five ways in which PT 1 writes ``key=value`` lists and strings.

======================  =========  ============  ===========================
where                   separator  escaped       source
======================  =========  ============  ===========================
SOCKS user name         ``;``      ``\\ ; =``      pt-spec 3.5
SMETHOD ``ARGS:``       ``,``      ``\\ , =``      pt-spec 3.3.3
server options          ``;``      ``\\ ; :``      pt-spec 3.2.3
``LOG MESSAGE=``                   C string      control-spec 2, ``CString``
bridge line             blank      nothing       ``pyptwist.bridgeline``
======================  =========  ============  ===========================

The specs and tor disagree about which characters need a backslash (tor leaves
``=`` alone in SOCKS arguments).  Reading is the same everywhere and suits both:
a backslash takes the special meaning off any character, the first ``=`` that
still has its meaning ends the key, and later ones belong to the value.

Errors count arguments and name no key or value: these strings hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, LocalProtocolError

_FIELD = 255  # bytes; RFC 1929, section 2: ULEN and PLEN are one byte each.
_NO_PASSWORD = b"\0"  # pt-spec 3.5; RFC 1929 knows no empty password.


# --- SOCKS arguments --------------------------------------------------------


def parseSocksArguments(data: bytes | str) -> Arguments:
    """
    Read the arguments that a SOCKS user name and password carry (pt-spec 3.5).

    :param data: such as ``cert=AAAA;iat-mode=0``; user name and password joined.
    :returns: the arguments; none if the data are empty.
    :raises ConfigurationError: for a pair without ``=``, an empty key, a
        backslash at the end, or what is no UTF-8.
    """
    return Arguments(_pairs(_decoded(data), ";"))


def formatSocksArguments(arguments: Arguments) -> str:
    """
    Write arguments for a SOCKS user name and password (pt-spec 3.5).

    :returns: such as ``cert=AAAA;iat-mode=0``; empty for no arguments.
    :raises ConfigurationError: for an empty key, a value without a text form,
        or a NUL: a password that is one NUL means that there is none.
    """
    text = _join(arguments, ";", keyMarks="\\;=", valueMarks="\\;=")
    if "\0" in text:
        raise ConfigurationError("arguments must not hold a NUL")
    return text


def splitSocksArguments(text: str) -> tuple[bytes, bytes]:
    """
    Divide formatted arguments between user name and password, as tor does.

    :param text: what ``formatSocksArguments`` gives; not empty, since without
        arguments SOCKS needs no authentication.
    :returns: the user name, 1 to 255 bytes, and the password, 1 to 255 bytes:
        the rest, or one NUL byte for no rest.
    :raises ConfigurationError: beyond 510 bytes.
    """
    data = text.encode("utf-8")
    if not data:
        raise LocalProtocolError("there are no arguments to split")
    if len(data) > 2 * _FIELD:
        raise ConfigurationError(
            f"the arguments take {len(data)} bytes, and SOCKS carries {2 * _FIELD}: shorten them"
        )
    return data[:_FIELD], data[_FIELD:] or _NO_PASSWORD


def joinSocksArguments(username: bytes, password: bytes) -> bytes:
    """
    Undo ``splitSocksArguments``.

    :param username: 0 to 255 bytes.
    :param password: 0 to 255 bytes.
    :returns: what ``parseSocksArguments`` reads.
    """
    return username if password == _NO_PASSWORD else username + password


# --- SMETHOD ARGS -----------------------------------------------------------


def parseSmethodArguments(text: str) -> Arguments:
    """
    Read what follows ``ARGS:`` on an SMETHOD line (pt-spec 3.3.3).

    :param text: such as ``cert=AAAA,iat-mode=0``.
    :raises ConfigurationError: as ``parseSocksArguments`` does.
    """
    return Arguments(_pairs(_decoded(text), ","))


def formatSmethodArguments(arguments: Arguments) -> str:
    """
    Write what follows ``ARGS:`` on an SMETHOD line (pt-spec 3.3.3).

    tor copies the text into descriptors and bridge lines without undoing
    anything, so commas, equal signs and backslashes in values are best avoided.

    :returns: such as ``cert=AAAA,iat-mode=0``; empty for no arguments, where the
        whole ``ARGS:`` is to be left out.
    :raises ConfigurationError: for an empty key, or for what cannot be one word
        of printable ASCII, the only form that the line has.
    """
    text = _join(arguments, ",", keyMarks="\\,=", valueMarks="\\,=")
    requireWord(text, "the arguments for clients")
    return text


# --- Server transport options -----------------------------------------------


def parseServerOptions(text: str) -> dict[str, Arguments]:
    """
    Read ``TOR_PT_SERVER_TRANSPORT_OPTIONS`` (pt-spec 3.2.3).

    :param text: such as ``obfs4:iat-mode=1;other:key=a\\:b``.
    :returns: arguments by method name, in the order of first appearance.
    :raises ConfigurationError: for an entry without ``:`` or ``=``, an empty
        name or key, a backslash at the end, or what is no UTF-8.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    text = _decoded(text)
    for number, entry in enumerate(_cut(text, ";"), 1):
        name, mark, pair = _divide(entry, ":")
        if not mark or not name:
            raise ConfigurationError(f"option {number} must be METHOD:KEY=VALUE")
        found.setdefault(_unescape(name), []).append(_pair(pair, f"option {number}"))
    return {name: Arguments(pairs) for name, pairs in found.items()}


def formatServerOptions(options: Mapping[str, Arguments]) -> str:
    """
    Write ``TOR_PT_SERVER_TRANSPORT_OPTIONS`` as tor does (pt-spec 3.2.3).

    :param options: arguments by method name.
    :returns: such as ``obfs4:iat-mode=1``; empty for no options.
    :raises ConfigurationError: for an empty name or key, or a value without a
        text form.
    """
    entries = []
    for name, arguments in options.items():
        if not name:
            raise ConfigurationError("a method name must not be empty")
        for key, value in arguments.texts():
            pair = _join(Arguments([(key, value)]), ";", keyMarks="\\;:=", valueMarks="\\;:")
            entries.append(_escape(name, "\\;:") + ":" + pair)
    return ";".join(entries)


# --- Strings and words ------------------------------------------------------


def quoteString(text: str, limit: int = limits.IPC_MESSAGE) -> str:
    """
    Write any text as a quoted C string on one line, as tor undoes it.

    Beyond ASCII, bytes are written in octal: tor takes raw UTF-8 as well, but
    the IPC is ASCII by its spec and other parents insist on that.  A NUL
    becomes ``?``, since it ends the text where it is undone.

    :param text: a message from anywhere.
    :param limit: of the result, in bytes; longer text is cut and ends in ``...``.
    :returns: printable ASCII within double quotes.
    """
    room = limit - len('"..."')
    parts: list[str] = []
    for character in text:
        part = _asC(character)
        room -= len(part)
        if room < 0:
            parts.append("...")
            break
        parts.append(part)
    return f'"{"".join(parts)}"'


def isMethodName(text: str) -> bool:
    """
    Can this be the name of a transport method (pt-spec 3.1: a C identifier)?
    """
    return _NAME.fullmatch(text) is not None


def requireWord(text: str, what: str) -> None:
    """
    Make sure that a text is one word wherever words are parted by blanks.

    :param what: how the error names the text.
    :raises ConfigurationError: if there is a blank, or anything but printable
        ASCII.
    """
    if not all("!" <= character <= "~" for character in text):
        raise ConfigurationError(f"{what} must be printable ASCII without blanks")


# --- Inside -----------------------------------------------------------------

_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_C_LETTERS = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "?"}


def _asC(character: str) -> str:
    if character in _C_LETTERS:
        return _C_LETTERS[character]
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "replace"))


def _decoded(data: bytes | str) -> str:
    """
    :param data: text from the environment holds what was no UTF-8 as lone
        surrogates.
    """
    try:
        return (data if isinstance(data, bytes) else data.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        raise ConfigurationError("arguments must be UTF-8") from None


def _pairs(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(_cut(text, separator), 1):
        yield _pair(item, f"argument {number}")


def _pair(item: str, what: str) -> tuple[str, str]:
    key, mark, value = _divide(item, "=")
    if not mark or not key:
        raise ConfigurationError(f"{what} must be KEY=VALUE")
    return _unescape(key), _unescape(value)


def _cut(text: str, separator: str) -> Iterator[str]:
    """
    :returns: the items between separators, still escaped; none for no text.
    """
    start = 0
    while text and start <= len(text):
        end = _find(text, separator, start)
        yield text[start:end]
        start = end + 1


def _divide(text: str, mark: str) -> tuple[str, str, str]:
    """
    ``str.partition`` that passes over escaped characters.
    """
    end = _find(text, mark, 0)
    return text[:end], text[end : end + 1], text[end + 1 :]


def _find(text: str, mark: str, start: int) -> int:
    """
    :returns: where the first unescaped mark is; the text's length for nowhere.
    """
    position = start
    while position < len(text) and text[position] != mark:
        position += 2 if text[position] == "\\" else 1
    return min(position, len(text))


def _unescape(text: str) -> str:
    return _ESCAPED.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    if not match[1]:
        raise ConfigurationError("a backslash must be followed by a character")
    return match[1]


def _escape(text: str, marks: str) -> str:
    return "".join(f"\\{character}" if character in marks else character for character in text)


def _join(arguments: Arguments, separator: str, keyMarks: str, valueMarks: str) -> str:
    pairs = arguments.texts()
    if not all(key for key, _ in pairs):
        raise ConfigurationError("an argument's key must not be empty")
    return separator.join(f"{_escape(k, keyMarks)}={_escape(v, valueMarks)}" for k, v in pairs)
