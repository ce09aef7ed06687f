"""
``pyptwist list``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from pyptwist.listing.inventory import Inventory, Method, survey
from pyptwist.listing.origins import Origins
from pyptwist.tables import aligned, show
from pyptwist.versioned import VersionedOptions


def asText(inventory: Inventory) -> str:
    """
    :returns: tables for people.
    """
    return "\n".join(_sections(inventory))


def asJSON(inventory: Inventory) -> str:
    """
    :returns: the same for programs.
    """
    return json.dumps({"isSound": inventory.isSound, **asdict(inventory)}, indent=2)


def _sections(inventory: Inventory) -> Iterator[str]:
    if inventory.methods:
        rows = [_row(method) for method in inventory.methods]
        yield aligned([("METHOD", "ROLES", "FROM", ""), *rows])
    else:
        yield "No transport method is installed."
    if inventory.problems:
        failed = [(p.name, str(p.origin), f"failed: {p.reason}") for p in inventory.problems]
        yield ""
        yield aligned([("PLUGIN MODULE", "FROM", ""), *failed])


def _row(method: Method) -> tuple[str, str, str, str]:
    notes = [f"stack: {method.stack}"] if method.stack else []
    notes += [f"failed: {method.problem}"] if method.problem else []
    came = ", ".join(map(str, method.origins)) or "--stack"
    return method.name, " ".join(method.roles), came, "; ".join(notes)


class Options(VersionedOptions):
    """
    ``pyptwist list``.
    """

    synopsis = "[options]"
    longdesc = (
        "Shows every transport method that is installed, the roles that it can play, and the "
        "package and version that it came with, or the folder; and, for whatever cannot be "
        "used, why. A stack is shown with its layers; those that --stack defines, in front of "
        "the command, are among them. The exit status is 0 if all can be used, else 1."
    )
    optFlags = [["json", None, "Print JSON, for programs."]]

    def run(self) -> None:
        """
        Print it.

        :raises SystemExit: if something cannot be used.
        """
        stacks = {} if self.parent is None else self.parent["stacks"]
        # What plugins print while they are imported is not our answer.
        with contextlib.redirect_stdout(sys.stderr):
            inventory = survey(Origins(), stacks)
        show((asJSON if self["json"] else asText)(inventory))
        if not inventory.isSound:
            sys.exit(1)
