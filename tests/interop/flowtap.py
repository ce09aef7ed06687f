"""
How much each side of a connection sends, step by step, as the kernel counts it.

The kernel's counts (``TCP_INFO``) are the same however late this process reads:
a write is a segment or several of its own, since neither side uses Nagle's
algorithm, and what is unread counts as well.  Both sides are told the segment
size of Ethernet, which loopback has not.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any, Final, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist.testing.streams import Address, Stream, bounded

#: Bytes that a segment carries on Ethernet, with TCP's timestamps.
SEGMENT: Final = 1448

_TIMESTAMPS: Final = 12

# Of Linux's struct tcp_info: offsets of tcpi_bytes_received and tcpi_data_segs_in.
_BYTES: Final = struct.Struct("=Q"), 128
_SEGMENTS: Final = struct.Struct("=I"), 152


@dataclass(frozen=True)
class Sent:
    """
    What one side sent in one step.
    """

    size: int
    segments: int

    @property
    def writes(self) -> int:
        """
        How many writes it was, as far as the number of segments shows.
        """
        return self.segments - -(-self.size // SEGMENT) + 1 if self.size else 0


@dataclass(frozen=True)
class Step:
    """
    What crossed the wire in one step.

    :ivar order: who sent, as runs: ``CS`` is the client, then the server.
    """

    client: Sent
    server: Sent
    order: str


#: All steps of one connection, the handshake first.
Flow = list[Step]


class _End(Protocol):
    """
    The tap's end of one connection.

    :ivar other: its other end.
    :ivar held: what it read is kept, and goes on when the other end has read
        something that belongs to the next step.
    """

    other: _End | None = None
    held = False
    _counted = 0, 0
    _read = 0

    def __init__(self, letter: str, order: list[str], lazy: bool) -> None:
        self._letter = letter
        self._order = order
        self._lazy = lazy
        self._kept = bytearray()

    def connectionMade(self) -> None:
        cast(Any, self.transport).setTcpNoDelay(True)
        self._acknowledgeLate()

    def dataReceived(self, data: bytes) -> None:
        if self._order[-1:] != [self._letter]:
            self._order.append(self._letter)
        self._read += len(data)
        self._kept += data
        assert self.other is not None
        if self.other.held and self._counted[0] and self._read > self._counted[0]:
            self.other.held = False
            self.other._forward()
        self._forward()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            other.transport.loseConnection()

    def sent(self) -> Sent:
        """
        :returns: what came since the last call.
        """
        handle = cast(Any, self.transport).getHandle()
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        size, segments = (field.unpack_from(info, at)[0] for field, at in (_BYTES, _SEGMENTS))
        before, self._counted = self._counted, (size, segments)
        self._acknowledgeLate()
        return Sent(size - before[0], segments - before[1])

    def _acknowledgeLate(self) -> None:
        # It holds until the kernel thinks otherwise.
        if self._lazy:
            handle = cast(Any, self.transport).getHandle()
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)

    def _forward(self) -> None:
        if self.held or not self._kept:
            return
        assert self.other is not None and self.other.transport is not None
        self.other.transport.write(bytes(self._kept))
        self._kept.clear()


class Link:
    """
    One connection through a tap.
    """

    def __init__(self, target: Address, far: bool, lazy: bool) -> None:
        self._order: list[str] = []
        self.client, self._server = (_End(letter, self._order, lazy) for letter in "CS")
        self.client.other, self._server.other = self._server, self.client
        self._server.held = far
        factory = Factory.forProtocol(lambda: self._server)
        factory.noisy = False
        with socket.socket() as onward:
            _asOnEthernet(onward)
            onward.connect(target)
            onward.setblocking(False)
            cast(Any, reactor).adoptStreamConnection(onward.fileno(), socket.AF_INET, factory)

    def step(self) -> Step:
        """
        A step of this connection is over.

        :returns: what it was.
        """
        order = "".join(self._order)
        self._order.clear()
        return Step(self.client.sent(), self._server.sent(), order)


class FlowTap(Factory):
    """
    Forwards TCP connections, and counts.

    :ivar address: where to connect instead of to the target.
    :ivar far: of later connections, what the server sends first comes as if
        from far away: after the client's first burst.  Only for handshakes that
        need no answer.
    :ivar lazy: what comes on later connections is acknowledged late, as if from far
        away: after 40 ms, if nothing is sent before.
    """

    noisy = False
    far = False
    lazy = False

    def __init__(self, test: TestCase, target: Address, host: str) -> None:
        """
        :param host: an address of this machine.
        """
        self._target = target
        self._accepted: DeferredQueue[Link] = DeferredQueue()
        self._port: Any = cast(Any, reactor).listenTCP(0, self, interface=host)
        _asOnEthernet(self._port.socket)
        self.address: Address = (host, self._port.getHost().port)
        test.addCleanup(self.stop)

    def stop(self) -> Deferred[None]:
        """
        Take no more connections.
        """
        return maybeDeferred(self._port.stopListening)

    async def accept(self) -> Link:
        """
        The next connection, waiting for it if need be.
        """
        return await bounded(self._accepted.get(), Stream.patience, "a connection to the tap")

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        link = Link(self._target, self.far, self.lazy)
        # The protocol has no transport before this method returns.
        cast(Any, reactor).callLater(0, self._accepted.put, link)
        return link.client


def _asOnEthernet(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT + _TIMESTAMPS)
