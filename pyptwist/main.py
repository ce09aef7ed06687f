"""
The ``pyptwist`` command.

Standard output is taken over before anything else is imported: whatever that
prints, then, does not reach the parent.
"""

from __future__ import annotations

from pyptwist.ipc import inheritance


def main() -> None:
    """
    Run the command line that the process was started with.
    """
    if inheritance.isLaunched():
        inheritance.claim()
    from pyptwist.command import run

    run()
