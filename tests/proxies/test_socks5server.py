"""
``pyptwist.proxies.socks5server`` and ``pyptwist.proxies.socks5wire``.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    HandshakeFailed,
    LocalProtocolError,
    PeerError,
)
from pyptwist.ipc.quoting import formatSocksArguments, splitSocksArguments
from pyptwist.proxies.socks5 import Socks5Client
from pyptwist.proxies.socks5server import Event, Refuse, Reply, Request, Socks5Negotiation
from pyptwist.proxies.socks5wire import CAUSE_OF_REPLY, REPLY_OF_CAUSE, ReplyCode
from pyptwist.testing.codecs import Side, oneByOne

GREETING = b"\5\1\0"
TOR_GREETING = b"\5\2\0\2"
CONNECT = bytes.fromhex("05 01 00 01 c0000207 01bb")
TARGET = HostPort("192.0.2.7", 443)
FAILURE = bytes.fromhex("05 01 00 01 00000000 0000")


def login(username: bytes, password: bytes = b"\0") -> bytes:
    """
    :returns: RFC 1929's message.
    """
    return bytes([1, len(username)]) + username + bytes([len(password)]) + password


def events(pieces: Iterable[bytes]) -> tuple[list[object], bytes]:
    """
    :returns: what a negotiation said to these pieces, comparable, replies joined;
        and what trails.
    """
    negotiation = Socks5Negotiation()
    found: list[object] = []
    for piece in pieces:
        for event in negotiation.receive(piece):
            assert not (found and isinstance(found[-1], tuple)), "an event after Refuse"
            found.append(_comparable(event))
    return found, bytes(negotiation.trailing)


def _comparable(event: Event) -> object:
    if isinstance(event, Refuse):
        return (event.data, type(event.error), str(event.error))
    return event


class NegotiationTests(SynchronousTestCase):
    """
    ``Socks5Negotiation``, with applications that do well.
    """

    def _everyCut(self, data: bytes) -> tuple[list[object], bytes]:
        whole = events([data])
        self.assertEqual(events(oneByOne(data)), whole, "byte by byte")
        for at in range(1, min(len(data), 600)):
            self.assertEqual(events([data[:at], data[at:]]), whole, f"cut at {at}")
        return whole

    def test_withoutArguments(self) -> None:
        """
        As tor does it for a bridge without arguments, one step after the other.
        """
        negotiation = Socks5Negotiation()
        self.assertEqual(negotiation.receive(GREETING), [Reply(b"\5\0")])
        self.assertIs(negotiation.request, None)
        expected = Request(TARGET, Arguments())
        self.assertEqual(negotiation.receive(CONNECT), [expected])
        self.assertEqual(negotiation.request, expected)
        self.assertEqual(
            negotiation.succeed(HostPort("127.0.0.1", 0x1234)),
            bytes.fromhex("05 00 00 01 7f000001 1234"),
        )

    def test_withArguments(self) -> None:
        """
        As tor does it for a bridge with arguments.
        """
        found, _ = self._everyCut(
            TOR_GREETING + login(b"cert=AA==;iat-mode=0;x=a\\;b\\\\c") + CONNECT
        )
        arguments = Arguments([("cert", "AA=="), ("iat-mode", "0"), ("x", "a;b\\c")])
        self.assertEqual(found, [Reply(b"\5\2"), Reply(b"\1\0"), Request(TARGET, arguments)])

    def test_ptadapter(self) -> None:
        """
        ptadapter offers method 2 alone, and escapes equal signs.
        """
        found, _ = self._everyCut(b"\5\1\2" + login(b"cert=AA\\=\\=") + CONNECT)
        self.assertEqual(found[-1], Request(TARGET, Arguments(cert="AA==")))

    def test_curl(self) -> None:
        """
        curl offers more methods, sends names, and empty passwords.
        """
        name = b"\5\1\0\3\x0bexample.org\0\x50"
        found, _ = self._everyCut(b"\5\3\0\1\2" + login(b"a=b", b"") + name)
        self.assertEqual(found[-1], Request(HostPort("example.org", 80), Arguments(a="b")))

    def test_longArguments(self) -> None:
        """
        510 bytes of arguments come in two fields, escapes cut through.
        """
        for text in ("k=" + "v" * 508, "k=" + "\\;" * 254, "k=v" + "\\;" * 253):
            for length in (254, 255, 256, 509, 510):
                arguments = text.encode()[:length].removesuffix(b"\\")
                if arguments.endswith(b"\\"):
                    continue
                username, password = arguments[:255], arguments[255:] or b"\0"
                data = TOR_GREETING + login(username, password) + CONNECT
                found, _ = events(oneByOne(data))
                self.assertEqual(events([data])[0], found)
                request = found[-1]
                assert isinstance(request, Request)
                expected = arguments.decode()[2:].replace("\\;", ";")
                self.assertEqual(request.arguments, Arguments(k=expected))

    def test_targets(self) -> None:
        """
        Addresses and names of every form.
        """
        for wire, host in (
            (b"\1\x7f\0\0\1", "127.0.0.1"),
            (b"\4" + bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
            (b"\3\x0bexample.org", "example.org"),
            (b"\3\x01a", "a"),
            (b"\3\x0bxn--bro-hoa", "xn--bro-hoa"),
            (b"\3\x09127.0.0.1", "127.0.0.1"),
            (b"\3\x03::1", "::1"),
            (b"\3\xff" + (b"a" * 63 + b".") * 3 + b"a" * 63, ".".join(["a" * 63] * 4)),
        ):
            found, _ = self._everyCut(GREETING + b"\5\1\0" + wire + b"\0\x50")
            self.assertEqual(found[-1], Request(HostPort(host, 80), Arguments()))

    def test_trailing(self) -> None:
        """
        Payload sent early is kept, and not judged.
        """
        payload = b"\5\1\0" + bytes(range(256))
        found, trailing = self._everyCut(GREETING + CONNECT + payload)
        self.assertEqual(found[-1], Request(TARGET, Arguments()))
        self.assertEqual(trailing, payload)

    def test_ownClient(self) -> None:
        """
        The client codec and the server agree, on arguments of every byte too.
        """
        arguments = Arguments(cert="=;\\" * 30 + "ü", other="x" * 100)
        credentials = splitSocksArguments(formatSocksArguments(arguments))
        for host in ("192.0.2.7", "2001:db8::1", "example.org"):
            server = Socks5Negotiation()
            client = Side(Socks5Client(HostPort(host, 80), credentials, insist=True))
            client.apply(client.codec.start(0.0))
            while not server.request:
                for event in server.receive(client.takeOutbox()):
                    if isinstance(event, Reply):
                        client.apply(client.codec.receive(event.data, 0.0))
            self.assertEqual(server.request, Request(HostPort(host, 80), arguments))
            client.apply(client.codec.receive(server.succeed() + b"hello", 0.0))
            self.assertEqual(client.delivered, b"hello")


class AnswerTests(SynchronousTestCase):
    """
    ``Socks5Negotiation.succeed`` and ``Socks5Negotiation.refuse``.
    """

    def _requested(self) -> Socks5Negotiation:
        negotiation = Socks5Negotiation()
        negotiation.receive(GREETING + CONNECT)
        return negotiation

    def test_bound(self) -> None:
        """
        The bound address is told if it is known.
        """
        for bound, wire in (
            (None, "01 00000000 0000"),
            (HostPort("127.0.0.2", 1), "01 7f000002 0001"),
            (HostPort("::1", 65535), "04 00000000000000000000000000000001 ffff"),
        ):
            self.assertEqual(self._requested().succeed(bound), bytes.fromhex("05 00 00" + wire))

    def test_everyCause(self) -> None:
        """
        Each cause has a code, none of them success.
        """
        self.assertEqual(set(REPLY_OF_CAUSE), set(Cause))
        for cause, code in (
            (Cause.DNS, 4),
            (Cause.REFUSED, 5),
            (Cause.UNREACHABLE, 3),
            (Cause.TIMEOUT, 6),
            (Cause.UPSTREAM_PROXY, 1),
            (Cause.ARGUMENTS, 1),
            (Cause.HANDSHAKE, 1),
            (Cause.AUTHENTICATION, 1),
            (Cause.VERSION, 1),
            (Cause.CLOSED_BY_PEER, 1),
            (Cause.INTERNAL, 1),
        ):
            self.assertEqual(
                self._requested().refuse(cause),
                bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]),
            )

    def test_thereAndBack(self) -> None:
        """
        What our server says of a cause is what our client makes of it.
        """
        for cause in (Cause.REFUSED, Cause.UNREACHABLE, Cause.TIMEOUT):
            self.assertIs(CAUSE_OF_REPLY[REPLY_OF_CAUSE[cause]], cause)
        self.assertNotIn(ReplyCode.GENERAL_FAILURE, CAUSE_OF_REPLY)

    def test_once(self) -> None:
        """
        One answer to one request, and only when it was made.
        """
        early = Socks5Negotiation()
        self.assertRaises(LocalProtocolError, early.succeed)
        self.assertRaises(LocalProtocolError, early.refuse, Cause.DNS)
        done = self._requested()
        done.succeed()
        self.assertRaises(LocalProtocolError, done.succeed)
        self.assertRaises(LocalProtocolError, done.receive, b"payload")
        refused = self._requested()
        refused.refuse(Cause.DNS)
        self.assertRaises(LocalProtocolError, refused.refuse, Cause.DNS)
        self.assertEqual(refused.receive(b"more" * 100_000), [])


class BadInputTests(SynchronousTestCase):
    """
    ``Socks5Negotiation``, with everybody else.
    """

    def _refused(self, data: bytes) -> Refuse:
        """
        Assert that all cuts of the data are refused alike, and that the last
        byte is the one too many.
        """
        expected = events([data])
        self.assertEqual(events(oneByOne(data)), expected, data)
        for at in range(1, len(data)):
            self.assertEqual(events([data[:at], data[at:]]), expected, data)
        before, _ = events([data[:-1]])
        self.assertFalse(any(isinstance(e, tuple) for e in before), "refused too late")
        # Behind a refusal, nothing matters.
        self.assertEqual(events([data, data, b"\0" * 1_000_000]), expected)
        refusal = Socks5Negotiation().receive(data)[-1]
        assert isinstance(refusal, Refuse)
        return refusal

    def test_everyByteOfTheGreeting(self) -> None:
        """
        A wrong version, or no method that we know.
        """
        for version in (*range(5), *range(6, 256)):
            self.assertEqual(self._refused(bytes([version])).data, b"")
        for methods in (b"\0", b"\1\1", b"\1\xff", b"\3\1\3\x80", b"\xff" + b"\x80" * 255):
            self.assertEqual(self._refused(b"\5" + methods).data, b"\5\xff")

    def test_everyByteOfTheLogin(self) -> None:
        """
        A failed login ends in RFC 1929's failure.
        """
        for message in (b"\0", b"\5", b"\1\0"):
            refusal = self._refused(TOR_GREETING + message)
            self.assertEqual(refusal.data, b"\1\1")
            self.assertIsInstance(refusal.error, PeerError)

    def test_badArguments(self) -> None:
        """
        So do arguments that are none, for which the operator is told why.
        """
        for arguments in (b"a", b"=b", b"a=b;", b"a=b;;c=d", b"a=b\\", b"a=\xff", b"\0=\\"):
            refusal = self._refused(TOR_GREETING + login(arguments))
            self.assertEqual(refusal.data, b"\1\1")
            self.assertIsInstance(refusal.error, ConfigurationError)
            self.assertIs(refusal.error.cause, Cause.ARGUMENTS)

    def test_everyByteOfTheRequest(self) -> None:
        """
        Each part has its own reply code.
        """
        for message, code in (
            (b"\4", 1),
            (b"\5\2", 7),
            (b"\5\3", 7),
            (b"\5\xf0", 7),
            (b"\5\1\1", 1),
            (b"\5\1\0\0", 8),
            (b"\5\1\0\2", 8),
            (b"\5\1\0\5", 8),
            (b"\5\1\0\1\x7f\0\0\1\0\0", 1),
            (b"\5\1\0\3\0\0\x50", 1),
            (b"\5\1\0\3\1 \0\x50", 1),
            (b"\5\1\0\3\3a\0b\0\x50", 1),
            (b"\5\1\0\3\4a..b\0\x50", 1),
            (b"\5\1\0\3\2\xc3\xbc\0\x50", 1),
            (b"\5\1\0\3\7[::1%x]\0\x50", 1),
            (b"\5\1\0\3\x06fe80::\0\0", 1),
        ):
            for before in (GREETING, TOR_GREETING + login(b"a=b")):
                refusal = self._refused(before + message)
                self.assertEqual(refusal.data, bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))

    def test_tooMuchEarly(self) -> None:
        """
        What is kept early has a bound, in one piece or in many.
        """
        allowed = b"x" * limits.SOCKS_EARLY
        for pieces in ([GREETING + CONNECT + allowed], [GREETING + CONNECT, allowed]):
            found, trailing = events(pieces)
            self.assertEqual((found[-1], trailing), (Request(TARGET, Arguments()), allowed))
            found, trailing = events([*pieces, b"x"])
            self.assertEqual(
                (found[-1], trailing),
                ((FAILURE, HandshakeFailed, "too much was sent before the reply"), b""),
            )
        self.assertEqual(events([GREETING + CONNECT + allowed + b"x"])[0], found)

    def test_refusedTooLate(self) -> None:
        """
        Who sent too much gets no other answer.
        """
        negotiation = Socks5Negotiation()
        negotiation.receive(GREETING + CONNECT + b"x" * (limits.SOCKS_EARLY + 1))
        self.assertRaises(LocalProtocolError, negotiation.succeed)

    @settings(max_examples=500, deadline=None)
    @given(
        st.binary(max_size=60),
        st.sampled_from(
            [
                b"",
                b"\5",
                GREETING,
                TOR_GREETING,
                TOR_GREETING + login(b"a=b"),
                GREETING + b"\5\1\0",
            ]
        ),
    )
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        data = begun + data
        whole = events([data])
        self.assertEqual(events(oneByOne(data)), whole)
        for at in range(1, len(data), 3):
            self.assertEqual(events([data[:at], data[at:]]), whole)
