"""
Pluggable transports for Twisted.
"""

import sys

from pyptwist.ipc.inheritance import claimForTwistd

__version__ = "0.1.0"

# Twisted's search for plugins comes here early, and before most of what others
# have installed; what that prints must not get into the IPC.
claimForTwistd(sys.argv)
