"""
Tests for ``pyptwist.ipc.parent`` and ``pyptwist.ipc.process``, with processes that
are not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.application.service import IService
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ManagedProcessError, ManagedProcessLost, causeOf
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.dialogue import ChildRefused, Dialogue
from pyptwist.ipc.messages import ClientMethod, MethodsDone, Unknown, Version
from pyptwist.ipc.parent import Ended, Event, ManagedTransport, Ready, Started
from pyptwist.ipc.pool import Pool, poolOf
from tests.ipc.managed import GOOD, Process, Reactor

CLIENT = Assignment((sys.executable, "-x"), Role.CLIENT, ("x",), "/state")
PIECES = [
    b"VERSION 1\n",
    b"VERSION 2.1\n",
    b"CMETHOD x socks5 127.0.0.1:7\n",
    b"SMETHOD x 127.0.0.1:7\n",
    b"CMETHOD x",
    b"\n",
    b"CMETHODS DONE\n",
    b"ENV-ERROR why\n",
    b"CMETHOD-ERROR x why\n",
    b"PROXY DONE\n",
    b'LOG SEVERITY=error MESSAGE="\\377"\n',
    b"STATUS a=b\n",
]
SERVER = replace(CLIENT, role=Role.SERVER, binds={"x": HostPort("127.0.0.1", 0)})


class ManagedCase(SynchronousTestCase):
    """
    A transport, and what it started.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.events: list[Event] = []
        self.transport = ManagedTransport(self.reactor, CLIENT, self.events.append)

    @property
    def process(self) -> Process:
        """
        The newest.
        """
        return self.reactor.processes[-1]

    def up(self) -> Process:
        """
        Have the transport's process be ready.
        """
        waiting = self.transport.whenReady()
        self.process.say(GOOD)
        self.successResultOf(waiting)
        return self.process

    def failed(self, waiting: Any) -> str:
        """
        :returns: why.
        """
        return str(self.failureResultOf(waiting, ManagedProcessError).value)


