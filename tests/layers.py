"""
Stacks to test: methods that are easy to reason about, and a network for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Transmit
from pyptwist.interfaces import Context
from pyptwist.registry import Methods
from pyptwist.stacks import Stack
from pyptwist.testing import memoryContext
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.b64 import B64
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs4.method import Obfs4
from tests.memory import Draining, Hello, HelloCodec, Slow

HERE = HostPort("127.0.0.1", 443)


class Bursty(Hello):
    """
    Writes in bursts of four bytes, each a write of its own.
    """

    class Codec(HelloCodec):
        def encode(self, data: bytes) -> None:
            self.out += [Transmit(data[at : at + 4]) for at in range(0, len(data), 4)]

    name = "bursty"
    codec: CodecFactory = Codec


class Named(Hello):
    """
    Its arguments name the server.
    """

    name = "named"

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> Any:
        return super().clientEndpoint(
            context, HostPort.parse(arguments.require("server")), arguments
        )


class Datagrams(Hello):
    """
    Wants what no layer has.
    """

    name = "datagrams"

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        return context.network.bindDatagrams(None, "127.0.0.1", 0)

    def serverEndpoint(self, context: Context, bind: Any, arguments: Arguments) -> Any:
        return context.network.bindDatagrams(None, bind.host, bind.port)


class Confused(Hello):
    """
    Listens to connect, and connects to listen.
    """

    name = "confused"

    def clientEndpoint(self, context: Context, target: Any, arguments: Arguments) -> Any:
        return context.network.serverEndpoint("127.0.0.1", 0)

    def serverEndpoint(self, context: Context, bind: Any, arguments: Arguments) -> Any:
        return context.network.clientEndpoint(bind.host, bind.port)


class Curious(Hello):
    """
    Notes what it is given.
    """

    name = "curious"

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.arguments: list[Arguments] = []

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        self.contexts.append(context)
        self.arguments.append(arguments)
        return super().clientCodec(context, arguments)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        self.contexts.append(context)
        self.arguments.append(arguments)
        return self.codec, Arguments([("key", "1"), ("other-key", "2"), ("key", "3")])


METHODS = (Dummy, Obfs4, B64, Hello, Slow, Draining, Bursty, Named, Datagrams, Confused)


def methods(*more: Any, stacks: Mapping[str, str] | None = None) -> Methods:
    """
    :param more: plugins beside the methods of this module.
    """
    found = [*(method() for method in METHODS), *more]
    return Methods(stacks, lambda role: found)


class StackCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.state = self.mktemp()
        self.context = memoryContext(self.state, "stacks", self.network)
        self.servers = Applications()

    def serve(self, stack: Stack, arguments: Arguments | None = None) -> Arguments:
        """
        Listen.

        :returns: what clients need.
        """
        endpoint = stack.serverEndpoint(self.context, HERE, arguments or Arguments())
        self.successResultOf(endpoint.listen(self.servers))
        return endpoint.clientArguments

    def connecting(
        self, stack: Stack, arguments: Arguments | None = None, context: Context | None = None
    ) -> Deferred[Any]:
        """
        :returns: an attempt that was just begun.
        """
        context = context or self.context
        endpoint = stack.clientEndpoint(context, HERE, arguments or Arguments())
        attempt: Deferred[Any] = endpoint.connect(Applications())
        return attempt

    def connected(self, stack: Stack, seconds: float = 0) -> tuple[Any, Application]:
        """
        :param seconds: that the handshakes take.
        :returns: both sides' applications.
        """
        attempt = self.connecting(stack, self.serve(stack))
        self.network.pump(seconds)
        client = self.successResultOf(attempt)
        self.network.pump()
        return client, self.servers.built[-1]

    def stranger(self) -> Application:
        """
        :returns: who connected without any layer.
        """
        stranger = Application()
        endpoint = self.network.clientEndpoint(HERE.host, HERE.port)
        endpoint.connect(Factory.forProtocol(lambda: stranger))
        self.network.pump()
        return stranger

    def assertAtRest(self, seconds: float = 600.0) -> None:
        self.network.pump(seconds)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
