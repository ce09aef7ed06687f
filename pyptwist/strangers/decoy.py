"""
The operator's option to show strangers another server.

``decoy=HOST:PORT`` is an option of every method whose server can tell strangers
from clients before it says anything.  No method knows of it: it is taken out of
the options here, and seen to beneath the method.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamServerEndpoint

from pyptwist import limits
from pyptwist.activation import placed
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IServerTransportEndpoint
from pyptwist.misspelt import Warn, watching
from pyptwist.proxyprotocol.listener import accepting
from pyptwist.strangers.guard import Guard, Watched
from pyptwist.wrapping import WrappingFactory, WrappingNetwork, WrappingServerEndpoint

_DECOY = "decoy"
_AFTER = "decoy-after"


def serverEndpoint(
    method: Any,
    context: Context,
    bind: HostPort,
    arguments: Arguments,
    local: Any,
    warn: Warn | None = None,
) -> IServerTransportEndpoint:
    """
    Where and how to listen, with a decoy if the operator wants one, and behind a
    load balancer if there is one: its header comes before all that the decoy sees.

    :param method: the ``IServerTransport``.
    :param arguments: the operator's options: the method's own, ``decoy`` and
        ``decoy-after``, and those of ``pyptwist.proxyprotocol.listener`` and
        ``pyptwist.activation``.
    :param local: the ``INetwork`` that reaches the decoy.
    :param warn: see ``pyptwist.misspelt.watching``.
    :raises ConfigurationError: if the options are wrong or misspelt, or the method can
        have no decoy.
    """
    with watching(method.name, warn) as watch:
        return _serverEndpoint(method, context, bind, watch.own(arguments), local)


def _serverEndpoint(
    method: Any, context: Context, bind: HostPort, arguments: Arguments, local: Any
) -> IServerTransportEndpoint:
    endpoint: IServerTransportEndpoint
    bind, arguments = placed(bind, arguments)
    context, arguments = accepting(context, arguments, method.name)
    if _DECOY in arguments:
        context = _guarded(method, context, bind, arguments, local)
    elif _AFTER in arguments:
        raise ConfigurationError(f"the option {_AFTER!r} means nothing without {_DECOY!r}")
    endpoint = method.serverEndpoint(context, bind, arguments.without(_DECOY, _AFTER))
    return endpoint


def _guarded(
    method: Any, context: Context, bind: HostPort, arguments: Arguments, local: Any
) -> Context:
    if (obstacle := _obstacle(method)) is not None:
        raise ConfigurationError(f"{method.name} cannot have a decoy: {obstacle}")
    where = _address(arguments.require(_DECOY))
    if where == bind:
        raise ConfigurationError("the decoy must be another server than this one")
    patience = arguments.integer(_AFTER, 1, limits.DECOY_AFTER_MAXIMUM, default=limits.DECOY_AFTER)
    guard = Guard(
        context.reactor, local.clientEndpoint(where.host, where.port), patience, method.name
    )
    return replace(context, network=GuardedNetwork(context.network, guard), refusals=guard)


def _obstacle(method: Any) -> str | None:
    speaksFirst = getattr(method, "serverSpeaksFirst", None)
    if speaksFirst is None:
        # It may be no stream of bytes on one network connection at all.
        return "it does not say that its server keeps silent to strangers"
    if speaksFirst:
        return "its server speaks first, and so shows strangers what it is"
    if getattr(method, "admitsAnybody", False):
        return "it lets everybody in, so that nobody would ever see it"
    return None


def _address(text: str) -> HostPort:
    try:
        where = HostPort.parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"the option {_DECOY!r}: {error}") from None
    if not where.port:
        raise ConfigurationError(f"the option {_DECOY!r}: port 0 cannot be connected to")
    return where


class GuardedNetwork(WrappingNetwork):
    """
    A network whose listeners have every connection watched by a guard.
    """

    def __init__(self, network: Any, guard: Guard) -> None:
        super().__init__(network)
        self._guard = guard

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        watched = partial(_Watching, guard=self._guard)
        return WrappingServerEndpoint(super().serverEndpoint(host, port), watched)


class _Watching(WrappingFactory):
    def __init__(self, factory: IProtocolFactory, guard: Guard) -> None:
        super().__init__(factory)
        self._guard = guard

    def stopFactory(self) -> None:
        self._guard.closeAll()
        super().stopFactory()

    def buildProtocol(self, addr: IAddress) -> Watched | None:  # type: ignore[override]
        inner = self._factory.buildProtocol(addr)
        return None if inner is None else Watched(self._guard, inner)
