"""
The flags of PT 2.1, 2.2 and 3.0, and those of shapeshifter-dispatcher.

They begin with a single dash and may take their value after an equal sign, as
Go's flags do; Twisted's options begin with two.  ``normalised`` turns the former
into the latter, and that is all: ``twisted.python.usage`` parses them.

Imports next to nothing: ``isServing`` is asked before anything is printed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """
    One flag.

    :ivar name: as the specs spell it, without dashes.
    :ivar value: what follows it, for the help; None if nothing does.
    :ivar help: what it is for.
    """

    name: str
    value: str | None
    help: str


@dataclass(frozen=True)
class Group:
    """
    Flags that belong together.
    """

    title: str
    flags: tuple[Flag, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "Which side, and what",
        (
            Flag("client", None, "Be a client; so it is without -server."),
            Flag("server", None, "Be a server."),
            Flag("transport", "METHOD", "The one transport method."),
            Flag("transports", "METHOD,...", "Several transport methods."),
            Flag("options", "JSON", "Options of the methods."),
            Flag("optionsFile", "PATH", "A file that holds them."),
            Flag(
                "mode",
                "MODE",
                "How applications speak to us: socks5 (which it is without this), "
                "transparent-TCP, transparent-UDP or STUN.",
            ),
            Flag("transparent", None, "The same as -mode transparent-TCP; with -udp, -UDP."),
            Flag("udp", None, "The same as -mode STUN."),
            Flag("state", "PATH", "Where keys are kept; without it, the directory state here."),
        ),
    ),
    Group(
        "Clients",
        (
            Flag(
                "proxylistenaddr",
                "ADDRESS:PORT",
                "Where applications connect to; without it, a free port of 127.0.0.1.",
            ),
            Flag("proxylistenhost", "ADDRESS", "The address alone."),
            Flag("proxylistenport", "PORT", "The port alone."),
            Flag("proxy", "URL", "An upstream proxy that must be used."),
        ),
    ),
    Group(
        "Servers",
        (
            Flag("bindaddr", "METHOD-ADDRESS:PORT,...", "Where clients connect to."),
            Flag("bindhost", "ADDRESS", "The address alone, with -transport and -bindport."),
            Flag("bindport", "PORT", "The port alone."),
            Flag("orport", "ADDRESS:PORT", "The same as -target."),
            Flag(
                "extorport",
                "ADDRESS:PORT",
                "tor's extended ORPort, to forward to; or several, separated by commas.",
            ),
            Flag("authcookie", "PATH", "Its secret; as many as there are ports."),
        ),
    ),
    Group(
        "Where to",
        (
            Flag(
                "target",
                "HOST:PORT",
                "Servers: where to forward to; or several. Clients in another mode than socks5: "
                "the server, unless the option serverAddress says it.",
            ),
            Flag("targethost", "HOST", "The host alone."),
            Flag("targetport", "PORT", "The port alone."),
        ),
    ),
    Group(
        "Datagrams",
        (
            Flag(
                "flowQueue",
                "BYTES",
                "What a client holds for one application until its connection is there; "
                "0 drops it, as the specification has it.",
            ),
            Flag("flowIdle", "SECONDS", "How long one may be silent until its connection ends."),
            Flag("flowMaximum", "NUMBER", "How many applications a client serves at a time."),
        ),
    ),
    Group(
        "For a parent process",
        (
            Flag("ptversion", "VERSION,...", "Versions that the parent speaks."),
            Flag("exit-on-stdin-close", None, "End when standard input ends."),
            Flag("ipcLogLevel", "LEVEL", "What to tell it: NONE, ERROR, WARN, INFO or DEBUG."),
        ),
    ),
    Group(
        "Known from shapeshifter-dispatcher",
        (
            Flag("logLevel", "LEVEL", "What to log: ERROR, WARN, INFO or DEBUG."),
            Flag("enableLogging", None, "Log to dispatcher.log in the state directory."),
            Flag("showVersion", None, "The same as --version."),
            Flag("generateConfig", None, "The same as the command generate-config."),
            Flag("serverIP", "HOST:PORT", "With it: where clients reach the server."),
            Flag("toneburst", None, "With it and -transport Replicant: what there is anyway."),
            Flag("polish", None, "The same."),
        ),
    ),
)

FLAGS: Mapping[str, Flag] = {flag.name: flag for group in GROUPS for flag in group.flags}

#: Options of our own that take a value.
OWN_VALUED: tuple[str, ...] = ("config", "log-file", "log-level", "stack")

#: Flags that go with ``-generateConfig`` alone.
GENERATING = frozenset({"serverIP", "toneburst", "polish"})

#: Flags that go with any use of the program.
_NEUTRAL = frozenset({"logLevel", "enableLogging", "showVersion", "generateConfig"}) | GENERATING

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})

#: PT 2.2 and 3.0, section 1.1.1: "this flag is present and is set to "1"", while
#: the example is the bare flag.
_MAY_BE_SET = "exit-on-stdin-close"


class FlagError(ValueError):
    """
    The command line cannot be understood.
    """


def isServing(arguments: Sequence[str]) -> bool:
    """
    Does a command line ask to serve?  It may be wrong in all else.

    :param arguments: without the program's name.
    """
    names = {name for name, _ in _given(arguments)}
    return "generateConfig" not in names and bool(names & (FLAGS.keys() - _NEUTRAL))


def offeredVersions(arguments: Sequence[str]) -> str | None:
    """
    :returns: what ``-ptversion`` says, on a command line that may be wrong in
        all else; None if it is not there.
    """
    return next((value for name, value in _given(arguments) if name == "ptversion"), None)


def normalised(
    arguments: Sequence[str], valued: Collection[str], plain: Collection[str]
) -> list[str]:
    """
    Give every option the two dashes that Twisted wants.

    What follows the first word that is no option is left alone: it belongs to a
    command.

    :param valued: the names of options that take a value.
    :param plain: the names of those that take none; Go's ``-flag=false`` is left
        out of the result.
    :raises FlagError: for a flag with a single dash that nobody knows, one that
        is given twice, or ``-flag=perhaps``.
    """
    result: list[str] = []
    seen: set[str] = set()
    rest = list(arguments)
    while rest and _isOption(rest[0]):
        text = rest.pop(0)
        name, equals, value = text.lstrip("-").partition("=")
        name = "help" if name == "h" else name
        if name in FLAGS and name in seen:
            raise FlagError(f"-{name} is given twice")
        seen.add(name)
        if name in valued:
            result.append(f"--{name}{equals}{value}")
            result += [] if equals or not rest else [rest.pop(0)]
        elif name in plain:
            if not equals and _isSet(name, rest):
                equals, value = "=", rest.pop(0)
            result += [f"--{name}"] if not equals or _truth(name, value) else []
        elif text.startswith("--"):
            # Twisted knows abbreviations, and what to say.
            result.append(text)
        else:
            raise FlagError(f"option -{name} not recognized{nearest(name, valued, plain)}")
    return result + rest


def nearest(name: str, *known: Collection[str]) -> str:
    """
    :param name: of an option that nobody knows.
    :returns: a question for the one that may have been meant, to be put behind
        an error's text; empty if none is similar.
    """
    # Only a command line that is wrong needs it.
    import difflib

    names = {text.lower(): text for names in known for text in names}
    close = difflib.get_close_matches(name.lower(), names, 1)
    if not close:
        return ""
    found = names[close[0]]
    return f"; is {'-' if found in FLAGS else '--'}{found} meant?"


def _given(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """
    :returns: each option before a command, with its value.
    """
    rest = list(arguments)
    while rest and _isOption(rest[0]):
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        flag = FLAGS.get(name)
        takes = name in OWN_VALUED or (flag and flag.value) or _isSet(name, rest)
        if not equals and rest and takes:
            value = rest.pop(0)
        yield name, value


def _isSet(name: str, rest: Sequence[str]) -> bool:
    """
    :param rest: what follows a flag.
    :returns: whether that begins with a value of a flag that may have one.
    """
    return name == _MAY_BE_SET and bool(rest) and rest[0] in _TRUE | _FALSE


def _isOption(text: str) -> bool:
    return text.startswith("-") and text.strip("-") != ""


def _truth(name: str, value: str) -> bool:
    if value not in _TRUE | _FALSE:
        raise FlagError(f"-{name} is true or false")
    return value in _TRUE
