"""
Tests for ``pyptwist.stacks``: how connections of a stack behave.
"""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.error import ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol

from pyptwist import limits
from pyptwist.errors import Cause, FramingError, HandshakeTimeout
from pyptwist.stacks import Stack
from pyptwist.transports import b64
from tests.layers import HERE, StackCase, methods


class FlowTests(StackCase):
    """
    Payload, and what is counted of it.
    """

    def test_bursts(self) -> None:
        """
        Each write of an upper layer is one of the lower layer's, also of an
        application that answers within dataReceived.
        """
        stack = Stack("bursty | b64", methods=methods())
        client, server = self.connected(stack)
        [ends] = self.network.connections
        sent = [len(end.sent) for end in ends]
        assert server.transport is not None
        server.dataReceived = server.transport.write  # type: ignore[method-assign]
        client.transport.write(b"one two ten.")
        self.network.pump()
        wire = b"".join(map(base64.b64encode, (b"one ", b"two ", b"ten.")))
        self.assertEqual(
            [bytes(end.sent[at:]) for end, at in zip(ends, sent, strict=True)], [wire, wire]
        )
        self.assertEqual(bytes(client.received), b"one two ten.")

    def test_metrics(self) -> None:
        """
        A connection of a stack counts once.
        """
        client, _ = self.connected(Stack("hello | b64 | hello", methods=methods()))
        metrics = self.context.metrics
        self.assertEqual((metrics.handshakesBegun, metrics.handshakesDone), (2, 2))
        self.assertEqual(metrics.connectionsOpen, 2)
        client.transport.write(b"12345")
        self.network.pump()
        self.assertEqual((metrics.bytesSent, metrics.bytesReceived), (5, 5))
        client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(metrics.connectionsOpen, 0)
        self.assertEqual(sum(metrics.handshakesFailed.values()), 0)

    def test_failuresCounted(self) -> None:
        """
        Whichever layer fails, one handshake has begun, and failed.
        """
        for said in (b"WRONG", b"helloWRONG"):
            self.setUp()
            self.serve(Stack("hello | hello", methods=methods()))
            stranger = self.stranger()
            assert stranger.transport is not None
            stranger.transport.write(said)
            self.assertAtRest()
            metrics = self.context.metrics
            self.assertEqual((metrics.handshakesBegun, metrics.handshakesDone), (1, 0))
            self.assertEqual(dict(metrics.handshakesFailed), {Cause.AUTHENTICATION: 1})


