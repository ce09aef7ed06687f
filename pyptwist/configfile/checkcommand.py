"""
``pyptwist check-config``.
"""

from __future__ import annotations

import sys

from twisted.python import usage

from pyptwist.configfile.plan import exposure, read
from pyptwist.configfile.tables import FileProblems
from pyptwist.intermixed import IntermixedOptions
from pyptwist.safelog import oneLine


class Options(IntermixedOptions):
    """
    ``pyptwist check-config FILE``.
    """

    synopsis = "FILE"
    longdesc = (
        "Looks for all that is wrong with a configuration file: its form, its keys, what the "
        "transport methods say to their options. Nothing listens, and no key is made. "
        "The exit status is 0 if nothing is wrong, 1 if something is, and 2 if the command "
        "line cannot be understood."
    )

    usageStatus = 2

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("name one FILE")
        self["file"] = words[0]

    def run(self) -> None:
        """
        Print what is wrong on standard error, or what the file asks for.

        :raises SystemExit: with 1, if something is wrong.
        """
        # This is the program.
        from twisted.internet import reactor  # noqa: TID251

        from pyptwist.configfile.methods import rehearse

        try:
            plan = read(self["file"])
            if problems := rehearse(reactor, plan, self._warn):
                raise FileProblems(problems)
        except FileProblems as error:
            for problem in error.problems:
                print(f"{self['file']}: {oneLine(problem)}", file=sys.stderr)
            sys.exit(1)
        if (warning := exposure(self["file"])) is not None:
            self._warn(warning)
        for section in plan.sections:
            print(f"{section.name}: {section.method} {section.configuration.role.value}")

    def _warn(self, text: str) -> None:
        print(f"{self['file']}: {oneLine(text)}", file=sys.stderr)
