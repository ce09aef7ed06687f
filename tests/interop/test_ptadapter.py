"""
An independent host library, ptadapter, drives our child: it wrote its own half
of the PT protocol, of SOCKS and of the ext-ORPort.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SkipTest, TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.environments import baseEnvironment, pyptwistCommand, twistdCommand
from tests.peers import requirePeer

#: See tests/interop/ptadapterhost.py.
SCENARIOS: Final = ("plain", "extended", "denied", "refusals", "endings")


class TestPtadapter(TestCase):
    timeout = 120

    async def play(
        self, client: Sequence[str], server: Sequence[str], scenarios: Sequence[str] = SCENARIOS
    ) -> None:
        """
        Let ptadapter start these commands, and do all this with them.
        """
        if importlib.util.find_spec("ptadapter") is None:
            raise SkipTest("ptadapter is not installed: no host to test against")
        play = json.dumps({"client": client, "server": server, "scenarios": scenarios})
        command = [sys.executable, str(Path(__file__).with_name("ptadapterhost.py")), play]
        host = spawn(self, Child("ptadapter"), command, baseEnvironment())
        ended = await host.whenEnded(100)
        story = host.errors.decode("utf-8", "backslashreplace")[-4000:]
        self.assertEqual(host.lines, list(scenarios), story)
        self.assertEqual(ended, Ended(0, None), story)

    async def test_module(self) -> None:
        await self.play(pyptwistCommand(), pyptwistCommand())

    async def test_twistd(self) -> None:
        await self.play(twistdCommand(), twistdCommand())

    async def test_mixed(self) -> None:
        """
        With obfs4proxy as the other side.
        """
        theirs = [requirePeer("obfs4proxy")]
        both = ("plain", "extended")
        await self.play(pyptwistCommand(), theirs, both)
        await self.play(theirs, pyptwistCommand(), both)
