"""
What is remembered of transports: whether they connected, and how fast.

optimizer_health.json, at most 64 KiB::

    {"key": "HEX", "transports": {"HEX": [1, 0.214, 1700000040]}}

with, for each transport: did it connect, in how many seconds, and the minute in which it
was tried, as Unix time.  A transport is HMAC-SHA256 of its name, its server and its
arguments, cut to 16 bytes, under a key of 32 bytes that was drawn for this file.  So the
file names nobody; but whoever has it, and a list of servers with their arguments, can
find out which of them are in it.
"""

from __future__ import annotations

import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.logger import Logger

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory

HEALTH_FILE: Final = "optimizer_health.json"

_KEY_LENGTH: Final = 32
_TAG_LENGTH: Final = 16
_MINUTE: Final = 60

# Later than any date, and longer than any try.  What is much larger still is more than
# a float can be.
_MOST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Health:
    """
    How the last try of a transport ended.

    :ivar isGood: did it connect?
    :ivar seconds: how long it took.
    :ivar at: when, in seconds since 1970.
    """

    isGood: bool
    seconds: float
    at: float


class HealthMemory:
    """
    One state directory's.

    Nothing that is wrong with the file stops anybody from connecting.
    """

    _log = Logger()

    def __init__(
        self, state: StateDirectory | None, entropy: Entropy, wallClock: Callable[[], float]
    ) -> None:
        """
        :param state: where the file is; None to remember in memory only.
        :param wallClock: gives the Unix time in seconds.
        """
        self._state = state
        self._wallClock = wallClock
        self._key, self._known = self._read() or (entropy(_KEY_LENGTH), OrderedDict())
        self._isChanged = False  # such that it matters
        self._savedAt = -float(_MOST)

    def tag(self, identity: str) -> str:
        """
        :param identity: of a transport.
        :returns: what it is called here.
        """
        digest = hmac.digest(self._key, identity.encode("utf-8"), "sha256")
        return digest[:_TAG_LENGTH].hex()

    def get(self, tag: str) -> Health | None:
        """
        :returns: None if nothing is known, or nothing that is believed still.
        """
        health = self._known.get(tag)
        if health is None:
            return None
        # The file knows minutes; a clock that was put back makes all of it void.
        age = self._wallClock() - health.at
        return health if -_MINUTE < age < limits.OPTIMIZER_HEALTH_LIFETIME else None

    def put(self, tag: str, isGood: bool, seconds: float) -> None:
        """
        Remember how a try ended.  When there are too many, the oldest goes.
        """
        before = self._known.pop(tag, None)
        self._isChanged |= before is None or before.isGood != isGood
        self._known[tag] = Health(isGood, seconds, self._wallClock())
        while len(self._known) > limits.OPTIMIZER_HEALTH:
            self._known.popitem(last=False)

    def save(self) -> None:
        """
        Write the file, if it is worth it.
        """
        now = self._wallClock()
        isDue = self._isChanged or abs(now - self._savedAt) >= limits.OPTIMIZER_HEALTH_SAVE
        if self._state is None or not isDue:
            return
        self._isChanged, self._savedAt = False, now
        try:
            self._state.write(HEALTH_FILE, self._composed())
        except ConfigurationError as error:
            self._log.warn("How well transports are cannot be kept: {error}", error=error)

    def _composed(self) -> bytes:
        known = {
            tag: [
                int(health.isGood),
                round(health.seconds, 3),
                int(health.at) // _MINUTE * _MINUTE,
            ]
            for tag, health in self._known.items()
        }
        fields = {"key": self._key.hex(), "transports": known}
        return json.dumps(fields, separators=(",", ":")).encode("ascii")

    def _read(self) -> tuple[bytes, OrderedDict[str, Health]] | None:
        if self._state is None:
            return None
        try:
            data = self._state.read(HEALTH_FILE)
            return None if data is None else _parsed(data)
        except ConfigurationError as error:
            self._log.warn("Without what is known of transports: {error}", error=error)
        except (ValueError, RecursionError):
            self._log.warn(
                "Without what is known of transports: {path} is damaged, and will be replaced",
                path=self._state.path(HEALTH_FILE),
            )
        return None


class KnownHealth:
    """
    What a memory knows of the transports of one Optimizer.
    """

    def __init__(self, memory: HealthMemory, identities: Sequence[str]) -> None:
        self._memory = memory
        self._tags = [memory.tag(identity) for identity in identities]

    def get(self, number: int) -> Health | None:
        """
        See ``Knowledge``.
        """
        return self._memory.get(self._tags[number])

    def put(self, number: int, isGood: bool, seconds: float) -> None:
        """
        See ``Knowledge``.
        """
        self._memory.put(self._tags[number], isGood, seconds)

    def save(self) -> None:
        """
        See ``Knowledge``.
        """
        self._memory.save()


def _parsed(data: bytes) -> tuple[bytes, OrderedDict[str, Health]]:
    """
    :raises ValueError: if it is not the file of a memory.
    """
    match json.loads(data):
        case {"key": str(text), "transports": dict(fields)}:
            key = bytes.fromhex(text)
        case _:
            raise ValueError
    if len(key) != _KEY_LENGTH:
        raise ValueError
    # Longer ones would not fit into the file again.
    known = ((t, _health(each)) for t, each in fields.items() if len(t) == 2 * _TAG_LENGTH)
    dated = sorted(
        ((tag, health) for tag, health in known if health is not None),
        key=lambda pair: pair[1].at,
    )
    return key, OrderedDict(dated[-limits.OPTIMIZER_HEALTH :])


def _health(field: Any) -> Health | None:
    match field:
        case [0 | 1 as isGood, int() | float() as seconds, int(at)] if (
            0 <= seconds < _MOST and abs(at) < _MOST
        ):
            return Health(bool(isGood), float(seconds), float(at))
    return None
