"""
The lines that a child writes to its parent (pt-spec 3.3; PT 2.1 to 3.0, section 1.2).

Every function returns one line of printable ASCII without its newline, of
bounded length, whatever the texts that it is given hold: an error text from
anywhere never makes a second line.

tor reads these lines by prefix, and forgives little: one that comes out of order
ends the child for good, and one of the configuration's lines after ``CMETHODS
DONE`` makes tor abort at its next reload.  ``LineOrder`` keeps the order.
"""

from __future__ import annotations

from enum import Enum

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, LocalProtocolError
from pyptwist.ipc.quoting import formatSmethodArguments, isMethodName, quoteString, requireWord

PROXY_DONE = "PROXY DONE"
CLIENT_METHODS_DONE = "CMETHODS DONE"
SERVER_METHODS_DONE = "SMETHODS DONE"


class Severity(Enum):
    """
    How much a message matters, as pt-spec 3.3.4 spells it; tor takes no other
    spelling.
    """

    DEBUG = "debug"
    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"

    def isAtLeast(self, other: Severity) -> bool:
        """
        Does it matter as much as another, or more?
        """
        order = list(Severity)
        return order.index(self) >= order.index(other)


# --- Errors that end the child ----------------------------------------------


class StartError(ConfigurationError):
    """
    The child cannot start.  It is to write ``line`` and to end.

    :cvar keyword: the first word of the line.
    """

    keyword: str

    @property
    def line(self) -> str:
        """
        What to tell the parent.
        """
        return f"{self.keyword} {_message(str(self))}"


class VersionRefused(StartError):
    """
    The parent offers no version of the IPC that is spoken here.
    """

    keyword = "VERSION-ERROR"

    def __init__(self) -> None:
        # tor knows this very text, and takes any other for a broken child.
        super().__init__("no-version")


class EnvironmentRefused(StartError):
    """
    The parent's environment variables or flags make no sense.
    """

    keyword = "ENV-ERROR"


class ProxyRefused(StartError):
    """
    The upstream proxy asked for cannot be used.
    """

    keyword = "PROXY-ERROR"


# --- Lines ------------------------------------------------------------------


def versionLine(version: str) -> str:
    """
    :param version: the version of the IPC chosen.
    """
    requireWord(version, "a version")
    return f"VERSION {version}"


def clientMethodLine(name: str, address: HostPort, mode: str = "socks5") -> str:
    """
    A client method has been launched.

    :param name: of the method.
    :param address: where it listens for applications.
    :param mode: how they speak to it (PT 2.1 to 3.0, section 1.2.2).
    :raises ConfigurationError: if tor would take the line for a broken child.
    """
    requireWord(mode, "a mode")
    return f"CMETHOD {_name(name)} {mode} {_reachable(address)}"


def clientMethodErrorLine(name: str, message: str) -> str:
    """
    A client method could not be launched.

    :param message: any text.
    :raises ConfigurationError: for a name that is none.
    """
    return f"CMETHOD-ERROR {_name(name)} {_message(message)}"


def serverMethodLine(name: str, address: HostPort, arguments: Arguments) -> str:
    """
    A server method has been launched.

    :param name: of the method.
    :param address: where it listens.
    :param arguments: what clients need.  ``ARGS:`` is left out if there are none,
        since parents stumble over an empty one.
    :raises ConfigurationError: if tor would take the line for a broken child, or
        the arguments cannot be written.
    """
    line = f"SMETHOD {_name(name)} {_reachable(address)}"
    return f"{line} ARGS:{formatSmethodArguments(arguments)}" if len(arguments) else line


def serverMethodErrorLine(name: str, message: str) -> str:
    """
    A server method could not be launched.

    :param message: any text.
    :raises ConfigurationError: for a name that is none.
    """
    return f"SMETHOD-ERROR {_name(name)} {_message(message)}"


def logLine(severity: Severity, message: str) -> str:
    """
    Something for the parent's log (pt-spec 3.3.4).

    :param message: any text.  It becomes one line: tor undoes the quoting and
        writes the result into its log as it is, where a line break from a peer's
        text could forge an entry.
    """
    return f"LOG SEVERITY={severity.value} MESSAGE={quoteString(_oneLine(message))}"


