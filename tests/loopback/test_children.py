"""
Tests for ``pyptwist.loopback.children``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import ManagedProcessError
from pyptwist.loopback.children import Child


class Reactor(MemoryReactorClock):
    """
    Notes which processes are started.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[tuple[Any, ...]] = []

    def spawnProcess(self, *arguments: Any) -> None:
        self.spawned.append(arguments)


class Process:
    """
    A process transport.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.isGone = False

    def closeStdin(self) -> None:
        self.calls.append("closeStdin")

    def signalProcess(self, name: str) -> None:
        if self.isGone:
            raise ProcessExitedAlready
        self.calls.append(name)


class ChildTests(SynchronousTestCase):
    """
    Tests for ``Child``.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.patch(os, "environ", {"PATH": "/bin", "TOR_PT_PROXY": "x"})
        self.child = Child(self.reactor, "dummy")
        self.ready = self.child.launch("/state", {"CLIENT_TRANSPORTS": "dummy"})
        self.process: Any = Process()
        self.child.makeConnection(self.process)

    def end(self) -> None:
        self.process.isGone = True
        self.child.processEnded(Failure(ProcessDone(0)))

    def test_launched(self) -> None:
        """
        It is our own program, and its variables are ours alone.
        """
        [(protocol, program, arguments, environment)] = self.reactor.spawned
        self.assertIs(protocol, self.child)
        self.assertEqual(program, sys.executable)
        self.assertEqual(arguments, (sys.executable, "-m", "pyptwist"))
        self.assertEqual(
            environment,
            {
                "PATH": "/bin",
                "TOR_PT_MANAGED_TRANSPORT_VER": "1",
                "TOR_PT_STATE_LOCATION": "/state",
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
                "TOR_PT_CLIENT_TRANSPORTS": "dummy",
            },
        )

    def test_other(self) -> None:
        """
        It may be another program.
        """
        Child(self.reactor, "x", ["/bin/x", "-y"]).launch("/state", {})
        _, program, arguments, _ = self.reactor.spawned[-1]
        self.assertEqual((program, arguments), ("/bin/x", ["/bin/x", "-y"]))

    def test_ready(self) -> None:
        """
        It is ready when it has said so, in whatever pieces.
        """
        for byte in b"VERSION 1\nCMETHOD dummy socks5 127.0.0.1:7\nCMETHODS DON":
            self.child.outReceived(bytes([byte]))
        self.assertNoResult(self.ready)
        self.child.outReceived(b"E\n")
        self.assertEqual(
            self.successResultOf(self.ready), ["CMETHOD", "dummy", "socks5", "127.0.0.1:7"]
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """
        An error line is the reason.
        """
        self.child.outReceived(b"CMETHOD-ERROR dummy no\nCMETHODS DONE\n")
        failure = self.failureResultOf(self.ready, ManagedProcessError)
        self.assertIn("CMETHOD-ERROR dummy no", str(failure.value))

    def test_ends(self) -> None:
        """
        An end before that shows what was on standard error.
        """
        self.child.errReceived(b"x" * 5000)
        self.child.errReceived(b"why")
        self.end()
        failure = self.failureResultOf(self.ready, ManagedProcessError)
        self.assertTrue(str(failure.value).endswith("xwhy"))
        self.assertLess(len(str(failure.value)), 5000)

    def test_silent(self) -> None:
        """
        One that says nothing is not waited for for ever.
        """
        self.reactor.advance(limits.CHILD_START)
        failure = self.failureResultOf(self.ready, ManagedProcessError)
        self.assertIn("no methods within", str(failure.value))

    def test_stopped(self) -> None:
        """
        It is told to end by its input, and no more is needed.
        """
        self.child.outReceived(b"CMETHODS DONE\n")
        stopping = self.child.stop()
        self.assertEqual(self.process.calls, ["closeStdin"])
        self.assertNoResult(stopping)
        self.end()
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.successResultOf(self.child.stop())

    def test_deaf(self) -> None:
        """
        One that does not hear is killed.
        """
        self.child.outReceived(b"CMETHODS DONE\n")
        stopping = self.child.stop()
        self.reactor.advance(limits.CHILD_END)
        self.assertEqual(self.process.calls, ["closeStdin", "KILL"])
        self.end()
        self.successResultOf(stopping)