class StartTests(ManagedCase):
    """
    How it starts.
    """

    def test_lazily(self) -> None:
        """
        Nothing happens before somebody asks, and all who ask get the same.
        """
        self.assertEqual(self.reactor.processes, [])
        waiting = [self.transport.whenReady() for _ in range(3)]
        self.assertEqual(len(self.reactor.processes), 1)
        for byte in GOOD[:-1]:
            self.process.say(bytes([byte]))
        self.assertNoResult(waiting[0])
        self.process.say(GOOD[-1:])
        for one in waiting:
            self.assertEqual(list(self.successResultOf(one).clients), ["x"])
        self.assertEqual(list(self.successResultOf(self.transport.whenReady()).clients), ["x"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_service(self) -> None:
        verifyObject(IService, self.transport)
        self.transport.startService()
        self.assertEqual(self.transport.pid, os.getpid())
        self.process.say(GOOD)
        self.transport.startService()
        self.assertEqual(len(self.reactor.processes), 1)
        stopping = self.transport.stopService()
        self.process.end()
        self.successResultOf(stopping)
        self.assertEqual(self.transport.pid, None)

    def test_command(self) -> None:
        self.transport.whenReady()
        [(program, arguments, environment)] = self.reactor.spawned
        self.assertEqual((program, arguments), (sys.executable, [sys.executable, "-x"]))
        self.assertEqual(environment["TOR_PT_CLIENT_TRANSPORTS"], "x")

    def test_events(self) -> None:
        """
        All that happens is told; a listener that fails harms nobody.
        """
        self.up().say(b"WHAT\n")
        self.process.end(1)
        started, *said, ready, what, ended = self.events
        assert isinstance(ended, Ended)
        self.assertEqual(started, Started(os.getpid()))
        self.assertIsInstance(ready, Ready)
        self.assertEqual(
            said,
            [
                Version("1"),
                ClientMethod("x", "socks5", HostPort("127.0.0.1", 7)),
                MethodsDone(False),
            ],
        )
        self.assertEqual(what, Unknown("WHAT"))
        self.assertEqual(ended.restart, limits.CHILD_RESTART)
        self.events.clear()
        self.transport = ManagedTransport(self.reactor, CLIENT, lambda event: event.nothing)  # type: ignore[union-attr]
        self.up()
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 5)

    def test_tooLate(self) -> None:
        """
        One that says nothing is not waited for for ever.
        """
        waiting = self.transport.whenReady()
        self.process.say(b"VERSION 1\n")
        self.reactor.advance(limits.CHILD_START)
        self.assertIn("no methods within", self.failed(waiting))
        self.assertEqual(self.process.calls, ["close"])

    def test_noProgram(self) -> None:
        """
        It is not tried again by itself.
        """
        assignment = replace(CLIENT, command=("/nowhere/obfs",))
        transport = ManagedTransport(self.reactor, assignment, self.events.append)
        self.assertIn("no program obfs", self.failed(transport.whenReady()))
        [ended] = self.events
        assert isinstance(ended, Ended)
        self.assertIsNone(ended.restart)
        self.assertTrue(transport.isIdle)
        self.assertIn("no program", self.failed(transport.whenReady()))

    def test_noProcess(self) -> None:
        """
        A system that is out of processes may have some later.
        """

        def spawnProcess(*_: object) -> None:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        self.patch(self.reactor, "spawnProcess", spawnProcess)
        self.assertIn("temporarily", self.failed(self.transport.whenReady()))
        self.assertFalse(self.transport.isIdle)

    def test_cancelled(self) -> None:
        """
        Who does not wait any more is not told.
        """
        waiting = self.transport.whenReady()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.up()

    def test_late(self) -> None:
        """
        In PT 2 and 3, a method's error may come behind the end of the methods.
        """
        assignment = replace(CLIENT, versions=("1", "2.1"))
        self.transport = ManagedTransport(self.reactor, assignment)
        waiting = self.transport.whenReady()
        self.process.say(b"VERSION 2.1\nCMETHODS DONE\n")
        self.assertNoResult(waiting)
        self.process.protocol.errReceived(b"CMETHOD-ERROR x wh")
        self.process.protocol.errReceived(b"y\n")
        self.reactor.advance(limits.CHILD_STRAGGLER)
        self.assertEqual(self.successResultOf(waiting).refused, {"x": "why"})


class GarbageTests(SynchronousTestCase):
    """
    Whatever comes in whatever pieces, nothing but a ``ManagedProcessError`` comes
    of it.
    """

    @given(
        st.lists(
            st.tuples(st.booleans(), st.sampled_from(PIECES) | st.binary(max_size=30)), max_size=20
        )
    )
    def test_anything(self, pieces: list[tuple[bool, bytes]]) -> None:
        reactor = Reactor()
        transport = ManagedTransport(reactor, replace(CLIENT, versions=("1", "2.1")))
        results: list[object] = []
        transport.whenReady().addBoth(results.append)
        [process] = reactor.processes
        for isError, piece in pieces:
            (process.protocol.errReceived if isError else process.protocol.outReceived)(piece)
        process.protocol.errConnectionLost()
        process.end(1)
        [result] = results
        if isinstance(result, Failure):
            self.assertIsInstance(result.value, ManagedProcessError)
        else:
            self.assertIsInstance(result, Dialogue)
        transport.stop()
        self.assertEqual(reactor.getDelayedCalls(), [])


class EndTests(ManagedCase):
    """
    How it ends.
    """

    def test_restart(self) -> None:
        """
        Later and later, but for one that was there for a while.
        """
        delays = []
        for _ in range(8):
            self.up()
            self.process.end(1)
            ended = self.events[-1]
            assert isinstance(ended, Ended) and ended.restart is not None
            delays.append(ended.restart)
            count = len(self.reactor.processes)
            self.reactor.advance(ended.restart - 0.1)
            self.assertEqual(len(self.reactor.processes), count)
            self.reactor.advance(0.1)
            self.assertEqual(len(self.reactor.processes), count + 1)
        self.assertEqual(delays, [1, 2, 4, 8, 16, 30, 30, 30])
        self.up()
        self.reactor.advance(limits.CHILD_STEADY)
        self.process.end(1)
        self.assertEqual(self.reactor.getDelayedCalls()[0].getTime() - self.reactor.seconds(), 1)

    def test_noRestart(self) -> None:
        """
        Then it is started again when somebody asks.
        """
        self.transport = ManagedTransport(self.reactor, CLIENT, restart=False)
        self.up().end(1)
        self.assertTrue(self.transport.isIdle)
        self.up()

    def test_refused(self) -> None:
        """
        One that says that it cannot is taken at its word; who asks while it is
        on its way out is told as well.
        """
        waiting = self.transport.whenReady()
        self.process.say(b"VERSION 1\nENV-ERROR no 192.0.2.1:5\n")
        self.assertIn("ENV-ERROR no [scrubbed]", self.failed(waiting))
        later = self.transport.whenReady()
        self.assertNoResult(later)
        self.process.end(1)
        self.failureResultOf(later, ChildRefused)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_waiters(self) -> None:
        """
        Who asks between two starts gets the next one.
        """
        self.up().end(1)
        waiting = self.transport.whenReady()
        self.assertEqual(len(self.reactor.processes), 1)
        self.reactor.advance(limits.CHILD_RESTART)
        self.process.say(GOOD)
        self.successResultOf(waiting)

    def test_lastWords(self) -> None:
        """
        What it wrote last is in the error, without addresses.
        """
        waiting = self.transport.whenReady()
        self.process.protocol.errReceived(b"a\nb\nc\nd\ne\nf 192.0.2.1:5\ng\x1b\nend")
        self.process.protocol.errConnectionLost()
        self.process.end(7)
        text = self.failed(waiting)
        self.assertIn("ended with code 7 before it was ready", text)
        self.assertTrue(text.endswith(": d | e | f [scrubbed] | g | end"), text)

    def test_signal(self) -> None:
        self.up().end(0, 9)
        ended = self.events[-1]
        assert isinstance(ended, Ended)
        self.assertIsInstance(ended.error, ManagedProcessLost)
        self.assertIn("was ended by SIGKILL", str(ended.error))

    def test_stop(self) -> None:
        """
        Its input is closed, then it is told, then it is made to.
        """
        process = self.up()
        stopping = [self.transport.stop(), self.transport.stop()]
        waiting = self.transport.whenReady()
        self.assertIn("being stopped", self.failed(waiting))
        self.assertEqual(process.calls, ["close"])
        self.reactor.advance(limits.CHILD_END)
        self.reactor.advance(limits.CHILD_END)
        self.assertEqual(process.calls, ["close", "TERM", "KILL"])
        self.assertNoResult(stopping[0])
        process.end(0, 9)
        for one in stopping:
            self.successResultOf(one)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.successResultOf(self.transport.stop())
        self.up()

    def test_stopEarly(self) -> None:
        """
        One that is not ready yet, or not there at the moment, can be stopped.
        """
        waiting = self.transport.whenReady()
        stopping = self.transport.stop()
        self.assertIn("being stopped", self.failed(waiting))
        self.process.say(GOOD)
        self.process.end()
        self.successResultOf(stopping)

        self.up().end(1)
        waiting = self.transport.whenReady()
        self.successResultOf(self.transport.stop())
        self.assertIn("being stopped", self.failed(waiting))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_grandchild(self) -> None:
        """
        Somebody else may hold its pipes open; that is not waited for.
        """
        process = self.up()
        process.protocol.processExited(None)
        self.reactor.advance(limits.CHILD_LINGER)
        self.assertEqual(process.calls, ["lose"])

    def test_grandchildWhatever(self) -> None:
        """
        Nor is it, whatever is asked of the dead one, or read of its last words.
        """
        for last in (self.transport.stop, lambda: self.process.say(GOOD)):
            for said in (GOOD, b"VERSION 1\n"):
                self.transport.whenReady().addBoth(lambda _: None)
                process = self.process
                process.say(said)
                process.protocol.processExited(None)
                last()
                self.reactor.advance(limits.CHILD_LINGER)
                self.assertIn("lose", process.calls)
                process.end()
                self.successResultOf(self.transport.stop())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_startWhileStopping(self) -> None:
        """
        A service that is started before its last process is gone gets another one,
        and whoever asks meanwhile waits for that.
        """
        self.transport.startService()
        first = self.process
        first.say(GOOD)
        stopping = self.transport.stopService()
        self.transport.startService()
        waiting = self.transport.whenReady()
        first.end()
        self.successResultOf(stopping)
        self.reactor.advance(0)
        self.assertEqual(len(self.reactor.processes), 2)
        self.process.say(GOOD)
        self.successResultOf(waiting)
        # And one that is stopped in either way stays so.
        self.transport.startService()
        self.transport.stop()
        self.process.end()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertTrue(self.transport.isIdle)

    def test_blame(self) -> None:
        """
        Connections are lost by its fault if it is gone, or on its way out.
        """
        process: Any = self.up()
        process.pid = os.getpid()
        self.assertIsNone(self.transport.blame())
        gone = subprocess.Popen(["/bin/true"])
        self.addCleanup(gone.wait)
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        for pid in (gone.pid, None):
            process.pid = pid
            error = self.transport.blame()
            assert error is not None
            self.assertIs(causeOf(error), Cause.PROCESS)
        process.end(1)
        self.assertIsInstance(self.transport.blame(), ManagedProcessLost)

    def test_sameBind(self) -> None:
        """
        A server is where it was, after a restart.
        """
        self.transport = ManagedTransport(self.reactor, SERVER)
        waiting = self.transport.whenReady()
        self.process.say(b"VERSION 1\nSMETHOD x 127.0.0.1:7 ARGS:a=b\nSMETHODS DONE\n")
        self.successResultOf(waiting)
        self.process.end(1)
        self.reactor.advance(limits.CHILD_RESTART)
        binds = [environment["TOR_PT_SERVER_BINDADDR"] for *_, environment in self.reactor.spawned]
        self.assertEqual(binds, ["x-127.0.0.1:0", "x-127.0.0.1:7"])

    def test_lacking(self) -> None:
        """
        A server whose port is taken after a restart is tried again, later and later.
        """
        self.transport = ManagedTransport(self.reactor, SERVER, self.events.append)
        good = b"VERSION 1\nSMETHOD x 127.0.0.1:7\nSMETHODS DONE\n"
        taken = b"VERSION 1\nSMETHOD-ERROR x taken\nSMETHODS DONE\n"
        # The first time, that is an answer.
        waiting = self.transport.whenReady()
        self.process.say(taken)
        self.assertEqual(self.successResultOf(waiting).refused, {"x": "taken"})
        self.process.end(1)
        self.reactor.advance(limits.CHILD_RESTART)
        self.process.say(good)
        self.process.end(1)
        for delay in (2, 4):
            self.reactor.advance(delay)
            waiting = self.transport.whenReady()
            self.process.say(taken)
            self.assertEqual(self.failed(waiting), "the child has no x: taken")
            self.assertEqual(self.process.calls, ["close"])
            self.process.end()
        self.reactor.advance(8)
        waiting = self.transport.whenReady()
        self.process.say(good)
        self.assertEqual(list(self.successResultOf(waiting).servers), ["x"])
        ready = [event for event in self.events if isinstance(event, Ready)]
        self.assertEqual(len(ready), 3)


class PoolTests(SynchronousTestCase):
    """
    Tests for ``Pool``.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.pool = Pool(self.reactor)

    def test_shared(self) -> None:
        """
        One process for all methods of a command, as long as it can be told of
        them.
        """
        one = self.pool.find(CLIENT)
        self.assertIs(self.pool.find(replace(CLIENT, methods=("y",))), one)
        self.assertEqual(one.assignment.methods, ("x", "y"))
        one.whenReady()
        self.assertIs(self.pool.find(CLIENT), one)
        self.assertIsNot(self.pool.find(replace(CLIENT, methods=("z",))), one)

    def test_different(self) -> None:
        one = self.pool.find(CLIENT)
        for change in ({"command": ("/bin/other",)}, {"state": "/other"}, {"versions": ("2.1",)}):
            changed: Any = replace(CLIENT, **change)
            self.assertIsNot(self.pool.find(changed), one)

    def test_reactors(self) -> None:
        """
        Each reactor has one, which ends with it.
        """
        pool = poolOf(self.reactor)
        self.assertIs(poolOf(self.reactor), pool)
        self.assertIsNot(poolOf(Reactor()), pool)
        pool.find(CLIENT).whenReady().addErrback(lambda reason: None)
        [(call, arguments, keywords)] = self.reactor.triggers["before"]["shutdown"]
        stopping = call(*arguments, **keywords)
        self.assertEqual(self.reactor.processes[0].calls, ["close"])
        self.reactor.processes[0].end()
        self.successResultOf(stopping)
