"""
Tests for ``pyptwist.ledger``.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.ledger import TAG_LENGTH, Ledger
from pyptwist.state import StateDirectory
from pyptwist.testing import fixedEntropy

#: Tags of one page.
PAGE = (limits.STATE_FILE - 8) // TAG_LENGTH


def tokens(count: int, seed: str = "tokens") -> list[bytes]:
    entropy = fixedEntropy(seed)
    return [entropy(32) for _ in range(count)]


def refuse(*ignored: object) -> None:
    raise ConfigurationError("there is no room")


class LedgerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.where = Path(self.mktemp())
        self.state = StateDirectory(self.where)

    def ledger(self, pages: int = 3) -> Ledger:
        return Ledger(self.state, "seen", pages)

    def fill(self, number: int, tags: list[bytes], slot: int | None = None) -> None:
        """
        Write a page.
        """
        data = struct.pack(">Q", number) + b"".join(tag[:TAG_LENGTH] for tag in tags)
        self.state.write(f"seen_{number % 3 if slot is None else slot}", data)

    def pages(self) -> dict[str, int]:
        """
        :returns: the number of each page, by its file.
        """
        return {
            path.name: int.from_bytes(path.read_bytes()[:8], "big")
            for path in self.where.iterdir()
        }

    def test_once(self) -> None:
        one, other = tokens(2)
        ledger = self.ledger()
        self.assertFalse(ledger.seenBefore(one))
        self.assertFalse(ledger.seenBefore(other))
        self.assertTrue(ledger.seenBefore(one))
        self.assertEqual(len(ledger), 2)

    def test_restart(self) -> None:
        """
        It is known to those who come after, and those who were there before.
        """
        before = self.ledger()
        seen = tokens(20)
        for token in seen:
            self.assertFalse(self.ledger().seenBefore(token))
        for token in seen:
            self.assertTrue(before.seenBefore(token))
            self.assertTrue(self.ledger().seenBefore(token))
        self.assertFalse(self.ledger().seenBefore(tokens(1, "other")[0]))

    def test_private(self) -> None:
        self.ledger().seenBefore(tokens(1)[0])
        (path,) = self.where.iterdir()
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(path.stat().st_size, 8 + TAG_LENGTH)

    def test_memoryOnly(self) -> None:
        ledger = Ledger(None, "seen", 2)
        (token,) = tokens(1)
        self.assertFalse(ledger.seenBefore(token))
        self.assertTrue(ledger.seenBefore(token))
        self.assertFalse(self.where.exists())

    def test_ring(self) -> None:
        """
        The next page is begun when one is full, in the place of the oldest.
        """
        self.fill(7, tokens(PAGE, "seven"))
        self.fill(8, tokens(PAGE, "eight"))
        self.fill(9, tokens(PAGE - 1, "nine"))
        ledger = self.ledger()
        self.assertFalse(ledger.seenBefore(b"last one"))
        self.assertEqual(self.pages(), {"seen_1": 7, "seen_2": 8, "seen_0": 9})
        self.assertFalse(ledger.seenBefore(b"next one"))
        self.assertEqual(self.pages(), {"seen_1": 10, "seen_2": 8, "seen_0": 9})
        again = self.ledger()
        for token in (*tokens(1, "eight"), *tokens(1, "nine"), b"last one", b"next one"):
            self.assertTrue(again.seenBefore(token))
        self.assertFalse(again.seenBefore(tokens(1, "seven")[0]))

    def test_bounded(self) -> None:
        """
        In memory there are no more than in the files.
        """
        self.fill(7, tokens(PAGE, "seven"))
        self.fill(8, tokens(PAGE, "eight"))
        self.fill(9, tokens(PAGE, "nine"))
        ledger = self.ledger()
        self.assertEqual(len(ledger), 3 * PAGE)
        for token in tokens(10):
            self.assertFalse(ledger.seenBefore(token))
        self.assertEqual(len(ledger), 3 * PAGE)

    def test_otherListenerBeginsPage(self) -> None:
        """
        And goes on in it: we follow.
        """
        self.fill(1, tokens(PAGE - 1, "one"))
        ours, theirs = self.ledger(), self.ledger()
        fresh = tokens(6)
        for token in fresh[:4]:
            self.assertFalse(theirs.seenBefore(token))
        # In the page that is full by now, and in the next.
        self.assertTrue(ours.seenBefore(fresh[0]))
        self.assertTrue(ours.seenBefore(fresh[3]))
        self.assertFalse(ours.seenBefore(fresh[4]))
        self.assertTrue(theirs.seenBefore(fresh[4]))
        self.assertEqual(self.pages(), {"seen_1": 1, "seen_2": 2})

    def test_overtaken(self) -> None:
        """
        Or goes round the whole ring while nobody comes to us: what it saw is known to
        us, and not written over.
        """
        self.fill(1, tokens(PAGE - 1, "one"))
        ours = self.ledger()
        for number in (2, 3, 4):
            self.fill(number, tokens(5, str(number)))
        for number in (3, 4):
            self.assertTrue(ours.seenBefore(tokens(1, str(number))[0]))
        self.assertFalse(ours.seenBefore(b"next one"))
        self.assertEqual(self.pages(), {"seen_1": 4, "seen_2": 2, "seen_0": 3})
        self.assertTrue(self.ledger().seenBefore(b"next one"))

    def test_damaged(self) -> None:
        """
        Files that are no pages, or of other places, are as good as none.
        """
        self.state.write("seen_0", b"short")
        self.fill(5, tokens(3), slot=1)
        self.state.write("seen_2", b"\xff" * 100)
        ledger = self.ledger()
        self.assertEqual(len(ledger), 0)
        self.assertFalse(ledger.seenBefore(b"whatever"))
        self.assertTrue(self.ledger().seenBefore(b"whatever"))

    def test_partOfTag(self) -> None:
        """
        A disk that was full took a part of the last one: all others are found, and
        those that come go to another page.
        """
        seen = tokens(3)
        self.fill(1, seen[:2])
        self.state.append("seen_1", seen[2][:3])
        ledger = self.ledger()
        self.assertFalse(ledger.seenBefore(seen[2]))
        again = self.ledger()
        for token in seen:
            self.assertTrue(again.seenBefore(token))
        self.assertEqual(self.pages(), {"seen_1": 1, "seen_2": 2})

    def test_fullDisk(self) -> None:
        """
        No page is begun for what cannot be written: when there is room again, the next
        one is in the place of the oldest.
        """
        self.fill(7, tokens(PAGE, "seven"))
        self.fill(8, tokens(PAGE, "eight"))
        self.fill(9, tokens(PAGE, "nine"))
        ledger = self.ledger()
        mended = self.patch(StateDirectory, "write", refuse)
        with capturedLogs() as events:
            for token in tokens(4):
                self.assertFalse(ledger.seenBefore(token))
                self.assertTrue(ledger.seenBefore(token))
        self.assertEqual(len(events), 1)
        mended.restore()
        self.assertFalse(ledger.seenBefore(b"next one"))
        self.assertEqual(self.pages(), {"seen_1": 10, "seen_2": 8, "seen_0": 9})

    def test_unreadablePage(self) -> None:
        """
        One that is too large, since two processes wrote its last tag at once, is as good
        as none; the others are read, and the ring goes on.
        """
        self.fill(7, tokens(PAGE, "seven"))
        self.fill(8, tokens(PAGE, "eight"))
        self.state.append("seen_2", b"too much")
        with capturedLogs() as events:
            ledger = self.ledger()
            self.assertTrue(ledger.seenBefore(tokens(1, "seven")[0]))
            self.assertFalse(ledger.seenBefore(b"next one"))
        self.assertEqual(len(events), 1)
        self.assertTrue(self.ledger().seenBefore(b"next one"))

    def test_removed(self) -> None:
        """
        Files that somebody removed are made again.
        """
        ledger = self.ledger()
        one, other = tokens(2)
        ledger.seenBefore(one)
        for path in self.where.iterdir():
            path.unlink()
        self.assertTrue(ledger.seenBefore(one))
        self.assertFalse(ledger.seenBefore(other))
        self.assertTrue(self.ledger().seenBefore(other))

    def test_unwritable(self) -> None:
        """
        Memory does it then, and the operator is told once.
        """
        ledger = self.ledger()
        self.where.parent.mkdir(parents=True, exist_ok=True)
        self.where.write_bytes(b"no directory")
        with capturedLogs() as events:
            for token in tokens(3):
                self.assertFalse(ledger.seenBefore(token))
                self.assertTrue(ledger.seenBefore(token))
        self.assertEqual([event["log_level"].name for event in events], ["warn"])

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 1 << 30))
    def test_model(self, numbers: list[int], seed: int) -> None:
        """
        Several listeners and restarts know what one set would.
        """
        state = StateDirectory(os.path.join(self.mktemp(), str(seed)))
        pool, seen = tokens(31, str(seed)), set()
        listeners = [Ledger(state, "seen", 3), Ledger(state, "seen", 3)]
        for turn, number in enumerate(numbers):
            if turn % 10 == 9:
                listeners[0] = Ledger(state, "seen", 3)
            wasSeen = listeners[turn % 2].seenBefore(pool[number])
            self.assertEqual(wasSeen, number in seen)
            seen.add(number)
