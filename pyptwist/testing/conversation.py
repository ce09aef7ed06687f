"""
What a child says to its parent, read more strictly than tor reads it.

tor forgives much in one version and little in the next, and other parents
forgive less: so each line must be one that pt-spec 3.3 knows, in the order that
it has, and complete.

The parser is the tests' own, apart from what the child writes with.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from pyptwist.testing.streams import Address


@dataclass(frozen=True)
class Method:
    """
    One CMETHOD or SMETHOD line.

    :ivar address: where it listens.
    :ivar protocol: ``socks5`` …; empty for a server's method.
    :ivar arguments: what a client needs, from ARGS.
    :ivar line: the line itself.
    """

    name: str
    address: Address
    protocol: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    line: str = ""


_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_ADDRESS: Final = r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):[1-9]\d*"
_KEY: Final = r"[^\s=,:\\]+"
_VALUE: Final = r"([^\s,\\]|\\.)*"
_STRING: Final = r'("([^"\\]|\\["\\nrt]|\\[0-7]{3})*"|[^\s"]+)'
_SEVERITY: Final = "(debug|info|notice|warning|error)"

#: How each line is made, by its first word.
_FORMS: Final = {
    "VERSION": "VERSION 1",
    "VERSION-ERROR": "VERSION-ERROR no-version",
    "ENV-ERROR": r"ENV-ERROR \S.*",
    "PROXY": "PROXY DONE",
    "PROXY-ERROR": r"PROXY-ERROR \S.*",
    "CMETHOD": rf"CMETHOD {_NAME} socks5 {_ADDRESS}",
    "CMETHOD-ERROR": rf"CMETHOD-ERROR {_NAME} \S.*",
    "CMETHODS": "CMETHODS DONE",
    "SMETHOD": rf"SMETHOD {_NAME} {_ADDRESS}( ARGS:{_KEY}={_VALUE}(,{_KEY}={_VALUE})*)?",
    "SMETHOD-ERROR": rf"SMETHOD-ERROR {_NAME} \S.*",
    "SMETHODS": "SMETHODS DONE",
    "LOG": rf"LOG SEVERITY={_SEVERITY} MESSAGE={_STRING}",
    "STATUS": rf"STATUS( [A-Za-z_]+={_STRING})+",
}
_ANYWHERE: Final = {"LOG", "STATUS"}
_PROBLEMS: Final = {"VERSION-ERROR", "ENV-ERROR", "PROXY-ERROR"}
_METHODS: Final = {"CMETHOD", "CMETHOD-ERROR", "SMETHOD", "SMETHOD-ERROR"}
_ENDS: Final = {"CMETHODS", "SMETHODS"}

#: What may follow a line, by its first word.
_NEXT: Final[dict[str, set[str]]] = {
    "": {"VERSION", "VERSION-ERROR", "ENV-ERROR"},
    "VERSION": {"ENV-ERROR", "PROXY", "PROXY-ERROR"} | _METHODS | _ENDS,
    "PROXY": _METHODS | _ENDS,
    **dict.fromkeys(_METHODS, _METHODS | _ENDS),
    **{word: set() for word in _PROBLEMS | _ENDS},
}


class Conversation:
    """
    A child's lines, one after the other.

    :ivar methods: reported so far, by name.
    :ivar refused: methods that ended in an error line, by name, with its text.
    :ivar problem: the ENV-ERROR, VERSION-ERROR or PROXY-ERROR line, if any.
    :ivar done: ``CMETHODS DONE`` or ``SMETHODS DONE`` was seen.
    :ivar faults: what must not be said in this way, or now; each with the line.
    """

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self.refused: dict[str, str] = {}
        self.problem: str | None = None
        self.done = False
        self.faults: list[str] = []
        self._last = ""

    def line(self, line: str) -> None:
        """
        :param line: the next one, without its end.
        """
        self._check(line)
        match line.split(" "):
            case ["CMETHOD", name, protocol, address, *_]:
                self.methods[name] = Method(name, _address(address), protocol, {}, line)
            case ["SMETHOD", name, address, *words]:
                arguments = _arguments(words[0]) if words else {}
                self.methods[name] = Method(name, _address(address), "", arguments, line)
            case ["CMETHOD-ERROR" | "SMETHOD-ERROR", name, *words]:
                self.refused[name] = " ".join(words)
            case ["ENV-ERROR" | "VERSION-ERROR" | "PROXY-ERROR", *_]:
                self.problem = line
            case ["CMETHODS" | "SMETHODS", "DONE"]:
                self.done = True

    def finish(self, rest: str, asked: Collection[str]) -> None:
        """
        There are no more lines.

        :param rest: what came behind the last one.
        :param asked: the methods that the parent asked for: each must have been
            answered for, and no other; tor counts them.
        """
        if rest:
            self.faults.append(f"the output ended within a line: {rest!r}")
        answered = {*self.methods, *self.refused}
        if self.done and answered != set(asked):
            self.faults.append(
                f"the parent asked for {sorted(asked)}, and heard of {sorted(answered)}"
            )

    def _check(self, line: str) -> None:
        word, *words = line.split(" ")
        form = _FORMS.get(word)
        if form is None:
            self.faults.append(f"no line of the protocol's, but stray output: {line!r}")
            return
        if not re.fullmatch(form, line, re.ASCII) or not line.isprintable():
            self.faults.append(f"not as pt-spec 3.3 has it: {line!r}")
        if word in _ANYWHERE:
            return
        if word not in _NEXT[self._last]:
            self.faults.append(f"must not come {_behind(self._last)}: {line!r}")
        if word in _METHODS and words[:1] and words[0] in {*self.methods, *self.refused}:
            self.faults.append(f"was answered for already: {line!r}")
        self._last = word


def _behind(last: str) -> str:
    return f"after {last}" if last else "first"


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _arguments(word: str) -> dict[str, str]:
    """
    ``ARGS:k=v,k=v``, where a backslash takes the next character as it is.
    """
    if not word.startswith("ARGS:"):
        return {}
    pairs = re.findall(r"((?:[^=,\\]|\\.)*)=((?:[^,\\]|\\.)*)", word.removeprefix("ARGS:"))
    return {re.sub(r"\\(.)", r"\1", k): re.sub(r"\\(.)", r"\1", v) for k, v in pairs}
