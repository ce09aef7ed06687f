"""
Reading a table of the file: one value at a time, and all that is wrong with any.

Problems name the table and the key, and never a value: that may be a secret.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError

_T = TypeVar("_T")

#: What TOML calls the kinds of values that are wanted.
_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
    list: "an array",
}


class FileProblems(ConfigurationError):
    """
    What is wrong with a configuration file.

    :ivar problems: all of it, each in one line.
    """

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Table:
    """
    A table, and what is wrong in it.

    Whatever cannot be read counts as a problem, and as if it was not there.

    :ivar where: how it is called.
    :ivar found: what the file has.
    """

    def __init__(
        self,
        where: str,
        found: Mapping[str, Any],
        known: Collection[str] | None,
        problems: list[str],
    ) -> None:
        """
        :param where: how to call it; empty for the file's top level.
        :param found: what the file has.
        :param known: the keys that there can be; None for any.
        :param problems: to be appended to.
        """
        self.where = where
        self.found = found
        self._problems = problems
        for key in found:
            if known is not None and key not in known:
                self.problem(key, f"there is no such key{nearest(key, known)}")

    def __contains__(self, key: str) -> bool:
        return key in self.found

    @property
    def problemCount(self) -> int:
        """
        How many there are by now, in the whole file.
        """
        return len(self._problems)

    def problem(self, key: str, why: object) -> None:
        """
        Remember what is wrong.

        :param key: empty for the table as a whole.
        """
        where = ", ".join(filter(None, (self.where, printable(key))))
        self._problems.append(f"{where}: {why}" if where else str(why))

    def required(self, *keys: str) -> None:
        """
        One of the keys must be there.
        """
        if not any(key in self.found for key in keys):
            self.problem(keys[0], "this is missing")

    def exclusive(self, one: str, other: str) -> None:
        """
        Only one of two may be there.
        """
        if one in self.found and other in self.found:
            self.problem(other, f"this and {one} exclude each other")

    def value(self, key: str, kind: type[_T]) -> _T | None:
        """
        :returns: what the key says; None if nothing.
        """
        found = self.found.get(key)
        # In Python, true and false are numbers.
        isKind = isinstance(found, kind) and isinstance(found, bool) <= (kind is bool)
        if found is None or isKind:
            return found
        self.problem(key, f"this must be {_KINDS[kind]}")
        return None

    def text(self, key: str) -> str | None:
        """
        :returns: a string that says something.
        """
        return self._said(key, self.value(key, str))

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        """
        :returns: one of the strings allowed.
        """
        text = self.text(key)
        if text is None or text in allowed:
            return text
        hint = nearest(text, allowed)
        self.problem(key, f"this must be one of {', '.join(allowed)}{hint}")
        return None

    def texts(self, key: str) -> list[str]:
        """
        :returns: one string, or an array of them.
        """
        found = self.found.get(key, [])
        several = found if isinstance(found, list) else [found]
        if not all(isinstance(text, str) for text in several):
            self.problem(key, "this must be a string, or an array of strings")
            return []
        if found == [] and key in self.found:
            self.problem(key, "this must not be empty")
        return [text for text in several if self._said(key, text)]

    def address(
        self, key: str, *, allowName: bool = False, allowZero: bool = False
    ) -> HostPort | None:
        """
        :param allowName: may it be a host name?
        :param allowZero: may the port be left to the kernel?
        """
        text = self.text(key)
        return None if text is None else self._address(key, text, allowName, allowZero)

    def addresses(self, key: str, *, allowName: bool = False) -> tuple[HostPort, ...]:
        """
        :returns: of one string, or an array of them.
        """
        read = [self._address(key, text, allowName, False) for text in self.texts(key)]
        return tuple(address for address in read if address is not None)

    def arguments(self, key: str) -> Arguments:
        """
        :returns: what a table holds.
        """
        found = self.value(key, dict) or {}
        pairs = []
        for name, value in found.items():
            if _isJSON(value):
                pairs.append((name, value))
            else:
                self.problem(
                    f"{key}.{name}", "dates, times, nan and inf have no meaning in options"
                )
        return Arguments(pairs)

    def _said(self, key: str, text: str | None) -> str | None:
        if text is None or (text and "\0" not in text):
            return text
        self.problem(key, "this must not be empty" if not text else "this must not hold NUL")
        return None

    def _address(self, key: str, text: str, allowName: bool, allowZero: bool) -> HostPort | None:
        try:
            address = HostPort.parse(text, allowName=allowName)
            if address.port == 0 and not allowZero:
                raise ConfigurationError("a port must be between 1 and 65535")
        except ConfigurationError as error:
            self.problem(key, error)
            return None
        return address


def nearest(name: str, known: Collection[str]) -> str:
    """
    :param name: that nobody knows.
    :returns: a question for the one that may have been meant, to be put behind a
        problem's text; empty if none is similar.
    """
    lowered = {text.lower(): text for text in known}
    close = difflib.get_close_matches(name.lower()[:200], lowered, 1)
    return f"; is {lowered[close[0]]} meant?" if close else ""


def printable(key: str) -> str:
    """
    :param key: from a file; anything may be one.
    :returns: a short text without control characters.
    """
    shown = "".join(c if c.isprintable() else "?" for c in key[:80])
    return shown if key else ""


def _isJSON(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
