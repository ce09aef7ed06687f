"""
``pyptwist.extorport.ExtORPortServer``; the rest is in ``tests.test_extorport``.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import AuthenticationFailed, Cause, HandshakeFailed
from pyptwist.testing.codecs import CodecPair, Side, oneByOne
from tests.proxies.driving import PAYLOAD, everyCut, outcome
from tests.test_extorport import (
    CLIENT_HASH,
    CLIENT_NONCE,
    DENY,
    DONE,
    LOGIN,
    OKAY,
    SERVER_HASH,
    SERVER_NONCE,
    TRANSPORT,
    TYPES,
    USER,
    USERADDR,
    client,
    command,
    server,
)


class ServerTests(SynchronousTestCase):
    """
    ``ExtORPortServer``.
    """

    def _told(self, commands: bytes) -> tuple[HostPort | None, str | None, Side]:
        codec = server()
        side = Side(codec)
        side.apply(codec.start(0.0))
        for piece in oneByOne(LOGIN + commands):
            side.apply(codec.receive(piece, 0.0))
        return codec.userAddress, codec.transportName, side

    def test_conversation(self) -> None:
        """
        Step by step, with tor's test vector.
        """
        side = Side(server())
        side.apply(side.codec.start(0.0))
        self.assertEqual(side.takeOutbox(), TYPES)
        for said, answer in (
            (b"\1", b""),
            (CLIENT_NONCE, SERVER_HASH + SERVER_NONCE),
            (CLIENT_HASH, b"\1"),
            (USERADDR + TRANSPORT, b""),
            (DONE, OKAY),
        ):
            self.assertFalse(side.isReady)
            side.apply(side.codec.receive(said, 0.0))
            self.assertEqual(side.takeOutbox(), answer)
        self.assertTrue(side.isReady)
        side.apply(side.codec.receive(PAYLOAD, 0.0))
        self.assertEqual(side.delivered, PAYLOAD)

    def test_everyCut(self) -> None:
        """
        It does not matter how a client's bytes are cut up.
        """
        done = everyCut(self, server, LOGIN + USERADDR + TRANSPORT + DONE)
        self.assertEqual((done.ready, done.failure), (True, None))

    def test_told(self) -> None:
        """
        What the client tells is there at Ready: any order, the last of two
        counts, and neither is required.
        """
        other = command(1, b"[2001:db8::1]:1") + command(2, b"_x9")
        for commands, expected in (
            (b"", (None, None)),
            (TRANSPORT + USERADDR, (USER, "obfs4")),
            (USERADDR + TRANSPORT + other, (HostPort("2001:db8::1", 1), "_x9")),
            (command(3, b"?") + USERADDR + command(0x1000, b""), (USER, None)),
        ):
            address, name, side = self._told(commands + DONE)
            self.assertEqual((address, name), expected)
            self.assertTrue(side.isReady)

    def test_bodyOfDone(self) -> None:
        """
        DONE's body is passed over.
        """
        _, _, side = self._told(command(0, b"x" * 20_000))
        self.assertTrue(side.isReady)

    def test_judged(self) -> None:
        """
        The application says who is welcome.
        """
        asked: list[tuple[HostPort | None, str | None]] = []

        def judge(address: HostPort | None, name: str | None) -> bool:
            asked.append((address, name))
            return name == "obfs4"

        good = outcome(server(judge), [LOGIN + USERADDR + TRANSPORT + DONE])
        self.assertEqual((good.ready, good.sent[-4:]), (True, OKAY))
        bad = outcome(server(judge), [LOGIN + USERADDR + DONE])
        self.assertEqual((bad.ready, bad.sent[-4:]), (False, DENY))
        assert bad.failure is not None
        self.assertIs(bad.failure[2], Cause.REFUSED)
        self.assertEqual(asked, [(USER, "obfs4"), (USER, None)])

    def test_ownClientIsDenied(self) -> None:
        """
        Our client understands our server's DENY.
        """
        pair = CodecPair(client(), server(lambda address, name: False))
        pair.start()
        pair.run()
        assert pair.client.error is not None
        self.assertIs(pair.client.error.cause, Cause.REFUSED)

    def test_wrongType(self) -> None:
        """
        Any type but 1 ends it.
        """
        for kind in (0, *range(2, 256)):
            done = outcome(server(), [bytes([kind])])
            self.assertEqual(done.sent, TYPES)
            self.assertIsNot(done.failure, None)

    def test_wrongClient(self) -> None:
        """
        A client without the cookie gets a 0, and no command is read: each byte
        of its hash counts.
        """
        for at in range(32):
            said = bytearray(CLIENT_HASH)
            said[at] ^= 1
            done = outcome(server(), [b"\1" + CLIENT_NONCE + bytes(said) + DONE])
            self.assertEqual(done.sent, TYPES + SERVER_HASH + SERVER_NONCE + b"\0")
            assert done.failure is not None
            self.assertIs(done.failure[0], AuthenticationFailed)

    def test_early(self) -> None:
        """
        Payload behind DONE, before OKAY, ends it: so it is with tor.
        """
        done = outcome(server(), [LOGIN + DONE + b"x"])
        self.assertFalse(done.ready)
        self.assertEqual(done.delivered, b"")
        self.assertIsNot(done.failure, None)

    def test_badCommands(self) -> None:
        """
        A known command that does not parse ends it.
        """
        for bad in (
            command(1, b""),
            command(1, b"192.0.2.7"),
            command(1, b"192.0.2.7:0"),
            command(1, b"192.0.2.7:5678\0"),
            command(1, b"2001:db8::1:5678"),
            command(1, b"[fe80::1%eth0]:5678"),
            command(1, b"example.org:5678"),
            command(1, b"\xff:5678"),
            command(2, b""),
            command(2, b"a-b"),
            command(2, b"obfs4\0"),
            command(2, b"\xe9"),
            bytes.fromhex("0001 0401"),
            bytes.fromhex("0002 ffff"),
        ):
            done = everyCut(self, server, LOGIN + bad)
            assert done.failure is not None, bad
            self.assertIs(done.failure[0], HandshakeFailed)
            self.assertEqual(done.sent[-1:], b"\1")

    def test_longestName(self) -> None:
        """
        Names may be long, within the bound.
        """
        name = "a" * limits.EXTENDED_ORPORT_BODY
        _, told, side = self._told(command(2, name.encode()) + DONE)
        self.assertEqual((told, side.isReady), (name, True))

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(max_size=80).filter(lambda data: b"\0\0" not in data),
        st.sampled_from([b"", b"\1", b"\1" + CLIENT_NONCE, LOGIN, LOGIN + b"\0\1\0"]),
    )
    def test_garbage(self, data: bytes, begun: bytes) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        (DONE is left out: what may follow it depends on when it comes.)
        """
        everyCut(self, server, begun + data)
