"""
Tests for ``pyptwist.parsers``, through Twisted's own functions.
"""

from __future__ import annotations

import os
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, quoteStringArgument, serverFromString
from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import IPlugin
from twisted.protocols.socks import SOCKSv4Factory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import (
    Context,
    IRefusals,
    IServerTransportEndpoint,
    ITransportConnection,
)
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.parsers import ClientParser, ServerParser
from pyptwist.proxyprotocol.listener import AnnouncedNetwork
from tests.memory import Hello
from tests.plugins import installPlugins

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"

PLUGIN = f"""
from pyptwist.parsers import ClientParser, ServerParser
from pyptwist.registry import TransportPlugin

client, server = ClientParser(), ServerParser()
noting = TransportPlugin("noting", client="{__name__}.Noting", server="{__name__}.Noting")
asking = TransportPlugin("asking", client="{__name__}.Asking")
reach = TransportPlugin("reach", client="{__name__}.Noting")
"""


class Noting(Hello):
    """
    A method that writes down what it is asked for.
    """

    asked: ClassVar[list[tuple[Context, HostPort | None, Arguments]]] = []

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        self.asked.append((context, target, arguments))
        return super().clientEndpoint(context, target, arguments)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        self.asked.append((context, bind, arguments))
        return super().serverEndpoint(context, bind, arguments)


class Asking(Noting):
    """
    Its arguments name the server.
    """

    name = "asking"

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        endpoint = super().clientEndpoint(context, HostPort("192.0.2.9", 1), arguments)
        self.asked[-1] = (context, target, arguments)
        return endpoint


class ParserCase(SynchronousTestCase):
    def setUp(self) -> None:
        installPlugins(self, {"noting": PLUGIN})
        self.patch(Noting, "asked", [])
        self.reactor = MemoryReactorClock()

    def client(self, text: str) -> tuple[Context, HostPort | None, Arguments]:
        """
        :returns: what a client string makes of its parts.
        """
        endpoint: object = clientFromString(self.reactor, text)
        self.assertTrue(IStreamClientEndpoint.providedBy(endpoint))
        return Noting.asked.pop()

    def server(self, text: str) -> tuple[Context, HostPort | None, Arguments]:
        """
        :returns: what a server string makes of its parts.
        """
        endpoint: object = serverFromString(self.reactor, text)
        self.assertTrue(IStreamServerEndpoint.providedBy(endpoint))
        return Noting.asked.pop()

    def refused(self, text: str, parse: Any = clientFromString) -> str:
        """
        :returns: why a string is refused; nothing was connected or listened on.
        """
        error = self.assertRaises(ConfigurationError, parse, self.reactor, text)
        self.assertIsInstance(error, ValueError)
        self.assertEqual(Noting.asked, [])
        self.assertEqual(self.reactor.tcpClients + self.reactor.tcpServers, [])
        return str(error)

    def dialled(self, text: str) -> tuple[object, ...]:
        """
        :returns: where a client connects to, and from.
        """
        connecting = clientFromString(self.reactor, text).connect(Factory.forProtocol(Protocol))
        host, port, _, _, bind = self.reactor.tcpClients.pop()
        connecting.addErrback(lambda reason: None)
        connecting.cancel()
        return host, port, bind


