"""
What a torrc says about transports.

tor takes its lines apart at blanks: it knows no quotes, expands nothing, and looks
no program up.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError


@dataclass(frozen=True)
class Plugin:
    """
    One line that starts a program.

    :ivar role: ``client`` or ``server``.
    :ivar names: the methods that it is to play.
    :ivar program: its path, as written; empty if nothing is.
    :ivar words: what follows that.
    """

    role: str
    names: tuple[str, ...]
    program: str
    words: tuple[str, ...] = ()

    @property
    def isOurs(self) -> bool:
        """
        Is it this package that is started?
        """
        called = [os.path.basename(word) for word in (self.program, *self.words)]
        return "pyptwist" in called or ("twistd" in called and "pt" in called)

    @property
    def stacks(self) -> dict[str, str]:
        """
        The stacks that are defined behind the program, by name.
        """
        words, found = self.words, []
        for index, word in enumerate(words):
            if word.startswith("--stack="):
                found.append(word.removeprefix("--stack="))
            elif word == "--stack" and index + 1 < len(words):
                found.append(words[index + 1])
        return dict(text.split("=", 1) for text in found if "=" in text)


@dataclass(frozen=True)
class Torrc:
    """
    What of a torrc matters here.

    :ivar plugins: the lines that start programs.
    :ivar external: methods that a program started by others plays.
    :ivar listening: where server methods listen, by name; None if tor would not
        understand it.
    :ivar bridges: the methods of Bridge lines.
    :ivar options: all others, the last one of each, by their names in lower case.
    """

    plugins: list[Plugin] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    listening: dict[str, HostPort | None] = field(default_factory=dict)
    bridges: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Torrc:
        """
        :param text: of the file; what it includes is not looked at.
        """
        torrc = cls()
        for line in text.replace("\\\n", " ").splitlines():
            words = line.partition("#")[0].split()
            if words:
                torrc._add(words[0].lower(), words[1:])
        return torrc

    def _add(self, option: str, words: list[str]) -> None:
        if option in ("clienttransportplugin", "servertransportplugin") and len(words) > 1:
            self._addPlugin(option.removesuffix("transportplugin"), words)
        elif option == "servertransportlistenaddr" and len(words) > 1:
            self.listening[words[0]] = _address(words[1])
        elif option == "bridge":
            # Without a transport it begins with the address.
            self.bridges.extend(word for word in words[:1] if not set(word) & set(":."))
        else:
            self.options[option] = " ".join(words)

    def _addPlugin(self, role: str, words: list[str]) -> None:
        names = tuple(words[0].split(","))
        if words[1].lower() == "exec":
            self.plugins.append(Plugin(role, names, "".join(words[2:3]), tuple(words[3:])))
        else:
            self.external.extend(names)


def _address(text: str) -> HostPort | None:
    try:
        return HostPort.parse(text)
    except ConfigurationError:
        return None
