"""
Tests for ``pyptwist.relay``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.pieces import Pieces
from pyptwist.relay import RelayEnd, RelayingFactory, join
from pyptwist.testing import MemoryNetwork
from pyptwist.testing.applications import Application, Applications, Endless


class RelayTests(SynchronousTestCase):
    """
    Two outer applications, each connected to one end of a relay.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.ends: list[RelayEnd] = []
        self.outer: list[Any] = []
        for port in (1, 2):
            applications = Applications()
            listening = self.network.serverEndpoint("127.0.0.1", port).listen(applications)
            self.successResultOf(listening)
            connecting = self.network.clientEndpoint("127.0.0.1", port).connect(
                Factory.forProtocol(RelayEnd)
            )
            self.network.pump()
            end: Any = self.successResultOf(connecting)
            self.ends.append(end)
            self.outer += applications.built
        self.one: Application = self.outer[0]
        self.other: Application = self.outer[1]

    def test_bothWays(self) -> None:
        """
        What one side sends, the other gets; bytes are counted.
        """
        join(*self.ends)
        self.outer[0].transport.write(b"there")
        self.outer[1].transport.write(b"and back")
        self.network.pump()
        self.assertEqual(bytes(self.other.received), b"there")
        self.assertEqual(bytes(self.one.received), b"and back")
        self.assertEqual([end.received for end in self.ends], [5, 8])

    def test_spokenBefore(self) -> None:
        """
        What a peer says before its end is joined is kept for the other.
        """
        speaker = Applications()
        self.successResultOf(self.network.serverEndpoint("127.0.0.1", 3).listen(speaker))
        dialling = RelayingFactory().dial(self.network.clientEndpoint("127.0.0.1", 3).connect)
        self.network.pump()
        first: Any = speaker.built[0]
        first.transport.write(b"welcome")
        self.network.pump()
        join(self.ends[0], self.successResultOf(dialling))
        self.network.pump()
        self.assertEqual(bytes(self.one.received), b"welcome")

    def test_known(self) -> None:
        """
        A second end is known for as long as something of it is under way.
        """
        factory = RelayingFactory()
        self.successResultOf(self.network.serverEndpoint("127.0.0.1", 3).listen(Applications()))
        dialling = factory.dial(self.network.clientEndpoint("127.0.0.1", 3).connect)
        self.network.pump()
        end: Any = self.successResultOf(dialling)
        self.assertEqual(factory.connections, {end})
        join(self.ends[0], end)
        self.outer[0].transport.write(b"last words" * 50_000)
        self.outer[0].transport.loseConnection()
        self.network.pump(1)
        self.assertEqual(factory.connections, set())

    def test_raised(self) -> None:
        """
        An endpoint that raises has failed like any other.
        """

        def connect(factory: object) -> Any:
            raise ZeroDivisionError

        self.failureResultOf(RelayingFactory().dial(connect), ZeroDivisionError)

    def test_readSizes(self) -> None:
        """
        Both sides are read in the pieces that become bursts.
        """
        transports: list[Any] = [end.transport for end in self.ends]
        for transport in transports:
            transport.bufferSize = 1
        join(*self.ends)
        self.assertEqual([end.bufferSize for end in transports], [limits.TCP_READ] * 2)

    def test_readSizeOfTheOther(self) -> None:
        """
        What is read of one side is what the other makes a message of.
        """
        transports: list[Any] = [end.transport for end in self.ends]
        for transport in transports:
            transport.bufferSize = 1
        transports[0].pieces = Pieces(payload=1000)
        join(*self.ends)
        self.assertEqual([end.bufferSize for end in transports], [limits.TCP_READ, 1000])

    def test_closeFlushes(self) -> None:
        """
        One side's last words arrive before the other side is closed, and each
        is closed once.
        """
        join(*self.ends)
        self.outer[0].transport.write(b"last words" * 50_000)
        self.outer[0].transport.loseConnection()
        self.network.pump(1)
        self.assertEqual(bytes(self.other.received), b"last words" * 50_000)
        self.assertEqual([len(side.lost) for side in self.outer], [1, 1])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_slowReader(self) -> None:
        """
        A reader that stops stops the writer at the far side; nothing is lost.
        """
        join(*self.ends)
        self.outer[1].transport.pauseProducing()
        producer = Endless(self.outer[0].transport, self.network.clock, 10 * 1024 * 1024)
        self.outer[0].transport.registerProducer(producer, True)
        self.network.pump(10)
        self.assertTrue(producer.paused)
        self.assertLess(producer.written, 512 * 1024)
        self.outer[1].transport.resumeProducing()
        self.network.pump(1)
        producer.stopped = True
        self.network.pump(1)
        self.assertEqual(len(self.other.received), producer.written)
        self.assertGreater(producer.written, 512 * 1024)

    def test_abandon(self) -> None:
        """
        The program can end both sides.
        """
        join(*self.ends)
        self.ends[0].abandon()
        self.network.pump()
        self.assertEqual([len(side.lost) for side in self.outer], [1, 1])

    def test_notJoined(self) -> None:
        """
        An end that was never joined closes by itself.
        """
        self.outer[0].transport.write(b"to nobody")
        self.outer[0].transport.loseConnection()
        self.network.pump()
        self.assertEqual([len(side.lost) for side in self.outer], [1, 0])
