"""
Several URLs and fronts in one bridge line: ``URL|FRONT+FRONT,URL|FRONT``.

Source: lyrebird 0.8.1.
"""

from __future__ import annotations

from collections.abc import Callable

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.transports.meek.arguments import webServer

_TARGETS = "targets"


def oneTarget(arguments: Arguments, entropy: Callable[[int], bytes]) -> Arguments:
    """
    :param arguments: a client's: ``targets``, which counts more than ``url`` and
        ``front``.
    :param entropy: chooses among several.
    :returns: the same with one URL and its front.
    :raises ConfigurationError: if one of them is wrong.
    """
    arguments.protects(_TARGETS)
    if _TARGETS not in arguments:
        return arguments
    rest = arguments.without(_TARGETS, "url", "front")
    found = [
        rest.updated(Arguments(url=url, front=front) if front else Arguments(url=url))
        for url, front in _pairs(arguments.require(_TARGETS))
    ]
    for one in found:
        try:
            webServer(one, None)
        except ConfigurationError as error:
            raise ConfigurationError(f"the argument {_TARGETS!r}: {error}") from None
    return found[int.from_bytes(entropy(8), "big") % len(found)]


def _pairs(text: str) -> list[tuple[str, str]]:
    """
    :returns: each URL with each of its fronts, which may be empty.
    """
    pairs = []
    for group in text.split(","):
        url, bar, fronts = group.partition("|")
        if not bar:
            raise ConfigurationError(
                f"the argument {_TARGETS!r} must be like URL|FRONT+FRONT,URL|FRONT"
            )
        pairs += [(url, front) for front in fronts.split("+")]
    return pairs
