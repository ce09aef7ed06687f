"""
A server and a client of one method, each in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.endpoints import wrapClient
from pyptwist.errors import ManagedProcessError
from pyptwist.ipc.quoting import formatServerOptions, parseSmethodArguments
from pyptwist.loopback.children import OWN, Child
from pyptwist.network import DirectNetwork
from pyptwist.proxies.socks5 import Socks5Client

#: The one address that all of it has.
LOCAL = "127.0.0.1"

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
        self._socks = HostPort(LOCAL, 0)
        self.children: list[Child] = []

    async def listen(self, factory: Factory) -> HostPort:
        """
        :returns: where the factory's protocols are reached, on this machine.
        """
        factory.noisy = False
        port: Any = await self._network.serverEndpoint(LOCAL, 0).listen(factory)
        return HostPort(LOCAL, port.getHost().port)

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
        variables = {
            "SERVER_TRANSPORTS": self._method,
            "SERVER_BINDADDR": f"{self._method}-{LOCAL}:0",
            "ORPORT": str(destination),
        }
        if options is not None and len(options):
            variables["SERVER_TRANSPORT_OPTIONS"] = formatServerOptions({self._method: options})
        _, _, address, *more = await self._start("server", variables, 3)
        listed = [word.removeprefix("ARGS:") for word in more if word.startswith("ARGS:")]
        arguments = parseSmethodArguments(listed[0]) if listed else Arguments()
        return BridgeLine(self._method, HostPort.parse(address), None, arguments)

    async def startClient(self) -> None:
        """
        :raises ManagedProcessError: with what the child said.
        """
        _, _, protocol, address, *_ = await self._start(
            "client", {"CLIENT_TRANSPORTS": self._method}, 4
        )
        if protocol != "socks5":
            raise ManagedProcessError(f"the child does not offer socks5 but {protocol}")
        self._socks = HostPort.parse(address)

    async def connect(self, bridge: BridgeLine, protocol: _P) -> _P:
        """
        :returns: the protocol, connected to the destination through both children.
        """
        credentials = bridge.socksCredentials()
        endpoint = wrapClient(
            self.endpoint(self._socks),
            self._reactor,
            lambda: Socks5Client(bridge.address, credentials, insist=credentials is not None),
            "socks5",
            handshakeTimeout=limits.CLIENT_HANDSHAKE,
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

    async def _start(self, name: str, variables: dict[str, str], least: int) -> list[str]:
        child = Child(self._reactor, self._method, self._command)
        self.children.append(child)
        words = await child.launch(os.path.join(self._directory, name), variables)
        if len(words) < least:
            raise ManagedProcessError(f"the child did not start: it has no {self._method}")
        return words
