"""
A connection's arguments as SOCKS5's "JSON parameter block" (PT 2.1 to 3.0, section
1.4)::

    length (4), big end first
    JSON, an object, in UTF-8
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError


def formatParameterBlock(arguments: Arguments) -> bytes:
    """
    :param arguments: at least one; values of any kind.
    :returns: the block, its length in front.
    :raises ConfigurationError: for a key that is there twice, or what has no JSON
        form.
    """
    data = formatJSON(_asMap(arguments)).encode("utf-8", "surrogatepass")
    return len(data).to_bytes(4, "big") + data


def formatOptions(options: Mapping[str, Arguments]) -> str:
    """
    :param options: a server's, by method.
    :returns: what follows ``-options`` (PT 2.2.1 and 3.0, section 1.1.3).
    :raises ConfigurationError: as ``formatParameterBlock`` does.
    """
    return formatJSON({name: _asMap(arguments) for name, arguments in options.items()})


def formatJSON(value: JSON) -> str:
    """
    :raises ConfigurationError: for what has no JSON form.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigurationError("an argument cannot be written as JSON") from None


def _asMap(arguments: Arguments) -> dict[str, JSON]:
    pairs = dict(arguments.items())
    if len(pairs) != len(arguments):
        raise ConfigurationError("JSON carries each argument once")
    return pairs
