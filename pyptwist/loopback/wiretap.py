"""
Somebody on the wire: passes everything on, and looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pyptwist.relay import RelayEnd, join

#: Is shown each piece of bytes, before it is passed on.
Look: TypeAlias = Callable[[bytes], object]

#: Is called for each connection; the first that it returns looks at what the client
#: sends, the second at what the server sends.
Watch: TypeAlias = Callable[[], tuple[Look, Look]]


class Wiretap(Factory):
    """
    Listens in the server's place, and reaches the server.
    """

    noisy = False

    def __init__(self, server: IStreamClientEndpoint, watch: Watch) -> None:
        """
        :param server: how to reach the server.
        """
        self._endpoint = server
        self._watch = watch

    def buildProtocol(self, addr: IAddress | None) -> _Accepted:
        client, server = self._watch()
        return _Accepted(client, lambda: self._reach(server))

    def _reach(self, look: Look) -> Deferred[Any]:
        factory = Factory.forProtocol(lambda: _Observed(look))
        factory.noisy = False
        reaching: Deferred[Any] = self._endpoint.connect(factory)
        return reaching


class _Observed(RelayEnd):
    """
    One side of a connection that is looked at.
    """

    def __init__(self, look: Look) -> None:
        self._look = look

    def dataReceived(self, data: bytes) -> None:
        self._look(data)
        super().dataReceived(data)


class _Accepted(_Observed):
    def __init__(self, look: Look, reach: Callable[[], Deferred[Any]]) -> None:
        super().__init__(look)
        self._reach = reach

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()
        self._reach().addCallbacks(self._reached, self._unreachable)

    def _reached(self, server: _Observed) -> None:
        join(self, server)

    def _unreachable(self, reason: Failure) -> None:
        transport: Any = self.transport
        transport.loseConnection()
