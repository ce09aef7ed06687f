"""
``kill -9`` in the middle of a transfer, for each process of a tunnel in turn::

    application -> client -> its child == obfs4 ==> server's child -> target
                                                          |
                                                        server

The client and the server are ``pyptwist tunnel``; their children are obfs4proxy, or
ours. All of them are processes of their own.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, bounded
from pyptwist.testing.survivors import descendants, witness
from tests.peers import requirePeer

#: Seconds for anything here to happen; a child is started again after one or two.
_PATIENCE = 30.0

#: Seconds between two looks at what nobody tells of.
_LOOK = 0.05

#: Seconds before an application tries again.
_RETRY = 0.3

#: Sends back what it receives, on a port that it tells.
_TARGET = """
import socket, sys, threading
def serve(stream):
    try:
        while data := stream.recv(65536):
            stream.sendall(data)
    except OSError:
        pass
    stream.close()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""

#: Sends without end, and says when some has come back, and when its connection is
#: lost.
_APPLICATION = """
import os, socket, sys, threading
stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
piece, received = os.urandom(65536), 0
def send():
    try:
        while True:
            stream.sendall(piece)
    except OSError:
        pass
threading.Thread(target=send, daemon=True).start()
try:
    while data := stream.recv(65536):
        if received < 500000 <= received + len(data):
            print("moving", flush=True)
        received += len(data)
except OSError:
    pass
print("lost", flush=True)
os._exit(0)
"""


def descriptors(pid: int) -> int:
    """
    :returns: how many a process has open.
    """
    return len(os.listdir(f"/proc/{pid}/fd"))


class Tunnel:
    """
    Both sides, and their surroundings.

    :ivar client: our process; ``server`` likewise.
    :ivar application: the last that was started; ``target`` likewise.
    """

    def __init__(self, test: TestCase, command: str | None) -> None:
        self._test = test
        self._more = () if command is None else ("--command", command)
        self._listening: Address = ("", 0)
        self._baseline: dict[int, int] = {}

    async def start(self) -> None:
        """
        Start all but an application.
        """
        await self.startTarget(0)
        address = f"127.0.0.1:{self.targetPort}"
        state = str(freshDirectory(self._test))
        self.server = self._tunnel(
            "server", "--bind", "127.0.0.1:0", "--target", address, "--state", state
        )
        line = (await self.server.whenLine("^Bridge obfs4 .*$"))[0]
        self.client = self._tunnel("client", "--listen", "127.0.0.1:0", line)
        found = await self.client.whenLine(r"^Listening on 127\.0\.0\.1:(\d+);")
        self._port = found[1]
        self.remember()

    async def startTarget(self, port: int) -> None:
        """
        :param port: 0 for any.
        """
        self.target = self._run("target", _TARGET, str(port))
        self.targetPort = int((await self.target.whenLine(r"^listening (\d+)"))[1])

    def startApplication(self) -> Child:
        """
        Start one that connects to the client.
        """
        self.application = self._run("application", _APPLICATION, self._port)
        return self.application

    def child(self, side: Child) -> int:
        """
        :returns: the process id of one side's child; 0 if there is not one.
        """
        found = descendants(side.pid)
        return found[0] if len(found) == 1 else 0

    def remember(self) -> None:
        """
        So many descriptors each process has while there is no connection.
        """
        sides = [side for side in (self.client, self.server) if side.ended is None]
        pids = [pid for side in sides for pid in (side.pid, self.child(side))]
        self._baseline = {pid: descriptors(pid) for pid in pids}

    async def assertNothingLeaks(self, dead: Iterable[int] = ()) -> None:
        """
        Each process has as many again.

        :param dead: process ids of those that are gone.
        """
        alive = {pid: n for pid, n in self._baseline.items() if pid not in set(dead)}
        await until(
            lambda: {pid: descriptors(pid) for pid in alive} == alive,
            lambda: f"{ {pid: descriptors(pid) for pid in alive} } to be {alive}",
        )

    def _tunnel(self, *arguments: str) -> Child:
        command = [*pyptwistCommand(), "tunnel", arguments[0], *self._more, *arguments[1:]]
        return spawn(self._test, Child(arguments[0]), command, baseEnvironment())

    def _run(self, name: str, program: str, *arguments: str) -> Child:
        command = [sys.executable, "-c", program, *arguments]
        return spawn(self._test, Child(name), command, baseEnvironment())


async def until(condition: Callable[[], Any], what: Callable[[], str]) -> None:
    """
    Wait for what nobody tells of.

    :raises TimeoutError: naming what for.
    """
    deadline = theReactor().seconds() + _PATIENCE
    while not condition():
        if theReactor().seconds() > deadline:
            raise TimeoutError(f"waited in vain for {what()}")
        await deferLater(theReactor(), _LOOK, lambda: None)


