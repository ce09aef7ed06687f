"""
``pyptwist.extorport``.
"""

from __future__ import annotations

import os
import stat
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ConfigurationError,
    HandshakeFailed,
    LocalProtocolError,
)
from pyptwist.extorport import (
    COOKIE_FILE,
    ExtORPortClient,
    ExtORPortServer,
    createCookie,
    readCookie,
)
from pyptwist.interfaces import Context
from pyptwist.state import StateDirectory
from pyptwist.testing import CodecConformance, fixedEntropy
from pyptwist.testing.codecs import Side
from tests.proxies.driving import PAYLOAD, everyCut, outcome
from tests.remains import withoutCollector

# The vector of tor's own tests (src/test/test_extorport.c).
COOKIE = b"Gliding wrapt in a brown mantle,"
CLIENT_NONCE = b"But when I look ahead up the whi"
SERVER_NONCE = b"te road There is always another "
SERVER_HASH = bytes.fromhex("ec80ed6e546d3b36fdfc22fe1315416b029f1ade7610d910878b62eeb7403821")
CLIENT_HASH = bytes.fromhex("ab391732dd2ed968cd40c087d1b1f25b33b3cd77ff79bd80c2074bbf438119a2")

USER = HostPort("192.0.2.7", 5678)
OKAY = bytes.fromhex("1000 0000")
DENY = bytes.fromhex("1001 0000")
DONE = bytes.fromhex("0000 0000")
TYPES = b"\1\0"
AUTHENTICATED = TYPES + SERVER_HASH + SERVER_NONCE + b"\1"
LOGIN = b"\1" + CLIENT_NONCE + CLIENT_HASH


