"""
The server's back: each transport connection that is ready is joined with a
fresh connection to the destination.

The destination is dialled only now, when the peer has authenticated: a scanner
costs it nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.endpoints import wrapClient
from pyptwist.errors import describe
from pyptwist.extorport import ExtORPortClient, readCookie
from pyptwist.relay import RelayEnd, RelayingFactory, join

if TYPE_CHECKING:
    from pyptwist.codec import CodecFactory
    from pyptwist.interfaces import ICodec

#: Says how to reach the destination for a client at an address.
Backend = Callable[[IAddress], IStreamClientEndpoint]


def orPortBackend(network: Any, orPort: HostPort) -> Backend:
    """
    The plain ORPort (or any TCP server): it learns nothing of the client.

    :param network: the ``INetwork`` that reaches it.
    """
    endpoint = network.clientEndpoint(orPort.host, orPort.port)
    return lambda client: endpoint


def extendedORPortBackend(
    reactor: Any,
    network: Any,
    port: HostPort,
    cookieFile: str,
    transportName: str,
    entropy: Callable[[int], bytes],
) -> Backend:
    """
    tor's extended ORPort, which is told the client's address and the transport.

    :param cookieFile: read again for each connection, since tor makes a new
        cookie at each start and may start after us.
    :param transportName: what tor counts the client under.
    """
    below = network.clientEndpoint(port.host, port.port)

    def backend(client: IAddress) -> IStreamClientEndpoint:
        def codec() -> ICodec:
            return ExtORPortClient(
                readCookie(cookieFile), _hostPort(client), transportName, entropy
            )

        factory: CodecFactory = codec
        return wrapClient(
            below, reactor, factory, "ext-orport", handshakeTimeout=limits.EXTENDED_ORPORT
        )

    return backend


class ForwardFactory(RelayingFactory):
    """
    The application factory for a server transport's endpoint.
    """

    def __init__(self, backend: Backend, methodName: str) -> None:
        """
        :param backend: how to reach the destination.
        :param methodName: for the log.
        """
        super().__init__()
        self.backend = backend
        self.methodName = methodName

    def buildProtocol(self, addr: IAddress | None) -> ForwardProtocol:
        return ForwardProtocol(self)


class ForwardProtocol(RelayEnd):
    """
    The transport connection's side of the relay.
    """

    _log = Logger()

    def __init__(self, factory: ForwardFactory) -> None:
        self._forwarding = factory
        self._dialling: Deferred[Any] | None = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self._forwarding.connections.add(self)
        transport.pauseProducing()
        self._dialling = dialling = self._forwarding.dial(self._connect)
        dialling.addCallbacks(self._reached, self._unreachable)

    def _connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        transport: Any = self.transport
        return self._forwarding.backend(transport.getPeer()).connect(factory)

    def _reached(self, backend: RelayEnd) -> None:
        self._dialling = None
        join(self, backend)

    def _unreachable(self, reason: Failure) -> None:
        self._dialling = None
        if self in self._forwarding.connections:
            self._log.error(
                "{method}: a client could not be forwarded: {cause}",
                method=self._forwarding.methodName,
                cause=describe(reason),
            )
        transport: Any = self.transport
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._forwarding.connections.discard(self)
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        super().connectionLost(reason)


def _hostPort(address: Any) -> HostPort | None:
    """
    The client's address, if it came over IP.
    """
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if not isinstance(host, str) or not isinstance(port, int) or not port:
        return None
    # tor closes the connection at once when it sees a zone.
    return HostPort(host.partition("%")[0], port)
