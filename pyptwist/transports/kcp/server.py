"""
The server: one UDP socket, and the conversations that clients have through it.

A datagram belongs to the conversation whose session it names, wherever it came
from.  What else comes is answered only if it asks for a session in the right form,
and then with less than it was.  With kcptun's framing there are no sessions, and the
client's address stands for one.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    DatagramsForbidden,
    Unresponsive,
)
from pyptwist.interfaces import IServerTransportEndpoint
from pyptwist.multiplex.kcp import conversationOf
from pyptwist.transports.kcp.cookies import Address, Cookies
from pyptwist.transports.kcp.framing import Kind
from pyptwist.transports.kcp.memory import Memory
from pyptwist.transports.kcp.parts import Parts
from pyptwist.transports.kcp.path import Path
from pyptwist.transports.kcp.session import Session, addressOf
from pyptwist.transports.kcp.socket import Socket


@implementer(IServerTransportEndpoint)
class KcpServerEndpoint:
    """
    Where a server listens.
    """

    def __init__(self, parts: Parts, bind: HostPort, clientArguments: Arguments) -> None:
        self.clientArguments = clientArguments
        self._parts = parts
        self._bind = bind

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listener = Listener(self._parts, protocolFactory)
        try:
            listener.begin(self._bind)
        except DatagramsForbidden as error:
            return fail(ConfigurationError(f"{self._parts.methodName} needs UDP: {error}"))
        except Exception:
            return fail(Failure())
        return succeed(listener)


class _Client:
    """
    One conversation.

    :ivar network: the client's, when it began.
    """

    __slots__ = ("network", "path", "session")

    def __init__(self, session: Session, path: Path, network: str) -> None:
        self.session = session
        self.path = path
        self.network = network


@implementer(IListeningPort)
class Listener:
    """
    A port.  When it is closed it takes no new clients; the socket stays as long as there
    are conversations.
    """

    _log = Logger()

    def __init__(self, parts: Parts, factory: IProtocolFactory) -> None:
        self._parts = parts
        self._factory: IProtocolFactory | None = factory
        self._socket = Socket(self._datagram, _nothing, self._stopped)
        self._cookies = Cookies(parts.context.entropy)
        self._clients: dict[Hashable, _Client] = {}
        # The oldest first; or they were.
        self._unproven: OrderedDict[Hashable, _Client] = OrderedDict()
        self._networks: defaultdict[str, dict[Hashable, _Client]] = defaultdict(dict)
        self._over = Memory(parts.context.reactor)
        self._address: IAddress | None = None

    def begin(self, bind: HostPort) -> None:
        """
        :raises DatagramsForbidden: if the network has no datagrams.
        :raises CannotListenError: if the address cannot be had.
        """
        self._socket.bind(self._parts.context.network, bind.host, bind.port)
        self._address = self._socket.port.getHost()
        assert self._factory is not None
        self._factory.doStart()

    # --- IListeningPort -----------------------------------------------------

    def startListening(self) -> None:
        """
        It listens from the start.
        """

    def getHost(self) -> IAddress:
        assert self._address is not None
        return self._address

    def stopListening(self) -> Deferred[None]:
        """
        :returns: fires at once if there are conversations: who wants to wait for their
            end ends them.
        """
        factory, self._factory = self._factory, None
        if factory is not None:
            factory.doStop()
        return self._closeIfDone()

    def _closeIfDone(self) -> Deferred[None]:
        if self._factory is not None or self._clients:
            return succeed(None)
        self._over.clear()
        return maybeDeferred(self._socket.close).addCallback(_nothing)

    def _stopped(self) -> None:
        """
        Somebody closed the socket under us.
        """
        for client in list(self._clients.values()):
            client.session.lost(ConnectionAborted())
        self._over.clear()

    # --- datagrams ----------------------------------------------------------

    def _datagram(self, datagram: bytes, address: Address) -> None:
        if len(datagram) > limits.KCP_DATAGRAM_MAXIMUM:
            return
        opened = self._parts.framing.open(datagram)
        if opened is None:
            return
        session, kind, body = opened
        key = session if self._parts.framing.hasSessions else (session, address)
        client = self._clients.get(key)
        if client is None:
            self._stranger(key, session, kind, body, address)
            return
        client.path.received(len(datagram))
        if kind is Kind.HELLO or kind is Kind.ANSWER:
            self._greeted(client, session, kind, body, address)
            return
        isElsewhere = address != client.path.address and kind in _LONG
        if isElsewhere and client.path.isTimeToChallenge(self._parts.now):
            self._challenge(session, address)
        client.session.received(kind, body)

    def _stranger(
        self, key: Hashable, session: bytes, kind: Kind, body: bytes, address: Address
    ) -> None:
        """
        A datagram of a conversation that is not there: not yet, no more, or never.
        """
        if (was := self._over.get(key)) is not None:
            if kind in _ANSWERED:
                self._say(session, was, address)
        elif kind is Kind.HELLO:
            if self._isOpen(address):
                self._challenge(session, address)
            else:
                self._say(session, Kind.ABORT, address)
        elif kind is Kind.ANSWER:
            if self._cookies.isGood(body, session, address, self._parts.now):
                self._admit(key, session, address)
        elif kind is Kind.PACKET and not self._parts.framing.hasSessions:
            self._begun(key, session, body, address)

    def _begun(self, key: Hashable, session: bytes, packet: bytes, address: Address) -> None:
        """
        Without sessions, a conversation begins with its first packet.
        """
        if conversationOf(packet) is None or not self._isOpen(address):
            return
        self._admit(key, session, address)
        if (client := self._clients.get(key)) is not None:
            client.path.received(len(packet) + self._parts.framing.overhead)
            client.session.received(Kind.PACKET, packet)

    def _greeted(
        self, client: _Client, session: bytes, kind: Kind, body: bytes, address: Address
    ) -> None:
        """
        Somebody who knows the session wants to have it, or to have it elsewhere.
        """
        if address != client.path.address:
            if kind is Kind.HELLO:
                self._challenge(session, address)
                return
            if not self._cookies.isGood(body, session, address, self._parts.now):
                return
            client.path.address = address
            client.session.hurry()
        self._say(session, Kind.ACCEPT, address)

    def _challenge(self, session: bytes, address: Address) -> None:
        cookie = self._cookies.make(session, address, self._parts.now)
        self._say(session, Kind.CHALLENGE, address, cookie)

    def _say(self, session: bytes, kind: Kind, address: Address, body: bytes = b"") -> None:
        if said := self._parts.framing.seal(session, kind, body):
            self._socket.write(said, address)

    # --- clients ------------------------------------------------------------

    def _isOpen(self, address: Address) -> bool:
        """
        May somebody come from there?
        """
        if self._factory is None:
            return False
        there = self._networks.get(_network(address), {})
        return (len(there) < limits.KCP_CONVERSATIONS_EACH or self._makeRoom(there)) and (
            len(self._clients) < limits.KCP_CONVERSATIONS or self._makeRoom(self._unproven)
        )

    def _makeRoom(self, clients: Mapping[Hashable, _Client]) -> bool:
        """
        Somebody whose address may be forged goes for the next one: else anybody could
        fill the table, or lock out whomever he names.

        :param clients: who may have to go, the oldest first.
        """
        if self._parts.framing.hasSessions:
            return False  # nobody's may
        proven: list[Hashable] = []
        client: _Client | None
        for key, client in clients.items():
            if not client.path.isProven:
                break
            proven.append(key)
        else:
            client = None
        for key in proven:
            self._unproven.pop(key, None)
        if client is not None:
            client.session.lost(Unresponsive("somebody else needs the room"))
        return client is not None

    def _admit(self, key: Hashable, session: bytes, address: Address) -> None:
        metrics = self._parts.context.metrics
        metrics.handshakesBegun += 1
        protocol = self._build(address) if self._isOpen(address) else None
        if protocol is None:
            metrics.handshakesFailed[Cause.REFUSED] += 1
            self._over.remember(key, Kind.ABORT)
            self._say(session, Kind.ABORT, address)
            return
        stream = self._parts.newStream(session)
        hasSessions = self._parts.framing.hasSessions
        path = Path(self._socket, address, stream, isProven=hasSessions)
        driven = Session(
            self._parts.context.reactor,
            stream,
            path.write,
            lambda isOrderly: self._gone(key, isOrderly),
        )
        network = _network(address)
        client = self._clients[key] = _Client(driven, path, network)
        if not hasSessions:
            self._unproven[key] = client
        self._networks[network][key] = client
        self._say(session, Kind.ACCEPT, address)
        connection = self._parts.newConnection(driven, self.getHost(), address)
        driven.carry(connection)
        connection.open(protocol)

    def _build(self, address: Address) -> Any:
        assert self._factory is not None
        try:
            return self._factory.buildProtocol(addressOf(address))
        except Exception:
            self._log.failure("a client's application could not be built")
            return None

    def _gone(self, key: Hashable, isOrderly: bool) -> None:
        client = self._clients.pop(key)
        self._unproven.pop(key, None)
        there = self._networks[client.network]
        del there[key]
        if not there:
            del self._networks[client.network]
        self._over.remember(key, Kind.OVER if isOrderly else Kind.ABORT)
        if self._factory is None:
            self._closeIfDone()


#: What is answered when a conversation is over: what a client sends that does not know.
_ANSWERED = frozenset({Kind.PACKET, Kind.HELLO, Kind.ANSWER, Kind.PING})

#: What is at least as long as a challenge.
_LONG = frozenset({Kind.PACKET, Kind.PING})


def _network(address: Address) -> str:
    """
    :returns: whose conversations are counted together.
    """
    ip = ip_address(address[0].partition("%")[0])
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ip_network((ip, 64), strict=False))
    # A socket of IPv6 has IPv4's clients, too, all of them in one network.
    return str(ip)


def _nothing(*_: object) -> None:
    """
    A server is told of no peer that it is gone, since it may be another's.
    """
