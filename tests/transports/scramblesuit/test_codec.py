"""
scramblesuit's codecs, each talking to the other.
"""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Deliver, Effect, Finished, Ready, Transmit
from pyptwist.crypto.probdist import seededWeights
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    LocalProtocolError,
)
from pyptwist.interfaces import ICodec
from pyptwist.testing.codecs import EPOCH, CodecPair, Side, fixedEntropy, oneByOne
from pyptwist.transports.scramblesuit.tickets import TicketKeys
from tests.transports.scramblesuit.pairs import (
    HOUR,
    SEED,
    Purse,
    clientCodec,
    mint,
    readyPair,
    sent,
    serverCodec,
    serverShared,
)

PAYLOAD = fixedEntropy("payload")(10_000)
LENGTHS = set(seededWeights(SEED[:24], 21, 1448, biased=True)[0])


def answer(pair: CodecPair) -> bytes:
    """
    :returns: what the server says to the client's handshake, ticket and seed
        included.
    """
    pair.start()
    pair.carry(pair.client, pair.server)
    return pair.server.takeOutbox()


def finished(effects: list[Effect]) -> Finished:
    assert isinstance(effects[-1], Finished)
    return effects[-1]


class UniformDHTests(SynchronousTestCase):
    """
    The handshake with a password
    """

    def test_order(self) -> None:
        """
        One message each way, the server's with ticket and seed in one write, and
        then Ready.
        """
        purse = Purse()
        client, server = clientCodec(purse), serverCodec()
        [request] = client.start(0)
        self.assertEqual(server.start(0), [])
        response, ready = server.receive(sent([request]), 0)
        self.assertEqual(ready, Ready())
        # The answer, two messages, and at least one message of padding for each.
        self.assertGreaterEqual(len(sent([response])), 224 + 21 + 144 + 21 + 21 + 32 + 21)
        self.assertEqual(client.receive(sent([response]), 0), [Ready()])
        self.assertEqual(len(purse.received), 1)

    def test_ticketsAreNew(self) -> None:
        """
        Each connection gets another ticket, which its server knows.
        """
        shared, tickets = serverShared(), set()
        for seed in "abc":
            purse = Purse()
            pair = CodecPair(clientCodec(purse, seed=seed), serverCodec(shared))
            pair.start()
            pair.run()
            [ticket] = purse.received
            self.assertEqual(shared.mint.redeem(ticket.ticket), ticket.masterKey)
            tickets.add(ticket)
        self.assertEqual(len(tickets), 3)

    def test_trailing(self) -> None:
        """
        All at once: answer, ticket, seed and payload.
        """
        purse = Purse()
        pair = CodecPair(clientCodec(purse), serverCodec())
        wire = answer(pair) + sent(pair.server.codec.send(PAYLOAD, 0))
        self.assertEqual(pair.client.codec.receive(wire, 0), [Ready(), Deliver(PAYLOAD)])
        self.assertEqual(len(purse.received), 1)

    def test_brokenBehind(self) -> None:
        """
        What is wrong right behind the answer is noticed.
        """
        pair = CodecPair(clientCodec(Purse()), serverCodec())
        wire = bytearray(answer(pair) + bytes(3000))
        ready, *_, last = pair.client.codec.receive(bytes(wire), 0)
        self.assertEqual(ready, Ready())
        assert isinstance(last, Finished)
        self.assertIsInstance(last.error, FramingError)

    def test_withoutTickets(self) -> None:
        """
        A client that keeps no tickets lets them go by.
        """
        pair = CodecPair(clientCodec(), serverCodec())
        self.assertEqual(pair.client.codec.receive(answer(pair), 0), [Ready()])

    def test_clocks(self) -> None:
        """
        Clocks may differ by one hour either way.
        """
        for skew in (-1, 0, 1):
            pair = CodecPair(clientCodec(time=EPOCH + skew * HOUR), serverCodec())
            pair.start()
            pair.run()
            self.assertTrue(pair.client.isReady and pair.server.isReady)

    def test_impostor(self) -> None:
        """
        A client does not take an answer that is not for it, nor one of another
        hour.
        """
        first = CodecPair(clientCodec(seed="1"), serverCodec())
        other = CodecPair(clientCodec(seed="2"), serverCodec())
        other.start()
        # The right password, but keys that do not fit: it shows in the first message.
        effects = other.client.codec.receive(answer(first), 0)
        self.assertIsInstance(finished(effects).error, FramingError)
        late = CodecPair(clientCodec(time=EPOCH + HOUR), serverCodec())
        victim = clientCodec()
        victim.start(0)
        self.assertIsInstance(
            finished(victim.receive(answer(late), 0)).error, AuthenticationFailed
        )

    def test_garbageForClient(self) -> None:
        """
        A client reads up to 1532 bytes that are no answer.
        """
        codec = clientCodec()
        codec.start(0)
        self.assertEqual(codec.receive(b"x" * 1531, 0), [])
        [last] = codec.receive(b"x", 0)
        assert isinstance(last, Finished)
        self.assertIsInstance(last.error, HandshakeFailed)
        self.assertEqual(len(codec.buffer), 0)

    def test_closedEarly(self) -> None:
        """
        A client whose server closes before its answer says so.
        """
        codec = clientCodec()
        codec.start(0)
        codec.receive(b"x" * 100, 0)
        self.assertIsInstance(finished(codec.receiveEnd(0)).error, ClosedByPeer)

    def test_tooEarly(self) -> None:
        """
        Nothing can be sent before Ready.
        """
        for codec in (clientCodec(), serverCodec()):
            codec.start(0)
            self.assertRaises(LocalProtocolError, codec.send, b"x", 0)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=1000), max_size=6))
    def test_anyGarbage(self, pieces: list[bytes]) -> None:
        """
        Whatever a client hears, it ends with an error of the peer's, or waits.
        """
        side = Side(clientCodec())
        side.apply(side.codec.start(0))
        for piece in pieces:
            side.apply(side.codec.receive(piece, 0))
        self.assertFalse(side.isReady)
        if sum(map(len, pieces)) >= 1532:
            self.assertIsInstance(side.error, HandshakeFailed)


