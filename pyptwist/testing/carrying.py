"""
Conformance of endpoints: payload, pauses and ends.
"""

from __future__ import annotations

from typing import Any

from pyptwist.interfaces import ITransportConnection
from pyptwist.testing.applications import Applications, Asked, Endless
from pyptwist.testing.endpointcase import EndpointCase

_UNBOUNDED = (
    "a slow reader must pause the writer: pass pauseProducing down, and count what is held"
    " back (ICodec.backlog)"
)


class CarryingTests(EndpointCase):
    """
    From the moment at which both applications are there.
    """

    def test_payload(self) -> None:
        """
        Bytes pass both ways; each side hears once that it is over.
        """
        client, server = self.connected()
        client.transport.write(b"question " * 9000)
        server.transport.writeSequence([b"ans", b"wer " * 9000])
        self.network.pump(self.flushSeconds)
        self.assertReceived(server, b"question " * 9000)
        self.assertReceived(client, b"ans" + b"wer " * 9000)
        client.transport.loseConnection()
        self.assertAtRest()
        self.assertEqual(len(client.lost), 1, "connectionLost must come once")

    def assertReceived(self, application: Any, data: bytes) -> None:
        """
        Neither more nor less.
        """
        received = bytes(application.received)
        self.assertTrue(
            received == data,
            f"{len(data)} bytes were written, and {len(received)} came"
            f"{'' if data.startswith(received) else ', not the same ones'}"
            " (if more were to come with time, see flushSeconds)",
        )

    def test_writeAtOnce(self) -> None:
        """
        Applications may write as soon as they are connected.
        """
        self.servers.begin = lambda transport: transport.write(b"welcome")
        applications = Applications(lambda transport: transport.write(b"hello"))
        client, server = self.connected(applications)
        self.network.pump(self.flushSeconds)
        self.assertReceived(server, b"hello")
        self.assertReceived(client, b"welcome")
        client.transport.loseConnection()
        self.assertAtRest()

    def test_closeAtOnce(self) -> None:
        """
        They may also hang up at once.
        """
        self.servers.begin = lambda transport: transport.loseConnection()
        attempt, applications = self.connecting()
        attempt.addErrback(lambda reason: None)
        self.assertAtRest()
        self.assertEqual([len(a.lost) for a in applications.built], [1] * len(applications.built))

    def test_severalConnections(self) -> None:
        """
        Several connections to one server carry each its own.
        """
        pairs = [self.connected() for _ in range(3)]
        for number, (client, server) in enumerate(pairs):
            client.transport.write(b"up %d" % number)
            server.transport.write(b"down %d" % number)
        pairs[0][0].transport.loseConnection()
        self.network.pump(self.flushSeconds)
        for number, (client, server) in enumerate(pairs):
            self.assertReceived(server, b"up %d" % number)
            if number:
                self.assertReceived(client, b"down %d" % number)
                self.assertEqual(client.lost, [], "another connection's end ended this one")
                client.transport.loseConnection()
        self.assertAtRest()

    def test_lastWords(self) -> None:
        """
        What was written before loseConnection arrives, from either side.
        """
        for clientEnds in (False, True):
            pair = self.connected()
            reader, writer = pair[:: -1 if clientEnds else 1]
            writer.transport.write(b"good bye " * 20_000)
            writer.transport.loseConnection()
            self.assertAtRest()
            self.assertReceived(reader, b"good bye " * 20_000)

    def test_abort(self) -> None:
        """
        abortConnection ends both sides at once; what is called later does
        nothing.
        """
        client, server = self.connected()
        # Whoever flushes first would wait for this one.
        server.transport.pauseProducing()
        client.transport.write(b"never mind")
        client.transport.abortConnection()
        self.network.pump()
        self.assertEqual(
            [len(client.lost), len(server.lost)], [1, 1], "abortConnection must not flush"
        )
        client.transport.write(b"too late")
        client.transport.loseConnection()
        client.transport.abortConnection()
        self.assertAtRest()

    def test_transportConnection(self) -> None:
        """
        Applications get an ``ITransportConnection`` that names its method.
        """
        for application in self.connected():
            connection = application.transport
            self.assertTrue(
                ITransportConnection.providedBy(connection),
                f"{connection!r} is no ITransportConnection: applications get the method's, not"
                " the network's",
            )
            self.assertEqual(connection.methodName, self.newMethod().name)
            self.assertTrue(connection.getPeer().host)
            self.assertTrue(connection.getHost().host)
            connection.abortConnection()
        self.assertAtRest()

    def test_networkConnection(self) -> None:
        """
        The network connection is reachable, or None where there is not just one.
        """
        client, server = self.connected()
        ends = [None, *(end for pair in self.network.connections for end in pair)]
        for application in (client, server):
            self.assertIn(
                application.transport.networkConnection,
                ends,
                "networkConnection must be the network's own transport, at the bottom",
            )
        client.transport.abortConnection()
        self.assertAtRest()
        for application in (client, server):
            self.assertIn(application.transport.networkConnection, ends)

    # --- pauses -------------------------------------------------------------

    def _slowReader(self, writer: Any, reader: Any) -> None:
        reader.transport.pauseProducing()
        producer = Endless(writer.transport, self.network.clock, self.boundedBuffer)
        writer.transport.registerProducer(producer, True)
        self.network.pump(300)
        self.assertEqual(len(reader.received), 0, "a paused application was given data")
        self.assertLess(producer.written, self.boundedBuffer, _UNBOUNDED)
        self.assertTrue(producer.paused, _UNBOUNDED)
        self.assertLess(self._buffered(), self.boundedBuffer, _UNBOUNDED)
        before = producer.written
        producer.limit += before
        reader.transport.resumeProducing()
        self.network.pump(60)
        self.assertGreater(producer.written, before, "the writer was not resumed with the reader")
        producer.stopped = True
        self.network.pump(600)
        self.assertEqual(len(reader.received), producer.written, "payload was lost in a pause")
        writer.transport.unregisterProducer()
        writer.transport.loseConnection()
        self.assertAtRest()

    def _buffered(self) -> int:
        ends = [end for pair in self.network.connections for end in pair]
        return max((end.maximumBuffered for end in ends), default=0)

    def test_slowClient(self) -> None:
        """
        A client that does not read stops the server's producer.
        """
        client, server = self.connected()
        self._slowReader(server, client)

    def test_slowServer(self) -> None:
        """
        A server that does not read stops the client's producer.
        """
        client, server = self.connected()
        self._slowReader(client, server)

    def test_pullProducer(self) -> None:
        """
        Producers that wait to be asked are asked, and no more than is read.
        """
        client, server = self.connected()
        server.transport.pauseProducing()
        producer = Asked(client.transport, 2 * self.boundedBuffer)
        client.transport.registerProducer(producer, False)
        self.network.pump(60)
        self.assertLess(producer.written, self.boundedBuffer, _UNBOUNDED)
        self.assertGreater(producer.written, 0, "a producer must be asked when it is registered")
        producer.total = producer.written + 65536
        server.transport.resumeProducing()
        self.network.pump(600)
        self.assertEqual(len(server.received), producer.written)
        self.assertGreaterEqual(producer.written, producer.total, "a producer was forgotten")
        client.transport.loseConnection()
        self.assertAtRest()
