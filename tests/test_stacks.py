"""
Tests for ``pyptwist.stacks``: what a stack is made of.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import InterfaceClass
from zope.interface.verify import verifyClass, verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, DatagramsForbidden
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    INetwork,
    IServerTransport,
    ITransportConnection,
)
from pyptwist.registry import Methods, StackPlugin
from pyptwist.stacks import Stack, _Layer
from pyptwist.testing import EndpointConformance, memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.testing.memory import MemoryNetwork
from tests.layers import HERE, Curious, StackCase, methods
from tests.memory import Hello


class Obfs4OverB64Tests(EndpointConformance, SynchronousTestCase):
    """
    A layer that shakes hands over one that does not.
    """

    method = partial(Stack, "obfs4 | b64")


class B64OverObfs4Tests(EndpointConformance, SynchronousTestCase):
    """
    The other way round.
    """

    method = partial(Stack, "b64 | obfs4")


class ThreeLayersTests(EndpointConformance, SynchronousTestCase):
    """
    Two handshakes of one method, with options of their own.
    """

    method = partial(Stack, "obfs4 | b64 | obfs4")
    serverArguments = Arguments({"obfs4-iat-mode": "1", "obfs42-iat-mode": "0"})
    flushSeconds = 300.0


class PlainTests(EndpointConformance, SynchronousTestCase):
    """
    Nothing but the layers' own code.
    """

    method = partial(Stack, "dummy | dummy | dummy")


class UnderWebTests(EndpointConformance, SynchronousTestCase):
    """
    A layer on a web server's connections.
    """

    method = partial(Stack, "b64 | webtunnel")
    plain = True
    answersStrangers = True


class WebTests(EndpointConformance, SynchronousTestCase):
    """
    A web server on a layer's connections.
    """

    method = partial(Stack, "webtunnel | obfs4")


class StackTests(StackCase):
    """
    What a stack is, and how its layers are found.
    """

    def test_interfaces(self) -> None:
        """
        A stack is a method; a layer has a network.
        """
        verifyClass(INetwork, _Layer)
        for role in (IClientTransport, IServerTransport):
            verifyObject(role, Stack("obfs4 | b64"))

    def test_name(self) -> None:
        """
        It has the name that it is given, or one of its own; both are PT names.
        """
        self.assertEqual(Stack("obfs4 over b64").name, "obfs4_b64")
        self.assertEqual(Stack("obfs4 | b64", "b64_obfs4").name, "b64_obfs4")
        self.assertEqual(repr(Stack("a|b", "c")), "<Stack c: a | b>")

    def test_notAStack(self) -> None:
        self.assertRaises(ConfigurationError, Stack, "obfs4")

    def test_unknownLayer(self) -> None:
        """
        A layer that is not installed is named, and what is.
        """
        stack = Stack("hello | absent", "mine", methods())
        for use in (stack.clientEndpoint, stack.serverEndpoint, self._load(stack)):
            error = self.assertRaises(ConfigurationError, use, self.context, HERE, Arguments())
            self.assertIn("in the stack mine: there is no transport method 'absent'", str(error))
            self.assertIn("dummy", str(error))

    def _load(self, stack: Stack) -> Any:
        def load(*ignored: object) -> None:
            stack.loadServer()
            stack.loadClient()

        return load

    def test_nested(self) -> None:
        """
        A layer that is a stack lends its layers, under their own names.
        """
        known = methods(StackPlugin("plugged", "dummy | b64"), stacks={"ours": "hello | slow"})
        stack = Stack("ours | plugged | hello", methods=known)
        client, server = self.connected(stack, 5)
        self.assertEqual(client.transport.methodName, "ours_plugged_hello")
        for layer in ("hello", "slow", "dummy", "b64", "hello2"):
            stack.clientEndpoint(self.context, HERE, Arguments({f"{layer}-x": "1"}))
        self.assertRaises(
            ConfigurationError, stack.clientEndpoint, self.context, HERE, Arguments({"ours-x": ""})
        )
        client.transport.write(b"through five")
        client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(bytes(server.received), b"through five")

    def test_cycle(self) -> None:
        """
        A stack that holds itself, at whatever depth, is refused and no loop.
        """
        known = methods(stacks={"one": "two | dummy", "two": "b64 | three", "three": "one | one"})
        for name in ("one", "two", "three"):
            stack = known.client(name)
            error = self.assertRaises(ConfigurationError, stack.loadClient)
            self.assertEqual(str(error), f"the stack {name} would be a layer of itself")
        self.assertRaises(ConfigurationError, Stack("hello|one", methods=known).loadServer)

    def test_tooMany(self) -> None:
        """
        Stacks of stacks grow fast; not beyond the limit.
        """
        doubled = {f"s{n}": f"s{n - 1} | s{n - 1}" for n in range(1, 200)} | {"s0": "dummy|dummy"}
        known = methods(stacks=doubled)
        known.client("s2").loadClient()
        for name in ("s3", "s30", "s199"):
            error = self.assertRaises(ConfigurationError, known.client(name).loadClient)
            self.assertIn("more than 8 layers", str(error))
        self.assertEqual(limits.STACK_LAYERS, 8)

    def test_foundOnce(self) -> None:
        """
        Layers are looked up when first needed, and never again.
        """
        asked: list[object] = []

        def plugins(role: InterfaceClass) -> list[Any]:
            asked.append(role)
            return [Hello()]

        stack = Stack("hello | hello", methods=Methods(plugins=plugins))
        self.assertEqual(asked, [])
        for _ in range(3):
            stack.clientEndpoint(self.context, HERE, Arguments())
        self.assertEqual(asked, [IClientTransport])


class ArgumentTests(StackCase):
    def test_layers(self) -> None:
        """
        Each layer has its own options, context and name; clients are told of all.
        """
        top, bottom = Curious(), Curious()
        bottom.name = "lower"
        stack = Stack("curious | hello | lower", "mine", methods(top, bottom))
        options = Arguments([("lower-x", "1"), ("curious-x", "2"), ("lower-y-z", "3")])
        needed = self.serve(stack, options)
        self.assertEqual(top.arguments, [Arguments(x="2")])
        self.assertEqual(bottom.arguments, [Arguments([("x", "1"), ("y-z", "3")])])
        pairs = [("key", "1"), ("other-key", "2"), ("key", "3")]
        self.assertEqual(
            needed.items(),
            (
                *((f"curious-{key}", value) for key, value in pairs),
                ("hello-greeting", "hello"),
                *((f"lower-{key}", value) for key, value in pairs),
            ),
        )
        stack.clientEndpoint(self.context, HERE, needed)
        self.assertEqual(top.arguments[1], Arguments(pairs))
        for method, alias in ((top, "mine"), (bottom, None)):
            self.assertEqual([context.alias for context in method.contexts], [alias] * 2)
            for context in method.contexts:
                assert context.stateDirectory is not None
                self.assertEqual(
                    context.stateDirectory.path("file"),
                    os.path.abspath(os.path.join(self.state, "mine", method.name, "file")),
                )
        self.assertIs(bottom.contexts[0].network, self.network)

    def test_noState(self) -> None:
        """
        Without a state directory no layer has one.
        """
        top = Curious()
        context = memoryContext(self.mktemp())
        context = Context(context.reactor, context.network, None, context.metrics)
        Stack("curious | hello", methods=methods(top)).clientEndpoint(context, HERE, Arguments())
        self.assertIs(top.contexts[0].stateDirectory, None)

    def test_errors(self) -> None:
        """
        What is wrong with a layer's arguments is said of the layer.
        """
        stack = Stack("dummy | obfs4 | obfs4", methods=methods())
        needed = self.serve(stack)
        for key in ("obfs4-cert", "obfs42-cert"):
            error = self.assertRaises(
                ConfigurationError, stack.clientEndpoint, self.context, HERE, needed.without(key)
            )
            layer = key.partition("-")[0]
            self.assertEqual(
                str(error),
                f"in the layer {layer}, whose arguments begin with {layer}-:"
                " the argument 'cert' is missing",
            )
        for arguments in (Arguments(cert="x"), Arguments({"b64-cert": "x"})):
            error = self.assertRaises(
                ConfigurationError, stack.clientEndpoint, self.context, HERE, arguments
            )
            self.assertIn("obfs4-", str(error))
        error = self.assertRaises(
            ConfigurationError,
            stack.serverEndpoint,
            self.context,
            HERE,
            Arguments({"obfs4-iat-mode": "9"}),
        )
        self.assertIn("in the layer obfs4, ", str(error))

    def test_keysKept(self) -> None:
        """
        Two layers of one method have keys of their own, which outlive the server.
        """
        stack = Stack("obfs4 | obfs4", methods=methods())
        first = self.serve(stack)
        again = stack.serverEndpoint(self.context, HERE, Arguments()).clientArguments
        self.assertEqual(first, again)
        self.assertNotEqual(first.get("obfs4-cert"), first.get("obfs42-cert"))


class NetworkTests(StackCase):
    """
    What layers have beneath them.
    """

    def test_bottom(self) -> None:
        """
        The lowest layer alone reaches the network, at the target; so it does
        whatever that network says, such as to go through an upstream proxy.
        """
        dialled: list[tuple[str, int]] = []

        class Counting(MemoryNetwork):
            def clientEndpoint(self, host: str, port: int) -> Any:
                dialled.append((host, port))
                return super().clientEndpoint(host, port)

        context = memoryContext(self.mktemp(), "", Counting())
        Stack("hello | dummy | hello", methods=methods()).clientEndpoint(
            context, HERE, Arguments()
        )
        self.assertEqual(dialled, [("127.0.0.1", 443)])

    def test_networkConnection(self) -> None:
        """
        Connections say the stack's name, and reach the bottom.
        """
        client, server = self.connected(Stack("dummy | hello | b64", "mine", methods()))
        [ends] = self.network.connections
        for application, end in zip((client, server), ends, strict=True):
            self.assertIs(application.transport.networkConnection, end)
            below = application.transport
            for name in ("mine", "hello", "b64"):
                self.assertTrue(ITransportConnection.providedBy(below))
                self.assertEqual(below.methodName, name)
                below = below.transport
            self.assertIs(below, end)

    def test_namedByContext(self) -> None:
        """
        A stack that is called something else says that.
        """
        context = Context(
            self.network.clock, self.network, None, self.context.metrics, alias="called"
        )
        stack = Stack("dummy | dummy", methods=methods())
        self.serve(stack)
        attempt = self.connecting(stack, context=context)
        self.network.pump()
        self.assertEqual(self.successResultOf(attempt).transport.methodName, "called")

    def test_datagrams(self) -> None:
        """
        A method that needs datagrams can only be the lowest.
        """
        stack = Stack("datagrams | hello", methods=methods())
        for use in (stack.clientEndpoint, stack.serverEndpoint):
            error = self.assertRaises(DatagramsForbidden, use, self.context, HERE, Arguments())
            self.assertIn("layer below carries streams only", str(error))

    def test_wrongRole(self) -> None:
        """
        Within a stack nobody changes sides.
        """
        stack = Stack("confused | hello", methods=methods())
        for use in (stack.clientEndpoint, stack.serverEndpoint):
            error = self.assertRaises(ConfigurationError, use, self.context, HERE, Arguments())
            self.assertIn("in the layer confused, ", str(error))

    def test_targetFromArguments(self) -> None:
        """
        Where a layer's arguments name the server, there need be no target, and any will
        do; wherever it is in the stack.
        """
        server = {"named-server": "127.0.0.1:443"}
        self.serve(Stack("hello | hello | hello", methods=methods()))
        for expression in ("named | hello | hello", "hello | named | hello", "hello|hello|named"):
            stack = Stack(expression, methods=methods())
            for target in (None, HostPort("192.0.2.1", 1)):
                endpoint = stack.clientEndpoint(self.context, target, Arguments(server))
                attempt = endpoint.connect(Applications())
                self.network.pump()
                self.successResultOf(attempt)

    def test_noTarget(self) -> None:
        """
        A layer that needs a target says so.
        """
        for expression in ("hello | hello", "hello | named"):
            stack = Stack(expression, methods=methods())
            error = self.assertRaises(
                ConfigurationError, stack.clientEndpoint, self.context, None, Arguments()
            )
            self.assertIn("hello needs the address of a server", str(error))
        self.assertIn("in the layer named, whose arguments begin with named-:", str(error))
