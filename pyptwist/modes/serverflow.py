"""
The server's flows: one transport connection, one UDP socket.

Table 2 of PT 3.0, section 1.5.5, has no waiting in it: the connection is there
first.  A datagram without a connection cannot come, since the socket goes with the
connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.metrics import Drop, Metrics
from pyptwist.modes.framing import Framing, Unframeable
from pyptwist.modes.recency import Recency
from pyptwist.modes.reporting import KernelDrops, logFailure, sendDatagram
from pyptwist.modes.sender import Room, Sender, Turn
from pyptwist.names import lookUp


@dataclass(frozen=True)
class FlowParts:
    """
    What all flows of a listener share.

    :ivar local: the ``INetwork`` that opens their sockets.
    :ivar flows: those that are open.
    """

    reactor: Any
    metrics: Metrics
    local: Any
    target: HostPort
    framing: Framing
    methodName: str
    room: Room
    turn: Turn
    recency: Recency[ServerFlow]
    flows: set[ServerFlow]


class ServerFlow(Protocol):
    """
    The transport connection's side of one flow.
    """

    _log = Logger()

    def __init__(self, parts: FlowParts) -> None:
        self._parts = parts
        self._decoder = parts.framing.decoder()
        self._sender = Sender(self, parts.room, parts.turn)
        self._drops = KernelDrops(parts.metrics)
        self._port: Any = None

    # --- the transport connection -------------------------------------------

    def connectionMade(self) -> None:
        parts = self._parts
        parts.flows.add(self)
        parts.metrics.flowsOpen += 1
        parts.recency.touch(self)
        self._transport.pauseProducing()
        lookUp(parts.reactor, parts.target.host).addCallback(self._found).addErrback(
            self._unreachable
        )

    def dataReceived(self, data: bytes) -> None:
        if self not in self._parts.flows:
            return  # it is being closed
        datagrams = self._decoder.receive(data)
        if datagrams:
            self._parts.recency.touch(self)
        for datagram in datagrams:
            sendDatagram(self._parts.metrics, self._port, datagram, None)
        if self._decoder.error is not None:
            self.broken(Failure(self._decoder.error), 0)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._leave()

    def end(self) -> None:
        """
        Nobody wants the flow any more: close it, behind what is under way.
        """
        if self in self._parts.flows:
            if lost := self._sender.end():
                self.dropped(Drop.FAILED, lost)
            self._leave()
            self._transport.loseConnection()

    # --- the target ---------------------------------------------------------

    def answered(self, datagram: bytes) -> None:
        """
        The target sent one.
        """
        parts = self._parts
        parts.metrics.datagramsReceived += 1
        parts.recency.touch(self)
        try:
            frame = parts.framing.encode(datagram)
        except Unframeable:
            self.dropped(Drop.FRAMING)
            return
        if not self._sender.put(frame, limits.FLOW_BACKLOG):
            self.dropped(Drop.SLOW)

    def dropped(self, why: Drop, count: int = 1) -> None:
        """
        Datagrams were lost.
        """
        self._parts.metrics.datagramsDropped[why] += count

    # --- SenderOwner --------------------------------------------------------

    def congested(self, isFull: bool) -> None:
        """
        The socket is this flow's alone, so let the kernel do the dropping.
        """
        port = self._port
        if port is None:
            return
        if isFull:
            port.pauseProducing()
        else:
            self._drops.look(port)
            port.resumeProducing()

    def broken(self, reason: Failure, lost: int) -> None:
        """
        The client sent garbage, or a write failed.
        """
        self.dropped(Drop.FAILED, lost)
        logFailure(self._log, self._parts.methodName, "a flow ended", reason)
        self.end()

    # --- inside -------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport

    def _found(self, host: str) -> None:
        if self not in self._parts.flows:
            return
        target = host, self._parts.target.port
        everywhere = "::" if ":" in host else "0.0.0.0"  # noqa: S104 - connected at once
        protocol = TargetPort(self, target)
        self._port = port = self._parts.local.bindDatagrams(protocol, everywhere, 0)
        port.connect(*target)
        protocol.connected(port)
        self._sender.connect(self._transport)
        self._transport.resumeProducing()

    def _unreachable(self, reason: Failure) -> None:
        if self in self._parts.flows:
            what = "a client's datagrams cannot be forwarded"
            logFailure(self._log, self._parts.methodName, what, reason)
            self.end()

    def _leave(self) -> None:
        if self not in self._parts.flows:
            return
        self._parts.flows.discard(self)
        if not self._parts.flows:
            self._parts.flows.clear()  # it keeps the size that it had
        self._parts.metrics.flowsOpen -= 1
        self._parts.recency.forget(self)
        if lost := self._sender.discard():
            self.dropped(Drop.FAILED, lost)
        port, self._port = self._port, None
        if port is not None:
            self._drops.look(port)
            port.stopListening()


class TargetPort(DatagramProtocol):
    """
    What is bound to a flow's socket.
    """

    noisy = False

    def __init__(self, flow: ServerFlow, target: tuple[str, int]) -> None:
        self._flow = flow
        self._target = str(ip_address(target[0].partition("%")[0])), target[1]

    def connected(self, port: Any) -> None:
        """
        :param port: the UDP transport, which may say in ``peer`` whom it is connected
            to: the kernel writes addresses in its own way, and takes 0.0.0.0 for this
            machine.
        """
        self._target = getattr(port, "peer", self._target)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if tuple(addr) == self._target:
            self._flow.answered(datagram)
        else:
            # It came between bind() and connect().
            self._flow.dropped(Drop.STRAY)

    def connectionRefused(self) -> None:
        # The target may come back.
        self._flow.dropped(Drop.REFUSED)
