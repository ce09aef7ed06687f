"""
The tests that every method must pass in processes of its own, as tor starts them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyptwist.arguments import Arguments
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand, twistdCommand
from pyptwist.testing.faketor import FakeTor
from pyptwist.testing.orport import ExtendedORPort
from pyptwist.testing.processes import PTChild
from pyptwist.testing.socksclient import SocksRefused
from pyptwist.testing.streams import Address, Stream, payload, sha256, together
from pyptwist.testing.wiretap import Tap

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object

_LAST_WORDS = b"the last words"
_UMASK = ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh"]


class ManagedConformance(_Case):
    """
    Mix into a trial ``TestCase``, and set ``methodName``::

        class MineManagedTests(ManagedConformance, TestCase):
            methodName = "mine"

    A fake tor starts ``twistd pt`` and ``pyptwist`` as servers and clients, listens
    to what they say, and sends data through both.  They find the method by its
    plugin file, as always, on the path that this process has.

    All three mixins fit into one class on ``TestCase``; then ``method`` and
    ``serverArguments`` say what ``methodName`` and ``serverOptions`` would.

    :cvar methodName: as on ``ClientTransportPlugin`` lines.
    :cvar serverOptions: the operator's, as on ``ServerTransportOptions`` lines.
    :cvar clientArguments: as on ``Bridge`` lines; None for what the server
        publishes.
    :cvar optionalArguments: whether a client can do without what its server
        publishes.
    :cvar wrongArguments: sets of them, each of which a client must refuse.
    :cvar wrongServerOptions: sets of them, each of which a server must refuse.
    :cvar command: what to start instead of the two: an absolute path first.
    :cvar commandOptions: what follows on the command line, whichever it is.
    :cvar environment: more variables; ``PYTHONPATH`` comes before the usual one.
    :cvar payloadSize: bytes that go each way.
    :cvar isOverUDP: whether the method's servers listen for datagrams, and not for TCP
        connections.
    """

    methodName = ""
    serverOptions: Mapping[str, str] | None = None
    clientArguments: Mapping[str, str] | None = None
    optionalArguments = False
    wrongArguments: Sequence[Mapping[str, str]] = ()
    wrongServerOptions: Sequence[Mapping[str, str]] = ()
    command: Sequence[str] | None = None
    commandOptions: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    payloadSize = 256 * 1024
    isOverUDP = False

    timeout = 60

    def setUp(self) -> None:
        """
        A fake tor, and both command lines that it knows.
        """
        super().setUp()
        both: Any = type(self)
        self.methodName = self.methodName or both.method().name
        if self.serverOptions is None:
            self.serverOptions = dict(getattr(both, "serverArguments", Arguments()).texts())
        self.tor = FakeTor(self, self.methodName, self.environment)
        self.twistd = [*(self.command or twistdCommand()), *self.commandOptions]
        self.pyptwist = [*(self.command or pyptwistCommand()), *self.commandOptions]

    async def launchPair(
        self,
        serverCommand: Sequence[str],
        clientCommand: Sequence[str],
        orport: Address,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[PTChild, PTChild]:
        """
        :returns: a server and a client, started side by side.
        """
        server, client = await together(
            self.tor.server(serverCommand, orport, self.serverOptions, environment),
            self.tor.client(clientCommand),
        )
        return server, client

    def bridgeArguments(self, bridge: Method) -> Mapping[str, str]:
        """
        :returns: what tor gives to a client of this server.
        """
        # tor writes the text into bridge lines as it stands.
        self.assertNotIn("\\", bridge.line, "keep commas, = and backslashes out of ARGS")
        return bridge.arguments if self.clientArguments is None else self.clientArguments

    async def connectThrough(
        self, client: PTChild, bridge: Method, target: Address | None = None
    ) -> Stream:
        """
        :param target: what to dial, if not the bridge itself.
        :returns: the application's side of a new transport connection.
        """
        with self.tor.explaining("the client does not reach its server"):
            return await self.tor.through(
                client, target or bridge.address, self.bridgeArguments(bridge)
            )

    async def deniedBy(self, client: PTChild, bridge: Method, target: Address) -> bytes:
        """
        :returns: what an application hears whom the server turns away: nothing.
        """
        arguments = self.bridgeArguments(bridge)
        try:
            stream = await self.tor.through(client, target, arguments)
        except SocksRefused:
            # The server may be ready before its client, which hears the end first.
            return b""
        return await stream.readToEnd()

    async def exchangeBetween(self, near: Stream, far: Stream) -> None:
        """
        Send other data each way, at the same time, and compare.
        """
        up, down = payload(self.payloadSize, 1), payload(self.payloadSize, 2)
        with self.tor.explaining("data stopped on its way"):
            *_, upwards, downwards = await together(
                near.send(up), far.send(down), far.digest(len(up)), near.digest(len(down))
            )
        self.assertEqual(
            [upwards, downwards],
            [sha256(up), sha256(down)],
            self.tor.story("what came out is not what went in (upwards, downwards)"),
        )

    async def test_throughProcesses(self) -> None:
        """
        A ``twistd pt`` serves a ``pyptwist`` as its bridge, in front of an ORPort;
        the server ends by a signal, the client as its input ends, each with a
        connection open.
        """
        orport = listen(self)
        server, client = await self.launchPair(self.twistd, self.pyptwist, orport.address)
        bridge = server.method(self.methodName)
        near = await self.connectThrough(client, bridge)
        other = await self.connectThrough(client, bridge)
        with self.tor.explaining("no client came to the ORPort"):
            far = await orport.accept()
            await orport.accept()
        await self.exchangeBetween(near, far)
        far.write(_LAST_WORDS)
        far.close()
        with self.tor.explaining("the server's end is not heard of"):
            self.assertEqual(await near.readToEnd(), _LAST_WORDS)
        self.assertEqual(other.unread, 0, "one connection's data came out of another")
        await self.tor.end(client, client.closeInput)
        await self.tor.end(server, lambda: server.signal("TERM"))
        self.tor.assertDiscreet({**(self.serverOptions or {}), **bridge.arguments})

    async def test_extendedORPort(self) -> None:
        """
        A ``pyptwist`` serves a ``twistd pt``, and tells tor who comes, and by what;
        who is not let in is disconnected.
        """
        orport = ExtendedORPort(self)
        server, client = await self.launchPair(
            self.pyptwist, self.twistd, listen(self).address, orport.environment
        )
        bridge = server.method(self.methodName)
        tap = None if self.isOverUDP else Tap(self, bridge.address)
        target = bridge.address if tap is None else tap.address
        near = await self.connectThrough(client, bridge, target)
        with self.tor.explaining("no client came to the ext-ORPort"):
            announced = await orport.accept()
        self.assertEqual(announced.transport, self.methodName)
        self.assertIn(
            announced.userAddress,
            ["{}:{}".format(*stream.localAddress) for stream in tap.onward]
            if tap is not None
            else _datagramAddresses(client.pid),
            "USERADDR must be where the client's connection comes from (getPeer)",
        )
        await self.exchangeBetween(near, announced.stream)
        near.write(_LAST_WORDS)
        near.close()
        with self.tor.explaining("the client's end is not heard of"):
            self.assertEqual(await announced.stream.readToEnd(), _LAST_WORDS)
        denied: list[str] = []

        def deny(userAddress: str | None, transport: str | None) -> bool:
            denied.append(str(transport))
            return False

        orport.verdict = deny
        with self.tor.explaining("who is denied is not disconnected"):
            self.assertEqual(await self.deniedBy(client, bridge, target), b"")
        self.assertEqual(denied, [self.methodName])
        self.assertEqual(orport.faults, [])
        await self.tor.end(server, server.closeInput)
        await self.tor.end(client, lambda: client.signal("TERM"))

    async def test_processRestart(self) -> None:
        """
        A bridge line outlives a restart of its server.  Nobody but the user can
        read the files of either side, whatever the umask.
        """
        orport = listen(self)
        states = {"server": freshDirectory(self), "client": freshDirectory(self)}
        client = await self.tor.client([*_UMASK, *self.twistd], states["client"])
        bridges: list[Method] = []
        for command in (self.twistd, self.pyptwist):
            server = await self.tor.server(
                [*_UMASK, *command], orport.address, self.serverOptions, state=states["server"]
            )
            bridges.append(server.method(self.methodName))
            near = await self.connectThrough(client, bridges[0], bridges[-1].address)
            near.write(_LAST_WORDS)
            with self.tor.explaining("nothing came to the ORPort"):
                far = await orport.accept()
                self.assertEqual(await far.read(len(_LAST_WORDS)), _LAST_WORDS)
            await near.drop()
            await self.tor.end(server, server.closeInput)
        self.assertEqual(
            bridges[0].arguments,
            bridges[1].arguments,
            "keep what clients need in context.stateDirectory",
        )
        await self.tor.end(client, client.closeInput)
        for state in states.values():
            self.assertPrivate(state)

    async def test_clientRefuses(self) -> None:
        """
        Arguments that are missing or wrong, and a server that is not there, are
        SOCKS errors, and harm no other connection.
        """
        orport, silent, closed = listen(self), listen(self), listen(self)
        await closed.stop()
        server, client = await self.launchPair(self.twistd, self.pyptwist, orport.address)
        bridge = server.method(self.methodName)
        arguments = self.bridgeArguments(bridge)
        wrong = [dict(one) for one in self.wrongArguments]
        if arguments and not self.optionalArguments:
            wrong.append({})
        for given in wrong:
            await self.assertRefused(client, silent.address, given)
        self.assertEqual(silent.streams, [], "check all arguments before anything is dialled")
        await self.assertRefused(client, closed.address, arguments)
        near = await self.connectThrough(client, bridge)
        near.write(_LAST_WORDS)
        with self.tor.explaining("nothing came to the ORPort"):
            far = await orport.accept()
            self.assertEqual(await far.read(len(_LAST_WORDS)), _LAST_WORDS)
        await self.tor.end(client, client.closeInput)
        self.tor.assertDiscreet({key: v for given in wrong for key, v in given.items()})

    async def test_serverRefuses(self) -> None:
        """
        A port that is taken, and options that are wrong, are errors of the one
        method, and the process lives.
        """
        taken = self._takenPort() if self.isOverUDP else listen(self).address
        bind = "{}-{}:{}".format(self.methodName, *taken)
        variables = {"TOR_PT_SERVER_BINDADDR": bind}
        wrong = self.wrongServerOptions
        children = await together(
            self.tor.server(self.twistd, options=self.serverOptions, environment=variables),
            *(self.tor.server(self.pyptwist, options=given) for given in wrong),
        )
        for child, given in zip(children, ["a port that is taken", *wrong], strict=True):
            self.assertIn(self.methodName, child.refused, child.story(f"it took {given}"))
            await self.tor.end(child, child.closeInput)
        self.tor.assertDiscreet({key: value for given in wrong for key, value in given.items()})

    def _takenPort(self) -> Address:
        """
        :returns: the address of a UDP socket.
        """
        taken = socket.socket(type=socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        address: Address = taken.getsockname()
        return address

    async def assertRefused(
        self, client: PTChild, target: Address, arguments: Mapping[str, str]
    ) -> None:
        """
        A client says no to an application, in words.
        """
        story = f"it must refuse {arguments}: raise ConfigurationError in clientEndpoint"
        with self.tor.explaining(story):
            try:
                await self.tor.through(client, target, arguments)
            except SocksRefused:
                return
        self.fail(self.tor.story(story))

    def assertPrivate(self, directory: Path) -> None:
        """
        Nobody but the user can enter a directory, or read what is in it.
        """
        found = [directory, *directory.rglob("*")] if directory.exists() else []
        open_ = [f"{path}: {path.stat().st_mode:o}" for path in found if _isOpen(path)]
        self.assertEqual(open_, [], "write files by context.stateDirectory, which sees to that")


def _isOpen(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _datagramAddresses(pid: int) -> list[str]:
    """
    :returns: what the UDP sockets of a process reach this machine from, by the kernel's
        own list: a socket that has no address of its own has that of its peer.
    """
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            sockets.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    ports = [int(row[1].partition(":")[2], 16) for row in rows if row[9] in sockets]
    return [f"127.0.0.1:{port}" for port in ports]
