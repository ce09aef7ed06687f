"""
What crosses the wire, as a censor would record it and play it again.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyptwist.testing.destinations import Destination, listen
from pyptwist.testing.streams import Address, Stream, connect, together

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


class Tap:
    """
    Forwards TCP connections, and keeps what they carried.

    :ivar address: where to connect instead of to the target.
    :ivar toServer: what the client sent, joined over all connections.
    :ivar toClient: what the server sent.
    :ivar streams: every connection from a client, in order.
    :ivar onward: what each of them became, to the target.
    """

    def __init__(self, test: TestCase, target: Address) -> None:
        self._test = test
        self._target = target
        self.toServer = bytearray()
        self.toClient = bytearray()
        self.onward: list[Stream] = []
        destination: Destination = listen(test, self._serve)
        self.address = destination.address
        self.streams = destination.streams

    async def _serve(self, client: Stream) -> None:
        server = await connect(self._test, self._target, patience=client.patience)
        self.onward.append(server)
        await together(
            _carry(client, server, self.toServer), _carry(server, client, self.toClient)
        )


async def _carry(source: Stream, sink: Stream, record: bytearray) -> None:
    # A side that leaves ends the other, and that is all.
    with contextlib.suppress(EOFError):
        while data := await source.readSome():
            record += data
            await sink.send(data)
    sink.close()
