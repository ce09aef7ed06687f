"""
Tests for ``pyptwist.ipc.child``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

import pyptwist
from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.child import Child
from pyptwist.ipc.configuration import Configuration, Role
from pyptwist.ipc.dialects import PT1, PT3, PT21, PT22
from pyptwist.ipc.launch import Launched
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.registry import UnknownMethod
from tests.ipc.fakes import FakeFactory, FakeLifeline, FakePort, FakeSide
from tests.ipc.parents import Parent

_STATUS = f"STATUS TYPE=version IMPLEMENTATION=pyptwist VERSION={pyptwist.__version__}"


class ChildCase(SynchronousTestCase):
    """
    A child with everything around it replaced.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.parent = Parent(self)
        self.side = FakeSide()
        self.lifeline = FakeLifeline()

    def child(self, methods: Sequence[str] = ("one",), **more: Any) -> Child:
        """
        :param more: of the configuration.
        """
        self.parent.reporter.write("VERSION 1")
        self.parent.heard()
        configuration = Configuration("1", Role.CLIENT, "/nonexistent", tuple(methods), **more)
        lifeline: Any = self.lifeline
        return Child(self.reactor, configuration, self.parent.reporter, self.side, lifeline)

    def started(self, methods: Sequence[str] = ("one",), **more: Any) -> Child:
        """
        :returns: a child whose reactor runs.
        """
        child = self.child(methods, **more)
        child.startService()
        self.reactor.run()
        return child

    def conversation(self, methods: Sequence[str] = ("one",), **more: Any) -> list[str]:
        """
        :returns: what the parent hears after VERSION.
        """
        self.started(methods, **more)
        return self.parent.heard()


