"""
``pyptwist inspect --against``, as an author of a method uses it.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.survivors import descendants
from tests.interop.exchange import OPTIONS
from tests.peers import requirePeer


class AgainstTests(TestCase):
    """
    The whole thing, with few connections.
    """

    def setUp(self) -> None:
        self.peer = requirePeer("obfs4proxy")
        self.temporary = freshDirectory(self)
        self.temporary.mkdir(parents=True)

    def tearDown(self) -> None:
        self.assertEqual(list(self.temporary.iterdir()), [])

    def start(self, *arguments: str) -> Child:
        environment = baseEnvironment() | {"TMPDIR": str(self.temporary)}
        command = [*pyptwistCommand(), "inspect", *arguments]
        return spawn(self, Child("inspect"), command, environment)

    async def test_compared(self) -> None:
        """
        Two implementations stand side by side, in tables and in the plot.
        """
        path = freshDirectory(self)
        options = [f"--option={key}={value}" for key, value in OPTIONS.items()]
        inspect = self.start(
            "obfs4", f"--against={self.peer}", "--connections=40", f"--plot={path}", *options
        )
        self.assertEqual(await inspect.whenEnded(), Ended(0, None), inspect.errors.decode())
        text = "\n".join(inspect.lines)
        for pattern in (
            r"^obfs4: 40 connections each, on the loopback interface\. Both were measured alike",
            rf"\n  theirs: {self.peer}\n",
            r"\n +who +bytes +gap, ms +who +bytes +gap, ms\n",
            r"\n +ours +theirs +D +p\n",
            r"client's flight 1, bytes( +\d+ / \d+ / \d+){2} +[01]\.\d\d\d +\d",
            # One in some hundred random packets meets a rule.
            r"none of these: it may be blocked( +(3\d|40) of 40){2}\n",
            r"\n  theirs, server: nothing\n",
        ):
            self.assertRegex(text.replace(".  ", ". "), pattern)
        # The order of a talk in turns: each side's first flight is its handshake.
        self.assertRegex(text, r"\n +1  client +\d+ +client +\d+\n")
        self.assertEqual(inspect.errors, b"")
        self.assertEqual(path.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertGreater(path.stat().st_size, 10_000)

    async def test_stack(self) -> None:
        """
        A stack is compared under the name that both sides know.
        """
        definition = "--stack=twice=dummy|dummy"
        theirs = " ".join([*pyptwistCommand(), f"'{definition}'"])
        command = [*pyptwistCommand(), definition, "inspect", "twice"]
        environment = baseEnvironment() | {"TMPDIR": str(self.temporary)}
        inspect = spawn(
            self,
            Child("inspect"),
            [*command, f"--against={theirs}", "--connections=2"],
            environment,
        )
        self.assertEqual(await inspect.whenEnded(), Ended(0, None), inspect.errors.decode())
        self.assertRegex("\n".join(inspect.lines), r"Ex5 +\S.* 2 of 2 +2 of 2\n")

    async def test_datagrams(self) -> None:
        """
        Of methods over UDP, datagrams are compared.
        """
        theirs = " ".join(pyptwistCommand())
        inspect = self.start("kcp", f"--against={theirs}", "--connections=8")
        self.assertEqual(await inspect.whenEnded(), Ended(0, None), inspect.errors.decode())
        text = "\n".join(inspect.lines)
        for pattern in (
            r"\nA datagram is what could be read at once\.\n",
            r"\n +1  client +25 +client +25\n",
            r"client's datagram 1, bytes +25 / 25 / 25 +25 / 25 / 25 +0\.000",
            r"\n  theirs, client's datagrams, within a connection: bytes 0 to 7",
        ):
            self.assertRegex(text, pattern)

    async def test_refused(self) -> None:
        """
        What the other implementation says about a method is the reason; so is its
        end.
        """
        for peer, reason in (
            (self.peer, "the child has no dummy: no such transport is supported"),
            (requirePeer("true"), "true ended with code 0 before it was ready"),
        ):
            inspect = self.start("dummy", f"--against={peer}", "--connections=1")
            self.assertEqual(await inspect.whenEnded(), Ended(1, None))
            said = inspect.errors.decode()
            self.assertTrue(said.startswith(f"pyptwist: theirs ({peer}): "), said)
            self.assertIn(reason, said)
            self.assertEqual(inspect.lines, [])

    async def test_handshakeFails(self) -> None:
        """
        A client that is refused is told of.
        """
        inspect = self.start(
            "obfs4", f"--against={self.peer}", "--connections=1", "--argument=iat-mode=9"
        )
        self.assertEqual(await inspect.whenEnded(), Ended(1, None))
        self.assertIn("pyptwist: ours (", inspect.errors.decode())

    async def test_interrupted(self) -> None:
        """
        Who interrupts it finds nothing left, neither processes nor files.
        """
        inspect = self.start("dummy", f"--against={self.peer}", "--connections=100000")
        while len(descendants(inspect.pid)) < 2:
            await deferLater(reactor, 0.05)
        inspect.signal("INT")
        await inspect.whenEnded()
        self.assertEqual(descendants(inspect.pid), [])
        self.assertEqual(inspect.lines, [])