class TicketTests(SynchronousTestCase):
    """
    The handshake with a ticket
    """

    def setUp(self) -> None:
        self.shared = serverShared()
        self.ticket = self.shared.mint.issue()

    def test_order(self) -> None:
        """
        The client is Ready once it has sent its message, the server when that
        has come: what it says then is ticket and seed, in one write.
        """
        purse = Purse(self.ticket)
        client, server = clientCodec(purse), serverCodec(self.shared)
        request, ready = client.start(0)
        self.assertEqual(ready, Ready())
        self.assertEqual(purse.held, [])
        server.start(0)
        welcome, ready = server.receive(sent([request]), 0)
        self.assertEqual(ready, Ready())
        self.assertEqual(client.receive(sent([welcome]), 0), [])
        self.assertEqual(len(purse.received), 1)
        self.assertNotEqual(purse.held, [self.ticket])

    def test_chain(self) -> None:
        """
        Each ticket that was received is good for the next connection.
        """
        purse = Purse(self.ticket)
        for number in range(5):
            server = serverCodec(self.shared, seed=str(number))
            pair = CodecPair(clientCodec(purse, seed=str(number)), server)
            pair.start()
            self.assertTrue(pair.client.isReady)
            pair.run()
            self.assertTrue(pair.server.isReady)
            self.assertEqual(len(purse.received), number + 1)

    def test_bothAtOnce(self) -> None:
        """
        Payload may be right behind the message, and comes back right behind the
        welcome: in one segment or byte by byte.
        """
        for cut in (None, oneByOne):
            shared = serverShared()
            client = clientCodec(Purse(shared.mint.issue()))
            pair = CodecPair(client, serverCodec(shared))
            pair.start()
            pair.client.apply(client.send(PAYLOAD, 0))
            pair.carry(pair.client, pair.server, cut)
            self.assertEqual(bytes(pair.server.delivered), PAYLOAD)
            pair.server.apply(pair.server.codec.send(PAYLOAD, 0))
            pair.carry(pair.server, pair.client, cut)
            self.assertEqual(bytes(pair.client.delivered), PAYLOAD)

    def test_longest(self) -> None:
        """
        A message of the greatest length, with payload behind it.
        """
        client = clientCodec(Purse(self.ticket))
        client._entropy = lambda count: b"\xff" * count
        pair = CodecPair(client, serverCodec(self.shared))
        pair.start()
        self.assertEqual(len(pair.client.outbox), 1532)
        pair.client.apply(client.send(b"first words", 0))
        pair.run()
        self.assertEqual(bytes(pair.server.delivered), b"first words")

    def test_noDiffieHellman(self) -> None:
        """
        A ticket costs the server no key pair.
        """
        readyPair(self.ticket, shared=self.shared)
        self.assertIsNot(self.shared._spare, None)

    def test_serverForgot(self) -> None:
        """
        A server that does not know the ticket says nothing; when it closes, the
        client says what is wrong, and has no ticket for the next time.
        """
        purse = Purse(mint(keys=[TicketKeys(int(EPOCH), bytes(16), bytes(32))]).issue())
        pair = CodecPair(clientCodec(purse), serverCodec(self.shared))
        pair.start()
        pair.client.apply(pair.client.codec.send(PAYLOAD, 0))
        pair.run()
        self.assertFalse(pair.server.isReady)
        self.assertEqual(pair.server.transmitted, [])
        pair.client.apply(pair.client.codec.receiveEnd(60))
        self.assertIsInstance(pair.client.error, ClosedByPeer)
        again = CodecPair(clientCodec(purse), serverCodec(self.shared))
        again.start()
        again.run()
        self.assertTrue(again.client.isReady and again.server.isReady)

    def test_orderlyEnd(self) -> None:
        """
        A server that closes after it has said anything ended in good order.
        """
        pair = readyPair(self.ticket, shared=self.shared)
        pair.client.apply(pair.client.codec.receiveEnd(0))
        self.assertTrue(pair.client.isFinished)
        self.assertIs(pair.client.error, None)

    def test_twice(self) -> None:
        """
        A ticket that comes back is not taken again, whatever is around it.
        """
        readyPair(self.ticket, shared=self.shared)
        client = clientCodec(Purse(self.ticket), seed="again")
        pair = CodecPair(client, serverCodec(self.shared))
        pair.start()
        pair.run()
        self.assertFalse(pair.server.isReady)

    def test_impostor(self) -> None:
        """
        Who does not know the ticket's key cannot speak for the server.
        """
        codec = clientCodec(Purse(self.ticket))
        codec.start(0)
        self.assertIsInstance(finished(codec.receive(bytes(3000), 0)).error, FramingError)


