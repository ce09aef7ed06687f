"""
The client's tickets, and the file they are in.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.handshake import Ticket
from pyptwist.transports.scramblesuit.store import TICKETS_FILE, TicketStore

DAY = 24 * 3600
NOW = 1_700_000_000.5
HERE = "192.0.2.1:443"
THERE = "[2001:db8::1]:443"
TICKET = Ticket(bytes(range(32)), bytes(range(112)))

# The layout of obfs4proxy 0.0.14, with the ticket of above.
THEIRS = (
    '{"192.0.2.1:443":{"key-ticket":"AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQAAICAMCA'
    "KBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HZAEERCGJBFEYTSQKJKFMWC2LRPGAYTEMZUGU3DOOBZHI5TYPJ6"
    'H5AECQSDIRCUMR2IJFFEWTCNJZHVAUKSKNKFKVSXLBMVUW24LVPF6YDBMJRWIZLGM5UGS2TLNRWW43Y=","issuedAt":'
    "1700000000}}"
)


def ticket(number: int) -> Ticket:
    entropy = fixedEntropy(str(number))
    return Ticket(entropy(32), entropy(112))


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.where = self.mktemp()
        self.path = os.path.join(self.where, TICKETS_FILE)
        self.store = self.again()
        self.warnings: list[str] = []

        @provider(ILogObserver)
        def note(event: LogEvent) -> None:
            if event.get("log_namespace", "").endswith("store.TicketStore"):
                self.warnings.append(event["log_format"])

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def again(self) -> TicketStore:
        """
        The store of a process that starts now.
        """
        return TicketStore(StateDirectory(self.where))

    def contents(self) -> Any:
        with open(self.path, encoding="ascii") as file:
            return json.load(file)

    def damage(self, data: str | bytes) -> None:
        os.makedirs(self.where, mode=0o700, exist_ok=True)
        with open(self.path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)


class MemoryTests(SynchronousTestCase):
    """
    A store without a state directory
    """

    def test_takenOnce(self) -> None:
        """
        A ticket is kept as long as the store is, and given once.
        """
        store = TicketStore(None)
        self.assertIs(store.take(HERE, NOW), None)
        store.put(HERE, TICKET, NOW)
        self.assertEqual(store.take(HERE, NOW), TICKET)
        self.assertIs(store.take(HERE, NOW), None)
        self.assertIs(TicketStore(None).take(HERE, NOW), None)

    def test_bounded(self) -> None:
        """
        Nobody keeps more than so many.
        """
        store = TicketStore(None)
        for number in range(limits.STORED_TICKETS + 10):
            store.put(f"192.0.2.1:{number}", ticket(number), NOW + number)
        self.assertEqual(len(store._memory), limits.STORED_TICKETS)


class StoreTests(_Case):
    """
    ``TicketStore``
    """

    def test_nothing(self) -> None:
        """
        Where nothing was kept nothing is written, or read.
        """
        self.assertIs(self.store.take(HERE, NOW), None)
        self.assertFalse(os.path.exists(self.where))

    def test_kept(self) -> None:
        """
        What one process puts another takes: each server's own.
        """
        self.store.put(HERE, ticket(1), NOW)
        self.store.put(THERE, ticket(2), NOW)
        self.assertEqual(self.again().take(THERE, NOW), ticket(2))
        self.assertEqual(self.again().take(HERE, NOW), ticket(1))
        self.assertEqual(self.warnings, [])

    def test_offTheDiskFirst(self) -> None:
        """
        What was taken is in no file, even if the process ends at once.
        """
        self.store.put(HERE, ticket(1), NOW)
        self.store.put(THERE, ticket(2), NOW)
        self.store.take(HERE, NOW)
        self.assertEqual(list(self.contents()), [THERE])
        self.assertIs(self.again().take(HERE, NOW), None)

    def test_unwritable(self) -> None:
        """
        A ticket that cannot be taken off the disk is not used.
        """
        self.store.put(HERE, TICKET, NOW)

        def write(state: StateDirectory, name: str, data: bytes) -> None:
            raise ConfigurationError("the disk is full")

        patch = self.patch(StateDirectory, "write", write)
        self.assertIs(self.store.take(HERE, NOW), None)
        self.store.put(THERE, TICKET, NOW)
        self.assertEqual(len(self.warnings), 2)
        patch.restore()
        self.assertEqual(self.store.take(HERE, NOW), TICKET)

    def test_latest(self) -> None:
        """
        A new ticket takes the place of the old one.
        """
        self.store.put(HERE, ticket(1), NOW)
        self.store.put(HERE, ticket(2), NOW)
        self.assertEqual(self.store.take(HERE, NOW), ticket(2))
        self.assertIs(self.store.take(HERE, NOW), None)

    def test_givenBack(self) -> None:
        """
        A ticket that was not sent is there again, and no younger than it is; a new
        one is not given up for it.
        """
        for _ in range(2):
            self.store.put(HERE, ticket(1), NOW)
            taken = self.store.take(HERE, NOW + DAY)
            assert taken is not None
            self.again().giveBack(HERE, taken, NOW + DAY)
            self.assertEqual(self.contents()[HERE]["issuedAt"], int(NOW))
            self.assertEqual(self.again().take(HERE, NOW + 2 * DAY), ticket(1))
            self.store.put(HERE, ticket(2), NOW + DAY)
            self.store.giveBack(HERE, taken, NOW + DAY)
            self.assertEqual(self.store.take(HERE, NOW + DAY), ticket(2))

    def test_twoProcesses(self) -> None:
        """
        Of two who take a ticket at once, one gets it: who finds the other at it has none.
        """
        self.store.put(HERE, ticket(1), NOW)
        write = StateDirectory.write
        others: list[Ticket | None] = []

        def late(state: StateDirectory, name: str, data: bytes) -> None:
            patch.restore()
            others.append(self.again().take(HERE, NOW))
            write(state, name, data)

        patch = self.patch(StateDirectory, "write", late)
        self.assertEqual(self.store.take(HERE, NOW), ticket(1))
        self.assertEqual(others, [None])
        self.assertIs(self.again().take(HERE, NOW), None)

    def test_notBehindAnothersBack(self) -> None:
        """
        Who keeps a ticket does not write back what another process has taken meanwhile,
        and nobody waits.
        """
        self.store.put(HERE, ticket(1), NOW)
        taken = self.store.take(HERE, NOW)
        assert taken is not None
        self.store.put(THERE, ticket(2), NOW)
        with StateDirectory(self.where).claimed() as isOurs:
            self.assertTrue(isOurs)
            self.store.put(HERE, ticket(3), NOW)
            self.store.giveBack(HERE, taken, NOW)
            self.assertIs(self.store.take(THERE, NOW), None)
            self.assertEqual(list(self.contents()), [THERE])
        self.store.giveBack(HERE, taken, NOW)
        self.assertEqual(list(self.contents()), [THERE, HERE])
        self.assertEqual(self.warnings, [])

    def test_expired(self) -> None:
        """
        After seven days a ticket is forgotten.
        """
        self.store.put(HERE, ticket(1), NOW)
        self.assertIs(self.store.take(HERE, NOW + 7 * DAY), None)
        self.assertEqual(self.store.take(HERE, NOW + 7 * DAY - 1), ticket(1))
        self.store.put(HERE, ticket(1), NOW)
        self.store.put(THERE, ticket(2), NOW + 7 * DAY)
        self.assertEqual(list(self.contents()), [THERE])

    def test_noNeedlessWrite(self) -> None:
        """
        Who has no ticket for a server leaves the file alone.
        """
        self.store.put(HERE, ticket(1), NOW)
        before = os.stat(self.path)
        self.assertIs(self.store.take(THERE, NOW), None)
        after = os.stat(self.path)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_bounded(self) -> None:
        """
        The oldest goes first, and the file never is too large to be read.
        """
        for host in ("192.0.2.1", "\u00fc" * 250):
            for number in range(limits.STORED_TICKETS + 10):
                self.store.put(f"{host}:{number}", ticket(number), NOW + number)
            self.assertLessEqual(len(self.contents()), limits.STORED_TICKETS)
            self.assertLessEqual(os.stat(self.path).st_size, limits.STATE_FILE)
            last = limits.STORED_TICKETS + 9
            self.assertEqual(self.store.take(f"{host}:{last}", NOW), ticket(last))
            self.assertIs(self.store.take(f"{host}:0", NOW), None)
        self.assertEqual(self.warnings, [])

    def test_private(self) -> None:
        """
        Nobody else reads it.
        """
        self.store.put(HERE, TICKET, NOW)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.where).st_mode), 0o700)


class FileTests(_Case):
    """
    The file, and what may be wrong with it
    """

    def test_theirs(self) -> None:
        """
        It is obfs4proxy's, byte for byte, and can be read and written by turns.
        """
        self.store.put(HERE, TICKET, NOW)
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), THEIRS)
        self.damage(THEIRS)
        self.assertEqual(self.store.take(HERE, NOW), TICKET)

    def test_damaged(self) -> None:
        """
        A file that is none is warned of, and replaced by the next ticket.
        """
        deep = "[" * 30_000
        for data in ("", "{", "[]", "null", b"\xff\xfe", '"x"', deep, THEIRS[:-1]):
            self.damage(data)
            self.warnings.clear()
            self.assertIs(self.store.take(HERE, NOW), None)
            self.assertEqual(len(self.warnings), 1)
            self.store.put(THERE, ticket(2), NOW)
            self.assertEqual(self.again().take(THERE, NOW), ticket(2))

    def test_grows(self) -> None:
        """
        A file that we would write longer than it is loses its oldest tickets, and
        gets no more than may be in it.
        """
        good = json.loads(THEIRS)[HERE]
        many = {f"{chr(0xFC) * 50}:{n}": {**good, "issuedAt": int(NOW) + n} for n in range(160)}
        self.damage(json.dumps(many, ensure_ascii=False, separators=(",", ":")))
        self.assertGreater(len(json.dumps(many)), limits.STATE_FILE)
        self.assertEqual(self.store.take(f"{chr(0xFC) * 50}:100", NOW), TICKET)
        self.assertLessEqual(len(self.contents()), limits.STORED_TICKETS)
        self.assertLessEqual(os.stat(self.path).st_size, limits.STATE_FILE)
        self.assertIs(self.store.take(f"{chr(0xFC) * 50}:0", NOW), None)
        self.assertEqual(self.store.take(f"{chr(0xFC) * 50}:159", NOW), TICKET)
        self.assertEqual(self.warnings, [])

    def test_unreadable(self) -> None:
        """
        So is one that cannot be read, which stays.
        """
        os.makedirs(self.path, mode=0o700)
        self.assertIs(self.store.take(HERE, NOW), None)
        self.store.put(HERE, TICKET, NOW)
        self.assertEqual(len(self.warnings), 3)
        self.assertTrue(os.path.isdir(self.path))

    def test_malformed(self) -> None:
        """
        A ticket that is none is skipped, and the others are not.
        """
        good = json.loads(THEIRS)[HERE]
        wrong: list[Any] = [
            None,
            [],
            "x",
            {},
            {"issuedAt": int(NOW)},
            {"key-ticket": good["key-ticket"]},
            {**good, "issuedAt": "1700000000"},
            {**good, "issuedAt": None},
            {**good, "issuedAt": 1.7e9},
            {**good, "issuedAt": 10**400},
            {**good, "issuedAt": -(10**400)},
            {**good, "key-ticket": 5},
            {**good, "key-ticket": ""},
            {**good, "key-ticket": good["key-ticket"][:-8]},
            {**good, "key-ticket": good["key-ticket"].lower()},
            {**good, "key-ticket": "\u00fc" * 240},
        ]
        for bad in wrong:
            self.damage(json.dumps({HERE: bad, THERE: good}))
            self.assertIs(self.store.take(HERE, NOW), None, bad)
            self.assertEqual(self.store.take(THERE, NOW), TICKET, bad)
        self.assertEqual(self.warnings, [])

    @settings(max_examples=60, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from([HERE, THERE, "key-ticket", "issuedAt"]), inner, max_size=4
                )
            ),
            max_leaves=12,
        )
    )
    def test_anything(self, content: Any) -> None:
        """
        Whatever JSON it is, nobody falls over it.
        """
        self.damage(json.dumps(content))
        self.assertIs(self.store.take(HERE, NOW), None)
