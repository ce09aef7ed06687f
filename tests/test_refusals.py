"""
Tests for ``pyptwist.connection``: what it tells of its peer, and how it lets go.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyptwist import connection as connections
from pyptwist import limits
from pyptwist.codec import CodecBase
from pyptwist.connection import CodecConnection
from pyptwist.errors import AuthenticationFailed, Cause, HandshakeTimeout, PTError
from pyptwist.interfaces import ICodec, IRefusable, IRefusals
from pyptwist.metrics import Metrics
from pyptwist.strangers.silence import SilentServerCodec
from pyptwist.testing.applications import Application


class Door(SilentServerCodec):
    """
    Opens at ``open``, without a word; at ``hello`` with one.
    """

    drain = 40.0

    def begin(self) -> None:
        super().begin()
        self.state = self._closed

    def _closed(self) -> bool:
        word = self.take(len(self.buffer))
        if word == b"hello":
            self.transmit(b"welcome")
        elif word != b"open":
            raise AuthenticationFailed
        self.ready()
        self.state = self._open
        return False

    def _open(self) -> bool:
        self.deliver(self.take(len(self.buffer)))
        return False


class Ajar(Door):
    """
    Open from the beginning, until it hears ``nonsense``: then it never was.
    """

    def begin(self) -> None:
        super().begin()
        self.ready()
        self.state = self._open

    def knowsPeer(self) -> bool:
        return False

    def _open(self) -> bool:
        if self.buffer == b"nonsense":
            raise AuthenticationFailed
        return super()._open()


class Ending(CodecBase):
    """
    Ends with an error at ``bad``, and in order otherwise.
    """

    def begin(self) -> None:
        self.state = self._hear

    def _hear(self) -> bool:
        if self.buffer:
            self.finish(AuthenticationFailed() if self.buffer == b"bad" else None)
        return False


@implementer(IRefusals)
class Told:
    """
    Writes down what it is told, and what was on the wire by then.
    """

    def __init__(self, wire: StringTransport) -> None:
        self.wire = wire
        self.heard: list[Any] = []

    def refused(self, connection: IRefusable, error: PTError) -> None:
        self.heard.append((connection, type(error)))

    def committed(self, connection: IRefusable) -> None:
        self.heard.append((connection, self.wire.value()))


class Case(SynchronousTestCase):
    """
    Connections that somebody is told about.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.wire = StringTransport()
        self.told = Told(self.wire)
        self.failures: list[Failure] = []
        self.application = Application()

    def make(self, codec: ICodec, above: Any) -> CodecConnection:
        """
        :param above: the application.
        """

        def build(address: IAddress) -> Any:
            return above

        return CodecConnection(
            self.clock,
            codec,
            "door",
            self.metrics,
            build,
            id,
            self.failures.append,
            self.told,
        )

    def connected(self, codec: ICodec, above: Any = None) -> CodecConnection:
        """
        :returns: one whose handshake has begun.
        """
        connection = self.make(codec, above or self.application)
        connection.setDeadline(120)
        connection.makeConnection(self.wire)
        return connection


