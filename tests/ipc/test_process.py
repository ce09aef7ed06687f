"""
Tests for ``pyptwist.ipc.process``, with real processes that misbehave.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from pyptwist import limits
from pyptwist.errors import ManagedProcessError, ManagedProcessLost
from pyptwist.ipc.complaints import Complaints
from pyptwist.ipc.dialogue import ChildRefused, Dialogue
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.messages import LogMessage
from pyptwist.ipc.parent import Ended, Event, ManagedTransport, Started
from pyptwist.testing.streams import bounded
from pyptwist.testing.survivors import descendants
from tests.ipc.managed import behaving


class BehaviourTests(TestCase):
    """
    Whatever a child does, its parent has an answer in time, and nothing is left.
    """

    def setUp(self) -> None:
        self.before = set(descendants(os.getpid()))
        self.events: list[Event] = []

    def start(self, name: str, **more: Any) -> Deferred[Dialogue]:
        """
        :param name: of the behaviour.
        """
        versions = more.pop("versions", ("1",))
        self.transport = ManagedTransport(
            reactor, behaving(name, versions), self.events.append, **more
        )
        transport = self.transport
        self.addCleanup(self.assertNothingLeft)
        self.addCleanup(transport.stop)
        return bounded(self.transport.whenReady(), 20, "an answer")

    def assertNothingLeft(self) -> None:
        self.assertEqual(set(descendants(os.getpid())) - self.before, set())
        self.assertIsNone(self.transport.pid)
        for event in self.events:
            if isinstance(event, Started) and event.pid is not None:
                # Neither alive nor waiting to be reaped.
                self.assertFalse(os.path.exists(f"/proc/{event.pid}"))

    async def failing(self, name: str, **more: Any) -> ManagedProcessError:
        """
        :returns: why it did not start.
        """
        with contextlib.suppress(ManagedProcessError):
            await self.start(name, restart=False, **more)
            self.fail(f"{name} started")
        # It may be on its way out still.
        await self.transport.stop()
        [error] = [event.error for event in self.events if isinstance(event, Ended)]
        self.events.clear()
        return error

    async def test_dies(self) -> None:
        """
        At each stage.
        """
        for name in ("nothing", "version", "method", "half"):
            error = await self.failing(name)
            self.assertIsInstance(error, ManagedProcessLost)
            self.assertIn("ended with code 0 before it was ready", str(error))
        self.assertIn("SIGKILL", str(await self.failing("killed")))
        self.assertIn("code 7", str(error := await self.failing("dies")))
        self.assertIn("last words for [scrubbed]", str(error))

    async def test_refuses(self) -> None:
        """
        On either stream, and in its own words.
        """
        for name, words in (
            ("refuses", "ENV-ERROR the cause [scrubbed]"),
            ("refusesAside", "VERSION-ERROR no-version"),
        ):
            error = await self.failing(name)
            self.assertIsInstance(error, ChildRefused)
            self.assertIn(words, str(error))

    async def test_unordered(self) -> None:
        self.assertIn("did not begin with VERSION", str(await self.failing("unordered")))

    async def test_silent(self) -> None:
        self.patch(limits, "CHILD_START", 0.5)
        self.assertIn("within 0.5 s", str(await self.failing("silent")))

    async def test_harmless(self) -> None:
        """
        What it says too much, on either stream, is of no consequence.
        """
        for name in ("good", "twice", "floods", "complains", "mute"):
            dialogue = await self.start(name)
            self.assertEqual(list(dialogue.clients), ["x"])
            await self.transport.stop()

    async def test_missing(self) -> None:
        """
        A method that was not reported is not there; why, may come aside.
        """
        dialogue = await self.start("missing")
        self.assertEqual((dialogue.clients, dialogue.refused), ({}, {}))
        await self.transport.stop()
        dialogue = await self.start("aside", versions=("1", "2.1"))
        self.assertEqual((dialogue.clients, dialogue.refused), ({}, {"x": "why"}))

    async def test_stubborn(self) -> None:
        """
        One that does not end as its input does gets SIGTERM; one that is deaf to
        it gets SIGKILL.
        """
        self.patch(limits, "CHILD_END", 0.3)
        for name, how in (("stubborn", "SIGTERM"), ("deaf", "SIGKILL")):
            await self.start(name)
            await self.transport.stop()
            ended = self.events[-1]
            assert isinstance(ended, Ended)
            self.assertIn(how, str(ended.error))

    async def test_restarts(self) -> None:
        """
        It is there again after each end.
        """
        self.patch(limits, "CHILD_RESTART", 0.01)
        await self.start("good")
        pids = []
        for _ in range(3):
            pid = self.transport.pid
            assert pid is not None
            pids.append(pid)
            os.kill(pid, 9)
            while self.transport.pid == pid:
                await deferLater(reactor, 0.005)
            await bounded(self.transport.whenReady(), 20, "a restart")
        self.assertEqual(len(set(pids)), 3)

    async def test_endsLater(self) -> None:
        """
        One that was ready and ends is replaced, and says its code.
        """
        self.patch(limits, "CHILD_RESTART", 0.01)
        await self.start("done")
        while sum(isinstance(event, Ended) for event in self.events) < 2:
            await deferLater(reactor, 0.005)
        [error, *_] = [event.error for event in self.events if isinstance(event, Ended)]
        self.assertIn("ended with code 3", str(error))
        self.assertNotIn("before", str(error))


class ComplaintsTests(TestCase):
    """
    Tests for ``Complaints``.
    """

    def test_bounded(self) -> None:
        """
        A flood is counted, and not logged; nor are addresses.
        """
        texts: list[str] = []
        levels: list[str] = []

        @implementer(ILogObserver)
        def observer(event: Any) -> None:
            if event.get("log_namespace") == "pyptwist.ipc.complaints.Complaints":
                texts.append(str(formatEvent(event)))
                levels.append(event["log_level"].name)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        clock = Clock()
        said: list[str] = []
        complaints = Complaints(clock, "pt", said.append)
        complaints.received(b"at 192.0.2.1:5\x1b[0m\n\n" * 1000 + b"ENV-ERROR a\n")
        self.assertEqual(len(texts), limits.CHILD_ERRORS_BURST)
        self.assertEqual(set(texts), {"pt: at [scrubbed] [0m"})
        self.assertEqual(said, ["ENV-ERROR a"])
        clock.advance(limits.CHILD_ERRORS_INTERVAL)
        complaints.received(b"again\n")
        self.assertEqual(texts[-2:], ["pt: 900 lines were left out", "pt: again"])
        clock.advance(limits.CHILD_ERRORS_INTERVAL * len(Severity))
        del levels[:]
        for severity in Severity:
            complaints.note(LogMessage(severity, "at 192.0.2.1:5\nforged"))
        self.assertEqual(levels, ["debug", "info", "info", "warn", "error"])
        self.assertEqual(texts[-1], "pt: at [scrubbed] forged")
        self.assertEqual(complaints.lastWords().split(" | ")[-1], "again")
