"""
Tests for ``pyptwist.ipc.launch``.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import InterfaceClass

from pyptwist import bridgefile
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.ipc.configuration import Configuration, Role
from pyptwist.ipc.launch import ClientSide, ServerSide, outside
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import RegistryError, TransportPlugin
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from tests.memory import Hello

_BIND = HostPort("192.0.2.1", 443)
_OR_PORT = HostPort("127.0.0.1", 9001)


class Greeted(Protocol):
    """
    Keeps what it reads.
    """

    def connectionMade(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


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

    def side(self) -> ClientSide:
        return ClientSide(self.context, self.local, self.plugins)

    def test_launch(self) -> None:
        """
        A method listens on this machine, on a port of the kernel's choice.
        """
        side = self.side()
        self.assertEqual(self.asked, [IClientTransport])
        launched = self.finish(side.launch("hello"))
        self.assertEqual(launched.address, HostPort("127.0.0.1", launched.address.port))
        self.assertEqual(
            side.line(launched), f"CMETHOD hello socks5 127.0.0.1:{launched.address.port}"
        )
        self.assertEqual(side.doneLine, "CMETHODS DONE")
        self.assertIsNone(side.settle([launched]))

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
        return ServerSide(self.context, self.local, self.plugins, configuration)

    def test_launch(self) -> None:
        """
        A method listens where it is told to, and says what its clients need.
        """
        side = self.side()
        self.assertEqual(self.asked, [IServerTransport])
        launched = self.finish(side.launch("hello"))
        self.assertEqual(side.line(launched), "SMETHOD hello 192.0.2.1:443 ARGS:greeting=hello")
        self.assertEqual(side.doneLine, "SMETHODS DONE")

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
            orPort=HostPort("127.0.0.1", 1), extendedORPort=_OR_PORT, authCookieFile=cookie
        )
        self.assertEqual(self._greet(side), b"")

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
