"""
meek's endpoints, against what every method's must do.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.error import ConnectingCancelledError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Applications, Endless
from pyptwist.testing.endpoints import EndpointConformance
from pyptwist.transports.meek import client
from pyptwist.transports.meek.errors import SessionLost
from pyptwist.transports.meek.method import Meek, MeekLite


class MeekTests(EndpointConformance, SynchronousTestCase):
    """
    Ours at both ends.
    """

    method = Meek
    plain = True

    def test_cancelledByApplication(self) -> None:
        """
        The application may give the attempt up while it is being connected: it hears
        of one end, and nobody of a success.
        """
        applications = Applications(lambda transport: attempt.cancel())
        attempt, _ = self.connecting(applications=applications)
        self.network.pump(60)
        self.failureResultOf(attempt, ConnectingCancelledError)
        self.assertEqual([len(one.lost) for one in applications.built], [1])

    def test_prober(self) -> None:
        """
        Strangers see a web server: which answers who speaks its language, lets nobody
        in, and keeps nobody.
        """
        requests = b"GET / HTTP/1.0\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"
        for sent in (b"", b"\0", b"\n" * 9999, *requests):
            seen = self._probe(sent)
            self.assertFalse(seen.wasLetIn)
            self.assertIsNotNone(seen.after)
            if sent in requests:
                self.assertTrue(seen.answer.startswith(b"HTTP/1."), seen.answer)


class MeekLiteTests(MeekTests):
    """
    Under the other name.
    """

    method = MeekLite


class PlainTests(MeekTests):
    """
    Without numbers, as with the reference at either end.
    """

    serverArguments = Arguments(turnaround="0")

    def setUp(self) -> None:
        super().setUp()
        ids = count(10**31)
        self.patch(client, "offer", lambda entropy: str(next(ids)))

    def test_abort(self) -> None:
        """
        The server is not told: it gives up after its time.
        """
        ours, theirs = self.connected()
        ours.transport.abortConnection()
        self.network.pump(1)
        self.assertEqual([len(ours.lost), len(theirs.lost)], [1, 0])
        self.network.pump(limits.MEEK_SESSION)
        self.assertEqual(len(theirs.lost), 1)
        self.assertAtRest()

    def paused(self, writer: Any, reader: Any, seconds: float) -> None:
        """
        A reader that takes nothing stops the writer's producer, and lets it go on.

        :param seconds: for which it takes nothing.
        """
        reader.transport.pauseProducing()
        producer = Endless(writer.transport, self.network.clock, self.boundedBuffer)
        writer.transport.registerProducer(producer, True)
        self.network.pump(seconds)
        self.assertTrue(producer.paused)
        before = producer.written
        self.assertLess(before, self.boundedBuffer)
        reader.transport.resumeProducing()
        self.network.pump(10)
        producer.stopped = True
        self.network.pump(60)
        self.assertGreater(producer.written, before)
        self.assertEqual(len(reader.received), producer.written)
        writer.transport.unregisterProducer()

    def test_slowClient(self) -> None:
        """
        For as long as a session surely lasts without a request.
        """
        ours, theirs = self.connected()
        self.paused(theirs, ours, limits.MEEK_PATIENCE - 1)
        ours.transport.loseConnection()
        self.assertAtRest()

    def test_tooSlowClient(self) -> None:
        """
        What it would ask for next may be of another session: it ends instead, and is
        not joined to that.
        """
        ours, theirs = self.connected()
        ours.transport.pauseProducing()
        self.network.pump(limits.MEEK_SESSION + 1)
        self.assertEqual(len(theirs.lost), 1)
        ours.transport.write(b"second half")
        ours.transport.resumeProducing()
        self.network.pump(10)
        (reason,) = ours.lost
        self.assertIsNotNone(reason.check(SessionLost))
        self.assertEqual(len(self.servers.built), 1)
        self.assertAtRest()

    def test_slowServer(self) -> None:
        """
        For as long as our client waits for an answer.
        """
        ours, theirs = self.connected()
        self.paused(ours, theirs, limits.MEEK_ANSWER_TIME - 1)
        ours.transport.loseConnection()
        self.assertAtRest()
