"""
Writing TOML, as much of it as configuration files need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def document(
    title: str,
    stacks: Mapping[str, str],
    kind: str,
    keys: Mapping[str, JSON],
    options: Arguments,
) -> str:
    """
    :param title: a comment in one line.
    :param kind: of the one section, ``server`` or ``client``.
    :returns: a file.
    :raises ConfigurationError: for options that TOML cannot hold.
    """
    named = dict(options.items())
    if len(named) < len(options):
        raise ConfigurationError("an option is there twice, which a file cannot say")
    parts = [f"# {title}\n"]
    if stacks:
        parts.append(_table("[stacks]", stacks))
    parts.append(_table(f"[[{kind}]]", keys))
    if named:
        parts.append(_table(f"[{kind}.options]", named))
    return "\n".join(parts)


def value(data: JSON) -> str:
    """
    :returns: a value, in one line.
    :raises ConfigurationError: for null, which TOML does not have.
    """
    if data is None:
        raise ConfigurationError("an option is null, which a file cannot say")
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key(name)} = {value(one)}" for name, one in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(value, data)) + "]"
    # What JSON escapes, TOML escapes in the same way; and DEL, too.
    return json.dumps(data, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """
    :returns: a key.
    """
    return name if _BARE.fullmatch(name) else value(name)


def _table(header: str, pairs: Mapping[str, JSON]) -> str:
    return f"{header}\n" + "".join(f"{key(name)} = {value(one)}\n" for name, one in pairs.items())