class ConversationTests(ChildCase):
    """
    What the parent hears.
    """

    def test_laterVersions(self) -> None:
        """
        From PT 2.1 on there is no status, and methods that nobody has are passed
        over; the others' errors are told.
        """
        self.side.outcomes.update(two=UnknownMethod("no such"), three=ConfigurationError("bad"))
        for dialect, errors in ((PT21, {}), (PT22, {}), (PT3, {}), (PT3, {"two": "no address"})):
            self.parent, self.reactor = Parent(self), MemoryReactorClock()
            self.assertEqual(
                self.conversation(["one", "two", "three"], dialect=dialect, methodErrors=errors),
                [
                    "CMETHOD one socks5 127.0.0.1:4001",
                    "CMETHOD-ERROR three bad",
                    "CMETHODS DONE",
                ],
            )
        self.parent, self.reactor = Parent(self), MemoryReactorClock()
        self.assertIn("CMETHOD-ERROR two no such", self.conversation(["two"], dialect=PT1))

    def test_whole(self) -> None:
        """
        All is said, in the order of the spec.
        """
        self.side.outcomes["two"] = FakePort(port=4002)
        self.assertEqual(
            self.conversation(["one", "two"]),
            [
                _STATUS,
                "CMETHOD one socks5 127.0.0.1:4001",
                "CMETHOD two socks5 127.0.0.1:4002",
                "CMETHODS DONE",
            ],
        )
        self.assertEqual(self.lifeline.calls, ["start"])

    def test_beforeTheReactorRuns(self) -> None:
        """
        Nothing happens until the reactor runs, since signal handlers set before
        then would be replaced.
        """
        self.child().startService()
        self.assertEqual((self.parent.heard(), self.lifeline.calls), ([], []))

    def test_proxy(self) -> None:
        """
        An upstream proxy is acknowledged before the first method.
        """
        proxy = UpstreamProxy.parse("socks5://127.0.0.1:1")
        self.assertEqual(
            self.conversation(upstreamProxy=proxy)[:2],
            [_STATUS, "PROXY DONE"],
        )

    def test_nothing(self) -> None:
        """
        Who asks for no method hears that this was all.
        """
        self.assertEqual(self.conversation([]), [_STATUS, "CMETHODS DONE"])

    def test_oneFails(self) -> None:
        """
        One method's failure leaves the others running.
        """
        self.side.outcomes["two"] = ConfigurationError("no such thing")
        self.assertEqual(
            self.conversation(["one", "two", "three"])[1:],
            [
                "CMETHOD one socks5 127.0.0.1:4001",
                "CMETHOD-ERROR two no such thing",
                "CMETHOD three socks5 127.0.0.1:4001",
                "CMETHODS DONE",
            ],
        )

    def test_misconfigured(self) -> None:
        """
        What was wrong with a method's variables is its error, and it is not
        launched.
        """
        heard = self.conversation(["one"], methodErrors={"one": "a bad address"})
        self.assertEqual(heard[1:], ["CMETHOD-ERROR one a bad address", "CMETHODS DONE"])
        self.assertEqual(self.side.launched, [])

    def test_unforeseen(self) -> None:
        """
        Whatever a method raises, the parent hears of it in one clean line, and
        the log has it whole.
        """
        for error, text in (
            (ValueError("two\nlines"), "ValueError: two lines"),
            (
                CannotListenError("192.0.2.1", 443, OSError(98, "taken")),
                "CannotListenError: Couldn't listen on [scrubbed]: [Errno 98] taken.",
            ),
            (SystemExit(3), "SystemExit: 3"),
            (KeyError(), "KeyError:"),
            (ImportError("No module named 'x'"), "ImportError: No module named 'x'"),
        ):
            self.setUp()
            self.side.outcomes["one"] = error
            self.assertEqual(
                self.conversation()[1:], [f"CMETHOD-ERROR one {text}", "CMETHODS DONE"]
            )
            # A port that somebody else has is nobody's mistake here.
            expected = 0 if isinstance(error, CannotListenError) else 1
            self.assertEqual(len(self.flushLoggedErrors(type(error))), expected)

    def test_configurationErrorWithAddress(self) -> None:
        """
        An error text of a third party's method may hold an address; the line
        does not.
        """
        self.side.outcomes["one"] = ConfigurationError("cannot use [2001:db8::1]:443")
        self.assertEqual(self.conversation()[1], "CMETHOD-ERROR one cannot use [scrubbed]")

    def test_slow(self) -> None:
        """
        A method that takes its time delays none but itself.
        """
        waiting: Deferred[None] = Deferred()
        self.side.outcomes["slow"] = waiting
        self.assertEqual(
            self.conversation(["slow", "one"])[1:], ["CMETHOD one socks5 127.0.0.1:4001"]
        )
        waiting.callback(None)
        self.assertEqual(
            self.parent.heard(), ["CMETHOD slow socks5 127.0.0.1:4001", "CMETHODS DONE"]
        )

    def test_tooSlow(self) -> None:
        """
        A method that never listens does not keep tor waiting for ever.
        """
        waiting: Deferred[None] = Deferred()
        self.side.outcomes["slow"] = waiting
        self.conversation(["slow"])
        self.reactor.advance(limits.LISTEN)
        self.assertEqual(
            self.parent.heard(),
            ["CMETHOD-ERROR slow it did not listen within 10 seconds", "CMETHODS DONE"],
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_unannounceable(self) -> None:
        """
        What cannot be announced is not left listening.
        """
        port = FakePort("192.0.2.1", 0)
        self.side.outcomes["one"] = port
        heard = self.conversation()
        self.assertIn("CMETHOD-ERROR one only an IP address", heard[1])
        self.assertEqual(heard[2:], ["CMETHODS DONE"])
        self.assertTrue(port.stopped)


class SettledTests(ChildCase):
    """
    What follows the conversation.
    """

    def test_message(self) -> None:
        """
        What the operator should know is said when all methods are.
        """
        self.side.message = "look there"
        self.side.outcomes["two"] = ConfigurationError("no")
        heard = self.conversation(["one", "two"])
        self.assertEqual(heard[-2:], ["CMETHODS DONE", 'LOG SEVERITY=notice MESSAGE="look there"'])
        self.assertEqual(self.side.settled, ["one"])

    def test_problem(self) -> None:
        """
        A failure then changes nothing.
        """
        for problem in (ConfigurationError("no directory"), OSError("disk full")):
            self.setUp()
            self.side.problem = problem
            self.assertEqual(self.conversation()[-1], "CMETHODS DONE")


class EndTests(ChildCase):
    """
    How a child ends.
    """

    def test_idle(self) -> None:
        """
        Without connections it ends at once: it listens no more, and the
        lifeline is stopped.
        """
        child = self.started()
        self.successResultOf(child.stopService())
        [launched] = self.side.launched
        self.assertTrue(launched.port.stopped)
        self.assertTrue(launched.factory.closed)
        self.assertEqual(self.lifeline.calls, ["start", "stop"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_flushes(self) -> None:
        """
        Connections are given time to flush, and no more than they need.
        """
        child = self.started()
        [launched] = self.side.launched
        launched.factory.connections.add(object())
        stopping = child.stopService()
        self.reactor.advance(limits.SHUTDOWN / 10)
        self.assertNoResult(stopping)
        launched.factory.connections.clear()
        self.reactor.advance(limits.SHUTDOWN / 10)
        self.successResultOf(stopping)

    def test_stuckConnection(self) -> None:
        """
        A peer that does not read cannot keep us.
        """
        child = self.started()
        self.side.launched[0].factory.connections.add(object())
        stopping = child.stopService()
        self.reactor.pump([limits.SHUTDOWN / 50] * 51)
        self.successResultOf(stopping)

    def test_badPort(self) -> None:
        """
        A port that fails to close does not keep the others open.
        """
        bad = FakePort()
        self.side.outcomes["one"] = bad
        child = self.started(["one", "two"])

        def explode() -> None:
            raise OSError("it exploded")

        bad.stopping = explode
        self.successResultOf(child.stopService())
        self.assertTrue(all(method.port.stopped for method in self.side.launched))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_whileLaunching(self) -> None:
        """
        An end before all methods are launched cancels the others, and nothing
        more is said.
        """
        waiting: Deferred[None] = Deferred()
        self.side.outcomes["slow"] = waiting
        child = self.started(["one", "slow"])
        self.parent.heard()
        self.successResultOf(child.stopService())
        self.assertEqual(self.parent.heard(), [])
        self.assertTrue(self.side.launched[0].port.stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_beforeTheReactorRuns(self) -> None:
        """
        One that was stopped before it began does not begin.
        """
        child = self.child()
        child.startService()
        self.successResultOf(child.stopService())
        self.reactor.run()
        self.assertEqual(self.parent.heard(), [])
        self.assertEqual(self.lifeline.calls, ["stop"])


class LaunchedTests(SynchronousTestCase):
    """
    Tests for ``Launched``.
    """

    def test_address(self) -> None:
        """
        The address is the port's.
        """
        launched = Launched("one", FakePort("192.0.2.1", 7), FakeFactory(), Arguments())
        self.assertEqual(launched.address, HostPort("192.0.2.1", 7))
