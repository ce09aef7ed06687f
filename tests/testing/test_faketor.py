"""
Tests for ``pyptwist.testing.faketor``; the documentation shows the first one.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from pyptwist.testing import FakeTor
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import pyptwistCommand, twistdCommand
from pyptwist.testing.socksclient import SocksRefused


class EchoTests(TestCase):
    """
    Something through a bridge, and back.
    """

    async def test_echo(self) -> None:
        tor = FakeTor(self, "obfs4")
        server = await tor.server(twistdCommand(), listen(self, echo).address)
        client = await tor.client(pyptwistCommand())
        bridge = server.method("obfs4")
        stream = await tor.through(client, bridge.address, bridge.arguments)
        await stream.send(b"is anybody there?")
        self.assertEqual(await stream.read(17), b"is anybody there?")
        await tor.end(client, client.closeInput)


class StoryTests(TestCase):
    """
    What it says when something is wrong.
    """

    async def test_explaining(self) -> None:
        """
        What the network did, and what the children had said.
        """
        tor = FakeTor(self, "dummy")
        client = await tor.client(pyptwistCommand())
        closed = listen(self)
        await closed.stop()
        with self.assertRaises(self.failureException) as failed, tor.explaining("nobody answers"):
            await tor.through(client, closed.address, {})
        message = str(failed.exception)
        for part in ("nobody answers", "connection refused", "VERSION 1", "CMETHODS DONE"):
            self.assertIn(part, message)

    async def test_refused(self) -> None:
        """
        Who wants to handle that by itself can.
        """
        tor = FakeTor(self, "obfs4")
        client = await tor.client(pyptwistCommand())
        with self.assertRaises(SocksRefused) as refused:
            await tor.through(client, ("127.0.0.1", 9), {"cert": "nonsense"})
        self.assertEqual(refused.exception.code, 1)