class ClientTests(ParserCase):
    def test_interfaces(self) -> None:
        verifyObject(IStreamClientEndpointStringParserWithReactor, ClientParser())
        verifyObject(IPlugin, ClientParser())

    def test_shortest(self) -> None:
        context, target, arguments = self.client("pt:noting:192.0.2.1:443")
        self.assertEqual(target, HostPort("192.0.2.1", 443))
        self.assertEqual(arguments, Arguments())
        self.assertIs(context.reactor, self.reactor)
        self.assertIsInstance(context.network, DirectNetwork)
        self.assertIs(context.stateDirectory, None)
        self.assertEqual(context.metrics, Metrics())

    def test_arguments(self) -> None:
        """
        Unknown keys are the method's; a value keeps what looks like another key,
        and a backslash takes the meaning off a colon.
        """
        _, _, arguments = self.client(
            r"pt:noting:192.0.2.1:443:cert=AbC+/==:iat-mode=0:url=https\://x/:empty="
        )
        expected = {"cert": "AbC+/==", "iat-mode": "0", "url": "https://x/", "empty": ""}
        self.assertEqual(arguments, Arguments(expected))

    def test_anyKey(self) -> None:
        """
        A method's key may be called like anything in the parser.
        """
        _, _, arguments = self.client("pt:noting:192.0.2.1:443:reactor=a:self=b:args=c")
        self.assertEqual(arguments, Arguments({"reactor": "a", "self": "b", "args": "c"}))

    def test_targets(self) -> None:
        for text, host in (
            (r"2001\:db8\:\:1", "2001:db8::1"),
            ("example.org", "example.org"),
        ):
            _, target, _ = self.client(f"pt:noting:{text}:443")
            self.assertEqual(target, HostPort(host, 443))

    def test_targetless(self) -> None:
        """
        The arguments may name the server: in the method's own way, of which nothing is
        known here, or in that of PT 3.0.
        """
        for form in ("pt:asking:{}", "pt:bridge=asking {}", "pt:bridge=Bridge asking {}"):
            Noting.asked.clear()
            clientFromString(self.reactor, form.format(r"url=https\://x/"))
            clientFromString(self.reactor, form.format(r"serverAddress=example.org\:443"))
            [(_, target, arguments), (_, named, others)] = Noting.asked
            self.assertEqual((target, arguments), (None, Arguments(url="https://x/")))
            self.assertEqual((named, others), (HostPort("example.org", 443), Arguments()))
        for text in ("pt:noting", "pt:noting:a=b", "pt:bridge=noting a=b"):
            error = self.assertRaises(ConfigurationError, clientFromString, self.reactor, text)
            self.assertIn("hello needs the address of a server", str(error))
        for text in ("pt:noting:serverAddress=x", r"pt:noting:serverAddress=192.0.2.1\:0"):
            Noting.asked.clear()
            self.assertIn("serverAddress", self.refused(text))

    def test_bridge(self) -> None:
        """
        A bridge line is pasted whole: with or without its first word and its
        fingerprint, as long as colons have their backslash.
        """
        for line in (
            "noting 192.0.2.1:443 cert=A= iat-mode=0",
            f"noting 192.0.2.1:443 {FINGERPRINT} cert=A= iat-mode=0",
            f"Bridge noting 192.0.2.1:443 {FINGERPRINT} cert=A= iat-mode=0",
        ):
            _, target, arguments = self.client(f"pt:bridge={quoteStringArgument(line)}")
            self.assertEqual(target, HostPort("192.0.2.1", 443))
            self.assertEqual(arguments, Arguments({"cert": "A=", "iat-mode": "0"}))

    def test_bridgeIPv6(self) -> None:
        _, target, arguments = self.client(r"pt:bridge=noting [2001\:db8\:\:1]\:443")
        self.assertEqual(target, HostPort("2001:db8::1", 443))
        self.assertEqual(arguments, Arguments())

    def test_bridgeChanged(self) -> None:
        """
        Keys behind a bridge line replace its own, and reserved keys are no
        arguments.
        """
        context, _, arguments = self.client(
            r"pt:bridge=noting 192.0.2.1\:443 cert=A iat-mode=0:iat-mode=2:x=y"
            r":proxy=socks5\://127.0.0.1\:9050"
        )
        self.assertEqual(arguments, Arguments({"cert": "A", "iat-mode": "2", "x": "y"}))
        self.assertIsInstance(context.network, ProxiedNetwork)

    def test_proxy(self) -> None:
        """
        With a proxy, it is the proxy that is connected to.
        """
        for text in (
            r"socks5\://127.0.0.1\:9050",
            r"socks5\://user\:pass\:word@127.0.0.1\:9050",
            r"socks4a\://user@127.0.0.1\:9050",
            r"http\://user\:password@127.0.0.1\:9050",
        ):
            context, _, arguments = self.client(f"pt:noting:example.org:443:proxy={text}")
            self.assertIsInstance(context.network, ProxiedNetwork)
            self.assertEqual(arguments, Arguments())
            found = self.dialled(f"pt:noting:example.org:443:proxy={text}")
            self.assertEqual(found, ("127.0.0.1", 9050, None))

    def test_bindAddress(self) -> None:
        """
        The local address is used for its own family.
        """
        six = r"bindAddress=2001\:db8\:\:8"
        for text, expected in (
            ("192.0.2.1:443:bindAddress=192.0.2.8", ("192.0.2.1", 443, ("192.0.2.8", 0))),
            (rf"2001\:db8\:\:1:443:{six}", ("2001:db8::1", 443, ("2001:db8::8", 0))),
            (f"192.0.2.1:443:{six}", ("192.0.2.1", 443, None)),
        ):
            self.assertEqual(self.dialled(f"pt:noting:{text}"), expected)

    def test_bindAddressToProxy(self) -> None:
        """
        With a proxy, it is the local address on the way there.
        """
        proxy = r"proxy=socks5\://127.0.0.1\:9050"
        found = self.dialled(f"pt:noting:192.0.2.1:443:{proxy}:bindAddress=127.0.0.2")
        self.assertEqual(found, ("127.0.0.1", 9050, ("127.0.0.2", 0)))

    def test_state(self) -> None:
        """
        The directory is the method's, who may not need it: it is not made yet.
        """
        path = os.path.abspath(self.mktemp())
        context, _, _ = self.client(f"pt:noting:192.0.2.1:443:state={path}")
        assert context.stateDirectory is not None
        self.assertEqual(context.stateDirectory.path("x"), os.path.join(path, "x"))
        self.assertFalse(os.path.exists(path))

    def test_wrongForm(self) -> None:
        """
        The error shows both forms.
        """
        for text in (
            "pt",
            "pt:noting:192.0.2.1",
            "pt:noting:url=https://192.0.2.1/",
            "pt:noting:192.0.2.1:443:more",
            "pt:cert=A",
            r"pt:noting:bridge=noting 192.0.2.1\:443",
            r"pt:noting:192.0.2.1:443:bridge=noting 192.0.2.1\:443",
        ):
            with self.subTest(text=text):
                error = self.refused(text)
                self.assertIn("pt:METHOD:HOST:PORT", error)
                self.assertIn(r"each colon is written \:", error)
                self.assertIn("pt:bridge=METHOD", error)

    def test_unescaped(self) -> None:
        """
        A pasted IPv6 address or bridge line without backslashes is an error, not
        another target.
        """
        for text in (
            "pt:noting:2001:db8::1:443",
            "pt:noting:[::1]:443",
            "pt:bridge=noting 192.0.2.1:443 cert=A",
            "pt:noting:example.org:443:proxy=socks5://127.0.0.1:9050",
        ):
            self.refused(text)

    def test_wrongTarget(self) -> None:
        for text, why in (
            ("192.0.2.1:https", "port"),
            ("192.0.2.1:", "port"),
            ("192.0.2.1:-1", "port"),
            ("192.0.2.1:65536", "port"),
            ("192.0.2.1:0", "port"),
            ("192.0.2.1:\u0661", "port"),
            (":443", "host"),
            ("exa mple:443", "host"),
            (r"[2001\:db8\:\:1]:443", "IPv6"),
        ):
            with self.subTest(text=text):
                self.assertIn(why, self.refused(f"pt:noting:{text}"))

    def test_wrongBridge(self) -> None:
        for line in (
            "",
            "noting",
            r"noting example.org\:443",
            r"192.0.2.1\:443 cert=A",
            r"noting 192.0.2.1\:443 cert",
            r"noting 192.0.2.1\:0",
        ):
            with self.subTest(line=line):
                self.refused(f"pt:bridge={line}")

    def test_wrongProxy(self) -> None:
        """
        A proxy that cannot be used is an error, not left out; its password is
        not in the error.
        """
        for text in (
            "",
            r"socks5\://",
            r"socks4\://127.0.0.1\:1",
            r"127.0.0.1\:9050",
            r"socks5\://localhost\:9050",
            r"socks4a\://user\:secret@127.0.0.1\:9050",
        ):
            with self.subTest(text=text):
                error = self.refused(f"pt:noting:192.0.2.1:443:proxy={text}")
                self.assertNotIn("secret", error)

    def test_wrongBindAddress(self) -> None:
        for text in ("localhost", "", r"192.0.2.1\:80"):
            with self.subTest(text=text):
                self.refused(f"pt:noting:192.0.2.1:443:bindAddress={text}")

    def test_unknownMethod(self) -> None:
        """
        The error tells which there are.
        """
        self.assertIn("installed: asking, noting, reach", self.refused("pt:nothing:192.0.2.1:443"))

    def test_methodsErrors(self) -> None:
        """
        What the method finds wrong is what the caller hears.
        """

        def refuse(self: object, context: Context, arguments: Arguments) -> None:
            arguments.require("cert")

        self.patch(Noting, "clientCodec", refuse)
        error = self.assertRaises(ConfigurationError, self.client, "pt:noting:192.0.2.1:443")
        self.assertIn("'cert'", str(error))

    def test_stack(self) -> None:
        """
        A stack is written out, with or without blanks; each layer gets its own.
        """
        for text in ("noting|reach", "noting | reach", "noting over reach"):
            self.client(
                rf"pt:{text}:192.0.2.1:443:noting-a=b:reach-c=d:proxy=socks5\://127.0.0.1\:9050"
            )
            context, target, arguments = Noting.asked.pop()
            self.assertEqual((target, arguments), (HostPort("192.0.2.1", 443), Arguments(c="d")))
            self.assertIsInstance(context.network, ProxiedNetwork)
        error = self.assertRaises(
            ConfigurationError,
            clientFromString,
            self.reactor,
            "pt:noting|reach:192.0.2.1:443:cert=x",
        )
        self.assertIn("noting-cert or reach-cert", str(error))
        self.assertIn("'nothing'", self.refused("pt:noting|nothing:192.0.2.1:443"))

    def test_stackInBridgeLine(self) -> None:
        """
        In a bridge line the expression takes the place of the name.
        """
        for start in ("", "Bridge "):
            line = rf"{start}noting|reach 192.0.2.1\:443 {FINGERPRINT} noting-a=b"
            _, target, arguments = self.client(f"pt:bridge={line}:noting-a=c")
            Noting.asked.clear()
            self.assertEqual((target, arguments), (HostPort("192.0.2.1", 443), Arguments(a="c")))
        for line in ("noting|", "noting|reach", "|reach 192.0.2.1", "reach 192.0.2.1|reach"):
            self.refused(f"pt:bridge={line}")

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.text(st.sampled_from("notig19.:=\\ []/@\0\xe9"), max_size=12), max_size=6))
    def test_garbage(self, parts: list[str]) -> None:
        """
        Any string is an endpoint or a configuration error.
        """
        parser = ClientParser()
        args = [part for part in parts if "=" not in part]
        pairs = dict(part.split("=", 1) for part in parts if "=" in part)
        for extra in ({}, {"bridge": " ".join(args)}, {"proxy": ":".join(args)}):
            try:
                parser.parseStreamClient(self.reactor, "noting", *args, **pairs, **extra)
            except ConfigurationError:
                continue


