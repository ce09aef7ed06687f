"""
Our child where it may not connect as it likes: behind real proxies, and with a
local address to connect from.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Ended
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand
from pyptwist.testing.processes import PTChild, launch, launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.testing.streams import Address, Stream, payload, sha256, together
from pyptwist.testing.wiretap import Tap
from tests.integration.inspection import sockets, until
from tests.integration.upstreamproxies import (
    SOURCE,
    Credentials,
    Proxy,
    danted,
    microsocks,
    tinyproxy,
)
from tests.integration.variables import clientVariables

if TYPE_CHECKING:
    _Base = TestCase
else:
    _Base = object

_WRONG = ("us", "incorrect")

_MIB = 1 << 20


class UpstreamCase(_Base):
    """
    A bridge that notes who connects to it.
    """

    async def startBridge(self) -> None:
        server = await launchServer(self, pyptwistCommand(), listen(self, echo).address)
        self.bridge = server.method("obfs4")
        self.tap = Tap(self, self.bridge.address)

    async def startClient(self, **more: str) -> None:
        """
        :param more: variables without ``TOR_PT_``.
        """
        environment = {f"TOR_PT_{key}": text for key, text in more.items()}
        self.client = await launchClient(self, pyptwistCommand(), environment=environment)

    async def connect(self, target: Address | None = None) -> Stream:
        """
        :param target: instead of the bridge.
        """
        method = self.client.method("obfs4")
        arguments = self.bridge.arguments
        return await socksConnect(self, method.address, target or self.tap.address, arguments)

    async def assertCarries(self, stream: Stream) -> None:
        data = payload(_MIB)
        _, digest = await together(stream.send(data), stream.digest(len(data)))
        self.assertEqual(digest, sha256(data))

    async def assertFails(
        self, code: int, cause: str, why: str, target: Address | None = None
    ) -> None:
        """
        The client cannot connect, says so, and leaves no socket open.

        :param code: the SOCKS reply.
        :param cause: what the parent is told.
        :param why: the rest of it.
        """
        with self.assertRaises(SocksRefused) as refused:
            await self.connect(target)
        self.assertEqual(refused.exception.code, code)
        message = f"obfs4: no connection: {cause}: {why}"
        line = await self.client.whenLine(f'^LOG SEVERITY=warning MESSAGE="{message}"$')
        self.assertNotIn("127.0.0", line.string)
        await until(lambda: not self.dialled, "that the client closes its sockets")

    @property
    def guests(self) -> list[str]:
        """
        From where each connection to the bridge came.
        """
        return [cast(Any, stream.transport).getPeer().host for stream in self.tap.streams]

    @property
    def dialled(self) -> list[tuple[str, Address]]:
        """
        All that the client has sockets to, but for applications.
        """
        method: Method = self.client.method("obfs4")
        found = [socket for socket in sockets(self.client.pid) if socket.local != method.address]
        return [(socket.local[0], socket.remote) for socket in found]


class ProxyCase(UpstreamCase):
    """
    What must hold with each kind of proxy.
    """

    #: Starts it.
    startProxy: Callable[[TestCase, Credentials | None], Coroutine[Any, Any, Proxy]]
    credentials: Credentials | None = None

    async def start(self, credentials: Credentials | None) -> Proxy:
        """
        :param credentials: the client's.
        """
        proxy = await self.startProxy(self, self.credentials)
        await together(self.startBridge(), self.startClient(PROXY=proxy.url(credentials)))
        self.assertIn("PROXY DONE", self.client.lines)
        return proxy

    async def test_carries(self) -> None:
        """
        All connections come from the proxy, and the client has no socket to
        anywhere else.
        """
        proxy = await self.start(self.credentials)
        for stream in await together(self.connect(), self.connect()):
            await self.assertCarries(stream)
        self.assertEqual(self.dialled, [("127.0.0.1", proxy.address)] * 2)
        self.assertEqual(self.guests, [SOURCE] * 2)


class OpenTests(ProxyCase):
    """
    What must hold with those that serve everybody.
    """

    #: The SOCKS reply when the proxy cannot reach the bridge, our word for the
    #: cause, and the proxy's.
    refusal = (1, "upstream-proxy", "")

    async def test_failsClosed(self) -> None:
        """
        A proxy that cannot reach the bridge, and one that goes away, are causes
        of their own; there is no way around it.
        """
        proxy = await self.start(self.credentials)
        stopped = listen(self)
        await stopped.stop()
        await self.assertFails(*self.refusal, target=stopped.address)
        stream = await self.connect()
        await proxy.stop()
        await stream.lost()
        await self.assertFails(1, "upstream-proxy", "the upstream proxy failed: refused")
        self.assertEqual(self.guests, [SOURCE])


class PasswordTests(ProxyCase):
    """
    What must hold with those that ask who we are.
    """

    #: Our words for the proxy's, when it does not believe us.
    disbelief = ""

    async def test_wrongPassword(self) -> None:
        """
        With a wrong password, or without any, nothing reaches the bridge; and
        nobody is told the password.
        """
        proxy = await self.start(_WRONG)
        await self.assertFails(1, "upstream-proxy", self.disbelief)
        self.assertNotIn(_WRONG[1], "".join(self.client.lines) + self.client.errors.decode())
        await self.startClient(PROXY=proxy.url())
        with self.assertRaises(SocksRefused):
            await self.connect()
        self.assertEqual(self.guests, [])


class MicrosocksTests(OpenTests, TestCase):
    """
    SOCKS5.
    """

    startProxy = staticmethod(microsocks)
    refusal = (5, "refused", "the SOCKS5 proxy replied: connection refused")


class MicrosocksPasswordTests(PasswordTests, TestCase):
    """
    SOCKS5 with a password, which tor passes on as it is.
    """

    startProxy = staticmethod(microsocks)
    credentials = ("us", "p@:w/%41")
    disbelief = "the SOCKS5 proxy refused the user name and password"


class TinyproxyTests(OpenTests, TestCase):
    """
    HTTP CONNECT.
    """

    startProxy = staticmethod(tinyproxy)
    refusal = (1, "upstream-proxy", "the HTTP proxy answered 500")


class TinyproxyPasswordTests(PasswordTests, TestCase):
    """
    HTTP CONNECT with basic authentication.
    """

    startProxy = staticmethod(tinyproxy)
    credentials = ("us", "correct")
    disbelief = "the HTTP proxy wants another user name and password"


class DantedTests(OpenTests, TestCase):
    """
    SOCKS4.
    """

    startProxy = staticmethod(lambda test, _: danted(test))
    refusal = (1, "upstream-proxy", "the SOCKS4 proxy refused or failed")


class NameTests(UpstreamCase, TestCase):
    """
    A name is for the proxy to resolve.
    """

    async def test_name(self) -> None:
        """
        It arrives as it is at each kind of proxy that takes names.
        """
        await self.startBridge()
        for start in (microsocks, tinyproxy):
            proxy = await start(self)
            await self.startClient(PROXY=proxy.url())
            target = ("localhost", self.tap.address[1])
            await self.assertCarries(await self.connect(target))
            self.assertIn("{}:{}".format(*target), proxy.log)
        self.assertEqual(self.guests, [SOURCE] * 2)


class OutboundTests(UpstreamCase, TestCase):
    """
    The address to connect from.
    """

    async def test_direct(self) -> None:
        """
        The bridge sees it.
        """
        await self.startBridge()
        await self.startClient(OUTBOUND_BIND_ADDRESS_V4="127.0.0.3")
        await self.assertCarries(await self.connect())
        self.assertEqual(self.guests, ["127.0.0.3"])

    async def test_proxied(self) -> None:
        """
        The proxy is reached from it.
        """
        proxy = await microsocks(self)
        await self.startBridge()
        await self.startClient(OUTBOUND_BIND_ADDRESS_V4="127.0.0.3", PROXY=proxy.url())
        await self.assertCarries(await self.connect())
        self.assertEqual(self.dialled, [("127.0.0.3", proxy.address)])
        self.assertEqual(self.guests, [SOURCE])

    async def test_loopback(self) -> None:
        """
        An address of the outside is not for peers on this machine.
        """
        await self.startBridge()
        await self.startClient(OUTBOUND_BIND_ADDRESS_V4="192.0.2.250")
        await self.assertCarries(await self.connect())
        self.assertEqual(self.guests, ["127.0.0.1"])


class BadProxyTests(TestCase):
    """
    What no proxy can be.
    """

    async def test_refused(self) -> None:
        """
        The parent is told why, in one line, and that is the end.
        """
        children: list[PTChild] = [
            launch(self, pyptwistCommand(), clientVariables(freshDirectory(self), PROXY=proxy))
            for proxy in (
                "127.0.0.1:9",
                "socks5://proxy.example:9",
                "socks5://us@127.0.0.1:9",
                "socks4a://us:secret@127.0.0.1:9",
                "http://127.0.0.1:0",
            )
        ]
        for child in children:
            self.assertEqual(await child.whenEnded(), Ended(1, None))
            self.assertEqual(child.lines[0], "VERSION 1")
            self.assertRegex(child.lines[1], "^PROXY-ERROR .")
            self.assertEqual(len(child.lines), 2)
            said = "".join(child.lines) + child.errors.decode()
            for secret in ("127.0.0.1", "example", "secret"):
                self.assertNotIn(secret, said)
