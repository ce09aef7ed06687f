"""
The parent's side, with children of all kinds: obfs4proxy, snowflake's client and
ours, each managed by endpoints of this process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.socks import SOCKSv4Factory
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    ManagedProcessError,
    ManagedProcessLost,
    causeOf,
)
from pyptwist.interfaces import IServerTransportEndpoint, ITransportConnection
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.endpoints import ManagedClientEndpoint, ManagedServerEndpoint
from pyptwist.ipc.parent import ManagedTransport
from pyptwist.ipc.pool import Pool, poolOf
from pyptwist.proxies.upstream import UpstreamProxy
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Address, Stream, bounded
from pyptwist.testing.survivors import descendants
from pyptwist.transports.obfs2 import Obfs2
from pyptwist.transports.obfs3 import Obfs3
from tests.interop import ours
from tests.interop.exchange import MIB, exchange
from tests.peers import requirePeer

SIZE: Final = 4 * MIB
OURS: Final = (sys.executable, "-m", "pyptwist")


def theirs() -> tuple[str, ...]:
    return (requirePeer("obfs4proxy"),)


class Server(ours.Server):
    """
    Somebody may wait for the next client here before it comes.
    """

    def buildProtocol(self, addr: IAddress | None) -> Stream:
        stream = ours.TransportStream()
        self.streams.append(stream)
        # The stream has no transport before this method returns.
        cast(Any, reactor).callLater(0, self._accepted.put, stream)
        return stream


class ManagedCase(TestCase):
    """
    Children that are surely ended.
    """

    timeout = 120

    def setUp(self) -> None:
        self.before = set(descendants(os.getpid()))
        self.addCleanup(self.assertNothingLeft)

    def assertNothingLeft(self) -> None:
        """
        No child lives or waits to be reaped.
        """
        self.assertEqual(set(descendants(os.getpid())) - self.before, set())

    def assignment(
        self, command: tuple[str, ...], role: Role, method: str, version: str = "1", **more: Any
    ) -> Assignment:
        return Assignment(
            command,
            role,
            (method,),
            str(freshDirectory(self)),
            tuple(version.split(",")),
            variables={"PYTHONPATH": baseEnvironment().get("PYTHONPATH", "")},
            **more,
        )

    async def serve(
        self,
        command: tuple[str, ...],
        method: str = "obfs4",
        version: str = "1",
        isExtended: bool = True,
    ) -> ours.Server:
        """
        Have a child listen for us.
        """
        bind = {method: HostPort("127.0.0.1", 0)}
        options = {} if "," in version else {method: Arguments([("iat-mode", "0")])}
        assignment = self.assignment(
            command, Role.SERVER, method, version, binds=bind, options=options
        )
        endpoint = ManagedServerEndpoint(reactor, assignment, isExtended)
        return await self.listen(endpoint)

    async def listen(self, endpoint: Any) -> ours.Server:
        server = Server()
        port: Any = await endpoint.listen(server)
        server.address = (port.getHost().host, port.getHost().port)
        server.arguments = dict(endpoint.clientArguments.texts())
        self.port = port

        async def stop() -> None:
            await port.stopListening()
            for stream in server.streams:
                await stream.drop()

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return server

    def launched(
        self, command: tuple[str, ...], method: str = "obfs4", version: str = "1"
    ) -> ManagedTransport:
        """
        :returns: a child for our clients.
        """
        transport = ManagedTransport(
            reactor, self.assignment(command, Role.CLIENT, method, version)
        )
        self.addCleanup(transport.stop)
        return transport

    def connecting(
        self,
        transport: ManagedTransport,
        address: Address,
        arguments: Mapping[str, str],
        method: str = "obfs4",
    ) -> Deferred[Stream]:
        endpoint = ManagedClientEndpoint(
            reactor, transport, method, HostPort(*address), Arguments(arguments)
        )
        return self.reaching(endpoint)

    def reaching(self, endpoint: Any) -> Deferred[Stream]:
        def connected(stream: Stream) -> Stream:
            self.addCleanup(lambda: Deferred.fromCoroutine(stream.drop()))
            return stream

        factory = Factory.forProtocol(ours.TransportStream)
        attempt = cast("Deferred[Stream]", endpoint.connect(factory))
        return bounded(attempt.addCallback(connected), 60, "a connection")

    async def pair(
        self, server: ours.Server, transport: ManagedTransport, method: str = "obfs4"
    ) -> tuple[Stream, Stream]:
        """
        :returns: both ends of a new connection.
        """
        here = await self.connecting(transport, server.address, server.arguments, method)
        return here, await server.accept()


class CarryingTests(ManagedCase):
    """
    Data both ways.
    """

    async def test_theirs(self) -> None:
        """
        obfs4proxy on both sides, and what applications are told.
        """
        server = await self.serve(theirs())
        here, there = await self.pair(server, self.launched(theirs()))
        await exchange(self, (here, there), SIZE)
        for stream in (here, there):
            transport: Any = stream.transport
            self.assertTrue(ITransportConnection.providedBy(transport))
            self.assertEqual(transport.methodName, "obfs4")
            self.assertEqual(transport.networkConnection.getPeer().host, "127.0.0.1")
        peer: Any = cast(Any, there.transport).getPeer()
        local: Any = cast(Any, there.transport).networkConnection.getPeer()
        self.assertEqual(peer.host, "127.0.0.1")
        self.assertNotEqual(peer.port, local.port)

    async def test_methods(self) -> None:
        """
        One process of obfs4proxy has all methods of its, for our own servers.
        """
        pool = Pool(reactor)
        self.addCleanup(pool.stop)
        transports = set()
        for method in (Obfs2, Obfs3):
            server = await ours.serve(self, {}, method)
            assignment = self.assignment(theirs(), Role.CLIENT, method.name)
            assignment = Assignment(
                assignment.command, Role.CLIENT, ("obfs2", "obfs3"), pool.temporaryState
            )
            transport = pool.find(assignment)
            transports.add(transport)
            await exchange(self, await self.pair(server, transport, method.name), MIB)
        self.assertEqual(len(transports), 1)
        await pool.stop()
        self.assertFalse(os.path.exists(pool.temporaryState))

    async def test_ourClient(self) -> None:
        """
        Our method in this process reaches a server of obfs4proxy's, managed.
        """
        server = await self.serve(theirs(), isExtended=False)
        here = await ours.connecting(self, server.address, server.arguments)
        await exchange(self, (here, await server.accept()), SIZE)

    async def test_ourServer(self) -> None:
        """
        A client of obfs4proxy's, managed, reaches our method in this process.
        """
        server = await ours.serve(self)
        await exchange(self, await self.pair(server, self.launched(theirs())), SIZE)

    async def test_versions(self) -> None:
        """
        Our own child, in every version, and where it may choose.
        """
        for offered, chosen in (
            ("1", "1"),
            ("2", "2.1"),
            ("2.1", "2.1"),
            ("2.2", "2.2"),
            ("3.0", "3.0"),
            ("1,3.0", "3.0"),
        ):
            server = await self.serve(OURS, version=offered)
            transport = self.launched(OURS, version=offered)
            await exchange(self, await self.pair(server, transport), SIZE // 8)
            dialect = (await transport.whenReady()).dialect
            assert dialect is not None
            self.assertEqual(dialect.version, chosen)
            await transport.stop()

    async def test_upstreamProxy(self) -> None:
        """
        The child goes where it is told to, or nowhere.
        """
        factory: Any = SOCKSv4Factory(None)
        port: Any = cast(Any, reactor).listenTCP(0, factory, interface="127.0.0.1")
        proxy = f"socks4a://127.0.0.1:{port.getHost().port}"
        server = await self.serve(theirs())
        for command in (theirs(), OURS):
            assignment = self.assignment(
                command, Role.CLIENT, "obfs4", upstreamProxy=UpstreamProxy.parse(proxy)
            )
            transport = ManagedTransport(reactor, assignment)
            self.addCleanup(transport.stop)
            here, there = await self.pair(server, transport)
            await exchange(self, (here, there), 1000)
            await here.drop()
        await port.stopListening()
        attempt = self.connecting(transport, server.address, server.arguments)
        await self.assertFailure(attempt, ManagedProcessError)

    async def test_interfaces(self) -> None:
        server = ManagedServerEndpoint(reactor, self.assignment(theirs(), Role.SERVER, "obfs4"))
        verifyObject(IServerTransportEndpoint, server)
        transport = self.launched(theirs())
        client = ManagedClientEndpoint(
            reactor, transport, "obfs4", HostPort("127.0.0.1", 9), Arguments()
        )
        verifyObject(IStreamClientEndpoint, client)
        await self.serve(theirs())
        verifyObject(IListeningPort, self.port)
        for wrong in (
            lambda: ManagedServerEndpoint(reactor, transport.assignment),
            lambda: ManagedClientEndpoint(
                reactor, transport, "obfs3", HostPort("127.0.0.1", 9), Arguments()
            ),
        ):
            self.assertRaises(ConfigurationError, wrong)

    async def test_strings(self) -> None:
        """
        ``ptexec:`` on both sides, with a bridge line and without.
        """
        command = theirs()[0]
        state = freshDirectory(self)
        server = await self.listen(
            serverFromString(
                reactor,
                f"ptexec:obfs4:0:command={command}:state={state}:interface=127.0.0.1:iat-mode=0",
            )
        )
        host, port = server.address
        self.addCleanup(poolOf(reactor).stop)
        arguments = "cert={cert} iat-mode={iat-mode}".format(**server.arguments)
        for text in (
            f"bridge=obfs4 {host}\\:{port} {arguments}",
            f"obfs4:{host}:{port}:{arguments.replace(' ', ':')}",
        ):
            endpoint = clientFromString(reactor, f"ptexec:{text}:command={command}")
            here = await self.reaching(endpoint)
            await exchange(self, (here, await server.accept()), MIB)
        self.assertEqual(len(set(descendants(os.getpid())) - self.before), 2)


class FailureTests(ManagedCase):
    """
    What goes wrong, by name.
    """

    async def test_killed(self) -> None:
        """
        The child dies in the middle of a transfer: its connection is lost by its
        fault, and the next one is made by another.
        """
        for command in (theirs(), OURS):
            self.patch(limits, "CHILD_RESTART", 0.1)
            server = await self.serve(command)
            transport = self.launched(command)
            here, there = await self.pair(server, transport)
            sending = Deferred.fromCoroutine(here.send(b"x" * 64 * MIB))
            await there.read(100_000)
            pid = transport.pid
            assert pid is not None
            os.kill(pid, 9)
            await self.assertFailure(sending, EOFError)
            await here.lost()
            assert here.reason is not None and here.reason.value is not None
            self.assertIsInstance(here.reason.value, ManagedProcessLost)
            self.assertIs(causeOf(here.reason.value), Cause.PROCESS)
            await exchange(self, await self.pair(server, transport), MIB)
            self.assertNotEqual(transport.pid, pid)
            self.assertFalse(Path(f"/proc/{pid}").exists())

    async def test_serverKilled(self) -> None:
        """
        The server's child comes back to the same port, with the same keys.
        """
        self.patch(limits, "CHILD_RESTART", 0.1)
        server = await self.serve(theirs())
        transport = self.launched(theirs())
        here, there = await self.pair(server, transport)
        await exchange(self, (here, there), 1000)
        os.kill(self.port.transport.pid, 9)
        await there.lost()
        await here.readToEnd()
        assert there.reason is not None
        self.assertIsInstance(there.reason.value, ManagedProcessLost)
        await self.port.transport.whenReady()
        await exchange(self, await self.pair(server, transport), 1000)

    async def test_refused(self) -> None:
        """
        The causes that the child tells are the application's.
        """
        server = await self.serve(theirs())
        await self.port.stopListening()
        for command, cause in ((theirs(), Cause.PROCESS), (OURS, Cause.REFUSED)):
            transport = self.launched(command)
            error = await self.failing(transport, server.arguments, server.address)
            # obfs4proxy calls everything a general failure.
            self.assertIs(causeOf(error), cause)
            error = await self.failing(transport, {"cert": "nonsense"}, server.address)
            self.assertIn("the child could not connect", str(error))

    async def failing(
        self, transport: ManagedTransport, arguments: Mapping[str, str], address: Address
    ) -> ManagedProcessError:
        attempt = self.connecting(transport, address, arguments)
        error = await self.assertFailure(attempt, ManagedProcessError)
        assert isinstance(error, ManagedProcessError)
        return error

    async def test_noMethod(self) -> None:
        """
        A child without the method; ours says why.
        """
        for command, why in ((theirs(), ""), (OURS, ":")):
            transport = self.launched(command, "nonesuch")
            attempt = self.connecting(transport, ("127.0.0.1", 9), {}, "nonesuch")
            error = await self.assertFailure(attempt, ManagedProcessError)
            self.assertIn(f"the child has no nonesuch{why}", str(error))

    async def test_portTaken(self) -> None:
        """
        Nothing is left of a server that cannot listen.
        """
        server = await self.serve(theirs())
        taken = {"obfs4": HostPort(*server.address)}
        assignment = self.assignment(theirs(), Role.SERVER, "obfs4", binds=taken)
        endpoint = ManagedServerEndpoint(reactor, assignment)
        error = await self.assertFailure(endpoint.listen(Factory()), ManagedProcessError)
        self.assertIn("the child has no obfs4: ", str(error))

    async def test_stranger(self) -> None:
        """
        Other users of this machine cannot connect where the child forwards to.
        """
        from pyptwist.testing.streams import connect

        server = await self.serve(theirs())
        host = self.port._back.getHost()
        stranger = await connect(self, (host.host, host.port))
        await stranger.read(2)
        await stranger.send(b"\1" + bytes(32))
        await stranger.read(64)
        await stranger.send(bytes(32))
        self.assertEqual(await stranger.readToEnd(), b"\0")
        self.assertEqual(server.streams, [])


class SnowflakeTests(ManagedCase):
    """
    snowflake's client, which is asked for nothing: what it does, it does outside.
    """

    async def test_launch(self) -> None:
        transport = self.launched((requirePeer("snowflake-client"),), "snowflake")
        dialogue = await bounded(transport.whenReady(), 30, "a CMETHOD line")
        method = dialogue.clients["snowflake"]
        self.assertEqual(method.protocol, "socks5")
        self.assertTrue(method.address.isLoopback)
        await transport.stop()
        self.assertIsNone(transport.pid)
