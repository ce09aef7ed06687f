"""
meek with obfs4proxy's client at the other end, and with nginx for a front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import TestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import AuthenticationFailed
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import freshDirectory
from pyptwist.testing.processes import launchClient
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream
from pyptwist.transports.meek.arguments import webServer
from pyptwist.transports.meek.method import Meek, MeekLite
from tests.certificates import authority
from tests.interop import ours
from tests.interop.cutline import cutLine
from tests.interop.exchange import MIB, exchange
from tests.interop.nginx import nginx
from tests.interop.peering import BULK, greeting, question, reference
from tests.shown import shown

#: What torrc says of a bridge whose address does not matter.
NOWHERE: Address = ("0.0.2.0", 1)

NAME = "hidden.example"

#: A site, which has another one behind it for those who ask for that by name.
FRONT = """
client_body_buffer_size 128k;
proxy_buffers 8 32k;
if ($host != %s) { return 200 "an innocent site"; }
location / {
    proxy_pass http://hidden;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For 203.0.113.5;
}
"""
HIDDEN = "upstream hidden { server %s:%d; keepalive 4; }"


class Obfs4proxyTests(TestCase):
    """
    obfs4proxy's client, our server.
    """

    timeout = 120

    async def reach(
        self, server: ours.Server, arguments: Mapping[str, str] | None = None, **variables: str
    ) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a connection.
        """
        client = await launchClient(self, reference(), ["meek_lite"], variables)
        url = f"http://127.0.0.1:{server.address[1]}/"
        told = arguments or {"url": url}
        here = await socksConnect(self, client.method("meek_lite").address, NOWHERE, told)
        return here, await server.accept()

    async def test_bulk(self) -> None:
        """
        16 MiB each way.
        """
        await exchange(self, await self.reach(await ours.serve(self, method=MeekLite)), BULK)
        shown("meek_lite", "obfs4proxy's client")

    async def test_manners(self) -> None:
        """
        Who speaks first, small writes, and the server's end.
        """
        server = await ours.serve(self, method=Meek)
        await question(self, await self.reach(server))
        await exchange(self, await self.reach(server), 50, chunk=1)
        await greeting(self, await self.reach(server))

    async def test_requests(self) -> None:
        """
        Its requests are those that ours makes, to the byte.
        """
        site = listen(self)
        url = "http://hidden.example/path?a=b"
        client = await launchClient(self, reference(), ["meek_lite"])
        await socksConnect(
            self,
            client.method("meek_lite").address,
            NOWHERE,
            {"url": url, "front": "{}:{}".format(*site.address)},
        )
        head = await (await site.accept()).readUntil(b"\r\n\r\n")
        theirs = re.search(rb"X-Session-Id: ([0-9a-f]{32})\r\n", head)
        assert theirs is not None, head
        before, behind = webServer(Arguments(url=url), None).head(theirs[1].decode())
        self.assertEqual(head, before + b"0\r\n" + behind)

    async def test_tls(self) -> None:
        """
        With a certificate that the client was told to trust.
        """
        directory = freshDirectory(self)
        directory.mkdir(parents=True)
        authorities = directory / "authorities.pem"
        authorities.write_bytes(authority().pem)
        issued = authority().issue(addresses=["127.0.0.1"])
        certificate, key = issued.write(str(directory))
        server = await ours.serve(self, {"cert": certificate, "key": key}, method=Meek)
        streams = await self.reach(
            server,
            {"url": f"https://{NAME}/", "front": f"127.0.0.1:{server.address[1]}"},
            SSL_CERT_FILE=str(authorities),
        )
        await exchange(self, streams, MIB)


class FrontTests(TestCase):
    """
    Our client, a line that is cut, nginx, our server.
    """

    timeout = 120

    async def front(self, cuts: int) -> tuple[ours.Server, dict[str, str]]:
        """
        :param cuts: while ``BULK`` bytes go each way.
        :returns: the server, and what leads to it.
        """
        directory = freshDirectory(self)
        directory.mkdir(parents=True)
        authorities = directory / "authorities.pem"
        authorities.write_bytes(authority().pem)
        server = await ours.serve(self, {"trust-forwarded-for": "loopback"}, method=Meek)
        issued = authority().issue(addresses=["127.0.0.1"])
        where = await nginx(self, issued, FRONT % NAME, HIDDEN % server.address)
        self.line = cutLine(self, where, cuts, 2 * BULK, "front")
        front = "{}:{}".format(*self.line.address)
        return server, {
            "url": f"https://{NAME}/path",
            "front": front,
            "ca": str(authorities),
        }

    async def test_cuts(self) -> None:
        """
        16 MiB each way, while the connection is cut ten times: nothing is lost, and
        nothing comes twice.
        """
        server, arguments = await self.front(10)
        here = await ours.connecting(self, NOWHERE, arguments, Meek)
        there: Any = await server.accept()
        self.assertEqual(there.transport.getPeer(), IPv4Address("TCP", "203.0.113.5", 1))
        await exchange(self, (here, there), BULK)
        self.assertEqual(self.line.cuts, 10)
        self.assertEqual(len(server.streams), 1)
        shown("meek", "itself behind nginx")

    async def test_wrongCertificate(self) -> None:
        """
        A front that cannot show who it is gets no request.
        """
        server, arguments = await self.front(0)
        del arguments["ca"]
        with self.assertRaises(AuthenticationFailed):
            await ours.connecting(self, NOWHERE, arguments, Meek)
        self.assertEqual(server.streams, [])
