"""
One method at a time, from its name to a listener: what differs between the
client's side and the server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zope.interface.interface import InterfaceClass

from pyptwist import bridgefile
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.ipc import lines
from pyptwist.network import DirectNetwork, ProxiedNetwork
from pyptwist.registry import methodNamed

if TYPE_CHECKING:
    from pyptwist.ipc.configuration import Configuration
    from pyptwist.modes.forward import Backend

#: Finds the plugins that provide an interface.
Plugins = Callable[[InterfaceClass], Iterable[Any]]

# Only this machine's programs may use our SOCKS port: whoever else reaches it
# uses the bridge in our user's name.
_LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Launched:
    """
    A method that listens.

    :ivar port: the ``twisted.internet.interfaces.IListeningPort``.
    :ivar factory: the mode's, with ``connections`` and ``closeAll()``.
    :ivar arguments: what clients need, on the server's side.
    """

    name: str
    port: Any
    factory: Any
    arguments: Arguments

    @property
    def address(self) -> HostPort:
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
    Each method behind a SOCKS port of its own, on this machine.
    """

    doneLine = lines.CLIENT_METHODS_DONE

    def __init__(self, context: Context, local: Any, plugins: Plugins) -> None:
        """
        :param context: for the methods.
        :param local: the ``INetwork`` that listens.
        """
        self._context = context
        self._local = local
        self._methods = tuple(plugins(IClientTransport))

    async def launch(self, name: str) -> Launched:
        from pyptwist.modes.socks5 import Socks5Factory

        method = methodNamed(name, self._methods)
        # Endpoints are made for each connection: see now whether they can be.
        loadClient = getattr(method, "loadClient", None)
        if loadClient is not None:
            loadClient()
        factory = Socks5Factory(method, self._context)
        port = await self._local.serverEndpoint(_LOCAL, 0).listen(factory)
        return Launched(name, port, factory, Arguments())

    def line(self, launched: Launched) -> str:
        return lines.clientMethodLine(launched.name, launched.address)

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
        self, context: Context, local: Any, plugins: Plugins, configuration: Configuration
    ) -> None:
        """
        :param local: the ``INetwork`` that reaches
            tor's port.
        """
        self._context = context
        self._local = local
        self._configuration = configuration
        self._methods = tuple(plugins(IServerTransport))

    async def launch(self, name: str) -> Launched:
        from pyptwist.modes.forward import ForwardFactory

        method = methodNamed(name, self._methods)
        options = self._configuration.options.get(name, Arguments())
        endpoint = method.serverEndpoint(self._context, self._configuration.binds[name], options)
        factory = ForwardFactory(self._backend(name), name)
        port = await endpoint.listen(factory)
        return Launched(name, port, factory, endpoint.clientArguments)

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
        from pyptwist.modes.forward import extendedORPortBackend, orPortBackend

        wanted = self._configuration
        if wanted.extendedORPort is not None and wanted.authCookieFile is not None:
            return extendedORPortBackend(
                self._context.reactor,
                self._local,
                wanted.extendedORPort,
                wanted.authCookieFile,
                name,
                self._context.entropy,
            )
        if wanted.orPort is None:
            raise ConfigurationError("there is neither an ORPort nor an extended ORPort")
        return orPortBackend(self._local, wanted.orPort)


def outside(reactor: Any, configuration: Configuration) -> Any:
    """
    :returns: the ``INetwork`` that the parent wants
        its methods to use.
    """
    direct = DirectNetwork(reactor, configuration.outboundV4, configuration.outboundV6)
    if configuration.upstreamProxy is None:
        return direct
    return ProxiedNetwork(reactor, direct, configuration.upstreamProxy)
