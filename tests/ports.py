"""
Ports for programs that cannot listen on one of the kernel's choice, or do not tell it.
"""

from __future__ import annotations

import contextlib
import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

#: Nobody listens on one who was not told so: below are services, and from the last one
#: on the kernel gives ports to everybody who asks for any.
_FIRST: Final = 10_000
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")

_random = random.SystemRandom()
_given: set[int] = set()


def freePort() -> int:
    """
    :returns: a port of 127.0.0.1 that neither TCP nor UDP has in use, that the kernel
        gives to nobody meanwhile, and that was not returned before.
    """
    while True:
        port = _random.randrange(_FIRST, int(_RANGE.read_text().split()[0]))
        if port not in _given and _isFree(port):
            _given.add(port)
            return port


def _isFree(port: int) -> bool:
    with ExitStack() as stack, contextlib.suppress(OSError):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
        return True
    return False
