"""
Somebody on the wire: passes everything on, and keeps the beginning.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pyptwist.relay import RelayEnd, join

_KEPT = 64  # bytes each way; four lines say enough
_ROW = 16


class Observed(RelayEnd):
    """
    One side of a connection that is looked at.

    :ivar seen: the first bytes that came from this side.
    """

    def __init__(self) -> None:
        self.seen = b""

    def dataReceived(self, data: bytes) -> None:
        if len(self.seen) < _KEPT:
            self.seen += data[: _KEPT - len(self.seen)]
        super().dataReceived(data)


class Observer(Factory):
    """
    Listens in the server's place, and reaches the server.

    :ivar client: the client's side of the last connection, or None.
    :ivar server: the server's side.
    """

    noisy = False

    def __init__(self, server: IStreamClientEndpoint) -> None:
        """
        :param server: how to reach the server.
        """
        self._endpoint = server
        self.client: Observed | None = None
        self.server: Observed | None = None

    def buildProtocol(self, addr: IAddress | None) -> _Accepted:
        return _Accepted(self)

    def reach(self) -> Deferred[Any]:
        """
        :returns: fires with the server's side.
        """
        reaching: Deferred[Any] = self._endpoint.connect(Factory.forProtocol(Observed))
        return reaching


class _Accepted(Observed):
    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()
        self._observer.reach().addCallbacks(self._reached, self._unreachable)

    def _reached(self, server: Observed) -> None:
        self._observer.client, self._observer.server = self, server
        join(self, server)

    def _unreachable(self, reason: Failure) -> None:
        transport: Any = self.transport
        transport.loseConnection()


def excerpt(data: bytes) -> str:
    """
    :param data: any bytes; the first 64 are shown.
    :returns: rows of hex and text, indented by four.
    """
    rows = [data[start : start + _ROW] for start in range(0, min(len(data), _KEPT), _ROW)]
    return "\n".join(f"    {row.hex(' '):{3 * _ROW}} {_printable(row)}" for row in rows)


def _printable(row: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
