"""
Telling an operator, once, of a method that does not do what it seems to.
"""

from __future__ import annotations

from twisted.logger import Logger

_log = Logger()
_warned: set[str] = set()


def warnOnce(name: str, reason: str) -> None:
    """
    Log a warning about a method, unless this process has done so already.

    :param name: of the method.
    :param reason: a clause that says what is wrong with it, and what to use
        instead.
    """
    if name not in _warned:
        _warned.add(name)
        _log.warn("{name}: {reason}", name=name, reason=reason)
