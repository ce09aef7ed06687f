"""
Tests for ``pyptwist.transports.optimizer.method``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import clientFromString
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.registry import Methods, clientTransports, serverTransports
from pyptwist.state import StateDirectory
from pyptwist.testing import memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.transports.dummy import Dummy
from pyptwist.transports.obfs4.method import Obfs4
from pyptwist.transports.optimizer.health import HEALTH_FILE
from pyptwist.transports.optimizer.method import LowerOptimizer, Optimizer
from tests.transports.optimizer.fakes import Fate, Scripted, contextOf, methodsOf, refused

_TARGET = HostPort("192.0.2.9", 9)


def arguments(*entries: Any, **more: Any) -> Arguments:
    """
    :param entries: of transports.
    """
    return Arguments({"transports": list(entries), **more})


class MethodTests(SynchronousTestCase):
    """
    From arguments to an endpoint.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.fates = {"a": Fate(self.clock), "b": Fate(self.clock), "dead": refused(self.clock)}
        self.scripted = Scripted("Scripted", self.fates)
        self.optimizer = Optimizer()
        self.context = contextOf(self.clock, [self.scripted, self.optimizer])

    def entry(self, fate: str, **more: Any) -> dict[str, Any]:
        """
        :returns: a transport with this fate.
        """
        return {"name": "Scripted", "config": {"fate": fate, **more}}

    def endpoint(self, *entries: Any, context: Context | None = None, **more: Any) -> Any:
        """
        :param entries: of transports.
        """
        return self.optimizer.clientEndpoint(
            context or self.context, _TARGET, arguments(*entries, **more)
        )

    def connected(self, endpoint: Any) -> Any:
        """
        :returns: the application, by whatever transport.
        """
        dialling = endpoint.connect(Applications())
        self.clock.advance(0.1)
        return self.successResultOf(dialling)

    def dialled(self) -> list[int]:
        """
        :returns: how often ``a``, ``b`` and ``dead`` were.
        """
        return [len(fate.dialled) for fate in self.fates.values()]

    def test_roles(self) -> None:
        """
        It has a client, and says so; under two names.
        """
        for kind, name in ((Optimizer, "Optimizer"), (LowerOptimizer, "optimizer")):
            method = kind()
            verifyObject(IClientTransport, method)
            self.assertFalse(IServerTransport.providedBy(method))
            self.assertEqual(method.name, name)
            self.assertIn(name, clientTransports())
            self.assertNotIn(name, serverTransports())

    def test_inner(self) -> None:
        """
        Each transport gets its own arguments and server, and surroundings in which its
        connections call themselves by this method's name, or the stack's around it.
        """
        self.endpoint(self.entry("a", x=1), self.entry("b", serverAddress="192.0.2.1:443"))
        (context, target, given), (_, other, _) = self.scripted.asked
        self.assertEqual((target, other), (_TARGET, HostPort("192.0.2.1", 443)))
        self.assertEqual(given, Arguments({"fate": "a", "x": 1}))
        self.assertEqual(context.alias, "Optimizer")
        self.assertIs(context.reactor, self.clock)
        self.endpoint(self.entry("a"), context=replace(self.context, alias="mine"))
        self.assertEqual(self.scripted.asked[-1][0].alias, "mine")
        self.optimizer.clientEndpoint(self.context, None, arguments(self.entry("a")))
        self.assertIsNone(self.scripted.asked[-1][1])

    def test_names(self) -> None:
        """
        Methods are found in any case, unless that is ambiguous; stacks, too, by their
        names and as expressions.
        """
        for name in ("Scripted", "scripted", "SCRIPTED"):
            self.endpoint({"name": name, "config": {"fate": "a"}})
        methods = methodsOf([Scripted("twin", self.fates), Scripted("TWIN", self.fates)])
        self.assertEqual(
            [methods.spelt(n) for n in ("twin", "TWIN", "Twin")], ["twin", "TWIN", "Twin"]
        )
        plugins = [Dummy(), Obfs4()]
        named = Methods(
            {"both": "obfs4|dummy"}, lambda role: [p for p in plugins if role.providedBy(p)]
        )
        context = replace(memoryContext(self.mktemp()), methods=named)
        cert = {"obfs4-cert": "A" * 70, "obfs4-iat-mode": 0}
        for name in ("both", "Both", "obfs4|dummy"):
            self.optimizer.clientEndpoint(
                context, _TARGET, arguments({"name": name, "config": cert})
            )

    def test_wrongInner(self) -> None:
        """
        What is wrong with one of them is told before anything is dialled.
        """
        for entry, expected in (
            ({"name": "none"}, r"^transport 2 \(none\): there is no transport method 'none'"),
            ({"name": "Scripted"}, r"^transport 2 \(Scripted\): the argument 'fate' is missing"),
            ({"name": "a|b"}, r"^transport 2 \(a\|b\): "),
        ):
            with self.assertRaisesRegex(ConfigurationError, expected):
                self.endpoint(self.entry("a"), entry)
        self.assertEqual(self.dialled(), [0, 0, 0])

    def test_installed(self) -> None:
        """
        Without other word, transports are those installed.
        """
        context = memoryContext(self.mktemp())
        self.assertIsNone(context.methods)
        self.optimizer.clientEndpoint(context, _TARGET, arguments({"name": "OBFS3"}))

    def test_string(self) -> None:
        """
        As in the manual: by an endpoint string, in which colons are escaped.
        """
        text = (
            r'pt:Optimizer:192.0.2.1:443:transports=[{"name"\:"obfs3"},{"name"\:"dummy"}]'
            ":strategy=random"
        )
        endpoint: Any = clientFromString(MemoryReactorClock(), text)
        inner = endpoint._wrappedEndpoint if hasattr(endpoint, "_wrappedEndpoint") else endpoint
        self.assertEqual([each.label for each in inner.candidates], ["1 (obfs3)", "2 (dummy)"])
        page = Path(__file__).resolve().parents[3] / "doc" / "transports" / "optimizer.rst"
        self.assertIn(text, page.read_text(encoding="utf-8"))

    # --- what is kept -------------------------------------------------------

    def test_rotates(self) -> None:
        """
        Endpoints are made for each connection; the rotation goes on nevertheless, for
        each set of transports by itself.
        """
        entries = self.entry("a"), self.entry("b")
        seen = []
        for _ in range(4):
            self.connected(self.endpoint(*entries, strategy="rotate"))
            self.connected(self.endpoint(*entries, self.entry("a"), strategy="rotate"))
            seen.append(self.dialled()[:2])
        self.assertEqual(seen, [[0, 2], [2, 2], [3, 3], [4, 4]])

    def test_bounded(self) -> None:
        """
        There are not any number of those.
        """
        for number in range(2 * limits.OPTIMIZER_CONFIGURATIONS):
            self.endpoint(self.entry("a"), self.entry("b", x=number), strategy="rotate")
        self.assertEqual(len(self.optimizer._strategies), limits.OPTIMIZER_CONFIGURATIONS)
        kept = self.endpoint(self.entry("a"), self.entry("b", x=number), strategy="rotate")
        again = self.endpoint(self.entry("a"), self.entry("b", x=number), strategy="rotate")
        self.assertIs(kept.strategy, again.strategy)

    def test_remembers(self) -> None:
        """
        With a state directory, another process does not try what was dead a moment ago.
        """
        state = Path(self.mktemp()).absolute()
        for optimizer, dead in ((self.optimizer, 1), (Optimizer(), 1), (Optimizer(), 1)):
            self.optimizer = optimizer
            context = replace(self.context, stateDirectory=StateDirectory(state))
            endpoint = self.endpoint(
                self.entry("dead"), self.entry("a"), strategy="track", context=context
            )
            self.connected(endpoint)
            self.assertEqual(self.dialled()[2], dead)
        self.assertEqual([each.name for each in state.iterdir()], [HEALTH_FILE])

    def test_oneMemory(self) -> None:
        """
        Two Optimizers in one process that share a directory do not overwrite each
        other's memory; and those that learn nothing have no file.
        """
        state = Path(self.mktemp()).absolute()
        context = replace(self.context, stateDirectory=StateDirectory(state))
        for strategy in ("first", "random", "rotate"):
            self.connected(self.endpoint(self.entry("a"), strategy=strategy, context=context))
        self.assertFalse(state.exists())
        learning = [
            self.endpoint(self.entry(fate), strategy=strategy, context=context)
            for fate, strategy in (("a", "track"), ("b", "minimizeDialDuration"))
        ]
        for endpoint in learning:
            self.connected(endpoint)
        known = json.loads((state / HEALTH_FILE).read_text())["transports"]
        self.assertEqual(len(known), 2)

    def test_directories(self) -> None:
        """
        What is learnt in one directory says nothing in another.
        """
        one, other = (
            replace(self.context, stateDirectory=StateDirectory(self.mktemp())) for _ in range(2)
        )
        for context, dead in ((one, 1), (one, 1), (other, 2)):
            entries = self.entry("dead"), self.entry("a")
            self.connected(self.endpoint(*entries, strategy="track", context=context))
            self.assertEqual(self.dialled()[2], dead)

    # --- Optimizers within one another --------------------------------------

    def nested(self, depth: int) -> dict[str, Any]:
        """
        :returns: a transport within so many Optimizers.
        """
        entry = self.entry("a")
        for _ in range(depth):
            entry = {"name": "optimizer", "config": {"transports": [entry]}}
        return entry

    def test_nested(self) -> None:
        """
        One may be another's transport, as far as that goes.
        """
        endpoint = self.endpoint(self.entry("dead"), self.nested(1), strategy="track")
        self.connected(endpoint)
        self.assertEqual(self.dialled(), [1, 0, 1])
        self.endpoint(self.nested(limits.OPTIMIZER_DEPTH - 1))
        with self.assertRaisesRegex(ConfigurationError, "more than 3 Optimizers within"):
            self.endpoint(self.nested(limits.OPTIMIZER_DEPTH))

    def test_nestedInStacks(self) -> None:
        """
        Also if there are stacks between.
        """
        entry: dict[str, Any] = {"name": "Dummy"}
        for _ in range(limits.OPTIMIZER_DEPTH):
            entry = {
                "name": "dummy|Optimizer",
                "config": {"Optimizer-transports": [entry]},
            }
        context = replace(
            memoryContext(self.mktemp()), methods=methodsOf([Dummy(), self.optimizer])
        )
        with self.assertRaisesRegex(ConfigurationError, "more than 3 Optimizers within"):
            self.optimizer.clientEndpoint(context, _TARGET, arguments(entry))
        [inner] = entry["config"]["Optimizer-transports"]
        self.optimizer.clientEndpoint(context, _TARGET, arguments(inner))
