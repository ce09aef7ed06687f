"""
scramblesuit as a transport method: from arguments to codecs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.logger import Logger

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.transports.scramblesuit.codec import (
    ScrambleSuitClientCodec,
    ScrambleSuitServerCodec,
    ServerShared,
    Tickets,
)
from pyptwist.transports.scramblesuit.handshake import Ticket
from pyptwist.transports.scramblesuit.identity import (
    STATE_FILE,
    ServerState,
    isPaced,
    loadState,
    readPassword,
    writePassword,
)
from pyptwist.transports.scramblesuit.journal import Journal
from pyptwist.transports.scramblesuit.store import TicketStore
from pyptwist.transports.scramblesuit.tickets import TicketKeys, TicketMint


class _TicketsFor:
    """
    A store's tickets for one server, as one connection has them.

    Made before it is dialled: a ticket is off the disk then, and who sees the
    connection does not see how long the disk took.
    """

    def __init__(self, store: TicketStore, address: str, wallClock: Callable[[], float]) -> None:
        self._store = store
        self._address = address
        self._wallClock = wallClock
        self._taken = store.take(address, wallClock())

    def take(self) -> Ticket | None:
        taken, self._taken = self._taken, None
        return taken

    def giveBack(self) -> None:
        # What is on the disk again is sent by nobody else.
        if (taken := self.take()) is not None:
            self._store.giveBack(self._address, taken, self._wallClock())

    def put(self, ticket: Ticket) -> None:
        self._store.put(self._address, ticket, self._wallClock())


class ScrambleSuit(CodecClientTransport, CodecServerTransport):
    """
    The method ``scramblesuit``, both sides.
    """

    name = "scramblesuit"

    _log = Logger()

    def __init__(self) -> None:
        self._inMemory = TicketStore(None)

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        """
        :param arguments: ``password``; and ``iat-mode``, 0 or 1.
        :returns: makes a codec that knows no tickets.
        :raises ConfigurationError: naming the argument that is missing or wrong.
        """
        return self._clientCodec(context, arguments, lambda: None)

    def clientCodecFor(
        self, context: Context, target: HostPort, arguments: Arguments
    ) -> CodecFactory:
        """
        :param target: whose tickets are used: from the state directory, or as
            long as this object lives, if there is none.  Within a stack the server may
            be known below alone; then there are none, for any server would get them.
        :returns: makes a codec, whose session key is made and whose ticket is taken
            with it, before dialling.
        """
        if target.isNowhere:
            return self.clientCodec(context, arguments)
        state = context.stateDirectory
        store = self._inMemory if state is None else TicketStore(state)
        tickets = partial(_TicketsFor, store, str(target), context.wallClock)
        return self._clientCodec(context, arguments, tickets)

    def _clientCodec(
        self, context: Context, arguments: Arguments, tickets: Callable[[], Tickets | None]
    ) -> CodecFactory:
        password, paced = readPassword(arguments), isPaced(arguments)
        return lambda: ScrambleSuitClientCodec(
            password, paced, tickets(), context.entropy, context.wallClock
        )

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: ``password``, without which the state directory has
            one; and ``iat-mode``, 0 or 1.
        :returns: what makes a codec, and ``password`` for clients; and
            ``iat-mode`` if it is 1, since obfsproxy's clients take no second
            argument.
        :raises ConfigurationError: naming what is wrong, and the cure.
        """
        paced = isPaced(arguments)
        state = loadState(arguments, context.stateDirectory, context.entropy, context.wallClock())
        shared = self._shared(context, state)
        published = {"password": writePassword(state.password)}
        if paced:
            published["iat-mode"] = "1"

        def codec() -> ScrambleSuitServerCodec:
            return ScrambleSuitServerCodec(shared, paced, context.entropy, context.wallClock)

        return codec, Arguments(published)

    def _shared(self, context: Context, state: ServerState) -> ServerShared:
        """
        :returns: one object for all connections of one listener.
        """

        def save(keys: tuple[TicketKeys, ...]) -> None:
            if context.stateDirectory is None:
                return
            try:
                changed = replace(state, ticketKeys=keys)
                context.stateDirectory.write(STATE_FILE, changed.toJSON())
            except ConfigurationError as error:
                # Clients go on: after the next start they need UniformDH.
                self._log.warn("New keys for tickets are not kept: {error}", error=error)

        mint = TicketMint(state.ticketKeys, context.entropy, context.wallClock, save)
        directory = context.stateDirectory
        if directory is None:
            return ServerShared(state, mint, context.entropy)
        journal = Journal(directory, context.wallClock)
        return ServerShared(state, mint, context.entropy, journal.seenBefore)
