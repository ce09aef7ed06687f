"""
Whole processes: our child and obfs4proxy, each as client and as server, driven
through the PT protocol and SOCKS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import Destination, echo, listen
from pyptwist.testing.environments import pyptwistCommand, twistdCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Address, Stream, connect, payload, together
from pyptwist.testing.wiretap import Tap
from tests.interop.exchange import (
    A_WHILE,
    BULK,
    MIB,
    PUBLIC_KEY,
    SLOW,
    WRONG_KEY,
    WRONG_NODE,
    ends,
    exchange,
    withMode,
)
from tests.peers import requirePeer

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object

#: Connections open at the same time.
MANY: Final = 40


def reference() -> list[str]:
    """
    obfs4proxy's command.
    """
    return [requirePeer("obfs4proxy")]


class PairTests(_Case):
    """
    What a client and a server must do, whoever wrote them.
    """

    timeout = 180

    def clientCommand(self) -> Sequence[str]:
        """
        Ours, unless a subclass knows better.
        """
        return pyptwistCommand()

    def serverCommand(self) -> Sequence[str]:
        """
        The same for the server.
        """
        return pyptwistCommand()

    async def launch(self, destination: Destination, mode: int = 0) -> tuple[Address, Method]:
        """
        :returns: the client's SOCKS port and the server.
        """
        command, options = self.serverCommand(), {"obfs4": withMode(mode)}
        server = await launchServer(self, command, destination.address, options=options)
        client = await launchClient(self, self.clientCommand())
        return client.method("obfs4").address, server.method("obfs4")

    async def connected(self, mode: int = 0) -> tuple[Stream, Stream]:
        """
        :returns: both ends of one connection.
        """
        destination = listen(self)
        proxy, bridge = await self.launch(destination, mode)
        here = await socksConnect(self, proxy, bridge.address, bridge.arguments)
        return here, await destination.accept()

    async def test_bulk(self) -> None:
        await exchange(self, await self.connected(), BULK)

    async def test_slow(self) -> None:
        """
        The modes that sleep, at the same time.
        """
        work = [exchange(self, await self.connected(mode), size) for mode, size in SLOW.items()]
        await together(*work)

    async def test_oneByteWrites(self) -> None:
        await exchange(self, await self.connected(), 2000, chunk=1)

    async def test_largeWrites(self) -> None:
        await exchange(self, await self.connected(), 8 * MIB, chunk=MIB)

    async def test_close(self) -> None:
        """
        Either side's end reaches the other, behind the data.
        """
        await ends(self, await self.connected())
        here, there = await self.connected()
        await ends(self, (there, here))

    async def test_many(self) -> None:
        """
        Connections do not mix.
        """
        proxy, bridge = await self.launch(listen(self, echo))

        async def one(number: int) -> bool:
            stream = await socksConnect(self, proxy, bridge.address, bridge.arguments)
            data = payload(50_000, number)
            await stream.send(data)
            return await stream.read(len(data)) == data

        self.assertTrue(all(await together(*map(one, range(MANY)))))

    async def test_oldArguments(self) -> None:
        """
        A bridge line from before there was a cert.
        """
        destination = listen(self, echo)
        proxy, bridge = await self.launch(destination)
        old = {"node-id": withMode(0)["node-id"], "public-key": PUBLIC_KEY, "iat-mode": "0"}
        stream = await socksConnect(self, proxy, bridge.address, old)
        await stream.send(b"hello")
        self.assertEqual(await stream.read(5), b"hello")

    async def test_wrongServer(self) -> None:
        """
        A client with another bridge line is not answered, and reaches nothing.
        """
        destination = listen(self)
        proxy, bridge = await self.launch(destination)

        async def refused(arguments: Mapping[str, str]) -> None:
            tap = Tap(self, bridge.address)
            stream = await connect(self, proxy, patience=A_WHILE)
            await socksGreet(stream, arguments)
            with self.assertRaises(TimeoutError):
                await socksRequest(stream, tap.address)
            self.assertGreater(len(tap.toServer), 140)
            self.assertEqual(bytes(tap.toClient), b"")

        await together(refused(WRONG_KEY), refused(WRONG_NODE))
        self.assertEqual(destination.streams, [])


class TestOursToTheirs(PairTests, TestCase):
    """
    Our client, obfs4proxy's server.
    """

    def serverCommand(self) -> Sequence[str]:
        return reference()


class TestTheirsToOurs(PairTests, TestCase):
    """
    obfs4proxy's client, our server.
    """

    def clientCommand(self) -> Sequence[str]:
        return reference()


class TestOursToOurs(PairTests, TestCase):
    """
    Both ours, in the form in which an operator starts twistd.
    """

    def clientCommand(self) -> Sequence[str]:
        return twistdCommand()

    def serverCommand(self) -> Sequence[str]:
        return twistdCommand()


class TestReplies(TestCase):
    """
    What our client's SOCKS port says when it cannot connect.
    """

    async def test_badArguments(self) -> None:
        """
        The reply is a general failure, and nothing is dialled.
        """
        destination = listen(self)
        client = await launchClient(self, pyptwistCommand())
        cert = WRONG_KEY["cert"]
        for arguments in (
            {"cert": cert},
            {"cert": cert, "iat-mode": "3"},
            {"cert": cert[1:], "iat-mode": "0"},
            {"iat-mode": "0"},
            {"node-id": "00", "public-key": PUBLIC_KEY, "iat-mode": "0"},
        ):
            with self.assertRaises(SocksRefused) as refused:
                proxy = client.method("obfs4").address
                await socksConnect(self, proxy, destination.address, arguments)
            self.assertEqual(refused.exception.code, 1)
        self.assertEqual(destination.streams, [])

    async def test_nobodyThere(self) -> None:
        """
        The reply is "connection refused", where obfs4proxy 0.0.14 can say no
        more than that it failed.
        """
        closed = listen(self)
        await closed.stop()
        client = await launchClient(self, pyptwistCommand())
        with self.assertRaises(SocksRefused) as refused:
            await socksConnect(self, client.method("obfs4").address, closed.address, WRONG_KEY)
        self.assertEqual(refused.exception.code, 5)


class TestDummy(TestCase):
    """
    The method without arguments, on both sides.
    """

    async def test_exchange(self) -> None:
        destination = listen(self)
        command = pyptwistCommand()
        server = await launchServer(self, command, destination.address, methods=["dummy"])
        client = await launchClient(self, command, methods=["dummy"])
        bridge = server.method("dummy")
        self.assertEqual(bridge.arguments, {})
        here = await socksConnect(self, client.method("dummy").address, bridge.address)
        await exchange(self, (here, await destination.accept()), 8 * MIB)
