"""
Where a client keeps its tickets.

scramblesuit_tickets.json, whose layout is obfs4proxy's::

    {"192.0.2.1:443": {"key-ticket": "BASE32", "issuedAt": 1700000000}}

with one ticket a server: master key 32 | ticket 112, in base32 with its padding,
and the Unix time at which it came.

Who sends a ticket twice encrypts two connections with one stream, so a ticket is
off the disk before it is used.  With it goes whatever might be wrong with it: the
next connection to its server is UniformDH's.

Other processes may have the same file.  While one of them changes it, there is no ticket
here, and none is kept: that costs one UniformDH.
"""

from __future__ import annotations

import base64
import json
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias

from twisted.logger import Logger

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.transports.scramblesuit.framing import MASTER_KEY_LENGTH, TICKET_LENGTH
from pyptwist.transports.scramblesuit.handshake import Ticket

TICKETS_FILE: Final = "scramblesuit_tickets.json"

# Later than any date.  What is much larger still is more than a float can be.
_NEVER: Final = 10**12

#: By address: a ticket in base32, and when it came.
_Stored: TypeAlias = dict[str, tuple[str, int]]


class TicketStore:
    """
    The tickets of one client, each by the address of its server.

    Nothing that is wrong with the file stops anybody from connecting.
    """

    _log = Logger()

    def __init__(self, state: StateDirectory | None) -> None:
        """
        :param state: where the file is; None to keep tickets in memory only.
        """
        self._state = state
        self._memory: _Stored = {}

    def take(self, address: str, now: float) -> Ticket | None:
        """
        Get a ticket that nobody gets again.

        :param address: of the server.
        :param now: seconds since 1970.
        """
        with self._claimed() as isOurs:
            stored = self._load(now) if isOurs else {}
            found = stored.pop(address, None)
            if found is None or not self._save(stored):
                return None
            return _decoded(*found)

    def giveBack(self, address: str, ticket: Ticket, now: float) -> None:
        """
        Keep a ticket that was taken and not sent, unless another one has come since.
        """
        self._keep(address, ticket, ticket.came, now, isNew=False)

    def put(self, address: str, ticket: Ticket, now: float) -> None:
        """
        Keep a ticket, instead of the server's last one.  When there are too
        many, the oldest goes.
        """
        self._keep(address, ticket, int(now), now, isNew=True)

    def _keep(self, address: str, ticket: Ticket, came: int, now: float, isNew: bool) -> None:
        with self._claimed() as isOurs:
            stored = self._load(now) if isOurs else {}
            if isOurs and (isNew or address not in stored):
                stored[address] = (_encoded(ticket), came)
                self._save(stored)

    def _claimed(self) -> AbstractContextManager[bool]:
        return nullcontext(True) if self._state is None else self._state.claimed()

    def _load(self, now: float) -> _Stored:
        """
        :returns: the tickets that are not too old.
        """
        stored = self._memory if self._state is None else self._read(self._state)
        return {
            address: (text, issuedAt)
            for address, (text, issuedAt) in stored.items()
            if now - issuedAt < limits.TICKET_LIFETIME
        }

    def _read(self, state: StateDirectory) -> _Stored:
        try:
            data = state.read(TICKETS_FILE)
            return {} if data is None else _parsed(data)
        except ConfigurationError as error:
            self._log.warn("Without the tickets of before: {error}", error=error)
        except (ValueError, RecursionError):
            self._log.warn(
                "Without the tickets of before: {path} is damaged, and will be replaced",
                path=state.path(TICKETS_FILE),
            )
        return {}

    def _save(self, stored: _Stored) -> bool:
        while len(stored) > limits.STORED_TICKETS or len(_composed(stored)) > limits.STATE_FILE:
            del stored[min(stored, key=lambda each: stored[each][1])]
        if self._state is None:
            self._memory = stored
            return True
        try:
            self._state.write(TICKETS_FILE, _composed(stored))
        except ConfigurationError as error:
            self._log.warn("Session tickets cannot be used: {error}", error=error)
            return False
        return True


def _composed(stored: _Stored) -> bytes:
    fields = {
        address: {"key-ticket": text, "issuedAt": issuedAt}
        for address, (text, issuedAt) in stored.items()
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _parsed(data: bytes) -> _Stored:
    """
    :raises ValueError: if it is not the file of a ticket store.
    """
    fields = json.loads(data)
    if not isinstance(fields, dict):
        raise ValueError
    stored: _Stored = {}
    for address, each in fields.items():
        match each:
            case {"key-ticket": str(text), "issuedAt": int(issuedAt)} if abs(issuedAt) < _NEVER:
                stored[address] = (text, issuedAt)
    return stored


def _encoded(ticket: Ticket) -> str:
    return base64.b32encode(ticket.masterKey + ticket.ticket).decode("ascii")


def _decoded(text: str, came: int) -> Ticket | None:
    """
    :returns: None if it is no ticket.
    """
    try:
        raw = base64.b32decode(text)
    except ValueError:
        return None
    if len(raw) != MASTER_KEY_LENGTH + TICKET_LENGTH:
        return None
    return Ticket(raw[:MASTER_KEY_LENGTH], raw[MASTER_KEY_LENGTH:], came)
