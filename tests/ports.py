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
#: As many are enough for all processes of tests that there are at a time.
_ENOUGH: Final = 1000

_random = random.SystemRandom()
_given: set[int] = set()


def freePort() -> int:
    """
    :returns: a port of 127.0.0.1 that neither TCP nor UDP has in use, and that was not
        returned before; and that the kernel gives to nobody meanwhile, unless this
        machine's gives them all.
    """
    kept = keptPorts()
    while True:
        port = _random.choice(kept) if len(kept) >= _ENOUGH else _kernelsChoice()
        if port not in _given and _isFree(port):
            _given.add(port)
            return port


def keptPorts(settings: Path = _RANGE) -> range:
    """
    :param settings: the kernel's file with the first and the last port that it gives.
    :returns: those before them; none if that is not known.
    """
    try:
        return range(_FIRST, int(settings.read_text().split()[0]))
    except FileNotFoundError:
        return range(0)


def _kernelsChoice() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _isFree(port: int) -> bool:
    with ExitStack() as stack, contextlib.suppress(OSError):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
        return True
    return False
