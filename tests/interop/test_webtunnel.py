"""
webtunnel with the web servers and browsers of others: both sides through nginx, and
Chromium as a visitor.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from pyptwist.errors import AuthenticationFailed, HandshakeFailed
from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Address, Stream
from pyptwist.transports.webtunnel.client import WebTunnelClient
from pyptwist.transports.webtunnel.server import WebTunnelServer
from tests.certificates import Authority, authority
from tests.interop.exchange import MIB, ends, exchange
from tests.interop.nginx import nginx
from tests.interop.ours import Server, connecting, serve
from tests.peers import requirePeer
from tests.shown import shown

SIZE: Final = 16 * MIB
NAME: Final = "tunnel.example"
URL: Final = f"https://{NAME}/secret"

#: What operators are told to have.
TUNNEL: Final = """
    location = /secret {{
        proxy_pass http://127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_buffering off;
    }}
"""

#: nginx's own site, but for the secret path.
IN_FRONT: Final = "root {root};" + TUNNEL

#: Everything is ours, over connections that nginx keeps.
KEEPING: Final = """
    location / {{
        proxy_pass http://ours;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }}
"""
_KEPT: Final = """
    upstream ours {{ server 127.0.0.1:{port}; keepalive 1; }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
"""

#: Tells what a browser gets for each path.
PAGE: Final = """<!DOCTYPE html><title>Ordinary</title><body><script>
for (const [method, path] of [["GET", "/page"], ["GET", "/nothing"], ["GET", "/secret"],
                              ["POST", "/secret"], ["GET", "/secret/"], ["HEAD", "/page"]]) {
    const request = new XMLHttpRequest();
    request.open(method, path, false);
    request.send();
    document.body.append(`${method} ${path} ${request.status}; `);
}
</script></body>"""


def ask(address: Address, name: str, request: bytes, source: str = "127.0.0.1") -> bytes:
    """
    In a thread: what a client of TLS sees.

    :param source: where it connects from.
    :returns: the beginning of the answer.
    """
    context = ssl.create_default_context(cadata=authority().pem.decode())
    with (
        socket.create_connection(address, 20, (source, 0)) as tcp,
        context.wrap_socket(tcp, server_hostname=name) as connection,
    ):
        connection.sendall(request)
        return connection.recv(65536)


class WebTunnelCase(TestCase):
    """
    Servers of ours, with a site, and clients for them.
    """

    timeout = 120

    issued = authority().issue([NAME])

    def setUp(self) -> None:
        self.root = freshDirectory(self)
        self.root.mkdir()
        (self.root / "index.html").write_text(PAGE)
        (self.root / "page").write_text("a page")
        self.authorities = self.root / ".authorities"
        self.authorities.write_bytes(authority().pem)

    async def serve(self, **options: str) -> Server:
        """
        :returns: our server, with the site's folder.
        """
        return await serve(
            self, {"url": URL, "site": str(self.root), **options}, method=WebTunnelServer
        )

    async def behind(self, locations: str, more: str = "", **options: str) -> Address:
        """
        :returns: where an nginx listens that has our server behind it.
        """
        self.server = await self.serve(**options)
        port = self.server.address[1]
        told = {"port": port, "root": self.root}
        return await nginx(self, self.issued, locations.format(**told), more.format(**told))

    async def withTLS(self) -> Address:
        """
        :returns: where our server listens, with TLS of its own.
        """
        directory = freshDirectory(self)
        directory.mkdir()
        certificate, key = self.issued.write(str(directory))
        self.server = await self.serve(cert=certificate, key=key)
        return self.server.address

    def connect(self, address: Address, **arguments: str) -> Deferred[Stream]:
        """
        Begin to connect with our client.
        """
        host, port = address
        given = {
            **self.server.arguments,
            "addr": f"{host}:{port}",
            "ca": str(self.authorities),
            **arguments,
        }
        # A bridge line needs an address; nobody is there.
        return connecting(self, ("192.0.2.1", 1), given, method=WebTunnelClient)

    async def connected(self, address: Address) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection.
        """
        here = await self.connect(address)
        return here, await self.server.accept()


class WebTunnelTests(WebTunnelCase):
    """
    What clients have of it.
    """

    async def test_throughNginx(self) -> None:
        """
        16 MiB each way, and an end, through a reverse proxy with TLS.
        """
        address = await self.behind(IN_FRONT)
        await exchange(self, await self.connected(address), SIZE)
        await ends(self, await self.connected(address))
        here, there = await self.connected(address)
        there.write(b"good bye")
        there.close()
        self.assertEqual(await here.readToEnd(), b"good bye")
        shown("webtunnel", "itself behind nginx")

    async def test_keptConnections(self) -> None:
        """
        A tunnel on a connection on which a visitor was before.
        """
        address = await self.behind(KEEPING, _KEPT)
        page = b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        for _ in range(3):
            self.assertIn(b"200 OK", await deferToThread(ask, address, NAME, page))
            await exchange(self, await self.connected(address), MIB)

    async def test_ownTLS(self) -> None:
        """
        16 MiB each way, and an end, without anybody in between.
        """
        address = await self.withTLS()
        await exchange(self, await self.connected(address), SIZE)
        await ends(self, await self.connected(address))

    async def test_wrongCertificate(self) -> None:
        """
        nginx has one for another name, or one that nobody knows.
        """
        self.server = await self.serve()
        for issued in (authority().issue(["example.org"]), Authority().issue([NAME])):
            locations = IN_FRONT.format(port=self.server.address[1], root=self.root)
            address = await nginx(self, issued, locations)
            with self.assertRaises(AuthenticationFailed):
                await self.connect(address)
        self.assertEqual(self.server.streams, [])

    async def test_serverName(self) -> None:
        """
        Another name than the URL's, if the certificate is for that.
        """
        self.server = await self.serve()
        locations = IN_FRONT.format(port=self.server.address[1], root=self.root)
        address = await nginx(self, authority().issue(["example.org"]), locations)
        await self.connect(address, servername="example.org")
        await self.server.accept()

    async def test_wrongPath(self) -> None:
        """
        nginx has nothing there.
        """
        address = await self.behind(IN_FRONT)
        with self.assertRaisesRegex(HandshakeFailed, "404"):
            await self.connect(address, url=f"https://{NAME}/secre")

    async def test_forwarded(self) -> None:
        """
        nginx is believed about where a client is; a client is not.
        """
        address = await self.behind(IN_FRONT, **{"trust-forwarded-for": "127.0.0.1"})
        request = (
            b"GET /secret HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n"
            b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        answer = await deferToThread(ask, address, NAME, request, "127.0.0.7")
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        told = await self.server.accept()
        self.assertEqual(told._tcp.getPeer().host, "127.0.0.7")


class BrowserTests(WebTunnelCase):
    """
    What a visitor sees.
    """

    async def browse(self, address: Address, path: str) -> str:
        """
        :returns: the page as Chromium has it, when its script has run.
        """
        program = requirePeer("chromium")
        profile = freshDirectory(self)
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            f"--ignore-certificate-errors-spki-list={self.issued.pin()}",
            "--dump-dom",
            "https://{}:{}{}".format(*address, path),
        ]
        environment = {**baseEnvironment(), "HOME": str(profile)}
        child = spawn(self, Child("chromium"), command, environment)
        ended = await child.whenEnded(60)
        self.assertEqual(ended.code, 0, child.story("it failed"))
        return "\n".join([*child.lines, child.unfinished])

    async def assertOrdinary(self, address: Address) -> None:
        """
        A site like any other, on every path and with every method; the secret path
        is one where nothing is.
        """
        seen = await self.browse(address, "/")
        self.assertIn("<title>Ordinary</title>", seen)
        for told in (
            "GET /page 200",
            "GET /nothing 404",
            "GET /secret 404",
            "POST /secret 404",
            "GET /secret/ 404",
            "HEAD /page 200",
        ):
            self.assertIn(told + ";", seen)
        self.assertEqual(self.server.streams, [])
        # The same address is a tunnel to who knows.
        await exchange(self, await self.connected(address), MIB)

    async def test_throughNginx(self) -> None:
        """
        The site is ours, and nginx in front.
        """
        await self.assertOrdinary(await self.behind(KEEPING, _KEPT))

    async def test_ownTLS(self) -> None:
        """
        Nobody is in front.
        """
        await self.assertOrdinary(await self.withTLS())
