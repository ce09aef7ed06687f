"""
Clients and servers of transports within a program, with no environment and no
other process; any number of them.

::

    TransportClient    applications say by SOCKS5 which server they want
    TransportTunnel    a local TCP port that leads to one server
    TransportServer    a server, in front of a TCP server or of protocols

Each is a Twisted service; or is used by its ``start()`` and ``stop()``, which
tell what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import LocalProtocolError
from pyptwist.interfaces import Context
from pyptwist.metrics import Metrics
from pyptwist.misspelt import watching
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.registry import Methods
from pyptwist.remotes import Remote
from pyptwist.state import StateDirectory
from pyptwist.strangers import decoy
from pyptwist.tracking import Clientele, TrackedNetwork, settled

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

#: Only this machine's programs: whoever else reaches a client's port uses the
#: server in our user's name.
LOCAL = HostPort("127.0.0.1", 0)


class _Life(Enum):
    IDLE = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()


class TransportService(Service):
    """
    What listens, and can be stopped without a trace; the base of the others.

    :ivar metrics: its counters.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        state: str | None = None,
        proxy: UpstreamProxy | str | None = None,
        network: Any = None,
        methods: Methods | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """
        :param state: a directory for files of the method; None if there is none.
        :param proxy: the upstream proxy, such as ``socks5://127.0.0.1:9050``.
        :param network: the ``INetwork`` of this machine; its own TCP unless told
            otherwise.
        :param methods: where method names are looked up; those installed, and
            stacks that are written out, unless told otherwise.
        :param metrics: counters to share with others.
        :raises ConfigurationError: if the proxy makes no sense.
        """
        self.metrics = metrics or Metrics()
        self._reactor = reactor
        self._methods = methods or Methods()
        self._network = TrackedNetwork(network or DirectNetwork(reactor))
        directory = None if state is None else StateDirectory(state)
        outside = _behind(proxy, reactor, self._network)
        self._context = Context(reactor, outside, directory, self.metrics, methods=self._methods)
        self._life = _Life.IDLE
        self._starting: Deferred[HostPort] | None = None
        self._stopped: list[Deferred[None]] = []
        self._port: Any = None
        self._factory: Any = None

    @property
    def address(self) -> HostPort:
        """
        Where it listens.

        :raises LocalProtocolError: if it does not.
        """
        if self._port is None:
            raise LocalProtocolError("it has not been started")
        host = self._port.getHost()
        return HostPort(host.host, host.port)

    def start(self) -> Deferred[HostPort]:
        """
        Listen.

        :returns: fires with the address; fails with ``ConfigurationError`` for what
            the caller can mend, and with Twisted's ``CannotListenError``.  To
            cancel it is to stop.
        """
        if self._life is not _Life.IDLE:
            return fail(LocalProtocolError("it has been started, and not stopped"))
        super().startService()  # type: ignore[no-untyped-call]
        self._life = _Life.STARTING
        self._starting = Deferred.fromCoroutine(self._start())
        return self._starting

    def stop(self) -> Deferred[None]:
        """
        Stop listening, and close every connection: in order if that is done
        within ``limits.SHUTDOWN``.

        :returns: fires when there is no socket and no timer left.  It is ready to
            be started again then.
        """
        if self._life is _Life.STARTING and self._starting is not None:
            self._starting.cancel()
        if self._life is _Life.IDLE:
            return succeed(None)
        over: Deferred[None] = Deferred()
        self._stopped.append(over)
        if self._life is _Life.RUNNING:
            self._life = _Life.STOPPING
            Deferred.fromCoroutine(self._stop()).addErrback(
                lambda reason: self._log.failure("it could not be stopped", reason)
            )
        return over

    def startService(self) -> None:
        """
        ``start()``, for a service collection: failures go to the log.
        """
        self.start().addErrback(
            lambda reason: self._log.error(
                "{name} could not be started: {why}",
                name=type(self).__name__,
                why=reason.getErrorMessage(),
            )
        )

    def stopService(self) -> Deferred[None]:
        """
        ``stop()``, for a service collection.
        """
        return self.stop()

    async def _listen(self) -> tuple[Any, Any]:
        """
        :returns: the ``IListeningPort``; and the factory of what it accepts, which
            has ``connections`` and ``closeAll()``.
        """
        raise TypeError(f"{type(self).__name__} must define _listen")

    async def _start(self) -> HostPort:
        try:
            self._port, self._factory = await self._listen()
        except BaseException:
            self._ended()
            raise
        self._life, self._starting = _Life.RUNNING, None
        return self.address

    async def _stop(self) -> None:
        port, factory, left = self._port, self._factory, self._network.open
        try:
            await maybeDeferred(port.stopListening).addErrback(
                lambda reason: self._log.failure("the port could not be closed", reason)
            )
            factory.closeAll()
            await settled(self._reactor, limits.SHUTDOWN, lambda: not factory.connections)
            # Handshakes, strangers, and what others do not read.
            left.close()
            await settled(self._reactor, limits.SHUTDOWN / 10, lambda: not left)
            left.abort()
            await settled(self._reactor, limits.SHUTDOWN, lambda: not left)
        finally:
            self._ended()

    def _ended(self) -> None:
        super().stopService()  # type: ignore[no-untyped-call]
        self._life = _Life.IDLE
        self._port = self._factory = self._starting = None
        stopped, self._stopped = self._stopped, []
        for over in stopped:
            over.callback(None)


