"""
obfs4's codecs after the handshake: payload, and what breaks it.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Deliver, Finished, Transmit
from pyptwist.errors import FramingError
from pyptwist.testing.codecs import fixedEntropy
from pyptwist.transports.obfs4.codec import Obfs4ClientCodec, Obfs4ServerCodec
from pyptwist.transports.obfs4.framing import seedPacket
from tests.transports.obfs4.pairs import LENGTHS, cutAt, readyPair, sent

PAYLOAD = fixedEntropy("payload")(10_000)


class DataTests(SynchronousTestCase):
    """
    After Ready.
    """

    def test_modes(self) -> None:
        """
        Payload passes both ways in each mode, however it is written.
        """
        for mode in (0, 1, 2):
            pair = readyPair(mode)
            for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
                before = len(there.delivered)
                here.apply(here.codec.send(PAYLOAD, pair.now))
                for byte in PAYLOAD[:20]:
                    here.apply(here.codec.send(bytes([byte]), pair.now))
                pair.runTimers(60)
                self.assertEqual(bytes(there.delivered[before:]), PAYLOAD + PAYLOAD[:20])
                self.assertEqual(here.codec.backlog, 0)
                self.assertIs(here.codec.nextTimer, None)

    def test_oneEffect(self) -> None:
        """
        What is sent or comes at once makes one Transmit or Deliver.
        """
        pair = readyPair()
        data = PAYLOAD * 3
        [transmit] = pair.client.codec.send(data, 0)
        assert isinstance(transmit, Transmit)
        self.assertEqual(pair.server.codec.receive(bytes(transmit.data), 0), [Deliver(data)])
        self.assertEqual(pair.client.codec.send(b"", 0), [])

    def test_bursts(self) -> None:
        """
        A long write is several bursts, each a write of its own with an end from
        the table, as from a relay that reads 32 KiB at once.
        """
        pair = readyPair()
        data = PAYLOAD * 20
        effects = pair.server.codec.send(data, 0)
        self.assertEqual(len(effects), 7)
        tails = {length % 1448 for length in LENGTHS}
        tails |= {(tail + 21) % 1448 for tail in tails}
        for effect in effects:
            assert isinstance(effect, Transmit)
            self.assertIn(len(effect.data) % 1448, tails)
        [deliver] = pair.client.codec.receive(sent(effects), 0)
        self.assertEqual(deliver, Deliver(data))

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.binary(min_size=1, max_size=4000), min_size=1, max_size=5),
        st.lists(st.integers(0, 20_000), max_size=10),
        st.integers(0, 2),
    )
    def test_anyChunking(self, writes: list[bytes], cuts: list[int], mode: int) -> None:
        """
        How payload is written and how the network cuts it makes no difference.
        """
        pair = readyPair(mode)
        for data in writes:
            pair.server.apply(pair.server.codec.send(data, pair.now))
        pair.server.apply(pair.server.codec.sendEnd(pair.now))
        pair.run(cutAt(*cuts))
        pair.runTimers(60)
        self.assertEqual(bytes(pair.client.delivered), b"".join(writes))
        self.assertTrue(pair.server.isFinished)
        self.assertIs(pair.server.error, None)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 255))
    def test_tampered(self, place: int, change: int) -> None:
        """
        A change ends the connection, and nothing false is delivered.
        """
        pair = readyPair()
        wire = bytearray(sent(pair.client.codec.send(PAYLOAD, 0)))
        wire[place] ^= change
        pair.server.apply(pair.server.codec.receive(bytes(wire) + bytes(3000), 0))
        self.assertTrue(PAYLOAD.startswith(pair.server.delivered))
        self.assertLess(len(pair.server.delivered), len(PAYLOAD))
        self.assertIsInstance(pair.server.error, FramingError)

    def test_deliveredBeforeError(self) -> None:
        """
        Payload before a broken frame is delivered first.
        """
        pair = readyPair()
        wire = sent(pair.client.codec.send(b"good", 0)) + bytes(3000)
        deliver, finished = pair.server.codec.receive(wire, 0)
        self.assertEqual(deliver, Deliver(b"good"))
        assert isinstance(finished, Finished)
        self.assertIsInstance(finished.error, FramingError)

    def test_ends(self) -> None:
        """
        The peer's end is an orderly one, also in the middle of a frame.
        """
        pair = readyPair()
        wire = sent(pair.client.codec.send(PAYLOAD, 0))
        pair.server.apply(pair.server.codec.receive(wire[:2000], 0))
        self.assertEqual(pair.server.codec.receiveEnd(0), [Finished()])
        self.assertEqual(pair.server.codec.send(b"x", 0), [])
        self.assertEqual(pair.server.codec.receive(wire[2000:], 0), [])

    def test_sendEnd(self) -> None:
        """
        The end of a paced connection waits for what is held back.
        """
        pair = readyPair(1)
        pair.client.apply(pair.client.codec.send(PAYLOAD, pair.now))
        self.assertEqual(pair.client.codec.sendEnd(pair.now), [])
        self.assertGreater(pair.client.codec.backlog, 0)
        pair.runTimers(60)
        self.assertEqual(bytes(pair.server.delivered), PAYLOAD)
        self.assertTrue(pair.client.isFinished)
        self.assertIs(pair.client.error, None)

    def test_sendEndPauses(self) -> None:
        """
        The last piece has its pause, too, before the end: obfs4proxy sleeps it
        before it hears of the end.
        """
        for mode in (1, 2):
            pair = readyPair(mode)
            codec = pair.client.codec
            codec.send(b"x", 0.0)
            while codec.backlog:
                assert codec.nextTimer is not None
                codec.timerFired(codec.nextTimer)
            due = codec.nextTimer
            assert due is not None
            self.assertEqual(codec.sendEnd(due), [])
            self.assertEqual(codec.timerFired(due), [Finished()])

    def test_otherPackets(self) -> None:
        """
        A server ignores seeds; both ignore what they do not know.
        """
        pair = readyPair()
        server, client = pair.server.codec, pair.client.codec
        assert isinstance(client, Obfs4ClientCodec)
        assert isinstance(server, Obfs4ServerCodec)
        wire = client._encoder.seal([seedPacket(b"?" * 24), b"\x09\x00\x01x"])
        self.assertEqual(server.receive(bytes(wire), 0), [])
        drawn = {len(sent(server.send(b"x" * 149, 0))) % 1448 for _ in range(200)}
        self.assertLessEqual(drawn, LENGTHS)
