"""
Tests for ``pyptwist.testing.managed``: methods that are wrong as processes.
``tests.integration.test_managed`` has those that are right.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from pyptwist.arguments import Arguments
from pyptwist.testing import ManagedConformance, faketor
from pyptwist.testing.children import ChildFailed
from tests.testing.broken import Masked

_PLUGINS = {"PYTHONPATH": str(Path(__file__).parent / "brokenplugins")}


class BrokenProcessTests(TestCase):
    async def assertFails(
        self, methodName: str, test: str, why: str, **attributes: object
    ) -> None:
        """
        Run a test on a method, as its author would; it must fail.

        :param why: part of what is said about it.
        :param attributes: what the author sets besides.
        """
        told = {"methodName": methodName, "environment": _PLUGINS, **attributes}
        suite: Any = type("Suite", (ManagedConformance, TestCase), told)(test)
        # Trial cannot run a test within a test: what is left is ours to clean up.
        suite.addCleanup = self.addCleanup
        suite.setUp()
        running: Coroutine[Any, Any, None] = getattr(suite, test)()
        try:
            await running
        except (self.failureException, ChildFailed, TimeoutError) as error:
            self.assertIn(why, str(error))
        else:
            self.fail("it passed")

    async def test_changes(self) -> None:
        for test in ("test_throughProcesses", "test_extendedORPort"):
            await self.assertFails("changing", test, "what came out is not what went in")

    async def test_unknown(self) -> None:
        """
        A plugin file that is not on the path.
        """
        why = "there is no transport method 'nowhere'"
        await self.assertFails("nowhere", "test_throughProcesses", why)

    async def test_logsKey(self) -> None:
        await self.assertFails(
            "talkative", "test_throughProcesses", "the value of key is in a log"
        )

    async def test_endsBadly(self) -> None:
        await self.assertFails("failing", "test_throughProcesses", "with code 0")

    async def test_leavesProcess(self) -> None:
        self.patch(faketor, "_GONE", 0.1)
        await self.assertFails("leaving", "test_throughProcesses", "the end of a process")

    async def test_strayOutput(self) -> None:
        """
        Something else is on standard output, here from a wrapper.
        """
        command = [
            "/bin/sh",
            "-c",
            'echo hello; exec "$@"',
            "sh",
            sys.executable,
            "-m",
            "pyptwist",
        ]
        await self.assertFails(
            "dummy", "test_serverRefuses", "stray output: 'hello'", command=command
        )

    async def test_escapes(self) -> None:
        await self.assertFails("escaping", "test_throughProcesses", "keep commas")

    async def test_wrongAddress(self) -> None:
        await self.assertFails("faceless", "test_extendedORPort", "USERADDR must be")

    async def test_newKey(self) -> None:
        await self.assertFails("forgetful", "test_processRestart", "context.stateDirectory")

    async def test_openFile(self) -> None:
        await self.assertFails("careless", "test_processRestart", "careless: 100666")

    async def test_takesAnything(self) -> None:
        await self.assertFails("lax", "test_clientRefuses", "it must refuse {}")

    async def test_dialsFirst(self) -> None:
        await self.assertFails("late", "test_clientRefuses", "before anything is dialled")

    async def test_takesWrongOptions(self) -> None:
        wrong = [{"mode": "wrong"}]
        await self.assertFails("dummy", "test_serverRefuses", "it took", wrongServerOptions=wrong)

    async def test_diesOfWrongOptions(self) -> None:
        wrong = [{"mode": "wrong"}]
        await self.assertFails("fragile", "test_serverRefuses", "code=4", wrongServerOptions=wrong)


class SharedTests(SynchronousTestCase):
    """
    What the other mixins were told is known.
    """

    def test_fromOthers(self) -> None:
        class Suite(ManagedConformance, TestCase):
            method = Masked
            serverArguments = Arguments(key="value")

        suite = Suite("test_throughProcesses")
        suite.setUp()
        self.assertEqual(suite.methodName, "masked")
        self.assertEqual(suite.serverOptions, {"key": "value"})
