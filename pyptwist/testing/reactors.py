"""
The reactor that the tests run on.
"""

from __future__ import annotations

from typing import Any


def theReactor() -> Any:
    """
    :returns: the one that trial runs.  Asked for late, since to import it is to
        install it, and who imports the kit may want another one.
    """
    from twisted.internet import reactor  # noqa: TID251

    return reactor
