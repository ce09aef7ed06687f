"""
Our clients of proxies and of the ext-ORPort, against tor and obfs4proxy.

The tor here has no network: the one authority that it knows does not exist, and
it may only send from loopback.  So its proxies can say no to us, and no more;
who says yes is obfs4proxy, whose SOCKS port takes arguments.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import wrapClient, wrapServer
from pyptwist.errors import AuthenticationFailed, UpstreamProxyError
from pyptwist.extorport import (
    COOKIE_FILE,
    ExtORPortClient,
    ExtORPortServer,
    createCookie,
    readCookie,
)
from pyptwist.interfaces import ICodec
from pyptwist.ipc.quoting import formatSocksArguments, splitSocksArguments
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.proxies.socks5 import Socks5Client, Socks5Refused
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.state import StateDirectory
from pyptwist.testing import fixedEntropy
from pyptwist.testing.children import Child, spawn
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, bounded, payload
from tests.interop.ours import TransportStream
from tests.peers import requirePeer

_TORRC: Final = """
TestingTorNetwork 1
AssumeReachable 1
Address 127.0.0.1
OutboundBindAddress 127.0.0.1
DirAuthority none orport=1 no-v2 v3ident={zeros} 127.0.0.1:1 {zeros}
BridgeRelay 1
PublishServerDescriptor 0
SafeLogging 0
Log [net,general]debug [*]notice stdout
SocksPort 127.0.0.1:auto
HTTPTunnelPort 127.0.0.1:auto
ORPort 127.0.0.1:auto
ExtORPort 127.0.0.1:auto
DataDirectory {directory}
"""


class _Tor(Child):
    """
    A tor, its log being its lines.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__("tor")
        self.directory = directory

    async def listener(self, kind: str) -> Address:
        """
        :param kind: ``Socks``, ``HTTP tunnel`` or ``Extended OR``.
        """
        opened = await self.whenLine(rf"Opened {kind} listener connection \(ready\) on (.*):(\d+)")
        # Its files come a moment after its ports.
        await self.whenLine("Bootstrapped 0%")
        return opened[1], int(opened[2])


def _startTor(test: TestCase) -> _Tor:
    program, directory = requirePeer("tor"), freshDirectory(test)
    directory.mkdir(mode=0o700, parents=True)
    torrc = directory / "torrc"
    torrc.write_text(_TORRC.format(directory=directory, zeros="0" * 40))
    command = [program, "--defaults-torrc", "/dev/null", "-f", str(torrc)]
    return spawn(test, _Tor(directory), command, baseEnvironment())


async def _open(test: TestCase, endpoint: IStreamClientEndpoint) -> Stream:
    connecting = cast("Deferred[Stream]", endpoint.connect(Factory.forProtocol(TransportStream)))
    stream = await connecting
    test.addCleanup(_dropping, stream)
    return stream


def _dropping(stream: Stream) -> Deferred[None]:
    return Deferred.fromCoroutine(stream.drop())


class ExtORPortTests(TestCase):
    """
    With tor's ext-ORPort.
    """

    async def _endpoint(
        self, tor: _Tor, user: HostPort, cookie: bytes | None = None
    ) -> IStreamClientEndpoint:
        host, port = await tor.listener("Extended OR")

        def codec() -> ICodec:
            secret = cookie or readCookie(tor.directory / COOKIE_FILE)
            return ExtORPortClient(secret, user, "obfs4", fixedEntropy("client"))

        below = DirectNetwork(reactor).clientEndpoint(host, port)
        return wrapClient(below, cast(Any, reactor), codec, "ext-orport")

    async def test_accepted(self) -> None:
        """
        tor takes the cookie, the address, in brackets too, and the transport;
        what we send then goes to its ORPort, and what comes is the ORPort's.
        """
        tor = _startTor(self)
        for user in (HostPort("192.0.2.7", 5678), HostPort("2001:db8::1", 5678)):
            stream = await _open(self, await self._endpoint(tor, user))
            stream.write(_clientHello())
            header = await stream.read(3)
            self.assertEqual(header[:2], b"\x16\x03", "no TLS handshake came back")
            await tor.whenLine(rf"Seen client from '\[?{user.host}\]?' with transport 'obfs4'")

    async def test_wrongCookie(self) -> None:
        """
        A tor that does not know our cookie is not told of anybody.
        """
        tor = _startTor(self)
        endpoint = await self._endpoint(tor, HostPort("192.0.2.7", 5678), b"x" * 32)
        await self.assertFailure(
            Deferred.fromCoroutine(_open(self, endpoint)), AuthenticationFailed
        )


def _clientHello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a TLS handshake without a peer")


