"""
Tests for ``pyptwist.modes.udp``: the client's flows, one by one.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, DatagramsForbidden
from pyptwist.modes.framing import LENGTH, STUN, Framing
from pyptwist.modes.udp import ClientFlows
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from tests.modes.datagrams import HERE, Attempt, Peer, ScriptedConnection, ScriptedMethod, counted
from tests.remains import objects, since, withoutCollector

PORT = 5000
SERVER = HostPort("192.0.2.1", 443)


class FlowsCase(SynchronousTestCase):
    """
    A client's UDP port over a scripted method.
    """

    def setUp(self) -> None:
        self.network = MemoryDatagramNetwork()
        self.context = memoryContext(self.mktemp(), "udp", self.network)
        self.method = ScriptedMethod()

    def listen(self, framing: Framing = LENGTH, **options: Any) -> ClientFlows:
        """
        Open the port.
        """
        self.flows = ClientFlows(
            self.method,
            self.context,
            self.network,
            HostPort(HERE, PORT),
            SERVER,
            Arguments({"key": "value"}),
            framing,
            **options,
        )
        self.port: Any = self.successResultOf(self.flows.listen())
        return self.flows

    def application(self) -> Peer:
        """
        :returns: one that speaks to the port.
        """
        application = Peer()
        port: Any = self.network.bindDatagrams(application, HERE, 0)
        port.connect(HERE, PORT)
        return application

    def say(self, application: Peer, *datagrams: bytes) -> None:
        """
        Send, and wait.
        """
        for datagram in datagrams:
            application.send(datagram)
        self.network.pump()

    @property
    def attempt(self) -> Attempt:
        """
        The last to connect.
        """
        return self.method.attempts[-1]

    @property
    def drops(self) -> dict[str, int]:
        """
        What was dropped so far.
        """
        return counted(self.context.metrics.datagramsDropped)


class SpecificationTests(FlowsCase):
    """
    Table 1 of PT 3.0, section 1.5.4.
    """

    def setUp(self) -> None:
        super().setUp()
        # As the table has it: nothing waits, and nothing rests.
        self.listen(queue=0, redial=0)
        self.app = self.application()

    def packet(self) -> None:
        self.say(self.app, b"packet")

    def connected(self) -> None:
        self.attempt.succeed()

    def failed(self) -> None:
        self.attempt.fail(ConnectionRefusedError())

    def closed(self) -> None:
        self.attempt.lose()

    def writeFails(self) -> None:
        self.attempt.connection.broken = True
        self.packet()
        self.flushLoggedErrors(ValueError)

    def silence(self) -> None:
        self.network.pump(limits.FLOW_IDLE)

    def state(self) -> str:
        """
        Ask by sending one more packet.
        """
        attempts, dropped = len(self.method.attempts), self.drops
        written = len(self.attempt.connection.written) if attempts else 0
        self.packet()
        if len(self.method.attempts) > attempts:
            return "no connection"
        if len(self.attempt.connection.written) > written:
            return "connected"
        self.assertNotEqual(self.drops, dropped)
        return "waiting"

    def test_table(self) -> None:
        """
        Each row: how to get into the state, the event, the state behind it, and how
        many packets were dropped on the way.
        """
        waiting: list[Callable[[], None]] = [self.packet]
        connected = [self.packet, self.connected]
        rows: list[tuple[list[Callable[[], None]], Callable[[], None], str, int]] = [
            ([], self.packet, "waiting", 1),
            (waiting, self.packet, "waiting", 2),
            (connected, self.packet, "connected", 1),
            (waiting, self.connected, "connected", 1),
            (connected, self.closed, "no connection", 1),
            (waiting, self.failed, "no connection", 1),
            (connected, self.writeFails, "no connection", 2),
            (connected, self.silence, "no connection", 1),
            (waiting, self.silence, "no connection", 1),
        ]
        for number, (before, event, state, dropped) in enumerate(rows):
            with self.subTest(row=number):
                self.setUp()
                for step in (*before, event):
                    step()
                self.assertEqual(sum(self.drops.values()), dropped)
                self.assertEqual(len(self.flows.connections), state != "no connection")
                self.assertEqual(self.state(), state)

    def test_sent(self) -> None:
        """
        "Packet sent using Connection", and nothing else: what was dropped does not
        come later.
        """
        self.packet()
        connection = self.attempt.succeed()
        self.network.pump()
        self.assertEqual(connection.written, [])
        self.say(self.app, b"later")
        self.assertEqual(connection.written, [LENGTH.encode(b"later")])

    def test_removedIsClosed(self) -> None:
        """
        Who is removed from the pool by us is closed: an attempt is cancelled.
        """
        self.packet()
        self.silence()
        self.assertEqual(self.attempt.cancelled, 1)
        for event in (self.silence, self.writeFails):
            self.packet()
            self.connected()
            event()
            self.assertTrue(self.attempt.connection.closed)
            self.assertIsNone(self.attempt.connection.producer)


class FlowTests(FlowsCase):
    """
    What is better than the table, and what it does not say.
    """

    def test_queued(self) -> None:
        """
        What comes while the connection is being made is sent when it is there, in
        order and as one write.
        """
        self.listen()
        self.say(self.application(), b"first", b"", b"second")
        connection = self.attempt.succeed()
        self.network.pump()
        self.assertEqual(connection.written, [b"\0\5first\0\0\0\6second"])
        self.assertEqual(self.drops, {})
        self.assertEqual(self.method.asked, [(SERVER, Arguments({"key": "value"}))])

    def test_queueIsBounded(self) -> None:
        """
        The first datagrams are kept, the rest is dropped and counted; memory is the
        bound, for empty datagrams too.
        """
        for size in (0, 1000):
            self.setUp()
            self.listen(queue=10_000)
            self.say(self.application(), *[bytes(size)] * 1000)
            fit = 10_000 // (size + 2 + limits.DATAGRAM_OVERHEAD)
            self.assertEqual(self.drops, {"DIALLING": 1000 - fit})
            connection = self.attempt.succeed()
            self.assertEqual(b"".join(connection.written), LENGTH.encode(bytes(size)) * fit)

    def test_slow(self) -> None:
        """
        A connection that takes no more makes its flow hold so much, then drop; when
        it takes again, what was held goes on its way, a piece at a time.
        """
        self.listen()
        app = self.application()
        self.say(app, b"begin")
        connection = self.attempt.succeed()
        connection.producer.pauseProducing()
        self.say(app, *[bytes(1000)] * 400)
        kept = limits.FLOW_BACKLOG // (1002 + limits.DATAGRAM_OVERHEAD)
        self.assertEqual(self.drops, {"SLOW": 400 - kept})
        self.assertEqual(len(connection.written), 1)
        connection.producer.resumeProducing()
        self.assertEqual(sum(map(len, connection.written[1:])), kept * 1002)
        self.assertLessEqual(max(map(len, connection.written)), limits.BURST)
        self.say(app, b"again")
        self.assertEqual(connection.written[-1], LENGTH.encode(b"again"))

    def test_pausedWhileFlushing(self) -> None:
        """
        A connection that is full after one piece gets no second one.
        """

        class Full(ScriptedConnection):
            def write(self, data: bytes) -> None:
                super().write(data)
                self.producer.pauseProducing()

        self.listen()
        self.say(self.application(), *[bytes(1000)] * 60)
        self.attempt.connection = Full()
        connection = self.attempt.succeed()
        self.assertEqual(len(connection.written), 1)
        connection.producer.resumeProducing()
        self.assertEqual(len(connection.written), 2)

    def test_together(self) -> None:
        """
        All flows together hold no more than their bound.
        """
        self.patch(limits, "FLOWS_BACKLOG", 5000)
        self.listen()
        for _ in range(3):
            self.say(self.application(), bytes(1800))
        self.assertEqual(self.drops, {"DIALLING": 1})
        self.attempt.fail(ConnectionRefusedError())
        self.method.attempts[0].succeed()
        self.method.attempts[1].succeed()
        self.network.pump(limits.FLOW_REDIAL)
        self.say(self.application(), bytes(1800))
        self.assertEqual(self.drops, {"DIALLING": 1})

    def test_batches(self) -> None:
        """
        Datagrams of one turn are one write.
        """
        self.listen()
        app = self.application()
        self.say(app, b"begin")
        connection = self.attempt.succeed()
        self.say(app, b"one", b"two", b"three")
        self.assertEqual(connection.written[1:], [b"\0\3one\0\3two\0\5three"])

    def test_replies(self) -> None:
        """
        Each application gets what is for it, in any pieces.
        """
        self.listen()
        apps = [self.application() for _ in range(3)]
        for app in apps:
            self.say(app, b"hello")
            self.attempt.succeed()
        for number, attempt in enumerate(self.method.attempts):
            for byte in LENGTH.encode(b"reply %d" % number) + LENGTH.encode(b""):
                attempt.protocol.dataReceived(bytes([byte]))
        self.network.pump()
        for number, app in enumerate(apps):
            self.assertEqual(app.received, [b"reply %d" % number, b""])
            self.assertEqual(set(app.senders), {(HERE, PORT)})

    def test_repliesThatCannotBe(self) -> None:
        """
        A reply that UDP, or the kernel, does not take is counted, and costs nobody
        else.
        """
        self.listen()
        app = self.application()
        self.say(app, b"hello")
        self.attempt.succeed()
        self.attempt.protocol.dataReceived(LENGTH.encode(bytes(65508)))
        self.port.isFull = True
        self.attempt.protocol.dataReceived(LENGTH.encode(b"full"))
        self.port.isFull = False
        self.attempt.protocol.dataReceived(LENGTH.encode(b"fine"))
        self.network.pump()
        self.assertEqual(app.received, [b"fine"])
        self.assertEqual(self.drops, {"OVERSIZE": 1, "KERNEL": 1})

    def test_repliesKeepAlive(self) -> None:
        """
        A flow is idle when nothing passed in either direction.
        """
        self.listen()
        self.say(self.application(), b"hello")
        connection = self.attempt.succeed()
        for _ in range(3):
            self.network.pump(limits.FLOW_IDLE - 1)
            self.attempt.protocol.dataReceived(LENGTH.encode(b"reply"))
        self.assertFalse(connection.closed)
        self.network.pump(limits.FLOW_IDLE)
        self.assertTrue(connection.closed)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_garbage(self) -> None:
        """
        A server that sends what is no frame loses this one flow; what came before it
        is delivered.
        """
        self.listen(STUN)
        binding = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
        apps = [self.application() for _ in range(2)]
        for app in apps:
            self.say(app, binding)
            self.attempt.succeed()
        bad, good = self.method.attempts
        bad.protocol.dataReceived(binding + b"\xff")
        self.network.pump()
        self.assertEqual(apps[0].received, [binding])
        self.assertTrue(bad.connection.closed)
        self.assertFalse(good.connection.closed)
        self.assertEqual(len(self.flows.connections), 1)
        bad.lose()
        self.assertEqual(len(self.flows.connections), 1)

    def test_notStun(self) -> None:
        """
        In STUN mode, what is not STUN is dropped, and dials nobody.
        """
        self.listen(STUN)
        self.say(self.application(), b"\x16\xfe\xfd dtls")
        self.assertEqual(self.method.attempts, [])
        self.assertEqual(self.drops, {"FRAMING": 1})

    def test_tooManyFlows(self) -> None:
        """
        A new flow takes the place of the one that has been silent longest, unless
        that spoke a moment ago: then the new one has to wait.
        """
        self.listen(maximum=2)
        apps = [self.application() for _ in range(3)]
        for app in apps[:2]:
            self.say(app, b"hello")
            self.attempt.succeed()
        self.say(apps[2], b"hello")
        self.assertEqual(self.drops, {"FLOWS": 1})
        self.network.pump(limits.FLOW_SPARED)
        self.say(apps[0], b"still here")
        self.say(apps[2], b"hello")
        self.assertEqual(
            [attempt.connection.closed for attempt in self.method.attempts], [False, True, False]
        )
        self.assertEqual(len(self.flows.connections), 2)
        self.assertEqual(self.drops, {"FLOWS": 1})

    def test_redial(self) -> None:
        """
        After a failure, no application makes us dial again for a second.
        """
        self.listen()
        app = self.application()
        self.say(app, b"one", b"two")
        self.attempt.fail(ConnectionRefusedError())
        self.say(app, b"three")
        self.assertEqual(len(self.method.attempts), 1)
        self.assertEqual(self.drops, {"FAILED": 3})
        self.network.pump(limits.FLOW_REDIAL)
        self.say(app, b"four")
        self.assertEqual(len(self.method.attempts), 2)
        self.attempt.succeed()
        self.assertEqual(self.attempt.connection.written, [LENGTH.encode(b"four")])

    def test_endpointRaises(self) -> None:
        """
        An endpoint that raises instead of failing is a failure like others.
        """

        def connect(factory: Any) -> None:
            raise ValueError("broken endpoint")

        self.listen()
        self.patch(self.method, "connect", connect)
        self.say(self.application(), b"hello")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(self.flows.connections), 0)
        self.assertEqual(self.drops, {"FAILED": 1})
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_lostWithDatagrams(self) -> None:
        """
        What a lost connection held is counted.
        """
        self.listen()
        app = self.application()
        self.say(app, b"hello")
        self.attempt.succeed().producer.pauseProducing()
        self.say(app, b"one", b"two")
        self.attempt.lose()
        self.assertEqual(self.drops, {"FAILED": 2})

    def test_tooLate(self) -> None:
        """
        A connection that comes in spite of its cancellation is closed.
        """
        self.listen()
        self.say(self.application(), b"hello")
        self.flows.closeAll()
        connection = self.attempt.connection
        protocol = self.attempt.factory.buildProtocol(None)
        protocol.makeConnection(connection)
        self.assertTrue(connection.closed)
        protocol.connectionLost()

    def test_closeAll(self) -> None:
        """
        Attempts are cancelled, connections are closed behind what they hold.
        """
        self.listen()
        apps = [self.application() for _ in range(2)]
        for app in apps:
            self.say(app, b"hello")
        connection = self.method.attempts[0].succeed()
        connection.producer.pauseProducing()
        self.say(apps[0], b"held")
        self.flows.closeAll()
        self.assertEqual(connection.written[-1], LENGTH.encode(b"held"))
        self.assertTrue(connection.closed)
        self.assertEqual(self.method.attempts[1].cancelled, 1)
        self.assertEqual(len(self.flows.connections), 0)
        self.assertEqual(self.context.metrics.flowsOpen, 0)
        self.network.pump()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_stopListening(self) -> None:
        """
        With the port, all flows end; what the server sends then is counted.
        """
        self.listen()
        self.say(self.application(), b"hello")
        connection = self.attempt.succeed()
        self.port.stopListening()
        self.assertTrue(connection.closed)
        self.attempt.protocol.dataReceived(LENGTH.encode(b"reply"))
        self.assertEqual(self.drops, {"FAILED": 1})
        self.assertEqual(self.network.ports.keys() & {(HERE, PORT)}, set())

    def test_kernelDrops(self) -> None:
        """
        What the kernel had no room for is counted, once.
        """
        self.listen()
        self.port.dropped = 7
        self.flows.closeAll()
        self.port.stopListening()
        self.assertEqual(self.drops, {"KERNEL": 7})

    def test_metrics(self) -> None:
        """
        Datagrams are counted, and open flows.
        """
        self.listen()
        app = self.application()
        self.say(app, b"one", b"two")
        self.attempt.succeed()
        self.attempt.protocol.dataReceived(LENGTH.encode(b"reply"))
        metrics = self.context.metrics
        self.assertEqual((metrics.datagramsReceived, metrics.datagramsSent), (2, 1))
        self.assertEqual(metrics.flowsOpen, 1)

    def test_manyFlows(self) -> None:
        """
        Ten thousand flows at once, of which nothing remains.
        """
        self.listen()
        withoutCollector(self)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for port in range(10_000):
            self.flows.received(b"hello", ("192.0.2.1", port))
        waiting, _ = tracemalloc.get_traced_memory()
        self.assertEqual(self.context.metrics.flowsOpen, 10_000)
        # The scripted method's share included.
        self.assertLess((waiting - before) / 10_000, 8000)
        # One timer watches all.
        self.assertEqual(len(self.network.clock.getDelayedCalls()), 1)
        for attempt in self.method.attempts:
            attempt.succeed()
        self.network.pump(limits.FLOW_IDLE)
        self.assertTrue(all(attempt.connection.closed for attempt in self.method.attempts))
        self.assertEqual(len(self.flows.connections), 0)
        self.assertEqual(self.flows._room.free, limits.FLOWS_BACKLOG)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.method.attempts.clear()
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess((after - before) / 10_000, 100)

    def test_wrongArguments(self) -> None:
        """
        What is wrong with the arguments is found before anybody connects.
        """
        self.method = ScriptedMethod(ConfigurationError("key is missing"))
        self.assertRaises(ConfigurationError, self.listen)

    def test_upstreamProxy(self) -> None:
        """
        Where the methods' network leads through an upstream proxy, which forbids
        datagrams, the local port is opened all the same.
        """
        forbidding = MemoryNetwork()
        self.assertRaises(DatagramsForbidden, forbidding.bindDatagrams, Peer(), HERE, 0)
        self.context = replace(self.context, network=forbidding)
        self.listen()
        self.say(self.application(), b"hello")
        self.attempt.succeed()
        self.assertEqual(self.attempt.connection.written, [LENGTH.encode(b"hello")])

    def test_portInUse(self) -> None:
        """
        A port that cannot be had is a failure of ``listen()``.
        """
        self.network.bindDatagrams(Peer(), HERE, PORT)
        flows = ClientFlows(
            self.method,
            self.context,
            self.network,
            HostPort(HERE, PORT),
            SERVER,
            Arguments(),
            LENGTH,
        )
        self.failureResultOf(flows.listen())


class FreedTests(FlowsCase):
    """
    A flow that is over is freed at once.
    """

    #: What the way of its end is called, and what happens, in order, once the flow
    #: has begun to dial.
    ENDS: dict[str, tuple[str, ...]] = {
        "failed": ("fail",),
        "cancelled": ("closeAll",),
        "too late": ("closeAll", "come too late"),
        "lost": ("succeed", "lose"),
        "garbage": ("succeed", "garbage", "lose"),
        "broken": ("succeed", "break", "send", "lose"),
        "idle": ("succeed", "idle", "lose"),
        "closed": ("succeed", "closeAll", "lose"),
    }

    def happen(self, event: str) -> None:
        """
        Let it.
        """
        if event == "fail":
            self.attempt.fail(ConnectionRefusedError())
        elif event == "succeed":
            self.attempt.succeed()
        elif event == "come too late":
            protocol = self.attempt.factory.buildProtocol(None)
            protocol.makeConnection(self.attempt.connection)
            protocol.connectionLost()
        elif event == "lose":
            self.attempt.lose()
        elif event == "garbage":
            self.attempt.protocol.dataReceived(b"\xff")
        elif event == "break":
            self.attempt.connection.broken = True
        elif event == "send":
            self.flows.received(b"\x40\0\0\0", ("192.0.2.1", 1))
        elif event == "idle":
            self.network.pump(limits.FLOW_IDLE)
        else:
            self.flows.closeAll()

    def test_freed(self) -> None:
        """
        However it ends.
        """
        withoutCollector(self)
        for name, events in self.ENDS.items():
            with self.subTest(end=name):
                self.setUp()
                self.listen(STUN)
                before = objects("pyptwist.modes", "automat")
                for event in ("send", *events):
                    self.happen(event)
                self.network.pump()
                self.method.attempts.clear()
                self.flushLoggedErrors(ValueError)
                self.assertEqual(since(before, "pyptwist.modes", "automat"), {})


#: What may happen, and to which of four applications and their attempts.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("send", "succeed", "fail", "lose", "pause", "resume", "reply", "garbage"),
                *("break", "wait", "idle", "closeAll"),
            ]
        ),
        st.integers(0, 3),
        st.sampled_from([0, 100, 30_000, 65_000]),
    ),
    max_size=40,
)


class AnyOrderTests(FlowsCase):
    """
    Whatever happens, in whatever order.
    """

    def happen(self, event: str, which: int, size: int) -> None:
        """
        Let it.
        """
        if event == "send":
            message = b"\x40\0" + size.to_bytes(2, "big") + bytes(size)
            self.flows.received(message, ("192.0.2.1", which))
        elif event in ("wait", "idle"):
            self.network.pump(limits.FLOW_IDLE if event == "idle" else limits.FLOW_REDIAL)
        elif event == "closeAll":
            self.flows.closeAll()
        elif which < len(self.method.attempts):
            self.happenTo(self.method.attempts[-1 - which], event, size)

    def happenTo(self, attempt: Attempt, event: str, size: int) -> None:
        """
        Let it happen to a connection, if it can.
        """
        connection, protocol = attempt.connection, attempt.protocol
        if event in ("succeed", "fail"):
            if not attempt.deferred.called:
                attempt.succeed() if event == "succeed" else attempt.fail(ConnectionRefusedError())
        elif protocol is None or attempt.isLost:
            return
        elif event == "lose":
            attempt.lose()
        elif event in ("pause", "resume") and connection.producer is not None:
            producer = connection.producer
            producer.pauseProducing() if event == "pause" else producer.resumeProducing()
        elif event == "reply":
            protocol.dataReceived(b"\x40\0\0\0")
        elif event == "garbage":
            protocol.dataReceived(b"\xff")
        elif event == "break":
            connection.broken = True

    def test_brokenAtTheEnd(self) -> None:
        """
        A connection that takes no write when its flow is over keeps no other flow.
        """
        for isIdle in (True, False):
            self.setUp()
            self.listen()
            for _ in range(3):
                self.say(self.application(), b"hello")
            for attempt in self.method.attempts:
                attempt.succeed()
                attempt.connection.broken = True
            self.say(self.application(), b"hello")
            self.network.pump(limits.FLOW_IDLE) if isIdle else self.flows.closeAll()
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)
            self.assertEqual(self.flows.connections, {})
            closed = [attempt.connection.closed for attempt in self.method.attempts]
            self.assertEqual(closed, [True, True, True, False])

    @settings(deadline=None)
    @given(EVENTS)
    def test_accounts(self, events: list[tuple[str, int, int]]) -> None:
        """
        Open flows are counted right, no flow holds more than it may, and in the end
        everything is given back.
        """
        self.setUp()
        self.listen(STUN)
        metrics = self.context.metrics
        for event in events:
            self.happen(*event)
            self.assertEqual(metrics.flowsOpen, len(self.flows.connections))
            held = sum(flow.sender._size for flow in self.flows.connections.values())
            self.assertEqual(self.flows._room.free + held, limits.FLOWS_BACKLOG)
            self.assertLessEqual(held, len(self.flows.connections) * limits.FLOW_BACKLOG)
        self.flows.closeAll()
        self.network.pump()
        self.assertEqual(self.flows._room.free, limits.FLOWS_BACKLOG)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        for attempt in self.method.attempts:
            if attempt.protocol is None:
                self.assertTrue(attempt.deferred.called)
            else:
                self.assertTrue(attempt.connection.closed or attempt.isLost)
        self.flushLoggedErrors(ValueError)
