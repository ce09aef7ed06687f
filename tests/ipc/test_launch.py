"""
Tests for ``pyptwist.ipc.launch``.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import InterfaceClass

from pyptwist import bridgefile
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.ipc.configuration import Configuration, ExtendedORPort, Mode, Role
from pyptwist.ipc.dialects import PT1, PT3, PT21
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.launch import ClientSide, ServerSide, outside
from pyptwist.metrics import Drop
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.proxies.socks5server import Request
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import Methods, RegistryError, TransportPlugin
from pyptwist.testing.applications import Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from pyptwist.testing.memory import MemoryNetwork
from tests.memory import Hello

_BIND = HostPort("192.0.2.1", 443)
_OR_PORT = HostPort("127.0.0.1", 9001)

STUN_MESSAGE = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)


class Greeted(Protocol):
    """
    Keeps what it reads.
    """

    def connectionMade(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class Asking(Hello):
    """
    Its arguments name the server, and it wants no target.
    """

    name = "asking"

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        if target is not None:
            raise ConfigurationError("there was a target")
        return super().clientEndpoint(context, HostPort(arguments.require("at"), 443), arguments)


class SideCase(SynchronousTestCase):
    """
    Both networks in memory: the outside, and this machine.
    """

    def setUp(self) -> None:
        self.outside = MemoryNetwork()
        self.local = MemoryNetwork(self.outside.clock)
        self.state = os.path.join(self.mktemp(), "tor", "pt_state")
        self.context: Context = memoryContext(self.state, network=self.outside)
        self.found: list[Any] = [Hello()]
        self.asked: list[InterfaceClass] = []

    def plugins(self, interface: InterfaceClass) -> list[Any]:
        """
        Stands in for ``getPlugins``.
        """
        self.asked.append(interface)
        return self.found

    def methods(self) -> Methods:
        """
        :returns: what the sides know, stacks included.
        """
        return Methods({"double": "hello | hello", "lame": "hello | absent"}, self.plugins)

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """
        :returns: what a coroutine returns at once, or raises.
        """
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def failure(self, coroutine: Coroutine[Any, Any, Any]) -> Exception:
        """
        :returns: what a coroutine raises at once.
        """
        failed = self.failureResultOf(Deferred.fromCoroutine(coroutine)).value
        assert isinstance(failed, Exception)
        return failed


class ClientSideTests(SideCase):
    """
    Tests for ``ClientSide``.
    """

    def side(self, **more: Any) -> ClientSide:
        """
        :param more: of the configuration.
        """
        configuration = Configuration("1", Role.CLIENT, self.state, ("hello",), **more)
        return ClientSide(self.context, self.local, self.methods(), configuration)

    def test_launch(self) -> None:
        """
        A method listens on this machine, on a port of the kernel's choice.
        """
        side = self.side()
        launched = self.finish(side.launch("hello"))
        self.assertEqual(self.asked, [IClientTransport])
        self.assertEqual(launched.address, HostPort("127.0.0.1", launched.address.port))
        self.assertEqual(
            side.line(launched), f"CMETHOD hello socks5 127.0.0.1:{launched.address.port}"
        )
        self.assertEqual(side.doneLine, "CMETHODS DONE")
        self.assertIsNone(side.settle([launched]))

    def test_flows(self) -> None:
        """
        What the operator says of flows is what they are bounded by.
        """
        self.local = MemoryDatagramNetwork()
        bounds = FlowBounds(queue=0, idle=60, maximum=1)
        target = HostPort("192.0.2.1", 443)
        side = self.side(mode=Mode.TRANSPARENT_UDP, target=target, flows=bounds)
        flows = self.finish(side.launch("hello")).factory
        self.assertEqual(flows.queue, 0)
        for port in 1, 2:
            flows.received(b"hello", ("127.0.0.1", port))
        dropped = self.context.metrics.datagramsDropped
        self.assertEqual((dropped[Drop.DIALLING], dropped[Drop.FLOWS]), (1, 1))
        self.outside.clock.advance(61)
        self.assertEqual(flows.connections, {})

    def test_onePort(self) -> None:
        """
        A port that was given is for the first method that can have it, which one that
        is not known or cannot be launched is not.
        """
        side = self.side(listen=HostPort("127.0.0.1", 1984))
        for name in ("absent", "lame"):
            self.assertIsInstance(self.failure(side.launch(name)), ConfigurationError)
        self.assertEqual(self.finish(side.launch("hello")).address.port, 1984)
        error = self.failure(side.launch("double"))
        self.assertEqual(str(error), "the port to listen on is taken by hello")

    def test_onePortTaken(self) -> None:
        """
        Nor has one the port that failed to listen.
        """
        listen = HostPort("127.0.0.1", 1984)
        other = self.finish(self.side(listen=listen).launch("hello"))
        side = self.side(listen=listen)
        self.assertIsInstance(self.failure(side.launch("hello")), CannotListenError)
        self.successResultOf(maybeDeferred(other.port.stopListening))
        self.finish(side.launch("double"))

    def test_targetless(self) -> None:
        """
        In each mode and version, a method may do without a target.
        """
        self.found = [Asking()]
        for mode in Mode:
            for number, dialect in enumerate((PT1, PT21, PT3)):
                self.local = MemoryDatagramNetwork()
                self.outside = MemoryNetwork()
                self.context = replace(self.context, network=self.outside)
                servers = Applications()
                listening = self.outside.serverEndpoint("192.0.2.1", 443).listen(servers)
                self.successResultOf(listening)
                options = {"asking": Arguments(at="192.0.2.1")}
                side = self.side(mode=mode, dialect=dialect, clientOptions=options)
                factory = self.finish(side.launch("asking")).factory
                if mode.isDatagrams:
                    factory.received(STUN_MESSAGE, ("127.0.0.1", number))
                elif mode is Mode.TRANSPARENT_TCP:
                    factory.endpoint.connect(Factory.forProtocol(Protocol))
                else:
                    request = Request(None, Arguments())
                    factory.clientEndpoint(request).connect(Factory.forProtocol(Protocol))
                self.outside.pump()
                self.assertEqual(len(servers.built), 1)

    def test_serves(self) -> None:
        """
        Through that port the method reaches a server outside.
        """
        launched = self.finish(self.side().launch("hello"))
        accepted: list[bytes] = []

        class Server(Protocol):
            def dataReceived(self, data: bytes) -> None:
                accepted.append(data)

        self.outside.serverEndpoint("192.0.2.9", 443).listen(Factory.forProtocol(Server))
        connecting = self.local.clientEndpoint("127.0.0.1", launched.address.port).connect(
            Factory.forProtocol(Protocol)
        )
        self.outside.pump()
        client: Any = self.successResultOf(connecting)
        for message in (b"\x05\x01\x00", b"\x05\x01\x00\x01\xc0\x00\x02\x09\x01\xbb"):
            client.transport.write(message)
            self.outside.pump()
        self.assertEqual(accepted, [b"hello"])

    def _reach(self, side: ClientSide, *messages: bytes) -> bytes:
        """
        :returns: what a server outside reads from an application that says the
            messages.
        """
        launched = self.finish(side.launch("hello"))
        behind: list[Greeted] = []

        class Server(Factory):
            def buildProtocol(self, addr: Any) -> Greeted:
                behind.append(Greeted())
                return behind[-1]

        self.outside.serverEndpoint("192.0.2.9", 443).listen(Server())
        connecting = self.local.clientEndpoint("127.0.0.1", launched.address.port).connect(
            Factory.forProtocol(Protocol)
        )
        self.outside.pump()
        client: Any = self.successResultOf(connecting)
        for message in messages:
            client.transport.write(message)
            self.outside.pump()
        return behind[0].data if behind else b""

    def test_options(self) -> None:
        """
        From PT 2.1 on, options are for all connections, and name the server.
        """
        options = {"hello": Arguments(serverAddress="192.0.2.9:443")}
        side = self.side(clientOptions=options, dialect=PT3)
        request = b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01"
        self.assertEqual(self._reach(side, b"\x05\x01\x00", request), b"hello")

    def test_parameters(self) -> None:
        """
        So may an application, by parameters.
        """
        block = b'{"serverAddress": "192.0.2.9:443"}'
        block = len(block).to_bytes(4, "big") + block
        request = b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01"
        side = self.side(dialect=PT21)
        self.assertEqual(self._reach(side, b"\x05\x01\x09", block + request), b"hello")

    def test_wrongServer(self) -> None:
        """
        A standing option that is wrong is an error now.
        """
        options = {"hello": Arguments(serverAddress="nowhere")}
        for mode in Mode:
            side = self.side(clientOptions=options, dialect=PT3, mode=mode)
            self.assertIn("serverAddress", str(self.failure(side.launch("hello"))))

    def test_transparent(self) -> None:
        """
        Applications that know no SOCKS reach the one server.
        """
        target = HostPort("192.0.2.9", 443)
        side = self.side(mode=Mode.TRANSPARENT_TCP, target=target)
        self.assertEqual(self._reach(side), b"hello")
        launched = self.finish(side.launch("hello"))
        self.assertEqual(
            side.line(launched),
            f"CMETHOD hello transparent-TCP 127.0.0.1:{launched.address.port}",
        )

    def test_noTarget(self) -> None:
        """
        Without a server the mode makes no sense.
        """
        error = self.failure(self.side(mode=Mode.TRANSPARENT_TCP).launch("hello"))
        self.assertIsInstance(error, ConfigurationError)

    def test_open(self) -> None:
        """
        A port that others can reach is somebody's wish, and worth a warning.
        """
        with capturedLogs() as events:
            self.finish(self.side(listen=HostPort("192.0.2.1", 1080)).launch("hello"))
            self.assertEqual([e["log_level"] for e in events], [LogLevel.warn])
            self.finish(self.side().launch("hello"))
            self.assertEqual(len(events), 1)

    def test_upstreamProxy(self) -> None:
        """
        A method by UDP is refused behind an upstream proxy, before anybody connects.
        """
        kcp = "pyptwist.transports.kcp.method.Kcp"
        self.found.append(TransportPlugin("kcp", client=kcp, server=kcp))
        self.finish(self.side().launch("kcp"))
        side = self.side(upstreamProxy=UpstreamProxy.parse("socks5://192.0.2.2:1"))
        error = self.failure(side.launch("kcp"))
        self.assertIn("kcp needs UDP, which cannot pass the upstream proxy", str(error))
        self.finish(side.launch("hello"))

    def test_unknown(self) -> None:
        """
        A name that nobody has is an error.
        """
        error = self.failure(self.side().launch("goodbye"))
        self.assertIsInstance(error, ConfigurationError)
        self.assertEqual(
            self.side().errorLine("goodbye", str(error)),
            "CMETHOD-ERROR goodbye there is no transport method 'goodbye' for this role;"
            " installed: hello",
        )

    def test_unimportable(self) -> None:
        """
        Code that cannot be imported is an error now, not at the first connection.
        """
        self.found.append(TransportPlugin("broken", client="pyptwist.nonexistent.Broken"))
        error = self.failure(self.side().launch("broken"))
        self.assertIn("nonexistent", str(error))

    def test_quarrel(self) -> None:
        """
        Two plugins of one name are that name's error, and no other's.
        """
        self.found += [
            TransportPlugin("twice", client="a.B"),
            TransportPlugin("twice", client="c.D"),
        ]
        self.found += [TransportPlugin("bad name", client="a.B"), object()]
        self.assertIsInstance(self.failure(self.side().launch("twice")), RegistryError)
        self.assertEqual(self.finish(self.side().launch("hello")).name, "hello")

    def test_stack(self) -> None:
        """
        A stack has a port like any method; one that lacks a layer has none.
        """
        side = self.side()
        launched = self.finish(side.launch("double"))
        self.assertEqual(
            side.line(launched), f"CMETHOD double socks5 127.0.0.1:{launched.address.port}"
        )
        error = self.failure(side.launch("lame"))
        self.assertIsInstance(error, ConfigurationError)
        self.assertIn("in the stack lame: there is no transport method 'absent'", str(error))
        # The other role's were asked for, to say so if one of them had the name.
        self.assertEqual(self.asked, [IClientTransport, IServerTransport])


class ServerSideTests(SideCase):
    """
    Tests for ``ServerSide``.
    """

    def side(self, **more: Any) -> ServerSide:
        """
        :param more: of the configuration.
        """
        binds = {"hello": _BIND}
        settings: dict[str, Any] = {"orPort": _OR_PORT, "binds": binds, **more}
        configuration = Configuration("1", Role.SERVER, self.state, ("hello",), **settings)
        return ServerSide(self.context, self.local, self.methods(), configuration)

    def test_launch(self) -> None:
        """
        A method listens where it is told to, and says what its clients need.
        """
        side = self.side()
        launched = self.finish(side.launch("hello"))
        self.assertEqual(self.asked, [IServerTransport])
        self.assertEqual(side.line(launched), "SMETHOD hello 192.0.2.1:443 ARGS:greeting=hello")
        self.assertEqual(side.doneLine, "SMETHODS DONE")

    def test_stack(self) -> None:
        """
        A stack listens, and says what the clients of all its layers need.
        """
        side = self.side(binds={"double": _BIND})
        launched = self.finish(side.launch("double"))
        self.assertEqual(
            side.line(launched),
            "SMETHOD double 192.0.2.1:443 ARGS:hello-greeting=hello,hello2-greeting=hello",
        )
        options = {"double": Arguments(greeting="x")}
        error = self.failure(self.side(binds={"double": _BIND}, options=options).launch("double"))
        self.assertIn("hello-greeting or hello2-greeting", str(error))

    def test_options(self) -> None:
        """
        The method gets its own options.
        """
        seen: list[Arguments] = []

        class Curious(Hello):
            def serverCodec(self, context: Context, arguments: Arguments) -> Any:
                seen.append(arguments)
                return super().serverCodec(context, arguments)

        self.found = [Curious()]
        options = {"hello": Arguments({"loud": "1"}), "other": Arguments({"x": "2"})}
        self.finish(self.side(options=options).launch("hello"))
        self.assertEqual(seen, [options["hello"]])

    def _greet(self, side: ServerSide) -> bytes:
        """
        :returns: what tor's port reads when a client has connected.
        """
        launched = self.finish(side.launch("hello"))
        behind: list[Greeted] = []

        class Port(Factory):
            def buildProtocol(self, addr: Any) -> Greeted:
                behind.append(Greeted())
                return behind[-1]

        self.local.serverEndpoint(_OR_PORT.host, _OR_PORT.port).listen(Port())
        connecting = self.outside.clientEndpoint(
            launched.address.host, launched.address.port
        ).connect(Factory.forProtocol(Protocol))
        self.outside.pump()
        client: Any = self.successResultOf(connecting)
        self.assertEqual(behind, [])
        client.transport.write(b"hello to tor")
        self.outside.pump()
        return behind[0].data

    def test_clientAddress(self) -> None:
        """
        tor is told another address than the one where it listens, if the endpoint
        has one.
        """

        class Elsewhere(Hello):
            def serverEndpoint(self, context: Context, bind: HostPort, arguments: Any) -> Any:
                endpoint: Any = super().serverEndpoint(context, bind, arguments)
                endpoint.clientAddress = HostPort("2001:db8::1", 443)
                return endpoint

        self.found = [Elsewhere()]
        launched = self.finish(self.side().launch("hello"))
        line = self.side().line(launched)
        self.assertEqual(line, "SMETHOD hello [2001:db8::1]:443 ARGS:greeting=hello")

    def test_orPort(self) -> None:
        """
        Who has shown itself is forwarded to the ORPort.
        """
        self.assertEqual(self._greet(self.side()), b" to tor")

    def test_extendedORPort(self) -> None:
        """
        The extended one is preferred: nothing of the client's reaches it before
        it has been told who that is.
        """
        cookie = self.mktemp()
        with open(cookie, "wb") as file:
            file.write(b"! Extended ORPort Auth Cookie !\n" + bytes(32))
        side = self.side(
            orPort=HostPort("127.0.0.1", 1),
            extendedORPorts=(ExtendedORPort(_OR_PORT, cookie),),
        )
        self.assertEqual(self._greet(side), b"")

    def test_target(self) -> None:
        """
        A destination of the operator's comes before the ORPort.
        """
        side = self.side(orPort=HostPort("127.0.0.1", 1), target=_OR_PORT)
        self.assertEqual(self._greet(side), b" to tor")

    def test_several(self) -> None:
        """
        One that is not there is passed over.
        """
        missing = HostPort("127.0.0.1", 1)
        for first, second in ((missing, _OR_PORT), (_OR_PORT, missing)):
            side = self.side(target=first, otherTargets=(second,))
            self.assertEqual(self._greet(side), b" to tor")
            self.setUp()

    def test_noPort(self) -> None:
        """
        With nothing behind it, a server is refused.
        """
        error = self.failure(self.side(orPort=None).launch("hello"))
        self.assertIn("ORPort", str(error))
        self.assertEqual(
            self.side().errorLine("hello", str(error)),
            "SMETHOD-ERROR hello there is neither an ORPort nor an extended ORPort",
        )

    def test_settle(self) -> None:
        """
        The bridge lines are written down, with what is known of them.
        """
        side = self.side()
        launched = self.finish(side.launch("hello"))
        directory = os.path.dirname(self.state)
        os.makedirs(directory)
        with open(os.path.join(directory, "fingerprint"), "w", encoding="ascii") as file:
            file.write(f"Unnamed {'AB' * 20}\n")
        message = side.settle([launched])
        path = os.path.join(os.path.abspath(self.state), bridgefile.FILE)
        self.assertEqual(message, f"What clients need is in {path}")
        with open(path, encoding="ascii") as file:
            self.assertTrue(
                file.read().endswith(
                    f"\n\nBridge hello 192.0.2.1:443 {'AB' * 20} greeting=hello\n"
                )
            )

    def test_nothingToSettle(self) -> None:
        """
        Without a method there is nothing to write down.
        """
        self.assertIsNone(self.side().settle([]))
        self.assertFalse(os.path.exists(self.state))


class OutsideTests(SynchronousTestCase):
    """
    Tests for ``outside``.
    """

    def test_direct(self) -> None:
        """
        Without a proxy, connections are direct.
        """
        configuration = Configuration("1", Role.CLIENT, "/nonexistent", ())
        self.assertIsInstance(outside(None, configuration), DirectNetwork)

    def test_proxied(self) -> None:
        """
        With one, there is no other way.
        """
        proxy = UpstreamProxy.parse("http://127.0.0.1:8080")
        configuration = Configuration("1", Role.CLIENT, "/nonexistent", (), upstreamProxy=proxy)
        self.assertIsInstance(outside(None, configuration), ProxiedNetwork)
