"""
Tests for ``pyptwist.checking.traffic``.
"""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.checking.traffic import Conversation, EchoTalk, RequestTalk, TLSTalk
from pyptwist.errors import HandshakeFailed


class TLSTests(SynchronousTestCase):
    """
    Tests for ``TLSTalk``.
    """

    def setUp(self) -> None:
        self.talk = TLSTalk(bytes)

    def test_hello(self) -> None:
        """
        A TLS server takes what is said for a ClientHello: it complains only about
        having no certificate.
        """
        self.assertEqual(self.talk.data[:2], b"\x16\x03")
        incoming = ssl.MemoryBIO()
        incoming.write(self.talk.data)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(
            incoming, ssl.MemoryBIO(), server_side=True
        )
        error = self.assertRaises(ssl.SSLError, server.do_handshake)
        self.assertEqual(error.reason, "NO_SHARED_CIPHER")

    def test_answer(self) -> None:
        """
        A handshake's record is an answer, however it is cut; so is an alert.
        """
        for data in (b"\x16\x03\x03\x00\x05\x02", b"\x15\x03\x01\x00\x02\x02"):
            talk = TLSTalk(bytes)
            for index in range(5):
                self.assertIsNone(talk.heard(data[index : index + 1]))
            self.assertIn("TLS answered", talk.heard(data[5:] + b"more") or "")

    def test_otherAnswer(self) -> None:
        """
        Anything else is an error, at once.
        """
        for data in (b"H", b"HTTP/1.1 400", b"\x16\x02", b"\x17\x03\x03\x00\x05", self.talk.data):
            self.assertRaises(HandshakeFailed, TLSTalk(bytes).heard, data)


class OtherTalksTests(SynchronousTestCase):
    """
    Tests for ``RequestTalk`` and ``EchoTalk``.
    """

    def test_request(self) -> None:
        """
        So much of an answer is enough.
        """
        self.assertEqual(RequestTalk(b"q").heard(b"a"), "1 bytes of answer")
        talk = RequestTalk(b"q", 3)
        self.assertIsNone(talk.heard(b"ab"))
        self.assertEqual(talk.heard(b"cd"), "4 bytes of answer")

    def test_echo(self) -> None:
        """
        All is to come back.
        """
        talk = EchoTalk(bytes(range(256)) * 8)
        self.assertIsNone(talk.heard(talk.data[:700]))
        self.assertEqual(talk.heard(talk.data[700:]), "2 KiB there and back")

    def test_noEcho(self) -> None:
        """
        What is changed, or added, is an error.
        """
        for answer in (b"abd", b"abcd"):
            self.assertRaises(HandshakeFailed, EchoTalk(b"abc").heard, answer)


class ConversationTests(SynchronousTestCase):
    """
    Tests for ``Conversation``.
    """

    def setUp(self) -> None:
        self.steps: list[None] = []
        self.conversation = Conversation(RequestTalk(b"q", 3), lambda: self.steps.append(None))
        self.transport = StringTransport()
        self.conversation.makeConnection(self.transport)
        producer: Any = self.transport.producer
        producer.resumeProducing()

    def test_talk(self) -> None:
        """
        It says what is to be said, and ends when it has heard enough.
        """
        self.assertEqual(self.transport.value(), b"q")
        self.conversation.dataReceived(b"ab")
        self.assertNoResult(self.conversation.whenOver)
        self.conversation.dataReceived(b"c")
        self.conversation.dataReceived(b"d")
        self.assertEqual(self.successResultOf(self.conversation.whenOver), "3 bytes of answer")
        self.assertEqual(len(self.steps), 3)
        self.conversation.connectionLost()
        self.successResultOf(self.conversation.whenLost)

    def test_lost(self) -> None:
        """
        A connection that ends before the answer is the reason.
        """
        self.conversation.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(self.conversation.whenOver, ConnectionDone)
        self.successResultOf(self.conversation.whenLost)

    def test_wrong(self) -> None:
        """
        So is what the talk finds wrong.
        """
        conversation = Conversation(EchoTalk(b"q"), lambda: None)
        conversation.makeConnection(StringTransport())
        conversation.dataReceived(b"x")
        self.failureResultOf(conversation.whenOver, HandshakeFailed)
