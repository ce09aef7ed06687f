"""
The arguments of a transport method, however they arrived.

PT 1 carries strings (bridge line, SOCKS credentials, SMETHOD ARGS, server
options); PT 2 and 3 carry JSON.  A method sees one immutable multi-map, and
asks it for values of a kind.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from pyptwist.errors import ConfigurationError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


class Arguments:
    """
    An immutable multi-map from keys to values, in the order given.

    The typed readers raise ``ConfigurationError`` objects that name the key, never the
    value: a value may be a secret, and the text may be logged.
    """

    __slots__ = ("_items",)

    def __init__(
        self, items: Mapping[str, JSON] | Iterable[tuple[str, JSON]] = (), /, **more: JSON
    ) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        self._items: tuple[tuple[str, JSON], ...] = (*pairs, *more.items())

    # --- as a collection ----------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        """
        :returns: each key once, in the order of its first appearance.
        """
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return any(k == key for k, _ in self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arguments):
            return NotImplemented
        return self._items == other._items

    def __hash__(self) -> int:
        # Of the keys alone: values that are equal may differ in all else (1 and
        # 1.0), or have no hash (lists).
        return hash(tuple(key for key, _ in self._items))

    def __repr__(self) -> str:
        """
        :returns: the keys alone: values may be secret.
        """
        return f"<Arguments {', '.join(self) or 'none'}>"

    def items(self) -> tuple[tuple[str, JSON], ...]:
        """
        :returns: every pair, repeated keys included.
        """
        return self._items

    def texts(self) -> tuple[tuple[str, str], ...]:
        """
        :returns: every pair, as PT 1 writes it.
        :raises ConfigurationError: if a value has no text form (PT 1 knows none
            for objects and lists).
        """
        return tuple((key, _asText(key, value)) for key, value in self._items)

    def all(self, key: str) -> tuple[JSON, ...]:
        """
        :returns: every value of a key, in order; empty if there is none.
        """
        return tuple(v for k, v in self._items if k == key)

    def identity(self) -> str:
        """
        :returns: what only the same arguments have, in the same order: 1, 1.0 and true
            are equal, but not the same.  It holds the values: never log it.
        """
        return json.dumps(self._items)

    # --- deriving -----------------------------------------------------------

    def updated(self, other: Arguments) -> Arguments:
        """
        :returns: these arguments, in which ``other``'s keys replace ours.
        """
        replaced = set(other)
        kept = [(k, v) for k, v in self._items if k not in replaced]
        return Arguments([*kept, *other.items()])

    def without(self, *keys: str) -> Arguments:
        """
        :returns: these arguments less the keys named.
        """
        return Arguments([(k, v) for k, v in self._items if k not in keys])

    def layer(self, name: str, pairs: Iterable[tuple[str, JSON]]) -> Arguments:
        """
        Make a layer's arguments of these, so that whoever watches these (see
        ``pyptwist.misspelt``) watches those, too.

        :param name: stands before each key here, with a hyphen behind it.
        :param pairs: as the layer knows them.
        """
        return Arguments(pairs)

    def inside(self, key: str, pairs: Iterable[tuple[str, JSON]], place: str = "") -> Arguments:
        """
        The same for an object that is a value here.

        :param key: whose value it is.
        :param pairs: of the object.
        :param place: which one it is, as people read it, if the value has several.
        """
        return Arguments(pairs)

    def protects(self, *keys: str) -> None:
        """
        Say which keys protect somebody: a method that does without one of them works as
        well, and shows more.  Where such a key is misspelt nothing is begun, even if
        a bridge line has it.
        """

    # --- typed readers ------------------------------------------------------

    def get(self, key: str, default: str | None = None) -> str | None:
        """
        :returns: the first value of the key, as text, or the default.
        """
        for k, value in self._items:
            if k == key:
                return _asText(key, value)
        return default

    def require(self, key: str) -> str:
        """
        :returns: the first value of the key, as text.
        :raises ConfigurationError: if it is missing or empty.
        """
        value = self.get(key)
        if not value:
            raise ConfigurationError(f"the argument {key!r} is missing")
        return value

    def integer(self, key: str, minimum: int, maximum: int, default: int | None = None) -> int:
        """
        :param minimum: the least value allowed.
        :param maximum: the greatest value allowed.
        :param default: what a missing key means; None if it must be there.
        :raises ConfigurationError: if it is missing, no decimal number or out of range.
        """
        if key not in self and default is not None:
            return default
        text = self.require(key)
        digits = text[1:] if text.startswith("-") else text
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise ConfigurationError(f"the argument {key!r} must be a decimal number")
        value = int(text)
        if not minimum <= value <= maximum:
            raise ConfigurationError(
                f"the argument {key!r} must be between {minimum} and {maximum}"
            )
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """
        :returns: whether the key says true (``1``, ``true``, ``yes``, ``on``).
        :raises ConfigurationError: if it says neither true nor false.
        """
        text = self.get(key)
        if text is None:
            return default
        if text.lower() in {"1", "true", "yes", "on"}:
            return True
        if text.lower() in {"0", "false", "no", "off"}:
            return False
        raise ConfigurationError(f"the argument {key!r} must be true or false")

    def hexadecimal(self, key: str, length: int) -> bytes:
        """
        :param length: of the decoded value, in bytes.
        :raises ConfigurationError: if it is missing, no hex, or of another length.
        """
        text = self.require(key)
        try:
            # Unlike bytes.fromhex, this takes no blanks.
            value = binascii.unhexlify(text)
        except ValueError:
            raise ConfigurationError(f"the argument {key!r} must be hexadecimal") from None
        return _ofLength(key, value, length)

    def base64(self, key: str, length: int) -> bytes:
        """
        Decode standard base64, with or without its padding.

        :param length: of the decoded value, in bytes.
        :raises ConfigurationError: if it is missing, no base64, or of another length.
        """
        text = self.require(key).rstrip("=")
        try:
            value = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(f"the argument {key!r} must be base64") from None
        return _ofLength(key, value, length)

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """
        :returns: the value, which is one of those allowed.
        :raises ConfigurationError: listing what is allowed.
        """
        options = tuple(allowed)
        value = self.get(key, default)
        if value is None or value not in options:
            raise ConfigurationError(f"the argument {key!r} must be one of {', '.join(options)}")
        return value


def _asText(key: str, value: JSON) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ConfigurationError(f"the argument {key!r} must be a single value")


def _ofLength(key: str, value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise ConfigurationError(
            f"the argument {key!r} must decode to {length} bytes, not {len(value)}"
        )
    return value
