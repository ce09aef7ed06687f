"""
Session tickets, as their server makes and reads them.

A ticket (scramblesuit-spec.txt section 5.1)::

    IV    16
    state 64  AES-128-CBC of: time 4 | "ScrambleSuitTicket" | master key 32 | zeros 10
    MAC   32  HMAC-SHA256 of all before it

The time is when the ticket was issued, in seconds since 1970, little-endian.
Nobody else looks inside, so this could be anything of 112 bytes; it is
obfsproxy's.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.transports.scramblesuit.framing import MASTER_KEY_LENGTH
from pyptwist.transports.scramblesuit.handshake import Ticket

CIPHER_KEY_LENGTH: Final = 16
MAC_KEY_LENGTH: Final = 32

_IV_LENGTH: Final = 16
_MAC_LENGTH: Final = 32
_IDENTIFIER: Final = b"ScrambleSuitTicket"
_STATE: Final = struct.Struct("<I18s32s10x")


@dataclass(frozen=True, slots=True)
class TicketKeys:
    """
    A pair of keys for tickets, known to nobody but the server.

    :ivar made: when, in seconds since 1970.
    :ivar cipher: 16 bytes.
    :ivar mac: 32 bytes.
    """

    made: int
    cipher: bytes
    mac: bytes

    def __repr__(self) -> str:
        return "<TicketKeys>"

    @classmethod
    def fresh(cls, entropy: Entropy, now: float) -> TicketKeys:
        """
        :param now: seconds since 1970.
        """
        return cls(int(now), entropy(CIPHER_KEY_LENGTH), entropy(MAC_KEY_LENGTH))

    def isDue(self, now: float) -> bool:
        """
        Is it time for other ones?  So it is if the clock was wrong when these
        were made.
        """
        return not 0 <= int(now) - self.made < limits.TICKET_KEY_LIFETIME

    def seal(self, masterKey: bytes, iv: bytes, now: float) -> bytes:
        """
        :param masterKey: 32 bytes.
        :param iv: 16 bytes, unpredictable.
        :returns: the ticket, 112 bytes.
        """
        state = _STATE.pack(int(now) & 0xFFFFFFFF, _IDENTIFIER, masterKey)
        body = iv + Cipher(AES128(self.cipher), CBC(iv)).encryptor().update(state)
        return body + hmac.digest(self.mac, body, "sha256")

    def unseal(self, ticket: bytes, now: float) -> bytes | None:
        """
        :param ticket: 112 bytes.
        :returns: the master key, if these keys made the ticket, and not too long
            ago.
        """
        body, mac = ticket[:-_MAC_LENGTH], ticket[-_MAC_LENGTH:]
        if not hmac.compare_digest(hmac.digest(self.mac, body, "sha256"), mac):
            return None
        decryptor = Cipher(AES128(self.cipher), CBC(body[:_IV_LENGTH])).decryptor()
        issued, identifier, masterKey = _STATE.unpack(decryptor.update(body[_IV_LENGTH:]))
        if identifier != _IDENTIFIER or int(now) - issued >= limits.TICKET_LIFETIME:
            return None
        return bytes(masterKey)


class TicketMint:
    """
    Issues tickets, and takes back those that it issued.

    A pair of keys is used for a week, and then kept for as long as its tickets
    are good.
    """

    def __init__(
        self,
        keys: Sequence[TicketKeys],
        entropy: Entropy,
        wallClock: Callable[[], float],
        save: Callable[[tuple[TicketKeys, ...]], None],
    ) -> None:
        """
        :param keys: the present pair, and the one before it, if there is one.
        :param wallClock: seconds since 1970.
        :param save: called when the keys are others.
        """
        self._keys = tuple(keys)
        self._entropy = entropy
        self._wallClock = wallClock
        self._save = save

    def issue(self) -> Ticket:
        """
        Make a ticket for a new master key.
        """
        now = self._wallClock()
        if self._keys[0].isDue(now):
            self._keys = (TicketKeys.fresh(self._entropy, now), self._keys[0])
            self._save(self._keys)
        masterKey = self._entropy(MASTER_KEY_LENGTH)
        return Ticket(masterKey, self._keys[0].seal(masterKey, self._entropy(_IV_LENGTH), now))

    def redeem(self, ticket: bytes) -> bytes | None:
        """
        :param ticket: 112 bytes that may be one.
        :returns: its master key, if it is good.
        """
        now = self._wallClock()
        # Each is tried, so that time does not tell how old the ticket is.
        found = [keys.unseal(ticket, now) for keys in self._keys]
        return next((masterKey for masterKey in found if masterKey is not None), None)