class TellingTests(Case):
    def test_refused(self) -> None:
        """
        That the codec is silent is told once, when it becomes so.
        """
        connection = self.connected(Door())
        self.assertEqual(self.told.heard, [])
        for _ in range(3):
            connection.dataReceived(b"knock")
            self.assertEqual(self.told.heard, [(connection, AuthenticationFailed)])
        self.clock.advance(39.9)
        self.assertFalse(self.wire.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(len(self.told.heard), 1)

    def test_late(self) -> None:
        """
        So is that it gave up waiting.
        """
        connection = self.connected(Door())
        self.clock.advance(limits.SILENT_HANDSHAKE)
        self.assertEqual(self.told.heard, [(connection, HandshakeTimeout)])

    def test_words(self) -> None:
        """
        The first word is told of before it is said.
        """
        connection = self.connected(Door())
        connection.dataReceived(b"hello")
        connection.write(b"more")
        self.assertEqual(self.told.heard, [(connection, b"")])
        self.assertEqual(self.wire.value(), b"welcomemore")

    def test_ready(self) -> None:
        """
        Who is let in without a word is told of, too.
        """
        connection = self.connected(Door())
        connection.dataReceived(b"open")
        self.assertEqual(self.told.heard, [(connection, b"")])
        connection.write(b"words")
        self.assertEqual(len(self.told.heard), 1)

    def test_layers(self) -> None:
        """
        A layer that is ready has let nobody in where another stands above it;
        that one may object, and so may it still.
        """
        for said, who in ((b"knock", "above below"), (b"nonsense", "below")):
            self.told.heard.clear()
            above = self.make(Door(), self.application)
            below = self.connected(Ajar(), above)
            self.assertEqual(self.told.heard, [])
            self.assertIs(above.networkConnection, self.wire)
            below.dataReceived(said)
            layers = {"above": above, "below": below}
            expected = [(layers[name], AuthenticationFailed) for name in who.split()]
            self.assertEqual(self.told.heard, expected)

    def test_layersAnswer(self) -> None:
        """
        The upper layer's first word is the lower one's.
        """
        above = self.make(Door(), self.application)
        below = self.connected(Ajar(), above)
        below.dataReceived(b"hello")
        self.assertEqual(self.told.heard, [(above, b""), (below, b"")])
        self.assertEqual(self.wire.value(), b"welcome")
        below.dataReceived(b"nonsense")
        self.assertEqual(len(self.told.heard), 2)

    def test_endsInsteadOfSilence(self) -> None:
        """
        A codec that ends is not closed on, but dropped; the deadline holds.
        """
        connection = self.connected(Ending())
        connection.dataReceived(b"bad")
        self.assertEqual(self.told.heard, [(connection, AuthenticationFailed)])
        connection.dataReceived(b"more")
        self.clock.advance(119.9)
        self.assertEqual((self.wire.disconnecting, self.failures), (False, []))
        self.clock.advance(0.1)
        self.assertTrue(self.wire.disconnecting)
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endsInOrder(self) -> None:
        """
        One that ends in order is closed, as ever.
        """
        connection = self.connected(Ending())
        connection.dataReceived(b"good")
        self.assertEqual((self.told.heard, self.wire.disconnecting), ([], True))
        connection.connectionLost(Failure(ConnectionDone()))


class SilenceTests(Case):
    """
    Who is refused sees a FIN, whatever it has sent.
    """

    def silenced(self, *said: bytes) -> list[Any]:
        """
        :returns: which connection it was that was told to end in silence.
        """
        told: list[Any] = []
        self.patch(connections, "closeInSilence", told.append)
        above = self.make(Door(), self.application)
        below = self.connected(Ajar(), above)
        for word in said:
            below.dataReceived(word)
        self.clock.advance(100)
        below.loseConnection()
        self.assertTrue(self.wire.disconnecting)
        below.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return told

    def test_refused(self) -> None:
        """
        Whichever layer it was that closed.
        """
        for word in (b"knock", b"nonsense"):
            told = self.silenced(word)
            self.assertEqual(told, [self.wire] * max(1, len(told)))

    def test_letIn(self) -> None:
        """
        Others are closed as ever.
        """
        self.assertEqual(self.silenced(b"hello"), [])


class Untouchable(StringTransport):
    """
    A transport that is somebody else's from some time on.
    """

    isTheirs = False

    def __getattribute__(self, name: str) -> Any:
        if name != "isTheirs" and self.isTheirs:
            raise AssertionError(f"{name} is not for the method any more")
        return super().__getattribute__(name)


class DetachTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.wire: Any = Untouchable()

    def detach(self, connection: CodecConnection) -> None:
        """
        Take the network connection away.
        """
        self.assertTrue(verifyObject(IRefusable, connection))
        self.wire.isTheirs = True
        connection.detach(Failure(AuthenticationFailed()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        # What is left of it does nothing.
        connection.dataReceived(b"hello")
        connection.loseConnection()
        connection.abortConnection()
        connection.pauseProducing()
        connection.resumeProducing()
        connection.connectionLost(Failure(ConnectionDone()))
        connection.detach(Failure(AuthenticationFailed()))
        self.assertIsNone(connection.networkConnection)

    def test_handshake(self) -> None:
        """
        Whoever waits for the handshake is told, and the cause is counted.
        """
        self.detach(self.connected(Door()))
        [failure] = self.failures
        self.assertTrue(failure.check(AuthenticationFailed))
        self.assertEqual(self.metrics.handshakesFailed, {Cause.AUTHENTICATION: 1})
        self.assertEqual(self.metrics.handshakesDone, 0)

    def test_draining(self) -> None:
        """
        The same for one that was refused.
        """
        connection = self.connected(Door())
        connection.dataReceived(b"knock")
        self.detach(connection)
        self.assertEqual(self.metrics.handshakesFailed, {Cause.AUTHENTICATION: 1})

    def test_whenTold(self) -> None:
        """
        Who is told may do it at once.
        """
        connection = self.connected(Door())
        self.told.refused = lambda which, error: which.detach(Failure(error))  # type: ignore
        connection.dataReceived(b"knock")
        self.assertEqual(self.metrics.handshakesFailed, {Cause.AUTHENTICATION: 1})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_layers(self) -> None:
        """
        All layers let go, for the same reason.
        """
        above = self.make(Door(), self.application)
        below = self.connected(Ajar(), above)
        self.detach(below)
        self.assertIsNone(above.networkConnection)
        self.assertEqual(self.metrics.handshakesFailed, {Cause.AUTHENTICATION: 1})
        self.assertEqual(self.metrics.connectionsOpen, 0)

    def test_application(self) -> None:
        """
        An application that is there hears that it is over.
        """
        connection = self.connected(Door())
        connection.dataReceived(b"open")
        self.detach(connection)
        [reason] = self.application.lost
        self.assertTrue(reason.check(AuthenticationFailed))
        self.assertEqual(self.metrics.connectionsOpen, 0)
