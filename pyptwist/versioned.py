"""
Command lines that know whose version is asked for.
"""

from __future__ import annotations

import sys

from twisted.python import usage

from pyptwist import __version__


class VersionedOptions(usage.Options):
    """
    Options of ``pyptwist`` and each of its commands: Twisted's own tell Twisted's
    version.
    """

    def opt_version(self) -> None:
        """
        Display the version and exit.
        """
        print(f"pyptwist {__version__}")
        sys.exit(0)
