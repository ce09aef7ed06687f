"""
What somebody can do to a server who sends it what he likes, from where he likes.
"""

from __future__ import annotations

import random
from itertools import count
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import Unresponsive
from pyptwist.multiplex.kcp.segments import HEADER
from pyptwist.testing import fixedEntropy
from pyptwist.testing.endpointcase import BRIDGE, SETTLE, SILENT
from pyptwist.testing.streams import Address
from pyptwist.transports.kcp.framing import KcptunFraming, Kind, SessionFraming
from tests.transports.kcp.case import SERVER, KcpCase

SILENT_AT: Address = (SILENT.host, SILENT.port)
SPOOFED: Address = ("192.0.2.66", 6666)
ID = b"attacker"
SEALED = SessionFraming().seal

_DATAGRAMS = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda kind, body: SEALED(ID, kind, body),
        st.sampled_from(Kind),
        st.sampled_from([b"", bytes(16), bytes(24), b"\1" + bytes(15)]),
    ),
    st.builds(
        lambda command, number, data: SEALED(
            ID,
            Kind.PACKET,
            HEADER.pack(int.from_bytes(ID[:4], "little"), command, 0, 128, 0, number, 0, len(data))
            + data,
        ),
        st.integers(80, 85),
        st.integers(0, 3),
        st.binary(max_size=10),
    ),
)


def push(data: bytes, conversation: int = 7, number: int = 0) -> bytes:
    """
    A packet.
    """
    return HEADER.pack(conversation, 81, 0, 128, 0, number, 0, len(data)) + data