class EndTests(StackCase):
    """
    How connections of a stack end.
    """

    def test_flushes(self) -> None:
        """
        What any layer holds back arrives before an orderly end.
        """
        for expression in ("slow | hello", "hello | slow", "slow | b64 | slow"):
            self.setUp()
            client, server = self.connected(Stack(expression, methods=methods()), 5)
            client.transport.write(b"last words " * 2000)
            client.transport.loseConnection()
            self.assertAtRest()
            self.assertEqual(bytes(server.received), b"last words " * 2000)
            self.assertEqual([len(client.lost), len(server.lost)], [1, 1])

    def test_error(self) -> None:
        """
        An error in any layer costs one connection, and both applications hear of it.
        """
        stack = Stack("hello | dummy | hello", methods=methods())
        known = self.serve(stack)
        attempts = [self.connecting(stack, known) for _ in range(3)]
        self.network.pump()
        clients = [self.successResultOf(attempt) for attempt in attempts]
        clients[0].transport.transport.transport.write(b"!")  # wrong for the upper one
        clients[1].transport.networkConnection.write(b"!")  # and for the lower
        self.network.pump(60)
        servers = self.servers.built
        self.assertEqual([len(each.lost) for each in servers], [1, 1, 0])
        self.assertEqual([len(each.lost) for each in clients], [1, 1, 0])
        for server in servers[:2]:
            self.assertTrue(server.lost[0].check(FramingError))
        clients[2].transport.write(b"still there")
        self.network.pump()
        self.assertEqual(bytes(servers[2].received), b"still there")
        clients[2].transport.abortConnection()
        self.assertAtRest()

    def test_stranger(self) -> None:
        """
        Whichever layer a stranger fails at, and whatever the layers above do then,
        he sees the silence and the end of the layer nearest the wire.
        """
        self.patch(b64, "drainSeconds", lambda entropy: 80.5)
        said = base64.b64encode(b"what?")
        for expression in ("draining | b64", "draining | dummy | b64"):
            for words in (b"GET / HTTP/1.0", said + b"????", said, said + b"QUJD" * 9000):
                self.setUp()
                self.serve(Stack(expression, methods=methods()))
                stranger = self.stranger()
                greeting = bytes(stranger.received)
                assert stranger.transport is not None
                stranger.transport.write(words)
                self.network.pump(80.0)
                self.assertEqual((stranger.lost, bytes(stranger.received)), ([], greeting))
                self.network.pump(1.0)
                self.assertEqual(len(stranger.lost), 1)
                [(_, end)] = self.network.connections
                self.assertFalse(end.aborted)
                self.assertAtRest()

    def test_strangerAbove(self) -> None:
        """
        Where the layer below knows its peer, or lets in anybody, it is the upper
        layer's own time.
        """
        for expression, words in (
            ("draining | dummy", b"what?"),
            ("draining | hello", b"hellowhat?"),
        ):
            self.setUp()
            self.serve(Stack(expression, methods=methods()))
            stranger = self.stranger()
            assert stranger.transport is not None
            stranger.transport.write(words)
            self.network.pump(6.5)
            self.assertEqual(stranger.lost, [])
            self.network.pump(1.0)
            self.assertEqual(len(stranger.lost), 1)
            self.assertAtRest()


class HandshakeTests(StackCase):
    """
    Deadlines and cancellation, layer by layer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.stack = Stack("hello | hello", methods=methods())
        self.server: list[Protocol] = []

        remember = self.server.append

        class Remembered(Protocol):
            def connectionMade(self) -> None:
                remember(self)

        endpoint = self.network.serverEndpoint(HERE.host, HERE.port)
        self.successResultOf(endpoint.listen(Factory.forProtocol(Remembered)))

    def say(self, data: bytes) -> None:
        """
        Have the server write.
        """
        transport: Any = self.server[0].transport
        transport.write(data)
        self.network.pump()

    def test_deadlines(self) -> None:
        """
        Each layer's time begins with its own handshake.
        """
        attempt = self.connecting(self.stack)
        self.network.pump(limits.CLIENT_HANDSHAKE - 1)
        self.say(b"hello")
        self.network.pump(limits.CLIENT_HANDSHAKE - 1)
        self.assertNoResult(attempt)
        self.network.pump(2)
        self.failureResultOf(attempt, HandshakeTimeout)
        self.assertAtRest()
        self.assertEqual(dict(self.context.metrics.handshakesFailed), {Cause.TIMEOUT: 1})

    def test_lowerDeadline(self) -> None:
        """
        A lower layer that never gets ready ends the attempt in its own time.
        """
        attempt = self.connecting(self.stack)
        self.network.pump(limits.CLIENT_HANDSHAKE + 1)
        self.failureResultOf(attempt, HandshakeTimeout)
        self.assertAtRest()

    def test_cancel(self) -> None:
        """
        An attempt can be given up at each stage, and leaves nothing behind.
        """
        for stage in range(4):
            self.server.clear()
            attempt = self.connecting(self.stack)
            if stage > 0:
                self.network.pump()
            for _ in range(stage - 1):
                self.say(b"hello")
            if stage == 3:
                self.successResultOf(attempt).transport.loseConnection()
            else:
                attempt.cancel()
                self.failureResultOf(attempt, ConnectingCancelledError)
            self.assertAtRest()
            metrics = self.context.metrics
            self.assertEqual(metrics.connectionsOpen, 0)
            self.assertEqual(len(self.network.connections), stage)
