"""
Options whose names somebody mistyped.

A method is not asked which arguments it has: many have more than they look at.
But one that looked for a name that is not there, where a similar one is that it
never looked at, was told that one by mistake.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pyptwist.arguments import JSON, Arguments
from pyptwist.configfile.sections import Section

# A letter too many, too few or wrong in a name of five.
_SIMILARITY: Final = 0.8


class WatchedArguments(Arguments):
    """
    Arguments that remember which keys somebody looked for.  What is derived from
    them goes on remembering.
    """

    __slots__ = ("_asked",)

    def __init__(
        self,
        items: Mapping[str, JSON] | Iterable[tuple[str, JSON]] = (),
        /,
        asked: set[object] | None = None,
    ) -> None:
        """
        :param asked: to be filled with the keys.
        """
        super().__init__(items)
        self._asked: set[object] = set() if asked is None else asked

    def __contains__(self, key: object) -> bool:
        self._asked.add(key)
        return super().__contains__(key)

    def all(self, key: str) -> tuple[JSON, ...]:
        self._asked.add(key)
        return super().all(key)

    def get(self, key: str, default: str | None = None) -> str | None:
        self._asked.add(key)
        return super().get(key, default)

    def updated(self, other: Arguments) -> Arguments:
        return WatchedArguments(super().updated(other).items(), self._asked)

    def without(self, *keys: str) -> Arguments:
        self._asked.update(keys)
        return WatchedArguments(super().without(*keys).items(), self._asked)

    def misspelt(self) -> list[str]:
        """
        :returns: for each key that nobody looked for, a question for the one that
            may have been meant; nothing about keys that are similar to none.
        """
        given = set(self)
        missing = {str(key) for key in self._asked - given}
        found: list[str] = []
        for key in sorted(given - self._asked):
            found += [
                f"options.{key}: there is no such; is {meant} meant?"
                for meant in difflib.get_close_matches(key, missing, 1, _SIMILARITY)
            ]
        return found


def watched(section: Section) -> tuple[Section, WatchedArguments]:
    """
    :returns: the same section, and its options, which remember what of them is
        looked at.
    """
    wanted, name = section.configuration, section.method
    found = wanted.options if section.isServer else wanted.clientOptions
    options = WatchedArguments(found.get(name, Arguments()).items())
    configuration = (
        replace(wanted, options={name: options})
        if section.isServer
        else replace(wanted, clientOptions={name: options})
    )
    return replace(section, configuration=configuration), options
