"""
Tests for ``pyptwist.multiplex.kcp``.
"""

from __future__ import annotations

import contextlib
import random
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import FramingError
from pyptwist.multiplex.kcp import MODES, Conversation, Settings
from pyptwist.multiplex.kcp.segments import HEADER, Command, readPacket
from tests.multiplex.kcp.link import Link

DATA = random.Random(0).randbytes(1 << 20)


def segment(
    command: int,
    number: int = 0,
    data: bytes = b"",
    window: int = 128,
    stamp: int = 0,
    first: int = 0,
) -> bytes:
    """
    One of the conversation 7.
    """
    return HEADER.pack(7, command, 0, window, stamp, number, first, len(data)) + data


def settingsOf(mode: str, **more: Any) -> Settings:
    """
    A profile's.
    """
    nodelay, interval, resend, congestion = MODES[mode]
    return Settings(nodelay, interval, resend, congestion, **more)


class TransferTests(SynchronousTestCase):
    """
    Two conversations, over paths good and bad.
    """

    def assertCarries(self, link: Link, data: bytes = DATA) -> None:
        """
        Everything arrives, both ways, and then it is quiet.
        """
        for end in link.ends:
            end.send(data)
            end.sendEnd()
        self.assertTrue(link.run(), "it never comes to rest")
        for end, received in zip(link.ends, link.received, strict=True):
            self.assertTrue(received == data, f"{len(received)} bytes came of {len(data)}")
            self.assertTrue(end.isComplete)
            self.assertTrue(end.isFlushed)
            self.assertFalse(end.isDead)
            self.assertIsNone(end.nextTimer)

    def test_good(self) -> None:
        """
        Nothing is lost, and nothing sent twice.
        """
        link = Link()
        self.assertCarries(link)
        sizes = Settings().payload
        self.assertLess(link.packets[0], 2.2 * len(DATA) / sizes)

    def test_modes(self) -> None:
        """
        With each profile, and congestion control, over a path that loses and reorders.
        """
        for mode in MODES:
            self.assertCarries(Link(settingsOf(mode), loss=0.02, late=0.1))
        self.assertCarries(Link(Settings(congestion=True), loss=0.02), DATA[:100_000])

    def test_awful(self) -> None:
        """
        A third of all packets is lost.
        """
        link = Link(loss=0.33, late=0.5)
        self.assertCarries(link, DATA[:200_000])

    def test_repeats(self) -> None:
        """
        What was lost is sent again, and little else: for 2 % of loss less than 6 %.
        """
        link = Link(loss=0.02)
        link.ends[0].send(DATA)
        link.run()
        needed = len(DATA) / Settings().payload
        self.assertLess(link.packets[0], 1.06 * needed)

    def test_different(self) -> None:
        """
        The two sides' settings are their own.
        """
        small = Settings(packet=100, sendWindow=32, receiveWindow=128, interval=50, nodelay=False)
        self.assertCarries(Link(small, Settings(), loss=0.02), DATA[:100_000])

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32), st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 0.5))
    def test_any(self, seed: int, loss: float, late: float, delay: float) -> None:
        """
        Whatever the path does, the stream is the same.
        """
        self.assertCarries(Link(loss=loss, late=late, delay=delay, seed=seed), DATA[:20_000])

    def test_latency(self) -> None:
        """
        A few bytes do not wait for anything.
        """
        link = Link(delay=0.02)
        link.ends[0].send(b"now")
        link.run(0.021)
        self.assertEqual(bytes(link.received[1]), b"now")

    def test_pace(self) -> None:
        """
        A window is not thrown at the path at once.
        """
        link = Link()
        link.ends[0].send(DATA)
        self.assertEqual(len(link.ends[0].transmit(0.0)), limits.KCP_BURST)
        self.assertEqual(link.ends[0].transmit(0.0), [])
        self.assertEqual(link.ends[0].nextTimer, limits.KCP_PACE_STEP)
        self.assertEqual(len(link.ends[0].transmit(limits.KCP_PACE_STEP)), limits.KCP_PACE)
        # Nothing is owed for steps before the last few.
        self.assertEqual(len(link.ends[0].transmit(0.1)), 0)

    def test_sizes(self) -> None:
        """
        No packet is larger than it may be, and small writes share one.
        """
        conversation = Conversation(7, Settings(packet=200), 0.0)
        for _ in range(1000):
            conversation.send(b"abc")
        packets = conversation.transmit(0.0)
        self.assertLessEqual(max(map(len, packets)), 200)
        self.assertEqual(len(packets), -(-3000 // 176))


class FlowTests(SynchronousTestCase):
    """
    Windows and timers.
    """

    def test_slowReader(self) -> None:
        """
        Who does not take what comes stops the peer, and what he holds is bounded.
        """
        link = Link(Settings(sendWindow=256, receiveWindow=256))
        link.reading[1] = False
        link.ends[0].send(DATA)
        link.run(30)
        held = 256 * Settings().payload
        self.assertEqual(link.ends[0].backlog, len(DATA) - held)
        link.reading[1] = True
        link.take(1)
        link.run()
        self.assertTrue(bytes(link.received[1]) == DATA)

    def test_probe(self) -> None:
        """
        The news that a window is open again may be lost: it is asked for.
        """
        link = Link(Settings(sendWindow=256, receiveWindow=256))
        link.reading[1] = False
        link.ends[0].send(DATA)
        link.run(30)
        link.reading[1] = True
        link.take(1)
        self.assertEqual(
            [s[0] for p in link.ends[1].transmit(link.now) for s in readPacket(p, 7)],
            [Command.TELL],
        )
        link.run(limits.KCP_PROBE_MAXIMUM * 3)
        self.assertTrue(bytes(link.received[1]) == DATA)

    def test_idle(self) -> None:
        """
        A conversation with nothing to do has no timer.
        """
        link = Link()
        self.assertIsNone(link.ends[0].nextTimer)
        link.ends[0].send(b"hello")
        self.assertTrue(link.run())
        self.assertLess(link.now, 1)

    def test_acknowledgements(self) -> None:
        """
        They wait for company, but not for long.
        """
        conversation = Conversation(7, Settings(interval=30), 5.0)
        conversation.receive(segment(81, 0, b"a"), 5.0)
        self.assertEqual(conversation.transmit(5.0), [])
        self.assertEqual(conversation.nextTimer, 5.03)
        packets = conversation.transmit(5.03)
        self.assertEqual([s[0] for s in readPacket(packets[0], 7)], [Command.ACKNOWLEDGE])
        for number in range(1, 1 + limits.KCP_ACKNOWLEDGEMENTS):
            conversation.receive(segment(81, number, b"a"), 6.0)
        self.assertEqual(len(conversation.transmit(6.0)), 1)

    def test_timeouts(self) -> None:
        """
        A silent peer is tried ever less often, and given up in the end.
        """
        for mode, least in (("fast3", 60), ("normal", 100)):
            conversation = Conversation(7, settingsOf(mode), 0.0)
            conversation.send(b"anybody?")
            now, times = 0.0, []
            while not conversation.isDead:
                self.assertEqual(len(conversation.transmit(now)), 1)
                times.append(now)
                assert conversation.nextTimer is not None
                now = conversation.nextTimer
            self.assertEqual(len(times), limits.KCP_TRANSMISSIONS)
            pauses = [round(after - before, 6) for before, after in pairwise(times)]
            self.assertEqual(pauses, sorted(pauses))
            self.assertAlmostEqual(pauses[-1], limits.KCP_LAST_TIMEOUT / 1000, 2)
            self.assertGreater(now, least)

    def test_hurry(self) -> None:
        """
        On another way what is under way is sent again at once.
        """
        conversation = Conversation(7, Settings(), 0.0)
        conversation.send(b"hello")
        for now in (0.0, 0.2, 0.5, 0.95):
            self.assertEqual(len(conversation.transmit(now)), 1)
        self.assertEqual(conversation.transmit(1.0), [])
        conversation.hurry()
        self.assertEqual(len(conversation.transmit(1.0)), 1)
        self.assertEqual(conversation.transmit(1.001), [])

    def test_proof(self) -> None:
        """
        Only an acknowledgement with the timestamp proves anything.
        """
        conversation = Conversation(7, Settings(), 0.0, 0xFFFFFFF0)
        conversation.beCautious()
        conversation.send(bytes(1000))
        (first,) = conversation.transmit(0.032)
        self.assertLess(len(first), 50)
        self.assertEqual(HEADER.unpack_from(first)[4], 0x10)
        conversation.receive(segment(82, 0, stamp=0x11), 0.05)
        self.assertFalse(conversation.isProven)
        (second,) = conversation.transmit(0.05)
        self.assertLess(len(second), 50)
        conversation.receive(segment(82, 1, stamp=HEADER.unpack_from(second)[4]), 0.1)
        self.assertTrue(conversation.isProven)
        self.assertGreater(len(conversation.transmit(0.1)[0]), 900)


class HostilityTests(SynchronousTestCase):
    """
    Peers that do what they like.
    """

    def test_beyondTheWindow(self) -> None:
        """
        What does not fit into the window is not kept, and not acknowledged.
        """
        conversation = Conversation(7, Settings(receiveWindow=128), 0.0)
        for number in (127, 128, 2**31 - 1, 2**32 - 1):
            conversation.receive(segment(81, number, b"x"), 0.0)
        (packet,) = conversation.transmit(1.0)
        self.assertEqual([s[3] for s in readPacket(packet, 7)], [127, 2**32 - 1])
        self.assertEqual(conversation.take(), b"")

    def test_duplicates(self) -> None:
        """
        What comes twice counts once, and is acknowledged twice.
        """
        conversation = Conversation(7, Settings(), 0.0)
        for _ in range(2):
            conversation.receive(segment(81, 0, b"x") + segment(81, 1, b"y"), 0.0)
        self.assertEqual(conversation.take(), b"xy")
        (packet,) = conversation.transmit(1.0)
        self.assertEqual([s[3] for s in readPacket(packet, 7)], [0, 1, 0, 1])

    def test_falseAcknowledgements(self) -> None:
        """
        Of what was never sent.
        """
        conversation = Conversation(7, Settings(), 0.0)
        conversation.send(b"x")
        conversation.transmit(0.0)
        conversation.receive(segment(82, 1, first=5), 0.0)
        self.assertFalse(conversation.isFlushed)
        conversation.receive(segment(82, 0, first=2**31 + 7, stamp=2**31), 0.0)
        self.assertTrue(conversation.isFlushed)

    def test_behindTheEnd(self) -> None:
        """
        There is nothing.
        """
        conversation = Conversation(7, Settings(), 0.0)
        conversation.receive(segment(81, 0, b"x") + segment(81, 1) + segment(81, 2, b"y"), 0.0)
        self.assertEqual(conversation.take(), b"x")
        self.assertTrue(conversation.isComplete)
        conversation.receive(segment(81, 2, b"y"), 0.0)
        self.assertEqual(conversation.take(), b"")

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=60),
                st.builds(
                    segment,
                    st.sampled_from([81, 82, 83, 84]),
                    st.integers(0, 2**32 - 1) | st.integers(0, 5),
                    st.binary(max_size=5),
                    st.integers(0, 65535),
                    st.integers(0, 2**32 - 1),
                    st.integers(0, 2**32 - 1) | st.integers(0, 5),
                ),
            ),
            max_size=30,
        )
    )
    def test_garbage(self, packets: list[bytes]) -> None:
        """
        Whatever comes is taken, or refused in our own words; and what is kept of it is
        bounded.
        """
        conversation = Conversation(7, Settings(receiveWindow=128), 0.0)
        conversation.send(bytes(5000))
        now = 0.0
        for packet in packets:
            with contextlib.suppress(FramingError):
                conversation.receive(packet, now)
            conversation.transmit(now)
            at = conversation.nextTimer
            now = now + 0.001 if at is None else max(now, min(at, now + 1))
        self.assertLessEqual(len(conversation.take()), 128 * 60)
