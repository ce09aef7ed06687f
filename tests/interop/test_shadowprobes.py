"""
How shadow with a password, and shadowsocks-libev, take what is wrong: whether they
answer, and whether and how they close.  Both must do the same.
"""

from __future__ import annotations

import os
from typing import Any, Final, cast

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import TestCase

from pyptwist.arguments import Arguments
from pyptwist.codec import Transmit
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, connect, together
from pyptwist.transports.shadow.method import Shadow
from tests.interop import ours, shadowsocks
from tests.interop.exchange import A_WHILE, pause
from tests.interop.shadowsocks import PASSWORD, header
from tests.ports import freePort

CIPHER: Final = "aes-256-gcm"
OPTIONS: Final = {"cipherName": CIPHER, "password": PASSWORD}

#: Ways in which a connection ends.
FIN, RESET = ConnectionDone, ConnectionLost


async def answer(stream: Stream) -> None:
    """
    A destination that tells whether what was sent got there.
    """
    await stream.readSome()
    stream.write(b"answer")


class ProbeCase(TestCase):
    timeout = 120

    async def assertEnds(self, stream: Stream, how: type[Exception], what: str) -> None:
        await stream.lost()
        assert stream.reason is not None
        self.assertTrue(stream.reason.check(how), f"{what}: {stream.reason}")

    def halfClose(self, stream: Stream) -> None:
        cast(Any, stream.transport).loseWriteConnection()


class ServerTests(ProbeCase):
    async def servers(self, target: Address) -> dict[str, Address]:
        command, options = pyptwistCommand(), {"shadow": OPTIONS}
        child = await launchServer(self, command, target, ["shadow"], options)
        return {
            "ours": child.method("shadow").address,
            "theirs": await shadowsocks.server(self, CIPHER),
        }

    def message(self, target: Address, size: int = 10) -> bytes:
        """
        :returns: a client's first one, that no server has seen yet.
        """
        codec = Shadow().clientCodec(ours.context(self), Arguments(OPTIONS))()
        codec.start(0.0)
        [first] = codec.send(header(target) + bytes(size), 0.0)
        assert isinstance(first, Transmit)
        return bytes(first.data)

    async def sent(self, server: Address, data: bytes) -> Stream:
        stream = await connect(self, server)
        stream.write(data)
        return stream

    async def test_wrong(self) -> None:
        """
        Neither answers, and neither closes before its peer does, whatever that sends;
        then each does, with a FIN.
        """
        target = listen(self, answer).address
        servers = await self.servers(target)
        await together(*(self._wrong(*server, target) for server in servers.items()))

    async def _wrong(self, whose: str, server: Address, target: Address) -> None:
        message = self.message(target)
        known = await self.sent(server, message)
        answered = len(await known.readSome())
        probes = {
            "nothing": b"",
            "a byte": b"x",
            "less than a salt and a length": os.urandom(49),
            "a salt and a length": os.urandom(50),
            "a salt and the shortest chunk": os.urandom(67),
            "garbage": os.urandom(1000),
            "much garbage": os.urandom(100_000),
            "a replay": message,
            "half a message": self.message(target)[:60],
        }
        streams = {name: await self.sent(server, data) for name, data in probes.items()}
        known.write(os.urandom(1000))
        streams["garbage in a good stream"] = known
        await pause(A_WHILE)
        # Only who was no stranger before has had an answer.
        expected = dict.fromkeys(probes, 0) | {"garbage in a good stream": answered}
        for name, stream in streams.items():
            seen = stream.received, stream.reason
            self.assertEqual(seen, (expected[name], None), f"{whose}, {name}")
            self.halfClose(stream)
        for name, stream in streams.items():
            await self.assertEnds(stream, FIN, f"{whose}, {name}")
            self.assertEqual(stream.received, expected[name])

    async def test_end(self) -> None:
        """
        Who ends a good stream, on either side, sees its end.
        """
        destination = listen(self)
        for whose, server in (await self.servers(destination.address)).items():
            stream = await self.sent(server, self.message(destination.address))
            await destination.accept()
            self.halfClose(stream)
            await self.assertEnds(stream, FIN, f"{whose}, the client's end")
            for how in ("closes", "resets"):
                stream = await self.sent(server, self.message(destination.address))
                there = await destination.accept()
                there.write(bytes(1000))
                there.close() if how == "closes" else await there.drop()
                await self.assertEnds(stream, FIN, f"{whose}, the destination {how}")

    async def test_noDestination(self) -> None:
        """
        A destination that refuses is a FIN, or a reset if one read did not take all.
        """
        nowhere = ("127.0.0.1", freePort())
        for whose, server in (await self.servers(nowhere)).items():
            for size, how in ((10, FIN), (12_000, FIN), (40_000, RESET)):
                stream = await self.sent(server, self.message(nowhere, size))
                await self.assertEnds(stream, how, f"{whose}, {size} bytes")
                self.assertEqual(stream.received, 0)


class Client:
    """
    A client of a server that is none.
    """

    def __init__(self, test: TestCase, whose: str) -> None:
        self.whose = whose
        self._test = test
        self._server = listen(test)

    async def start(self) -> None:
        """
        Launch it.
        """
        if self.whose == "ours":
            child = await launchClient(self._test, pyptwistCommand(), ["shadow"])
            self._proxy = child.method("shadow").address
        else:
            self._proxy = await shadowsocks.local(self._test, CIPHER, self._server.address)

    async def connect(self) -> tuple[Stream, Stream]:
        """
        :returns: the application's stream, and the server's, which has read something.
        """
        arguments = OPTIONS if self.whose == "ours" else None
        here = await socksConnect(self._test, self._proxy, self._server.address, arguments)
        here.write(b"question")
        there = await self._server.accept()
        await there.readSome()
        return here, there


class ClientTests(ProbeCase):
    async def test_garbage(self) -> None:
        """
        A client closes when the shortest chunk could be there, and is wrong; with a
        reset, if one read did not take all.
        """
        await together(*(self._garbage(Client(self, whose)) for whose in ("ours", "theirs")))

    async def _garbage(self, client: Client) -> None:
        await client.start()
        for size, how in ((67, FIN), (16_383, FIN), (16_384, RESET), (40_000, RESET)):
            here, there = await client.connect()
            there.write(os.urandom(size))
            await self.assertEnds(there, how, f"{client.whose}, {size} bytes")
            await here.lost()
        _, there = await client.connect()
        there.write(os.urandom(66))
        await pause(A_WHILE)
        self.assertIsNone(there.reason, client.whose)
        there.write(b"x")
        await self.assertEnds(there, FIN, f"{client.whose}, one byte more")

    async def test_end(self) -> None:
        """
        Who ends a good stream, on either side, sees its end.
        """
        await together(*(self._end(Client(self, whose)) for whose in ("ours", "theirs")))

    async def _end(self, client: Client) -> None:
        await client.start()
        _, there = await client.connect()
        self.halfClose(there)
        await self.assertEnds(there, FIN, f"{client.whose}, the server's end")
        for how in ("closes", "half-closes", "resets"):
            here, there = await client.connect()
            if how == "closes":
                here.close()
            elif how == "resets":
                await here.drop()
            else:
                self.halfClose(here)
            await self.assertEnds(there, FIN, f"{client.whose}, the application {how}")
