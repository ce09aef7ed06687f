"""
The help of a command that takes the flags of the PT specs: by group, and with
examples.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from pyptwist.ipc.flags import FLAGS, GROUPS, Flag

_EXAMPLES = """\
Examples:
  A server that forwards to a web server on this machine; it shows its cert:
    {program} -server -transport obfs4 -bindhost 0.0.0.0 -bindport 8443 \\
        -target 127.0.0.1:80 -state /var/lib/pt
  A client of it, as a SOCKS5 proxy on port 1984:
    {program} -client -transport obfs4 -proxylistenaddr 127.0.0.1:1984 \\
        -options '{{"serverAddress": "192.0.2.1:8443", "cert": "...", "iat-mode": 0}}'
  The same for programs that know no SOCKS, which connect to port 1984:
    {program} -client -transport obfs4 -proxylistenaddr 127.0.0.1:1984 \\
        -mode transparent-TCP -optionsFile obfs4.json
"""

_INDENT = 26


def commandHelp(options: Any, width: int | None = None) -> str:
    """
    :param options: the ``twisted.python.usage.Options``.
    :param width: of the text, in characters.
    :returns: the help.
    """
    program = os.path.basename(sys.argv[0]).replace("__main__.py", "pyptwist")
    program += " pt" if options.parent is not None else ""
    width = width or 80
    parts = [
        textwrap.fill(options.longdesc, width),
        "\n".join(["Options:", *_own(options, width)]),
        *("\n".join([f"{group.title}:", *_flags(group.flags, width)]) for group in GROUPS),
    ]
    if commands := getattr(options, "subCommands", ()):
        rows = (_row(name, text, width) for name, _, _, text in commands)
        parts.append("\n".join(["Commands:", *rows]))
    return "\n\n".join([*parts, _EXAMPLES.format(program=program)])


def _own(options: Any, width: int) -> Iterator[str]:
    for name in sorted(options.longOpt):
        bare = name.rstrip("=")
        if bare not in FLAGS:
            text = options.docs.get(bare) or ""
            value = f"={bare.rpartition('-')[2].upper()}" if name.endswith("=") else ""
            yield _row(f"--{bare}{value}", " ".join(text.split()), width)


def _flags(flags: tuple[Flag, ...], width: int) -> Iterator[str]:
    for flag in flags:
        yield _row(f"-{flag.name}{f' {flag.value}' if flag.value else ''}", flag.help, width)


def _row(head: str, text: str, width: int) -> str:
    filled = textwrap.fill(
        text, width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT
    )
    if len(head) + 4 <= _INDENT:
        return f"  {head}".ljust(_INDENT) + filled[_INDENT:]
    return f"  {head}\n{filled}"
