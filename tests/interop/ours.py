"""
Our side of an interoperation test, in the test's own process, over real TCP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork
from pyptwist.state import StateDirectory
from pyptwist.testing.environments import freshDirectory
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, Stream, bounded
from pyptwist.tracking import TrackedNetwork, settled
from pyptwist.transports.obfs4.method import Obfs4

_PATIENCE = 1.0  # seconds, for sockets to be closed


class TransportStream(Stream):
    """
    A stream whose transport is a transport connection.
    """

    def connectionMade(self) -> None:
        self._tcp = self.transport


class Server(Factory):
    """
    A server in this process; make one with `serve`.

    :ivar address: where it listens.
    :ivar arguments: what it publishes.
    :ivar streams: every client that was let in.
    """

    noisy = False

    def __init__(self) -> None:
        self.address: Address = ("", 0)
        self.arguments: dict[str, str] = {}
        self.streams: list[TransportStream] = []
        self._accepted: DeferredQueue[Stream] = DeferredQueue()

    def buildProtocol(self, addr: IAddress | None) -> Stream:
        stream = TransportStream()
        self.streams.append(stream)
        # The stream has no transport before this method returns.
        theReactor().callLater(0, self._accepted.put, stream)
        return stream

    async def accept(self) -> Stream:
        """
        The next client that was let in, waiting for it if need be.
        """
        return await bounded(self._accepted.get(), Stream.patience, "a client")


def context(test: TestCase) -> Context:
    """
    Surroundings with a state directory of their own.  The test's cleanup closes what
    is open then: connections that others are carried on.
    """
    network = TrackedNetwork(DirectNetwork(reactor))

    async def close() -> None:
        network.open.abort()
        await settled(reactor, _PATIENCE, lambda: not network.open)

    test.addCleanup(lambda: Deferred.fromCoroutine(close()))
    return Context(reactor, network, StateDirectory(freshDirectory(test)), Metrics())


async def serve(
    test: TestCase, options: Mapping[str, str] | None = None, method: Any = Obfs4
) -> Server:
    """
    Start our server on a port that the kernel chooses, until the test's cleanup.

    :param options: as an operator would give them.
    :param method: the class.
    """
    server = Server()
    endpoint = method().serverEndpoint(
        context(test), HostPort("127.0.0.1", 0), Arguments(options or {})
    )
    port: Any = await endpoint.listen(server)
    server.address = ("127.0.0.1", port.getHost().port)
    server.arguments = dict(endpoint.clientArguments.texts())

    async def stop() -> None:
        await port.stopListening()
        for stream in server.streams:
            await stream.drop()

    test.addCleanup(lambda: Deferred.fromCoroutine(stop()))
    return server


def connecting(
    test: TestCase, address: Address, arguments: Mapping[str, str], method: Any = Obfs4
) -> Deferred[Stream]:
    """
    Begin to connect with our client.

    :param arguments: of the bridge line.
    :param method: the class.
    :returns: the stream, which the test's cleanup drops.
    """
    endpoint = method().clientEndpoint(context(test), HostPort(*address), Arguments(arguments))

    def connected(stream: Stream) -> Stream:
        test.addCleanup(lambda: Deferred.fromCoroutine(stream.drop()))
        return stream

    attempt = cast("Deferred[Stream]", endpoint.connect(Factory.forProtocol(TransportStream)))
    return attempt.addCallback(connected)
