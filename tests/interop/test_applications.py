"""
Real applications through a client and a server: a download as browsers do it, of
many files over several connections that are used again, in the modes socks5 and
transparent-TCP.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Stream, payload, sha256
from tests.interop.pairs import startPair
from tests.peers import requirePeer

#: Connections at a time: what browsers have to one server.
_PARALLEL: Final = 6

#: Bytes of each file: a page, its parts, and some that are large.
_SIZES: Final = [0, 1, 1447, *range(10_000, 130_000, 8_000), 1 << 20, 3 << 20, 2 << 20]


async def site(stream: Stream) -> None:
    """
    Handler: a web server with these files, by number; keeps connections open.
    """
    while True:
        request = await stream.readUntil(b"\r\n\r\n")
        number = int(request.split(b" ", 2)[1].strip(b"/"))
        body = payload(_SIZES[number], number)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class DownloadTests(TestCase):
    """
    Children that were started by flags, and curl.
    """

    timeout = 120

    async def download(self, host: str, *more: str) -> None:
        """
        All files arrive as they are.
        """
        directory = freshDirectory(self)
        directory.mkdir()
        command = [
            requirePeer("curl"),
            *("-q", "--no-progress-meter", "--noproxy", "", "--max-time", "60", *more),
            *("--parallel", "--parallel-immediate", "--parallel-max", str(_PARALLEL)),
            *("--output", f"{directory}/#1", f"http://{host}/[0-{len(_SIZES) - 1}]"),
        ]
        curl = spawn(self, Child("curl"), command, baseEnvironment())
        ended = await curl.whenEnded(70)
        self.assertEqual((ended.code, bytes(curl.errors)), (0, b""))
        for number, size in enumerate(_SIZES):
            fetched = (directory / str(number)).read_bytes()
            self.assertEqual(sha256(fetched), sha256(payload(size, number)), number)

    async def test_socks(self) -> None:
        """
        By the proxy; the host is one that nobody reaches otherwise.
        """
        destination = listen(self, site)
        proxy = await startPair(self, "socks5", destination.address)
        await self.download("192.0.2.99", "--socks5", "{}:{}".format(*proxy))
        self.assertGreater(len(destination.streams), 1)

    async def test_transparent(self) -> None:
        """
        By the client's address instead of the server's.
        """
        destination = listen(self, site)
        client = await startPair(self, "transparent-TCP", destination.address)
        await self.download("{}:{}".format(*client))
        self.assertGreater(len(destination.streams), 1)
