"""
The transport methods that are installed.

A method is a Twisted plugin: a module dropped into ``twisted/plugins``, with a
module-level object that provides ``IPlugin`` and a role (``IClientTransport``,
``IServerTransport``, or both).  ``TransportPlugin`` makes one that imports the
method's code only when it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.plugin import IPlugin, getPlugins
from twisted.python.reflect import namedAny
from zope.interface import directlyProvides

from pyptwist.errors import ConfigurationError, PTError
from pyptwist.interfaces import IClientTransport, IServerTransport, ITransportMethod
from pyptwist.ipc.quoting import isMethodName

if TYPE_CHECKING:
    from pyptwist.addresses import HostPort
    from pyptwist.arguments import Arguments
    from pyptwist.interfaces import Context, IServerTransportEndpoint


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

    def loadClient(self) -> None:
        """
        Import the client's code now, for who must know whether it can be.
        """
        _load(self.name, self._client)

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
    :returns: the client side of one method.
    :raises ConfigurationError: if it is not installed; the text names those that are.
    :raises RegistryError: if two plugins claim this name.
    """
    return methodNamed(name, getPlugins(IClientTransport))


def serverTransport(name: str) -> Any:
    """
    :returns: the server side of one method.
    :raises ConfigurationError: if it is not installed; the text names those that are.
    :raises RegistryError: if two plugins claim this name.
    """
    return methodNamed(name, getPlugins(IServerTransport))


def methodNamed(name: str, plugins: Iterable[Any]) -> Any:
    """
    Find one method.  Plugins that quarrel about another name do not matter.

    :param plugins: all those of one role.
    :raises ConfigurationError: if none has the name; the text names those that are.
    :raises RegistryError: if two have it.
    """
    # A plugin without a name is somebody's mistake, and nobody else's trouble.
    everything = [(getattr(plugin, "name", None), plugin) for plugin in plugins]
    found = _byName(plugin for known, plugin in everything if known == name)
    if not found:
        installed = sorted({known for known, _ in everything if isinstance(known, str)})
        raise ConfigurationError(
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
