"""
A network in memory that carries datagrams, too.

They behave as UDP does on one machine where it matters to who sends and receives:
they arrive in a later turn, whole, in order; what a paused reader has no room for
is dropped; who is connected hears that nobody is there.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IListeningPort
from zope.interface import implementer

from pyptwist.testing.memory import MemoryNetwork
from pyptwist.testing.streams import Address

_LONGEST = 65507  # UDP over IPv4
_HERE = "127.0.0.1"


class MemoryDatagramNetwork(MemoryNetwork):
    """
    Streams and datagrams between hosts and ports that exist in this object alone.

    :ivar ports: the bound ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[Address, MemoryDatagramPort] = {}

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        host = _HERE if host in ("0.0.0.0", "::") else host  # noqa: S104 - in memory
        address = host, port or self.newPort()
        if address in self.ports:
            raise CannotListenError(*address, OSError("in use"))
        bound = self.ports[address] = MemoryDatagramPort(self, protocol, address)
        protocol.makeConnection(bound)
        return bound

    def sentDatagram(self, port: MemoryDatagramPort, datagram: bytes, to: Address) -> None:
        """
        A port was given a datagram to send: for subclasses that look on.
        """


@implementer(IListeningPort)
class MemoryDatagramPort:
    """
    A UDP socket of that network.

    :ivar capacity: datagrams that are held while nobody reads.
    :ivar dropped: datagrams for which there was no room.
    :ivar isFull: whether writing fails as with a full kernel.
    """

    def __init__(self, network: MemoryDatagramNetwork, protocol: Any, address: Address) -> None:
        self.capacity = 4
        self.dropped = 0
        self.isFull = False
        self._network = network
        self._protocol = protocol
        self._address = address
        self._peer: Address | None = None
        self._held: list[tuple[bytes, Address]] | None = None

    @property
    def connected(self) -> bool:
        """
        Is it open?
        """
        return self._network.ports.get(self._address) is self

    def startListening(self) -> None:
        """
        It listens from the start.
        """

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", *self._address)

    def connect(self, host: str, port: int) -> None:
        """
        Send to one peer, and hear of nobody else.
        """
        self._peer = host, port

    def write(self, datagram: bytes, addr: Address | None = None) -> None:
        """
        Send one.

        :raises MessageLengthError: if it is too long.
        :raises BlockingIOError: if the port was made full.
        """
        if len(datagram) > _LONGEST:
            raise MessageLengthError("a datagram is too long")
        if self.isFull:
            raise BlockingIOError("no room")
        to = addr or self._peer
        assert to is not None
        self._network.sentDatagram(self, datagram, to)
        self._network.clock.callLater(self._network.latency, self._carry, datagram, to)

    def pauseProducing(self) -> None:
        """
        Read no more.
        """
        if self._held is None:
            self._held = []

    def resumeProducing(self) -> None:
        """
        Read again.
        """
        held, self._held = self._held, None
        for datagram, address in held or ():
            self.arrive(datagram, address)

    def stopListening(self) -> Deferred[None]:
        if self._network.ports.pop(self._address, None) is not None:
            self._protocol.doStop()
        return succeed(None)

    def arrive(self, datagram: bytes, address: Address) -> None:
        """
        One came.

        :param address: the sender's.
        """
        if self._held is None:
            self._protocol.datagramReceived(datagram, address)
        elif len(self._held) < self.capacity:
            self._held.append((datagram, address))
        else:
            self.dropped += 1

    def _carry(self, datagram: bytes, to: Address) -> None:
        port = self._network.ports.get(to)
        if port is None:
            if self._peer is not None and self._address in self._network.ports:
                self._protocol.connectionRefused()
        elif port._peer in (None, self._address):
            port.arrive(datagram, self._address)
