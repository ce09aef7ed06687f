"""
Tests for ``pyptwist.ipc.dialling`` and for what endpoints make of failures.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, ManagedProcessError, ManagedProcessLost
from pyptwist.ipc.dialects import PT1, PT3
from pyptwist.ipc.dialling import PlainORPort, blaming, socksFactory
from pyptwist.testing.codecs import Side

TARGET = HostPort("192.0.2.7", 443)
NONE = Arguments()
SOME = Arguments([("a", "1;2"), ("b", "x")])
GRANTED5 = b"\5\0\0\1\x7f\0\0\1\0\1"
GRANTED4 = b"\0\x5a\0\0\0\0\0\0"


def said(protocol: str, dialect: object, arguments: Arguments, *answers: bytes) -> bytes:
    """
    :returns: what the child is told.
    """
    side = Side(socksFactory(protocol, dialect, TARGET, arguments, lambda: None)())  # type: ignore[arg-type]
    side.apply(side.codec.start(0.0))
    for answer in answers:
        side.apply(side.codec.receive(answer, 0.0))
    assert side.isReady
    return side.takeOutbox()


class SocksTests(SynchronousTestCase):
    """
    Arguments, by version and protocol.
    """

    def test_none(self) -> None:
        for dialect in (PT1, PT3):
            sent = said("socks5", dialect, NONE, b"\5\0", GRANTED5)
            self.assertEqual(sent, bytes.fromhex("050100 05010001c000020701bb"))

    def test_password(self) -> None:
        sent = said("socks5", PT1, SOME, b"\5\2", b"\1\0", GRANTED5)
        self.assertEqual(
            sent, b"\5\1\2" + b"\1\x0aa=1\\;2;b=x\1\0" + bytes.fromhex("05010001c000020701bb")
        )

    def test_json(self) -> None:
        sent = said("socks5", PT3, SOME, b"\5\x09", GRANTED5)
        block = b'{"a": "1;2", "b": "x"}'
        self.assertEqual(
            sent,
            b"\5\1\x09\0\0\0"
            + bytes([len(block)])
            + block
            + bytes.fromhex("05010001c000020701bb"),
        )

    def test_socks4(self) -> None:
        """
        The user id has them; there are no names and no IPv6.
        """
        sent = said("socks4", PT1, SOME, GRANTED4)
        self.assertEqual(sent, b"\4\1\x01\xbb\xc0\0\2\7a=1\\;2;b=x\0")
        for host in ("example.org", "2001:db8::1"):
            self.assertRaises(
                ConfigurationError,
                socksFactory,
                "socks4",
                PT1,
                HostPort(host, 1),
                NONE,
                lambda: None,
            )

    def test_noTarget(self) -> None:
        """
        The arguments may name the server; SOCKS 4 has no form for that.
        """
        for dialect in (PT1, PT3):
            socksFactory("socks5", dialect, None, SOME, lambda: None)
        with self.assertRaises(ConfigurationError):
            socksFactory("socks4", PT1, None, SOME, lambda: None)

    def test_wrong(self) -> None:
        """
        What cannot be sent is known before anything is dialled.
        """
        for protocol, dialect, arguments, kind in (
            ("socks5", PT1, Arguments(a="x" * 510), ConfigurationError),
            ("socks4", PT1, Arguments(a="x" * 255), ConfigurationError),
            ("socks5", PT3, Arguments([("a", "1"), ("a", "2")]), ConfigurationError),
            ("transparent-TCP", PT3, NONE, ManagedProcessError),
        ):
            self.assertRaises(
                kind, socksFactory, protocol, dialect, TARGET, arguments, lambda: None
            )


class BlameTests(SynchronousTestCase):
    """
    How a connection ends.
    """

    def end(self, blame: ManagedProcessLost | None) -> Side:
        side = Side(blaming(PlainORPort, lambda: blame)())
        side.apply(side.codec.start(0.0))
        self.assertTrue(side.isReady)
        side.apply(side.codec.receiveEnd(0.0))
        return side

    def test_blame(self) -> None:
        """
        The child, if it died; else nobody.
        """
        error = ManagedProcessLost()
        self.assertIs(self.end(error).error, error)
        self.assertIsInstance(error, ConnectionLost)
        self.assertIsNone(self.end(None).error)
