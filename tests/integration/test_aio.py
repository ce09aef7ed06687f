"""
``pyptwist.aio`` in plain asyncio programs, with asyncio's debug mode and with
what is not closed told.
"""

from __future__ import annotations

import sys

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory


class ProgramTests(TestCase):
    """
    Each program is run twice in one process, is satisfied, and warns of nothing.
    """

    timeout = 120

    async def run_(self, scenario: str) -> None:
        """
        Run one.
        """
        program = Child(scenario)
        command = [
            sys.executable,
            *("-X", "dev", "-W", "error::ResourceWarning", "-W", "error::RuntimeWarning"),
            *("-m", "tests.integration.aioprogram", scenario, str(freshDirectory(self))),
        ]
        spawn(self, program, command, baseEnvironment())
        await program.whenLine("^as it should be$", 100)
        self.assertEqual((await program.whenEnded()).code, 0)
        # The debug mode tells of slow turns, too; the machine may be busy.
        errors = [line for line in program.errors.decode().splitlines() if " took " not in line]
        self.assertEqual(errors, [])

    async def test_large(self) -> None:
        """
        8 MiB each way.
        """
        await self.run_("large")

    async def test_many(self) -> None:
        """
        50 connections at once.
        """
        await self.run_("many")

    async def test_slow(self) -> None:
        """
        A reader that does not read.
        """
        await self.run_("slow")

    async def test_cancelled(self) -> None:
        """
        Attempts that are cancelled.
        """
        await self.run_("cancelled")

    async def test_errors(self) -> None:
        """
        Attempts that fail.
        """
        await self.run_("errors")

    async def test_closing(self) -> None:
        """
        A server that stops.
        """
        await self.run_("closing")

    async def test_forgotten(self) -> None:
        """
        A program that closes nothing.
        """
        await self.run_("forgotten")
