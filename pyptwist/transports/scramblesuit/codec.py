"""
scramblesuit, one network connection of it.

The server says nothing to whoever neither knows its password nor has a ticket of
its own: see ``pyptwist.strangers.silence``.  To everybody else it gives a new ticket and
its seed, before any payload.

A client with a ticket is Ready as soon as it has sent it.  There is no answer to
wait for: whether the server took the ticket shows in the first message that it
sends, or in its never sending any.

``pyptwist.transports.scramblesuit.handshake`` and
``pyptwist.transports.scramblesuit.framing`` have the wire format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pyptwist import limits
from pyptwist.crypto import drbg, uniformdh
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.replay import ReplayFilter
from pyptwist.crypto.seal import epochHour
from pyptwist.errors import ClosedByPeer, PTError
from pyptwist.shaping import ShapedCodec, Tables
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds
from pyptwist.transports.scramblesuit.framing import (
    MASTER_KEY_LENGTH,
    NEW_TICKET,
    NEWS,
    OVERHEAD,
    SEED,
    DirectionKeys,
    MessageDecoder,
    MessageEncoder,
    newsMessage,
)
from pyptwist.transports.scramblesuit.handshake import (
    ClientHandshake,
    ServerHandshake,
    Ticket,
    ticketRequest,
)
from pyptwist.transports.scramblesuit.identity import ServerState
from pyptwist.transports.scramblesuit.shaping import PacedShaper, Shaper, tablesOf
from pyptwist.transports.scramblesuit.tickets import TicketMint


class Tickets(Protocol):
    """
    The tickets that a connection has for its server.
    """

    def take(self) -> Ticket | None:
        """
        Get one that nobody gets again.  It takes no time: who sees the connection
        would notice.
        """

    def giveBack(self) -> None:
        """
        There is no connection: none will be taken.
        """

    def put(self, ticket: Ticket) -> None:
        """
        Keep one for next time.
        """


class _ScrambleSuitCodec(ShapedCodec):
    """
    What both sides have in common: all that comes after the handshake.
    """

    #: Bytes by which two messages of padding are too short together.
    shortfall = 0

    _shaper: Shaper
    _decoder: MessageDecoder

    def __init__(
        self, tables: Tables, isPaced: bool, entropy: Entropy, wallClock: Callable[[], float]
    ) -> None:
        super().__init__()
        self._tables = tables
        self._shaperClass = PacedShaper if isPaced else Shaper
        self._entropy = entropy
        self._wallClock = wallClock

    def _establish(
        self, outgoing: DirectionKeys, incoming: DirectionKeys, news: Mapping[int, int]
    ) -> None:
        self._decoder = MessageDecoder(incoming, self._entropy, news)
        self._shaper = self._shaperClass(MessageEncoder(outgoing), self._tables, self.shortfall)


class ScrambleSuitClientCodec(_ScrambleSuitCodec):
    """
    The side that knows the server, and begins.

    Make it before connecting, so that nobody can measure how long its keys
    took.
    """

    # As obfs4proxy's, which is the client that there is.
    shortfall = OVERHEAD

    def __init__(
        self,
        password: bytes,
        isPaced: bool,
        tickets: Tickets | None,
        entropy: Entropy,
        wallClock: Callable[[], float],
    ) -> None:
        """
        :param password: the server's, 20 bytes.
        :param isPaced: are there to be pauses between packets?
        :param tickets: for this server; None to do without.
        :param entropy: makes keys and padding.
        :param wallClock: the Unix time in seconds, right to the hour.
        """
        super().__init__(tablesOf(entropy), isPaced, entropy, wallClock)
        self._tickets = tickets
        self._handshake = ClientHandshake(password, entropy)
        self.state = self._awaitingAnswer

    def begin(self) -> None:
        ticket = None if self._tickets is None else self._tickets.take()
        hour = epochHour(self._wallClock())
        if ticket is None:
            self.transmit(self._handshake.request(hour))
            return
        del self._handshake
        keys, request = ticketRequest(ticket, hour, self._entropy)
        self._establish(keys.toServer, keys.toClient, NEWS)
        self.transmit(request)
        self.ready()

    def unused(self) -> None:
        if self._tickets is not None:
            self._tickets.giveBack()

    def endOfInput(self) -> None:
        if self.isReady and not self._decoder.hasOpened:
            self.finish(ClosedByPeer("the server closed without a word: was the ticket no good?"))
        else:
            super().endOfInput()

    def opened(self) -> None:
        if (seed := self._decoder.news.pop(SEED, None)) is not None:
            self._tables.reseed(seed[: drbg.SEED_LENGTH])
        self._keepTicket()

    def _keepTicket(self) -> None:
        pair = self._decoder.news.pop(NEW_TICKET, None)
        if pair is not None and self._tickets is not None:
            self._tickets.put(Ticket(pair[:MASTER_KEY_LENGTH], pair[MASTER_KEY_LENGTH:]))

    def _awaitingAnswer(self) -> bool:
        finished = self._handshake.finish(self.buffer)
        if finished is None:
            return False
        keys, length = finished
        rest = bytes(self.buffer[length:])
        self.buffer.clear()
        del self._handshake
        self._establish(keys.toServer, keys.toClient, NEWS)
        self.ready()
        # A seed in here counts from the next read on, as it does in obfs4proxy,
        # which leaves these messages until then: what the application sends
        # first is shaped by a random table.
        self.open(rest)
        self._keepTicket()
        return False


class ServerShared:
    """
    What all connections of one listener share.

    :ivar password: 20 bytes.
    :ivar seed: of the tables, 32 bytes.
    :ivar tables: by which writes are shaped.
    :ivar mint: issues tickets.
    :ivar replays: the handshakes of late.
    :ivar spent: the tickets that came back.
    :ivar isKnown: tells the handshakes that others took.
    :ivar drain: seconds from its begin to the end of a connection that failed:
        the same after each start.
    """

    def __init__(
        self,
        state: ServerState,
        mint: TicketMint,
        entropy: Entropy,
        isKnown: Callable[[bytes], bool] = lambda mac: False,
    ) -> None:
        """
        :param entropy: throws dice, and makes keys.
        :param isKnown: did another listener with this state, or one before a
            restart, see the handshake with this MAC?  From now on it was seen.
        """
        self.password = state.password
        self.seed = state.seed
        self.tables = tablesOf(entropy, state.seed)
        # Made when first drawn from, which takes a millisecond: not in a handshake.
        self.tables.length()
        self.mint = mint
        self.replays = ReplayFilter(entropy)
        self.spent = ReplayFilter(entropy, limits.TICKET_LIFETIME)
        self.isKnown = isKnown
        drain = drbg.Drbg(state.drainSeed)
        self.drain = drainSeconds(lambda count: drain.block()[:count])
        self._entropy = entropy
        self._spare: uniformdh.KeyPair | None = None

    def prepare(self) -> None:
        """
        See to it that there is a key pair.

        It is made for the next good client whenever one came and took it, and
        used once.  So no stranger costs us any, and no turn of the reactor has
        to do two exponentiations.
        """
        self._spare = self._spare or uniformdh.generate(self._entropy)

    def keyPair(self) -> uniformdh.KeyPair:
        """
        :returns: one that nobody else gets.
        """
        self.prepare()
        pair, self._spare = self._spare, None
        assert pair is not None
        return pair


class ScrambleSuitServerCodec(SilentServerCodec, _ScrambleSuitCodec):
    """
    The side that waits, and stays silent.
    """

    def __init__(
        self,
        shared: ServerShared,
        isPaced: bool,
        entropy: Entropy,
        wallClock: Callable[[], float],
    ) -> None:
        """
        :param shared: one object for all connections of one listener.
        :param isPaced: are there to be pauses between packets?
        :param entropy: makes keys and padding.
        :param wallClock: the Unix time in seconds, right to the hour.
        """
        super().__init__(shared.tables, isPaced, entropy, wallClock)
        self._shared = shared
        self.drain = shared.drain
        self._handshake = ServerHandshake(
            shared.password, shared.mint.redeem, shared.keyPair, entropy
        )
        self.state = self._awaitingRequest

    def begin(self) -> None:
        super().begin()
        self._shared.prepare()

    def failed(self, error: PTError) -> None:
        super().failed(error)
        del self._handshake

    def _awaitingRequest(self) -> bool:
        hour = epochHour(self._wallClock())
        accepted = self._handshake.accept(self.buffer, hour, self._isReplay, self._isSpent)
        if accepted is None:
            return False
        rest = bytes(self.buffer[accepted.length :])
        self.buffer.clear()
        del self._handshake
        self._establish(accepted.keys.toClient, accepted.keys.toServer, {})
        # In one write: obfs4proxy's client fails when a read of its ends within
        # the answer's MAC.
        self.transmit(accepted.answer + self._welcome())
        self.ready()
        self.open(rest)
        return False

    def _welcome(self) -> bytearray:
        ticket = self._shared.mint.issue()
        newTicket = newsMessage(NEW_TICKET, ticket.masterKey + ticket.ticket)
        return self._shaper.burst([newTicket]) + self._shaper.burst(
            [newsMessage(SEED, self._shared.seed)]
        )

    def _isReplay(self, mac: bytes) -> bool:
        shared = self._shared
        return shared.replays.seenBefore(mac, self.now) or shared.isKnown(mac)

    def _isSpent(self, ticket: bytes) -> bool:
        return self._shared.spent.seenBefore(ticket, self.now)
