"""
``pyptwist doctor``: what is wrong with this installation, and the command that
mends it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyptwist.errors import ConfigurationError
from pyptwist.versioned import VersionedOptions

if TYPE_CHECKING:
    from pyptwist.doctor.case import Case, Check, Finding
    from pyptwist.doctor.torrc import Torrc


class Options(VersionedOptions):
    """
    ``pyptwist doctor``.

    :cvar usageStatus: the exit status after an error in the command line.
    """

    usageStatus = 2
    synopsis = "[options]"
    longdesc = (
        "Looks for what keeps a transport from running, or from keeping its keys: plugins, "
        "their cache, the state directory, open files, the clock, AppArmor, systemd, torrc. It "
        "changes nothing and needs no privileges; what it may not see it says. Run it as "
        "the user that tor runs as, such as: sudo -u debian-tor pyptwist doctor. Below what "
        "should be mended is the command for it, or the line for torrc. "
        "The exit status is 0 if there is nothing to mend, 1 if there is, and 2 for an error "
        "in the command line."
    )
    optFlags = [["json", None, "Print JSON, for programs."]]
    optParameters = [
        [
            "state",
            None,
            None,
            "The state directory; by default that of TOR_PT_STATE_LOCATION, or Debian's.",
        ],
        ["torrc", None, None, "Look at this torrc, too, such as /etc/tor/torrc."],
    ]

    def run(self) -> None:
        """
        Examine, and print what was found.

        :raises SystemExit: if there is something to mend.
        """
        from pyptwist.doctor import report
        from pyptwist.tables import show

        findings = [*examine(self.case())]
        show((report.asJSON if self["json"] else report.asText)(findings))
        if not report.isSound(findings):
            sys.exit(1)

    def case(self) -> Case:
        """
        :returns: this installation.
        """
        from pyptwist.doctor.case import Case

        return Case(
            program=_program(),
            prefix=sys.prefix,
            python=os.path.realpath(sys.executable),
            torrc=None if self["torrc"] is None else _torrc(self["torrc"]),
            state=self["state"],
            environ=os.environ,
        )


def examine(case: Case) -> Iterator[Finding]:
    """
    :returns: the findings of all examinations.
    """
    for check in checks():
        yield from check(case)


def checks() -> list[Check]:
    """
    :returns: all examinations, in the order in which they are told.
    """
    from pyptwist.doctor.apparmor import checkAppArmor
    from pyptwist.doctor.configuration import checkTorrc
    from pyptwist.doctor.machine import checkClock, checkDescriptors
    from pyptwist.doctor.plugins import checkCache, checkPlugins
    from pyptwist.doctor.statedir import checkState
    from pyptwist.doctor.unit import checkUnit

    return [
        checkPlugins,
        checkCache,
        checkState,
        checkDescriptors,
        checkClock,
        checkAppArmor,
        checkUnit,
        checkTorrc,
    ]


def _program() -> str:
    """
    :returns: the command that tor would start.
    """
    beside = os.path.join(os.path.dirname(sys.executable), "pyptwist")
    called = os.path.abspath(sys.argv[0])
    return called if os.path.basename(called) == "pyptwist" else beside


def _torrc(path: str) -> Torrc:
    from pyptwist.doctor.torrc import Torrc

    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return Torrc.parse(file.read())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror})") from error
