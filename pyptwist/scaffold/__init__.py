"""
``pyptwist new``: a package with a transport method that works, for its author to
change.
"""

from __future__ import annotations

import os
import shlex
import sys

from twisted.python import usage

from pyptwist.intermixed import IntermixedOptions


class Options(IntermixedOptions):
    """
    ``pyptwist new``.
    """

    synopsis = "NAME [options]"
    longdesc = (
        "Writes a Python package with a transport method called NAME, client and server, its "
        "plugin file and its tests. It works as it is, and protects nobody until you make "
        "something of it."
    )
    optParameters = [
        ["directory", None, None, "The directory to make for it; by default NAME, here."],
    ]

    def parseArgs(self, *names: str) -> None:
        if len(names) != 1:
            raise usage.UsageError("one name is needed, as in: pyptwist new demo_transport")
        (self["name"],) = names

    def run(self) -> None:
        """
        Write it, and say how to go on.

        :raises ConfigurationError: if it cannot be.
        """
        from pathlib import Path

        from pyptwist.scaffold.package import writePackage

        directory = self["directory"] or self["name"]
        writePackage(self["name"], Path(directory))
        # Whoever called us by a path finds no python and no pyptwist without one.
        commands = nextCommands(self["name"], directory, shlex.quote(sys.executable))
        print(f"{os.path.join(directory, '')} holds the transport {self['name']}. To go on:\n")
        print(*(f"    {command}" for command in commands), sep="\n")


def nextCommands(name: str, directory: str, python: str) -> list[str]:
    """
    :param name: of the method.
    :param directory: where its package is.
    :param python: how a shell reaches an interpreter that has pyptwist.
    :returns: for a shell: enter the package, test it, list it, run it.
    """
    path = os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")]))
    module = f"PYTHONPATH={shlex.quote(path)} {python} -m"
    return [
        f"cd {shlex.quote(directory)}",
        f"{module} twisted.trial tests",
        f"{module} pyptwist list",
        f"{module} pyptwist demo --method {name}",
    ]
