"""
Tests for ``pyptwist.checking.program`` and the command's options.
"""

from __future__ import annotations

import os
from io import StringIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.checking import Options
from pyptwist.checking.probe import Plan, Result
from pyptwist.checking.program import Progress, checkAll
from pyptwist.checking.stages import Stage
from pyptwist.checking.traffic import EchoTalk, RequestTalk, TLSTalk
from tests.checking.reactors import ScriptedReactor
from tests.checking.test_probe import LINE, named
from tests.memory import Hello
from tests.test_main import MainCase


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class CheckAllTests(SynchronousTestCase):
    """
    Tests for ``checkAll``.
    """

    def setUp(self) -> None:
        self.reactor = ScriptedReactor()
        self.ended: list[int] = []
        self.terminal = _Terminal()

    def check(self, jobs: int) -> Deferred[list[Result]]:
        progress = Progress(self.terminal, 3)
        plan = Plan(named("hello", Hello()))
        lines = [LINE, LINE, LINE]

        def ended(result: Result) -> None:
            self.ended.append(result.number)

        checking = checkAll(self.reactor, plan, lines, jobs, progress, ended)
        return Deferred.fromCoroutine(checking)

    def finish(self, index: int) -> None:
        protocol, _ = self.reactor.accept(index)
        protocol.dataReceived(b"hello")

    def test_oneAtATime(self) -> None:
        """
        With one job nothing is dialled before the last one is over.
        """
        checking = self.check(1)
        for number in range(3):
            self.assertEqual(len(self.reactor.tcpClients), number + 1)
            self.assertNoResult(checking)
            self.finish(number)
        self.assertEqual(len(self.successResultOf(checking)), 3)
        self.assertEqual(self.ended, [1, 2, 3])

    def test_several(self) -> None:
        """
        More jobs are bounded, too; results are told as they come, and end up in
        order.
        """
        checking = self.check(2)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        self.finish(1)
        self.assertEqual(len(self.reactor.tcpClients), 3)
        self.finish(2)
        self.finish(0)
        results = self.successResultOf(checking)
        self.assertEqual(self.ended, [2, 3, 1])
        self.assertEqual([result.number for result in results], [1, 2, 3])

    def test_cancelled(self) -> None:
        """
        All checks end together, and nothing more is begun.
        """
        checking = self.check(2)
        checking.cancel()
        self.failureResultOf(checking, CancelledError)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.ended, [])

    def test_progress(self) -> None:
        """
        Who watches sees what is going on.
        """
        self.check(2)
        self.assertTrue(self.terminal.getvalue().endswith("0 of 3 checked  1: tcp, 2: tcp"))
        self.finish(0)
        self.assertIn("1 of 3 checked  2: tcp", self.terminal.getvalue())

    def test_noProgress(self) -> None:
        """
        A file has no use for that.
        """
        file = StringIO()
        progress = Progress(file, 1)
        progress.entered(1, Stage.TCP)
        progress.ended(1)
        progress.erase()
        self.assertEqual(file.getvalue(), "")


class OptionsTests(SynchronousTestCase):
    """
    Tests for ``Options``.
    """

    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(words)
        return options

    def file(self, data: bytes) -> str:
        path = str(os.path.abspath(self.mktemp()))
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_lines(self) -> None:
        """
        Lines come from arguments and files; one may lack its quotes.
        """
        self.assertEqual(self.parse("a 1", "b 2").lines, ["a 1", "b 2"])
        self.assertEqual(self.parse("a", "1", "k=v", "--tls").lines, ["a 1 k=v"])
        path = self.file(b"SocksPort 0\nBridge b 2\n")
        self.assertEqual(self.parse("a 1", "--file", path).lines, ["a 1", "Bridge b 2"])

    def test_talk(self) -> None:
        """
        What is said behind the handshake is chosen.
        """
        self.assertIsNone(self.parse("a 1").plan().talk)
        for words, kind in (
            (["--tls"], TLSTalk),
            (["--kib=1"], EchoTalk),
            (["--send", self.file(b"GET /")], RequestTalk),
        ):
            talk = self.parse("a 1", *words).plan().talk
            assert talk is not None
            self.assertIsInstance(talk(), kind)

    def test_plan(self) -> None:
        """
        The rest is handed on.
        """
        words = ["--timeout=2.5", "--proxy=socks5://192.0.2.9:1", "--state=/x", "--jobs=3"]
        options = self.parse("a 1", *words)
        plan = options.plan()
        self.assertEqual((plan.patience, options["jobs"]), (2.5, 3))
        assert plan.proxy is not None and plan.state is not None
        self.assertEqual(plan.state.path("f"), "/x/f")
        self.assertIsNone(self.parse("a 1").plan().state)

    def test_wrong(self) -> None:
        """
        What makes no sense is an error.
        """
        for words in (
            [],
            ["a 1", "--jobs=0"],
            ["a 1", "--jobs=33"],
            ["a 1", "--timeout=0"],
            ["a 1", "--timeout=nan"],
            ["a 1", "--kib=x"],
            ["a 1", "--tls", "--kib=1"],
            ["a 1", "--proxy=ftp://192.0.2.9:1"],
            ["a 1", "--send=/nonexistent"],
            ["a 1", "--send", self.file(b"")],
            ["--file", self.file(b"# nothing")],
            ["--file", self.file(bytes(1024 * 1024 + 1))],
        ):
            self.assertRaises(usage.UsageError, self.parse, *words)


class CommandTests(MainCase):
    """
    ``pyptwist check``, as far as it goes without a reactor.
    """

    def test_usage(self) -> None:
        """
        An error in the command line has an exit status of its own.
        """
        self.assertEqual(self.run_("check"), 2)
        self.assertIn("Try: pyptwist check --help", self.errors.getvalue())
        self.assertEqual(self.run_("check", "a 1", "--what"), 2)

    def test_stack(self) -> None:
        """
        Stacks can be defined behind the command's name, too.
        """
        self.assertEqual(self.run_("check", "--stack=x"), 2)
        self.assertIn("--stack: ", self.errors.getvalue())
