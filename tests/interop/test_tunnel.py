"""
``pyptwist tunnel`` on both sides, with obfs4proxy and with our own child.
"""

from __future__ import annotations

import os
import re
import shlex

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.streams import Stream, bounded, connect, payload, sha256, together
from pyptwist.testing.survivors import descendants, witness
from tests.peers import requirePeer


class TunnelTests(TestCase):
    """
    Two commands, and TCP through both.
    """

    def tunnel(self, *arguments: str) -> Child:
        command = [*pyptwistCommand(), "tunnel", *arguments]
        return spawn(self, Child(" ".join(arguments[:1])), command, baseEnvironment())

    async def start(self, command: str | None, target: str, state: str) -> tuple[Child, str]:
        """
        :returns: a server, and its bridge line.
        """
        server = self.tunnel(
            "server",
            *("--bind", "127.0.0.1:0", "--target", target, "--state", state),
            *([] if command is None else ["--command", command]),
        )
        return server, (await server.whenLine("^Bridge obfs4 .*$"))[0]

    async def through(self, command: str | None, line: str) -> tuple[Child, Stream]:
        """
        :returns: a client, and a connection through it.
        """
        client = self.tunnel(
            "client",
            *("--listen", "127.0.0.1:0"),
            *([] if command is None else ["--command", command]),
            line,
        )
        found = await client.whenLine(r"^Listening on 127\.0\.0\.1:(\d+);")
        return client, await connect(self, ("127.0.0.1", int(found[1])))

    async def end(self, process: Child, signal: str) -> None:
        """
        It ends in good order, and its child with it.
        """
        family = [witness(self, pid) for pid in descendants(process.pid)]
        self.assertEqual(len(family), 1)
        process.signal(signal)
        self.assertEqual(await process.whenEnded(), Ended(0, None), process.story("its end"))
        for gone in family:
            await bounded(gone, 10, "the end of its child")

    async def test_mixed(self) -> None:
        """
        obfs4proxy's server with our client, and the reverse.
        """
        theirs = shlex.quote(requirePeer("obfs4proxy"))
        destination = listen(self, echo)
        target = "{}:{}".format(*destination.address)
        for server, client in ((theirs, None), (None, theirs), (None, None)):
            serving, line = await self.start(server, target, str(freshDirectory(self)))
            near, stream = await self.through(client, line)
            data = payload(1 << 20)
            _, echoed = await together(stream.send(data), stream.digest(len(data)))
            self.assertEqual(echoed, sha256(data))
            await self.end(near, "INT")
            await self.end(serving, "TERM")

    async def test_killed(self) -> None:
        """
        When the tunnel itself is killed, its child is not left behind.
        """
        destination = listen(self, echo)
        target = "{}:{}".format(*destination.address)
        for command in (shlex.quote(requirePeer("obfs4proxy")), None):
            serving, _ = await self.start(command, target, str(freshDirectory(self)))
            family = [witness(self, pid) for pid in descendants(serving.pid)]
            serving.signal("KILL")
            await serving.whenEnded()
            for gone in family:
                await bounded(gone, 10, "the end of its child")

    async def test_bridgeLineStays(self) -> None:
        """
        With its state directory and its port, a server keeps its bridge line.
        """
        theirs = requirePeer("obfs4proxy")
        state = str(freshDirectory(self))
        server, line = await self.start(theirs, "127.0.0.1:9", state)
        await self.end(server, "TERM")
        port = re.findall(r":(\d+) ", line)[0]
        again = self.tunnel(
            "server",
            *("--bind", f"127.0.0.1:{port}", "--target", "127.0.0.1:9", "--state", state),
            *("--command", theirs),
        )
        await again.whenLine(f"^{re.escape(line)}$")

    async def test_cannotStart(self) -> None:
        """
        The reason is said, in the child's words, and the code is 1.
        """
        for command, words in (
            ("/nowhere/at-all", "there is no program at-all"),
            ("/bin/false", "ended with code 1"),
            ("/bin/echo ENV-ERROR because of this", "ENV-ERROR because of this"),
            ("/bin/echo VERSION 2", "was not offered"),
        ):
            child = self.tunnel(
                "server",
                *("--bind", "127.0.0.1:0", "--target", "127.0.0.1:9"),
                *("--state", str(freshDirectory(self)), "--command", command),
            )
            ended = await child.whenEnded()
            self.assertEqual(ended.code, 1, child.story(command))
            self.assertIn(words, child.errors.decode())
        self.assertEqual(descendants(os.getpid()), [])
