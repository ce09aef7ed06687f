"""
obfs4's codecs, each talking to the other, until Ready and a little behind it.
"""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Deliver, Finished, Ready, Transmit
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    LocalProtocolError,
)
from pyptwist.testing.codecs import EPOCH, CodecPair, Side, fixedEntropy, oneByOne
from pyptwist.transports.obfs4.codec import Obfs4ClientCodec, Obfs4ServerCodec
from pyptwist.transports.obfs4.framing import seedPacket
from pyptwist.transports.obfs4.handshake import ServerKeys
from tests.transports.obfs4.pairs import (
    HOUR,
    IDENTITY,
    KEYS,
    LENGTHS,
    NODE_ID,
    PRIVATE_KEY,
    PUBLIC_KEY,
    SEED,
    clientCodec,
    cutAt,
    readyPair,
    sent,
    serverCodec,
    serverShared,
)

PAYLOAD = fixedEntropy("payload")(10_000)


def minimal() -> CodecPair:
    """
    :returns: a pair whose handshake has no more padding than it must.
    """
    client = Obfs4ClientCodec(IDENTITY, 0, bytes, lambda: EPOCH)
    shared = serverShared()
    return CodecPair(client, Obfs4ServerCodec(KEYS, 0, shared, bytes, lambda: EPOCH))


class HandshakeTests(SynchronousTestCase):
    """
    Until Ready, and right behind it.
    """

    def test_order(self) -> None:
        """
        One message each way, the server's with its seed, and then Ready.
        """
        pair = minimal()
        [request] = pair.client.codec.start(0)
        self.assertEqual(pair.server.codec.start(0), [])
        assert isinstance(request, Transmit)
        self.assertEqual(len(request.data), 141)
        response, ready = pair.server.codec.receive(bytes(request.data), 0)
        assert isinstance(response, Transmit)
        self.assertEqual(len(response.data), 141)
        self.assertEqual(ready, Ready())
        self.assertEqual(pair.client.codec.receive(bytes(response.data), 0), [Ready()])

    def test_everySplit(self) -> None:
        """
        The handshake and the payload behind it may be cut anywhere.
        """
        for at in range(1, 180):
            cut = cutAt(at)
            pair = minimal()
            pair.start()
            pair.carry(pair.client, pair.server, cut)
            pair.server.apply(pair.server.codec.send(b"first words", 0))
            pair.carry(pair.server, pair.client, cut)
            self.assertEqual(bytes(pair.client.delivered), b"first words", at)

    def test_byteByByte(self) -> None:
        """
        Or everywhere.
        """
        pair = CodecPair(clientCodec(), serverCodec())
        pair.start()
        pair.carry(pair.client, pair.server, oneByOne)
        pair.server.apply(pair.server.codec.send(PAYLOAD, 0))
        pair.carry(pair.server, pair.client, oneByOne)
        self.assertEqual(bytes(pair.client.delivered), PAYLOAD)

    def test_trailing(self) -> None:
        """
        All at once: answer, seed and payload.
        """
        pair = minimal()
        pair.start()
        pair.carry(pair.client, pair.server)
        pair.server.apply(pair.server.codec.send(PAYLOAD, 0))
        effects = pair.client.codec.receive(pair.server.takeOutbox(), 0)
        self.assertEqual(effects, [Ready(), Deliver(PAYLOAD)])

    def test_brokenBehind(self) -> None:
        """
        What is wrong right behind the answer is noticed.
        """
        pair = minimal()
        pair.start()
        pair.carry(pair.client, pair.server)
        ready, finished = pair.client.codec.receive(pair.server.takeOutbox()[:96] + bytes(3000), 0)
        self.assertEqual(ready, Ready())
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, FramingError)

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
        A client that is answered by someone without the private key gives up.
        """
        keys = ServerKeys(NODE_ID, PRIVATE_KEY[::-1], PUBLIC_KEY, SEED)
        pair = CodecPair(clientCodec(), serverCodec(keys=keys))
        pair.start()
        pair.run()
        self.assertFalse(pair.client.isReady)
        self.assertIsInstance(pair.client.error, AuthenticationFailed)

    def test_garbageForClient(self) -> None:
        """
        A client reads up to 8192 bytes that are no answer.
        """
        codec = clientCodec()
        codec.start(0)
        self.assertEqual(codec.receive(b"x" * 8191, 0), [])
        [finished] = codec.receive(b"x", 0)
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, HandshakeFailed)
        self.assertEqual(len(codec.buffer), 0)

    def test_closedEarly(self) -> None:
        """
        A client whose server closes before its answer says so.
        """
        codec = clientCodec()
        codec.start(0)
        codec.receive(b"x" * 100, 0)
        [finished] = codec.receiveEnd(0)
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, ClosedByPeer)

    def test_tooEarly(self) -> None:
        """
        Nothing can be sent before Ready.
        """
        for codec in (clientCodec(), serverCodec()):
            codec.start(0)
            self.assertRaises(LocalProtocolError, codec.send, b"x", 0)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=3000), max_size=8))
    def test_anyGarbage(self, pieces: list[bytes]) -> None:
        """
        Whatever a client hears, it ends with an error of the peer's, or waits.
        """
        side = Side(clientCodec())
        side.apply(side.codec.start(0))
        for piece in pieces:
            side.apply(side.codec.receive(piece, 0))
        self.assertFalse(side.isReady)
        if sum(map(len, pieces)) >= 8192:
            self.assertIsInstance(side.error, HandshakeFailed)


class SeedTests(SynchronousTestCase):
    """
    Which table a client uses, and from when on.
    """

    def drawn(self, pair: CodecPair, count: int) -> set[int]:
        codec = pair.client.codec
        return {len(sent(codec.send(b"x" * 149, 0))) % 1448 for _ in range(count)}

    def test_late(self) -> None:
        """
        The seed behind the answer counts from the read after it.
        """
        pair = readyPair()
        self.assertFalse(self.drawn(pair, 100) <= LENGTHS)
        pair.server.apply(pair.server.codec.send(b"hello", 0))
        pair.carry(pair.server, pair.client)
        self.assertLessEqual(self.drawn(pair, 100), LENGTHS)

    def test_ownRead(self) -> None:
        """
        A seed that comes in a read of its own counts at once.
        """
        pair = minimal()
        pair.start()
        pair.carry(pair.client, pair.server)
        pair.carry(pair.server, pair.client, cutAt(96))
        self.assertLessEqual(self.drawn(pair, 100), LENGTHS)

    def test_own(self) -> None:
        """
        Before that, each client has numbers of its own.
        """
        one, two = (self.drawn(readyPair(seed=seed), 60) for seed in ("1", "2"))
        self.assertNotEqual(one, two)

    def test_newSeed(self) -> None:
        """
        A later seed counts as well.
        """
        pair = readyPair()
        server = pair.server.codec
        assert isinstance(server, Obfs4ServerCodec)
        wire = server._encoder.seal([seedPacket(bytes(24)), seedPacket(SEED)])
        pair.client.apply(pair.client.codec.receive(bytes(wire), 0))
        self.assertLessEqual(self.drawn(pair, 100), LENGTHS)


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
        pairs = []
        for number in range(10):
            pair = readyPair(seed=str(number))
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
        pair = readyPair()
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
