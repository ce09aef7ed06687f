"""
Tests for ``pyptwist.transports.scramblesuit.method``: both sides behind their
endpoints, over a network in memory.

tests/interop/test_scramblesuit.py has obfs4proxy's client, and processes.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import NOWHERE, HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.errors import Cause, ClosedByPeer, ConfigurationError, causeOf
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.stacks import Stack
from pyptwist.state import StateDirectory
from pyptwist.testing import (
    CodecConformance,
    EndpointConformance,
    MemoryNetwork,
    memoryContext,
)
from pyptwist.testing.applications import Application, Applications
from pyptwist.transports.scramblesuit.codec import ScrambleSuitClientCodec
from pyptwist.transports.scramblesuit.handshake import PASSWORD_LENGTH
from pyptwist.transports.scramblesuit.identity import STATE_FILE, loadState, readPassword
from pyptwist.transports.scramblesuit.journal import JOURNAL_FILE
from pyptwist.transports.scramblesuit.method import ScrambleSuit
from pyptwist.transports.scramblesuit.store import TICKETS_FILE, TicketStore
from pyptwist.transports.scramblesuit.tickets import TicketMint
from pyptwist.wrapping import WrappingNetwork
from tests.transports.scramblesuit.pairs import Purse

TEXT = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT"
OPTIONS = Arguments(password=TEXT)
PACED = Arguments({"password": TEXT, "iat-mode": "1"})
WHERE = HostPort("127.0.0.1", 443)
DAY = 24 * 3600


class WithTickets(ScrambleSuit):
    """
    The method whose clients have a ticket each time.
    """

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        entropy, clock = context.entropy, context.wallClock
        state = loadState(Arguments(), context.stateDirectory, entropy, clock())
        mint = TicketMint(state.ticketKeys, entropy, clock, lambda keys: None)
        password = readPassword(arguments)
        return lambda: ScrambleSuitClientCodec(
            password, False, Purse(mint.issue()), entropy, clock
        )


class TestConformance(CodecConformance, SynchronousTestCase):
    method = ScrambleSuit
    serverArguments = OPTIONS


class TestConformancePaced(CodecConformance, SynchronousTestCase):
    method = ScrambleSuit
    serverArguments = PACED


class TestConformanceTickets(CodecConformance, SynchronousTestCase):
    method = WithTickets
    serverArguments = OPTIONS

    def test_isReadyAtOnce(self) -> None:
        """
        The client waits for nothing.
        """
        self.assertTrue(self.startedPair().client.isReady)


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    """
    The first connection of each test is UniformDH's, all others have tickets.
    """

    method = ScrambleSuit


class TestEndpointsTickets(EndpointConformance, SynchronousTestCase):
    """
    All have tickets: one connection was there before.
    """

    method = ScrambleSuit

    def start(self, seed: str = "endpoints") -> None:
        super().start(seed)
        attempt, _ = self.connecting()
        self.network.pump()
        self.successResultOf(attempt).transport.abortConnection()
        self.network.pump()
        self.servers.built.clear()
        self.network.connections.clear()
        self.assertIn(TICKETS_FILE, os.listdir(self.directory))


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.where = self.mktemp()
        self.context = memoryContext(self.where, network=self.network)

    def serve(self, options: Arguments | None = None) -> tuple[Applications, Arguments]:
        applications = Applications()
        endpoint = ScrambleSuit().serverEndpoint(self.context, WHERE, options or Arguments())
        self.port = self.successResultOf(endpoint.listen(applications))
        return applications, endpoint.clientArguments

    def connect(self, arguments: Arguments, context: Context | None = None) -> Any:
        endpoint = ScrambleSuit().clientEndpoint(context or self.context, WHERE, arguments)
        attempt = endpoint.connect(Factory.forProtocol(Application))
        self.network.pump()
        return attempt

    def sizes(self) -> tuple[int, int]:
        """
        :returns: bytes that both sides of the last connection sent.
        """
        client, server = self.network.connections[-1]
        return len(client.sent), len(server.sent)

    def wasTicket(self) -> bool:
        """
        :returns: whether the last connection's client began with a ticket: it is
            all that it sent, and the server's keys open it.
        """
        state = loadState(Arguments(), self.context.stateDirectory, os.urandom, 0)
        mint = TicketMint(state.ticketKeys, os.urandom, self.context.wallClock, lambda keys: None)
        return mint.redeem(bytes(self.network.connections[-1][0].sent[:112])) is not None


class TestTickets(_Case):
    """
    From one connection to the next
    """

    def test_thenTickets(self) -> None:
        """
        UniformDH once, then tickets; payload both ways each time.
        """
        applications, arguments = self.serve()
        for number in range(4):
            client = self.successResultOf(self.connect(arguments))
            server: Any = applications.built[-1]
            self.assertEqual(self.wasTicket(), number > 0)
            client.transport.write(b"there" * 9000)
            server.transport.write(b"back" * 9000)
            self.network.pump()
            self.assertEqual(bytes(server.received), b"there" * 9000)
            self.assertEqual(bytes(client.received), b"back" * 9000)
        self.assertEqual(len(applications.built), 4)

    def test_atOnce(self) -> None:
        """
        Connections at the same time share no ticket: one has it, the others do
        without.
        """
        applications, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        endpoint = ScrambleSuit().clientEndpoint(self.context, WHERE, arguments)
        attempts = [endpoint.connect(Factory.forProtocol(Application)) for _ in range(5)]
        self.network.pump()
        for attempt in attempts:
            self.successResultOf(attempt)
        self.assertEqual(len(applications.built), 6)
        begins = {bytes(client.sent[:112]) for client, _ in self.network.connections}
        self.assertEqual(len(begins), 6)

    def test_refusedCostsNone(self) -> None:
        """
        A ticket stays where it is if its server cannot be reached.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        self.port.stopListening()
        self.failureResultOf(self.connect(arguments))
        self.serve()
        self.successResultOf(self.connect(arguments))
        self.assertTrue(self.wasTicket())

    def held(self) -> Any:
        """
        :returns: the addresses that the disk has tickets for.
        """
        with open(os.path.join(self.where, TICKETS_FILE), encoding="ascii") as file:
            return list(json.load(file))

    def test_takenBeforeDialling(self) -> None:
        """
        A ticket is off the disk before there is a connection, whose first bytes wait
        for no disk.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        self.assertEqual(self.held(), ["127.0.0.1:443"])
        count = len(self.network.connections)
        self.network.latency = 1.0
        endpoint = ScrambleSuit().clientEndpoint(self.context, WHERE, arguments)
        attempt = endpoint.connect(Factory.forProtocol(Application))
        self.assertEqual((self.held(), len(self.network.connections)), ([], count))

        def touched(*arguments: Any) -> None:
            raise AssertionError("the disk is used")

        patch = self.patch(TicketStore, "_load", touched)
        self.network.pump(2)  # its first bytes have come, and nothing is back yet
        self.assertGreaterEqual(len(self.network.connections[-1][0].sent), 144)
        patch.restore()
        self.network.pump(10)
        self.successResultOf(attempt)
        self.assertTrue(self.wasTicket())

    def test_cancelledCostsNone(self) -> None:
        """
        Nor does it cost one to think better of it.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        endpoint = ScrambleSuit().clientEndpoint(self.context, WHERE, arguments)
        attempt = endpoint.connect(Factory.forProtocol(Application))
        self.assertEqual(self.held(), [])
        attempt.cancel()
        self.failureResultOf(attempt)
        self.assertEqual(self.held(), ["127.0.0.1:443"])

    def test_lateFailureBelow(self) -> None:
        """
        Nor one that a layer below fails for, or is given up in, after it was connected.
        """
        stack = Stack("scramblesuit | obfs4", "pair")
        server = stack.serverEndpoint(self.context, WHERE, Arguments())
        port = self.successResultOf(server.listen(Applications()))

        def connect() -> Any:
            endpoint = stack.clientEndpoint(self.context, WHERE, server.clientArguments)
            attempt = endpoint.connect(Factory.forProtocol(Application))
            self.network.pump()
            return attempt

        self.where = os.path.join(self.where, "pair", "scramblesuit")
        self.successResultOf(connect()).transport.abortConnection()
        self.assertEqual(self.held(), ["127.0.0.1:443"])
        port.stopListening()
        silent = self.network.serverEndpoint(WHERE.host, WHERE.port)
        self.successResultOf(silent.listen(Factory.forProtocol(Application)))
        for end in (
            lambda attempt: attempt.cancel(),
            lambda attempt: self.network.connections[-1][1].loseConnection(),
            lambda attempt: self.network.clock.advance(limits.CLIENT_HANDSHAKE),
        ):
            attempt = connect()
            self.assertEqual(self.held(), [])
            self.assertGreater(len(self.network.connections[-1][0].sent), 0)
            end(attempt)
            self.network.pump()
            self.failureResultOf(attempt)
            self.assertEqual(self.held(), ["127.0.0.1:443"])

    def test_serverKnownBelow(self) -> None:
        """
        What does not know which server it speaks to sends none the ticket of another.
        """

        class Below(WrappingNetwork):
            def clientEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
                return super().clientEndpoint(WHERE.host, WHERE.port)

        mine = replace(
            self.context,
            network=Below(self.network),
            stateDirectory=StateDirectory(self.mktemp()),
        )
        for seed in ("one", "another"):
            self.context = memoryContext(self.mktemp(), seed, self.network)
            _, arguments = self.serve()
            endpoint = ScrambleSuit().clientEndpoint(mine, NOWHERE, arguments)
            attempt = endpoint.connect(Factory.forProtocol(Application))
            self.network.pump()
            client: Any = self.successResultOf(attempt)
            self.assertGreater(self.sizes()[1], 0)
            client.transport.abortConnection()
            self.port.stopListening()

    def test_notTwice(self) -> None:
        """
        What was given back is not sent besides, and what was sent is not given back.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        make = ScrambleSuit().clientCodecFor(self.context, WHERE, arguments)
        first: Any = make()
        first.unused()
        first.start(0.0)
        self.assertFalse(first.isReady)
        self.assertEqual(self.held(), ["127.0.0.1:443"])
        second: Any = make()
        second.start(0.0)
        second.unused()
        self.assertTrue(second.isReady)
        self.assertEqual(self.held(), [])

    def test_deathMeanwhile(self) -> None:
        """
        Who dies while he dials has lost his ticket.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        endpoint = ScrambleSuit().clientEndpoint(self.context, WHERE, arguments)
        endpoint.connect(Factory.forProtocol(Application)).addErrback(lambda reason: None)
        again = replace(self.context, stateDirectory=StateDirectory(self.where))
        self.successResultOf(self.connect(arguments, again))
        self.assertFalse(self.wasTicket())

    def test_bothRestart(self) -> None:
        """
        Tickets outlive either side's process.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        for _ in range(2):
            self.port.stopListening()
            self.context = replace(
                self.context, stateDirectory=StateDirectory(self.where), entropy=os.urandom
            )
            _, again = self.serve()
            self.assertEqual(again, arguments)
            self.successResultOf(self.connect(arguments))
            self.assertTrue(self.wasTicket())

    def test_serverForgets(self) -> None:
        """
        A client whose server has lost its keys is Ready, hears nothing, and is
        told in the end; its next connection is UniformDH's.
        """
        _, arguments = self.serve()
        mine = replace(self.context, stateDirectory=StateDirectory(self.mktemp()))
        self.successResultOf(self.connect(arguments, mine))
        self.port.stopListening()
        self.context = memoryContext(self.mktemp(), "another", self.network)
        applications, _ = self.serve(arguments)
        client = self.successResultOf(self.connect(arguments, mine))
        client.transport.write(b"is anybody there?")
        self.network.pump(29)
        self.assertEqual((self.sizes()[1], client.lost), (0, []))
        self.network.pump(100)
        [reason] = client.lost
        self.assertTrue(reason.check(ClosedByPeer))
        self.assertEqual(applications.built, [])
        self.successResultOf(self.connect(arguments, mine))
        self.assertEqual(len(applications.built), 1)

    def test_otherServers(self) -> None:
        """
        A ticket is its server's alone.
        """
        _, arguments = self.serve()
        self.successResultOf(self.connect(arguments))
        with open(os.path.join(self.where, TICKETS_FILE), encoding="ascii") as file:
            self.assertEqual(list(json.load(file)), ["127.0.0.1:443"])

    def test_withoutState(self) -> None:
        """
        Without a state directory, tickets last as long as the method's object.
        """
        applications, arguments = self.serve()
        stateless = replace(self.context, stateDirectory=None)
        method = ScrambleSuit()
        for number in range(3):
            endpoint = method.clientEndpoint(stateless, WHERE, arguments)
            attempt = endpoint.connect(Factory.forProtocol(Application))
            self.network.pump()
            self.successResultOf(attempt)
            self.assertEqual(self.wasTicket(), number > 0)
        self.successResultOf(self.connect(arguments, stateless))
        self.assertFalse(self.wasTicket())
        self.assertEqual(sorted(os.listdir(self.where)), [JOURNAL_FILE, STATE_FILE])
        self.assertEqual(len(applications.built), 4)

    def test_brokenStore(self) -> None:
        """
        A damaged file stops nobody, and is replaced.
        """
        _, arguments = self.serve()
        path = os.path.join(self.where, TICKETS_FILE)
        with open(path, "w", encoding="ascii") as file:
            file.write("{broken")
        self.successResultOf(self.connect(arguments))
        self.assertFalse(self.wasTicket())
        self.successResultOf(self.connect(arguments))
        self.assertTrue(self.wasTicket())

    def test_rotation(self) -> None:
        """
        A server that runs for weeks changes its keys on the disk, and takes the
        tickets of a week before; none that is older is sent.
        """
        applications, arguments = self.serve()
        path = os.path.join(self.where, STATE_FILE)

        def kept() -> list[int]:
            with open(path, encoding="ascii") as file:
                return [pair["made"] for pair in json.load(file)["ticket-keys"]]

        self.successResultOf(self.connect(arguments))
        [first] = kept()
        for days, wasTicket, count in ((6, True, 1), (6, True, 2), (6, True, 2), (8, False, 2)):
            self.network.pump(days * DAY)
            self.successResultOf(self.connect(arguments))
            self.assertEqual(self.wasTicket(), wasTicket)
            self.assertEqual(len(kept()), count)
        self.assertNotIn(first, kept())
        self.assertEqual(len(applications.built), 5)
        self.port.stopListening()
        self.serve()
        self.successResultOf(self.connect(arguments))
        self.assertTrue(self.wasTicket())

    def test_rotationFails(self) -> None:
        """
        New keys that cannot be kept are used all the same, with a warning.
        """
        _, arguments = self.serve()
        self.network.pump(8 * DAY)

        def write(state: StateDirectory, name: str, data: bytes) -> None:
            raise ConfigurationError("the disk is full")

        self.patch(StateDirectory, "write", write)
        stateless = replace(self.context, stateDirectory=None)
        method = ScrambleSuit()
        with capturedLogs() as events:
            for _ in range(2):
                endpoint = method.clientEndpoint(stateless, WHERE, arguments)
                attempt = endpoint.connect(Factory.forProtocol(Application))
                self.network.pump()
                self.successResultOf(attempt)
        texts = [event.get("log_format") or "" for event in events]
        self.assertEqual(len([text for text in texts if "are not kept" in text]), 1)


class TestArguments(_Case):
    """
    What either side is told, and what it tells
    """

    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, ScrambleSuit())
        verifyObject(IServerTransport, ScrambleSuit())
        self.assertEqual(ScrambleSuit().name, "scramblesuit")

    def test_published(self) -> None:
        """
        The password in the form that everybody understands, and the mode only if
        it is not the default.
        """
        for options, published in (
            (OPTIONS, OPTIONS),
            (Arguments(password=TEXT.lower().replace("o", "0")), OPTIONS),
            (Arguments({"password": TEXT, "iat-mode": "0"}), OPTIONS),
            (PACED, PACED),
        ):
            endpoint = ScrambleSuit().serverEndpoint(self.context, WHERE, options)
            self.assertEqual(endpoint.clientArguments, published)

    def test_invented(self) -> None:
        """
        Without a password one is made, and kept.
        """
        first = ScrambleSuit().serverEndpoint(self.context, WHERE, Arguments())
        second = ScrambleSuit().serverEndpoint(self.context, WHERE, Arguments())
        self.assertEqual(first.clientArguments, second.clientArguments)
        self.assertEqual(len(readPassword(first.clientArguments)), PASSWORD_LENGTH)
        self.assertEqual(os.listdir(self.where), [STATE_FILE])

    def test_nowhere(self) -> None:
        """
        A password is all that a server without a state directory needs.
        """
        stateless = replace(self.context, stateDirectory=None)
        self.assertRaises(
            ConfigurationError, ScrambleSuit().serverEndpoint, stateless, WHERE, Arguments()
        )
        endpoint = ScrambleSuit().serverEndpoint(stateless, WHERE, OPTIONS)
        self.successResultOf(endpoint.listen(Applications()))
        self.successResultOf(self.connect(OPTIONS))
        # Even in its second week.
        self.network.pump(8 * DAY)
        self.successResultOf(self.connect(OPTIONS))

    def test_faults(self) -> None:
        """
        Each is named, and is told before anything is dialled, or written.
        """
        method = ScrambleSuit()
        for given, key in (
            ({"password": TEXT[1:]}, "password"),
            ({"password": "?" * 32}, "password"),
            ({"password": TEXT, "iat-mode": "2"}, "iat-mode"),
            ({"password": TEXT, "iat-mode": ""}, "iat-mode"),
        ):
            for endpoint in (method.clientEndpoint, method.serverEndpoint):
                error = self.assertRaises(
                    ConfigurationError, endpoint, self.context, WHERE, Arguments(given)
                )
                self.assertIn(repr(key), str(error))
                self.assertIs(causeOf(error), Cause.ARGUMENTS)
        self.assertRaises(
            ConfigurationError, method.clientEndpoint, self.context, WHERE, Arguments()
        )
        self.assertRaises(ConfigurationError, method.clientEndpoint, self.context, None, OPTIONS)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertFalse(os.path.exists(self.where))

    def test_deadline(self) -> None:
        """
        The adapter's fixed deadline never cuts a codec's random silence short.
        """
        longest = limits.SILENT_HANDSHAKE + limits.SILENT_SPREAD
        self.assertGreater(ScrambleSuit.serverHandshakeTimeout, longest)
        self.assertEqual(ScrambleSuit.clientHandshakeTimeout, 60)

    def test_keysBeforeDialling(self) -> None:
        """
        How long a key takes is not to be seen between SYN and handshake.
        """
        taken = []

        def entropy(count: int) -> bytes:
            taken.append(count)
            return os.urandom(count)

        context = replace(self.context, entropy=entropy)
        endpoint = ScrambleSuit().clientEndpoint(context, WHERE, OPTIONS)
        self.assertEqual(taken, [])
        endpoint.connect(Applications()).addErrback(lambda _: None)
        self.assertEqual(taken, [192])
        self.network.pump()
