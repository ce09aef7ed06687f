"""
A server's secrets, and codecs that know them, with all randomness fixed.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyptwist.codec import Effect, Transmit
from pyptwist.testing.codecs import EPOCH, CodecPair, fixedEntropy
from pyptwist.transports.scramblesuit.codec import (
    ScrambleSuitClientCodec,
    ScrambleSuitServerCodec,
    ServerShared,
)
from pyptwist.transports.scramblesuit.handshake import Ticket
from pyptwist.transports.scramblesuit.identity import ServerState
from pyptwist.transports.scramblesuit.tickets import TicketKeys, TicketMint

PASSWORD = bytes(range(20))
SEED = bytes(range(32))
DRAIN_SEED = bytes(range(24))
TICKET_KEYS = TicketKeys(int(EPOCH) - 1000, bytes(range(16)), bytes(range(32)))
STATE = ServerState(PASSWORD, SEED, DRAIN_SEED, (TICKET_KEYS,))

HOUR = 3600.0

#: The master key of both of the vectors below: SHA-256 of the shared secret that
#: the known answer of UniformDH results in.
MASTER_KEY = bytes.fromhex("26dc1733866c275f4a476b740e8e1da4f2f1c56f432f616339d85d8faaecb020")


class Purse:
    """
    A client's tickets for one server.

    :ivar received: all that were put.
    """

    def __init__(self, *tickets: Ticket) -> None:
        self.held = list(tickets)
        self.received: list[Ticket] = []

    def take(self) -> Ticket | None:
        return self.held.pop() if self.held else None

    def giveBack(self) -> None:
        """
        Nothing was taken yet.
        """

    def put(self, ticket: Ticket) -> None:
        self.held = [ticket]
        self.received.append(ticket)


def mint(
    seed: str = "mint", time: float = EPOCH, keys: Sequence[TicketKeys] = (TICKET_KEYS,)
) -> TicketMint:
    return TicketMint(keys, fixedEntropy(seed), lambda: time, lambda keys: None)


def clientCodec(
    purse: Purse | None = None,
    isPaced: bool = False,
    seed: str = "client",
    password: bytes = PASSWORD,
    time: float = EPOCH,
) -> ScrambleSuitClientCodec:
    return ScrambleSuitClientCodec(password, isPaced, purse, fixedEntropy(seed), lambda: time)


def serverShared(state: ServerState = STATE, time: float = EPOCH) -> ServerShared:
    return ServerShared(state, mint(time=time, keys=state.ticketKeys), fixedEntropy("shared"))


def serverCodec(
    shared: ServerShared | None = None,
    isPaced: bool = False,
    seed: str = "server",
    time: float = EPOCH,
) -> ScrambleSuitServerCodec:
    return ScrambleSuitServerCodec(
        shared or serverShared(), isPaced, fixedEntropy(seed), lambda: time
    )


def readyPair(
    *tickets: Ticket, isPaced: bool = False, shared: ServerShared | None = None, seed: str = ""
) -> CodecPair:
    """
    :param tickets: what the client has.
    :returns: after the handshake.
    """
    client = clientCodec(Purse(*tickets), isPaced, "client" + seed)
    pair = CodecPair(client, serverCodec(shared, isPaced, "server" + seed))
    pair.start()
    pair.run()
    assert pair.client.isReady
    assert pair.server.isReady
    return pair


def sent(effects: Sequence[Effect]) -> bytes:
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))
