"""
The ``pyptwist`` command.

Standard output is taken over before anything else is imported: whatever that
prints, then, does not reach the parent.
"""

from __future__ import annotations

import sys

from pyptwist.ipc import inheritance
from pyptwist.ipc.flags import isServing


def main() -> None:
    """
    Run the command line that the process was started with.
    """
    if inheritance.isLaunched() or isServing(sys.argv[1:]):
        inheritance.claim()
    from pyptwist.command import run

    run()
