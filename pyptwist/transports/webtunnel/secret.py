"""
Which request opens the tunnel.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

from pyptwist.transports.webtunnel.url import plainPath


class Secret:
    """
    The path, as something to compare with.
    """

    def __init__(self, path: str) -> None:
        """
        :param path: of the URL.
        """
        self._digest = _digest(path.encode("ascii"))

    def isKnownTo(
        self, method: bytes, target: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> bool:
        """
        :param target: the path, maybe with a query.
        :param version: of HTTP, as in ``1.1``.
        :param headers: with names in any case.
        :returns: does a request of this kind ask for the tunnel?
        """
        # In this order, so that the time it takes tells nothing of the path.
        return (
            hmac.compare_digest(_digest(target), self._digest)
            and method == b"GET"
            and version == b"1.1"
            and {b"upgrade", b"websocket"} <= _offers(headers)
        )


def _digest(target: bytes) -> bytes:
    return sha256(plainPath(target)).digest()


def _offers(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """
    :returns: of ``upgrade`` in ``Connection`` and ``websocket`` in ``Upgrade`` those
        that are there.  Both are lists (RFC 9110, sections 7.6.1 and 7.8).
    """
    wanted = {b"connection": b"upgrade", b"upgrade": b"websocket"}
    found = set()
    for name, value in headers:
        word = wanted.get(name.lower())
        if word in [part.strip().lower() for part in value.split(b",")]:
            found.add(word)
    return {word for word in found if word is not None}
