"""
Tests for ``pyptwist.transports.optimizer.dial``.
"""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ConfigurationError,
    HandshakeTimeout,
    NoneConnected,
    causeOfFailure,
)
from pyptwist.testing.applications import Applications
from tests.transports.optimizer.fakes import Fate, optimized, refused, silent


class DialCase(SynchronousTestCase):
    """
    Transports of all kinds.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.applications = Applications()

    def endpoint(self, *fates: Any, strategy: str = "track", **more: Any) -> Any:
        """
        :returns: one that chooses among them.
        """
        self.fates = fates
        return optimized(self.clock, fates, strategy, **more)

    def dial(self, *fates: Any, **more: Any) -> Deferred[Any]:
        """
        :returns: an attempt that was just begun.
        """
        dialling: Deferred[Any] = self.endpoint(*fates, **more).connect(self.applications)
        return dialling

    def advance(self, seconds: float) -> None:
        """
        Let time pass, and all happen in its order.
        """
        end = self.clock.seconds() + seconds
        while calls := [c for c in self.clock.getDelayedCalls() if c.getTime() <= end]:
            self.clock.advance(max(0, min(c.getTime() for c in calls) - self.clock.seconds()))
        self.clock.advance(max(0, end - self.clock.seconds()))

    def dialled(self) -> list[int]:
        """
        :returns: how often each was.
        """
        return [len(fate.dialled) for fate in self.fates]

    def assertConnected(self, dialling: Deferred[Any], number: int) -> None:
        """
        One application, by the transport of this number; nothing else goes on.
        """
        protocol = self.successResultOf(dialling)
        self.assertEqual(self.applications.built, [protocol])
        self.assertIs(protocol.transport, self.fates[number].transports[-1])
        self.assertAtRest()

    def assertFails(self, dialling: Deferred[Any], cause: Cause, text: str) -> NoneConnected:
        """
        :returns: the one error, which is a ``ConnectError``, too.
        """
        reason = self.failureResultOf(dialling, ConnectError)
        error: Any = reason.value
        self.assertIsInstance(error, NoneConnected)
        self.assertIs(causeOfFailure(reason), cause)
        self.assertEqual(str(error), text)
        self.assertEqual(self.applications.built, [])
        self.assertAtRest()
        assert isinstance(error, NoneConnected)
        return error

    def assertAtRest(self) -> None:
        """
        No timer is left.
        """
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TryTests(DialCase):
    """
    One transport after the other.
    """

    def test_interface(self) -> None:
        verifyObject(IStreamClientEndpoint, self.endpoint(silent(self.clock)))

    def test_connects(self) -> None:
        """
        Whatever failed before, the first that connects has the application, at once
        or later.
        """
        for seconds in (-1, 0.5):
            self.setUp()
            dialling = self.dial(
                refused(self.clock), refused(self.clock, 0.2), Fate(self.clock, None, seconds)
            )
            self.advance(1)
            self.assertConnected(dialling, 2)
            self.assertEqual(self.dialled(), [1, 1, 1])

    def test_oneAtATime(self) -> None:
        """
        Nothing is dialled while something else is.
        """
        fates = [refused(self.clock, 2), Fate(self.clock, None, 2), silent(self.clock)]
        dialling = self.dial(*fates)
        self.advance(1.9)
        self.assertEqual(self.dialled(), [1, 0, 0])
        self.advance(2)
        self.assertEqual(self.dialled(), [1, 1, 0])
        self.advance(0.1)
        self.assertConnected(dialling, 1)

    def test_silent(self) -> None:
        """
        One that is not heard of is given up for the others; in each round it has more
        time, so that a slow one is found.
        """
        slow = Fate(self.clock, None, 1.5 * limits.OPTIMIZER_TRY)
        dialling = self.dial(silent(self.clock), slow)
        self.advance(2 * limits.OPTIMIZER_TRY - 0.1)
        self.assertEqual([fate.cancelled for fate in self.fates], [1, 0])
        self.advance(0.1)
        self.assertEqual([fate.cancelled for fate in self.fates], [1, 1])
        self.assertNoResult(dialling)
        # A pause of at most one and a half seconds, then the silent one for 20.
        self.advance(1.5 + 3.5 * limits.OPTIMIZER_TRY)
        self.assertConnected(dialling, 1)
        self.assertEqual([fate.cancelled for fate in self.fates], [2, 1])

    def test_alone(self) -> None:
        """
        One that has no others has all the time, also with the strategy ``first``.
        """
        for fates, strategy in ((1, "track"), (2, "first")):
            self.setUp()
            slow = [Fate(self.clock, None, limits.OPTIMIZER - 1) for _ in range(fates)]
            dialling = self.dial(*slow, strategy=strategy)
            self.advance(limits.OPTIMIZER - 1)
            self.assertConnected(dialling, 0)
            self.assertEqual(slow[0].cancelled, 0)

    def test_secondsReported(self) -> None:
        """
        How long tries really took is what is learnt from.
        """
        reports: list[Any] = []
        endpoint = self.endpoint(
            refused(self.clock, 0.25), silent(self.clock), Fate(self.clock, None, 3.0)
        )
        self.patch(endpoint.strategy, "report", lambda *report: reports.append(report))
        dialling = endpoint.connect(self.applications)
        self.advance(20)
        self.assertConnected(dialling, 2)
        self.assertEqual(
            reports, [(0, False, 0.25), (1, False, limits.OPTIMIZER_TRY), (2, True, 3.0)]
        )


class RoundTests(DialCase):
    """
    When all have failed.
    """

    def test_pauses(self) -> None:
        """
        Between rounds there is a pause, longer each time, and not always the same.
        """
        rhythms = []
        for seed in ("one", "two"):
            self.setUp()
            dialling = self.dial(refused(self.clock), refused(self.clock), seed=seed)
            self.advance(limits.OPTIMIZER)
            self.failureResultOf(dialling)
            times = self.fates[0].dialled
            self.assertEqual(times, self.fates[1].dialled)
            pauses = [later - sooner for sooner, later in pairwise(times)]
            for number, pause in enumerate(pauses):
                usual = min(limits.OPTIMIZER_BACKOFF * 2**number, limits.OPTIMIZER_BACKOFF_MAXIMUM)
                self.assertTrue(0.5 * usual <= pause <= 1.5 * usual, pauses)
            self.assertTrue(4 <= len(pauses) <= 8, pauses)
            rhythms.append(pauses)
        self.assertNotEqual(*rhythms)

    def test_recovers(self) -> None:
        """
        A transport that failed may connect in a later round.
        """
        fate = refused(self.clock)
        dialling = self.dial(fate, refused(self.clock))
        self.advance(0.4)
        fate.error = None
        self.advance(2)
        self.assertConnected(dialling, 0)

    def test_rounds(self) -> None:
        """
        The user may bound them; the error tells of all.
        """
        for rounds, times in ((1, ""), (2, ", 2 times")):
            self.setUp()
            dialling = self.dial(
                refused(self.clock),
                Fate(self.clock, AuthenticationFailed(), 0.1),
                refused(self.clock),
                rounds=rounds,
            )
            self.advance(5)
            error = self.assertFails(
                dialling,
                Cause.REFUSED,
                f"none of 3 transports connected: 1 (t): refused{times};"
                f" 2 (t): authentication{times}; 3 (t): refused{times}",
            )
            self.assertIsInstance(error.__cause__, ConnectionRefusedError)

    def test_lasting(self) -> None:
        """
        What cannot mend is not tried again; and if nothing can, it is over at once.
        """
        wrong = Fate(self.clock, ConfigurationError("the argument 'x' is missing"), -1)
        broken = Fate(self.clock, KeyError("a bug"), -1)
        dialling = self.dial(wrong, broken)
        self.assertFails(
            dialling,
            Cause.ARGUMENTS,
            "none of 2 transports connected: 1 (t): arguments (the argument 'x' is missing);"
            " 2 (t): internal",
        )
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.setUp()
        dialling = self.dial(wrong, refused(self.clock), rounds=3)
        self.advance(10)
        self.failureResultOf(dialling, NoneConnected)
        self.assertEqual([len(wrong.dialled), self.dialled()[1]], [2, 3])

    def test_raises(self) -> None:
        """
        An endpoint that raises is one that fails.
        """

        class Raising:
            def connect(self, factory: Any) -> Any:
                raise HandshakeTimeout

        dialling = self.dial(Raising(), rounds=1)
        self.assertFails(dialling, Cause.TIMEOUT, "none of 1 transports connected: 1 (t): timeout")

    def test_nested(self) -> None:
        """
        An Optimizer's error within another's says what became of its transports.
        """
        inner = optimized(self.clock, [refused(self.clock)], "first", rounds=1)
        dialling = self.dial(inner, strategy="first", rounds=1)
        self.assertFails(
            dialling,
            Cause.REFUSED,
            "none of 1 transports connected: 1 (t): refused (none of 1 transports connected:"
            " 1 (t): refused)",
        )


class LimitTests(DialCase):
    """
    Time is over.
    """

    def test_expired(self) -> None:
        """
        It ends after a minute of true time, whatever goes on.
        """
        reports: list[Any] = []
        endpoint = self.endpoint(silent(self.clock), strategy="first")
        self.patch(endpoint.strategy, "report", lambda *report: reports.append(report))
        dialling = endpoint.connect(self.applications)
        self.advance(limits.OPTIMIZER - 0.1)
        self.assertNoResult(dialling)
        self.advance(0.1)
        self.assertFails(dialling, Cause.TIMEOUT, "none of 1 transports connected: 1 (t): timeout")
        self.assertEqual(self.fates[0].cancelled, 1)
        self.assertEqual(reports, [(0, False, limits.OPTIMIZER)])

    def test_expiredInPause(self) -> None:
        """
        Also in a pause; what failed before is told.
        """
        dialling = self.dial(refused(self.clock), refused(self.clock))
        self.advance(limits.OPTIMIZER)
        reason = self.failureResultOf(dialling, NoneConnected)
        self.assertIs(causeOfFailure(reason), Cause.REFUSED)
        self.assertRegex(str(reason.value), r"1 \(t\): refused, \d times; 2 \(t\): refused, \d")
        self.assertAtRest()


class ApplicationTests(DialCase):
    """
    What the application has to do with it.
    """

    def test_noProtocol(self) -> None:
        """
        An application that wants no connection is no transport's failure: no other is
        tried, and the one that was ready counts as good.
        """
        self.applications.isOpen = False
        endpoint = self.endpoint(Fate(self.clock, None, 1), silent(self.clock))
        dialling = endpoint.connect(self.applications)
        self.advance(1)
        self.failureResultOf(dialling, NoProtocol)
        self.assertEqual(self.dialled(), [1, 0])
        self.assertTrue(endpoint.strategy._isGood(0))
        self.assertAtRest()

    def test_applicationRaises(self) -> None:
        """
        Nor is its exception.
        """

        def wrong(addr: Any) -> Any:
            raise KeyError("the application's")

        self.patch(self.applications, "buildProtocol", wrong)
        dialling = self.dial(Fate(self.clock, None, 1), silent(self.clock))
        self.advance(1)
        self.failureResultOf(dialling, KeyError)
        self.assertAtRest()

    def test_neverFires(self) -> None:
        """
        An endpoint that builds a protocol and then says nothing does not hang.
        """

        class Odd(Fate):
            def connect(self, factory: Any) -> Any:
                connecting: Deferred[Any] = Deferred(self._cancel)
                factory.buildProtocol(None)
                return connecting

        odd = Odd(self.clock)
        dialling = self.dial(odd)
        self.advance(limits.OPTIMIZER)
        self.failureResultOf(dialling, NoneConnected)
        self.assertEqual(odd.cancelled, 1)
        self.assertAtRest()


class CancelTests(DialCase):
    """
    The attempt is given up.
    """

    def test_cancelled(self) -> None:
        """
        While it dials, and in a pause: nothing goes on, nothing is reported.
        """
        for fate, cancelled in ((silent(self.clock), 1), (refused(self.clock), 0)):
            endpoint = self.endpoint(fate)
            dialling = endpoint.connect(self.applications)
            reports: list[Any] = []
            self.patch(endpoint.strategy, "report", lambda *r, to=reports: to.append(r))
            dialling.cancel()
            self.failureResultOf(dialling, ConnectingCancelledError)
            self.assertEqual((fate.cancelled, reports), (cancelled, []))
            self.assertAtRest()

    def test_tooLate(self) -> None:
        """
        A connection that is made in spite of it is closed.
        """
        transport = StringTransport()

        class Stubborn:
            """
            Done at the moment when it is told to give up.
            """

            def connect(self, factory: Any) -> Any:
                protocol = factory.buildProtocol(None)
                protocol.makeConnection(transport)
                return Deferred(lambda connecting: connecting.callback(protocol))

        dialling = self.dial(Stubborn())
        dialling.cancel()
        self.failureResultOf(dialling, ConnectingCancelledError)
        self.assertTrue(transport.disconnected)
        self.assertAtRest()


class ParallelTests(DialCase):
    """
    Several at a time, if that is wanted.
    """

    def test_losers(self) -> None:
        """
        The first that is ready wins, and the others are cancelled before the
        application is asked; they count neither as good nor as bad.
        """
        late, early, other = (Fate(self.clock, None, after) for after in (2.0, 1.0, 3.0))
        endpoint = self.endpoint(late, early, other, parallel=2)
        reports: list[Any] = []
        self.patch(endpoint.strategy, "report", lambda *report: reports.append(report))
        cancelled: list[int] = []
        self.applications.begin = lambda transport: cancelled.append(late.cancelled)
        dialling = endpoint.connect(self.applications)
        self.assertEqual(self.dialled(), [1, 1, 0])
        self.advance(1.0)
        self.assertEqual(cancelled, [1])
        self.assertEqual(reports, [(1, True, 1.0)])
        self.advance(5)
        self.assertConnected(dialling, 1)
        self.assertEqual(self.dialled(), [1, 1, 0])

    def test_both(self) -> None:
        """
        One that is ready at the moment when it is cancelled gets no application.
        """
        built: list[Any] = []

        class Ready(Fate):
            def _cancel(self, connecting: Deferred[Any]) -> None:
                built.append(self.factory.buildProtocol(None))

            def connect(self, factory: Any) -> Any:
                self.factory = factory
                return super().connect(factory)

        dialling = self.dial(
            Ready(self.clock, seconds=None), Fate(self.clock, None, 1), parallel=2
        )
        self.advance(1)
        self.assertEqual(built, [None])
        self.assertConnected(dialling, 1)

    def test_filled(self) -> None:
        """
        The place of one that failed is the next one's.
        """
        fates = [refused(self.clock, 1), silent(self.clock), Fate(self.clock, None, 1)]
        dialling = self.dial(*fates, parallel=2)
        self.advance(0.9)
        self.assertEqual(self.dialled(), [1, 1, 0])
        self.advance(0.2)
        self.assertEqual(self.dialled(), [1, 1, 1])
        self.advance(1)
        self.assertConnected(dialling, 2)
        self.assertEqual(fates[1].cancelled, 1)

    def test_fails(self) -> None:
        """
        A round is over when the last of them is.
        """
        dialling = self.dial(
            refused(self.clock),
            refused(self.clock, 1),
            refused(self.clock, 2),
            parallel=3,
            rounds=1,
        )
        self.advance(1.9)
        self.assertNoResult(dialling)
        self.advance(0.1)
        self.failureResultOf(dialling, NoneConnected)
        self.assertAtRest()


class RemainsTests(DialCase):
    """
    What is over is freed at once.
    """

    def test_thousand(self) -> None:
        """
        Nothing remains of a thousand searches, however they ended.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        good, bad, mute = Fate(self.clock, None, 0.1), refused(self.clock), silent(self.clock)
        ways = (
            self.endpoint(bad, good),
            self.endpoint(bad, rounds=1),
            self.endpoint(mute),
            self.endpoint(mute, good, parallel=2),
        )
        left: list[Any] = []
        for number in range(1000):
            applications = Applications()
            dialling = ways[number % 4].connect(applications)
            if number % 4 == 2:
                dialling.cancel()
            self.advance(0.2)
            dialling.addErrback(lambda reason: None)
            left += [weakref.ref(applications), weakref.ref(dialling)]
            good.transports.clear()
        del applications, dialling
        self.assertEqual([ref for ref in left if ref() is not None], [])
        self.assertAtRest()

    def test_failAtOnce(self) -> None:
        """
        A long list of transports that all fail at once is no deep recursion.
        """

        class Failing:
            def connect(self, factory: Any) -> Any:
                return fail(ConnectionRefusedError())

        dialling = self.dial(*[Failing()] * 2000, strategy="rotate", rounds=1)
        self.failureResultOf(dialling, NoneConnected)
