"""
Tests for ``pyptwist.modes.serverflow``, through its factory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.modes.framing import LENGTH, STUN, Framing
from pyptwist.modes.serverflow import ServerFlow, TargetPort
from pyptwist.modes.udp import ServerFlowsFactory
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from tests.modes.datagrams import HERE, Echo, Peer, ScriptedConnection, counted
from tests.test_network import Resolver

TARGET = HostPort(HERE, 53)


class ServerFlowCase(SynchronousTestCase):
    """
    A server's flows to a target in memory.
    """

    def setUp(self) -> None:
        self.network = MemoryDatagramNetwork()
        self.context = memoryContext(self.mktemp(), "udp", self.network)
        self.clock: Any = self.network.clock

    def serve(
        self, framing: Framing = LENGTH, target: HostPort = TARGET, local: Any = None
    ) -> ServerFlowsFactory:
        """
        Be a server.
        """
        self.factory = ServerFlowsFactory(
            self.context, local or self.network, target, framing, "scripted"
        )
        return self.factory

    def bind(self, target: Peer) -> Any:
        """
        Be the target.
        """
        return self.network.bindDatagrams(target, TARGET.host, TARGET.port)

    def client(self, connection: ScriptedConnection | None = None) -> ServerFlow:
        """
        :returns: the server's end of a client's transport connection.
        """
        flow = self.factory.buildProtocol(None)
        flow.makeConnection(connection or ScriptedConnection())
        return flow

    def say(self, flow: ServerFlow, *datagrams: bytes) -> None:
        """
        Be a client that sends them.
        """
        flow.dataReceived(b"".join(map(LENGTH.encode, datagrams)))
        self.network.pump()

    def written(self, flow: ServerFlow) -> list[bytes]:
        """
        :returns: what the client got.
        """
        connection: Any = flow.transport
        return LENGTH.decoder().receive(b"".join(connection.written))

    def lose(self, flow: ServerFlow) -> None:
        """
        The client is gone.
        """
        flow.connectionLost(Failure(ConnectionLost()))

    @property
    def drops(self) -> dict[str, int]:
        """
        What was dropped so far.
        """
        return counted(self.context.metrics.datagramsDropped)


class SpecificationTests(ServerFlowCase):
    """
    Table 2 of PT 3.0, section 1.5.5.
    """

    def setUp(self) -> None:
        super().setUp()
        self.target = Peer()
        self.bind(self.target)
        self.serve()

    def open(self) -> ServerFlow:
        """
        :returns: a flow whose socket the target knows.
        """
        flow = self.client()
        self.say(flow, b"hello")
        return flow

    def packet(self, flow: ServerFlow) -> None:
        """
        From the target, to the flow's socket.
        """
        self.target.send(b"packet", self.target.senders[-1])
        self.network.pump()

    def closed(self, flow: ServerFlow) -> None:
        self.lose(flow)

    def writeFails(self, flow: ServerFlow) -> None:
        connection: Any = flow.transport
        connection.broken = True
        self.packet(flow)
        self.flushLoggedErrors(ValueError)

    def silence(self, flow: ServerFlow) -> None:
        self.network.pump(limits.SERVER_FLOW_IDLE)

    def test_table(self) -> None:
        """
        Each row: the event with a connection in the pool, whether it is there
        afterwards, what was sent on it, and how many packets were dropped.
        """
        for event, stays, sent, dropped in (
            (self.packet, True, [b"packet"], 0),
            (self.closed, False, [], 0),
            (self.writeFails, False, [], 1),
            (self.silence, False, [], 0),
        ):
            self.setUp()
            flow = self.open()
            event(flow)
            self.assertEqual(flow in self.factory.connections, stays)
            self.assertEqual(self.written(flow), sent)
            self.assertEqual(sum(self.drops.values()), dropped)
            self.assertEqual(len(self.network.ports), 1 + stays)

    def test_noConnection(self) -> None:
        """
        The first row: a packet without a connection is dropped, by the kernel, since
        the socket is gone.
        """
        flow = self.open()
        for end in (self.closed, self.silence, self.writeFails):
            flow = self.open()
            end(flow)
            self.packet(flow)
            self.assertEqual(self.written(flow), [])
            self.assertEqual(self.context.metrics.flowsOpen, len(self.factory.connections))


class ServerFlowTests(ServerFlowCase):
    def test_bothWays(self) -> None:
        """
        Each client has a socket of its own; what the target answers goes back to who
        asked; boundaries are kept.
        """
        target = Echo()
        self.bind(target)
        self.serve()
        flows = [self.client() for _ in range(3)]
        for number, flow in enumerate(flows):
            self.say(flow, b"from %d" % number, b"", bytes(1000))
        for number, flow in enumerate(flows):
            self.assertEqual(self.written(flow), [b"from %d" % number, b"", bytes(1000)])
        self.assertEqual(len(set(target.senders)), 3)
        metrics = self.context.metrics
        self.assertEqual((metrics.datagramsReceived, metrics.datagramsSent), (9, 9))
        self.assertEqual(metrics.flowsOpen, 3)

    def test_batches(self) -> None:
        """
        Datagrams of one turn are one write.
        """
        self.bind(Echo())
        self.serve()
        flow = self.client()
        self.say(flow, b"one", b"two")
        connection: Any = flow.transport
        self.assertEqual(connection.written, [b"\0\3one\0\3two"])

    def test_targetComesLater(self) -> None:
        """
        A target that is not there, or goes and comes back, costs the datagrams in
        between and no flow.
        """
        self.serve()
        flow = self.client()
        self.say(flow, b"nobody")
        self.assertEqual(self.drops, {"REFUSED": 1})
        port = self.bind(Echo())
        self.say(flow, b"somebody")
        port.stopListening()
        self.say(flow, b"nobody")
        self.bind(Echo())
        self.say(flow, b"again")
        self.assertEqual(self.written(flow), [b"somebody", b"again"])
        self.assertEqual(self.drops, {"REFUSED": 2})

    def test_congested(self) -> None:
        """
        While the client's connection takes no more, the target's socket is not read,
        and the kernel drops what it has no room for; that is counted.
        """
        target = Peer()
        self.bind(target)
        self.serve()
        flow = self.client()
        self.say(flow, b"hello")
        connection: Any = flow.transport
        connection.producer.pauseProducing()
        for number in range(10):
            target.send(b"%d" % number, target.senders[0])
        self.network.pump()
        self.assertEqual(self.written(flow), [])
        connection.producer.resumeProducing()
        self.network.pump()
        self.assertEqual(self.written(flow), [b"0", b"1", b"2", b"3"])
        self.assertEqual(self.drops, {"KERNEL": 6})
        target.send(b"more", target.senders[0])
        self.network.pump()
        self.assertEqual(self.written(flow)[-1], b"more")
        self.lose(flow)
        self.assertEqual(self.drops, {"KERNEL": 6})

    def test_heldWhenCongested(self) -> None:
        """
        What one turn read while the connection became full is held up to a bound.
        """
        self.bind(Peer())
        self.serve()
        flow = self.client()
        connection: Any = flow.transport
        connection.producer.pauseProducing()
        for _ in range(6):
            flow.answered(bytes(60_000))
        self.assertEqual(self.drops, {"SLOW": 2})
        connection.producer.resumeProducing()
        self.assertEqual(self.written(flow), [bytes(60_000)] * 4)

    def test_oversize(self) -> None:
        """
        A datagram that UDP does not carry is counted, and ends nothing.
        """
        target = Peer()
        self.bind(target)
        self.serve()
        self.say(self.client(), bytes(65508), bytes(65507))
        self.assertEqual(target.received, [bytes(65507)])
        self.assertEqual(self.drops, {"OVERSIZE": 1})

    def test_garbage(self) -> None:
        """
        A client that sends what is no frame loses its flow; what came before it is
        forwarded.
        """
        target = Peer()
        self.bind(target)
        self.serve(STUN)
        binding = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
        good, bad = self.client(), self.client()
        bad.dataReceived(binding + b"\xff")
        self.network.pump()
        self.assertEqual(target.received, [binding])
        connection: Any = bad.transport
        self.assertTrue(connection.closed)
        self.assertEqual(self.factory.connections, {good})
        # Whatever is still on its way is for nobody.
        bad.dataReceived(binding)
        self.lose(bad)
        self.network.pump()
        self.assertEqual(target.received, [binding])
        self.assertEqual(self.context.metrics.flowsOpen, 1)
        self.assertEqual(self.drops, {})

    def test_targetIsNotStun(self) -> None:
        """
        In STUN mode, what the target sends must be STUN.
        """
        target = Peer()
        self.bind(target)
        self.serve(STUN)
        flow = self.client()
        flow.dataReceived(b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12))
        self.network.pump()
        target.send(b"not STUN", target.senders[0])
        self.network.pump()
        connection: Any = flow.transport
        self.assertEqual(connection.written, [])
        self.assertEqual(self.drops, {"FRAMING": 1})

    def test_strangers(self) -> None:
        """
        What did not come from the target is not passed on.
        """
        self.bind(Peer())
        self.serve()
        flow = self.client()
        port = TargetPort(flow, (HERE, 53))
        port.datagramReceived(b"forged", (HERE, 54))
        port.datagramReceived(b"genuine", (HERE, 53))
        self.network.pump()
        self.assertEqual(self.written(flow), [b"genuine"])
        self.assertEqual(self.drops, {"STRAY": 1})

    def test_addressesAreCompared(self) -> None:
        """
        The kernel writes IPv6 addresses in one way, operators in several.
        """
        self.bind(Peer())
        self.serve()
        flow = self.client()
        port = TargetPort(flow, ("2001:DB8:0::1%eth0", 53))
        port.datagramReceived(b"genuine", ("2001:db8::1", 53))
        self.network.pump()
        self.assertEqual(self.written(flow), [b"genuine"])

    def test_kernelsAddress(self) -> None:
        """
        What counts is whom the socket is connected to, as the kernel writes it.
        """

        class Network(MemoryDatagramNetwork):
            def bindDatagrams(self, protocol: Any, host: str, port: int) -> Any:
                bound: Any = super().bindDatagrams(protocol, host, port)
                bound.peer = "::ffff:127.0.0.1", 53
                self.protocol = protocol
                return bound

        local = Network()
        self.serve(target=HostPort("::ffff:7f00:1", 53), local=local)
        flow = self.client()
        for host in ("::ffff:7f00:1", "::ffff:127.0.0.1"):
            local.protocol.datagramReceived(host.encode(), (host, 53))
        self.clock.advance(1)
        self.assertEqual(self.written(flow), [b"::ffff:127.0.0.1"])
        self.assertEqual(self.drops, {"STRAY": 1})

    def test_idle(self) -> None:
        """
        Datagrams in either direction keep a flow; silence ends it, and its socket.
        """
        target = Peer()
        self.bind(target)
        self.serve()
        flow = self.client()
        self.say(flow, b"hello")
        for _ in range(2):
            self.network.pump(limits.SERVER_FLOW_IDLE - 1)
            self.say(flow, b"ping")
            self.network.pump(limits.SERVER_FLOW_IDLE - 1)
            target.send(b"pong", target.senders[0])
        self.assertEqual(self.factory.connections, {flow})
        self.network.pump(limits.SERVER_FLOW_IDLE + 1)
        connection: Any = flow.transport
        self.assertTrue(connection.closed)
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(len(self.network.ports), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closeAll(self) -> None:
        """
        The program's end closes every flow, behind what it holds.
        """
        self.bind(Peer())
        self.serve()
        flows = [self.client() for _ in range(3)]
        connections: list[Any] = [flow.transport for flow in flows]
        connections[0].producer.pauseProducing()
        flows[0].answered(b"held")
        self.factory.closeAll()
        self.assertEqual([connection.closed for connection in connections], [True] * 3)
        self.assertEqual(self.written(flows[0]), [b"held"])
        self.assertEqual(len(self.network.ports), 1)
        for flow in flows:
            self.lose(flow)
        self.assertEqual(self.context.metrics.flowsOpen, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noSocket(self) -> None:
        """
        A flow that gets no socket is closed, with a line in the log.
        """
        self.serve(local=MemoryNetwork())
        flow = self.client()
        connection: Any = flow.transport
        self.assertTrue(connection.closed)
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(self.context.metrics.flowsOpen, 0)


class NameTests(ServerFlowCase):
    """
    A target that has a name.
    """

    target = HostPort("example.org", 53)

    def resolver(self, *addresses: Any) -> None:
        """
        Let the reactor know the name.
        """
        self.clock.nameResolver = Resolver(*addresses)

    def test_resolvedForEachFlow(self) -> None:
        """
        The name is looked up for each flow; its first address is taken.
        """
        self.bind(Echo())
        self.serve(target=self.target)
        self.resolver(IPv4Address("UDP", HERE, 0), IPv6Address("UDP", "::1", 0))
        flows = [self.client(), self.client()]
        for flow in flows:
            self.say(flow, b"hello")
            self.assertEqual(self.written(flow), [b"hello"])
        self.assertEqual(self.clock.nameResolver.asked, ["example.org"] * 2)

    def test_unknown(self) -> None:
        """
        A flow whose target has no address is closed.
        """
        self.serve(target=self.target)
        self.resolver()
        connection: Any = self.client().transport
        self.assertTrue(connection.closed)
        self.assertEqual(len(self.network.ports), 0)

    def test_waits(self) -> None:
        """
        Until the address is known the client is not read; a client that leaves by
        then leaves no socket.
        """
        receivers: list[Any] = []

        class Slow(Resolver):
            def resolveHostName(self, receiver: Any, *rest: Any) -> Any:
                receivers.append(receiver)
                return self

        self.clock.nameResolver = Slow()
        self.bind(Echo())
        self.serve(target=self.target)
        flows = [self.client(), self.client()]
        connections: list[Any] = [flow.transport for flow in flows]
        self.assertEqual([connection.paused for connection in connections], [True, True])
        self.lose(flows[0])
        for receiver in receivers:
            receiver.addressResolved(IPv4Address("UDP", HERE, 0))
            receiver.resolutionComplete()
        self.assertEqual([connection.paused for connection in connections], [True, False])
        self.assertEqual(len(self.network.ports), 2)