class KillTests(TestCase):
    """
    Who is killed is named by the test; the others live on with nothing left of the
    transfer, say why where they can know, and carry the next one.
    """

    timeout = 180

    async def moving(self, tunnel: Tunnel) -> Child:
        """
        :returns: an application in the middle of a transfer.
        """
        application = tunnel.startApplication()
        await application.whenLine("^moving$", _PATIENCE)
        return application

    async def again(self, tunnel: Tunnel) -> None:
        """
        A transfer goes through, sooner or later, and leaves nothing.
        """
        deadline = theReactor().seconds() + _PATIENCE
        while theReactor().seconds() < deadline:
            application = tunnel.startApplication()
            if (await application.whenLine("^(moving|lost)$", _PATIENCE))[1] == "moving":
                application.signal("KILL")
                await application.whenEnded()
                return
            await deferLater(theReactor(), _RETRY, lambda: None)
        self.fail("no transfer goes through any more")

    async def says(self, side: Child, words: str, since: int = 0) -> None:
        """
        :param since: how much standard error there was before.
        """
        await until(
            lambda: words.encode() in side.errors[since:],
            lambda: side.story(f"the words {words!r}"),
        )

    async def killApplication(self, tunnel: Tunnel) -> None:
        application = await self.moving(tunnel)
        application.signal("KILL")
        await tunnel.assertNothingLeaks()
        await self.again(tunnel)
        await tunnel.assertNothingLeaks()

    async def killTarget(self, tunnel: Tunnel, isOurs: bool) -> None:
        """
        While there is none, we say what is wrong; obfs4proxy does not.
        """
        application = await self.moving(tunnel)
        tunnel.target.signal("KILL")
        await application.whenLine("^lost$", _PATIENCE)
        await tunnel.assertNothingLeaks()
        await tunnel.startApplication().whenLine("^lost$", _PATIENCE)
        if isOurs:
            await self.says(tunnel.server, "a client could not be forwarded: refused")
        await tunnel.startTarget(tunnel.targetPort)
        await self.again(tunnel)
        await tunnel.assertNothingLeaks()

    async def killChild(self, tunnel: Tunnel, side: Child) -> None:
        """
        It is started again, and the application's next connection goes through.
        """
        application = await self.moving(tunnel)
        victim = tunnel.child(side)
        gone = witness(self, victim)
        os.kill(victim, 9)
        await application.whenLine("^lost$", _PATIENCE)
        await bounded(gone, _PATIENCE, "its end")
        await self.says(side, "was ended by SIGKILL")
        await self.again(tunnel)
        self.assertNotIn(tunnel.child(side), (0, victim))
        self.assertFalse(os.path.exists(f"/proc/{victim}"))
        await tunnel.assertNothingLeaks([victim])
        tunnel.remember()

    async def killParent(self, tunnel: Tunnel, side: Child) -> None:
        """
        Its child goes with it.
        """
        application = await self.moving(tunnel)
        orphan = tunnel.child(side)
        gone = witness(self, orphan)
        side.signal("KILL")
        await application.whenLine("^lost$", _PATIENCE)
        await bounded(gone, _PATIENCE, "the end of its child")
        await tunnel.assertNothingLeaks([side.pid, orphan])

    async def killAll(self, command: str | None) -> None:
        """
        One after the other; the server itself last, for nobody starts it again.  A
        server that is gone is what our child can name, and obfs4proxy's cannot.
        """
        before = set(descendants(os.getpid()))
        tunnel = Tunnel(self, command)
        await tunnel.start()
        await self.killApplication(tunnel)
        await self.killTarget(tunnel, command is None)
        await self.killChild(tunnel, tunnel.client)
        await self.killChild(tunnel, tunnel.server)
        await self.killParent(tunnel, tunnel.server)
        since = len(tunnel.client.errors)
        await tunnel.startApplication().whenLine("^lost$", _PATIENCE)
        why = "refused" if command is None else "process"
        await self.says(tunnel.client, f"a client could not be forwarded: {why}", since)
        tunnel.client.signal("KILL")
        tunnel.target.signal("KILL")
        await until(
            lambda: set(descendants(os.getpid())) == before,
            lambda: f"the end of {set(descendants(os.getpid())) - before}",
        )

    async def test_ours(self) -> None:
        """
        With our own children.
        """
        await self.killAll(None)

    async def test_theirs(self) -> None:
        """
        With obfs4proxy.
        """
        await self.killAll(shlex.quote(requirePeer("obfs4proxy")))

    async def test_clientsParent(self) -> None:
        """
        The client's parent, with children of both kinds.
        """
        for command in (None, shlex.quote(requirePeer("obfs4proxy"))):
            tunnel = Tunnel(self, command)
            await tunnel.start()
            await self.killParent(tunnel, tunnel.client)
            await tunnel.server.stop()
