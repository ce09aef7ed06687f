"""
What the commands say of themselves, as reStructuredText: for their manual pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pyptwist.command import Options
from pyptwist.ipc.flags import FLAGS, GROUPS

Words = tuple[str, ...]

_MARKUP = re.compile(r"([\\*`|_<>])")
_OPTION = re.compile(r"(?<![^\s(])(-{1,2}[A-Za-z][\w-]*)(?=[\s,.;:)']|$)")


def commands() -> dict[Words, str]:
    """
    :returns: all commands, each with a line on what it is for; the program itself
        is the one of no words.
    """
    own = {(): "pluggable transports, for tor and any other program"}
    return own | dict(_below((), Options()))


def _below(words: Words, options: Any) -> Iterator[tuple[Words, str]]:
    for name, _, make, text in getattr(options, "subCommands", ()):
        inner = (*words, name)
        yield inner, text[0].lower() + text[1:].rstrip(".")
        yield from _below(inner, make())


def optionsOf(words: Sequence[str]) -> Any:
    """
    :returns: the ``twisted.python.usage.Options`` of a command.
    """
    options: Any = Options()
    for word in words:
        options = next(make for name, _, make, _ in options.subCommands if name == word)()
    return options


def pageName(words: Sequence[str]) -> str:
    """
    :returns: of the manual page, and of its source.
    """
    return "-".join(("pyptwist", *words))


def manual(words: Sequence[str]) -> str:
    """
    :returns: synopsis, description and options of a command.
    """
    options = optionsOf(words)
    program = " ".join(("pyptwist", *words))
    usage = options.synopsis if words else "[options]"
    lines = ["Synopsis", "--------", "", "::", "", f"   {program} {usage}", ""]
    lines += ["Description", "-----------", "", prose(options.longdesc), ""]
    lines += ["Options", "-------", "", f".. program:: {program}", ""]
    for head, text in described(options):
        lines += [f".. option:: {head}", "", f"   {prose(text)}", ""]
    if not words:
        for group in GROUPS:
            lines += [group.title, "~" * len(group.title), ""]
            for flag in group.flags:
                value = f" {flag.value}" if flag.value else ""
                lines += [f".. option:: -{flag.name}{value}", "", f"   {prose(flag.help)}", ""]
    return "\n".join([*lines, *_commandLines(tuple(words), options)])


def described(options: Any) -> Iterator[tuple[str, str]]:
    """
    :returns: each option that begins with two dashes, and what it is for.
    """
    for name in sorted(options.longOpt):
        bare = name.rstrip("=")
        if bare in FLAGS and isinstance(options, Options):
            continue
        text = " ".join((options.docs.get(bare) or "").split())
        if (default := options.defaults.get(bare)) is not None and name.endswith("="):
            text += f" [default: {default}]"
        yield f"--{bare}" + (f" {bare.upper()}" if name.endswith("=") else ""), text


def _commandLines(words: Words, options: Any) -> list[str]:
    if not (inner := getattr(options, "subCommands", ())):
        return []
    lines = ["Commands", "--------", ""]
    for name, _, _, text in inner:
        lines += [f":manpage:`{pageName((*words, name))}(1)`", f"   {prose(text)}", ""]
    return lines


def prose(text: str) -> str:
    """
    :returns: a help text, as reStructuredText that reads the same.
    """
    parts = _OPTION.split(" ".join(text.split()))
    return "".join(
        f"``{part}``" if place % 2 else _MARKUP.sub(r"\\\1", part)
        for place, part in enumerate(parts)
    )
