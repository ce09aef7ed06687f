"""
What is over is freed at once: it does not wait for the garbage collector, which a
process at rest does not run.
"""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import wrapServer
from pyptwist.extorport import ExtORPortServer
from pyptwist.modes.balancing import Pool
from pyptwist.modes.forward import ForwardFactory, extendedORPortBackend, orPortBackend
from pyptwist.modes.framing import LENGTH
from pyptwist.modes.socks5 import Socks5Factory
from pyptwist.modes.transparent import TransparentFactory
from pyptwist.modes.udp import ClientFlows, ServerFlowsFactory
from pyptwist.network import ProxiedNetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import clientTransports, serverTransports
from pyptwist.state import StateDirectory
from pyptwist.strangers import decoy
from pyptwist.testing.destinations import listen
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, bounded
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs4.method import Obfs4
from tests.integration.talkers import bind
from tests.interop.ours import context
from tests.modes.datagrams import HERE, Echo
from tests.remains import objects, since, withoutCollector

#: Applications at a time.
CROWD: Final = 40

#: Seconds for anything here to happen.
PATIENCE: Final = 30.0

_KERNEL = HostPort(HERE, 0)

#: More than any handshake.
_GARBAGE: Final = bytes(limits.HANDSHAKE_BUFFER + 1)


class Application(Protocol):
    """
    Tells of its end.
    """

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        self.lost.callback(None)


class EchoStream(Protocol):
    """
    Sends back what comes.
    """

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)


class RefusingProxy(Protocol):
    """
    Answers the greeting and the request of SOCKS5, with no connection.
    """

    answers = (b"\5\0", b"\5\5\0\1" + bytes(6))
    asked = 0

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(self.answers[self.asked])
        self.asked += 1


class RemainsTests(TestCase):
    """
    Without a garbage collector.
    """

    def setUp(self) -> None:
        withoutCollector(self)

    async def test_connection(self) -> None:
        """
        A client's connection and its codec.
        """
        destination = listen(self)
        endpoint = Dummy().clientEndpoint(
            context(self), HostPort(*destination.address), Arguments()
        )
        application: Any = await endpoint.connect(Factory.forProtocol(Application))
        connection = weakref.ref(application.transport)
        codec = weakref.ref(application.transport._codec)
        (await destination.accept()).close()
        await bounded(application.lost, 10, "the end of the connection")
        await deferLater(theReactor(), 0, lambda: None)
        self.assertIsNone(connection())
        self.assertIsNone(codec())


def visit(
    kind: socket.SocketKind,
    address: Address,
    greetings: Sequence[tuple[bytes, int]] = (),
    isWelcome: bool = True,
) -> None:
    """
    A crowd comes, says something, hears it, and goes.

    :param greetings: what each says before, and the length of the answers to that.
    :param isWelcome: may they say something?
    """
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.socket(socket.AF_INET, kind)) for _ in range(CROWD)]
        for each in crowd:
            each.settimeout(PATIENCE)
            each.connect(address)
            for greeting, length in greetings:
                each.sendall(greeting)
                each.recv(length, socket.MSG_WAITALL)
        for number, each in enumerate(crowd if isWelcome else ()):
            each.sendall(b"%05d" % number)
        for number, each in enumerate(crowd):
            assert each.recv(5) == (b"%05d" % number if isWelcome else b"")


def visitInVain(address: Address) -> None:
    """
    A crowd comes, and is sent away.
    """
    for _ in range(CROWD):
        with socket.create_connection(address, PATIENCE) as connection:
            assert not connection.recv(1)


def visitAsStrangers(address: Address) -> None:
    """
    A crowd comes, says what is no handshake, hears nothing, and goes.
    """
    with ExitStack() as stack:
        for _ in range(CROWD):
            stranger = stack.enter_context(socket.create_connection(address, PATIENCE))
            stranger.sendall(_GARBAGE)
        time.sleep(1)


def socksGreetings(server: HostPort, arguments: Arguments) -> Sequence[tuple[bytes, int]]:
    """
    What an application says to the socks5 mode of PT 1, by RFC 1928 and RFC 1929.
    """
    said = ";".join(f"{key}={value}" for key, value in arguments.texts()).encode()
    address = ip_address(server.host).packed + server.port.to_bytes(2, "big")
    return [
        (b"\5\1\2", 2),
        (b"\1" + bytes([len(said)]) + said + b"\1\0", 2),
        (b"\5\1\0\1" + address, 10),
    ]


