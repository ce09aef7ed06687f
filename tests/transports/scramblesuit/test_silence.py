"""
What a scramblesuit server says to those who neither know its password nor have a
ticket: nothing, until a time that tells nothing.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Finished, Ready
from pyptwist.crypto.seal import Seal
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    HandshakeFailed,
    HandshakeTimeout,
    PTError,
    ReplayDetected,
)
from pyptwist.testing.codecs import EPOCH, CodecPair, Side, fixedEntropy
from pyptwist.transports.scramblesuit.codec import ServerShared
from pyptwist.transports.scramblesuit.handshake import Ticket
from pyptwist.transports.scramblesuit.tickets import TicketKeys
from tests.transports.scramblesuit.pairs import (
    HOUR,
    PASSWORD,
    STATE,
    TICKET_KEYS,
    Purse,
    clientCodec,
    mint,
    serverCodec,
    serverShared,
)

#: When the server of these secrets closes.
END = serverShared().drain
WEEK = 7 * 24 * HOUR


def request(
    *tickets: Ticket, password: bytes = PASSWORD, time: float = EPOCH, seed: str = "client"
) -> bytes:
    """
    :returns: the first message of a client that has these tickets, or none.
    """
    side = Side(clientCodec(Purse(*tickets), password=password, time=time, seed=seed))
    side.apply(side.codec.start(0))
    return side.takeOutbox()


def ticket(seed: str = "ticket", time: float = EPOCH) -> Ticket:
    """
    :returns: one that the server of ``serverShared`` knows.
    """
    return mint(seed, time).issue()


class SilenceTests(SynchronousTestCase):
    """
    ``ScrambleSuitServerCodec``
    """

    def probe(
        self, *pieces: bytes, shared: ServerShared | None = None, start: float = 1000.0
    ) -> PTError | None:
        """
        Send pieces a second apart, and check that nothing happens before the
        end, and that it comes in time.

        :returns: the error it ends with.
        """
        codec = serverCodec(shared)
        self.assertEqual(codec.start(start), [])
        now = start
        for piece in pieces:
            now += 1
            self.assertEqual(codec.receive(piece, now), [])
            self.assertLess(len(codec.buffer), 1532)
        while codec.nextTimer is not None and codec.nextTimer < start + END:
            now = codec.nextTimer
            self.assertEqual(codec.timerFired(now), [])
        self.assertEqual(codec.nextTimer, start + END)
        # A good message that comes late is not answered, either.
        self.assertEqual(codec.receive(request(), start + END - 0.1), [])
        self.assertEqual(codec.timerFired(start + END - 0.1), [])
        self.assertEqual(len(codec.buffer), 0)
        [finished] = codec.timerFired(start + END)
        assert isinstance(finished, Finished)
        self.assertEqual(codec.receive(request(), start + END), [])
        return finished.error

    def test_nothing(self) -> None:
        """
        A client that says nothing.
        """
        self.assertIsInstance(self.probe(), HandshakeTimeout)

    def test_garbage(self) -> None:
        """
        Little, much, and very much that makes no sense.
        """
        garbage = fixedEntropy("garbage")
        for size in (1, 111, 112, 191, 192, 1531):
            self.assertIsInstance(self.probe(garbage(size)), HandshakeTimeout)
        self.assertIsInstance(self.probe(garbage(1532)), HandshakeFailed)
        self.assertIsInstance(self.probe(*[garbage(60_000)] * 5), HandshakeFailed)

    def test_wrongPassword(self) -> None:
        """
        A client of another server.
        """
        message = request(password=PASSWORD[::-1])
        self.assertIsInstance(self.probe(message), HandshakeTimeout)
        self.assertIsInstance(self.probe(message, bytes(1532)), HandshakeFailed)

    def test_wrongTicket(self) -> None:
        """
        A client with a ticket from another server, or an old one, or with a
        ticket that it has not the key of.
        """
        foreign = mint(keys=[TicketKeys(int(EPOCH), bytes(16), bytes(32))]).issue()
        for bad in (foreign, ticket(time=EPOCH - WEEK)):
            self.assertIsInstance(self.probe(request(bad)), HandshakeTimeout)
        stolen = Ticket(bytes(32), ticket().ticket)
        self.assertIsInstance(self.probe(request(stolen)), HandshakeTimeout)
        self.assertIsInstance(self.probe(request(stolen) + bytes(1532)), HandshakeFailed)

    def test_hours(self) -> None:
        """
        A client whose clock is two hours off.
        """
        for skew in (-2, 2):
            for tickets in ([], [ticket()]):
                message = request(*tickets, time=EPOCH + skew * HOUR)
                self.assertIsInstance(self.probe(message), AuthenticationFailed)

    def test_truncated(self) -> None:
        """
        A client whose message lacks its last byte.
        """
        self.assertIsInstance(self.probe(request()[:-1]), HandshakeTimeout)
        self.assertIsInstance(self.probe(request(ticket())[:-1]), HandshakeTimeout)

    def test_tampered(self) -> None:
        """
        A message of either kind with any part of it changed.
        """
        for good in (request(), request(ticket())):
            for at in (0, 50, 120, -33, -17, -1):
                message = bytearray(good)
                message[at] ^= 1
                error = self.probe(bytes(message))
                self.assertIsInstance(error, AuthenticationFailed | HandshakeTimeout)
                self.probe(bytes(message), bytes(2000))

    def test_worthlessKey(self) -> None:
        """
        A client that knows the password, and sends no key.
        """
        message = Seal(PASSWORD).close(bytes(192), b"", b"%d" % (EPOCH // HOUR))
        self.assertIsInstance(self.probe(message), HandshakeFailed)

    def test_replay(self) -> None:
        """
        A message that was good the first time, on any connection.
        """
        for tickets in ([], [ticket()]):
            shared = serverShared()
            codec = serverCodec(shared)
            codec.start(0)
            self.assertEqual(codec.receive(request(*tickets), 1)[1:], [Ready()])
            for _ in range(2):
                error = self.probe(request(*tickets), shared=shared)
                self.assertIsInstance(error, ReplayDetected)

    def test_replayLater(self) -> None:
        """
        It stays known as long as its hour counts; another listener does not know
        it.
        """
        shared = serverShared()
        codec = serverCodec(shared)
        codec.start(0)
        codec.receive(request(), 0)
        late = 3 * HOUR - 10
        self.assertIsInstance(self.probe(request(), shared=shared, start=late), ReplayDetected)
        other = serverCodec()
        other.start(0)
        self.assertEqual(other.receive(request(), 1)[1:], [Ready()])

    def test_spentTicket(self) -> None:
        """
        A ticket stays known as long as it would be good, even with another
        message around it.
        """
        shared = serverShared()
        codec = serverCodec(shared)
        codec.start(0)
        codec.receive(request(ticket()), 0)
        later = request(ticket(), seed="another")
        self.assertNotEqual(later, request(ticket()))
        late = WEEK - 100
        self.assertIsInstance(self.probe(later, shared=shared, start=late), ReplayDetected)

    def test_failureSpendsNothing(self) -> None:
        """
        Whoever spoils a message on its way does not spoil the ticket.
        """
        shared, good = serverShared(), request(ticket())
        self.probe(good[:-1] + bytes([good[-1] ^ 1]), shared=shared)
        codec = serverCodec(shared)
        codec.start(2000)
        self.assertEqual(codec.receive(good, 2000)[1:], [Ready()])

    def test_closesFirst(self) -> None:
        """
        A client that closes first is not waited for, before and after it
        failed.
        """
        for data, kind in ((b"", ClosedByPeer), (b"x" * 9000, HandshakeFailed)):
            codec = serverCodec()
            codec.start(0)
            codec.receive(data, 1)
            [finished] = codec.receiveEnd(2)
            assert isinstance(finished, Finished)
            self.assertIsInstance(finished.error, kind)
            self.assertIs(codec.nextTimer, None)

    def test_justInTime(self) -> None:
        """
        A handshake within 30 s is good, and no timer is left; one a little later
        is not.
        """
        for tickets in ([], [ticket()]):
            pair = CodecPair(clientCodec(Purse(*tickets)), serverCodec())
            pair.start()
            pair.clock.advance(29.9)
            pair.run()
            self.assertTrue(pair.server.isReady)
            self.assertIs(pair.server.codec.nextTimer, None)
        codec, message = serverCodec(), request()
        codec.start(0)
        self.assertEqual(codec.receive(message[:1], 29), [])
        self.assertEqual(codec.timerFired(30), [])
        self.assertEqual(codec.receive(message[1:], 31), [])
        self.assertEqual(codec.nextTimer, END)

    def test_drainIsTheServers(self) -> None:
        """
        The time of the end is the server's own, after each start.
        """
        ends = set()
        for number in range(20):
            state = replace(STATE, drainSeed=bytes([number]) * 24)
            drains = {ServerShared(state, mint(), fixedEntropy(source)).drain for source in "abc"}
            self.assertEqual(len(drains), 1)
            ends |= drains
        self.assertEqual(len(ends), 20)
        self.assertTrue(all(30 <= end <= 90 for end in ends))

    def test_refusal(self) -> None:
        """
        Who wants to know hears that a stranger is there, before the drain ends.
        """
        codec = serverCodec()
        codec.start(0)
        self.assertIs(codec.refusal, None)
        codec.receive(bytes(2000), 1)
        self.assertIsInstance(codec.refusal, HandshakeFailed)

    def test_noKeysForStrangers(self) -> None:
        """
        However many strangers come, one key pair is made; and each client gets
        one of its own.
        """
        shared = serverShared()
        spares = set()
        for number in range(3):
            for _ in range(5):
                self.probe(bytes(2000), shared=shared)
                spares.add(shared._spare)
            codec = serverCodec(shared)
            codec.start(0)
            codec.receive(request(seed=str(number)), 0)
            self.assertIs(shared._spare, None)
        self.assertEqual(len(spares), 3)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=2000), max_size=6), st.integers(0, 220), st.booleans())
    def test_anyGarbage(self, pieces: list[bytes], good: int, withTicket: bool) -> None:
        """
        Whatever comes, also behind the beginning of a good message.
        """
        tickets = [ticket()] if withTicket else []
        message = request(*tickets)
        self.probe(message[: min(good, len(message) - 1)], *pieces)

    def test_restart(self) -> None:
        """
        A server that starts again with the keys that it kept takes the tickets
        of before.
        """
        pair = CodecPair(clientCodec(Purse(ticket())), serverCodec(serverShared(replace(STATE))))
        pair.start()
        pair.run()
        self.assertTrue(pair.server.isReady)
        second = TicketKeys(int(EPOCH), bytes(16), bytes(32))
        rotated = serverShared(replace(STATE, ticketKeys=(second, TICKET_KEYS)))
        pair = CodecPair(clientCodec(Purse(ticket())), serverCodec(rotated))
        pair.start()
        pair.run()
        self.assertTrue(pair.server.isReady)
