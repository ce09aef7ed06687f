"""
Tests for ``pyptwist.loopback.pair``; the demonstration's tests run it whole.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ManagedProcessError
from pyptwist.loopback.pair import Pair
from tests.ipc.managed import GOOD, Reactor

DESTINATION = HostPort("127.0.0.1", 9)
VERSION = "VERSION 1\n"


class PairTests(SynchronousTestCase):
    """
    Tests for ``Pair``.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.pair = Pair(self.reactor, "x", "/state", [sys.executable, "-y"])

    def startServer(self, said: str, options: Arguments | None = None) -> Deferred[BridgeLine]:
        """
        :param said: by the child.
        """
        return self.start(self.pair.startServer(DESTINATION, options), VERSION + said)

    def start(self, coroutine: Any, said: str) -> Deferred[Any]:
        starting: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        [*_, (_, command, self.environment)] = self.reactor.spawned
        self.assertEqual(command, [sys.executable, "-y"])
        self.reactor.processes[-1].say(said.encode())
        return starting

    def test_server(self) -> None:
        """
        A server is told where its clients go, and tells what they need.
        """
        bridge = self.successResultOf(
            self.startServer("SMETHOD x 127.0.0.1:7 ARGS:a=1,b=2\nSMETHODS DONE\n")
        )
        self.assertEqual(bridge.address, HostPort("127.0.0.1", 7))
        self.assertEqual(bridge.arguments, Arguments(a="1", b="2"))
        said = {k: v for k, v in self.environment.items() if "SERVER" in k or "ORPORT" in k}
        self.assertEqual(
            said,
            {
                "TOR_PT_SERVER_TRANSPORTS": "x",
                "TOR_PT_SERVER_BINDADDR": "x-127.0.0.1:0",
                "TOR_PT_ORPORT": "127.0.0.1:9",
                "TOR_PT_EXTENDED_SERVER_PORT": "",
            },
        )
        self.assertEqual(self.environment["TOR_PT_STATE_LOCATION"], "/state/server")

    def test_options(self) -> None:
        """
        The operator's options reach it; some methods need no arguments.
        """
        bridge = self.successResultOf(
            self.startServer("SMETHOD x 127.0.0.1:7\nSMETHODS DONE\n", Arguments(a="1;2", b="3"))
        )
        self.assertEqual(bridge.arguments, Arguments())
        self.assertEqual(self.environment["TOR_PT_SERVER_TRANSPORT_OPTIONS"], "x:a=1\\;2;x:b=3")

    def test_refused(self) -> None:
        """
        What a child says is wrong is the reason; as is that it says nothing.
        """
        for said, reason in (
            ("SMETHOD-ERROR x no such thing\nSMETHODS DONE\n", "no such thing"),
            ("SMETHODS DONE\n", "the child has no x"),
        ):
            failure = self.failureResultOf(self.startServer(said), ManagedProcessError)
            self.assertIn(reason, str(failure.value))

    def test_stop(self) -> None:
        """
        Stopping stops what was started, and nothing starts again by itself.
        """
        self.successResultOf(self.pair.stop())
        self.successResultOf(self.start(self.pair.startClient(), GOOD.decode()))
        stopping = self.pair.stop()
        [process] = self.reactor.processes
        self.assertEqual(process.calls, ["close"])
        self.assertNoResult(stopping)
        process.end()
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
