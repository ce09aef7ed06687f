"""
The transport methods that are installed.

A method is a Twisted plugin: a module dropped into ``twisted/plugins``, with a
module-level object that provides ``IPlugin`` and a role (``IClientTransport``,
``IServerTransport``, or both).  ``TransportPlugin`` makes one that imports the
method's code only when it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.plugin import IPlugin, getPlugins
from twisted.python.reflect import namedAny
from zope.interface import directlyProvides, implementer
from zope.interface.interface import InterfaceClass

from pyptwist.errors import ConfigurationError, PTError
from pyptwist.expressions import isExpression
from pyptwist.interfaces import IClientTransport, IServerTransport, ITransportMethod
from pyptwist.ipc.quoting import isMethodName
from pyptwist.stacks import Stack

if TYPE_CHECKING:
    from pyptwist.addresses import HostPort
    from pyptwist.arguments import Arguments
    from pyptwist.interfaces import Context, IServerTransportEndpoint


#: Finds the plugins that provide an interface.
Plugins = Callable[[InterfaceClass], Iterable[Any]]


class UnknownMethod(ConfigurationError):
    """
    Nobody here has this transport method, or plays this role of it.
    """


class RegistryError(PTError):
    """
    Two plugins claim one name, or one claims a name that cannot be.
    """


class TransportPlugin:
    """
    A method's line in a plugin module::

        example = TransportPlugin("example", client="my.module.Example",
                                  server="my.module.Example")

    Discovery imports nothing else; the class named is imported and called,
    without arguments, when an endpoint is first asked for.
    """

    def __init__(self, name: str, client: str | None = None, server: str | None = None) -> None:
        """
        :param name: the PT name.
        :param client: the dotted name of the class that provides
            ``IClientTransport``; None if there is no client side.
        :param server: likewise for ``IServerTransport``.
        """
        self.name = name
        self._client = client
        self._server = server
        # The plugin's own module, for messages: a method's class may be anywhere.
        self.module = str(sys._getframe(1).f_globals.get("__name__", "?"))
        roles = [IClientTransport] * bool(client) + [IServerTransport] * bool(server)
        directlyProvides(self, IPlugin, *roles)

    @property
    def serverSpeaksFirst(self) -> bool | None:
        """
        See ``CodecServerTransport``; None if the method does not say.
        """
        speaksFirst: bool | None = getattr(
            _load(self.name, self._server), "serverSpeaksFirst", None
        )
        return speaksFirst

    @property
    def admitsAnybody(self) -> bool:
        """
        See ``CodecServerTransport``.
        """
        return bool(getattr(_load(self.name, self._server), "admitsAnybody", False))

    @property
    def needsDatagrams(self) -> bool:
        """
        See ``ITransportMethod``.
        """
        return bool(
            getattr(_load(self.name, self._server or self._client), "needsDatagrams", False)
        )

    def loadClient(self) -> None:
        """
        Import the client's code now, for who must know whether it can be.
        """
        _load(self.name, self._client)

    def loadServer(self) -> None:
        """
        The same for the server's.
        """
        _load(self.name, self._server)

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        See ``IClientTransport.clientEndpoint``.
        """
        endpoint: IStreamClientEndpoint = _load(self.name, self._client).clientEndpoint(
            context, target, arguments
        )
        return endpoint

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        See ``IServerTransport.serverEndpoint``.
        """
        endpoint: IServerTransportEndpoint = _load(self.name, self._server).serverEndpoint(
            context, bind, arguments
        )
        return endpoint


@implementer(IPlugin)
class StackPlugin(Stack):
    """
    A stack's line in a plugin module::

        example = StackPlugin("b64_obfs4", "obfs4 | b64")
    """

    def __init__(self, name: str, expression: str) -> None:
        """
        :param name: the PT name.
        :param expression: names the layers, the one nearest the application first.
        :raises ConfigurationError: if the expression is none.
        """
        super().__init__(expression, name)
        self.module = str(sys._getframe(1).f_globals.get("__name__", "?"))


class Methods:
    """
    Whatever can be named where a transport method's name is expected: what is
    installed, a stack that is written out, and a stack that was given a name.
    """

    def __init__(
        self, stacks: Mapping[str, str] | None = None, plugins: Plugins = getPlugins
    ) -> None:
        """
        :param stacks: expressions by the names that were given to them.
        :param plugins: instead of those installed; asked once for each role.
        :raises ConfigurationError: if an expression is none.
        """
        self._stacks = {name: Stack(text, name, self) for name, text in (stacks or {}).items()}
        self._plugins = cache(lambda role: tuple(plugins(role)))

    def client(self, name: str) -> Any:
        """
        :param name: of a method, or an expression.
        :returns: the ``IClientTransport``.
        :raises UnknownMethod: if there is none, or it plays the other role alone; the
            text names those that are installed, or says so.
        :raises RegistryError: if there are two.
        """
        return self._named(name, IClientTransport)

    def server(self, name: str) -> Any:
        """
        The same, for an ``IServerTransport``.
        """
        return self._named(name, IServerTransport)

    def spelt(self, name: str) -> str:
        """
        :param name: of a client's method, in any case.
        :returns: as it is written here; unchanged if there is no such, or more than one.
        """
        known = {getattr(plugin, "name", "") for plugin in self._plugins(IClientTransport)}
        known |= set(self._stacks)
        similar = [each for each in known if each.lower() == name.lower()]
        return similar[0] if len(similar) == 1 and name not in known else name

    def check(self) -> None:
        """
        Look at each stack that was given a name.

        :raises ConfigurationError: if one can be used neither by clients nor by
            servers.
        """
        for name in self._stacks:
            try:
                self.client(name).loadClient()
            except Exception as error:
                try:
                    self.server(name).loadServer()
                except Exception:
                    raise ConfigurationError(f"{name} cannot be used: {error}") from error

    def _named(self, name: str, role: InterfaceClass) -> Any:
        if isExpression(name):
            return Stack(name, methods=self)
        plugins = self._plugins(role)
        if name not in self._stacks:
            try:
                return methodNamed(name, plugins)
            except UnknownMethod:
                self._requireRole(name, role)
                raise
        for plugin in plugins:
            if getattr(plugin, "name", None) == name:
                raise RegistryError(
                    f"{_module(plugin)} defines a method {name!r}; give the stack another name"
                )
        return self._stacks[name]

    def _requireRole(self, name: str, role: InterfaceClass) -> None:
        other, only = (
            (IClientTransport, "client")
            if role is IServerTransport
            else (IServerTransport, "server")
        )
        if any(getattr(plugin, "name", None) == name for plugin in self._plugins(other)):
            raise UnknownMethod(f"the transport method {name!r} can be a {only} alone")


def _load(name: str, dotted: str | None) -> Any:
    if dotted is None:
        raise ConfigurationError(f"{name} cannot play this role")
    return _instance(dotted)


@cache
def _instance(dotted: str) -> Any:
    return namedAny(dotted)()


def clientTransports(plugins: Iterable[Any] | None = None) -> dict[str, Any]:
    """
    :param plugins: instead of those installed.
    :returns: the methods that can be a client, by name.
    :raises RegistryError: naming the modules that clash.
    """
    return _byName(getPlugins(IClientTransport) if plugins is None else plugins)


def serverTransports(plugins: Iterable[Any] | None = None) -> dict[str, Any]:
    """
    :param plugins: instead of those installed.
    :returns: the methods that can be a server, by name.
    :raises RegistryError: naming the modules that clash.
    """
    return _byName(getPlugins(IServerTransport) if plugins is None else plugins)


def clientTransport(name: str) -> Any:
    """
    :param name: of a method, or a stack's expression.
    :returns: the client side of it.
    :raises ConfigurationError: if it is not installed; the text names those that are.
    :raises RegistryError: if two plugins claim this name.
    """
    return Methods().client(name)


def serverTransport(name: str) -> Any:
    """
    :param name: of a method, or a stack's expression.
    :returns: the server side of it.
    :raises ConfigurationError: if it is not installed; the text names those that are.
    :raises RegistryError: if two plugins claim this name.
    """
    return Methods().server(name)


def methodNamed(name: str, plugins: Iterable[Any]) -> Any:
    """
    Find one method.  Plugins that quarrel about another name do not matter.

    :param plugins: all those of one role.
    :raises UnknownMethod: if none has the name; the text names those that are.
    :raises RegistryError: if two have it.
    """
    # A plugin without a name is somebody's mistake, and nobody else's trouble.
    everything = [(getattr(plugin, "name", None), plugin) for plugin in plugins]
    found = _byName(plugin for known, plugin in everything if known == name)
    if not found:
        installed = sorted({known for known, _ in everything if isinstance(known, str)})
        raise UnknownMethod(
            f"there is no transport method {name!r} for this role;"
            f" installed: {', '.join(installed) or 'none'}"
        )
    return found[name]


def _byName(plugins: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for plugin in plugins:
        name = ITransportMethod(plugin).name
        if not isMethodName(name):
            raise RegistryError(f"{_module(plugin)} gives a method an impossible name: {name!r}")
        # One plugin module may be found twice, through two entries of a path.
        other = found.setdefault(name, plugin)
        if other is not plugin:
            raise RegistryError(
                f"both {_module(other)} and {_module(plugin)} define the method {name!r};"
                " uninstall one of them"
            )
    return found


def _module(plugin: Any) -> str:
    return str(getattr(plugin, "module", type(plugin).__module__))
