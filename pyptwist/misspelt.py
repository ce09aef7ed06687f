"""
Options whose names somebody mistyped: one rule, wherever they were written.

A method is not asked which arguments it has: many have more than they look at.
But one that looked for a name that is not there, where a similar one is that it
never looked at, was told that one by mistake.

 - What the operator wrote for this process (server options, flags, configuration
   files, endpoint strings) is refused then, naming the key and the one that may have
   been meant; and where it is similar only from afar, warned of.
 - What came in a bridge line is warned of, once, since newer servers may tell what
   this version does not know.  It is refused, too, where the key that may have been
   meant protects somebody: who does without it would not notice.

Only keys are named, and only those that are similar to one that exists: no values, no
addresses.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from twisted.logger import Logger

from pyptwist import limits
from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError

#: How similar two names must be: a letter too many, too few or wrong in a name of five.
CLOSE: Final = 0.8
#: The same for a mere hint.
_SIMILAR: Final = 0.7

_LONGEST: Final = 80  # characters of a key: none that exists has more
_TOLD: Final = 5  # at a time: a text has an end, whatever somebody sends

#: Is called with a warning.
Warn: TypeAlias = Callable[[str], object]

Pairs: TypeAlias = Iterable[tuple[str, JSON]]

_log = Logger()
_warned: set[tuple[str, str]] = set()


@dataclass(eq=False)
class _Record:
    """
    What was looked for in one set of arguments.

    :ivar label: stands before each key where people read it.
    :ivar isHanded: whether somebody else than this process's operator wrote it.
    """

    label: str
    given: frozenset[str]
    isHanded: bool
    asked: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    protecting: set[str] = field(default_factory=set)


class WatchedArguments(Arguments):
    """
    Arguments that remember which keys somebody looked for.  What is derived from
    them, or taken out of them, goes on remembering, until the watch is over.
    """

    __slots__ = ("_records", "_watch")

    def __init__(
        self, items: Mapping[str, JSON] | Pairs, watch: Watch, records: Sequence[_Record]
    ) -> None:
        """
        :param records: which the watch empties when it is over.
        """
        super().__init__(items)
        self._watch = watch
        self._records = records

    def __contains__(self, key: object) -> bool:
        isThere = super().__contains__(key)
        if isinstance(key, str):
            self._looked(key, isThere)
        return isThere

    def all(self, key: str) -> tuple[JSON, ...]:
        found = super().all(key)
        self._looked(key, bool(found))
        return found

    def get(self, key: str, default: str | None = None) -> str | None:
        self._looked(key, super().__contains__(key))
        return super().get(key, default)

    def updated(self, other: Arguments) -> Arguments:
        more = other._records if isinstance(other, WatchedArguments) else ()
        records = [*self._records, *(each for each in more if each not in self._records)]
        return self._watch.derived(super().updated(other).items(), records)

    def without(self, *keys: str) -> Arguments:
        for key in keys:
            self._looked(key, super().__contains__(key))
        return self._watch.derived(super().without(*keys).items(), self._records)

    def layer(self, name: str, pairs: Pairs) -> Arguments:
        return self._part(f"{name}-", [(f"{name}-{key}", (key, value)) for key, value in pairs])

    def inside(self, key: str, pairs: Pairs, place: str = "") -> Arguments:
        return self._part(f"{key}{place}.", [(key, pair) for pair in pairs])

    def protects(self, *keys: str) -> None:
        for key in keys:
            self._looked(key, super().__contains__(key))
        for record in self._records:
            record.protecting.update(keys)

    def _part(self, label: str, pairs: Iterable[tuple[str, tuple[str, JSON]]]) -> Arguments:
        """
        :param pairs: each with the key of ours that it comes from, which tells who wrote
            it.
        """
        origins = tuple(pairs)
        if not self._records:
            return Arguments([pair for _, pair in origins])
        handed = set()
        for origin, (key, _) in origins:
            self._looked(origin, True)
            if any(record.isHanded and origin in record.given for record in self._records):
                handed.add(key)
        label = f"{self._records[0].label}{label}"
        return self._watch.watched([pair for _, pair in origins], label, handed)

    def _looked(self, key: str, isThere: bool) -> None:
        for record in self._records:
            record.asked.add(key)
            if isThere:
                record.found.add(key)


@dataclass(frozen=True)
class Misspelling:
    """
    A key that may have been meant to be another.

    :ivar key: with what stands before it.
    :ivar meant: likewise.
    :ivar isHanded: it is not this process's operator who wrote it.
    :ivar isClose: there is hardly a doubt.
    :ivar isProtecting: to do without the other one is dangerous.
    """

    key: str
    meant: str
    isHanded: bool
    isClose: bool
    isProtecting: bool

    @property
    def isRefused(self) -> bool:
        """
        May nothing be done with it?
        """
        return self.isClose and (self.isProtecting or not self.isHanded)

    def __str__(self) -> str:
        return f"there is no option {self.key!r}: is {self.meant!r} meant?"


class Watch:
    """
    Watches the arguments of one endpoint while it is made.
    """

    def __init__(self) -> None:
        self._records: list[_Record] = []
        self._remembered: list[list[_Record]] = []

    def own(self, arguments: Arguments) -> Arguments:
        """
        :param arguments: this process's operator wrote them.  Whoever watches them goes on
            to do so.
        :returns: the same, watched.
        """
        return self.mixed(arguments, ())

    def handed(self, arguments: Arguments) -> Arguments:
        """
        The same for what somebody else wrote: a bridge line.
        """
        return self.mixed(arguments, set(arguments))

    def mixed(self, arguments: Arguments, handed: Collection[str]) -> Arguments:
        """
        :param arguments: this process's operator wrote them.
        :param handed: but for these keys, which somebody else did.
        :returns: the same, watched.
        """
        above = arguments._records if isinstance(arguments, WatchedArguments) else ()
        return self.watched(arguments.items(), "", handed, above)

    def watched(
        self, pairs: Pairs, label: str, handed: Collection[str], above: Sequence[_Record] = ()
    ) -> Arguments:
        """
        :param label: stands before each key where people read it.
        :param handed: see ``mixed``.
        :param above: what is to know of each look, too.
        """
        pairs = tuple(pairs)
        keys = frozenset(key for key, _ in pairs)
        others = keys & frozenset(handed)
        records = _Record(label, keys - others, False), _Record(label, others, True)
        self._records += records
        return self.derived(pairs, (*records, *above))

    def derived(self, pairs: Pairs, records: Sequence[_Record]) -> Arguments:
        """
        :param records: to which each look is added; if none, nothing is watched.
        """
        if not records:
            return Arguments(pairs)
        self._remembered.append([*records])
        return WatchedArguments(pairs, self, self._remembered[-1])

    def misspellings(self) -> list[Misspelling]:
        """
        :returns: those in all that is watched; nothing about keys that are similar to
            none.
        """
        return [found for record in self._records for found in _misspellings(record)]

    def end(self) -> None:
        """
        Forget it all.  Arguments that somebody keeps for a connection's life, or makes
        others of again and again, are as good as any from now on.
        """
        for records in self._remembered:
            records.clear()
        self._remembered.clear()
        self._records.clear()


@contextmanager
def watching(name: str, warn: Warn | None = None) -> Iterator[Watch]:
    """
    Look at arguments while a method does::

        with watching("obfs4") as watch:
            endpoint = method.serverEndpoint(context, bind, watch.own(options))

    :param name: of the method, for warnings.
    :param warn: called with each warning; by default they are logged, each once.
    :raises ConfigurationError: for keys that are misspelt, by the rule above; and
        whatever the method raises, followed by the keys that may be the reason.
    """
    watch = Watch()
    try:
        yield watch
        misspellings = watch.misspellings()
    except ConfigurationError as error:
        texts = [str(found) for found in watch.misspellings() if found.isClose]
        reasons = [text for text in texts if text not in str(error)]
        if not reasons:
            raise
        raise ConfigurationError("; ".join([str(error), *reasons[:_TOLD]])) from error
    finally:
        watch.end()
    if refused := [str(found) for found in misspellings if found.isRefused]:
        raise ConfigurationError("; ".join(refused[:_TOLD]))
    for found in misspellings:
        # Of what others wrote, nothing is told that is not as good as certain.
        if found.isClose or not found.isHanded:
            _warn(name, str(found), warn)


def _warn(name: str, text: str, warn: Warn | None) -> None:
    if warn is not None:
        warn(text)
    elif (name, text) not in _warned and len(_warned) < limits.MISSPELT_WARNINGS:
        _warned.add((name, text))
        _log.warn("{name}: {text}", name=name, text=text)


def closest(key: str, names: Iterable[str], similarity: float = CLOSE) -> str | None:
    """
    :param key: of any length.
    :returns: the one of the names that may have been meant; None if none is similar.
    """
    known = {_plain(name): name for name in names}
    found = difflib.get_close_matches(_plain(key[:_LONGEST]), known, 1, similarity)
    return known[found[0]] if found else None


def _misspellings(record: _Record) -> Iterator[Misspelling]:
    missing = sorted(record.asked - record.given - record.found)
    for key in sorted(record.given - record.asked)[: limits.MISSPELT_KEYS]:
        if len(key) > _LONGEST or (meant := closest(key, missing, _SIMILAR)) is None:
            continue
        yield Misspelling(
            f"{record.label}{key}",
            f"{record.label}{meant}",
            record.isHanded,
            closest(key, [meant]) is not None,
            meant in record.protecting,
        )


def _plain(key: str) -> str:
    """
    :returns: the key without what people seldom remember.
    """
    return "".join(c for c in key.lower() if c not in "-_. ")
