"""
Tests for ``pyptwist.transports.optimizer.health``.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.state import StateDirectory
from pyptwist.testing import fixedEntropy
from pyptwist.transports.optimizer.health import HEALTH_FILE, HealthMemory, KnownHealth, _parsed

_NOW = 1_700_000_000.0


class HealthCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = _NOW
        self.directory = Path(self.mktemp()).absolute()
        self.file = self.directory / HEALTH_FILE

    def memory(self, seed: str = "health") -> HealthMemory:
        """
        :returns: one that has read the file, if there is any.
        """
        state = StateDirectory(self.directory)
        return HealthMemory(state, fixedEntropy(seed), lambda: self.now)


class MemoryTests(HealthCase):
    """
    What is known, and how long.
    """

    def test_known(self) -> None:
        """
        The last try counts, until it is too old, or the clock was put back.
        """
        memory = self.memory()
        self.assertIsNone(memory.get("a"))
        memory.put("a", False, 2.0)
        memory.put("a", True, 1.0)
        health = memory.get("a")
        assert health is not None
        self.assertEqual((health.isGood, health.seconds), (True, 1.0))
        self.now = _NOW + limits.OPTIMIZER_HEALTH_LIFETIME - 1
        self.assertIsNotNone(memory.get("a"))
        for now in (_NOW + limits.OPTIMIZER_HEALTH_LIFETIME, _NOW - 3600):
            self.now = now
            self.assertIsNone(memory.get("a"))

    def test_bounded(self) -> None:
        """
        When there are too many, those that were not tried for the longest time go; and
        the file never becomes too large to be read.
        """
        memory = self.memory()
        for number in range(limits.OPTIMIZER_HEALTH):
            memory.put(memory.tag(str(number)), True, 59.999)
        memory.put(memory.tag("0"), True, 59.999)
        memory.put(memory.tag("one more"), False, 59.999)
        memory.save()
        self.assertLess(self.file.stat().st_size, limits.STATE_FILE / 2)
        for known in (memory, self.memory()):
            gone = [
                n for n in range(limits.OPTIMIZER_HEALTH) if known.get(known.tag(str(n))) is None
            ]
            self.assertEqual(gone, [1])

    def test_ledger(self) -> None:
        """
        An Optimizer's transports have numbers; the same one has one health, wherever.
        """
        memory = self.memory()
        one, other = KnownHealth(memory, ["a", "b"]), KnownHealth(memory, ["c", "a"])
        one.put(0, True, 3.0)
        self.assertEqual(other.get(1), one.get(0))
        self.assertEqual([one.get(1), other.get(0)], [None, None])
        other.save()
        self.assertTrue(self.file.exists())


class FileTests(HealthCase):
    """
    What is on the disk.
    """

    def test_kept(self) -> None:
        """
        It outlives the process, with its key; times are minutes.
        """
        memory = self.memory()
        memory.put(memory.tag("good"), True, 0.123456)
        memory.put(memory.tag("bad"), False, 10.0)
        memory.save()
        again = self.memory("another seed")
        self.assertEqual(again.tag("good"), memory.tag("good"))
        health = [again.get(again.tag(name)) for name in ("good", "bad")]
        self.assertEqual(
            [h and (h.isGood, h.seconds) for h in health], [(True, 0.123), (False, 10.0)]
        )
        assert health[0] is not None
        self.assertEqual(health[0].at % 60, 0)
        self.assertLess(abs(health[0].at - _NOW), 60)

    def test_private(self) -> None:
        """
        It is its owner's alone, and names nobody: what stands in it is a keyed hash.
        """
        memory = self.memory()
        identity = '["obfs4", "192.0.2.77:443", [["cert", "secret"]]]'
        memory.put(memory.tag(identity), True, 1.0)
        memory.save()
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.directory), [HEALTH_FILE])
        text = self.file.read_text()
        for word in ("192", "obfs4", "secret", "443"):
            self.assertNotIn(word, text.replace(str(int(_NOW) // 60 * 60), ""))
        [tag] = json.loads(text)["transports"]
        self.assertEqual(len(tag), 32)
        self.assertNotEqual(self.otherMemory().tag(identity), tag)

    def otherMemory(self) -> HealthMemory:
        """
        :returns: one of another directory.
        """
        return HealthMemory(StateDirectory(self.mktemp()), fixedEntropy("other"), lambda: self.now)

    def test_seldom(self) -> None:
        """
        It is written when a transport fails or recovers, and else once a minute.
        """
        memory, writes = self.memory(), 0
        state: Any = memory._state
        write = state.write

        def counted(*arguments: Any) -> None:
            nonlocal writes
            writes += 1
            write(*arguments)

        self.patch(state, "write", counted)
        for seconds, isGood, expected in (
            (0, True, 1),
            (1, True, 1),
            (58, True, 1),
            (1, True, 2),
            (1, False, 3),
            (1, False, 3),
            (1, True, 4),
        ):
            self.now += seconds
            memory.put("a", isGood, 1.0)
            memory.save()
            self.assertEqual(writes, expected)

    def test_nowhere(self) -> None:
        """
        Without a state directory it is remembered all the same.
        """
        memory = HealthMemory(None, fixedEntropy("x"), lambda: self.now)
        memory.put("a", True, 1.0)
        memory.save()
        self.assertIsNotNone(memory.get("a"))

    def test_damaged(self) -> None:
        """
        Whatever is wrong with the file is said, and begins it anew.
        """
        self.directory.mkdir(mode=0o700)
        for text in (
            b"",
            b"\xff",
            b"[]",
            b'{"key": "00", "transports": {}}',
            b'{"key": "zz", "transports": {}}',
            b'{"key": 1, "transports": {}}',
            b"[" * 50_000,
        ):
            self.file.write_bytes(text)
            with capturedLogs() as events:
                memory = self.memory()
            [event] = events
            self.assertIn("damaged", event["log_format"])
            memory.put(memory.tag("a"), True, 1.0)
            memory.save()
            self.assertIsNotNone(self.memory().get(memory.tag("a")))

    def test_unreadable(self) -> None:
        """
        So is a file that cannot be read or written; nobody fails for that.
        """
        self.directory.mkdir(mode=0o700)
        self.file.symlink_to("/dev/null")
        with capturedLogs() as events:
            memory = self.memory()
        self.assertEqual(len(events), 1)
        self.directory.joinpath(HEALTH_FILE).unlink()
        self.directory.rmdir()
        self.directory.write_text("in the way")
        with capturedLogs() as events:
            memory.put("a", True, 1.0)
            memory.save()
        self.assertEqual(len(events), 1)
        self.assertIsNotNone(memory.get("a"))

    def test_fields(self) -> None:
        """
        Entries that make no sense are nobody's.
        """
        fields = {
            "a" * 32: [1, 0.5, 1700000000],
            "a" * 33: [1, 0.5, 1700000000],
            "b" * 32: [2, 0.5, 1],
            "c" * 32: [1, -1, 1],
            "d" * 32: [1, 1e300, 1],
            "e" * 32: [1, 1, 10**400],
            "f" * 32: [1, "x", 1],
            "g" * 32: [1, 1],
            "h" * 32: None,
            "i" * 32: [1, float("nan"), 1],
        }
        data = json.dumps({"key": "00" * 32, "transports": fields}).encode()
        self.assertEqual(list(_parsed(data)[1]), ["a" * 32])

    def test_overlong(self) -> None:
        """
        A file that is as large as it may be, of names that are not ours, is no larger
        when it is written again.
        """
        fields = {f"{number:0245d}": [1, 0, 0] for number in range(255)}
        data = json.dumps({"key": "00" * 32, "transports": fields}, separators=(",", ":"))
        self.directory.mkdir(mode=0o700)
        self.file.write_text(data + " " * (limits.STATE_FILE - len(data)))
        memory = self.memory()
        memory.put(memory.tag("a"), True, 1.0)
        memory.save()
        self.assertIsNotNone(self.memory().get(memory.tag("a")))

    @given(
        st.binary(max_size=200)
        | st.recursive(
            st.none() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["key", "transports", "a"]), inner, max_size=3)
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode())
    )
    def test_anything(self, data: bytes) -> None:
        """
        Whatever is there is read, or is a ``ValueError``.
        """
        try:
            _parsed(data)
        except ValueError:
            return
