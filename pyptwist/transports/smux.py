"""
smux, the method: many transport connections on one connection of the layer below.

``pyptwist.multiplex`` has all of it; here are the arguments, and who shares with whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.multiplex.events import VERSION, SmuxSettings
from pyptwist.multiplex.pool import PoolSettings, SessionPool
from pyptwist.multiplex.sides import ServerSession
from pyptwist.wrapping import WrappingFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pyptwist.addresses import HostPort


@implementer(IClientTransport, IServerTransport)
class Smux:
    """
    The method ``smux``, both sides.

    Connections of one client share sessions if they go to the same target with the
    same arguments over the same network, where a layer of a stack is the same if all
    below it is.  Whoever differs in anything has sessions of his own.
    """

    name = "smux"
    serverSpeaksFirst = False
    #: There is no secret: turning strangers away is for a layer below.
    admitsAnybody = True

    def __init__(self) -> None:
        self._pools: dict[Hashable, SessionPool] = {}

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        See ``IClientTransport.clientEndpoint``.

        :param arguments: ``version``, ``window``, ``buffer``, ``keepalive``,
            ``timeout``, ``streams``, ``sessions`` and ``idle``.
        """
        if target is None:
            raise ConfigurationError(f"{self.name} needs the address of a server")
        settings = PoolSettings(
            session=_sessionSettings(arguments, limits.SMUX_CLIENT_STREAMS),
            sessions=arguments.integer(
                "sessions", 1, limits.SMUX_SESSIONS_MAXIMUM, limits.SMUX_SESSIONS
            ),
            idle=arguments.integer("idle", 0, limits.SMUX_KEEPALIVE_MAXIMUM, limits.SMUX_IDLE),
        )
        below = context.network.clientEndpoint(target.host, target.port)
        key = (context.reactor, context.network, target, arguments.identity())

        def pool() -> SessionPool:
            return self._pools.get(key) or make()

        def make() -> SessionPool:
            def emptied() -> None:
                if self._pools.get(key) is made:
                    del self._pools[key]

            made = SessionPool(context.reactor, below, settings, emptied)
            if len(self._pools) < limits.SMUX_POOLS:
                self._pools[key] = made
            return made

        return _ClientEndpoint(pool, context.alias or self.name, context.metrics)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        See ``IServerTransport.serverEndpoint``.

        :param arguments: ``version``, ``window``, ``buffer``, ``keepalive``,
            ``timeout`` and ``streams``.
        """
        return _ServerEndpoint(
            context.network.serverEndpoint(bind.host, bind.port),
            context,
            context.alias or self.name,
            _sessionSettings(arguments, limits.SMUX_STREAMS),
        )


def _sessionSettings(arguments: Arguments, streams: int) -> SmuxSettings:
    """
    :param streams: the most, unless the arguments say less.
    """

    def bytesOf(key: str, default: int) -> int:
        return arguments.integer(key, limits.SMUX_FRAME, limits.SMUX_BUFFER_MAXIMUM, default)

    def secondsOf(key: str, default: int) -> int:
        return arguments.integer(key, 0, limits.SMUX_KEEPALIVE_MAXIMUM, default)

    settings = SmuxSettings(
        version=arguments.integer("version", 1, 2, VERSION),
        window=bytesOf("window", limits.SMUX_WINDOW),
        buffer=bytesOf("buffer", limits.SMUX_BUFFER),
        streams=arguments.integer("streams", 1, streams, streams),
        keepalive=secondsOf("keepalive", limits.SMUX_KEEPALIVE),
        timeout=secondsOf("timeout", limits.SMUX_TIMEOUT),
    )
    if settings.window > settings.buffer:
        raise ConfigurationError(
            "the argument 'window' is greater than 'buffer', in which windows of all streams"
            " have their place: choose a greater buffer"
        )
    if settings.timeout and settings.timeout < settings.keepalive:
        raise ConfigurationError(
            "the argument 'timeout' is less than 'keepalive', so that a peer who has nothing to"
            " say would seem to be gone: choose a greater timeout"
        )
    return settings


@implementer(IStreamClientEndpoint)
class _ClientEndpoint:
    def __init__(self, pool: Callable[[], SessionPool], methodName: str, metrics: Any) -> None:
        """
        :param pool: gives the present one.
        """
        self._pool = pool
        self._methodName = methodName
        self._metrics = metrics

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._pool().connect(protocolFactory, self._methodName, self._metrics)


@implementer(IServerTransportEndpoint)
class _ServerEndpoint:
    def __init__(
        self,
        below: IStreamServerEndpoint,
        context: Context,
        methodName: str,
        settings: SmuxSettings,
    ) -> None:
        isUsual = settings.version == VERSION
        self.clientArguments = Arguments() if isUsual else Arguments(version=settings.version)
        self._below = below
        self._context = context
        self._methodName = methodName
        self._settings = settings

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        def make(build: Callable[[IAddress], IProtocol | None]) -> ServerSession:
            return ServerSession(
                self._context.reactor,
                self._settings,
                build,
                self._methodName,
                self._context.metrics,
            )

        listening: Deferred[IListeningPort] = self._below.listen(_Accepting(protocolFactory, make))
        return listening


class _Accepting(WrappingFactory):
    """
    Makes a session for each connection accepted.
    """

    def __init__(
        self,
        application: IProtocolFactory,
        make: Callable[[Callable[[IAddress], IProtocol | None]], ServerSession],
    ) -> None:
        super().__init__(application)
        self._make = make
        self._isListening = True

    def buildProtocol(self, addr: IAddress | None) -> ServerSession:  # type: ignore[override]
        return self._make(self._build)

    def stopFactory(self) -> None:
        self._isListening = False
        super().stopFactory()

    def _build(self, peer: IAddress) -> IProtocol | None:
        """
        An application for a new stream.  A port that is closed takes nobody any more,
        over an old session neither.
        """
        return self._factory.buildProtocol(peer) if self._isListening else None
