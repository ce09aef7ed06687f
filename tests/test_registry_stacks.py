"""
Tests for ``pyptwist.registry``: stacks among the methods.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import InterfaceClass
from zope.interface.verify import verifyObject

import pyptwist
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import IClientTransport, IServerTransport
from pyptwist.registry import (
    Methods,
    RegistryError,
    StackPlugin,
    TransportPlugin,
    clientTransport,
    clientTransports,
    serverTransport,
    serverTransports,
)
from pyptwist.testing import memoryContext
from tests.plugins import installPlugins
from tests.test_registry import PLUGIN, TARGET


class StackPluginTests(SynchronousTestCase):
    """
    Stacks that a package brings.
    """

    LINE = """
from pyptwist.registry import StackPlugin

twice = StackPlugin("twice", "both | both")
"""

    def test_interfaces(self) -> None:
        plugin = StackPlugin("twice", "hello | hello")
        for interface in (IPlugin, IClientTransport, IServerTransport):
            verifyObject(interface, plugin)
        self.assertEqual((plugin.name, plugin.module), ("twice", __name__))

    def test_found(self) -> None:
        """
        It is a method like any other: found, and used, by its name.
        """
        installPlugins(self, {"somebodys": PLUGIN, "stacks": self.LINE})
        self.assertEqual(sorted(clientTransports()), ["both", "reach", "twice"])
        self.assertEqual(sorted(serverTransports()), ["both", "listen", "twice"])
        context = memoryContext(self.mktemp())
        server = serverTransport("twice").serverEndpoint(context, TARGET, Arguments())
        needed = Arguments({"both-greeting": "hello", "both2-greeting": "hello"})
        self.assertEqual(server.clientArguments, needed)
        client = clientTransport("twice").clientEndpoint(context, TARGET, needed)
        self.assertTrue(hasattr(client, "connect"))

    def test_clash(self) -> None:
        """
        Two plugins must not claim one name, be they stacks or not.
        """
        for other in (self.LINE, PLUGIN.replace('"both"', '"twice"')):
            installPlugins(self, {"stacks": self.LINE}, {"copied": other})
            error = self.assertRaises(RegistryError, clientTransport, "twice")
            self.assertIn("twisted.plugins.stacks", str(error))
            self.assertIn("twisted.plugins.copied", str(error))

    def test_light(self) -> None:
        """
        A plugin module that defines a stack imports no method, and no reactor.
        """
        script = (
            "import sys; from pyptwist.registry import StackPlugin;"
            "StackPlugin('b64_obfs4', 'obfs4 | b64');"
            "print([name for name in sys.modules if name in ('twisted.internet.reactor',"
            " 'pyptwist.connection', 'pyptwist.endpoints')"
            " or name.startswith('pyptwist.transports')])"
        )
        printed = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": str(Path(pyptwist.__file__).parent.parent)},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        self.assertEqual(printed, b"[]\n")


class MethodsTests(SynchronousTestCase):
    """
    Tests for ``Methods``.
    """

    def setUp(self) -> None:
        self.plugins = [
            TransportPlugin("both", client="tests.memory.Hello", server="tests.memory.Hello"),
            TransportPlugin("reach", client="tests.memory.Hello"),
            TransportPlugin("missing", client="tests.memory.Missing"),
        ]
        self.asked: list[object] = []

    def methods(self, **stacks: str) -> Methods:
        def plugins(role: InterfaceClass) -> list[Any]:
            self.asked.append(role)
            return [plugin for plugin in self.plugins if role.providedBy(plugin)]

        return Methods(stacks, plugins)

    def test_methods(self) -> None:
        """
        A method is what it is called.
        """
        methods = self.methods()
        self.assertIs(methods.client("both"), self.plugins[0])
        self.assertIs(methods.server("both"), self.plugins[0])
        self.assertRaises(ConfigurationError, methods.server, "reach")

    def test_stacks(self) -> None:
        """
        So is a stack that was given a name; without one it has its own.
        """
        methods = self.methods(mine="both | reach")
        self.assertEqual(methods.client("mine").name, "mine")
        self.assertIs(methods.client("mine"), methods.client("mine"))
        for expression in ("both|mine", "both over mine"):
            self.assertEqual(methods.client(expression).name, "both_mine")
        methods.client("both|mine").loadClient()
        self.assertRaises(ConfigurationError, methods.server("both|mine").loadServer)
        self.assertRaises(ConfigurationError, methods.client, "both|")

    def test_wrongExpression(self) -> None:
        self.assertRaises(ConfigurationError, self.methods, mine="both")

    def test_shadow(self) -> None:
        """
        A stack must not have a method's name; who asks for another is not told.
        """
        methods = self.methods(both="reach | reach", fine="reach | reach")
        for find in (methods.client, methods.server):
            error = self.assertRaises(RegistryError, find, "both")
            self.assertIn(f"{__name__} defines a method 'both'", str(error))
        methods.client("fine").loadClient()

    def test_askedOnce(self) -> None:
        """
        Looking for plugins takes time, and is done once for each role.
        """
        methods = self.methods(mine="both | both")
        self.assertEqual(self.asked, [])
        for name in ("both", "mine", "both|mine"):
            methods.client(name).loadClient()
        self.assertEqual(self.asked, [IClientTransport])
        methods.server("both")
        self.assertEqual(self.asked, [IClientTransport, IServerTransport])

    def test_check(self) -> None:
        """
        A stack can be looked at as a whole; one role is enough.
        """
        self.methods(one="both | both", other="reach | one").check()
        for expression, why in (
            ("both | absent", "in the stack wrong: there is no transport method 'absent'"),
            ("both | wrong", "would be a layer of itself"),
            ("both | missing", "Missing"),
        ):
            methods = self.methods(right="both | both", wrong=expression)
            error = self.assertRaises(ConfigurationError, methods.check)
            self.assertIn("wrong cannot be used: ", str(error))
            self.assertIn(why, str(error))
        self.assertRaises(ConfigurationError, self.methods(both="reach | reach").check)
