"""
What a scramblesuit server keeps from one start to the next.

scramblesuit_state.json (one line, no line end; keys and seeds in hex)::

    {"password": "base32 of 20 bytes",
     "seed": "32 bytes", "drain-seed": "24 bytes",
     "ticket-keys": [{"made": unix time, "cipher": "16 bytes", "mac": "32 bytes"}]}

The first pair of ticket keys is the present one; one more may follow.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import Final

from pyptwist.arguments import JSON, Arguments
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.drbg import SEED_LENGTH as DRAIN_SEED_LENGTH
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.transports.scramblesuit.framing import SEED_LENGTH
from pyptwist.transports.scramblesuit.handshake import PASSWORD_LENGTH
from pyptwist.transports.scramblesuit.tickets import (
    CIPHER_KEY_LENGTH,
    MAC_KEY_LENGTH,
    TicketKeys,
)

STATE_FILE: Final = "scramblesuit_state.json"

_MAXIMUM_TICKET_KEYS: Final = 2


@dataclass(frozen=True)
class ServerState:
    """
    A server's secrets.

    :ivar password: 20 bytes, which its clients know.
    :ivar seed: of its tables, 32 bytes, which its clients get to know.
    :ivar drainSeed: of the time after which it ends silent connections, 24 bytes.
    :ivar ticketKeys: the present pair, and the one before, if there is one.
    """

    password: bytes
    seed: bytes
    drainSeed: bytes
    ticketKeys: tuple[TicketKeys, ...]

    def __repr__(self) -> str:
        return "<ServerState>"

    @classmethod
    def fresh(cls, entropy: Entropy, now: float) -> ServerState:
        """
        :param now: seconds since 1970.
        """
        return cls(
            entropy(PASSWORD_LENGTH),
            entropy(SEED_LENGTH),
            entropy(DRAIN_SEED_LENGTH),
            (TicketKeys.fresh(entropy, now),),
        )

    @classmethod
    def fromJSON(cls, data: bytes) -> ServerState:
        """
        Read what ``toJSON`` wrote.

        :raises ConfigurationError: saying what is wrong with it, in words that
            follow a colon.
        """
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            raise ConfigurationError("it is not JSON") from None
        fields = _arguments(content)
        pairs = fields.all("ticket-keys")[0] if "ticket-keys" in fields else None
        if not isinstance(pairs, list) or not 1 <= len(pairs) <= _MAXIMUM_TICKET_KEYS:
            raise ConfigurationError("'ticket-keys' must be a list of one or two")
        return cls(
            readPassword(fields),
            fields.hexadecimal("seed", SEED_LENGTH),
            fields.hexadecimal("drain-seed", DRAIN_SEED_LENGTH),
            tuple(_ticketKeys(pair) for pair in pairs),
        )

    def toJSON(self) -> bytes:
        """
        :returns: the contents of the state file.
        """
        fields = {
            "password": writePassword(self.password),
            "seed": self.seed.hex(),
            "drain-seed": self.drainSeed.hex(),
            "ticket-keys": [
                {"made": keys.made, "cipher": keys.cipher.hex(), "mac": keys.mac.hex()}
                for keys in self.ticketKeys
            ],
        }
        return json.dumps(fields, separators=(",", ":")).encode("ascii")


def loadState(
    options: Arguments, state: StateDirectory | None, entropy: Entropy, now: float
) -> ServerState:
    """
    The state of a server that is about to start: what was kept, else a new one,
    which is kept.

    :param options: the operator's.  A ``password`` replaces the one that was kept.
    :param state: where the file is; None if nowhere, which takes a password.
    :param now: seconds since 1970.
    :raises ConfigurationError: if the password is wrong or missing, the file
        cannot be read or written, or is damaged: that is never replaced, since
        every bridge line in the hands of users would be void.
    """
    password = readPassword(options) if "password" in options else None
    if state is None and password is None:
        raise ConfigurationError(
            "scramblesuit needs a state directory to keep its password in "
            "(TOR_PT_STATE_LOCATION, or state=DIRECTORY in an endpoint string), or the option "
            "password"
        )
    kept = None if state is None else _stored(state)
    wanted = kept or ServerState.fresh(entropy, now)
    if password is not None:
        wanted = replace(wanted, password=password)
    if state is not None and wanted != kept:
        state.write(STATE_FILE, wanted.toJSON())
    return wanted


def readPassword(arguments: Arguments) -> bytes:
    """
    :returns: the 20 bytes of the argument ``password``, which has 32 characters
        of base32.  As in obfsproxy, they may be lower case, and 1 and 0 stand
        for I and O.
    :raises ConfigurationError: if it is missing or wrong.
    """
    text = arguments.require("password").upper().translate({ord("1"): "I", ord("0"): "O"})
    try:
        password = base64.b32decode(text)
    except ValueError:
        password = b""
    if len(password) != PASSWORD_LENGTH:
        raise ConfigurationError(
            "the argument 'password' must be 32 characters of base32, which are letters and "
            "the digits 2 to 7"
        )
    return password


def writePassword(password: bytes) -> str:
    """
    :param password: 20 bytes.
    :returns: it as every client understands it, 32 characters.
    """
    return base64.b32encode(password).decode("ascii")


def isPaced(arguments: Arguments) -> bool:
    """
    :returns: what the argument ``iat-mode`` says, which is 0 or 1: are there
        pauses between packets?
    :raises ConfigurationError: if it is neither.
    """
    arguments.protects("iat-mode")
    return arguments.integer("iat-mode", 0, 1, default=0) == 1


def _arguments(fields: JSON) -> Arguments:
    if not isinstance(fields, dict):
        raise ConfigurationError("it is no JSON object, or holds something else than one")
    return Arguments(fields)


def _ticketKeys(pair: JSON) -> TicketKeys:
    fields = _arguments(pair)
    return TicketKeys(
        fields.integer("made", 0, 10**12),
        fields.hexadecimal("cipher", CIPHER_KEY_LENGTH),
        fields.hexadecimal("mac", MAC_KEY_LENGTH),
    )


def _stored(state: StateDirectory) -> ServerState | None:
    data = state.read(STATE_FILE)
    if data is None:
        return None
    try:
        return ServerState.fromJSON(data)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{state.path(STATE_FILE)} is damaged: {error}; bring back a copy of it, or "
            "remove it to get new keys, which needs a new bridge line unless the option "
            "password is given"
        ) from error
