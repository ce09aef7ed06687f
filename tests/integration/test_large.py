"""
What large bridges need, with real processes: several tors behind one server, a load
balancer in front of it, and a socket from systemd.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Ended, spawn
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import Destination, echo, listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.orport import Client, ExtendedORPort
from pyptwist.testing.processes import PTChild, launchClient
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Stream, connect, payload, sha256, together
from tests.proxyheaders import binary, line

_CLEAN = Ended(0, None)
_SOON = 5.0
_SIZE = 256 * 1024

#: Becomes a program to which systemd passed a socket, whose port it is told.
_PASS = """
import os, socket, sys
name, pid, *command = sys.argv[1:]
opened = socket.create_server(("127.0.0.1", 0))
port = str(opened.getsockname()[1])
print("passed", port, file=sys.stderr, flush=True)
os.dup2(opened.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=pid or str(os.getpid()), LISTEN_FDS="1")
if name:
    os.environ["LISTEN_FDNAMES"] = name
os.execv(command[0], [word.replace("PORT", port) for word in command])
"""


class LargeCase(TestCase):
    """
    An obfs4 server by flags, and clients of it.
    """

    timeout = 120

    def start(
        self,
        *flags: str,
        command: Sequence[str] | None = None,
        options: dict[str, str] | None = None,
        port: str = "0",
    ) -> PTChild:
        """
        :param command: ``pyptwist``'s by default.
        :param options: of the method.
        """
        directory = freshDirectory(self)
        directory.mkdir()
        arguments = [
            *(command or pyptwistCommand()),
            *("-server", "-transport", "obfs4"),
            *("-bindhost", "127.0.0.1", "-bindport", port),
            *("-options", json.dumps(options or {}), *flags),
        ]
        return spawn(self, PTChild("ours"), arguments, baseEnvironment(), directory)

    async def stream(self, bridge: Method, through: Destination | None = None) -> Stream:
        """
        :param through: what is in front of the server.
        :returns: a new client's connection.
        """
        client = await launchClient(self, pyptwistCommand())
        address = through.address if through is not None else bridge.address
        proxy = client.method("obfs4").address
        return await socksConnect(self, proxy, address, bridge.arguments)

    async def assertTalk(self, here: Stream, there: Stream) -> None:
        """
        Data passes both ways at the same time.
        """
        up, down = payload(_SIZE, 1), payload(_SIZE, 2)
        *_, upwards, downwards = await together(
            here.send(up), there.send(down), there.digest(_SIZE), here.digest(_SIZE)
        )
        self.assertEqual([upwards, downwards], [sha256(up), sha256(down)])

    async def assertEnds(self, child: PTChild) -> None:
        child.signal("TERM")
        self.assertEqual(await child.whenEnded(_SOON), _CLEAN)


class SeveralTests(LargeCase):
    """
    Two tors, each with a cookie of its own.
    """

    async def test_oneIsKilled(self) -> None:
        """
        Clients are shared out; when one tor is killed in the middle of a transfer,
        the other's clients go on, and new ones come to it.
        """
        tors = [ExtendedORPort(self), ExtendedORPort(self)]
        server = self.start(
            *("-extorport", ",".join(tor.address for tor in tors)),
            *("-authcookie", ",".join(tor.cookieFile for tor in tors)),
        )
        await server.whenReady()
        bridge = server.method("obfs4")
        client = await launchClient(self, pyptwistCommand())
        proxy = client.method("obfs4").address

        async def arrive(tor: ExtendedORPort) -> tuple[Stream, Client]:
            here = await socksConnect(self, proxy, bridge.address, bridge.arguments)
            there = await tor.accept()
            self.assertEqual(there.transport, "obfs4")
            self.assertTrue(there.userAddress.startswith("127.0.0.1:"))
            await self.assertTalk(here, there.stream)
            return here, there

        pairs = [await arrive(tor) for tor in tors * 2]
        doomed, _ = pairs[0]
        sending = pairs[0][1].stream
        sending.write(payload(_SIZE, 3))
        await doomed.read(1000)
        await tors[0].stop()
        for here, _ in pairs[::2]:
            await here.lost()
        for here, there in pairs[1::2]:
            await self.assertTalk(here, there.stream)
        for _ in range(3):
            await arrive(tors[1])
        self.assertEqual([tor.faults for tor in tors], [[], []])
        await self.assertEnds(server)
        self.assertEqual(server.errors.count(b"cannot be reached"), 1)
        self.assertIn(b"Destination 1 of 2", server.errors)
        self.assertNotIn(b"127.0.0.1", server.errors)

    async def test_targets(self) -> None:
        """
        Plain targets are as good.
        """
        ends = [listen(self), listen(self)]
        targets = ",".join("{}:{}".format(*end.address) for end in ends)
        server = self.start("-target", targets, command=twistdCommand())
        await server.whenReady()
        for end in ends:
            await self.assertTalk(await self.stream(server.method("obfs4")), await end.accept())
        await self.assertEnds(server)


class BalancerTests(LargeCase):
    """
    A load balancer.
    """

    def balancer(self, bridge: Method, header: bytes) -> Destination:
        """
        :returns: what clients connect to.
        """

        async def bring(client: Stream) -> None:
            server = await connect(self, bridge.address)
            for place in range(len(header)):
                server.write(header[place : place + 1])
            await together(_pour(client, server), _pour(server, client))

        return listen(self, bring)

    async def test_addresses(self) -> None:
        """
        tor is told who the header names, in either version; strangers who come by
        the balancer are the decoy's; and others are nobody's.
        """
        tor, site = ExtendedORPort(self), listen(self, echo)
        decoy = "{}:{}".format(*site.address)
        server = self.start(
            *("-extorport", tor.address, "-authcookie", tor.cookieFile),
            options={"proxy-protocol": "1", "decoy": decoy, "decoy-after": "20"},
        )
        await server.whenReady()
        bridge = server.method("obfs4")
        self.assertEqual(set(bridge.arguments), {"cert", "iat-mode"})
        for header, expected in (
            (line("198.51.100.7", 4711), "198.51.100.7:4711"),
            (binary("2001:db8::7", 4712, b"\x04\x00\x03abc"), "[2001:db8::7]:4712"),
        ):
            here = await self.stream(bridge, self.balancer(bridge, header))
            there = await tor.accept()
            self.assertEqual((there.userAddress, there.transport), (expected, "obfs4"))
            await self.assertTalk(here, there.stream)
        garbage = payload(10_000, 5)
        direct = await connect(self, bridge.address)
        direct.write(garbage)
        # Whoever comes later is served when that one has been seen to.
        stranger = await connect(self, bridge.address)
        stranger.write(line() + garbage)
        self.assertEqual(await stranger.digest(len(garbage)), sha256(garbage))
        self.assertEqual(len(site.streams), 1)
        await self.assertEnds(server)
        self.assertEqual(direct.received, 0)
        self.assertIn(b"did not come by the load balancer", server.errors)
        self.assertNotIn(b"198.51.100.7", server.errors)


async def _pour(source: Stream, sink: Stream) -> None:
    while data := await source.readSome():
        await sink.send(data)
    sink.close()


class SystemdTests(LargeCase):
    """
    A socket that somebody else opened.
    """

    def passed(
        self, command: list[str], name: str = "", pid: str = "", wanted: str = "0", port: str = "0"
    ) -> PTChild:
        """
        :param name: the socket's.
        :param pid: of the process that it is for; by default the right one.
        :param wanted: what the server is told to use.
        :param port: that it is told as well.
        :returns: a server to which a socket is passed.
        """
        return self.start(
            *("-target", "{}:{}".format(*listen(self, echo).address)),
            command=[sys.executable, "-c", _PASS, name, pid, *command],
            options={"systemd-socket": wanted},
            port=port,
        )

    async def test_listens(self) -> None:
        """
        A server listens on it, by number or by name, says its address, and serves.
        """
        for server in (
            self.passed(pyptwistCommand()),
            self.passed(twistdCommand(), "obfs4.socket", wanted="obfs4.socket", port="PORT"),
        ):
            await server.whenReady()
            bridge = server.method("obfs4")
            self.assertIn(b"passed %d\n" % bridge.address[1], server.errors)
            here = await self.stream(bridge)
            data = payload(_SIZE, 4)
            _, digest = await together(here.send(data), here.digest(_SIZE))
            self.assertEqual(digest, sha256(data))
            await self.assertEnds(server)

    async def test_refused(self) -> None:
        """
        A socket for another process, of another name or of another port, is not
        taken; and nothing else is listened on instead.
        """
        for server, error in (
            (self.passed(pyptwistCommand(), pid="1"), b"systemd passed no socket to this process"),
            (self.passed(pyptwistCommand(), "other", wanted="web"), b"passed no socket web to"),
            (self.passed(pyptwistCommand(), port="1"), b"systemd's socket has another port"),
        ):
            await server.whenReady()
            self.assertEqual(server.methods, {})
            await self.assertEnds(server)
            self.assertIn(b"SMETHOD-ERROR obfs4 ", server.errors)
            self.assertIn(error, server.errors)
