"""
Tests for ``pyptwist.strangers.decoy``: which methods can have one, and what it sees then.

tests/integration/test_decoy.py does it with processes.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, DatagramsForbidden
from pyptwist.interfaces import Context
from pyptwist.registry import Methods, serverTransports
from pyptwist.strangers import decoy
from pyptwist.strangers.guard import Guard
from pyptwist.testing.applications import Applications
from pyptwist.transports.dummy import Dummy
from tests.decoys import BRIDGE, SITE, DecoyConformance, Scene


class Obfs4Tests(DecoyConformance, Scene):
    name = "obfs4"


class ScrambleSuitTests(DecoyConformance, Scene):
    name = "scramblesuit"


class RefusedAboveTests(DecoyConformance, Scene):
    """
    The layer at the wire lets everybody in, and the one above refuses.
    """

    name = "obfs4 | dummy"


class RefusedBelowTests(DecoyConformance, Scene):
    """
    The layer at the wire refuses.
    """

    name = "dummy | b64 | obfs4"


class RefusedAnywhereTests(DecoyConformance, Scene):
    """
    The layer at the wire refuses after it was ready, or the one above does.
    """

    name = "obfs4 | b64"

    def test_above(self) -> None:
        """
        What is right for the layer below goes to the decoy as it came.
        """
        self.openSite()
        self.serve(self.method)
        text = b"QUJD" * 5000
        self.assertSeen(self.stranger(text), text)


class OptionTests(Scene):
    """
    What can be asked for.
    """

    def refusal(self, method: Any, **options: str) -> str:
        """
        :returns: why these options are refused.
        """
        arguments = Arguments([(key.replace("_", "-"), text) for key, text in options.items()])
        with self.assertRaises(ConfigurationError) as caught:
            decoy.serverEndpoint(method, self.context, BRIDGE, arguments, self.network)
        return str(caught.exception)

    def test_none(self) -> None:
        """
        Without the option nothing is changed.
        """
        seen: list[Any] = []

        class Method(Dummy):
            def serverEndpoint(self, context: Context, *more: Any) -> Any:
                seen.append((context, *more))

        decoy.serverEndpoint(Method(), self.context, BRIDGE, Arguments(a="b"), self.network)
        self.assertEqual(seen, [(self.context, BRIDGE, Arguments(a="b"))])

    def test_methods(self) -> None:
        """
        Each method that is installed can have a decoy, or says why not.
        """
        can = []
        for name in ("b64", "dummy", "obfs2", "obfs3", "obfs4", "scramblesuit"):
            try:
                self.serve(serverTransports()[name])
            except ConfigurationError as error:
                self.assertIn(f"{name} cannot have a decoy: ", str(error))
            else:
                self.port.stopListening()
                can.append(name)
        self.assertEqual(can, ["obfs4", "scramblesuit"])

    def test_stacks(self) -> None:
        """
        So can each stack of which no layer speaks first, and some layer refuses.
        """
        methods = Methods()
        for expression, reason in (
            ("obfs4 | obfs3", "speaks first"),
            ("obfs2 | obfs4", "speaks first"),
            ("dummy | b64", "everybody"),
        ):
            self.assertIn(reason, self.refusal(methods.server(expression), decoy="[::1]:80"))

    def test_foreign(self) -> None:
        """
        A method that says nothing of it may be of any shape, and gets none.
        """

        class Foreign:
            name = "foreign"

        self.assertIn("foreign cannot", self.refusal(Foreign(), decoy="[::1]:80"))

    def test_values(self) -> None:
        """
        Nonsense is refused, with the name of the option.
        """
        method = serverTransports()["obfs4"]
        for text in ("", "example.org", "example.org:http", "[::1]:0", "::1:80"):
            self.assertIn("'decoy'", self.refusal(method, decoy=text))
        self.assertIn("another", self.refusal(method, decoy=str(BRIDGE)))
        for text in ("", "0", "31", "1.5", "soon"):
            reason = self.refusal(method, decoy=str(SITE), decoy_after=text)
            self.assertIn("'decoy-after'", reason)
        self.assertIn("'decoy'", self.refusal(method, decoy_after="4"))

    def test_otherNeeds(self) -> None:
        """
        What else a method wants of its network, it gets from the network.
        """
        nobody: Any = None
        guard = Guard(self.network.clock, nobody, 1, "guard")
        network = decoy.GuardedNetwork(self.network, guard)
        self.openSite()
        connecting = network.clientEndpoint(SITE.host, SITE.port).connect(Applications())
        self.network.pump()
        self.successResultOf(connecting)
        with self.assertRaises(DatagramsForbidden):
            network.bindDatagrams(DatagramProtocol(), "192.0.2.1", 53)