class TransportClient(TransportService):
    """
    A SOCKS5 port for applications, which say the server's address, and the
    method's arguments as user name and password, as tor does.
    """

    def __init__(
        self, reactor: Any, method: str, listen: HostPort = LOCAL, **surroundings: Any
    ) -> None:
        """
        :param method: its name, or a stack's expression.
        :param listen: an IP address, and a port that may be 0.
        :param surroundings: see ``TransportService``.
        :raises ConfigurationError: if there is no such method, or it has no client.
        """
        super().__init__(reactor, **surroundings)
        self._method = self._methods.client(method)
        self._where = listen

    async def _listen(self) -> tuple[Any, Any]:
        from pyptwist.modes.socks5 import Socks5Factory

        # Endpoints are made for each connection: see now whether they can be.
        loadClient = getattr(self._method, "loadClient", None)
        if loadClient is not None:
            loadClient()
        factory = Socks5Factory(self._method, self._context)
        return await _listening(self._network, self._where, factory), factory


class TransportTunnel(TransportService):
    """
    A local TCP port; each connection to it goes to one server, through the
    transport.
    """

    def __init__(
        self, reactor: Any, remote: Remote | str, listen: HostPort = LOCAL, **surroundings: Any
    ) -> None:
        """
        :param remote: the server; a text is a bridge line.
        :param listen: an IP address, and a port that may be 0.
        :param surroundings: see ``TransportService``.
        :raises ConfigurationError: if the line makes no sense, or there is no such
            method, or it has no client.
        """
        super().__init__(reactor, **surroundings)
        self._remote = Remote.of(remote)
        self._method = self._methods.client(self._remote.method)
        self._where = listen

    async def _listen(self) -> tuple[Any, Any]:
        from pyptwist.modes.transparent import TransparentFactory

        with watching(self._method.name) as watch:
            arguments = watch.handed(self._remote.arguments)
            factory = TransparentFactory(
                self._method, self._context, self._remote.target, arguments
            )
        return await _listening(self._network, self._where, factory), factory


class TransportServer(TransportService):
    """
    A transport's server.
    """

    def __init__(
        self,
        reactor: Any,
        method: str,
        bind: HostPort,
        destination: HostPort | IProtocolFactory,
        options: Mapping[str, Any] | Arguments | None = None,
        **surroundings: Any,
    ) -> None:
        """
        :param method: its name, or a stack's expression.
        :param bind: an IP address, and a port that may be 0.
        :param destination: the TCP server that clients are taken to; or a factory,
            which builds a protocol for each client that completed the handshake.
        :param options: the method's, and those of ``pyptwist.strangers.decoy``.
        :param surroundings: see ``TransportService``.
        :raises ConfigurationError: if there is no such method, or it has no server.
        """
        super().__init__(reactor, **surroundings)
        self._name = method
        self._method = self._methods.server(method)
        self._bind = bind
        self._destination = destination
        self._options = options if isinstance(options, Arguments) else Arguments(options or {})
        self._clientArguments: Arguments | None = None

    @property
    def clientArguments(self) -> Arguments:
        """
        What a client needs.

        :raises LocalProtocolError: if it was never started.
        """
        if self._clientArguments is None:
            raise LocalProtocolError("it has not been started")
        return self._clientArguments

    def remote(self, host: str | None = None) -> Remote:
        """
        :param host: under which clients reach this machine; the address that it
            listens on, unless told otherwise.
        :returns: the server, as clients in a program name it.
        :raises ConfigurationError: if it listens on all addresses, and no host is
            given.
        """
        return Remote.at(self.address, host, self._name, self.clientArguments)

    def bridgeLine(self, host: str | None = None) -> BridgeLine:
        """
        :param host: the same, but an IP address.
        :returns: the server, as torrc and people name it.
        :raises ConfigurationError: as ``remote`` does.
        """
        return self.remote(host).bridgeLine()

    async def _listen(self) -> tuple[Any, Any]:
        from pyptwist.modes.forward import ForwardFactory, orPortBackend

        if isinstance(self._destination, HostPort):
            backend = orPortBackend(self._network, self._destination)
            factory: Any = ForwardFactory(backend, self._method.name)
        else:
            factory = Clientele(self._destination)
        endpoint = decoy.serverEndpoint(
            self._method, self._context, self._bind, self._options, self._network
        )
        port = await endpoint.listen(factory)
        self._clientArguments = endpoint.clientArguments
        return port, factory


def _behind(proxy: UpstreamProxy | str | None, reactor: Any, network: Any) -> Any:
    if proxy is None:
        return network
    from pyptwist.proxies.upstream import UpstreamProxy

    parsed = UpstreamProxy.parse(proxy) if isinstance(proxy, str) else proxy
    return ProxiedNetwork(reactor, network, parsed)


def _listening(network: Any, where: HostPort, factory: Factory) -> Deferred[Any]:
    listening: Deferred[Any] = network.serverEndpoint(where.host, where.port).listen(factory)
    return listening
