"""
Tests for ``pyptwist.transports.smux``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import INetwork
from pyptwist.stacks import Stack
from pyptwist.testing import EndpointConformance, memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.transports.smux import Smux
from tests.multiplex.worlds import SERVER, Strangers, WorldCase


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Smux
    plain = True


class TestVersion1(EndpointConformance, SynchronousTestCase):
    method = Smux
    plain = True
    serverArguments = Arguments(version="1")
    boundedBuffer = limits.SMUX_BUFFER + 1024 * 1024


class StackWorld(WorldCase):
    """
    One stack, for server and clients, as a program has it.
    """

    def makeMethod(self) -> Any:
        return Stack("smux|obfs4", methods=_Fixed())


class _Fixed(Strangers):
    """
    Finds the same smux each time, as the registry does.
    """

    def __init__(self) -> None:
        self._smux = Smux()

    def client(self, name: str) -> Any:
        return self._smux if name == "smux" else super().client(name)


class SharingTests(StackWorld):
    """
    Who shares a session, and who must not.
    """

    def sessions(self, *attempts: Any) -> int:
        """
        :returns: on how many sessions some attempts end up.
        """
        self.network.pump()
        clients = [self.successResultOf(attempt) for attempt in attempts]
        count = len({client.transport.session for client in clients})
        for client in clients:
            client.transport.loseConnection()
        self.assertAtRest()
        return count

    def test_equal(self) -> None:
        """
        Endpoints made alike, each for one connection as the modes do, share.
        """
        self.assertEqual(self.sessions(*(self.dial() for _ in range(20))), 1)
        self.assertEqual(len(self.network.connections), 1)

    def test_later(self) -> None:
        """
        A session that is there is used.
        """
        first = self.dial()
        self.network.pump()
        self.assertEqual(self.sessions(first, self.dial()), 1)

    def test_arguments(self) -> None:
        """
        Another argument of any layer is another session.
        """
        self.assertEqual(
            self.sessions(
                self.dial(),
                self.dial(**{"smux-keepalive": "20"}),
                self.dial(**{"smux-keepalive": "10"}),
                self.dial(**{"obfs4-iat-mode": "1"}),
                self.dial(**{"obfs4-iat-mode": "1"}),
            ),
            4,
        )

    def test_target(self) -> None:
        """
        So is another target.
        """
        other = HostPort(SERVER.host, 444)
        endpoint = self.method.serverEndpoint(self.context, other, self.arguments)
        self.successResultOf(endpoint.listen(self.servers))
        client = self.method.clientEndpoint(self.context, other, endpoint.clientArguments)
        self.assertEqual(self.sessions(self.dial(), client.connect(Applications())), 2)

    def test_surroundings(self) -> None:
        """
        Another program in this process, or another way out, as an upstream proxy, is
        another session.
        """

        @implementer(INetwork)
        class Detour:
            clientEndpoint = self.network.clientEndpoint
            serverEndpoint = self.network.serverEndpoint
            bindDatagrams = self.network.bindDatagrams

        elsewhere = replace(self.context, network=Detour())
        again = replace(self.context)
        attempts = [self.dial()]
        for context in (elsewhere, again):
            endpoint = self.method.clientEndpoint(context, SERVER, self.published)
            attempts.append(endpoint.connect(Applications()))
        self.assertEqual(self.sessions(*attempts), 3)

    def test_otherStack(self) -> None:
        """
        Other layers below, or the same ones in another stack, are another session.
        """
        layers = [
            Stack(expression, name, _Same(self.method)).clientEndpoint(
                self.context, SERVER, self.published
            )
            for expression, name in (("smux|obfs4", "smux_obfs4"), ("smux|obfs4", "other"))
        ]
        attempts = [layer.connect(Applications()) for layer in layers]
        self.assertEqual(self.sessions(self.dial(), *attempts), 2)

    def test_poolsGo(self) -> None:
        """
        Nothing is kept of who has been gone for a while.
        """
        smux = self.method._layers(True)["smux"]
        attempt = self.dial()
        self.assertEqual(len(smux._pools), 1)
        self.sessions(attempt)
        self.assertEqual(smux._pools, {})

    def test_manyPools(self) -> None:
        """
        Beyond a number of different clients, connections do not share, and work.
        """
        self.patch(limits, "SMUX_POOLS", 1)
        attempts = [self.dial(), self.dial(), self.dial(**{"smux-idle": "7"})]
        attempts.append(self.dial(**{"smux-idle": "7"}))
        self.assertEqual(self.sessions(*attempts), 3)


class _Same(Strangers):
    """
    Finds what a stack has found.
    """

    def __init__(self, stack: Stack) -> None:
        self._layers = stack._layers(True)

    def client(self, name: str) -> Any:
        return self._layers[name]


class ArgumentTests(SynchronousTestCase):
    """
    What users and operators may say.
    """

    def setUp(self) -> None:
        directory = self.mktemp()
        self.context = memoryContext(directory)

    def endpoints(self, **arguments: str) -> Any:
        """
        :returns: both sides'.
        """
        given = Arguments(arguments)
        server = Smux().serverEndpoint(self.context, SERVER, given)
        return Smux().clientEndpoint(self.context, SERVER, given), server

    def test_right(self) -> None:
        """
        Everything at its least and at its most.
        """
        for arguments in (
            {"version": "1", "window": "32768", "buffer": "32768"},
            {"version": "2", "window": str(256 << 20), "buffer": str(256 << 20)},
            {"keepalive": "0", "timeout": "0", "streams": "1"},
            {"keepalive": "86400", "timeout": "86400", "streams": "512"},
            {"sessions": "1", "idle": "0"},
            {"sessions": "256", "idle": "86400"},
        ):
            self.endpoints(**arguments)

    def test_wrong(self) -> None:
        """
        What makes no sense is refused, by the key's name.
        """
        for key, value in (
            ("version", "3"),
            ("version", "both"),
            ("window", "32767"),
            ("window", str(1 << 30)),
            ("window", str(9 << 20)),
            ("buffer", "1000"),
            ("buffer", "65536"),
            ("keepalive", "-1"),
            ("keepalive", "31"),
            ("timeout", "9"),
            ("streams", "0"),
        ):
            for make in (Smux().clientEndpoint, Smux().serverEndpoint):
                with self.assertRaises(ConfigurationError, msg=(key, value)) as raised:
                    make(self.context, SERVER, Arguments({key: value}))
                self.assertIn(repr(key), str(raised.exception))
        for key, value in (("sessions", "0"), ("sessions", "257"), ("idle", "forever")):
            with self.assertRaises(ConfigurationError):
                Smux().clientEndpoint(self.context, SERVER, Arguments({key: value}))

    def test_noTarget(self) -> None:
        """
        A client needs a server.
        """
        with self.assertRaises(ConfigurationError):
            Smux().clientEndpoint(self.context, None, Arguments())

    def test_published(self) -> None:
        """
        Clients are told the version if it is not the usual one.
        """
        self.assertEqual(self.endpoints()[1].clientArguments, Arguments())
        self.assertEqual(self.endpoints(version="2")[1].clientArguments, Arguments())
        self.assertEqual(
            self.endpoints(version="1")[1].clientArguments.texts(), (("version", "1"),)
        )

    def test_decoys(self) -> None:
        """
        smux turns nobody away, and lets a layer below do so.
        """
        stack = Stack("smux|obfs4", methods=Strangers())
        self.assertEqual((stack.serverSpeaksFirst, stack.admitsAnybody), (False, False))
        self.assertEqual((Smux.serverSpeaksFirst, Smux.admitsAnybody), (False, True))
