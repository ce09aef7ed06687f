"""
The modes transparent-UDP and STUN, which differ in their framing alone.

The client: applications send datagrams to our local port.  Each application
address gets a transport connection of its own, made when its first datagram
comes; what the server sends on it goes back to that address.

The server: each transport connection gets a socket of its own, connected to the
target; what the target sends to it goes back on that connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.metrics import Drop
from pyptwist.modes.flows import Address, Flow, FlowEndFactory, FlowLife
from pyptwist.modes.framing import Framing, Unframeable
from pyptwist.modes.recency import Recency
from pyptwist.modes.reporting import KernelDrops, logFailure, sendDatagram
from pyptwist.modes.sender import Room, Sender, Turn
from pyptwist.modes.serverflow import FlowParts, ServerFlow

if TYPE_CHECKING:
    from pyptwist.interfaces import Context


class ClientFlows:
    """
    A local UDP port, and the flows of those who send to it.

    :ivar connections: the flows, by the application's address.
    :ivar queue: bytes that each may hold while its connection is being made.
    """

    _log = Logger()

    def __init__(
        self,
        method: Any,
        context: Context,
        local: Any,
        listen: HostPort,
        target: HostPort | None,
        arguments: Arguments,
        framing: Framing,
        queue: int = limits.FLOW_QUEUE,
        idle: float = limits.FLOW_IDLE,
        maximum: int = limits.FLOWS,
        redial: float = limits.FLOW_REDIAL,
    ) -> None:
        """
        :param method: the ``IClientTransport`` that carries the datagrams.
        :param context: its surroundings.
        :param local: the ``INetwork`` of this machine, which opens the port: that
            of the context may lead through an upstream proxy.
        :param listen: an IP address, and a port that may be 0.
        :param target: the transport's server; None if the arguments name it.
        :param arguments: the method's, for all flows.
        :param framing: ``framing.LENGTH`` or ``framing.STUN``.
        :param queue: bytes; 0 drops what comes before the connection is there, as
            the specification has it.
        :param idle: seconds without a datagram after which a flow ends.
        :param maximum: flows at a time.
        :param redial: seconds without new flows after one got no connection.
        :raises ConfigurationError: if the method does not take the arguments.
        """
        reactor = context.reactor
        self.connections: dict[Address, Flow] = {}
        self.queue = queue
        self._methodName = method.name
        self._endpoint = method.clientEndpoint(context, target, arguments)
        self._framing = framing
        self._metrics = context.metrics
        self._reactor = reactor
        self._local, self._listen = local, listen
        self._maximum = maximum
        self._redial, self._dialFrom = redial, reactor.seconds()
        self._recency = Recency[Address](reactor, idle, self._expired)
        self._room, self._turn = Room(limits.FLOWS_BACKLOG), Turn(reactor)
        self._drops = KernelDrops(context.metrics)
        self._port = _ApplicationPort(self)

    def listen(self) -> Deferred[IListeningPort]:
        """
        :returns: the UDP port; to stop listening ends all flows.
        """
        listening: Deferred[IListeningPort] = execute(
            self._local.bindDatagrams, self._port, self._listen.host, self._listen.port
        )
        return listening

    def closeAll(self) -> None:
        """
        End every flow, flushing what is under way.
        """
        self._drops.look(self._port.bound)
        for address in list(self.connections):
            self._expired(address)

    # --- datagrams ----------------------------------------------------------

    def received(self, datagram: bytes, address: Address) -> None:
        """
        An application sent one.
        """
        self._metrics.datagramsReceived += 1
        try:
            frame = self._framing.encode(datagram)
        except Unframeable:
            self.dropped(Drop.FRAMING)
            return
        life: FlowLife | None
        if (flow := self.connections.get(address)) is None:
            life = self._newFlow(address)
        else:
            life = flow.life
            self._recency.touch(address)
        if life is not None:
            life.datagram(frame)

    def deliver(self, datagrams: list[bytes], address: Address) -> None:
        """
        The server sent some.
        """
        if datagrams and address in self.connections:
            self._recency.touch(address)
        for datagram in datagrams:
            sendDatagram(self._metrics, self._port.bound, datagram, address)

    # --- FlowTable ----------------------------------------------------------

    def newSender(self, flow: Flow) -> Sender:
        return Sender(flow, self._room, self._turn)

    def dropped(self, why: Drop, count: int = 1) -> None:
        self._metrics.datagramsDropped[why] += count

    def gone(self, flow: Flow) -> None:
        if self.connections.get(flow.address) is flow:
            del self.connections[flow.address]
            if not self.connections:
                self.connections.clear()  # it keeps the size that it had
            self._recency.forget(flow.address)
            self._metrics.flowsOpen -= 1
            self._drops.look(self._port.bound)

    def unreachable(self, reason: Failure) -> None:
        self._dialFrom = self._reactor.seconds() + self._redial
        logFailure(self._log, self._methodName, "no connection", reason)

    def broken(self, reason: Failure) -> None:
        logFailure(self._log, self._methodName, "a flow ended", reason)

    # --- flows --------------------------------------------------------------

    def _newFlow(self, address: Address) -> FlowLife | None:
        """
        :returns: None if there may be none.
        """
        if self._reactor.seconds() < self._dialFrom:
            self.dropped(Drop.FAILED)
            return None
        if len(self.connections) >= self._maximum and not self._makeRoom():
            self.dropped(Drop.FLOWS)
            return None
        flow = self.connections[address] = Flow(self, address)
        life = flow.life
        self._recency.touch(address)
        self._metrics.flowsOpen += 1
        self._dial(flow)
        return life

    def _dial(self, flow: Flow) -> None:
        address, life = flow.address, flow.life
        factory = FlowEndFactory(
            life,
            self._framing.decoder(),
            lambda datagrams: self.deliver(datagrams, address),
        )
        try:
            dialling = self._endpoint.connect(factory)
        except Exception:
            life.failed(Failure())
            return
        flow.dialling = dialling
        dialling.addCallbacks(lambda end: None, life.failed)

    def _makeRoom(self) -> bool:
        address = self._recency.silent(limits.FLOW_SPARED)
        if address is None:
            return False
        self._expired(address)
        return True

    def _expired(self, address: Address) -> None:
        flow = self.connections.get(address)
        if flow is not None:
            flow.life.end()


class _ApplicationPort(DatagramProtocol):
    """
    What is bound to the local port.

    :ivar bound: the port, while it is open.
    """

    noisy = False

    def __init__(self, flows: ClientFlows) -> None:
        self._flows = flows
        self.bound: Any = None

    def startProtocol(self) -> None:
        self.bound = self.transport

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._flows.received(datagram, addr)

    def stopProtocol(self) -> None:
        # Nobody could be answered any more.
        self._flows.closeAll()
        self.bound = None


class ServerFlowsFactory(Factory):
    """
    The application factory for a server transport's endpoint.

    :ivar connections: the flows.
    """

    noisy = False

    def __init__(
        self,
        context: Context,
        local: Any,
        target: HostPort,
        framing: Framing,
        methodName: str,
        idle: float = limits.SERVER_FLOW_IDLE,
    ) -> None:
        """
        :param context: for its reactor and metrics.
        :param local: the ``INetwork`` that opens the sockets.
        :param target: whom all datagrams are for.  A name is looked up for each
            flow, so that a target may move.
        :param framing: ``framing.LENGTH`` or ``framing.STUN``, as the clients'.
        :param methodName: for the log.
        :param idle: seconds without a datagram after which a flow ends.
        """
        self.connections: set[ServerFlow] = set()
        self._parts = FlowParts(
            context.reactor,
            context.metrics,
            local,
            target,
            framing,
            methodName,
            Room(limits.FLOWS_BACKLOG),
            Turn(context.reactor),
            Recency[ServerFlow](context.reactor, idle, ServerFlow.end),
            self.connections,
        )

    def buildProtocol(self, addr: IAddress | None) -> ServerFlow:
        return ServerFlow(self._parts)

    def closeAll(self) -> None:
        """
        End every flow, flushing what is under way.
        """
        for flow in list(self.connections):
            flow.end()