def command(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


USERADDR = command(1, b"192.0.2.7:5678")
TRANSPORT = command(2, b"obfs4")


def only(value: bytes) -> Callable[[int], bytes]:
    """
    :returns: entropy that is this value, once.
    """
    left = [value]

    def entropy(count: int) -> bytes:
        assert count == len(value)
        return left.pop()

    return entropy


def client(userAddress: HostPort | None = USER, name: str = "obfs4") -> ExtORPortClient:
    return ExtORPortClient(COOKIE, userAddress, name, only(CLIENT_NONCE))


def server(
    accept: Callable[[HostPort | None, str | None], bool] | None = None,
) -> ExtORPortServer:
    return ExtORPortServer(COOKIE, only(SERVER_NONCE), accept)


class _Method:
    """
    The two halves as if they were a transport, for the common tests.
    """

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return lambda: ExtORPortClient(COOKIE, USER, "obfs4", context.entropy)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return lambda: ExtORPortServer(COOKIE, context.entropy), arguments


class ConformanceTests(CodecConformance, SynchronousTestCase):
    """
    Client and server, joined, keep the contract of codecs.
    """

    method = _Method
    plain = True


class ClientTests(SynchronousTestCase):
    """
    ``ExtORPortClient``.
    """

    def test_conversation(self) -> None:
        """
        Step by step, with tor's test vector; nothing follows DONE before OKAY.
        """
        side = Side(client())
        side.apply(side.codec.start(0.0))
        self.assertEqual(side.takeOutbox(), b"")
        for said, answer in (
            (TYPES, b"\1" + CLIENT_NONCE),
            (SERVER_HASH + SERVER_NONCE, CLIENT_HASH),
            (b"\1", USERADDR + TRANSPORT + DONE),
        ):
            side.apply(side.codec.receive(said, 0.0))
            self.assertEqual(side.takeOutbox(), answer)
        self.assertRaises(LocalProtocolError, side.codec.send, b"early", 0.0)
        side.apply(side.codec.receive(OKAY, 0.0))
        self.assertEqual((side.isReady, side.takeOutbox()), (True, b""))

    def test_payloadBehindOkay(self) -> None:
        """
        Payload behind OKAY is delivered, however it all is cut.
        """
        done = everyCut(self, client, AUTHENTICATED + OKAY + PAYLOAD)
        self.assertEqual((done.ready, done.delivered), (True, PAYLOAD))

    def test_freed(self) -> None:
        """
        It is freed at once, though it passed over a command that it does not know.
        """
        withoutCollector(self)
        codec: ExtORPortClient | None = client()
        assert codec is not None
        codec.start(0.0)
        codec.receive(AUTHENTICATED + command(0x1F00, b"what?"), 0.0)
        remembered = weakref.ref(codec)
        codec = None
        self.assertIsNone(remembered())

    def test_addresses(self) -> None:
        """
        IPv6 is in brackets; IPv4 is IPv4, whatever socket it came through.
        """
        for host, text in (
            ("2001:db8::1", b"[2001:db8::1]:5678"),
            ("2001:DB8:0::1", b"[2001:db8::1]:5678"),
            ("::ffff:192.0.2.7", b"192.0.2.7:5678"),
        ):
            sent = outcome(client(HostPort(host, 5678)), [AUTHENTICATED]).sent
            self.assertTrue(sent.endswith(command(1, text) + TRANSPORT + DONE))

    def test_noAddress(self) -> None:
        """
        An unknown address is not told.
        """
        sent = outcome(client(None), [AUTHENTICATED]).sent
        self.assertEqual(sent, LOGIN + TRANSPORT + DONE)

    def test_unfit(self) -> None:
        """
        What tor would close the connection for cannot be asked for.
        """
        for address in (HostPort("192.0.2.7", 0), HostPort("a", 1), HostPort("fe80::1%lo", 1)):
            self.assertRaises(LocalProtocolError, client, address)
        for name in ("", "a-b", "1a", "a\0", "a ", "ü"):
            self.assertRaises(LocalProtocolError, client, USER, name)
        for cookie in (b"", COOKIE[:-1], COOKIE + b"x"):
            self.assertRaises(
                LocalProtocolError, ExtORPortClient, cookie, None, "a", only(CLIENT_NONCE)
            )

    def test_otherTypes(self) -> None:
        """
        Type 1 is found among others; 255 types can be.
        """
        for types in (b"\2\1\xff\0", bytes(range(1, 256)) + b"\0", bytes(range(255, -1, -1))):
            done = everyCut(self, client, types + AUTHENTICATED[2:] + OKAY)
            self.assertTrue(done.ready)

    def test_noType(self) -> None:
        """
        Without type 1, the server is told so by a 0.
        """
        for types in (b"\0", b"\2\0", b"\2\3\xff\0"):
            done = everyCut(self, client, types)
            self.assertEqual(done.sent, b"\0")
            assert done.failure is not None
            self.assertIs(done.failure[0], HandshakeFailed)

    def test_typesWithoutEnd(self) -> None:
        """
        No more types are read than there are.
        """
        done = everyCut(self, client, b"\1" * 256 + b"\0", 300)
        self.assertEqual(done.sent, b"")
        self.assertIsNot(done.failure, None)

    def test_wrongServer(self) -> None:
        """
        A server without the cookie learns nothing: each byte of its hash counts.
        """
        for at in range(64):
            said = bytearray(SERVER_HASH + SERVER_NONCE)
            said[at] ^= 1
            done = outcome(client(), [TYPES, bytes(said)])
            self.assertEqual(done.sent, b"\1" + CLIENT_NONCE)
            assert done.failure is not None
            self.assertIs(done.failure[0], AuthenticationFailed)

    def test_reflected(self) -> None:
        """
        Our own hash is not taken for theirs: the two sides' labels differ.
        """
        done = outcome(client(), [TYPES, CLIENT_HASH + SERVER_NONCE])
        assert done.failure is not None
        self.assertIs(done.failure[2], Cause.AUTHENTICATION)

    def test_refused(self) -> None:
        """
        Any status but 1 is a refusal, and nothing more is told.
        """
        for status in (0, *range(2, 256)):
            done = outcome(client(), [AUTHENTICATED[:-1] + bytes([status])])
            self.assertEqual(done.sent, LOGIN)
            assert done.failure is not None
            self.assertIs(done.failure[0], AuthenticationFailed)

    def test_denied(self) -> None:
        """
        DENY ends it, its body unread.
        """
        for denial in (DENY, bytes.fromhex("1001 0005")):
            done = everyCut(self, client, AUTHENTICATED + denial)
            assert done.failure is not None
            self.assertEqual(done.failure[::2], (HandshakeFailed, Cause.REFUSED))

    def test_bodies(self) -> None:
        """
        The body of OKAY, and unknown commands, are passed over.
        """
        for before in (b"", command(0x1002, b"x" * 60_000), command(9, b"") + command(1, b"a")):
            for okay in (OKAY, command(0x1000, b"y" * 65_535)):
                said = AUTHENTICATED + before + okay + PAYLOAD
                for pieces in ([said], [said[i : i + 7] for i in range(0, len(said), 7)]):
                    self.assertEqual(outcome(client(), pieces).delivered, PAYLOAD)
        everyCut(
            self, client, AUTHENTICATED + command(9, b"abc") + command(0x1000, b"d") + PAYLOAD
        )

    def test_unknownFlood(self) -> None:
        """
        Unknown commands are bounded, empty ones too, and not kept.
        """
        for body in (b"", b"x" * 1000, b"x" * 65_535):
            codec, received = client(), 0
            codec.start(0.0)
            codec.receive(AUTHENTICATED, 0.0)
            flood = command(9, body)
            while not codec.receive(flood, 0.0):
                received += len(flood)
                self.assertTrue(received <= limits.EXTENDED_ORPORT_UNKNOWN)
                self.assertTrue(len(codec.buffer) <= limits.HANDSHAKE_BUFFER)

    def test_closedEarly(self) -> None:
        """
        A server that closes in the middle has failed.
        """
        said = AUTHENTICATED + OKAY
        for length in range(len(said)):
            side = Side(client())
            side.apply(side.codec.receive(said[:length], 0.0))
            side.apply(side.codec.receiveEnd(0.0))
            assert side.error is not None
            self.assertIs(side.error.cause, Cause.CLOSED_BY_PEER)

    def test_passesByReference(self) -> None:
        """
        Once accepted, chunks are neither copied nor kept.
        """
        codec = client()
        codec.receive(AUTHENTICATED + OKAY, 0.0)
        chunk = b"x" * 1_000_000
        (down,), (up,) = codec.receive(chunk, 0.0), codec.send(chunk, 0.0)
        self.assertIs(getattr(down, "data", None), chunk)
        self.assertIs(getattr(up, "data", None), chunk)

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(max_size=80),
        st.sampled_from([b"", TYPES, AUTHENTICATED[:-1], AUTHENTICATED, AUTHENTICATED + b"\x10"]),
    )
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        everyCut(self, client, begun + data)


