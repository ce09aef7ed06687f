"""
Every timeout and every cap, in one place.

Each has its unit in its comment, and why it is what it is.
"""

from __future__ import annotations

from pyptwist.limits.ciphered import *  # noqa: F403
from pyptwist.limits.connections import *  # noqa: F403
from pyptwist.limits.datagrams import *  # noqa: F403
from pyptwist.limits.multiplexing import *  # noqa: F403
from pyptwist.limits.optimizer import *  # noqa: F403
from pyptwist.limits.processes import *  # noqa: F403
from pyptwist.limits.web import *  # noqa: F403
