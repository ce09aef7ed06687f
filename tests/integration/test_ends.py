"""
Our child as a real process: how it ends, without leaving an orphan behind.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Ended
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand, twistdCommand
from pyptwist.testing.processes import PTChild, launch, launchClient
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, payload
from pyptwist.testing.survivors import descendants, witness
from tests.integration.variables import clientVariables

#: Seconds in which an end must come.  A last resort would need three.
_SOON = 2.5

_CLEAN = Ended(0, None)


class Ends(TestCase):
    """
    Whatever says that the end has come is heard.
    """

    async def busy(self, **more: str) -> tuple[PTChild, Stream, Stream]:
        """
        :param more: variables without ``TOR_PT_``.
        :returns: a client with one connection, and both ends of that.
        """
        destination = listen(self)
        environment = {f"TOR_PT_{key}": text for key, text in more.items()}
        client = await launchClient(self, twistdCommand(), ["dummy"], environment)
        stream = await socksConnect(self, client.method("dummy").address, destination.address)
        return client, stream, await destination.accept()

    async def assertEnds(self, child: PTChild, *streams: Stream) -> None:
        """
        A clean end, with no connection left.
        """
        self.assertEqual(await child.whenEnded(_SOON), _CLEAN)
        for stream in streams:
            await stream.lost()

    async def test_inputCloses(self) -> None:
        """
        The end of standard input, if that was agreed on.
        """
        child, *streams = await self.busy()
        child.closeInput()
        await self.assertEnds(child, *streams)

    async def test_inputMeansNothing(self) -> None:
        """
        If it was not agreed on, it means nothing: only the exact value does.
        """
        for value in ("", "0", "true"):
            child, near, far = await self.busy(EXIT_ON_STDIN_CLOSE=value)
            child.closeInput()
            # A whole connection later, it is still there.
            await near.send(b"hello")
            self.assertEqual(await far.read(5), b"hello")
            self.assertIsNone(child.ended)

    async def test_chatter(self) -> None:
        """
        What comes on standard input is not its end.
        """
        child, near, far = await self.busy()
        child.transport.write(b"x" * 100_000)
        await near.send(b"hello")
        self.assertEqual(await far.read(5), b"hello")
        child.closeInput()
        await self.assertEnds(child)

    async def test_nullInput(self) -> None:
        """
        /dev/null has ended already.
        """
        command = ["/bin/sh", "-c", 'exec "$@" </dev/null', "sh", *twistdCommand()]
        child = launch(self, command, clientVariables(freshDirectory(self)))
        self.assertEqual(await child.whenEnded(), _CLEAN)
        self.assertEqual(child.lines[0], "VERSION 1")

    async def test_signals(self) -> None:
        """
        SIGTERM and SIGINT.
        """
        for name in ("TERM", "INT"):
            child, *streams = await self.busy()
            child.signal(name)
            await self.assertEnds(child, *streams)

    async def test_asTorDoesIt(self) -> None:
        """
        SIGTERM and the end of input in one instant, and SIGTERM again.
        """
        child, *streams = await self.busy()
        child.signal("TERM")
        child.closeInput()
        child.signal("TERM")
        await self.assertEnds(child, *streams)

    async def test_unread(self) -> None:
        """
        A peer that does not read cannot hold it back.
        """
        child, near, far = await self.busy()
        reader: Any = far.transport
        reader.pauseProducing()
        near.write(payload(32 << 20))
        # Another connection opens all the same.
        destination = listen(self, echo)
        other = await socksConnect(self, child.method("dummy").address, destination.address)
        await other.send(b"hello")
        self.assertEqual(await other.read(5), b"hello")
        child.signal("TERM")
        await self.assertEnds(child, near, other)

    async def orphan(self, wrapper: list[str]) -> tuple[PTChild, Deferred[None]]:
        """
        Start a child beneath a wrapper that does not exec it, and that nothing
        but its death will tell the child of.

        :returns: the wrapper, and what fires at the child's end.
        """
        variables = clientVariables(freshDirectory(self), EXIT_ON_STDIN_CLOSE="")
        parent = launch(self, [*wrapper, *twistdCommand()], variables)
        await parent.whenReady()
        [pid] = descendants(parent.pid)
        return parent, witness(self, pid)

    async def test_parentKilled(self) -> None:
        """
        A parent that is killed.
        """
        program = "import subprocess, sys; subprocess.run(sys.argv[1:])"
        parent, gone = await self.orphan([sys.executable, "-c", program])
        parent.signal("KILL")
        await gone.addTimeout(_SOON, reactor)
        self.assertEqual((await parent.whenEnded()).signal, signal.SIGKILL)

    async def test_shellKilled(self) -> None:
        """
        A shell script that keeps the signal to itself.
        """
        parent, gone = await self.orphan(["/bin/sh", "-c", '"$@"; exit 3', "sh"])
        parent.signal("TERM")
        await gone.addTimeout(_SOON, reactor)

    async def test_stuck(self) -> None:
        """
        Even one that is stuck ends.
        """
        plugins = freshDirectory(self)
        (plugins / "twisted" / "plugins").mkdir(parents=True)
        (plugins / "twisted" / "plugins" / "stuck_plugins.py").write_text(
            "from pyptwist.registry import TransportPlugin\n"
            "stuck = TransportPlugin('stuck', client='stuckmethod.Stuck')\n"
        )
        (plugins / "stuckmethod.py").write_text("import time\ntime.sleep(60)\n")
        variables = clientVariables(freshDirectory(self), CLIENT_TRANSPORTS="stuck")
        variables["PYTHONPATH"] = f"{plugins}:{variables.get('PYTHONPATH', '')}"
        child = launch(self, pyptwistCommand(), variables)
        await child.whenLine("^STATUS ")
        child.signal("TERM")
        self.assertEqual(await child.whenEnded(2 * _SOON), Ended(None, signal.SIGALRM))
