"""
The client's flows: the datagrams of one application address, on one transport
connection.

The life of a flow, which is table 1 of PT 3.0, section 1.5.4, but that datagrams
may wait instead of being dropped::

                reached                lost
    DIALLING ─────────────▶ OPEN ─────────────▶ GONE
        │  failed, end        │  broken, end     ▲
        └─────────────────────┴──────────────────┘

*end* is what we decide: the flow was silent for too long, has to make room, or the
program stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from automat import TypeMachineBuilder
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.metrics import Drop
from pyptwist.modes.framing import Decoder
from pyptwist.modes.sender import Sender

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

#: An application's host and port.
Address = tuple[str, int]


class FlowLife(Protocol):
    """
    What may happen to a flow.
    """

    def datagram(self, frame: bytes) -> None:
        """
        The application sent one; here is its frame.
        """

    def reached(self, transport: Any) -> None:
        """
        The transport connection is ready.
        """

    def failed(self, reason: Failure) -> None:
        """
        It will never be.
        """

    def lost(self) -> None:
        """
        It is closed.
        """

    def broken(self, reason: Failure, lost: int) -> None:
        """
        It took a write badly, with that many datagrams; or the server sent what
        is no frame.
        """

    def end(self) -> None:
        """
        Nobody wants the flow any more.
        """


class FlowTable(Protocol):
    """
    What a flow needs of those that it is one of.

    :ivar queue: bytes that may wait for a connection.
    """

    queue: int

    def newSender(self, flow: Flow) -> Sender:
        """
        :returns: the flow's own.
        """

    def dropped(self, why: Drop, count: int = 1) -> None:
        """
        Datagrams of the application's were lost.
        """

    def gone(self, flow: Flow) -> None:
        """
        Forget it.
        """

    def unreachable(self, reason: Failure) -> None:
        """
        A flow got no connection.
        """

    def broken(self, reason: Failure) -> None:
        """
        A flow's connection went wrong.
        """


class Flow:
    """
    What a flow is made of; what it does is up to its state.

    :ivar address: the application's.
    :ivar dialling: the attempt to connect.
    :ivar life: its state; only while it is one of the table's.
    """

    __slots__ = ("address", "dialling", "life", "sender", "table", "transport")

    def __init__(self, table: FlowTable, address: Address) -> None:
        self.table = table
        self.address = address
        self.sender = table.newSender(self)
        self.life: FlowLife = _machine(self)
        self.dialling: Deferred[Any] | None = None
        self.transport: Any = None

    def put(self, frame: bytes, limit: int, why: Drop) -> None:
        """
        :param limit: bytes that the flow may hold.
        :param why: what is counted if it holds too much.
        """
        if not self.sender.put(frame, limit):
            self.table.dropped(why)

    def leave(self) -> None:
        """
        The flow is over, and with it what it holds.
        """
        if lost := self.sender.discard():
            self.table.dropped(Drop.FAILED, lost)
        self.dialling = self.transport = None
        self.table.gone(self)
        # The two know each other: such a cycle would wait for the garbage collector.
        del self.life

    def congested(self, isFull: bool) -> None:
        """
        Applications cannot be told: the sender holds, and then we drop.
        """

    def broken(self, reason: Failure, lost: int) -> None:
        """
        For the sender.
        """
        self.life.broken(reason, lost)


_builder = TypeMachineBuilder(FlowLife, Flow)
_dialling = _builder.state("dialling")
_open = _builder.state("open")
_gone = _builder.state("gone")


@_dialling.upon(FlowLife.datagram).loop()
def _hold(life: FlowLife, flow: Flow, frame: bytes) -> None:
    flow.put(frame, flow.table.queue, Drop.DIALLING)


@_dialling.upon(FlowLife.reached).to(_open)
def _begin(life: FlowLife, flow: Flow, transport: Any) -> None:
    flow.dialling = None
    flow.transport = transport
    flow.sender.connect(transport)


@_dialling.upon(FlowLife.failed).to(_gone)
def _giveUp(life: FlowLife, flow: Flow, reason: Failure) -> None:
    table = flow.table
    flow.leave()
    table.unreachable(reason)


@_dialling.upon(FlowLife.end).to(_gone)
def _cancel(life: FlowLife, flow: Flow) -> None:
    dialling = flow.dialling
    flow.leave()
    if dialling is not None:
        dialling.cancel()


@_open.upon(FlowLife.datagram).loop()
def _send(life: FlowLife, flow: Flow, frame: bytes) -> None:
    flow.put(frame, limits.FLOW_BACKLOG, Drop.SLOW)


@_open.upon(FlowLife.lost).to(_gone)
def _lose(life: FlowLife, flow: Flow) -> None:
    flow.leave()


@_open.upon(FlowLife.broken).to(_gone)
def _break(life: FlowLife, flow: Flow, reason: Failure, lost: int) -> None:
    table, transport = flow.table, flow.transport
    table.dropped(Drop.FAILED, lost)
    flow.leave()
    transport.unregisterProducer()
    transport.loseConnection()
    table.broken(reason)


@_open.upon(FlowLife.end).to(_gone)
def _finish(life: FlowLife, flow: Flow) -> None:
    if lost := flow.sender.end():
        flow.table.dropped(Drop.FAILED, lost)
    flow.leave()


@_gone.upon(FlowLife.datagram).loop()
def _refuse(life: FlowLife, flow: Flow, frame: bytes) -> None:
    flow.table.dropped(Drop.FAILED)


_gone.upon(FlowLife.failed).loop().returns(None)
_gone.upon(FlowLife.lost).loop().returns(None)
_gone.upon(FlowLife.broken).loop().returns(None)
_gone.upon(FlowLife.end).loop().returns(None)


@_gone.upon(FlowLife.reached).loop()
def _tooLate(life: FlowLife, flow: Flow, transport: Any) -> None:
    transport.abortConnection()


_machine = _builder.build()


class FlowEndFactory(Factory):
    """
    Builds the application's end of one flow's transport connection.
    """

    noisy = False

    def __init__(
        self, life: FlowLife, decoder: Decoder, deliver: Callable[[list[bytes]], object]
    ) -> None:
        """
        :param decoder: fresh.
        :param deliver: takes datagrams for the application.
        """
        self._parts = life, decoder, deliver

    def buildProtocol(self, addr: IAddress | None) -> FlowEnd:
        return FlowEnd(*self._parts)


class FlowEnd(TwistedProtocol):
    """
    That end.
    """

    def __init__(
        self, life: FlowLife, decoder: Decoder, deliver: Callable[[list[bytes]], object]
    ) -> None:
        self._life = life
        self._decoder = decoder
        self._deliver = deliver

    def connectionMade(self) -> None:
        self._life.reached(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._deliver(self._decoder.receive(data))
        if self._decoder.error is not None:
            # What comes behind garbage is garbage.
            self._life.broken(Failure(self._decoder.error), 0)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life.lost()
