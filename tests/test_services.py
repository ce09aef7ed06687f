"""
Tests for ``pyptwist.services`` and ``pyptwist.tracking``.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import wrapClient
from pyptwist.errors import Cause, ConfigurationError, LocalProtocolError
from pyptwist.network import DirectNetwork
from pyptwist.proxies.socks5 import Socks5Client
from pyptwist.registry import Methods
from pyptwist.remotes import Remote
from pyptwist.services import TransportClient, TransportServer, TransportTunnel
from pyptwist.testing import MemoryNetwork
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from pyptwist.testing.environments import freshDirectory
from tests.memory import Draining, DrainingCodec, Hello

HERE = HostPort("127.0.0.1", 0)


class SilentCodec(DrainingCodec):
    """
    A server's that says nothing before it knows its peer.
    """

    def begin(self) -> None:
        self.state = self._hello


class Silent(Hello):
    """
    The method whose servers may have decoys.
    """

    name = "silent"
    codec = SilentCodec


METHODS = Methods(plugins=lambda role: [Hello(), Draining(), Silent()])


class MemoryCase(SynchronousTestCase):
    """
    Services on a network in memory.
    """

    def setUp(self) -> None:
        self.network: Any = MemoryNetwork()
        self.clock: Any = self.network.clock
        self.applications = Applications()

    def make(self, kind: Any, *arguments: Any, **more: Any) -> Any:
        """
        :returns: a service.
        """
        return kind(self.clock, *arguments, network=self.network, methods=METHODS, **more)

    def server(self, method: str = "hello", bind: HostPort = HERE, **more: Any) -> Any:
        """
        :returns: one, in front of our applications.
        """
        return self.make(TransportServer, method, bind, self.applications, **more)

    def started(self, service: Any) -> HostPort:
        """
        :returns: where the service listens, from now on.
        """
        address: HostPort = self.successResultOf(service.start())
        return address

    def stop(self, *services: Any) -> None:
        """
        Stop them, and see that they leave nothing behind.
        """
        stopping = [service.stop() for service in services]
        self.network.pump(2)
        for over in stopping:
            self.successResultOf(over)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        ends = [end for connection in self.network.connections for end in connection]
        self.assertEqual([end for end in ends if end.connected], [])
        self.assertEqual(self.network._listeners, {})

    def listen(self, port: int, applications: Applications) -> Any:
        """
        :returns: a TCP server's port.
        """
        endpoint = self.network.serverEndpoint("127.0.0.1", port)
        return self.successResultOf(endpoint.listen(applications))

    def write(self, data: bytes) -> None:
        """
        Have the first of our applications write.
        """
        transport: Any = self.applications.built[0].transport
        transport.write(data)

    def connect(self, address: HostPort) -> Any:
        """
        :returns: an application, connected to a TCP port.
        """
        endpoint = self.network.clientEndpoint(address.host, address.port)
        connecting = endpoint.connect(Applications())
        self.network.pump()
        return self.successResultOf(connecting)


class ExchangeTests(MemoryCase):
    """
    What services are for.
    """

    def exchange(self, client: Any, application: Any) -> None:
        """
        Say something each way.
        """
        client.transport.write(b"there")
        self.network.pump()
        self.assertEqual(bytes(application.received), b"there")
        application.transport.write(b"back")
        self.network.pump()
        self.assertEqual(bytes(client.received), b"back")

    def test_tunnel(self) -> None:
        """
        A TCP connection goes through a tunnel to the server's application.
        """
        server = self.server()
        self.started(server)
        tunnel = self.make(TransportTunnel, server.remote())
        client = self.connect(self.started(tunnel))
        (application,) = self.applications.built
        self.exchange(client, application)
        for service in (server, tunnel):
            self.assertEqual(service.metrics.connectionsOpen, 1)
            self.assertEqual(service.metrics.handshakesDone, 1)
        self.stop(server, tunnel)
        self.assertEqual(server.metrics.connectionsOpen, 0)
        self.assertEqual(len(client.lost), 1)
        self.assertEqual(len(application.lost), 1)

    def test_bridgeLine(self) -> None:
        """
        A tunnel takes a bridge line, too, which the server gives.
        """
        server = self.server()
        address = self.started(server)
        line = str(server.bridgeLine())
        self.assertEqual(line, f"Bridge hello {address} greeting=hello")
        self.assertEqual(server.clientArguments, Arguments({"greeting": "hello"}))
        tunnel = self.make(TransportTunnel, line)
        client = self.connect(self.started(tunnel))
        self.exchange(client, self.applications.built[0])
        self.stop(server, tunnel)

    def test_socks(self) -> None:
        """
        A client lets applications say where the server is.
        """
        server, client = self.server(), self.make(TransportClient, "hello")
        target, proxy = self.started(server), self.started(client)
        endpoint = wrapClient(
            self.network.clientEndpoint(proxy.host, proxy.port),
            self.clock,
            lambda: Socks5Client(target, None, insist=False),
            "socks5",
        )
        connecting = endpoint.connect(Applications())
        self.network.pump()
        self.exchange(self.successResultOf(connecting), self.applications.built[0])
        self.stop(client, server)

    def test_forward(self) -> None:
        """
        A server takes its clients to a TCP server, if that is its destination.
        """
        port = self.listen(80, self.applications)
        server = self.make(TransportServer, "hello", HERE, HostPort("127.0.0.1", 80))
        self.started(server)
        tunnel = self.make(TransportTunnel, server.remote())
        client = self.connect(self.started(tunnel))
        self.exchange(client, self.applications.built[0])
        self.successResultOf(port.stopListening())
        self.stop(tunnel, server)

    def test_stack(self) -> None:
        """
        A stack is named by its expression; in bridge lines as well.
        """
        server = self.server("hello|hello")
        self.started(server)
        line = str(server.bridgeLine())
        self.assertTrue(line.startswith("Bridge hello_hello "), line)
        tunnel = self.make(TransportTunnel, line.replace("hello_hello", "hello|hello"))
        client = self.connect(self.started(tunnel))
        self.exchange(client, self.applications.built[0])
        self.stop(server, tunnel)

    def test_upstreamProxy(self) -> None:
        """
        With an upstream proxy, it is the only one that a tunnel connects to.
        """
        proxy = Applications()
        port = self.listen(1080, proxy)
        remote = Remote("hello", HostPort("bridge.example", 443))
        tunnel = self.make(TransportTunnel, remote, proxy="socks5://127.0.0.1:1080")
        self.connect(self.started(tunnel))
        self.assertEqual(bytes(proxy.built[0].received), b"\x05\x01\x00")
        self.successResultOf(port.stopListening())
        self.stop(tunnel)

    def test_several(self) -> None:
        """
        Several live side by side, with counters of their own.
        """
        servers = [self.server() for _ in range(3)]
        tunnels = []
        for server in servers:
            self.started(server)
            tunnels.append(self.make(TransportTunnel, server.remote()))
        self.assertEqual(len({server.address for server in servers}), 3)
        self.connect(self.started(tunnels[1]))
        self.assertEqual([server.metrics.handshakesDone for server in servers], [0, 1, 0])
        self.stop(servers[0], tunnels[1], *servers[1:])


class LifeTests(MemoryCase):
    """
    Start and stop, in every order.
    """

    def test_again(self) -> None:
        """
        What was stopped can be started.
        """
        server = self.server(bind=HostPort("127.0.0.1", 443))
        for _ in range(2):
            self.assertEqual(self.started(server), HostPort("127.0.0.1", 443))
            self.stop(server)
            self.assertRaises(LocalProtocolError, lambda: server.address)

    def test_twice(self) -> None:
        """
        What runs, or is being stopped, is not started.
        """
        server = self.server()
        self.started(server)
        self.failureResultOf(server.start(), LocalProtocolError)
        self.connect(server.address)
        stopping = server.stop()
        self.failureResultOf(server.start(), LocalProtocolError)
        self.network.pump(2)
        self.successResultOf(stopping)

    def test_stopTwice(self) -> None:
        """
        Two may wait for one end; and nothing is there to be stopped before and
        after.
        """
        server = self.server()
        self.successResultOf(server.stop())
        self.started(server)
        self.stop(server, server)
        self.successResultOf(server.stop())

    def test_stopWhileStarting(self) -> None:
        """
        To stop what has not begun to listen is to cancel that.
        """
        never: Deferred[Any] = Deferred()
        server = self.server()
        self.patch(server, "_listen", lambda: never)
        starting = server.start()
        self.assertNoResult(starting)
        self.successResultOf(server.stop())
        self.failureResultOf(starting, CancelledError)

    def test_collection(self) -> None:
        """
        They are services.
        """
        collection = MultiService()
        server = self.server()
        verifyObject(IService, server)
        server.setServiceParent(collection)
        collection.startService()
        self.assertTrue(server.running)
        self.connect(server.address)
        stopping: Any = collection.stopService()
        self.network.pump(2)
        self.successResultOf(stopping)
        self.assertFalse(server.running)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_collectionFails(self) -> None:
        """
        A service collection starts, whatever becomes of its services.
        """
        first, second = (self.server(bind=HostPort("127.0.0.1", 443)) for _ in range(2))
        self.started(first)
        second.startService()
        self.assertFalse(second.running)
        self.successResultOf(second.stopService())
        self.stop(first)


class StopTests(MemoryCase):
    """
    Whatever is going on when it is stopped.
    """

    def test_flushed(self) -> None:
        """
        What was written before is received.
        """
        server = self.server()
        self.started(server)
        tunnel = self.make(TransportTunnel, server.remote())
        client = self.connect(self.started(tunnel))
        self.write(b"last words" * 1000)
        stopping = server.stop()
        self.network.pump(2)
        self.successResultOf(stopping)
        self.assertEqual(bytes(client.received), b"last words" * 1000)
        self.stop(tunnel)

    def test_handshake(self) -> None:
        """
        A connection without a handshake is closed, without waiting.
        """
        server = self.server()
        client = self.connect(self.started(server))
        self.stop(server)
        self.assertEqual(len(client.lost), 1)
        self.assertEqual(server.metrics.handshakesFailed.total(), 1)
        self.assertEqual(self.applications.built, [])

    def test_stranger(self) -> None:
        """
        A stranger sees the end of the connection, and no reset.
        """
        server = self.server("draining")
        client = self.connect(self.started(server))
        client.transport.write(b"let me in!")
        self.network.pump(1)
        self.assertEqual(client.lost, [])
        self.stop(server)
        (_, end) = self.network.connections[0]
        self.assertFalse(end.aborted)
        self.assertEqual(server.metrics.handshakesFailed[Cause.AUTHENTICATION], 1)

    def test_decoy(self) -> None:
        """
        A stranger whom a decoy has got is parted from it.
        """
        decoy = Applications()
        port = self.listen(80, decoy)
        server = self.server("silent", options={"decoy": "127.0.0.1:80"})
        client = self.connect(self.started(server))
        client.transport.write(b"let me in!")
        self.network.pump(1)
        self.assertEqual(bytes(decoy.built[0].received), b"let me in!")
        self.successResultOf(port.stopListening())
        self.stop(server)
        self.assertEqual([len(client.lost), len(decoy.built[0].lost)], [1, 1])

    def test_slowReader(self) -> None:
        """
        Who does not read is waited for no longer than the limit.
        """
        server = self.server()
        self.started(server)
        tunnel = self.make(TransportTunnel, server.remote())
        client = self.connect(self.started(tunnel))
        client.transport.pauseProducing()
        self.write(bytes(1 << 20))
        self.network.pump()
        stopping = server.stop()
        self.network.pump(limits.SHUTDOWN * 0.8)
        self.assertNoResult(stopping)
        self.network.pump(limits.SHUTDOWN * 0.8)
        self.successResultOf(stopping)
        self.stop(tunnel)

    def test_dialling(self) -> None:
        """
        An attempt that goes on is given up.
        """
        silent = Applications()
        port = self.listen(9, silent)
        tunnel = self.make(TransportTunnel, Remote("hello", HostPort("127.0.0.1", 9)))
        client = self.connect(self.started(tunnel))
        self.assertEqual(bytes(silent.built[0].received), b"hello")
        self.assertEqual(client.lost, [])
        self.successResultOf(port.stopListening())
        self.stop(tunnel)
        self.assertEqual(len(silent.built[0].lost), 1)


class Talking(DatagramProtocol):
    """
    What a method over datagrams has, that does not end by itself.
    """


class Datagrams(Hello):
    """
    A method that binds a socket for each connection, and never closes it.
    """

    name = "datagrams"

    def clientEndpoint(self, context: Any, target: Any, arguments: Arguments) -> Any:
        context.network.bindDatagrams(Talking(), "127.0.0.1", 0)
        return super().clientEndpoint(context, target, arguments)


class DatagramTests(MemoryCase):
    """
    Methods over UDP.
    """

    def setUp(self) -> None:
        self.network = MemoryDatagramNetwork()
        self.clock = self.network.clock
        self.applications = Applications()

    def test_stopped(self) -> None:
        """
        What a method has bound and not let go is closed in the end, and before
        the service has stopped.
        """
        methods = Methods(plugins=lambda role: [Datagrams()])
        tunnel = TransportTunnel(
            self.clock,
            Remote("datagrams", HostPort("127.0.0.1", 9)),
            network=self.network,
            methods=methods,
        )
        client = self.connect(self.started(tunnel))
        self.assertEqual(len(self.network.ports), 1)
        self.stop(tunnel)
        self.assertEqual(len(client.lost), 1)
        self.assertEqual(self.network.ports, {})


class ErrorTests(MemoryCase):
    """
    Whose fault it is.
    """

    def test_unknown(self) -> None:
        """
        No such method, no such bridge line, no such proxy.
        """
        for kind, *arguments in (
            (TransportClient, "nothing"),
            (TransportServer, "nothing", HERE, HERE),
            (TransportTunnel, Remote("nothing", HERE)),
            (TransportTunnel, "hello"),
        ):
            self.assertRaises(ConfigurationError, self.make, kind, *arguments)
        self.assertRaises(ConfigurationError, self.make, TransportClient, "hello", proxy="me")

    def test_options(self) -> None:
        """
        Options that make no sense fail the start, after which another may follow.
        """
        server = self.server(options={"decoy-after": "3"})
        for _ in range(2):
            self.failureResultOf(server.start(), ConfigurationError)
            self.assertFalse(server.running)

    def test_taken(self) -> None:
        """
        So does a port that somebody else has.
        """
        first = self.server()
        second = self.server(bind=self.started(first))
        self.failureResultOf(second.start(), CannotListenError)
        self.stop(first)
        self.started(second)
        self.stop(second)

    def test_needsTarget(self) -> None:
        """
        So does a server whose address nobody says.
        """
        tunnel = self.make(TransportTunnel, Remote("hello", None))
        self.failureResultOf(tunnel.start(), ConfigurationError)

    def test_everywhere(self) -> None:
        """
        A server that listens on all addresses does not know what clients use.
        """
        server = self.server(bind=HostPort("0.0.0.0", 443))
        self.assertRaises(LocalProtocolError, lambda: server.clientArguments)
        self.started(server)
        self.assertRaises(ConfigurationError, server.remote)
        self.assertEqual(server.remote("bridge.example").target, HostPort("bridge.example", 443))
        self.assertRaises(ConfigurationError, server.bridgeLine, "bridge.example")
        self.assertIn(" 192.0.2.1:443 ", str(server.bridgeLine("192.0.2.1")))

    def test_portStays(self) -> None:
        """
        A port that cannot be closed is told of, and all the rest is closed.
        """
        server = self.server()
        client = self.connect(self.started(server))

        def fails() -> None:
            raise OSError("not yet")

        self.patch(server._port, "stopListening", fails)
        stopping = server.stop()
        self.network.pump(2)
        self.successResultOf(stopping)
        self.assertEqual(len(client.lost), 1)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_noBridgeLine(self) -> None:
        """
        There is no bridge line for a server without an address.
        """
        self.assertRaises(ConfigurationError, Remote("hello", None).bridgeLine)

    def test_secrets(self) -> None:
        """
        What a program prints shows neither address nor secret.
        """
        self.assertEqual(repr(Remote("hello", HERE, Arguments({"secret": "x"}))), "<Remote hello>")


class RealTests(TestCase):
    """
    obfs4 on this machine's TCP; trial sees to it that nothing is left behind.
    """

    async def test_obfs4(self) -> None:
        """
        Server and tunnel, twice, with the same keys; and a silent peer at the end.
        """
        served = Applications()
        state = str(freshDirectory(self))
        server = TransportServer(reactor, "obfs4", HERE, served, {"iat-mode": "0"}, state=state)
        network = DirectNetwork(reactor)
        certificates = set()
        for _ in range(2):
            served.built.clear()
            await server.start()
            certificates.add(server.clientArguments.require("cert"))
            tunnel = TransportTunnel(reactor, str(server.bridgeLine()))
            local = await tunnel.start()
            client: Any = await network.clientEndpoint(local.host, local.port).connect(
                Applications(lambda transport: transport.write(b"hello"))
            )
            await self.whenReceived(served, b"hello")
            await network.clientEndpoint(HERE.host, server.address.port).connect(Applications())
            client.transport.pauseProducing()
            transport: Any = served.built[0].transport
            transport.write(bytes(1 << 22))
            await server.stop()
            await tunnel.stop()
            client.transport.abortConnection()
            self.assertEqual(len(served.built[0].lost), 1)
        self.assertEqual(len(certificates), 1)

    async def whenReceived(self, applications: Applications, data: bytes) -> Application:
        """
        :returns: the last application, once it has this.
        """
        while not applications.built or bytes(applications.built[-1].received) != data:
            await deferLater(reactor, 0.01)
        return applications.built[-1]
