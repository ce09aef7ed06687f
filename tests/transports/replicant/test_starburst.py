"""
Tests for ``pyptwist.transports.replicant.starburst``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.codec import READY, Effect, Finished, Transmit
from pyptwist.errors import HandshakeFailed, HandshakeTimeout, PTError
from pyptwist.testing.codecs import Side
from pyptwist.transports.replicant.interfaces import IToneburst, ITonebursts
from pyptwist.transports.replicant.starburst import GREETINGS, SmtpClient, SmtpServer, Starburst

OPENING = b"220 mail.imc.org SMTP service ready\r\n"
EHLO = b"EHLO mail.imc.org\r\n"
STARTTLS = b"STARTTLS\r\n"
CONSENT = b"220 Go ahead\r\n"


def capabilities(greeting: bytes) -> bytes:
    lines = b"250-mail.imc.org " + greeting, b"250-8BITMIME", b"250-DSN", b"250 STARTTLS"
    return b"".join(line + b"\r\n" for line in lines)


def sent(effects: list[Effect]) -> bytes:
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))


def errors(effects: list[Effect]) -> list[PTError | None]:
    return [effect.error for effect in effects if isinstance(effect, Finished)]


def started(hour: int = 0) -> SmtpServer:
    """
    :returns: a server that has said its first word.
    """
    server = SmtpServer(lambda: hour)
    assert sent(server.start(0.0)) == OPENING
    return server


class TranscriptTests(SynchronousTestCase):
    """
    Known answers: the reference's, seen on the wire.
    """

    def test_transcript(self) -> None:
        client, server = SmtpClient(), SmtpServer(lambda: 7)
        self.assertEqual(client.start(0.0), [])
        self.assertEqual(server.start(0.0), [Transmit(OPENING)])
        self.assertEqual(client.receive(OPENING, 0.0), [Transmit(EHLO)])
        block = capabilities(b"I am glad to meet you")
        self.assertEqual(server.receive(EHLO, 0.0), [Transmit(block)])
        self.assertEqual(client.receive(block, 0.0), [Transmit(STARTTLS)])
        self.assertEqual(server.receive(STARTTLS, 0.0), [Transmit(CONSENT), READY])
        self.assertEqual(client.receive(CONSENT, 0.0), [READY])
        for side in (client, server):
            self.assertEqual(side.rest(), b"")
            self.assertIsNone(side.nextTimer)

    def test_greetings(self) -> None:
        for hour in range(24):
            effects = started(hour).receive(EHLO, 0.0)
            self.assertEqual(sent(effects), capabilities(GREETINGS[hour % 5]))
        self.assertEqual(
            GREETINGS,
            (
                b"offers a warm hug of welcome",
                b"is my domain name.",
                b"I am glad to meet you",
                b"says hello",
                b"Hello",
            ),
        )

    def test_interfaces(self) -> None:
        verifyObject(ITonebursts, Starburst())
        verifyObject(IToneburst, SmtpClient())
        verifyObject(IToneburst, started())

    def test_rest(self) -> None:
        """
        What comes behind belongs to whatever follows.
        """
        server = started()
        server.receive(EHLO, 0.0)
        server.receive(STARTTLS + b"\x16\x03\x01 and more", 0.0)
        self.assertEqual(server.rest(), b"\x16\x03\x01 and more")
        client = SmtpClient()
        client.start(0.0)
        client.receive(OPENING, 0.0)
        client.receive(capabilities(b"Hello"), 0.0)
        client.receive(CONSENT + b"\r\n\n", 0.0)
        self.assertEqual(client.rest(), b"\r\n\n")


class SplitTests(SynchronousTestCase):
    """
    Cuts mean nothing: the reference's server wants STARTTLS in one piece.
    """

    def check(self, fresh: Any, stream: bytes, places: list[int]) -> None:
        cuts = [0, *sorted(place % len(stream) for place in places), len(stream)]
        whole, cut = Side(fresh()), Side(fresh())
        for side, pieces in ((whole, [stream]), (cut, [stream[a:b] for a, b in pairwise(cuts)])):
            side.apply(side.codec.start(0.0))
            for piece in pieces:
                side.apply(side.codec.receive(piece, 0.0))
        self.assertEqual(b"".join(cut.transmitted), b"".join(whole.transmitted))
        self.assertEqual(
            (cut.isReady, cut.isFinished, type(cut.error)),
            (whole.isReady, whole.isFinished, type(whole.error)),
        )

    @given(st.lists(st.integers(0, 1000), max_size=8))
    def test_client(self, places: list[int]) -> None:
        stream = OPENING + capabilities(b"Hello") + CONSENT + b"rest"
        self.check(SmtpClient, stream, places)

    @given(st.lists(st.integers(0, 1000), max_size=8))
    def test_server(self, places: list[int]) -> None:
        self.check(lambda: SmtpServer(lambda: 0), EHLO + STARTTLS + b"rest", places)

    @settings(max_examples=200)
    @given(
        st.lists(
            st.sampled_from(
                [EHLO, STARTTLS, b"NOOP\r\n", b"noop\n", b"QUIT\r\n", b"\r\n", b"x" * 600 + b"\n"]
            )
            | st.binary(max_size=30),
            max_size=8,
        ).map(b"".join),
        st.lists(st.integers(0, 1000), max_size=5),
    )
    def test_anything(self, stream: bytes, places: list[int]) -> None:
        if stream:
            self.check(lambda: SmtpServer(lambda: 0), stream, places)

    @given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=3))
    def test_clientGarbage(self, stream: bytes, places: list[int]) -> None:
        if stream:
            self.check(SmtpClient, stream, places)


class ClientTests(SynchronousTestCase):
    def client(self, *answers: bytes) -> SmtpClient:
        client = SmtpClient()
        client.start(0.0)
        for answer in answers:
            client.receive(answer, 0.0)
        return client

    def test_otherNames(self) -> None:
        """
        It takes a server of any name, with any greeting, and more capabilities.
        """
        client = self.client(b"220 a-b.example.org SMTP service ready\r\n")
        effects = client.receive(b"250-whoever\r\n250-PIPELINING\r\n250 STARTTLS\r\n", 0.0)
        self.assertEqual(sent(effects), STARTTLS)
        self.assertEqual(client.receive(b"220 2.0.0 Ready to start TLS\r\n", 0.0), [READY])

    def test_wrong(self) -> None:
        for answers in (
            [b"220 mail.example.org ESMTP Postfix\r\n"],
            [b"SSH-2.0-OpenSSH_9.2\r\n"],
            [bytes(253)],
            [OPENING, b"250-x\r\n" * 60],
            [OPENING, capabilities(b"x" * 300)],
            [OPENING, capabilities(b"Hello"), b"\r\n"],
            [OPENING, capabilities(b"Hello"), b"x" * 300],
        ):
            *before, last = answers
            [error] = errors(self.client(*before).receive(last, 0.0))
            self.assertIsInstance(error, HandshakeFailed)

    def test_timeout(self) -> None:
        """
        Ten seconds for each answer.
        """
        client = self.client()
        self.assertEqual(client.nextTimer, limits.SMTP_ANSWER)
        client.receive(OPENING, 5.0)
        self.assertEqual(client.nextTimer, 5.0 + limits.SMTP_ANSWER)
        self.assertEqual(client.timerFired(10.0), [])
        [error] = errors(client.timerFired(15.0))
        self.assertIsInstance(error, HandshakeTimeout)


class ServerTests(SynchronousTestCase):
    """
    To whoever is no client, this is a mail server that wants TLS.
    """

    def test_answers(self) -> None:
        for command, answer in (
            (b"NOOP", b"250 Ok"),
            (b"noop whatever", b"250 Ok"),
            (b"HELO x", b"250 mail.imc.org"),
            (b"HELO", b"501 Syntax: HELO hostname"),
            (b"EHLO ", b"501 Syntax: EHLO hostname"),
            (b"STARTTLS", b"503 Error: send EHLO first"),
            (b"STARTTLS now", b"501 Syntax: STARTTLS"),
            (b"MAIL FROM:<a@example.org>", b"530 Must issue a STARTTLS command first"),
            (b"AUTH PLAIN AGEAYg==", b"530 Must issue a STARTTLS command first"),
            (b"RSET", b"530 Must issue a STARTTLS command first"),
            (b"GET / HTTP/1.1", b"502 Error: command not recognized"),
            (b"\x16\x03\x01", b"502 Error: command not recognized"),
            (b"", b"500 Error: bad syntax"),
            (b"x" * 500, b"502 Error: command not recognized"),
            (b"x" * 512, b"500 Error: line too long"),
            (b"x" * 5000, b"500 Error: line too long"),
        ):
            for end in (b"\r\n", b"\n"):
                self.assertEqual(sent(started().receive(command + end, 0.0)), answer + b"\r\n")

    def test_quit(self) -> None:
        effects = started().receive(b"quit\r\nNOOP\r\n", 0.0)
        self.assertEqual(sent(effects), b"221 Bye\r\n")
        [error] = errors(effects)
        self.assertIsInstance(error, HandshakeFailed)

    def test_again(self) -> None:
        """
        After mistakes, a client is still welcome.
        """
        server = started(3)
        server.receive(b"MAIL FROM:<>\r\nHELP\r\n" + EHLO, 0.0)
        self.assertIn(READY, server.receive(STARTTLS, 0.0))

    def test_tooManyErrors(self) -> None:
        effects = started().receive(b"x\r\n" * 50, 0.0)
        lines = sent(effects).splitlines()
        self.assertEqual(lines[-1], b"421 mail.imc.org Error: too many errors")
        self.assertEqual(len(lines), limits.SMTP_ERRORS + 1)
        self.assertEqual(len(errors(effects)), 1)

    def test_tooManyCommands(self) -> None:
        """
        What we say to those who do not listen stays small.
        """
        server = started()
        effects = server.receive(EHLO * 200, 0.0)
        self.assertTrue(sent(effects).endswith(b"421 mail.imc.org Error: too many commands\r\n"))
        self.assertEqual(len(errors(effects)), 1)
        self.assertLess(len(sent(effects)), 16 * 1024)

    def test_endlessLine(self) -> None:
        """
        Is forgotten while it comes.
        """
        server = started()
        for _ in range(100):
            self.assertEqual(server.receive(b"x" * 1000, 0.0), [])
            self.assertLess(len(server.buffer), 512)
        self.assertEqual(sent(server.receive(b"\r\n", 0.0)), b"500 Error: line too long\r\n")

    def test_timeout(self) -> None:
        """
        Five minutes, as mail servers have.
        """
        server = started()
        server.receive(EHLO, 100.0)
        self.assertEqual(server.nextTimer, limits.SMTP_SESSION)
        effects = server.timerFired(limits.SMTP_SESSION)
        self.assertEqual(sent(effects), b"421 mail.imc.org Error: timeout exceeded\r\n")
        [error] = errors(effects)
        self.assertIsInstance(error, HandshakeTimeout)
