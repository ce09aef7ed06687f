"""
What a server keeps, and how its password is written.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.identity import (
    STATE_FILE,
    ServerState,
    isPaced,
    loadState,
    readPassword,
    writePassword,
)
from pyptwist.transports.scramblesuit.tickets import TicketKeys
from tests.transports.scramblesuit.pairs import PASSWORD, STATE, TICKET_KEYS

TEXT = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT"
OPTIONS = Arguments(password=TEXT)
NOW = 1_700_000_000.0


class PasswordTests(SynchronousTestCase):
    """
    ``readPassword`` and ``writePassword``
    """

    def test_vector(self) -> None:
        """
        Base32 without padding.
        """
        self.assertEqual(writePassword(PASSWORD), TEXT)
        self.assertEqual(readPassword(OPTIONS), PASSWORD)

    def test_tolerant(self) -> None:
        """
        As obfsproxy's: in lower case, and with digits that look like letters.
        """
        for text in (TEXT.lower(), TEXT.replace("O", "0"), TEXT.replace("I", "1").lower()):
            self.assertEqual(readPassword(Arguments(password=text)), PASSWORD)

    @given(st.binary(min_size=20, max_size=20))
    def test_roundTrip(self, password: bytes) -> None:
        """
        Every password can be written down.
        """
        text = writePassword(password)
        self.assertRegex(text, "^[A-Z2-7]{32}$")
        self.assertEqual(readPassword(Arguments(password=text)), password)

    def test_wrong(self) -> None:
        """
        The key is named, and the value is not.
        """
        for text in ("", TEXT[:-1], TEXT + "A", TEXT[:-1] + "8", TEXT[:-1] + "=", "\u00fc" * 32):
            error = self.assertRaises(ConfigurationError, readPassword, Arguments(password=text))
            self.assertIn("'password'", str(error))
            self.assertNotIn(TEXT[5:20], str(error))
        self.assertRaises(ConfigurationError, readPassword, Arguments())


class PacedTests(SynchronousTestCase):
    """
    ``isPaced``
    """

    def test_values(self) -> None:
        """
        0, which is the default, and 1.
        """
        self.assertFalse(isPaced(Arguments()))
        self.assertFalse(isPaced(Arguments({"iat-mode": "0"})))
        self.assertTrue(isPaced(Arguments({"iat-mode": "1"})))
        for text in ("2", "-1", "", "yes"):
            self.assertRaises(ConfigurationError, isPaced, Arguments({"iat-mode": text}))


class StateTests(SynchronousTestCase):
    """
    ``ServerState``
    """

    def test_roundTrip(self) -> None:
        """
        What was written is read back, with one pair of keys or two.
        """
        second = TicketKeys(5, bytes(16), bytes(32))
        for keys in ((TICKET_KEYS,), (TICKET_KEYS, second)):
            state = ServerState(STATE.password, STATE.seed, STATE.drainSeed, keys)
            self.assertEqual(ServerState.fromJSON(state.toJSON()), state)

    def test_layout(self) -> None:
        """
        As the documentation has it.
        """
        self.assertEqual(
            json.loads(STATE.toJSON()),
            {
                "password": TEXT,
                "seed": bytes(range(32)).hex(),
                "drain-seed": bytes(range(24)).hex(),
                "ticket-keys": [
                    {
                        "made": TICKET_KEYS.made,
                        "cipher": bytes(range(16)).hex(),
                        "mac": bytes(range(32)).hex(),
                    }
                ],
            },
        )

    def test_damaged(self) -> None:
        """
        Whatever is missing or wrong is refused.
        """
        good = json.loads(STATE.toJSON())
        pair = good["ticket-keys"][0]
        nonsense: list[Any] = [None, [], {}, 5, "00", True]
        wrong: list[Any] = [*nonsense]
        for key in good:
            wrong.append({k: v for k, v in good.items() if k != key})
            wrong += [{**good, key: value} for value in nonsense]
        for key in pair:
            less = {k: v for k, v in pair.items() if k != key}
            wrong += [
                {**good, "ticket-keys": [bad]}
                for bad in (*nonsense, less, {**pair, key: "x"}, {**pair, key: -1})
            ]
        wrong.append({**good, "ticket-keys": [pair] * 3})
        for fields in wrong:
            self.assertRaises(ConfigurationError, ServerState.fromJSON, json.dumps(fields))
        for data in (b"", STATE.toJSON()[:-1], b"\xff", b"[" * 30_000):
            self.assertRaises(ConfigurationError, ServerState.fromJSON, data)

    def test_hidden(self) -> None:
        """
        Secrets do not get into a log.
        """
        self.assertEqual(repr(STATE), "<ServerState>")


class LoadTests(SynchronousTestCase):
    """
    ``loadState``
    """

    def setUp(self) -> None:
        self.where = self.mktemp()
        self.path = os.path.join(self.where, STATE_FILE)
        self.entropy = fixedEntropy("load")

    def load(self, options: Arguments | None = None) -> ServerState:
        state = StateDirectory(self.where)
        return loadState(options or Arguments(), state, self.entropy, NOW)

    def contents(self) -> bytes:
        with open(self.path, "rb") as file:
            return file.read()

    def test_firstStart(self) -> None:
        """
        Everything is made, and kept where nobody else reads it.
        """
        state = self.load()
        self.assertEqual(ServerState.fromJSON(self.contents()), state)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(os.listdir(self.where), [STATE_FILE])
        self.assertEqual(state.ticketKeys[0].made, int(NOW))

    def test_secondStart(self) -> None:
        """
        Everything is as before, and the file is not touched.
        """
        first, before = self.load(), os.stat(self.path)
        self.assertEqual(self.load(), first)
        after = os.stat(self.path)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_ownPassword(self) -> None:
        """
        An operator's password is used, and kept for when the option is gone; all
        else stays.
        """
        first = self.load()
        second = self.load(OPTIONS)
        self.assertEqual(second.password, PASSWORD)
        self.assertEqual(second.ticketKeys, first.ticketKeys)
        self.assertEqual((second.seed, second.drainSeed), (first.seed, first.drainSeed))
        before = os.stat(self.path).st_ino
        self.assertEqual(self.load(), second)
        self.assertEqual(self.load(OPTIONS), second)
        self.assertEqual(os.stat(self.path).st_ino, before)

    def test_nowhere(self) -> None:
        """
        Without a state directory there must be a password.
        """
        error = self.assertRaises(
            ConfigurationError, loadState, Arguments(), None, self.entropy, NOW
        )
        self.assertIn("TOR_PT_STATE_LOCATION", str(error))
        self.assertIn("password", str(error))
        self.assertEqual(loadState(OPTIONS, None, self.entropy, NOW).password, PASSWORD)

    def test_badPassword(self) -> None:
        """
        A wrong password makes nothing.
        """
        self.assertRaises(ConfigurationError, self.load, Arguments(password="x"))
        self.assertFalse(os.path.exists(self.where))

    def test_damaged(self) -> None:
        """
        A damaged file is never replaced: it says what to do.
        """
        self.load()
        whole = self.contents()
        for damaged in (b"", whole[:-1], whole.replace(b'"seed":"', b'"seed":"0')):
            with open(self.path, "wb") as file:
                file.write(damaged)
            for options in (Arguments(), OPTIONS):
                error = self.assertRaises(ConfigurationError, self.load, options)
                self.assertIn("is damaged", str(error))
                self.assertIn(STATE_FILE, str(error))
            self.assertEqual(self.contents(), damaged)

    def test_link(self) -> None:
        """
        A planted link is not followed.
        """
        os.mkdir(self.where, 0o700)
        os.symlink("/dev/null", self.path)
        self.assertRaises(ConfigurationError, self.load)
