"""
One method at a time, from its name to a listener: what differs between the
client's side and the server's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from pyptwist import bridgefile, limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ipc import lines
from pyptwist.ipc.configuration import Mode
from pyptwist.ipc.dialects import PT1
from pyptwist.ipc.options import located
from pyptwist.misspelt import watching
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.registry import Methods
from pyptwist.strangers import decoy

if TYPE_CHECKING:
    from pyptwist.ipc.configuration import Configuration
    from pyptwist.modes.balancing import Pool
    from pyptwist.modes.forward import Backend
    from pyptwist.relay import RelayingFactory

_log = Logger()


def requirePassage(name: str, method: Any, wanted: Configuration) -> None:
    """
    :param method: a client's.
    :raises ConfigurationError: if nothing of it can pass the upstream proxy.
    """
    if wanted.upstreamProxy is not None and getattr(method, "needsDatagrams", False):
        raise ConfigurationError(
            f"{name} needs UDP, which cannot pass the upstream proxy: leave the proxy out,"
            " or take another method"
        )


@dataclass(frozen=True)
class Launched:
    """
    A method that listens.

    :ivar port: the ``twisted.internet.interfaces.IListeningPort``.
    :ivar factory: the mode's, with ``connections`` and ``closeAll()``.
    :ivar arguments: what clients need, on the server's side.
    :ivar clientAddress: the one that bridge lines are to have; None if it is where
        it listens.
    """

    name: str
    port: Any
    factory: Any
    arguments: Arguments
    clientAddress: HostPort | None = None

    @property
    def address(self) -> HostPort:
        """
        To be announced.
        """
        if self.clientAddress is not None:
            return self.clientAddress
        return self.listening

    @property
    def listening(self) -> HostPort:
        """
        Where it listens.
        """
        host = self.port.getHost()
        return HostPort(host.host, host.port)


class Side(Protocol):
    """
    A role: how its methods are launched, and announced.
    """

    doneLine: str

    def find(self, name: str) -> object:
        """
        :returns: the method.
        :raises pyptwist.registry.UnknownMethod: if there is none.
        """

    async def launch(self, name: str) -> Launched:
        """
        :raises Exception: any; its text is for the operator.
        """

    def line(self, launched: Launched) -> str:
        """
        :returns: what announces the method to the parent.
        """

    def errorLine(self, name: str, message: str) -> str:
        """
        :returns: what tells the parent that the method cannot run.
        """

    def settle(self, launched: Sequence[Launched]) -> str | None:
        """
        All methods are launched, or will not be.

        :returns: what the operator should be told now.
        """


class ClientSide:
    """
    Each method behind a port of its own, on this machine unless somebody wants it
    elsewhere.
    """

    doneLine = lines.CLIENT_METHODS_DONE

    _log = Logger()

    def __init__(
        self, context: Context, local: Any, methods: Methods, configuration: Configuration
    ) -> None:
        """
        :param context: for the methods.
        :param local: the ``INetwork`` that listens.
        """
        self._context = context
        self._local = local
        self._methods = methods
        self._configuration = configuration
        self._holder: str | None = None

    def find(self, name: str) -> Any:
        return self._methods.client(name)

    async def launch(self, name: str) -> Launched:
        method = self.find(name)
        # Endpoints are made for each connection: see now whether they can be.
        loadClient = getattr(method, "loadClient", None)
        if loadClient is not None:
            loadClient()
        requirePassage(name, method, self._configuration)
        with self._holding(name):
            launched = await self._listen(name, method)
        if not launched.address.isLoopback:
            self._log.warn(
                "{name}: other machines can reach this port as well, and use the server "
                "without being asked for anything",
                name=name,
            )
        return launched

    @contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        """
        A port that was given is for one method: the first that can have it.
        """
        if self._configuration.listen.port == 0:
            yield
            return
        if self._holder is not None:
            raise ConfigurationError(f"the port to listen on is taken by {self._holder}")
        self._holder = name
        try:
            yield
        except BaseException:
            self._holder = None
            raise

    async def _listen(self, name: str, method: Any) -> Launched:
        wanted = self._configuration
        if wanted.mode.isDatagrams:
            flows = self._flows(name, method)
            return Launched(name, await flows.listen(), flows, Arguments())
        factory = self._factory(name, method)
        listening = self._local.serverEndpoint(wanted.listen.host, wanted.listen.port)
        return Launched(name, await listening.listen(factory), factory, Arguments())

    def line(self, launched: Launched) -> str:
        mode = self._configuration.mode.value
        return lines.clientMethodLine(launched.name, launched.address, mode)

    def _factory(self, name: str, method: Any) -> RelayingFactory:
        wanted = self._configuration
        options = wanted.clientOptions.get(name, Arguments())
        if wanted.mode is Mode.TRANSPARENT_TCP:
            from pyptwist.modes.transparent import TransparentFactory

            with watching(name) as watch:
                target, arguments = located(watch.mixed(options, wanted.handed), wanted.target)
                return TransparentFactory(method, self._context, target, arguments)
        from pyptwist.modes.socks5 import Socks5Factory
        from pyptwist.proxies.socks5server import ALL_METHODS

        located(options, wanted.target)  # what is wrong with it is better told now
        if wanted.dialect is PT1 and not options:
            return Socks5Factory(method, self._context)
        return Socks5Factory(method, self._context, ALL_METHODS, options, wanted.handed)

    def _flows(self, name: str, method: Any) -> Any:
        from pyptwist.modes.udp import ClientFlows

        wanted = self._configuration
        options = wanted.clientOptions.get(name, Arguments())
        with watching(name) as watch:
            target, arguments = located(watch.mixed(options, wanted.handed), wanted.target)
            return ClientFlows(
                method,
                self._context,
                self._local,
                wanted.listen,
                target,
                arguments,
                framingOf(wanted.mode),
                wanted.flows.queue,
                wanted.flows.idle or limits.FLOW_IDLE,
                wanted.flows.maximum,
            )

    def errorLine(self, name: str, message: str) -> str:
        return lines.clientMethodErrorLine(name, message)

    def settle(self, launched: Sequence[Launched]) -> str | None:
        return None


class ServerSide:
    """
    Each method where the parent wants it, in front of tor's port.
    """

    doneLine = lines.SERVER_METHODS_DONE

    def __init__(
        self, context: Context, local: Any, methods: Methods, configuration: Configuration
    ) -> None:
        """
        :param local: the ``INetwork`` that reaches
            tor's port and decoys.
        """
        self._context = context
        self._local = local
        self._configuration = configuration
        self._methods = methods
        self._pool: Pool | None = None

    def find(self, name: str) -> Any:
        return self._methods.server(name)

    async def launch(self, name: str) -> Launched:
        method = self.find(name)
        options = self._configuration.options.get(name, Arguments())
        endpoint = decoy.serverEndpoint(
            method, self._context, self._configuration.binds[name], options, self._local
        )
        factory = self._factory(name)
        port = await endpoint.listen(factory)
        address = getattr(endpoint, "clientAddress", None)
        return Launched(name, port, factory, endpoint.clientArguments, address)

    def _factory(self, name: str) -> Any:
        wanted = self._configuration
        if wanted.mode.isDatagrams:
            from pyptwist.modes.udp import ServerFlowsFactory

            return ServerFlowsFactory(
                self._context,
                self._local,
                self._destination(),
                framingOf(wanted.mode),
                name,
                wanted.flows.idle or limits.SERVER_FLOW_IDLE,
            )
        from pyptwist.modes.forward import ForwardFactory

        return ForwardFactory(self._backend(name), name)

    def line(self, launched: Launched) -> str:
        return lines.serverMethodLine(launched.name, launched.address, launched.arguments)

    def errorLine(self, name: str, message: str) -> str:
        return lines.serverMethodErrorLine(name, message)

    def settle(self, launched: Sequence[Launched]) -> str | None:
        state = self._context.stateDirectory
        if not launched or state is None:
            return None
        fingerprint = bridgefile.torsFingerprint(self._configuration.stateLocation)
        entries = [
            bridgefile.Entry.listening(method.name, method.address, fingerprint, method.arguments)
            for method in launched
        ]
        state.write(bridgefile.FILE, bridgefile.compose(entries))
        return f"What clients need is in {state.path(bridgefile.FILE)}"

    def _backend(self, name: str) -> Backend:
        from pyptwist.modes.balancing import Pool
        from pyptwist.modes.forward import extendedORPortBackend, orPortBackend

        wanted, context = self._configuration, self._context
        backends = [
            extendedORPortBackend(
                context.reactor, self._local, one.address, one.cookieFile, name, context.entropy
            )
            for one in wanted.extendedORPorts
        ] or [
            orPortBackend(self._local, one) for one in (self._destination(), *wanted.otherTargets)
        ]
        if self._pool is None:
            self._pool = Pool(context.reactor, len(backends))
        return self._pool.backend(backends)

    def _destination(self) -> HostPort:
        destination = self._configuration.target or self._configuration.orPort
        if destination is None:
            raise ConfigurationError("there is neither an ORPort nor an extended ORPort")
        return destination


async def closeAll(reactor: Any, launched: Sequence[Launched]) -> None:
    """
    Stop listening and close every connection; returns when all are closed, or
    ``limits.SHUTDOWN`` is over.
    """
    for method in launched:
        try:
            await maybeDeferred(method.port.stopListening)
        except Exception:
            _log.failure("{name}: the port could not be closed", name=method.name)
    for method in launched:
        method.factory.closeAll()
    deadline = reactor.seconds() + limits.SHUTDOWN
    while reactor.seconds() < deadline and any(method.factory.connections for method in launched):
        await deferLater(reactor, limits.SHUTDOWN / 50)


def framingOf(mode: Mode) -> Any:
    """
    :param mode: one with datagrams.
    :returns: how they are written into a stream.
    """
    from pyptwist.modes import framing

    return framing.STUN if mode is Mode.STUN else framing.LENGTH


def outside(reactor: Any, configuration: Configuration) -> Any:
    """
    :returns: the ``INetwork`` that the parent wants
        its methods to use.
    """
    direct = DirectNetwork(reactor, configuration.outboundV4, configuration.outboundV6)
    if configuration.upstreamProxy is None:
        return direct
    return ProxiedNetwork(reactor, direct, configuration.upstreamProxy)