class ServerTests(ParserCase):
    def test_interfaces(self) -> None:
        verifyObject(IStreamServerEndpointStringParser, ServerParser())
        verifyObject(IPlugin, ServerParser())

    def test_shortest(self) -> None:
        """
        Servers are for the public: all of IPv4, unless told otherwise.
        """
        context, bind, arguments = self.server("pt:noting:443")
        self.assertEqual(bind, HostPort("0.0.0.0", 443))
        self.assertEqual(arguments, Arguments())
        self.assertIs(context.reactor, self.reactor)
        self.assertIsInstance(context.network, DirectNetwork)
        self.assertIs(context.stateDirectory, None)

    def test_fullest(self) -> None:
        path = os.path.abspath(self.mktemp())
        context, bind, arguments = self.server(
            rf"pt:noting:0:interface=2001\:db8\:\:1:state={path}:iat-mode=1:reactor=x"
        )
        self.assertEqual(bind, HostPort("2001:db8::1", 0))
        self.assertEqual(arguments, Arguments({"iat-mode": "1", "reactor": "x"}))
        assert context.stateDirectory is not None
        self.assertEqual(context.stateDirectory.path("x"), os.path.join(path, "x"))

    def test_stack(self) -> None:
        """
        A stack is written out here as well, and tells what clients need.
        """
        endpoint: Any = serverFromString(self.reactor, "pt:noting|noting:443:noting2-a=b")
        self.assertEqual(
            [arguments for _, _, arguments in Noting.asked], [Arguments(a="b"), Arguments()]
        )
        needed = Arguments({"noting-greeting": "hello", "noting2-greeting": "hello"})
        self.assertEqual(endpoint.clientArguments, needed)

    def test_decoy(self) -> None:
        """
        A decoy is no business of the method's.
        """
        context, _, arguments = self.server(
            r"pt:noting:443:decoy=[\:\:1]\:80:decoy-after=9:iat-mode=1"
        )
        self.assertEqual(arguments, Arguments({"iat-mode": "1"}))
        self.assertTrue(IRefusals.providedBy(context.refusals))
        for keys in ("decoy=example.org", "decoy-after=9"):
            self.assertIn("decoy", self.refused(f"pt:noting:443:{keys}", serverFromString))

    def test_surroundings(self) -> None:
        """
        Nor are a load balancer and systemd.
        """
        keys = "proxy-protocol=1:proxy-protocol-from=10.0.0.0/8:systemd-socket=web"
        context, bind, arguments = self.server(f"pt:noting:443:{keys}:iat-mode=1")
        self.assertEqual(arguments, Arguments({"iat-mode": "1"}))
        self.assertEqual(bind, HostPort("systemd=web", 443))
        self.assertIsInstance(context.network, AnnouncedNetwork)
        for keys in ("proxy-protocol=v2", "proxy-protocol-from=10.0.0.0/8", "systemd-socket=a b"):
            reason = self.refused(f"pt:noting:443:{keys}", serverFromString)
            self.assertIn(keys.partition("=")[0], reason)

    def test_clientArguments(self) -> None:
        """
        The endpoint tells what clients need, before it listens.
        """
        endpoint: Any = serverFromString(self.reactor, "pt:noting:443")
        self.assertEqual(endpoint.clientArguments, Arguments(greeting="hello"))
        self.assertEqual(self.reactor.tcpServers, [])

    def test_listens(self) -> None:
        """
        It listens where it was told to.
        """
        endpoint = serverFromString(self.reactor, "pt:noting:443:interface=192.0.2.1")
        self.successResultOf(endpoint.listen(Factory.forProtocol(Protocol)))
        port, _, _, interface = self.reactor.tcpServers[-1]
        self.assertEqual((interface, port), ("192.0.2.1", 443))

    def test_wrongForm(self) -> None:
        """
        The error shows the form.
        """
        for text in ("pt", "pt:noting", "pt:noting:192.0.2.1:443", "pt:port=443:method=noting"):
            with self.subTest(text=text):
                self.assertIn("pt:METHOD:PORT", self.refused(text, serverFromString))

    def test_wrongPort(self) -> None:
        for text in ("", "https", "-1", "65536", "4 43"):
            with self.subTest(text=text):
                self.assertIn("port", self.refused(f"pt:noting:{text}", serverFromString))

    def test_wrongInterface(self) -> None:
        """
        No name is resolved to find out where to listen.
        """
        for text in ("localhost", "", "exa mple"):
            self.assertRaises(
                ConfigurationError,
                serverFromString,
                self.reactor,
                f"pt:noting:443:interface={text}",
            )
        self.assertEqual(self.reactor.tcpServers, [])

    def test_unknownMethod(self) -> None:
        """
        The error tells which there are, or that the method is a client only.
        """
        error = self.refused("pt:nothing:443", serverFromString)
        self.assertTrue(error.endswith("installed: noting"), error)
        error = self.refused("pt:reach:443", serverFromString)
        self.assertTrue(error.endswith("'reach' can be a client alone"), error)


