"""
Programs of other projects.
"""

from __future__ import annotations

import os
import shutil

from twisted.trial.unittest import SkipTest


def requirePeer(program: str) -> str:
    """
    The absolute path of another project's program.

    :raises SkipTest: it is not installed.
    """
    found = shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if found is None:
        raise SkipTest(f"{program} is not installed: no peer to test against")
    return found