class CookieTests(SynchronousTestCase):
    """
    ``readCookie`` and ``createCookie``.
    """

    header = b"! Extended ORPort Auth Cookie !\n"

    def _file(self, content: bytes) -> Path:
        path = Path(_mktemp(self))
        path.write_bytes(content)
        return path

    def test_read(self) -> None:
        """
        A file of 64 bytes, as tor writes it, whatever its bytes.
        """
        for cookie in (COOKIE, b"\n" * 32, b"\0\xff\r\n" * 8):
            self.assertEqual(readCookie(self._file(self.header + cookie)), cookie)

    def test_bad(self) -> None:
        """
        Anything else is refused; its bytes are not repeated.
        """
        for content in (
            b"",
            self.header,
            self.header + COOKIE[:-1],
            self.header + COOKIE + b"\n",
            self.header.replace(b"!", b"?") + COOKIE,
            self.header.lower() + COOKIE,
            b" " + self.header + COOKIE[:-1],
        ):
            error = self.assertRaises(ConfigurationError, readCookie, self._file(content))
            self.assertNotIn("mantle", str(error))

    def test_unreadable(self) -> None:
        """
        A file that is missing, or is none, is the operator's error too.
        """
        path = Path(_mktemp(self))
        self.assertRaises(ConfigurationError, readCookie, path)
        path.mkdir()
        self.assertRaises(ConfigurationError, readCookie, path)

    def test_create(self) -> None:
        """
        What was made can be read, by its owner alone; the next is another.
        """
        path = Path(_mktemp(self))
        directory, entropy = StateDirectory(path), fixedEntropy("cookies")
        first = createCookie(directory, entropy)
        self.assertEqual(readCookie(path / COOKIE_FILE), first)
        self.assertEqual(stat.S_IMODE(os.stat(path / COOKIE_FILE).st_mode), 0o600)
        second = createCookie(directory, entropy)
        self.assertEqual(readCookie(path / COOKIE_FILE), second)
        self.assertNotEqual(first, second)
        self.assertEqual(os.listdir(path), [COOKIE_FILE])


def _mktemp(test: Any) -> str:
    return str(test.mktemp())