class SeedTests(SynchronousTestCase):
    """
    Which table a client uses, and from when on.
    """

    def drawn(self, codec: ICodec, count: int) -> set[int]:
        return {len(sent(codec.send(b"x" * 100, 0))) % 1448 for _ in range(count)}

    def test_servers(self) -> None:
        """
        Both sides draw from the server's table, once the client has read more
        than the answer.  Where two messages of padding are needed, the client's
        are 21 bytes short, as obfs4proxy's are.
        """
        pair = readyPair()
        pair.server.apply(pair.server.codec.send(b"first", 0))
        pair.run()
        short = {length - 21 if 0 < (length - 121) % 1448 < 21 else length for length in LENGTHS}
        for side, lengths in ((pair.client, short), (pair.server, LENGTHS)):
            drawn = {len(sent(side.codec.send(b"x" * 100, 0))) % 1448 for _ in range(200)}
            self.assertLessEqual(drawn, {length % 1448 for length in lengths})

    def test_withTheAnswer(self) -> None:
        """
        What the client sends before that has lengths of its own, though the
        seed came with the answer: as obfs4proxy, which has not read it yet.
        """
        tables = [self.drawn(readyPair(seed=seed).client.codec, 60) for seed in ("one", "two")]
        self.assertNotEqual(*tables)
        for table in tables:
            self.assertFalse(table <= {length % 1448 for length in LENGTHS})

    def test_own(self) -> None:
        """
        Before that, each client has numbers of its own.
        """
        tables = []
        for seed in ("one", "two"):
            codec = clientCodec(Purse(serverShared().mint.issue()), seed=seed)
            codec.start(0)
            tables.append(self.drawn(codec, 60))
        self.assertNotEqual(*tables)