class UpstreamProxyTests(TestCase):
    """
    With tor's SOCKS and HTTP ports.
    """

    async def test_refused(self) -> None:
        """
        We understand its refusal in each protocol.  The name is one that only
        tor knows how to refuse, so it did arrive there.
        """
        tor = _startTor(self)
        socks = "{}:{}".format(*await tor.listener("Socks"))
        tunnel = "{}:{}".format(*await tor.listener("HTTP tunnel"))
        for text, answer in (
            (f"socks4a://{socks}", "the SOCKS4 proxy refused or failed"),
            (f"socks4a://joe@{socks}", "the SOCKS4 proxy refused or failed"),
            (f"socks5://{socks}", "the SOCKS5 proxy replied: general failure"),
            (f"socks5://us:p@:w@{socks}", "the SOCKS5 proxy replied: general failure"),
            (f"http://{tunnel}", "the HTTP proxy answered 502"),
            (f"http://us:p@:w@{tunnel}", "the HTTP proxy answered 502"),
        ):
            proxy = UpstreamProxy.parse(text)
            network = ProxiedNetwork(reactor, DirectNetwork(reactor), proxy)
            endpoint = network.clientEndpoint("relay.exit", 80)
            error = await self.assertFailure(
                Deferred.fromCoroutine(_open(self, endpoint)), UpstreamProxyError
            )
            self.assertEqual(str(error), answer, text.partition(":")[0])


class _Application(TransportStream):
    """
    Who is behind our ext-ORPort.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        cast(_Back, self.factory).accepted.put(self)


class _Back(Factory):
    protocol = _Application

    def __init__(self) -> None:
        self.accepted: DeferredQueue[Stream] = DeferredQueue()


class ExtORPortServerTests(TestCase):
    """
    Our ext-ORPort, with obfs4proxy's server as its client.
    """

    async def test_obfs4proxy(self) -> None:
        """
        It tells us who its client is; whom we deny, it lets go.
        """
        peer = [requirePeer("obfs4proxy")]
        known: list[tuple[HostPort | None, str | None]] = []

        def accept(address: HostPort | None, name: str | None) -> bool:
            known.append((address, name))
            return len(known) == 1

        back, environment = await self._listen(accept)
        child = await launchServer(self, peer, ("127.0.0.1", 1), environment=environment)
        client = (await launchClient(self, peer)).method("obfs4").address
        bridge = child.method("obfs4")

        near = await socksConnect(self, client, bridge.address, bridge.arguments)
        far = await bounded(back.accepted.get(), Stream.patience, "a client")
        self.addCleanup(_dropping, far)
        for here, there in ((near, far), (far, near)):
            here.write(b"hello")
            self.assertEqual(await there.read(5), b"hello")
        other = await socksConnect(self, client, bridge.address, bridge.arguments)
        self.assertEqual(await other.readToEnd(), b"")

        self.assertEqual({name for _, name in known}, {"obfs4"})
        self.assertEqual({address and address.host for address, _ in known}, {"127.0.0.1"})
        self.assertEqual((len(known), back.accepted.pending), (2, []))

    async def _listen(
        self, accept: Callable[[HostPort | None, str | None], bool]
    ) -> tuple[_Back, dict[str, str]]:
        """
        :returns: who is behind our ext-ORPort, and how a child is told of it.
        """
        directory, back = StateDirectory(freshDirectory(self)), _Back()
        cookie = createCookie(directory, os.urandom)
        endpoint = wrapServer(
            DirectNetwork(reactor).serverEndpoint("127.0.0.1", 0),
            cast(Any, reactor),
            lambda: ExtORPortServer(cookie, os.urandom, accept),
            "ext-orport",
        )
        port: Any = await endpoint.listen(back)
        self.addCleanup(port.stopListening)
        return back, {
            "TOR_PT_EXTENDED_SERVER_PORT": f"127.0.0.1:{port.getHost().port}",
            "TOR_PT_AUTH_COOKIE_FILE": directory.path(COOKIE_FILE),
        }


class PluggableTransportTests(TestCase):
    """
    With obfs4proxy's SOCKS port.
    """

    async def _endpoint(
        self, client: Address, bridge: Method, arguments: Arguments
    ) -> IStreamClientEndpoint:
        credentials = splitSocksArguments(formatSocksArguments(arguments))

        def codec() -> ICodec:
            return Socks5Client(HostPort(*bridge.address), credentials, insist=True)

        below = DirectNetwork(reactor).clientEndpoint(*client)
        return wrapClient(below, cast(Any, reactor), codec, "obfs4")

    async def test_arguments(self) -> None:
        """
        Arguments arrive, and bytes pass both ways; wrong ones are refused.
        """
        peer = [requirePeer("obfs4proxy")]
        server = await launchServer(self, peer, listen(self, echo).address)
        client = (await launchClient(self, peer)).method("obfs4").address
        bridge = server.method("obfs4")
        good = Arguments(bridge.arguments)

        stream = await _open(self, await self._endpoint(client, bridge, good))
        data = payload(1_000_000)
        sending = Deferred.fromCoroutine(stream.send(data))
        self.assertEqual(await stream.read(len(data)), data)
        await sending

        for arguments in (good.updated(Arguments(cert="AAAA")), good.without("cert")):
            endpoint = await self._endpoint(client, bridge, arguments)
            await self.assertFailure(Deferred.fromCoroutine(_open(self, endpoint)), ConnectError)

    async def test_refused(self) -> None:
        """
        A bridge that is not there is a refusal (obfs4proxy's own code says no more).
        """
        peer = [requirePeer("obfs4proxy")]
        destination = listen(self)
        server = await launchServer(self, peer, destination.address)
        client = (await launchClient(self, peer)).method("obfs4").address
        bridge = server.method("obfs4")
        await server.stop()
        endpoint = await self._endpoint(client, bridge, Arguments(bridge.arguments))
        await self.assertFailure(Deferred.fromCoroutine(_open(self, endpoint)), Socks5Refused)
