"""
What to tell somebody who runs the program by hand.
"""

from __future__ import annotations

import os
import sys

import pyptwist

_TEXT = """\
pyptwist {version} carries tor's traffic through pluggable transports.
tor has to start it; by itself it has nothing to do.

To use a bridge, put into torrc, with the bridge line that you were given:

    UseBridges 1
    ClientTransportPlugin obfs4 exec {program}
    Bridge obfs4 192.0.2.1:8443 ...

To be a bridge, put into torrc:

    BridgeRelay 1
    ORPort 127.0.0.1:auto
    AssumeReachable 1
    ExtORPort auto
    ServerTransportListenAddr obfs4 0.0.0.0:8443
    ServerTransportPlugin obfs4 exec {program}

and when it has run, this prints its bridge line:

    {command} bridge-line --state /var/lib/tor/pt_state

To see everything at work on this machine, without tor:

    {command} demo

Options: {program} --help
"""


def guidance(argument: str) -> str:
    """
    :param argument: ``sys.argv[0]``.
    :returns: what to do, in commands with absolute paths: tor looks nothing up.
    """
    return _TEXT.format(
        version=pyptwist.__version__,
        program=_words(_program(argument)),
        command=_words(_command(argument)),
    ).rstrip()


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
