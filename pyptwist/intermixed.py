"""
Command lines whose options may stand behind the arguments, too.
"""

from __future__ import annotations

import getopt
from collections.abc import Sequence

from twisted.python import usage

from pyptwist.versioned import VersionedOptions


class IntermixedOptions(VersionedOptions):
    """
    Options of a command that takes arguments: Twisted's parser takes none behind
    the first of these.
    """

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        :raises twisted.python.usage.UsageError: for what is wrong with them.
        """
        try:
            found, rest = getopt.gnu_getopt(list(options or ()), self.shortOpt, self.longOpt)
        except getopt.GetoptError as error:
            raise usage.UsageError(str(error)) from None
        valued = {f"--{name}" for name in self.longOpt if name.endswith("=")}
        said = [f"{key}={value}" if f"{key}=" in valued else key for key, value in found]
        super().parseOptions([*said, "--", *rest])  # type: ignore[no-untyped-call]
