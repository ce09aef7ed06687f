"""
A method's client and server in this process, on a network in memory.
"""

from __future__ import annotations

import time
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import PTError
from pyptwist.inspection.conversation import Conversation
from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.plan import Plan
from pyptwist.interfaces import Context, INetwork, IRefusable, IRefusals
from pyptwist.metrics import Metrics
from pyptwist.misspelt import Warn, watching
from pyptwist.registry import Methods
from pyptwist.state import StateDirectory
from pyptwist.testing.datagrams import MemoryDatagramNetwork, MemoryDatagramPort
from pyptwist.testing.memory import MemoryTransport
from pyptwist.testing.streams import Address

_SERVER = HostPort("127.0.0.1", 443)


class RecordingNetwork(MemoryDatagramNetwork):
    """
    Keeps a record of each connection.  A packet is what was written at once,
    since that is how codecs' bytes reach the kernel.  Datagrams between the same two
    sockets are taken for a connection.
    """

    def __init__(self, server: HostPort) -> None:
        """
        :param server: what is sent there by datagrams, a client sends.
        """
        super().__init__()
        self._server: Address = (server.host, server.port)
        self._flows: list[Flow] = []
        self._ends: dict[MemoryTransport, tuple[Flow, Side]] = {}
        self._clients: dict[Address, Flow] = {}
        self._begun = 0  # connections since the last look

    def written(self, end: MemoryTransport, data: bytes) -> None:
        for client, server in self.connections[self._begun :]:
            self._begun += 1
            flow = Flow()
            self._flows.append(flow)
            self._ends |= {client: (flow, Side.CLIENT), server: (flow, Side.SERVER)}
        if end in self._ends:
            flow, side = self._ends[end]
            flow.add(side, data, self.clock.seconds())

    def sentDatagram(self, port: MemoryDatagramPort, datagram: bytes, to: Address) -> None:
        side = Side.CLIENT if to == self._server else Side.SERVER
        client = (port.getHost().host, port.getHost().port) if side is Side.CLIENT else to
        if client not in self._clients:
            self._clients[client] = Flow(isDatagrams=True)
            self._flows.append(self._clients[client])
        self._clients[client].add(side, datagram, self.clock.seconds())

    def take(self) -> list[Flow]:
        """
        :returns: the flows since the last call, in the order of their
            connections; without those that carried nothing.  Those that go on are
            recorded further, and the others forgotten.
        """
        flows, self._flows = [flow for flow in self._flows if flow.packets], []
        self._ends = {end: record for end, record in self._ends.items() if end.connected}
        self._clients = {place: f for place, f in self._clients.items() if place in self.ports}
        self.connections.clear()
        self._begun = 0
        return flows


@implementer(INetwork)
class _ClientNetwork:
    """
    The network as one client has it.  Methods that share connections do so for whoever
    has the same.
    """

    def __init__(self, network: RecordingNetwork) -> None:
        self.clientEndpoint = network.clientEndpoint
        self.serverEndpoint = network.serverEndpoint
        self.bindDatagrams = network.bindDatagrams


@implementer(IRefusals)
class Refusals:
    """
    Hears why the server does not talk to its client, which is not told.

    :ivar error: what was wrong last.
    """

    error: PTError | None = None

    def refused(self, connection: IRefusable, error: PTError) -> None:
        self.error = error

    def committed(self, connection: IRefusable) -> None:
        """
        All is well so far.
        """


class Scene:
    """
    One server, and clients that talk to it one after the other.
    """

    def __init__(
        self, plan: Plan, methods: Methods, directory: str, warn: Warn | None = None
    ) -> None:
        """
        :param methods: finds the plan's.
        :param directory: for the state of both sides.
        :param warn: see ``pyptwist.misspelt.watching``.
        :raises ConfigurationError: if there is no such method, or the arguments
            are wrong.
        """
        self._client, server = methods.client(plan.method), methods.server(plan.method)
        self._network = RecordingNetwork(_SERVER)
        self._state = StateDirectory(directory)
        self._conversation = Conversation(plan.turns)
        self._refusals = Refusals()
        self._clients = 0
        context = replace(self._context("server"), refusals=self._refusals)
        self._metrics = context.metrics
        with watching(plan.method, warn) as watch:
            endpoint = server.serverEndpoint(context, _SERVER, watch.own(plan.options))
        self._arguments = endpoint.clientArguments.updated(plan.arguments)
        self._published = set(endpoint.clientArguments) - set(plan.arguments)
        self._wait(endpoint.listen(self._conversation))
        self.newClient(warn)

    def newClient(self, warn: Warn | None = None) -> None:
        """
        From now on it is another client, which remembers nothing.
        """
        self._clients += 1
        context = replace(
            self._context(f"client{self._clients}"), network=_ClientNetwork(self._network)
        )
        with watching(self._client.name, warn) as watch:
            arguments = watch.mixed(self._arguments, self._published)
            self._endpoint = self._client.clientEndpoint(context, _SERVER, arguments)

    def converse(self) -> list[Flow]:
        """
        One connection.

        :returns: the network connections that it took: one, for most methods.
        :raises Exception: whatever the method failed with.
        """
        talker = self._conversation.client()
        factory: Any = Factory.forProtocol(lambda: talker)
        factory.noisy = False
        self._wait(self._endpoint.connect(factory), talker.done)
        # The last of it, and whatever the method says at the end.
        self._network.pump(1.0)
        return self._network.take()

    def _wait(self, *waiting: Deferred[Any]) -> None:
        failures: list[Failure] = []
        for one in waiting:
            one.addErrback(failures.append)
        for _ in range(int(limits.INSPECTED_CONNECTION)):
            if failures or all(one.called for one in waiting):
                break
            self._network.pump(1.0)
        else:
            raise PTError(f"it took more than {limits.INSPECTED_CONNECTION:g} s")
        if self._conversation.problem is not None:
            raise self._conversation.problem
        if failures and (noted := self._serversReason()):
            raise PTError(f"{failures[0].getErrorMessage()}; the server's reason: {noted}")
        if failures:
            failures[0].raiseException()

    def _serversReason(self) -> str:
        """
        :returns: what the server found wrong, and told nobody; empty for nothing.
        """
        causes = (cause.value for cause in self._metrics.handshakesFailed)
        return str(self._refusals.error or ", ".join(causes))

    def _context(self, name: str) -> Context:
        network, began = self._network, time.time()
        return Context(
            network.clock,
            network,
            self._state.subdirectory(name),
            Metrics(),
            wallClock=lambda: began + float(network.clock.seconds()),
        )


def record(
    plan: Plan, methods: Methods, fresh: bool = False, warn: Warn | None = None
) -> list[Flow]:
    """
    :param methods: finds the plan's.
    :param fresh: whether each connection has a client of its own, which remembers
        nothing.
    :param warn: see ``pyptwist.misspelt.watching``.
    :returns: every network connection, in order.
    :raises Exception: whatever the method failed with.
    """
    flows: list[Flow] = []
    with TemporaryDirectory(prefix="pyptwist-inspect-") as directory:
        scene = Scene(plan, methods, directory, warn)
        for number in range(plan.connections):
            if fresh and number:
                scene.newClient()
            flows += scene.converse()
    return flows