class Talker(Protocol):
    """
    Keeps what it hears, and tells when that is enough.
    """

    def __init__(self) -> None:
        self.heard = bytearray()
        self.enough: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self.heard.endswith(b"."):
            self.enough.callback(bytes(self.heard))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class LoopbackTests(TestCase):
    """
    From string to string, over loopback, with the plugins that are installed.
    """

    async def listen(self, text: str) -> tuple[int, Talker, Arguments]:
        """
        :returns: the port of a server, its one application, and what clients need.
        """
        application = Talker()
        endpoint: Any = serverFromString(reactor, text)
        port = await endpoint.listen(Factory.forProtocol(lambda: application))
        self.addCleanup(port.stopListening)
        return port.getHost().port, application, endpoint.clientArguments

    async def assertTalk(self, text: str, server: Talker) -> None:
        """
        Connect, and exchange a word each way.
        """
        client = Talker()
        await clientFromString(reactor, text).connect(Factory.forProtocol(lambda: client))
        transport: Any = client.transport
        self.assertTrue(ITransportConnection.providedBy(transport))
        transport.write(b"question.")
        self.assertEqual(await server.enough, b"question.")
        server.transport.write(b"answer.")  # type: ignore[union-attr]
        self.assertEqual(await client.enough, b"answer.")
        transport.loseConnection()
        await client.lost
        await server.lost

    async def test_dummy(self) -> None:
        port, server, _ = await self.listen("pt:dummy:0:interface=127.0.0.1")
        await self.assertTalk(f"pt:dummy:127.0.0.1:{port}", server)

    async def test_bridgeLine(self) -> None:
        port, server, _ = await self.listen("pt:dummy:0:interface=127.0.0.1")
        await self.assertTalk(rf"pt:bridge=Bridge dummy 127.0.0.1\:{port} {FINGERPRINT}", server)

    async def test_obfs4(self) -> None:
        """
        A server that makes its own keys, and a client that has its arguments.
        """
        state = mkdtemp()
        self.addCleanup(rmtree, state)
        port, server, arguments = await self.listen(
            f"pt:obfs4:0:interface=127.0.0.1:state={state}"
        )
        keys = ":".join(f"{key}={quoteStringArgument(v)}" for key, v in arguments.texts())
        self.assertIn("cert=", keys)
        await self.assertTalk(f"pt:obfs4:127.0.0.1:{port}:{keys}", server)

    async def test_stack(self) -> None:
        """
        The same, over another layer.
        """
        state = mkdtemp()
        self.addCleanup(rmtree, state)
        port, server, arguments = await self.listen(
            f"pt:obfs4|b64:0:interface=127.0.0.1:state={state}"
        )
        keys = ":".join(f"{key}={quoteStringArgument(v)}" for key, v in arguments.texts())
        self.assertIn("obfs4-cert=", keys)
        await self.assertTalk(f"pt:obfs4 over b64:127.0.0.1:{port}:{keys}", server)
        self.assertEqual(os.listdir(os.path.join(state, "obfs4_b64")), ["obfs4"])

    async def test_proxy(self) -> None:
        """
        Through somebody else's proxy; the name is left to it.
        """
        factory: Any = SOCKSv4Factory(None)
        proxy: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(proxy.stopListening)
        port, server, _ = await self.listen("pt:dummy:0:interface=127.0.0.1")
        where = rf"proxy=socks4a\://127.0.0.1\:{proxy.getHost().port}"
        await self.assertTalk(f"pt:dummy:localhost:{port}:{where}", server)
