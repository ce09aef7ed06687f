"""
``pyptwist demo``, as a user sees it.
"""

from __future__ import annotations

import re
from typing import Any, cast

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from pyptwist.registry import serverTransports
from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.survivors import descendants


class DemoTests(TestCase):
    """
    The whole thing, with less data.
    """

    def start(self, *options: str) -> Child:
        """
        :returns: the demo; its temporary files are where we can look for them.
        """
        self.temporary = freshDirectory(self)
        self.temporary.mkdir(parents=True)
        environment = baseEnvironment() | {"TMPDIR": str(self.temporary)}
        command = [*pyptwistCommand(), "demo", *options]
        return spawn(self, Child("demo"), command, environment)

    async def test_whole(self) -> None:
        """
        It shows what it promises, and leaves nothing behind.
        """
        demo = self.start("--size=2")
        self.assertEqual(await demo.whenEnded(), Ended(0, None))
        text = "\n".join(demo.lines)
        for pattern in (
            r"server  process \d+, ready after \d",
            r"client  process \d+, ready after \d",
            r"Bridge obfs4 127\.0\.0\.1:\d+ cert=\S{70} iat-mode=0\n",
            r"47 45 54 20 2f 66 .*  GET /f",
            r"from the client, as a censor sees them:\n\n    ([0-9a-f]{2} ){16}",
            r"from the server, as a censor sees them:\n\n    ([0-9a-f]{2} ){16}",
            r"up   2 MiB in .* MiB/s, and the hashes are equal",
            r"down 2 MiB in .* MiB/s, and the hashes are equal",
        ):
            self.assertRegex(text, pattern)
        self.assertEqual(len(re.findall("GET /f", text)), 1)
        # No progress, when nobody watches.  The dumps may hold any character.
        moved = [line for line in demo.lines if line.startswith(("up ", "down "))]
        self.assertNotIn("%", "".join(moved))
        self.assertEqual(demo.errors, b"")
        self.assertEqual(list(self.temporary.iterdir()), [])

    async def test_otherMethod(self) -> None:
        """
        With another method a censor may see more.
        """
        demo = self.start("--size=1", "--method=dummy")
        self.assertEqual(await demo.whenEnded(), Ended(0, None))
        self.assertEqual(len(re.findall("GET /f", "\n".join(demo.lines))), 3)

    async def test_datagrams(self) -> None:
        """
        A method that uses UDP is seen on its path, too.
        """
        demo = self.start("--size=1", "--method=kcp")
        self.assertEqual(await demo.whenEnded(), Ended(0, None))
        text = "\n".join(demo.lines)
        for side in ("client", "server"):
            row = r"    ([0-9a-f]{2} ){16}"
            self.assertRegex(
                text, rf"first datagrams from the {side}, as a censor sees them:\n\n{row}"
            )

    async def test_encrypted(self) -> None:
        """
        A method that can do without encryption is shown with it.
        """
        demo = self.start("--size=1", "--method=Replicant")
        self.assertEqual(await demo.whenEnded(), Ended(0, None))
        text = "\n".join(demo.lines)
        self.assertIn(" toneburst=Starburst polish=DarkStar serverPublicKey=", text)
        self.assertEqual(text.count("GET /f"), 1)

    async def test_stack(self) -> None:
        """
        A stack is demonstrated, too, written out or by a name.
        """
        for more, name in (
            (["demo", "--method=obfs4|b64"], "obfs4_b64"),
            (["--stack=mine=obfs4|dummy", "demo", "--method=mine"], "mine"),
        ):
            command = [*pyptwistCommand(), *more, "--size=1"]
            demo = spawn(self, Child("demo"), command, baseEnvironment())
            self.assertEqual(await demo.whenEnded(), Ended(0, None))
            self.assertRegex("\n".join(demo.lines), rf"Bridge {name} \S+ obfs4-cert=\S{{70}} ")

    async def test_noSuchMethod(self) -> None:
        """
        What cannot be is an error, in one line.
        """
        demo = self.start("--method=nonexistent")
        self.assertEqual(await demo.whenEnded(), Ended(1, None))
        self.assertEqual(
            demo.errors.decode(),
            "pyptwist: the child has no nonexistent:"
            " there is no transport method 'nonexistent' for this role;"
            f" installed: {', '.join(sorted(serverTransports()))}\n",
        )

    async def test_badSize(self) -> None:
        """
        So is a size that cannot be.
        """
        for size in ("0", "x", "65537"):
            demo = self.start(f"--size={size}")
            self.assertEqual(await demo.whenEnded(), Ended(1, None))
            self.assertIn("'size' must be", demo.errors.decode())

    async def test_interrupted(self) -> None:
        """
        Who interrupts it finds nothing left, neither processes nor files.
        """
        demo = self.start("--size=65536")
        await demo.whenLine("from the server")
        self.assertEqual(len(descendants(demo.pid)), 2)
        demo.signal("INT")
        await demo.whenEnded()
        self.assertEqual(descendants(demo.pid), [])
        self.assertEqual(list(self.temporary.iterdir()), [])

    async def test_terminal(self) -> None:
        """
        On a terminal it shows progress.
        """
        demo = Child("demo on a terminal")
        command = [*pyptwistCommand(), "demo", "--size=2"]
        cast(Any, reactor).spawnProcess(demo, command[0], command, baseEnvironment(), usePTY=True)
        self.addCleanup(demo.signal, "KILL")
        await demo.whenEnded()
        text = "\n".join(demo.lines)
        self.assertRegex(text, r"up   \[#* *\]  ?\d+ % +\d+\.\d MiB/s\r")
        self.assertRegex(text, r"\rdown 2 MiB in .* and the hashes are equal")
