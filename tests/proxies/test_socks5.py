"""
``pyptwist.proxies.socks5``.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ConfigurationError, UpstreamProxyError
from pyptwist.interfaces import ICodec
from pyptwist.proxies.socks5 import Socks5Client, Socks5Refused
from pyptwist.testing.codecs import Side
from tests.proxies.driving import TunnelMixin, everyCut, outcome

TARGET = HostPort("192.0.2.7", 443)
CREDENTIALS = (b"us\xff", b"p@:\0w")
REQUEST = bytes.fromhex("05 01 00 01 c0000207 01bb")
GRANTED = bytes.fromhex("05 00 00 01 7f000001 1234")
NO_PASSWORD = b"\5\0"
PASSWORD = b"\5\2\1\0"


class RequestTests(SynchronousTestCase):
    """
    What the server is asked, step by step.
    """

    def test_withoutCredentials(self) -> None:
        """
        The request waits for the method.
        """
        side = Side(Socks5Client(TARGET))
        side.apply(side.codec.start(0.0))
        self.assertEqual(side.takeOutbox(), b"\5\1\0")
        side.apply(side.codec.receive(NO_PASSWORD, 0.0))
        self.assertEqual(side.takeOutbox(), REQUEST)

    def test_withCredentials(self) -> None:
        """
        User name and password, any bytes, go when they are asked for.
        """
        side = Side(Socks5Client(TARGET, CREDENTIALS))
        side.apply(side.codec.start(0.0))
        self.assertEqual(side.takeOutbox(), b"\5\2\0\2")
        side.apply(side.codec.receive(b"\5\2", 0.0))
        self.assertEqual(side.takeOutbox(), b"\1\3us\xff\5p@:\0w")
        side.apply(side.codec.receive(b"\1\0", 0.0))
        self.assertEqual(side.takeOutbox(), REQUEST)

    def test_credentialsNotWanted(self) -> None:
        """
        A server may do without.
        """
        sent = outcome(Socks5Client(TARGET, CREDENTIALS), [NO_PASSWORD]).sent
        self.assertEqual(sent, b"\5\2\0\2" + REQUEST)

    def test_insist(self) -> None:
        """
        Arguments of a transport are never left out.
        """
        done = outcome(Socks5Client(TARGET, CREDENTIALS, insist=True), [NO_PASSWORD])
        self.assertEqual(done.sent, b"\5\1\2")
        self.assertIsNot(done.failure, None)

    def test_longestCredentials(self) -> None:
        """
        255 bytes each can be sent, 256 or none cannot.
        """
        long = b"a" * 255
        sent = outcome(Socks5Client(TARGET, (long, long), insist=True), [b"\5\2"]).sent
        self.assertEqual(sent, b"\5\1\2\1\xff" + long + b"\xff" + long)
        for pair in ((long + b"a", long), (long, long + b"a"), (b"", long), (long, b"")):
            self.assertRaises(ConfigurationError, Socks5Client, TARGET, pair)

    def test_parameters(self) -> None:
        """
        A parameter block is not answered: the request comes right behind it.
        """
        side = Side(Socks5Client(TARGET, parameters=b"\0\0\0\2{}"))
        side.apply(side.codec.start(0.0))
        self.assertEqual(side.takeOutbox(), b"\5\1\x09")
        side.apply(side.codec.receive(b"\5\x09", 0.0))
        self.assertEqual(side.takeOutbox(), b"\0\0\0\2{}" + REQUEST)
        side.apply(side.codec.receive(GRANTED, 0.0))
        self.assertTrue(side.isReady)

    def test_parametersNotWanted(self) -> None:
        """
        They are never left out, nor sent in another way.
        """
        for answer in (NO_PASSWORD, b"\5\2", b"\5\xff"):
            done = outcome(Socks5Client(TARGET, parameters=b"\0\0\0\2{}"), [answer])
            self.assertEqual(done.sent, b"\5\1\x09")
            self.assertIsNot(done.failure, None)

    def test_targets(self) -> None:
        """
        Names are not resolved, and IPv6 has its own form.
        """
        for host, address in (
            ("example.org", b"\3\x0bexample.org"),
            ("a.", b"\3\x02a."),
            ("2001:db8::1", b"\4" + bytes.fromhex("20010db8000000000000000000000001")),
        ):
            sent = outcome(Socks5Client(HostPort(host, 258)), [NO_PASSWORD]).sent
            self.assertEqual(sent, b"\5\1\0\5\1\0" + address + b"\1\2")

    def test_noTarget(self) -> None:
        """
        A transport's arguments may name the server.
        """
        sent = outcome(Socks5Client(None), [NO_PASSWORD]).sent
        self.assertEqual(sent, b"\5\1\0" + b"\5\1\0\1\0\0\0\0\0\0")

    def test_badTargets(self) -> None:
        """
        What cannot be said is found before anything is sent.
        """
        for host in ("büro.example", "a..b", "fe80::1%eth0", "a/b", "-" * 64):
            self.assertRaises(ConfigurationError, Socks5Client, HostPort(host, 80))
        self.assertRaises(ConfigurationError, Socks5Client, HostPort("192.0.2.7", 0))


class ReplyTests(TunnelMixin, SynchronousTestCase):
    """
    What is made of the answers, without authentication.
    """

    accepting = NO_PASSWORD + GRANTED

    def make(self) -> ICodec:
        return Socks5Client(TARGET)

    def test_boundAddresses(self) -> None:
        """
        The address in the answer may be of any kind and length.
        """
        for address in (b"\4" + b"a" * 18, b"\3\0\0\0", b"\3\xff" + b"a" * 257):
            done = everyCut(self, self.make, NO_PASSWORD + b"\5\0\0" + address + b"payload")
            self.assertEqual(done.delivered, b"payload")

    def test_refusals(self) -> None:
        """
        Each code is told at once, and keeps what it means.
        """
        meanings = {
            3: Cause.UNREACHABLE,
            4: Cause.UNREACHABLE,
            5: Cause.REFUSED,
            6: Cause.TIMEOUT,
            0x10: Cause.ARGUMENTS,
            0x12: Cause.ARGUMENTS,
            0x13: Cause.ARGUMENTS,
        }
        texts = set()
        for code in range(1, 256):
            side = Side(self.make())
            side.apply(side.codec.start(0.0))
            side.apply(side.codec.receive(NO_PASSWORD + bytes([5, code]), 0.0))
            error = side.error
            assert isinstance(error, Socks5Refused)
            self.assertIsInstance(error, ConnectError)
            self.assertEqual(error.code, code)
            self.assertIs(error.cause, meanings.get(code, Cause.UPSTREAM_PROXY))
            texts.add(str(error))
        self.assertEqual(len(texts), 255)
        self.assertIn("the SOCKS5 proxy replied: connection refused", texts)
        self.assertIn("the SOCKS5 proxy replied: code 240", texts)

    def test_malformed(self) -> None:
        """
        Each byte that is wrong is so at once.
        """
        for answer in (
            b"\4",
            b"\5\1",
            b"\5\2",
            b"\5\xff",
            NO_PASSWORD + b"\4",
            NO_PASSWORD + b"\5\0\1",
            *(
                NO_PASSWORD + bytes([5, 0, 0, kind])
                for kind in range(256)
                if kind not in {1, 3, 4}
            ),
        ):
            failure = everyCut(self, self.make, answer).failure
            assert failure is not None
            self.assertEqual(failure[::2], (UpstreamProxyError, Cause.UPSTREAM_PROXY))

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=40), st.sampled_from([b"", NO_PASSWORD, NO_PASSWORD + b"\5\0\0\3"]))
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        everyCut(self, self.make, begun + data)


class PasswordTests(TunnelMixin, SynchronousTestCase):
    """
    What is made of the answers, with authentication.
    """

    accepting = PASSWORD + GRANTED

    def make(self) -> ICodec:
        return Socks5Client(TARGET, CREDENTIALS)

    def test_refused(self) -> None:
        """
        Any status but 0 is a refusal, and says nothing of the password.
        """
        for status in range(1, 256):
            failure = outcome(self.make(), [bytes([5, 2, 1, status])]).failure
            self.assertEqual(
                failure,
                (
                    UpstreamProxyError,
                    "the SOCKS5 proxy refused the user name and password",
                    Cause.UPSTREAM_PROXY,
                ),
            )

    def test_badVersion(self) -> None:
        """
        The sub-negotiation has a version of its own.
        """
        self.assertIsNot(outcome(self.make(), [b"\5\2\5"]).failure, None)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=40), st.sampled_from([b"\5\2", PASSWORD]))
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        everyCut(self, self.make, begun + data)
