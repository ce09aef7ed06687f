"""
What an Optimizer is told: its transports, and how to choose among them.

In JSON, as shapeshifter-dispatcher has it, and in TOML::

    {"transports": [{"name": "obfs4", "config": {"cert": "...", "iat-mode": 0}},
                    {"name": "shadow", "config": {"serverAddress": "192.0.2.1:443", ...}}],
     "strategy": "track"}

In bridge lines and the like, which carry nothing but text, ``transports`` is that list
as JSON, written without blanks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.options import located, parseObject
from pyptwist.transports.optimizer.strategies import STRATEGIES

_TRANSPORTS: Final = "transports"
_KEYS: Final = (_TRANSPORTS, "strategy", "parallel", "rounds")
_ENTRY: Final = ("name", "config")


@dataclass(frozen=True, repr=False)
class Choice:
    """
    One transport that may be chosen.

    :ivar number: its place, from 1 on.
    :ivar method: its name, or a stack's expression.
    :ivar target: its server; None if the arguments name that in a way of their own.
    """

    number: int
    method: str
    target: HostPort | None
    arguments: Arguments

    @property
    def label(self) -> str:
        """
        What it is called in messages, which show neither address nor secret.
        """
        return f"{self.number} ({self.method})"

    @property
    def identity(self) -> str:
        """
        A text that no other transport has.  It holds secrets.
        """
        parts = [self.method, self.target and str(self.target), self.arguments.items()]
        return json.dumps(parts, sort_keys=True)


@dataclass(frozen=True, repr=False)
class Wanted:
    """
    All that an Optimizer is told.

    :ivar strategy: one of ``STRATEGIES``.
    :ivar parallel: tries at a time.
    :ivar rounds: after which it gives up; 0 if only time ends it.
    """

    choices: tuple[Choice, ...]
    strategy: str
    parallel: int
    rounds: int


def read(arguments: Arguments, target: HostPort | None) -> Wanted:
    """
    :param target: the server of transports that name none.
    :raises ConfigurationError: if they make no sense; values are not shown.
    """
    for key in arguments:
        if key not in _KEYS:
            raise ConfigurationError(f"there is no argument {key!r}; there are {', '.join(_KEYS)}")
    entries = _entries(arguments)
    return Wanted(
        tuple(
            _choice(number, entry, target, arguments) for number, entry in enumerate(entries, 1)
        ),
        arguments.choice("strategy", STRATEGIES, "first"),
        arguments.integer("parallel", 1, limits.OPTIMIZER_PARALLEL, default=1),
        arguments.integer("rounds", 0, limits.OPTIMIZER_ROUNDS, default=0),
    )


def _entries(arguments: Arguments) -> list[Any]:
    given = arguments.all(_TRANSPORTS)
    if len(given) != 1:
        raise ConfigurationError(f"the argument {_TRANSPORTS!r} must be there, and once")
    found = _parsed(given[0]) if isinstance(given[0], str) else given[0]
    if not isinstance(found, list) or not 0 < len(found) <= limits.OPTIMIZER_TRANSPORTS:
        raise ConfigurationError(
            f"the argument {_TRANSPORTS!r} must be a list of 1 to"
            f" {limits.OPTIMIZER_TRANSPORTS} transports"
        )
    return found


def _parsed(text: str) -> Any:
    try:
        if len(text) > limits.OPTIONS:
            raise ConfigurationError(f"there are more than {limits.OPTIONS} characters")
        found = parseObject(f'{{"{_TRANSPORTS}":{text}}}')
        if len(found) > 1:
            raise ConfigurationError("this is not JSON")
    except ConfigurationError as error:
        raise ConfigurationError(f"the argument {_TRANSPORTS!r}: {error}") from None
    return found[_TRANSPORTS]


def _choice(number: int, entry: Any, target: HostPort | None, around: Arguments) -> Choice:
    where = f"transport {number} of {_TRANSPORTS!r}"
    if not isinstance(entry, dict) or not set(entry) <= set(_ENTRY):
        raise ConfigurationError(f"{where} must be an object with {' and '.join(_ENTRY)}")
    name, config = entry.get("name"), entry.get("config", {})
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        raise ConfigurationError(f"the name of {where} must be that of a method")
    if not isinstance(config, dict):
        raise ConfigurationError(f"the config of {where} must be an object")
    try:
        arguments = around.inside(_TRANSPORTS, config.items(), f" {number}")
        return Choice(number, name, *located(arguments, target))
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
