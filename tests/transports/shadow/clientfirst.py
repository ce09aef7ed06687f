"""
The kit's tests for a method whose server is ready only when the client's application has
said something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyptwist.testing import CodecConformance, CodecPair, EndpointConformance
from pyptwist.testing.applications import Applications
from pyptwist.testing.codeccase import Cut

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

#: What the client says.
OPENING = b"!"


class ClientFirstCodecs(CodecConformance, _Case):
    """
    ``CodecConformance``, where the client says one byte before all else.
    """

    def shakeHands(self, pair: CodecPair, cut: Cut | None = None, what: str = "") -> None:
        pair.run(cut)
        self.open(pair)
        super().shakeHands(pair, cut, what)
        del pair.server.delivered[: len(OPENING)]

    def open(self, pair: CodecPair) -> None:
        """
        The client's application speaks.
        """
        pair.client.apply(pair.client.codec.send(OPENING, pair.now))

    def _writerReady(self, clientWrites: bool) -> CodecPair:
        if clientWrites:
            return super()._writerReady(True)
        pair = self.startedPair()
        self.open(pair)
        pair.run()
        return pair


class ClientFirstEndpoints(EndpointConformance, _Case):
    """
    The same for ``EndpointConformance``.
    """

    def connected(self, applications: Applications | None = None) -> tuple[Any, Any]:
        before = len(self.servers.built)
        attempt, _ = self.connecting(applications=applications)
        self.network.pump()
        client: Any = self.successResultOf(attempt)
        if len(self.servers.built) == before:
            client.transport.write(OPENING)
            self.network.pump()
            server: Any = self.servers.built[-1]
            del server.received[: len(OPENING)]
        return client, self.servers.built[-1]
