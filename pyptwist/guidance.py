"""
What to tell somebody who runs the program by hand.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

import pyptwist
from pyptwist.expressions import formatExpression, parseExpression

_TEXT = """\
pyptwist {version} carries tor's traffic through pluggable transports.
tor starts it, or flags say what to do; now there is neither.

To use a bridge, put into torrc, with the bridge line that you were given:

    UseBridges 1
    ClientTransportPlugin {methods} exec {launcher}
    Bridge {method} 192.0.2.1:8443 ...

To be a bridge, put into torrc:

    BridgeRelay 1
    ORPort 127.0.0.1:auto
    AssumeReachable 1
    ExtORPort auto
    ServerTransportListenAddr {method} 0.0.0.0:8443
    ServerTransportPlugin {methods} exec {launcher}

and when it has run, this prints its bridge line:

    {command} bridge-line --state /var/lib/tor/pt_state

To serve without tor, any program on either side:

    {standalone} -server -transport {method} -bindhost 0.0.0.0 -bindport 8443 -target 127.0.0.1:80
    {standalone} -client -transport {method} -options '{{"serverAddress": "192.0.2.1:8443", ...}}'

To see everything at work on this machine, without tor:

    {command} demo

Options: {program} --help
"""


def guidance(argument: str, stacks: Mapping[str, str] | None = None) -> str:
    """
    :param argument: ``sys.argv[0]``.
    :param stacks: expressions by name, as they were defined on the command line.
    :returns: what to do, in commands with absolute paths: tor looks nothing up.
    """
    names = list(stacks or ["obfs4"])
    program, command = _words(_program(argument)), _words(_command(argument))
    definitions = _definitions(stacks or {})
    return _TEXT.format(
        version=pyptwist.__version__,
        method=names[0],
        methods=",".join(names),
        program=program,
        launcher=" ".join([program, *definitions]),
        command=command,
        # A shell does know quotes, and what a | is.
        standalone=" ".join([command, *map(shlex.quote, definitions)]),
    ).rstrip()


def _definitions(stacks: Mapping[str, str]) -> list[str]:
    """
    :returns: the options that define the stacks.  tor takes a line apart at its
        blanks, and knows no quotes.
    """
    return [
        word
        for name, text in stacks.items()
        for word in ("--stack", f"{name}={formatExpression(parseExpression(text))}")
    ]


def _program(argument: str) -> list[str]:
    """
    :returns: how tor can start what is running now.
    """
    if os.path.basename(argument) == "twistd":
        return [os.path.abspath(argument), "pt"]
    return _command(argument)


def _command(argument: str) -> list[str]:
    """
    :returns: how to start the ``pyptwist`` command.
    """
    beside = os.path.join(os.path.dirname(os.path.abspath(argument)), "pyptwist")
    if os.path.isfile(beside) and os.access(beside, os.X_OK):
        return [beside]
    return [sys.executable, "-m", "pyptwist"]


def _words(command: list[str]) -> str:
    """
    :returns: the command, such that it also finds a package that is not
        installed but found by where we stand, or by PYTHONPATH: tor stands
        elsewhere.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(pyptwist.__file__)))
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if root in (os.path.abspath(path) for path in (os.curdir, *inherited) if path):
        command = ["/usr/bin/env", f"PYTHONPATH={root}", *command]
    return " ".join(command)
