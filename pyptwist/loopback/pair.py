"""
A server and a client of one method, each in a process of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.dialogue import Dialogue
from pyptwist.ipc.endpoints import ManagedClientEndpoint
from pyptwist.ipc.parent import ManagedTransport
from pyptwist.loopback.datagramtap import DatagramWiretap
from pyptwist.loopback.wiretap import Watch, Wiretap
from pyptwist.network import DirectNetwork

#: Starts our own child.
OWN: Final = (sys.executable, "-m", "pyptwist")

#: The one address that all of it has.
LOCAL = "127.0.0.1"

_TRIES: Final = 20  # ports; mostly the first is free

_P = TypeVar("_P")


class Pair:
    """
    Starts the two, and reaches the destination through both.

    :ivar children: those started so far, the server first.
    """

    def __init__(
        self, reactor: Any, method: str, directory: str, command: Sequence[str] = OWN
    ) -> None:
        """
        :param method: the transport method's name.
        :param directory: for the state of both.
        :param command: starts a child; our own unless told otherwise.
        """
        self._reactor = reactor
        self._method = method
        self._directory = directory
        self._command = command
        self._network = DirectNetwork(reactor)
        self.children: list[ManagedTransport] = []

    async def listen(self, factory: Factory) -> HostPort:
        """
        :returns: where the factory's protocols are reached, on this machine.
        """
        factory.noisy = False
        port: Any = await self._network.serverEndpoint(LOCAL, 0).listen(factory)
        return HostPort(LOCAL, port.getHost().port)

    async def tap(
        self, server: HostPort, watch: Watch, watchDatagrams: Watch | None = None
    ) -> HostPort:
        """
        Pass on to a server what comes over TCP and UDP, and look at it.

        :param watch: see ``Wiretap``.
        :param watchDatagrams: see ``DatagramWiretap``; the same, unless given.
        :returns: where to connect or send to, instead of to the server.
        """
        for _ in range(_TRIES):
            place = await self.listen(Wiretap(self.endpoint(server), watch))
            datagrams = DatagramWiretap(self._network, server, watchDatagrams or watch)
            # Somebody else may have the UDP port of that number.
            with suppress(CannotListenError):
                self._network.bindDatagrams(datagrams, place.host, place.port)
                break
        return place

    def endpoint(self, address: HostPort) -> Any:
        """
        :returns: the client endpoint that reaches an address.
        """
        return self._network.clientEndpoint(address.host, address.port)

    async def startServer(
        self, destination: HostPort, options: Arguments | None = None
    ) -> BridgeLine:
        """
        :param destination: where the server takes its clients.
        :param options: the operator's.
        :returns: where it listens, and what clients need.
        :raises ManagedProcessError: with what the child said.
        """
        dialogue = await self._start(
            Role.SERVER,
            binds={self._method: HostPort(LOCAL, 0)},
            options={self._method: options or Arguments()},
            target=destination,
        )
        method = dialogue.server(self._method)
        return BridgeLine(self._method, method.address, None, method.arguments)

    async def startClient(self) -> None:
        """
        :raises ManagedProcessError: with what the child said.
        """
        (await self._start(Role.CLIENT)).client(self._method)

    async def connect(self, bridge: BridgeLine, protocol: _P) -> _P:
        """
        :returns: the protocol, connected to the destination through both children.
        """
        endpoint = ManagedClientEndpoint(
            self._reactor, self.children[-1], self._method, bridge.address, bridge.arguments
        )
        factory: Any = Factory()
        factory.buildProtocol = lambda address: protocol
        await endpoint.connect(factory)
        return protocol

    def stop(self) -> Deferred[Any]:
        """
        :returns: fires when both processes are gone.
        """
        return gatherResults([child.stop() for child in self.children])

    async def _start(self, role: Role, **more: Any) -> Dialogue:
        state = os.path.join(self._directory, role.value)
        assignment = Assignment(tuple(self._command), role, (self._method,), state, **more)
        child = ManagedTransport(self._reactor, assignment, restart=False)
        self.children.append(child)
        return await child.whenReady()
