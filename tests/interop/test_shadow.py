"""
Our shadow and shadowsocks-libev's programs, with each cipher, in both roles; and ours
with ours, as processes.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.streams import Stream
from pyptwist.transports.shadow.method import Shadow
from tests.interop import ours, shadowsocks
from tests.interop.exchange import A_WHILE, MIB, ends, exchange, pause
from tests.interop.peering import greeting, question
from tests.interop.shadowsocks import PASSWORD, header
from tests.shown import shown

#: Each in a spelling that its side has to know.
CIPHERS: Final = {
    "aes-128-gcm": "AEAD_AES_128_GCM",
    "aes-192-gcm": "aes-192-gcm",
    "aes-256-gcm": "AEAD_AES_256_GCM",
    "chacha20-ietf-poly1305": "CHACHA20-IETF-POLY1305",
}

#: Bytes of random data each way.
BULK: Final = 4 * MIB

#: Where nobody connects to.
ELSEWHERE: Final = ("127.0.0.1", 9)


def options(cipher: str) -> dict[str, str]:
    return {"cipherName": CIPHERS[cipher], "password": PASSWORD}


class TestPeering(TestCase):
    timeout = 120

    async def oursToTheirs(self, cipher: str) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that our client opened.
        """
        destination = listen(self)
        address = await shadowsocks.server(self, cipher)
        here = await ours.connecting(self, address, options(cipher), Shadow)
        await here.send(header(destination.address))
        return here, await destination.accept()

    async def theirsToOurs(self, cipher: str) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection that ss-tunnel opened.
        """
        server = await ours.serve(self, options(cipher), Shadow)
        here = await shadowsocks.tunnel(self, cipher, server.address, ELSEWHERE)
        there = await server.accept()
        await pause(0)  # it was built, and is not connected yet
        self.assertEqual(await there.read(7), header(ELSEWHERE))
        return here, there

    async def _both(self, cipher: str) -> None:
        await exchange(self, await self.oursToTheirs(cipher), BULK)
        await exchange(self, await self.theirsToOurs(cipher), BULK)
        for peer in ("ss-server", "ss-tunnel"):
            shown("shadow", peer)

    async def test_aes128(self) -> None:
        await self._both("aes-128-gcm")

    async def test_aes192(self) -> None:
        await self._both("aes-192-gcm")

    async def test_aes256(self) -> None:
        await self._both("aes-256-gcm")

    async def test_chacha20(self) -> None:
        await self._both("chacha20-ietf-poly1305")

    async def test_turns(self) -> None:
        """
        Questions and answers, one who speaks alone, single bytes, and the end.
        """
        cipher = "aes-256-gcm"
        for connected in (self.oursToTheirs, self.theirsToOurs):
            await question(self, await connected(cipher))
            await greeting(self, await connected(cipher))
            await exchange(self, await connected(cipher), 2000, chunk=1)
            await ends(self, await connected(cipher))

    async def test_wrongPassword(self) -> None:
        """
        Neither answers, nor closes.
        """
        cipher = "aes-256-gcm"
        theirs = await shadowsocks.server(self, cipher)
        server = await ours.serve(self, options(cipher), Shadow)
        for address in (theirs, server.address):
            wrong = {**options(cipher), "password": "another"}
            here = await ours.connecting(self, address, wrong, Shadow)
            await here.send(header(ELSEWHERE) + bytes(1000))
            here.patience = A_WHILE
            with self.assertRaises(TimeoutError):
                await here.readSome()
            self.assertIsNone(here.reason)
        self.assertEqual(server.streams, [])
