"""
Twisted's TLS, without what keeps it from being freed.
"""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport
from twisted.python.failure import Failure


class FreeingTLSTransport(BufferingTLSTransport):
    """
    Twisted keeps why TLS ended, if it did not end in order, in a variable of the
    function that is in the traceback of that: in a cycle, with the connection.  Most
    of the web's clients just go.
    """

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        if reason is not None:
            reason.cleanFailure()
        super()._tlsShutdownFinished(reason)  # type: ignore[no-untyped-call]


def freeing(factory: Any) -> Any:
    """
    :param factory: a ``TLSMemoryBIOFactory``.
    :returns: the factory, whose connections are of this kind.
    """
    factory.protocol = FreeingTLSTransport
    return factory