class PacedTests(SynchronousTestCase):
    """
    With pauses
    """

    def test_exchange(self) -> None:
        """
        All arrives, in segments, and each pause is 10 ms at the most.
        """
        pair = readyPair(isPaced=True)
        for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
            before = len(here.transmitted)
            here.apply(here.codec.send(PAYLOAD, pair.now))
            self.assertGreater(here.codec.backlog, 0)
            began = pair.now
            pair.runTimers(1)
            self.assertEqual(bytes(there.delivered), PAYLOAD)
            pieces = here.transmitted[before:]
            self.assertEqual({len(piece) for piece in pieces[:-1]}, {1448})
            self.assertLessEqual(pair.now - began, 1)
            self.assertEqual(here.codec.backlog, 0)
            self.assertIs(here.codec.nextTimer, None)

    def test_endFlushes(self) -> None:
        """
        An orderly end waits for what is held back.
        """
        pair = readyPair(isPaced=True)
        pair.client.apply(pair.client.codec.send(PAYLOAD, pair.now))
        pair.client.apply(pair.client.codec.sendEnd(pair.now))
        self.assertFalse(pair.client.isFinished)
        pair.runTimers(1)
        self.assertTrue(pair.client.isFinished)
        self.assertEqual(bytes(pair.server.delivered), PAYLOAD)


class MemoryTests(SynchronousTestCase):
    """
    What a connection holds.
    """

    def test_idle(self) -> None:
        """
        An idle connection is small, whatever it has carried.
        """
        readyPair()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        shared, pairs = serverShared(), []
        for number in range(10):
            pair = readyPair(seed=str(number), shared=shared)
            for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
                there.codec.receive(sent(here.codec.send(PAYLOAD * 30, 0)), 0)
            pairs.append((pair.client.codec, pair.server.codec))
        del pair, here, there
        used = tracemalloc.get_traced_memory()[0] - before
        self.assertLess(used / (2 * len(pairs)), 8 * 1024)

    def test_keysForgotten(self) -> None:
        """
        Nothing of the handshake is kept.
        """
        for pair in (readyPair(), readyPair(serverShared().mint.issue())):
            for side in (pair.client, pair.server):
                self.assertFalse(hasattr(side.codec, "_handshake"))

    def test_notReused(self) -> None:
        """
        What was handed over to be transmitted is not touched again.
        """
        pair = readyPair()
        [first] = pair.client.codec.send(b"x" * 5000, 0)
        assert isinstance(first, Transmit)
        copy = bytes(first.data)
        pair.client.codec.send(b"y" * 5000, 0)
        self.assertEqual(bytes(first.data), copy)

    def test_bursts(self) -> None:
        """
        A long write becomes bursts of 32 KiB, each a write of its own.
        """
        pair = readyPair()
        effects = pair.client.codec.send(bytes(100_000), 0)
        self.assertEqual(len(effects), 4)
        pair.client.apply(effects)
        pair.run()
        self.assertEqual(len(pair.server.delivered), 100_000)
