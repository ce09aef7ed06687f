"""
Every method in every mode, over real sockets in this process: what the README's
table says of them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.modes.forward import ForwardFactory, orPortBackend
from pyptwist.modes.framing import LENGTH, STUN, Framing
from pyptwist.modes.socks5 import Socks5Factory
from pyptwist.modes.transparent import TransparentFactory
from pyptwist.modes.udp import ClientFlows, ServerFlowsFactory
from pyptwist.network import DirectNetwork
from pyptwist.registry import clientTransport, clientTransports, serverTransport, serverTransports
from pyptwist.state import StateDirectory
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import freshDirectory
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, connect, payload, sha256, together
from pyptwist.tracking import TrackedNetwork
from tests.integration.talkers import PATIENCE, EchoTalker, bind, talkTo
from tests.shown import shown

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object

HERE = HostPort("127.0.0.1", 0)

#: What tor says where a method's arguments name the server.
NOWHERE = ("192.0.2.1", 1)

SIZE = 300_000


class Side:
    """
    One side's surroundings.
    """

    def __init__(self, test: TestCase) -> None:
        self.local = TrackedNetwork(DirectNetwork(theReactor()))
        self.metrics = Metrics()
        directory = StateDirectory(str(freshDirectory(test)))
        self.context = Context(theReactor(), self.local, directory, self.metrics)


class ModesTests(_Case):
    """
    One method, in each mode.

    :cvar method: its name, or a stack's expression.
    :cvar server: the same for the server, if it has another.
    :cvar options: the server's.
    """

    timeout = 120
    method: str
    server: str | None = None
    options: Mapping[str, Any] = {}

    def remote(self, address: HostPort, published: Arguments) -> tuple[HostPort | None, Arguments]:
        """
        :param address: where the server listens.
        :param published: what it says that clients need.
        :returns: what a client is given.
        """
        return address, published

    async def serve(self, factory: Any) -> None:
        """
        Start the server, until the test's end.
        """
        endpoint = serverTransport(self.server or self.method).serverEndpoint(
            self.there.context, HERE, Arguments(self.options)
        )
        port: Any = await endpoint.listen(factory)
        address = HostPort(HERE.host, port.getHost().port)
        self.target, self.arguments = self.remote(address, endpoint.clientArguments)
        self.addCleanup(self.over, port, factory)

    async def offer(self, factory: Any) -> Address:
        """
        :returns: the address of a client's TCP port, which is open until the test's
            end.
        """
        port: Any = await self.here.local.serverEndpoint(HERE.host, 0).listen(factory)
        self.addCleanup(self.over, port, factory)
        return HERE.host, port.getHost().port

    async def over(self, port: Any, factory: Any) -> None:
        """
        Close a port, and all that came by it.
        """
        await maybeDeferred(port.stopListening)
        factory.closeAll()
        sides = self.here, self.there
        deadline = theReactor().seconds() + PATIENCE
        while any(side.metrics.connectionsOpen for side in sides):
            self.assertLess(theReactor().seconds(), deadline, "a connection stays open")
            await deferLater(theReactor(), 0.02)
        # Methods with sessions keep network connections for the next one.
        for side in sides:
            side.local.open.abort()
        await deferLater(theReactor(), 0.02)

    def setUp(self) -> None:
        self.here, self.there = Side(self), Side(self)

    async def forwarding(self) -> None:
        """
        Start the server, in front of an echo.
        """
        backend = orPortBackend(self.there.local, HostPort(*listen(self, echo).address))
        await self.serve(ForwardFactory(backend, self.method))

    async def check(self, stream: Stream) -> None:
        """
        What is sent comes back.
        """
        data = payload(SIZE)
        *_, got = await together(stream.send(data), stream.digest(SIZE))
        self.assertEqual(got, sha256(data))
        await stream.drop()

    async def test_socks5(self) -> None:
        await self.forwarding()
        factory = Socks5Factory(clientTransport(self.method), self.here.context)
        address = await self.offer(factory)
        target = NOWHERE if self.target is None else (self.target.host, self.target.port)
        arguments = dict(self.arguments.texts())
        stream = await socksConnect(self, address, target, arguments or None)
        await self.check(stream)
        shown(self.method, "socks5")

    async def test_transparentTCP(self) -> None:
        await self.forwarding()
        factory = TransparentFactory(
            clientTransport(self.method), self.here.context, self.target, self.arguments
        )
        address = await self.offer(factory)
        await self.check(await connect(self, address))
        shown(self.method, "transparent-TCP")

    async def datagrams(self, framing: Framing, messages: list[bytes]) -> None:
        """
        What is sent comes back, each by itself.
        """
        target: Any = bind(self, EchoTalker())
        there, here = self.there, self.here
        address = HostPort(HERE.host, target.getHost().port)
        await self.serve(
            ServerFlowsFactory(there.context, there.local, address, framing, self.method)
        )
        client = ClientFlows(
            *(clientTransport(self.method), here.context, here.local, HERE),
            *(self.target, self.arguments, framing),
        )
        port: Any = await client.listen()
        self.addCleanup(self.over, port, client)
        application = talkTo(self, (HERE.host, port.getHost().port))
        for number, message in enumerate(messages, 1):
            application.send(message)
            self.assertEqual((await application.receive(number))[-1], message)

    async def test_transparentUDP(self) -> None:
        await self.datagrams(LENGTH, [payload(size, size) for size in (1, 1200, 0, 20_000, 17)])
        shown(self.method, "transparent-UDP")

    async def test_stun(self) -> None:
        messages = [
            struct.pack(">HHI12s", 1, size, 0x2112A442, payload(12, size)) + bytes(size)
            for size in (0, 4, 1000)
        ]
        await self.datagrams(STUN, messages)
        shown(self.method, "STUN")


class TestB64(ModesTests, TestCase):
    method = "b64"


class TestDummy(ModesTests, TestCase):
    method = "dummy"


class TestMeek(ModesTests, TestCase):
    method = "meek"


class TestMeekLite(ModesTests, TestCase):
    """
    Whose clients are told a URL, and nothing else.
    """

    method = "meek_lite"

    def remote(self, address: HostPort, published: Arguments) -> tuple[HostPort | None, Arguments]:
        return None, published.updated(Arguments(url=f"http://{address}/"))


class TestKcp(ModesTests, TestCase):
    method = "kcp"


class TestObfs2(ModesTests, TestCase):
    method = "obfs2"


class TestObfs3(ModesTests, TestCase):
    method = "obfs3"


class TestObfs4(ModesTests, TestCase):
    method = "obfs4"


class TestScramblesuit(ModesTests, TestCase):
    method = "scramblesuit"


class TestSmux(ModesTests, TestCase):
    method = "smux"


class TestSmuxStack(ModesTests, TestCase):
    method = "smux|obfs4"


class TestStack(ModesTests, TestCase):
    method = "obfs4|b64"


class TestOptimizer(ModesTests, TestCase):
    """
    Over one transport, whose server has its own method.
    """

    method = "Optimizer"
    server = "obfs4"

    def remote(self, address: HostPort, published: Arguments) -> tuple[HostPort | None, Arguments]:
        config = {**dict(published.texts()), "serverAddress": str(address)}
        return None, Arguments(transports=json.dumps([{"name": self.server, "config": config}]))


class TestObfs4OverKcp(ModesTests, TestCase):
    method = "obfs4|kcp"


class TestSmuxOverKcp(ModesTests, TestCase):
    method = "smux|kcp"


class TestWebTunnel(ModesTests, TestCase):
    method = "webtunnel"


class TestShadow(ModesTests, TestCase):
    """
    DarkStar.
    """

    method = "shadow"


class TestReplicant(ModesTests, TestCase):
    method = "Replicant"
    options = {"toneburst": "Starburst", "polish": "DarkStar"}


class TestStarbridge(ModesTests, TestCase):
    method = "Starbridge"


class CompletenessTests(SynchronousTestCase):
    """
    No method is forgotten.
    """

    def test_all(self) -> None:
        """
        Each that is installed has its tests, in one of its spellings.
        """
        tested = {case.method.lower() for case in ModesTests.__subclasses__()}
        names = {*clientTransports(), *serverTransports()}
        installed = {name.lower() for name in names}
        self.assertEqual(installed - tested, set())
