"""
``pyptwist.proxies.socks5server`` and ``pyptwist.proxies.socks5wire``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

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
from pyptwist.proxies.socks5server import (
    ALL_METHODS,
    PT1_METHODS,
    Event,
    Refuse,
    Reply,
    Request,
    Socks5Negotiation,
)
from pyptwist.proxies.socks5wire import CAUSE_OF_REPLY, REPLY_OF_CAUSE, Method, ReplyCode
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


def events(
    pieces: Iterable[bytes], methods: Collection[Method] = PT1_METHODS
) -> tuple[list[object], bytes]:
    """
    :returns: what a negotiation said to these pieces, comparable, replies joined;
        and what trails.
    """
    negotiation = Socks5Negotiation(methods)
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

    def test_noTarget(self) -> None:
        """
        Where there is no address, the arguments say it.  Port 0 of a real one, or any
        other port of no address, is not that.
        """
        for wire in (b"\1\0\0\0\0", b"\4" + bytes(16)):
            found, _ = self._everyCut(GREETING + b"\5\1\0" + wire + b"\0\0")
            self.assertEqual(found[-1], Request(None, Arguments()))
            found, _ = self._everyCut(GREETING + b"\5\1\0" + wire + b"\0\x50")
            request = found[-1]
            assert isinstance(request, Request) and request.target is not None
        found, _ = self._everyCut(GREETING + b"\5\1\0\1\x7f\0\0\1\0\0")
        self.assertIsInstance(found[-1], tuple)

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


def parameters(text: str) -> bytes:
    """
    :returns: a JSON parameter block.
    """
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


class ParameterTests(SynchronousTestCase):
    """
    ``Socks5Negotiation`` with arguments in JSON (PT 2.1 to 3.0, section 1.4).
    """

    def _judged(self, data: bytes) -> list[object]:
        found, _ = events([data], ALL_METHODS)
        self.assertEqual(events(oneByOne(data), ALL_METHODS)[0], found, "byte by byte")
        return found

    def test_parameters(self) -> None:
        """
        Nothing is said to what is right; what they are stays what it is.
        """
        # The example of the specs, whose length is the next line's.
        text = '{"shared-secret": "rahasia", "secrets-file": "/tmp/blob"}'
        self.assertEqual(parameters(text)[:4], b"\0\0\0\x39")
        arguments = Arguments([("shared-secret", "rahasia"), ("secrets-file", "/tmp/blob")])
        for greeting in (b"\5\1\x09", b"\5\2\0\x09", b"\5\3\2\x09\0"):
            found = self._judged(greeting + parameters(text) + CONNECT)
            self.assertEqual(found, [Reply(b"\5\x09"), Request(TARGET, arguments)])
        found = self._judged(b"\5\1\x09" + parameters('{"a": {"b": [1, null]}}') + CONNECT)
        self.assertEqual(found[-1], Request(TARGET, Arguments(a={"b": [1, None]})))

    def test_othersToo(self) -> None:
        """
        What PT 1 has is understood as well, where parameters are.
        """
        found = self._judged(TOR_GREETING + login(b"a=b") + CONNECT)
        self.assertEqual(found[-1], Request(TARGET, Arguments(a="b")))
        self.assertEqual(self._judged(GREETING + CONNECT)[-1], Request(TARGET, Arguments()))

    def test_notInVersion1(self) -> None:
        """
        In PT 1 there is no such method.
        """
        [refused] = events([b"\5\1\x09"])[0]
        assert isinstance(refused, tuple)
        self.assertEqual(refused[0], b"\5\xff")
        self.assertEqual(events([b"\5\2\x09\0"])[0], [Reply(b"\5\0")])

    def test_refused(self) -> None:
        """
        What is wrong is told as an answer to a request is, by a code of its own.
        """
        tooMany = limits.SOCKS_PARAMETERS + 1
        for data, code in (
            (tooMany.to_bytes(4, "big"), 0x10),
            (b"\xff\xff\xff\xff", 0x10),
            (tooMany.to_bytes(4, "big") + b"x" * 100, 0x10),
            (parameters(""), 0x12),
            (parameters("}{"), 0x12),
            (parameters("[]"), 0x12),
            (parameters('{"a": 1, "a": 2}'), 0x12),
            (b"\0\0\0\2\xff\xff", 0x12),
        ):
            reply, refused = self._judged(b"\5\1\x09" + data)
            self.assertEqual(reply, Reply(b"\5\x09"))
            assert isinstance(refused, tuple)
            self.assertEqual(refused[0], bytes([5, code, *FAILURE[2:]]), data)

    def test_largest(self) -> None:
        """
        As many bytes as the limit are fine.
        """
        text = '{"a": ""}'
        text = f'{{"a": "{"x" * (limits.SOCKS_PARAMETERS - len(text))}"}}'
        found = self._judged(b"\5\1\x09" + parameters(text) + CONNECT)
        self.assertIsInstance(found[-1], Request)

    def test_wrongArguments(self) -> None:
        """
        If the method does not take them, that has a code as well, which other
        failures do not have, nor other applications.
        """
        for greeting, cause, code in (
            (b"\5\1\x09" + parameters("{}"), Cause.ARGUMENTS, 0x13),
            (b"\5\1\x09" + parameters("{}"), Cause.TIMEOUT, ReplyCode.TTL_EXPIRED),
            (GREETING, Cause.ARGUMENTS, ReplyCode.GENERAL_FAILURE),
            (TOR_GREETING + login(b"a=b"), Cause.ARGUMENTS, ReplyCode.GENERAL_FAILURE),
        ):
            negotiation = Socks5Negotiation(ALL_METHODS)
            negotiation.receive(greeting + CONNECT)
            self.assertEqual(negotiation.refuse(cause)[1], code)

    def test_late(self) -> None:
        """
        Who does not come to an end with parameters is told so, and nobody else.
        """
        whole = b"\5\1\x09" + parameters('{"a": 1}')
        for end in range(len(whole) + 1):
            negotiation = Socks5Negotiation(ALL_METHODS)
            negotiation.receive(whole[:end])
            expected = bytes([5, 0x11, *FAILURE[2:]]) if 3 <= end < len(whole) else b""
            self.assertEqual(negotiation.expire(), expected, end)
            self.assertEqual(negotiation.receive(b"more"), [])

    @given(st.binary(max_size=64))
    def test_garbage(self, data: bytes) -> None:
        """
        Anything in the place of parameters has an outcome, whatever the cut.
        """
        self._judged(b"\5\1\x09" + data)
        self._judged(b"\5\1\x09" + len(data).to_bytes(4, "big") + data + CONNECT)

    def test_ownClient(self) -> None:
        """
        The client codec and the server agree.
        """
        block = parameters('{"cert": "x", "n": 1}')
        server = Socks5Negotiation(ALL_METHODS)
        client = Side(Socks5Client(TARGET, parameters=block))
        client.apply(client.codec.start(0.0))
        while not server.request:
            for event in server.receive(client.takeOutbox()):
                if isinstance(event, Reply):
                    client.apply(client.codec.receive(event.data, 0.0))
        self.assertEqual(server.request, Request(TARGET, Arguments(cert="x", n=1)))


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
