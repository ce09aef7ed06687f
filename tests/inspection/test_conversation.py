"""
Tests for ``pyptwist.inspection.conversation``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.conversation import Conversation, Talker, Turn, browsing, echoing
from pyptwist.inspection.flows import Side

TURNS = [
    Turn(Side.CLIENT, b"one"),
    Turn(Side.SERVER, b"two"),
    Turn(Side.SERVER, b"three"),
    Turn(Side.CLIENT, b"four"),
    Turn(Side.SERVER, b"five"),
]


class TalkerTests(SynchronousTestCase):
    """
    Tests for ``Talker`` and ``Conversation``.
    """

    def setUp(self) -> None:
        self.conversation = Conversation(TURNS)

    def side(self, side: Side) -> tuple[Talker, Any]:
        """
        :returns: one side, and its transport.
        """
        talker = (
            self.conversation.client()
            if side is Side.CLIENT
            else self.conversation.buildProtocol(None)
        )
        transport = StringTransport()
        talker.makeConnection(transport)
        return talker, transport

    def test_client(self) -> None:
        """
        The client begins, and ends the connection after the last turn.
        """
        talker, transport = self.side(Side.CLIENT)
        self.assertEqual(transport.value(), b"one")
        talker.dataReceived(b"twothr")
        self.assertEqual(transport.value(), b"one")
        talker.dataReceived(b"ee")
        self.assertEqual(transport.value(), b"onefour")
        self.assertNoResult(talker.done)
        talker.dataReceived(b"five")
        self.successResultOf(talker.done)
        self.assertTrue(transport.disconnecting)
        talker.connectionLost(Failure(ConnectionDone()))

    def test_server(self) -> None:
        """
        The server answers, in whatever pieces it hears.
        """
        talker, transport = self.side(Side.SERVER)
        for byte in b"onefour":
            talker.dataReceived(bytes([byte]))
        self.assertEqual(transport.value(), b"twothreefive")
        self.assertFalse(transport.disconnecting)
        self.successResultOf(talker.done)

    def test_wrong(self) -> None:
        """
        What nobody said is a problem, early, late or too much.
        """
        for said in (b"onx", b"oneX", b"onefourX"):
            self.setUp()
            talker, transport = self.side(Side.SERVER)
            talker.dataReceived(said)
            self.assertIn("the server's application", str(self.conversation.problem))
            self.assertTrue(transport.disconnected)

    def test_lost(self) -> None:
        """
        An end before the end is the client's failure; the server's is not heard of.
        """
        client, _ = self.side(Side.CLIENT)
        client.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(client.done, ConnectionDone)
        server, _ = self.side(Side.SERVER)
        server.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(server.done)


class TurnsTests(SynchronousTestCase):
    """
    Tests for ``browsing`` and ``echoing``.
    """

    def test_browsing(self) -> None:
        """
        It is HTTP, and what it says of lengths is true.
        """
        turns = browsing()
        self.assertEqual([turn.speaker.name[0] for turn in turns], ["C", "S", "C", "S"])
        for request, response in (turns[:2], turns[2:]):
            self.assertTrue(request.data.startswith(b"GET /"))
            head, _, body = response.data.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: %d" % len(body), head)

    def test_echoing(self) -> None:
        """
        What the client says comes back.
        """
        self.assertEqual(echoing(b"x"), [Turn(Side.CLIENT, b"x"), Turn(Side.SERVER, b"x")])