#: PT 2.2 and 3.0, section 1.2.1, know four levels.
_LEVELS = {
    Severity.DEBUG: "DEBUG",
    Severity.INFO: "INFO",
    Severity.NOTICE: "INFO",
    Severity.WARNING: "WARN",
    Severity.ERROR: "ERROR",
}


def levelLogLine(severity: Severity, message: str) -> str:
    """
    The same, for PT 2.2 and 3.0 (section 1.2.1).

    :param message: any text; it becomes one line of ASCII, the only characters
        that the grammar of section 1.2 has.
    """
    return f"LOG {_LEVELS[severity]} {_message(message)}"


def versionStatusLine(implementation: str, version: str) -> str:
    """
    What software this is.  A bridge's tor publishes it, if it comes before
    ``SMETHODS DONE``.

    :param implementation: one word.
    :param version: one word.
    :raises ConfigurationError: if either is no word.
    """
    for text in (implementation, version):
        requireWord(text, "name and version of the implementation")
    return f"STATUS TYPE=version IMPLEMENTATION={implementation} VERSION={version}"


# --- Order ------------------------------------------------------------------


class _Stage(Enum):
    NEW = "before VERSION"
    NEGOTIATED = "after VERSION"
    METHODS = "among the methods"
    DONE = "after METHODS DONE"
    FAILED = "after a fatal error"


_METHOD_WORDS = {"CMETHOD", "CMETHOD-ERROR", "SMETHOD", "SMETHOD-ERROR"}
_METHODS = dict.fromkeys(_METHOD_WORDS, _Stage.METHODS)
_ENDS = {"CMETHODS": _Stage.DONE, "SMETHODS": _Stage.DONE, "ENV-ERROR": _Stage.FAILED}
_NEXT: dict[_Stage, dict[str, _Stage]] = {
    _Stage.NEW: {
        "VERSION": _Stage.NEGOTIATED,
        "VERSION-ERROR": _Stage.FAILED,
        "ENV-ERROR": _Stage.FAILED,
    },
    _Stage.NEGOTIATED: {
        "PROXY": _Stage.METHODS,
        "PROXY-ERROR": _Stage.FAILED,
        **_METHODS,
        **_ENDS,
    },
    _Stage.METHODS: {**_METHODS, **_ENDS},
    _Stage.DONE: {},
    _Stage.FAILED: {},
}


class LineOrder:
    """
    Which line may come next.  ``LOG`` and ``STATUS`` always may.
    """

    def __init__(self) -> None:
        self._stage = _Stage.NEW
        self._answered: set[str] = set()

    @property
    def isDone(self) -> bool:
        """
        Has the parent heard all about the start, for good or ill?
        """
        return self._stage in {_Stage.DONE, _Stage.FAILED}

    def accept(self, line: str) -> None:
        """
        Take note of a line, before it is written.

        :raises LocalProtocolError: if it must not be written; nothing changes.
        """
        keyword, *words = line.split(" ")
        if keyword in {"LOG", "STATUS"}:
            return
        following = _NEXT[self._stage].get(keyword)
        if following is None:
            raise LocalProtocolError(f"{keyword} must not come {self._stage.value}")
        if keyword in _METHOD_WORDS:
            self._answer(words[0])
        self._stage = following

    def _answer(self, name: str) -> None:
        # tor counts the answers against the methods that it asked for.
        if name in self._answered:
            raise LocalProtocolError(f"the method {name} has been answered for")
        self._answered.add(name)


# --- Inside -----------------------------------------------------------------


def _name(name: str) -> str:
    if not isMethodName(name):
        raise ConfigurationError(
            "a method's name must be letters, digits and underscores, and not begin with a digit"
        )
    return name


def _reachable(address: HostPort) -> str:
    if address.ip is None or "%" in address.host or address.port == 0:
        raise ConfigurationError("only an IP address without a zone, and a port, can be announced")
    return str(address)


def _message(text: str) -> str:
    line = _oneLine(text).encode("ascii", "backslashreplace").decode("ascii")
    if len(line) > limits.IPC_MESSAGE:
        line = line[: limits.IPC_MESSAGE - 3] + "..."
    return line or "no reason was given"


def _oneLine(text: str) -> str:
    """
    :returns: the text with each run of blanks, line breaks and control characters
        as one blank.
    """
    # Longer texts are cut further on; this bounds the work alone.
    text = text[: limits.IPC_MESSAGE + 1]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
