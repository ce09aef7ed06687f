"""
curl through our child as client and as server to a web server: a SOCKS client
that is not tor's, with the arguments as user name and password.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.streams import Address, Stream, payload, sha256
from tests.peers import requirePeer

BODY: Final = payload(4 * 1024 * 1024, 4)


async def web(stream: Stream) -> None:
    """
    Handler: a web server with one page, that takes uploads, too.
    """
    request = await stream.readUntil(b"\r\n\r\n")
    if request.startswith(b"PUT "):
        [length] = [
            int(line.split(b":")[1])
            for line in request.splitlines()
            if line.lower().startswith(b"content-length:")
        ]
        stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = (await stream.digest(length)).encode()
    else:
        body = BODY
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    stream.close()


class TestCurl(TestCase):
    async def launch(self) -> tuple[Address, Method]:
        """
        :returns: the client's SOCKS port and the server.
        """
        server = await launchServer(self, pyptwistCommand(), listen(self, web).address)
        client = await launchClient(self, pyptwistCommand())
        return client.method("obfs4").address, server.method("obfs4")

    async def curl(
        self, proxy: Address, target: Address, user: str | None, *more: str
    ) -> tuple[int | None, bytes, str]:
        """
        :param user: NAME:PASSWORD for the proxy.
        :returns: curl's exit code, what it fetched, and what it said.
        """
        page = freshDirectory(self)
        command: Sequence[str] = [
            requirePeer("curl"),
            *("-q", "--no-progress-meter", "--noproxy", "", "--max-time", "30"),
            *("--output", str(page), *more),
            *(("--proxy-user", user) if user is not None else ()),
            *(() if "--proxy" in more else ("--socks5", "{}:{}".format(*proxy))),
            "http://{}:{}/".format(*target),
        ]
        child = spawn(self, Child("curl"), command, baseEnvironment())
        ended = await child.whenEnded(40)
        fetched = page.read_bytes() if page.exists() else b""
        return ended.code, fetched, child.errors.decode("utf-8", "backslashreplace")

    async def test_download(self) -> None:
        """
        Wherever the arguments are cut in two, and with nothing behind the cut.
        """
        proxy, bridge = await self.launch()
        cert = bridge.arguments["cert"]
        for user in (
            f"cert={cert};iat-mode=0:",
            f"cert={cert};:iat-mode=0",
            f"cert={cert[:30]}:{cert[30:]};iat-mode=0",
            f"iat-mode=0;unknown=\\;;cert={cert}:\\=",
        ):
            code, fetched, said = await self.curl(proxy, bridge.address, user)
            self.assertEqual((code, said), (0, ""), user.replace(cert, "CERT"))
            self.assertEqual(sha256(fetched), sha256(BODY))

    async def test_upload(self) -> None:
        proxy, bridge = await self.launch()
        upload = freshDirectory(self)
        upload.write_bytes(BODY)
        user = f"cert={bridge.arguments['cert']};iat-mode=0:"
        code, fetched, said = await self.curl(
            proxy, bridge.address, user, "--upload-file", str(upload)
        )
        self.assertEqual((code, said, fetched.decode()), (0, "", sha256(BODY)))

    async def test_hostname(self) -> None:
        """
        With the target left to the proxy.
        """
        proxy, bridge = await self.launch()
        user = f"cert={bridge.arguments['cert']};iat-mode=0:"
        by = ("--proxy", "socks5h://{}:{}".format(*proxy))
        code, fetched, said = await self.curl(proxy, bridge.address, user, *by)
        self.assertEqual((code, said, sha256(fetched)), (0, "", sha256(BODY)))

    async def test_refused(self) -> None:
        """
        Exit code 97 is the proxy's no, and 1 what it replied.
        """
        proxy, bridge = await self.launch()
        for user in (None, "cert=nonsense;iat-mode=0:"):
            code, fetched, said = await self.curl(proxy, bridge.address, user)
            self.assertEqual((code, fetched), (97, b""), said)
            self.assertIn("(1)", said)