class CrowdTests(TestCase):
    """
    Of many applications at once, in every mode, through obfs4 over real sockets,
    both sides in this process.
    """

    timeout = 120

    def setUp(self) -> None:
        self.here, self.there = context(self), context(self)

    async def serve(
        self, factory: Any, method: str = "obfs4", options: Mapping[str, str] | None = None
    ) -> tuple[HostPort, Arguments]:
        """
        :returns: a server's address, and what its clients need.
        """
        endpoint = decoy.serverEndpoint(
            serverTransports()[method],
            self.there,
            _KERNEL,
            Arguments(options or {}),
            self.there.network,
        )
        port: Any = await endpoint.listen(factory)
        self.addCleanup(maybeDeferred, port.stopListening)
        return HostPort(HERE, port.getHost().port), endpoint.clientArguments

    def echo(self) -> Address:
        """
        :returns: where a TCP server echoes.
        """
        return self.listenTCP(Factory.forProtocol(EchoStream))

    async def forward(
        self, method: str = "obfs4", options: Mapping[str, str] | None = None
    ) -> tuple[HostPort, Arguments]:
        """
        :returns: as ``serve``, in front of such a server.
        """
        backend = orPortBackend(self.there.network, HostPort(*self.echo()))
        return await self.serve(ForwardFactory(backend, method), method, options)

    def listenTCP(self, factory: Factory) -> Address:
        """
        :returns: where.
        """
        factory.noisy = False
        port = theReactor().listenTCP(0, factory, interface=HERE)
        self.addCleanup(maybeDeferred, port.stopListening)
        return HERE, port.getHost().port

    async def nothingRemains(
        self, visiting: Callable[[], None], over: Callable[[], None] = lambda: None
    ) -> None:
        """
        Of a second crowd; what the first one made, such as caches, may stay.

        :param over: called when the crowd has gone.
        """
        withoutCollector(self)
        for turn in range(2):
            before = objects()
            await bounded(deferToThread(visiting), PATIENCE, "answers")
            over()
            await self.settled()
            if turn:
                self.assertEqual(since(before), {})

    async def settled(self) -> None:
        """
        Wait for the end of all connections and flows.
        """
        metrics = [side.metrics for side in (self.here, self.there)]
        for _ in range(int(PATIENCE / 0.02)):
            if not any(each.connectionsOpen or each.flowsOpen for each in metrics):
                break
            await deferLater(theReactor(), 0.02)
        # The reactor has to let go of what was closed in its last turn.
        for _ in range(3):
            await deferLater(theReactor(), 0.02)

    async def test_datagrams(self) -> None:
        """
        Flows of the mode transparent-UDP, on both sides.
        """
        target: Any = bind(self, Echo())
        echo = HostPort(HERE, target.getHost().port)
        serverFlows = ServerFlowsFactory(self.there, self.there.network, echo, LENGTH, "obfs4")
        flows = ClientFlows(
            Obfs4(),
            self.here,
            self.here.network,
            _KERNEL,
            *(await self.serve(serverFlows)),
            LENGTH,
        )
        port: Any = await flows.listen()
        self.addCleanup(maybeDeferred, port.stopListening)
        address = HERE, port.getHost().port
        await self.nothingRemains(lambda: visit(socket.SOCK_DGRAM, address), flows.closeAll)

    async def test_transparent(self) -> None:
        """
        Connections of the mode transparent-TCP, and what they are forwarded by.
        """
        factory = TransparentFactory(Obfs4(), self.here, *(await self.forward()))
        address = self.listenTCP(factory)
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address))

    async def test_socks(self) -> None:
        """
        Connections of the mode socks5.
        """
        greetings = socksGreetings(*(await self.forward()))
        address = self.listenTCP(Socks5Factory(Obfs4(), self.here))
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address, greetings))

    async def test_upstreamProxy(self) -> None:
        """
        Connections and flows that an upstream proxy does not make.
        """
        _, arguments = await self.forward()
        refusing = self.listenTCP(Factory.forProtocol(RefusingProxy))
        for where in (HostPort(*refusing), HostPort(HERE, 1)):
            proxy = UpstreamProxy("socks5", where)
            network = ProxiedNetwork(theReactor(), self.here.network, proxy)
            side = replace(self.here, network=network)
            factory = TransparentFactory(Obfs4(), side, HostPort(HERE, 1), arguments)
            address = self.listenTCP(factory)
            await self.nothingRemains(partial(visitInVain, address))

    async def test_unreachableDestinations(self) -> None:
        """
        Connections that cannot be forwarded, to any of two.
        """
        nowhere = orPortBackend(self.there.network, HostPort(HERE, 1))
        backend = Pool(theReactor(), 2).backend([nowhere, nowhere])
        bridge = await self.serve(ForwardFactory(backend, "obfs4"))
        address = self.listenTCP(TransparentFactory(Obfs4(), self.here, *bridge))
        await self.nothingRemains(lambda: visitInVain(address))

    async def test_unreachable(self) -> None:
        """
        Connections and flows for which there is no server.
        """
        _, arguments = await self.forward()
        nowhere = HostPort(HERE, 1)
        address = self.listenTCP(TransparentFactory(Obfs4(), self.here, nowhere, arguments))
        await self.nothingRemains(lambda: visitInVain(address))

    async def test_methods(self) -> None:
        """
        The same with other methods, and with one on top of another.
        """
        options = {"scramblesuit": {"password": "A" * 32}}
        for method in ("b64", "obfs2", "obfs3", "scramblesuit"):
            client = clientTransports()[method]
            bridge = await self.forward(method, options.get(method))
            address = self.listenTCP(TransparentFactory(client, self.here, *bridge))
            await self.nothingRemains(partial(visit, socket.SOCK_STREAM, address))

    async def test_extendedORPort(self) -> None:
        """
        Connections that are shared out among two servers that are told of clients.
        """
        cookie = os.urandom(32)
        file = StateDirectory(self.mktemp())
        file.write("cookie", b"! Extended ORPort Auth Cookie !\n" + cookie)

        def toldOf() -> HostPort:
            server = wrapServer(
                TCP4ServerEndpoint(theReactor(), 0, interface=HERE),
                theReactor(),
                lambda: ExtORPortServer(cookie, os.urandom),
                "ext-orport",
            )
            listening: Any = self.successResultOf(
                cast(Any, server.listen(Factory.forProtocol(EchoStream)))
            )
            self.addCleanup(listening.stopListening)
            return HostPort(HERE, listening.getHost().port)

        backends = [
            extendedORPortBackend(
                *(theReactor(), self.there.network, toldOf(), file.path("cookie"), "obfs4"),
                os.urandom,
            )
            for _ in range(2)
        ]
        backend = Pool(theReactor(), 2).backend(backends)
        bridge = await self.serve(ForwardFactory(backend, "obfs4"))
        address = self.listenTCP(TransparentFactory(Obfs4(), self.here, *bridge))
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address))

    async def test_strangers(self) -> None:
        """
        Connections of those who do not know the server's identity.
        """
        for options in ({}, {"proxy-protocol": "1"}):
            server, _ = await self.forward(options=options)
            address = server.host, server.port
            await self.nothingRemains(partial(visitAsStrangers, address))

    async def test_decoy(self) -> None:
        """
        Those that see a decoy.
        """
        site = "{}:{}".format(*self.echo())
        server, _ = await self.forward(options={"decoy": site})
        address = server.host, server.port
        greeting = [(_GARBAGE, len(_GARBAGE))]
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address, greeting))

    async def test_malformedArguments(self) -> None:
        """
        Applications whose requests of the mode socks5 are refused.
        """
        address = self.listenTCP(Socks5Factory(Obfs4(), self.here))
        wrong = [(b"\5\1\2\1\1=\1\0", 4)]
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address, wrong, False))

    async def test_wrongArguments(self) -> None:
        """
        Applications whose arguments no server has.
        """
        address = self.listenTCP(Socks5Factory(Obfs4(), self.here))
        greetings = socksGreetings(HostPort(HERE, 1), Arguments({"cert": "none"}))
        await self.nothingRemains(lambda: visit(socket.SOCK_STREAM, address, greetings, False))