class SessionTests(KcpCase, SynchronousTestCase):
    """
    Our own framing.
    """

    def answers(self) -> list[bytes]:
        """
        What the spoofed address was sent.
        """
        self.network.pump()
        return [datagram for datagram, _, to in self.network.sent if to == SPOOFED]

    def enter(self, session: bytes = ID, address: Address = SPOOFED) -> None:
        """
        Be let in.
        """
        self.say(SEALED(session, Kind.HELLO), address)
        (challenge,) = [
            d for d, _, to in self.network.sent if to == address and d.startswith(session)
        ][-1:]
        self.say(SEALED(session, Kind.ANSWER, challenge[9:]), address)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(_DATAGRAMS, max_size=20))
    def test_garbage(self, datagrams: list[bytes]) -> None:
        """
        Who has no cookie reaches no application, and is never sent more than he sent.
        """
        self.start()
        self.addCleanup(self.port.stopListening)
        for datagram in datagrams:
            self.say(datagram, SPOOFED)
        self.network.pump(SETTLE)
        sent, received = self.network.amounts(SPOOFED)
        self.assertLessEqual(received, sent)
        self.assertEqual(self.servers.built, [])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    @settings(max_examples=100, deadline=None)
    @given(st.lists(_DATAGRAMS, max_size=20))
    def test_garbageWithin(self, datagrams: list[bytes]) -> None:
        """
        Who was let in can end his own conversation, and no other.
        """
        self.start()
        client, server = self.connected()
        self.enter()
        for datagram in datagrams:
            self.say(datagram, SPOOFED)
        client.transport.write(b"still here")
        self.network.pump(SETTLE)
        self.assertEqual(bytes(server.received), b"still here")
        self.assertEqual(len(self.servers.built[1].lost), 1)
        client.transport.loseConnection()
        self.assertAtRest()

    def test_silence(self) -> None:
        """
        Only one kind of stranger's datagram is answered.
        """
        for kind in set(Kind) - {Kind.HELLO}:
            self.say(SEALED(ID, kind, bytes(16)), SPOOFED)
            self.say(SEALED(ID, kind), SPOOFED)
        self.say(SEALED(ID, Kind.PACKET, push(b"hello")), SPOOFED)
        self.assertEqual(self.answers(), [])
        self.say(SEALED(ID, Kind.HELLO), SPOOFED)
        self.assertEqual(len(self.answers()), 1)

    def test_nothingIsKept(self) -> None:
        """
        Of who has no cookie.
        """
        for number in range(1000):
            self.say(SEALED(b"%08d" % number, Kind.HELLO), ("192.0.2.66", number))
        listener: Any = self.port
        self.assertEqual(len(listener._clients), 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_stolenCookie(self) -> None:
        """
        A cookie is good where it was sent to, and nowhere else.
        """
        self.say(SEALED(ID, Kind.HELLO), SPOOFED)
        (challenge,) = self.answers()
        self.say(SEALED(ID, Kind.ANSWER, challenge[9:]), ("192.0.2.66", 6667))
        self.say(SEALED(ID[::-1], Kind.ANSWER, challenge[9:]), SPOOFED)
        self.assertEqual(self.servers.built, [])

    def test_replayedCookie(self) -> None:
        """
        A conversation that is over is not begun again by its own datagrams.
        """
        self.enter()
        hello = list(self.network.sent)
        self.say(SEALED(ID, Kind.ABORT), SPOOFED)
        self.network.pump(limits.KCP_COOKIE)
        for datagram, source, to in hello:
            if to == SERVER:
                self.say(datagram, source)
        self.assertEqual(len(self.servers.built), 1)
        self.assertEqual(self.answers()[-1], SEALED(ID, Kind.ABORT))

    def test_foreignAddress(self) -> None:
        """
        Who names a session, his own say, in another's name has him sent no more than he
        sent, and none of the payload.
        """
        self.enter(ID, ("192.0.2.1", 1))
        victim: Any = self.servers.built[-1]
        victim.transport.write(random.Random(1).randbytes(100_000))
        for number in range(20):
            self.say(
                SEALED(ID, Kind.PACKET, push(b"x", int.from_bytes(ID[:4], "little"), number)),
                SPOOFED,
            )
            self.say(SEALED(ID, Kind.PING), SPOOFED)
            self.say(SEALED(ID, Kind.HELLO), SPOOFED)
            self.say(SEALED(ID, Kind.ANSWER, bytes(16)), SPOOFED)
            self.network.pump(limits.KCP_CHALLENGE / 4)
        answers = self.answers()
        self.assertEqual({datagram[8] for datagram in answers}, {Kind.CHALLENGE})
        sent, received = self.network.amounts(SPOOFED)
        self.assertLessEqual(received, sent)

    def test_challenges(self) -> None:
        """
        Not every datagram is worth one, and none that is shorter.
        """
        self.enter(ID, ("192.0.2.1", 1))
        for _ in range(20):
            self.say(SEALED(ID, Kind.PONG), SPOOFED)
        self.assertEqual(self.answers(), [])
        for _ in range(20):
            self.say(SEALED(ID, Kind.PING), SPOOFED)
        self.assertEqual([datagram[8] for datagram in self.answers()], [Kind.CHALLENGE])

    def test_bounds(self) -> None:
        """
        There are so many conversations, and so many of each client's.
        """
        with mock.patch.multiple(limits, KCP_CONVERSATIONS=5, KCP_CONVERSATIONS_EACH=3):
            for number in range(4):
                self.say(SEALED(b"%08d" % number, Kind.HELLO), SPOOFED)
            cookies = [d[9:] for d in self.answers()]
            for number, cookie in enumerate(cookies):
                self.say(SEALED(b"%08d" % number, Kind.ANSWER, cookie), SPOOFED)
            self.assertEqual(len(self.servers.built), 3)
            self.assertEqual(self.answers()[-1][8], Kind.ABORT)
            for number in range(2):
                self.enter(b"%08d" % (10 + number), ("192.0.2.67", 1))
            self.assertEqual(len(self.servers.built), 5)
            attempt, _ = self.connecting()
            self.network.pump()
            self.failureResultOf(attempt, ConnectError)
            first: Any = self.servers.built[0]
            first.transport.loseConnection()
            self.say(SEALED(b"%08d" % 0, Kind.OVER), SPOOFED)
            self.connected()

    def test_networks(self) -> None:
        """
        Of IPv6, a network counts as one client; not so the one in which IPv4 is.
        """
        with mock.patch.multiple(limits, KCP_CONVERSATIONS_EACH=1):
            self.enter(b"%08d" % 1, ("2001:db8::1", 1))
            self.say(SEALED(b"%08d" % 2, Kind.HELLO), ("2001:db8::2", 1))
            self.assertEqual(self.network.sent[-1][0][8], Kind.ABORT)
            self.enter(b"%08d" % 3, ("2001:db8:0:1::1", 1))
            self.enter(b"%08d" % 4, ("::ffff:192.0.2.1", 1))
            self.enter(b"%08d" % 5, ("::ffff:192.0.2.2", 1))
        self.assertEqual(len(self.servers.built), 4)

    def test_forgetting(self) -> None:
        """
        What is over is forgotten, in time or when it is too much.
        """
        with mock.patch.multiple(limits, KCP_CONVERSATIONS=5):
            for number in range(8):
                self.enter(b"%08d" % number)
                self.say(SEALED(b"%08d" % number, Kind.ABORT), SPOOFED)
            listener: Any = self.port
            self.assertEqual(len(listener._over._kept), 5)
        self.network.pump(limits.KCP_REMEMBERED)
        self.assertEqual(len(listener._over._kept), 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_halfGarbage(self) -> None:
        """
        A packet that ends in garbage counts for nothing: neither is its payload taken,
        nor do acknowledgements wait for it.
        """
        self.enter()
        number = int.from_bytes(ID[:4], "little")
        for _ in range(100):
            self.say(SEALED(ID, Kind.PACKET, push(b"x", number) * 50 + b"!"), SPOOFED)
        before = len(self.answers())
        self.say(SEALED(ID, Kind.PACKET, push(b"y", number)), SPOOFED)
        self.network.pump(1)
        self.assertEqual(bytes(self.servers.built[0].received), b"y")
        packets = [d for d in self.answers()[before:] if d[8] == Kind.PACKET]
        self.assertEqual([len(packet) for packet in packets], [9 + HEADER.size])

    def test_large(self) -> None:
        """
        No datagram is taken that is larger than any of ours.
        """
        self.enter()
        number = int.from_bytes(ID[:4], "little")
        self.say(SEALED(ID, Kind.PACKET, push(bytes(1500), number)), SPOOFED)
        self.network.pump(1)
        self.assertEqual(bytes(self.servers.built[0].received), b"")
        self.say(SEALED(ID, Kind.PACKET, push(bytes(1400), number)), SPOOFED)
        self.assertEqual(len(self.servers.built[0].received), 1400)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(_DATAGRAMS, max_size=10), st.booleans())
    def test_garbageAtTheClient(self, datagrams: list[bytes], isOpen: bool) -> None:
        """
        Whatever a server sends, before or after it has let a client in, the client ends
        in some way that it should, in time.
        """
        self.start()
        silent = self.listenSilently()
        attempt, applications = self.connecting(BRIDGE if isOpen else silent)
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.network.pump()
        address = self.clientAddress() if isOpen else list(self.network.ports)[-1]
        session = next(d[:8] for d, source, _ in self.network.sent if source == address)
        port = self.network.ports[address]
        for datagram in datagrams:
            ours = datagram.replace(ID, session).replace(ID[:4], session[:4])
            port.arrive(ours, SERVER if isOpen else SILENT_AT)
        self.network.pump(1)
        for application in applications.built:
            if not application.lost:
                client: Any = application.transport
                client.loseConnection()
        self.assertAtRest()
        self.assertEqual(len(outcomes), 1)
        self.assertEqual(
            [len(each.lost) for each in applications.built], [1] * len(applications.built)
        )

    def test_strangersAtTheClient(self) -> None:
        """
        A client hears nobody but its server, about no session but its own.
        """
        client, server = self.connected()
        address = self.clientAddress()
        session = next(d[:8] for d, source, _ in self.network.sent if source == address)
        for source, datagram in (
            (SPOOFED, SEALED(session, Kind.ABORT)),
            (SERVER, SEALED(ID, Kind.ABORT)),
            (SERVER, b""),
            (SERVER, SEALED(session, Kind.HELLO)),
            (SERVER, SEALED(session, Kind.ACCEPT)),
        ):
            self.network.ports[address].arrive(datagram, source)
        self.network.pump()
        self.assertEqual((client.lost, server.lost), ([], []))


class KcptunTests(KcpCase, SynchronousTestCase):
    """
    kcptun's framing, where an address cannot be asked whether it is true.
    """

    framing = "kcptun"

    def setUp(self) -> None:
        super().setUp()
        self.seal = KcptunFraming(fixedEntropy("attacker")).seal
        self.number = count()

    def open(self) -> tuple[Any, Any]:
        """
        :returns: both applications, connected by the client's first words.
        """
        attempt, _ = self.connecting()
        client = self.successResultOf(attempt)
        client.transport.write(b"hello")
        self.network.pump(1)
        return client, self.servers.built[-1]

    def test_payload(self) -> None:
        """
        The client is ready at once; bytes pass both ways; an end is told by nobody.
        """
        client, server = self.open()
        data = random.Random(1).randbytes(100_000)
        client.transport.write(data)
        server.transport.write(data[::-1])
        self.network.pump(60)
        client.transport.loseConnection()
        self.network.pump()
        self.assertTrue(bytes(server.received) == b"hello" + data)
        self.assertTrue(bytes(client.received) == data[::-1])
        self.assertTrue(client.lost[0].check(ConnectionDone))
        self.assertEqual(server.lost, [])
        self.network.pump(limits.KCP_IDLE)
        self.assertTrue(server.lost[0].check(Unresponsive))
        self.assertAtRest()

    def test_serverSpeaksFirst(self) -> None:
        """
        As soon as anything has come.
        """
        data = random.Random(1).randbytes(100_000)
        self.servers.begin = lambda transport: transport.write(data)
        client, _ = self.open()
        self.network.pump(10)
        self.assertTrue(bytes(client.received) == data)
        client.transport.abortConnection()
        self.network.pump(limits.KCP_IDLE)
        self.assertAtRest()

    def test_refused(self) -> None:
        """
        Nobody is there.
        """
        client, _ = self.open()
        self.network.ports[SERVER].stopListening()
        client.transport.write(b"hello?")
        self.network.pump()
        self.assertEqual(len(client.lost), 1)
        self.assertAtRest()
        self.assertNotIsInstance(client.lost[0].value, ConnectionRefusedError)

    def test_amplification(self) -> None:
        """
        A client that never acknowledges is sent three times what it sent, whatever the
        application has for it, and however often it asks.
        """
        data = bytes(1_000_000)
        self.servers.begin = lambda transport: transport.write(data)
        for number in range(10):
            self.say(self.seal(b"", Kind.PACKET, push(b"GET /", 7, number)), SPOOFED)
            self.network.pump(30)
            sent, received = self.network.amounts(SPOOFED)
            self.assertLessEqual(received, limits.KCP_AMPLIFICATION * sent)
        self.assertGreater(received, 0)
        # Nor if it guesses what to acknowledge.
        for number in range(50):
            packet = HEADER.pack(7, 82, 0, 128, 12345, number, number + 1, 0)
            self.say(self.seal(b"", Kind.PACKET, packet), SPOOFED)
            self.network.pump(1)
        sent, received = self.network.amounts(SPOOFED)
        self.assertLessEqual(received, limits.KCP_AMPLIFICATION * sent)

    def test_silence(self) -> None:
        """
        What begins no conversation is not answered.
        """
        for packet in (push(b""), push(b"x", 7, 40), HEADER.pack(7, 82, 0, 128, 0, 0, 0, 0)):
            self.say(self.seal(b"", Kind.PACKET, packet), SPOOFED)
        self.say(SEALED(ID, Kind.HELLO), SPOOFED)
        self.assertEqual(self.network.amounts(SPOOFED)[1], 0)
        self.assertEqual(self.servers.built, [])

    def test_crowd(self) -> None:
        """
        Those who may be forged make room, and for nobody else do others.
        """
        with mock.patch.multiple(limits, KCP_CONVERSATIONS=4):
            client, server = self.open()
            server.transport.write(b"prove yourself")
            self.network.pump(1)
            for number in range(10):
                self.say(self.seal(b"", Kind.PACKET, push(b"x", 7)), ("192.0.2.1", number))
            self.assertEqual(len(self.servers.built), 11)
            self.assertEqual((client.lost, server.lost), ([], []))
            ended = [index for index, each in enumerate(self.servers.built) if each.lost]
            self.assertEqual(ended, [*range(1, 8)])
            listener: Any = self.port
            self.assertEqual((len(listener._clients), len(listener._unproven)), (4, 3))
        client.transport.abortConnection()
        self.network.pump(limits.KCP_IDLE)
        self.assertEqual(len(listener._unproven), 0)
        self.assertAtRest()

    def test_addresses(self) -> None:
        """
        The same conversation from another address is another one, as with kcp-go.
        """
        for number in range(3):
            self.say(self.seal(b"", Kind.PACKET, push(b"x", 7)), ("192.0.2.1", number))
        self.assertEqual(len(self.servers.built), 3)

    def test_serverArguments(self) -> None:
        """
        Clients are told.
        """
        self.assertEqual(self.clientArguments, Arguments(framing="kcptun"))

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.builds(
                lambda command, frg, number, stamp, first, data: (
                    HEADER.pack(7, command, frg, 128, stamp, number, first, len(data)) + data
                ),
                st.integers(80, 85),
                st.integers(0, 255),
                st.integers(0, 3) | st.integers(0, 2**32 - 1),
                st.integers(0, 2**32 - 1),
                st.integers(0, 3) | st.integers(0, 2**32 - 1),
                st.binary(max_size=20),
            )
            | st.binary(max_size=60),
            max_size=20,
        )
    )
    def test_garbage(self, packets: list[bytes]) -> None:
        """
        Whatever comes, with a checksum that is right: it is bounded what goes back, and
        all is over some time later.
        """
        self.start()
        self.servers.begin = lambda transport: transport.write(bytes(10_000))
        for packet in packets:
            self.say(self.seal(b"", Kind.PACKET, packet), SPOOFED)
        self.network.pump(2 * limits.KCP_IDLE)
        sent, received = self.network.amounts(SPOOFED)
        self.assertLessEqual(received, limits.KCP_AMPLIFICATION * sent)
        self.port.stopListening()
        self.assertAtRest()

    def test_lockedOut(self) -> None:
        """
        Who names a client's address, and is elsewhere, takes no room of the client's.
        """
        with mock.patch.multiple(limits, KCP_CONVERSATIONS_EACH=4):
            client, server = self.open()
            server.transport.write(b"prove yourself")
            self.network.pump(1)
            for number in range(10):
                self.say(self.seal(b"", Kind.PACKET, push(b"x", 7)), ("127.0.0.1", number))
            late, _ = self.open()
            self.assertEqual(len(self.servers.built), 12)
            self.assertEqual((client.lost, server.lost), ([], []))
            self.assertEqual(sum(not each.lost for each in self.servers.built), 4)
        client.transport.abortConnection()
        late.transport.abortConnection()
        self.network.pump(limits.KCP_IDLE)
        self.assertAtRest()
