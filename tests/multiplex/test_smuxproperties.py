"""
Whatever is sent, in whatever pieces and order.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.multiplex.frames import Command, encodeFrame, encodeUpdate
from pyptwist.multiplex.streams import INITIAL_WINDOW
from tests.multiplex.pairs import Pair, Side

#: Frames as peers may send them, right ones or nearly.
FRAMES = st.one_of(
    st.builds(
        encodeFrame,
        st.sampled_from([2, 2, 2, 2, 1]),
        st.sampled_from(Command),
        st.integers(0, 9),
        st.binary(max_size=20),
    ),
    st.builds(
        encodeFrame,
        st.just(2),
        st.sampled_from([Command.SYN, Command.FIN]),
        st.sampled_from([3, 5, 7]),
    ),
    st.builds(encodeFrame, st.just(2), st.just(Command.PSH), st.sampled_from([3, 5]), st.binary()),
    st.builds(
        encodeUpdate,
        st.just(2),
        st.sampled_from([3, 5, 7]),
        st.integers(0, 40),
        st.integers(0, (1 << 32) - 1),
    ),
)


def told(pieces: list[bytes], isClient: bool) -> tuple[object, ...]:
    """
    :returns: all that comes of some pieces.
    """
    side = Side(isClient, keepalive=0, timeout=0)
    if isClient:
        for _ in range(2):
            side.session.send(side.session.open(), bytes(20))
        side.output()
    for piece in pieces:
        side.receive(piece)
    events = (side.opened, dict(side.received), side.ended, type(side.error))
    return (*events, str(side.error), side.session.isFinished)


class ReceivingTests(SynchronousTestCase):
    """
    What a peer sends.
    """

    @settings(max_examples=300, deadline=None)
    @given(st.lists(FRAMES, max_size=12), st.data(), st.booleans())
    def test_pieces(self, frames: list[bytes], data: st.DataObject, isClient: bool) -> None:
        """
        The pieces in which it comes make no difference.
        """
        wire = b"".join(frames)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=20)))
        pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        self.assertEqual(told(pieces, isClient), told([wire], isClient))
        self.assertEqual(
            told([wire[at : at + 1] for at in range(len(wire))], isClient),
            told([wire], isClient),
        )

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), st.booleans())
    def test_garbage(self, garbage: bytes, isClient: bool) -> None:
        """
        Garbage ends in an error of ours, or in waiting, and is not kept.
        """
        side = Side(isClient)
        side.receive(encodeFrame(2, Command.SYN, 3) + garbage)
        if side.error is None:
            self.assertLess(len(side.session._reader._head), 16)
        side.receive(garbage * 100)


WHAT = ["open", "send", "send", "send", "end", "reset", "pause", "resume", "carry", "carry"]

#: What two applications may do: which, on which stream, and how much of it.
ACTIONS = st.tuples(
    st.sampled_from(WHAT),
    st.booleans(),
    st.integers(0, 5),
    st.integers(1, 100_000),
)


class ConversationTests(SynchronousTestCase):
    """
    Two sessions, and applications that do what they like.
    """

    def converse(self, version: int, actions: list[tuple[str, bool, int, int]]) -> None:
        """
        Nothing is lost, doubled or put elsewhere, and what is held is bounded.
        """
        pair = Pair(version=version, keepalive=0, timeout=0, buffer=1 << 30)
        sides = (pair.client, pair.server)
        written: tuple[dict[int, bytearray], ...] = (
            defaultdict(bytearray),
            defaultdict(bytearray),
        )
        isOver: set[int] = set()
        serial = 0
        for what, isServer, choice, size in actions:
            side, mine = sides[isServer], written[isServer]
            if what == "open":
                pair.client.session.open()
            elif what == "carry":
                sides[not isServer].receive(side.output(size))
            elif side.session._streams:
                streams = sorted(side.session._streams)
                number = streams[choice % len(streams)]
                stream = side.session._streams[number]
                if what == "send" and not stream.finDue and not stream.hasPeerEnded:
                    serial += 1
                    data = (serial % 256).to_bytes(1, "big") * size
                    mine[number] += data
                    side.session.send(number, data)
                elif what == "end":
                    isOver.add(number)
                    side.session.end(number)
                elif what == "reset":
                    isOver.add(number)
                    side.session.reset(number)
                elif what == "pause":
                    side.session.pause(number, 0.0)
                elif what == "resume":
                    side.resume(number)
            for each in sides:
                self.assertIsNone(each.error)
                for stream in each.session._streams.values():
                    if version == 2:
                        self.assertLessEqual(
                            len(stream.held), max(each.session.settings.window, INITIAL_WINDOW)
                        )
        pair.run()
        for each in sides:
            for number in list(each.session._streams):
                each.resume(number)
        pair.run()
        for reader, sent in ((pair.server, written[0]), (pair.client, written[1])):
            for number, expected in sent.items():
                received = reader.received[number]
                self.assertTrue(expected.startswith(received))
                if number not in isOver:
                    self.assertEqual(len(received), len(expected))

    @settings(max_examples=150, deadline=None)
    @given(st.lists(ACTIONS, max_size=60))
    def test_version2(self, actions: list[tuple[str, bool, int, int]]) -> None:
        """
        With windows.
        """
        self.converse(2, actions)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(ACTIONS, max_size=60))
    def test_version1(self, actions: list[tuple[str, bool, int, int]]) -> None:
        """
        Without.
        """
        self.converse(1, actions)
