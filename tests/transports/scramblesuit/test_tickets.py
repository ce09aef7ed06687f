"""
Session tickets: issued, taken back, and refused.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing import fixedEntropy
from pyptwist.transports.scramblesuit.handshake import Ticket
from pyptwist.transports.scramblesuit.tickets import TicketKeys, TicketMint
from tests.transports.scramblesuit.pairs import MASTER_KEY

DAY = 24 * 3600
START = 1_400_000_000
KEYS = TicketKeys(START, bytes(range(16)), bytes(range(32)))
IV = bytes(range(0x20, 0x30))
VECTOR = (
    "202122232425262728292a2b2c2d2e2f7519cc7bcb5cb0b839272d721f4f2be0298cc3c8acaaad33d34560c2"
    "1f8bd7cf81e6f56d8d1e7b7b48d7e69428197230e81dc68cfb4a650e84b2ed45bda109b1752f365675ad9401"
    "692f622472c52a2216a5831597f5b3ca4e1035c9cec77397"
)


class TicketKeysTests(SynchronousTestCase):
    """
    ``TicketKeys``
    """

    def test_vector(self) -> None:
        """
        A ticket as obfsproxy would make it.
        """
        ticket = KEYS.seal(MASTER_KEY, IV, START)
        self.assertEqual(ticket.hex(), VECTOR)
        self.assertEqual(KEYS.unseal(ticket, START), MASTER_KEY)

    def test_age(self) -> None:
        """
        A ticket is good for seven days.
        """
        ticket = KEYS.seal(MASTER_KEY, IV, START)
        self.assertEqual(KEYS.unseal(ticket, START + 7 * DAY - 1), MASTER_KEY)
        self.assertIs(KEYS.unseal(ticket, START + 7 * DAY), None)

    def test_tampered(self) -> None:
        """
        Whatever bit is changed, it is none.
        """
        ticket = KEYS.seal(MASTER_KEY, IV, START)
        for at in range(len(ticket)):
            bad = bytearray(ticket)
            bad[at] ^= 1 << at % 8
            self.assertIs(KEYS.unseal(bytes(bad), START), None)

    def test_identifier(self) -> None:
        """
        What was encrypted with another key is no ticket, even if its MAC is right.
        """
        other = TicketKeys(START, KEYS.cipher[::-1], KEYS.mac)
        # At a time at which no ticket is too old, whatever it holds.
        self.assertIs(KEYS.unseal(other.seal(MASTER_KEY, IV, START), 0), None)

    def test_otherKeys(self) -> None:
        """
        Other keys make other tickets.
        """
        other = TicketKeys(START, KEYS.cipher, KEYS.mac[::-1])
        self.assertIs(other.unseal(KEYS.seal(MASTER_KEY, IV, START), START), None)

    def test_due(self) -> None:
        """
        Keys are good for a week, and not if they are from the future.
        """
        for time, isDue in (
            (START, False),
            (START + 7 * DAY - 1, False),
            (START + 7 * DAY, True),
            (START - 1, True),
        ):
            self.assertEqual(KEYS.isDue(time), isDue)

    def test_hidden(self) -> None:
        """
        Keys do not get into a log.
        """
        self.assertEqual(repr(KEYS), "<TicketKeys>")


class MintTests(SynchronousTestCase):
    """
    ``TicketMint``
    """

    def setUp(self) -> None:
        self.now = float(START)
        self.saved: list[tuple[TicketKeys, ...]] = []
        self.mint = self.minted(KEYS)

    def minted(self, *keys: TicketKeys) -> TicketMint:
        return TicketMint(keys, fixedEntropy("mint"), lambda: self.now, self.saved.append)

    def test_roundTrip(self) -> None:
        """
        Each ticket is for another master key, and is taken back.
        """
        tickets = [self.mint.issue() for _ in range(10)]
        for ticket in tickets:
            self.assertEqual((len(ticket.masterKey), len(ticket.ticket)), (32, 112))
            self.assertEqual(self.mint.redeem(ticket.ticket), ticket.masterKey)
        self.assertEqual(len({ticket.masterKey for ticket in tickets}), 10)
        self.assertEqual(len({ticket.ticket[:16] for ticket in tickets}), 10)
        self.assertEqual(self.saved, [])

    def test_garbage(self) -> None:
        """
        What is no ticket has no master key.
        """
        self.assertIs(self.mint.redeem(bytes(112)), None)
        self.assertIs(self.mint.redeem(fixedEntropy("garbage")(112)), None)

    def after(self, days: float) -> Ticket:
        self.now = START + days * DAY
        return self.mint.issue()

    def test_rotation(self) -> None:
        """
        After a week the keys are others; the ones before still open what they
        sealed, and those before them do not.
        """
        self.after(6.9)
        self.assertEqual(self.saved, [])
        old = self.mint.issue()
        self.after(7)
        [(second, first)] = self.saved
        self.assertEqual(first, KEYS)
        self.assertEqual(second.made, START + 7 * DAY)
        self.assertEqual(self.mint.redeem(old.ticket), old.masterKey)
        self.now = START + 13.8 * DAY
        self.assertEqual(self.mint.redeem(old.ticket), old.masterKey)
        self.after(14)
        self.assertEqual(self.saved[1][1], second)
        self.assertEqual(len(self.saved), 2)
        self.assertIs(self.mint.redeem(old.ticket), None)

    def test_onlyWhenIssuing(self) -> None:
        """
        Who only knocks does not make the server write.
        """
        self.now = START + 30 * DAY
        self.mint.redeem(bytes(112))
        self.assertEqual(self.saved, [])

    def test_restarted(self) -> None:
        """
        What was saved is enough to take tickets back.
        """
        early = self.mint.issue()
        late = self.after(7)
        again = self.minted(*self.saved[-1])
        self.now -= 1
        self.assertEqual(again.redeem(early.ticket), early.masterKey)
        self.assertEqual(again.redeem(late.ticket), late.masterKey)
