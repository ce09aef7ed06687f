"""
Tests for ``pyptwist.registry``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import ClassVar

from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, ConfigurationError
from pyptwist.interfaces import (
    IClientTransport,
    IServerTransport,
    IServerTransportEndpoint,
    ITransportMethod,
)
from pyptwist.registry import (
    RegistryError,
    TransportPlugin,
    UnknownMethod,
    clientTransport,
    clientTransports,
    serverTransport,
    serverTransports,
)
from pyptwist.testing import memoryContext
from tests.memory import Hello
from tests.plugins import installPlugins

TARGET = HostPort("192.0.2.1", 443)

#: A dropped-in file, as somebody else's package would bring it.
PLUGIN = """
from pyptwist.registry import TransportPlugin

both = TransportPlugin("both", client="tests.memory.Hello", server="tests.memory.Hello")
reach = TransportPlugin("reach", client="tests.memory.Hello")
listen = TransportPlugin("listen", server="tests.memory.Hello")
"""


@implementer(IPlugin)
class Named(Hello):
    """
    A plugin that is its own method, without ``TransportPlugin``.
    """

    def __init__(self, name: str) -> None:
        self.name = name


class Asked(Hello):
    """
    A method that writes down what it is asked for.
    """

    asked: ClassVar[list[object]] = []

    def clientEndpoint(self, *everything: object) -> object:  # type: ignore[override]
        self.asked.append(everything)
        return "client"

    def serverEndpoint(self, *everything: object) -> object:  # type: ignore[override]
        self.asked.append(everything)
        return "server"


class TransportPluginTests(SynchronousTestCase):
    def test_roles(self) -> None:
        """
        A plugin provides the roles for which it names a class.
        """
        for plugin, isClient, isServer in (
            (TransportPlugin("m", client="x.Y", server="x.Y"), True, True),
            (TransportPlugin("m", client="x.Y"), True, False),
            (TransportPlugin("m", server="x.Y"), False, True),
        ):
            self.assertTrue(IPlugin.providedBy(plugin))
            self.assertTrue(ITransportMethod.providedBy(plugin))
            self.assertEqual(IClientTransport.providedBy(plugin), isClient)
            self.assertEqual(IServerTransport.providedBy(plugin), isServer)

    def test_interfaces(self) -> None:
        plugin = TransportPlugin("m", client="x.Y", server="x.Y")
        verifyObject(IClientTransport, plugin)
        verifyObject(IServerTransport, plugin)

    def test_lazy(self) -> None:
        """
        The method's code is imported when an endpoint is first asked for.
        """
        directory = Path(mkdtemp())
        self.addCleanup(rmtree, directory)
        (directory / "heavymethod.py").write_text("from tests.memory import Hello as Heavy\n")
        self.patch(sys, "path", [*sys.path, str(directory)])
        self.addCleanup(sys.modules.pop, "heavymethod", None)
        plugin = TransportPlugin("heavy", client="heavymethod.Heavy")
        self.assertEqual(list(clientTransports([plugin])), ["heavy"])
        self.assertNotIn("heavymethod", sys.modules)
        plugin.clientEndpoint(memoryContext(self.mktemp()), TARGET, Arguments())
        self.assertIn("heavymethod", sys.modules)

    def test_loadServer(self) -> None:
        """
        Likewise for a server.
        """
        TransportPlugin("m", server="tests.memory.Hello").loadServer()
        missing = TransportPlugin("m", server="tests.memory.Missing")
        self.assertRaises(AttributeError, missing.loadServer)

    def test_loadClient(self) -> None:
        """
        Whether a client can be imported can be known beforehand.
        """
        TransportPlugin("m", client="tests.memory.Hello").loadClient()
        missing = TransportPlugin("m", client="tests.memory.Missing")
        self.assertRaises(AttributeError, missing.loadClient)
        server = TransportPlugin("m", server="tests.memory.Hello")
        self.assertRaises(ConfigurationError, server.loadClient)

    def test_endpoints(self) -> None:
        """
        Endpoints are the method's own, and get what was passed.
        """
        self.patch(Asked, "asked", [])
        dotted = f"{__name__}.Asked"
        plugin = TransportPlugin("asked", client=dotted, server=dotted)
        context, arguments = memoryContext(self.mktemp()), Arguments(a="1")
        self.assertEqual(plugin.clientEndpoint(context, None, arguments), "client")
        self.assertEqual(plugin.serverEndpoint(context, TARGET, arguments), "server")
        self.assertEqual(Asked.asked, [(context, None, arguments), (context, TARGET, arguments)])

    def test_strangers(self) -> None:
        """
        What a method says about strangers, or does not, the plugin says.
        """
        for dotted, expected in (
            ("tests.memory.Hello", (False, False)),
            ("pyptwist.transports.dummy.Dummy", (False, True)),
            ("pyptwist.transports.obfs3.Obfs3", (True, False)),
            ("builtins.object", (None, False)),
        ):
            plugin = TransportPlugin("m", server=dotted)
            self.assertEqual((plugin.serverSpeaksFirst, plugin.admitsAnybody), expected)

    def test_server(self) -> None:
        """
        A server endpoint tells what clients need, through the plugin as well.
        """
        plugin = TransportPlugin("hello", server="tests.memory.Hello")
        endpoint = plugin.serverEndpoint(memoryContext(self.mktemp()), TARGET, Arguments())
        self.assertTrue(IServerTransportEndpoint.providedBy(endpoint))
        self.assertEqual(endpoint.clientArguments, Arguments(greeting="hello"))

    def test_otherRole(self) -> None:
        """
        A role that was not declared is refused, not attempted.
        """
        context = memoryContext(self.mktemp())
        client = TransportPlugin("m", client="tests.memory.Hello")
        server = TransportPlugin("m", server="tests.memory.Hello")
        self.assertRaises(ConfigurationError, client.serverEndpoint, context, TARGET, Arguments())
        self.assertRaises(ConfigurationError, server.clientEndpoint, context, TARGET, Arguments())


class ByNameTests(SynchronousTestCase):
    def test_byName(self) -> None:
        one, two = TransportPlugin("one", client="x.Y"), Named("two")
        self.assertEqual(clientTransports([one, two]), {"one": one, "two": two})
        self.assertEqual(serverTransports([]), {})

    def test_duplicate(self) -> None:
        """
        Of two methods with one name, neither is taken: an error tells where
        both come from, so that the operator can decide.
        """
        here = TransportPlugin("same", client="x.Y")
        there = Named("same")
        there.module = "twisted.plugins.other"  # type: ignore[attr-defined]
        for plugins in ([here, there], [there, here]):
            error = self.assertRaises(RegistryError, clientTransports, plugins)
            self.assertIn(__name__, str(error))
            self.assertIn("twisted.plugins.other", str(error))
            self.assertIn("'same'", str(error))
            self.assertIs(error.cause, Cause.INTERNAL)

    def test_sameTwice(self) -> None:
        """
        A plugin that was found twice is still one.
        """
        plugin = TransportPlugin("one", client="x.Y")
        self.assertEqual(clientTransports([plugin, plugin]), {"one": plugin})

    def test_names(self) -> None:
        """
        A name is one of C's: letters, digits and underscores, no digit first.
        """
        for name in ("obfs4", "_", "A1_b", "meek_lite"):
            self.assertEqual(list(clientTransports([Named(name)])), [name])
        for name in ("", "4obfs", "meek-lite", "a b", "a\n", "\xe9", "a,b", "\u0661a"):
            with self.subTest(name=name):
                error = self.assertRaises(RegistryError, clientTransports, [Named(name)])
                self.assertIn(__name__, str(error))
                self.assertIn(repr(name), str(error))


class DiscoveryTests(SynchronousTestCase):
    """
    Plugin files, found by Twisted.
    """

    def test_found(self) -> None:
        """
        A dropped-in file brings its methods, each for its roles.
        """
        installPlugins(self, {"somebodys": PLUGIN})
        self.assertEqual(sorted(clientTransports()), ["both", "reach"])
        self.assertEqual(sorted(serverTransports()), ["both", "listen"])
        self.assertEqual(clientTransport("reach").name, "reach")
        self.assertEqual(serverTransport("listen").name, "listen")

    def test_works(self) -> None:
        """
        What was found can be listened on and connected to.
        """
        installPlugins(self, {"somebodys": PLUGIN})
        context = memoryContext(self.mktemp())
        server = serverTransport("both").serverEndpoint(context, TARGET, Arguments())
        self.assertEqual(server.clientArguments, Arguments(greeting="hello"))
        client = clientTransport("both").clientEndpoint(context, TARGET, Arguments())
        self.assertTrue(hasattr(client, "connect"))

    def test_twoDirectories(self) -> None:
        """
        Each entry of the path is searched.
        """
        installPlugins(
            self,
            {"somebodys": PLUGIN},
            {"others": PLUGIN.replace('"both"', '"other"').partition("reach")[0]},
        )
        self.assertEqual(sorted(clientTransports()), ["both", "other", "reach"])

    def test_duplicateFiles(self) -> None:
        """
        Two files that define one method are named in the error.
        """
        installPlugins(self, {"somebodys": PLUGIN}, {"copied": PLUGIN})
        for find in (clientTransports, serverTransports):
            error = self.assertRaises(RegistryError, find)
            self.assertIn("twisted.plugins.somebodys", str(error))
            self.assertIn("twisted.plugins.copied", str(error))

    def test_othersQuarrel(self) -> None:
        """
        Whoever asks for one method is not told of a quarrel about another.
        """
        more = PLUGIN.replace('"both"', '"mine"')
        installPlugins(self, {"somebodys": PLUGIN}, {"copied": more})
        self.assertEqual(clientTransport("mine").name, "mine")
        self.assertRaises(RegistryError, clientTransport, "reach")

    def test_sameFileTwice(self) -> None:
        """
        One module in two entries of the path is one plugin, as when a package
        is installed and its source is the working directory.
        """
        installPlugins(self, {"somebodys": PLUGIN}, {"somebodys": PLUGIN})
        self.assertEqual(sorted(clientTransports()), ["both", "reach"])

    def test_brokenFile(self) -> None:
        """
        A file that cannot be imported costs its own methods only.
        """
        installPlugins(self, {"broken": "1 / 0", "somebodys": PLUGIN})
        self.assertEqual(sorted(clientTransports()), ["both", "reach"])
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_unknown(self) -> None:
        """
        Asking for what is not there tells what is, for that role.
        """
        installPlugins(self, {"somebodys": PLUGIN})
        error = self.assertRaises(ConfigurationError, clientTransport, "nix")
        self.assertIn("'nix'", str(error))
        self.assertIn("installed: both, reach", str(error))
        error = self.assertRaises(ConfigurationError, serverTransport, "nix")
        self.assertIn("installed: both, listen", str(error))

    def test_roleAlone(self) -> None:
        """
        Who asks for the role that a method does not play is told so.
        """
        installPlugins(self, {"somebodys": PLUGIN})
        error = self.assertRaises(UnknownMethod, clientTransport, "listen")
        self.assertIn("'listen' can be a server alone", str(error))
        error = self.assertRaises(UnknownMethod, serverTransport, "reach")
        self.assertIn("'reach' can be a client alone", str(error))

    def test_ours(self) -> None:
        """
        The methods of this package are there.
        """
        for methods in (clientTransports(), serverTransports()):
            self.assertLessEqual({"dummy", "obfs4"}, set(methods))
