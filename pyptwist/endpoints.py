"""
Codecs as endpoints, and the base classes for those who write one-to-one methods.

``wrapClient`` and ``wrapServer`` put a codec over any stream endpoint; so
codecs stack, and the same adapter serves obfs4, SOCKS and the ext-ORPort.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.attempts import Attempt, ignored
from pyptwist.codec import CodecBase, CodecFactory
from pyptwist.connection import CodecConnection
from pyptwist.errors import Cause, ConfigurationError, PTError, causeOfFailure
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    IRefusals,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.metrics import Metrics
from pyptwist.wrapping import WrappingFactory

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_log = Logger()


def wrapClient(
    endpoint: IStreamClientEndpoint,
    reactor: IReactorTime,
    codecFactory: CodecFactory,
    methodName: str,
    metrics: Metrics | None = None,
    handshakeTimeout: float = limits.CLIENT_HANDSHAKE,
) -> IStreamClientEndpoint:
    """
    Put a codec over a client endpoint.

    :param endpoint: makes the connection below.
    :param codecFactory: called once for each ``connect()``, before anything is
        dialled; what it raises fails the Deferred.
    :param methodName: what connections will say their method is.
    :param handshakeTimeout: seconds from the connection below to Ready.
    :returns: an endpoint whose ``connect()`` fires at Ready, and fails with a
        ``ConnectError`` kind, ``NoProtocol`` or a cancellation only.
    """
    return CodecClientEndpoint(
        endpoint, reactor, codecFactory, methodName, metrics or Metrics(), handshakeTimeout
    )


def wrapServer(
    endpoint: IStreamServerEndpoint,
    reactor: IReactorTime,
    codecFactory: CodecFactory,
    methodName: str,
    clientArguments: Arguments | None = None,
    metrics: Metrics | None = None,
    handshakeTimeout: float = limits.SERVER_HANDSHAKE,
    refusals: IRefusals | None = None,
) -> IServerTransportEndpoint:
    """
    Put a codec over a server endpoint.

    :param codecFactory: called once for each connection accepted.
    :param clientArguments: what a client needs to connect.
    :param handshakeTimeout: seconds from accept to Ready.  It must be longer
        than any drain of the codec's own: a fixed deadline tells a prober what
        a codec's random one would hide.
    :param refusals: told of strangers, while they can still be handed on.
    :returns: an endpoint that builds application protocols at Ready only.
    """
    return CodecServerEndpoint(
        endpoint,
        reactor,
        codecFactory,
        methodName,
        clientArguments or Arguments(),
        metrics or Metrics(),
        handshakeTimeout,
        refusals,
    )


class _OneConnection(WrappingFactory):
    """
    Gives the one connection that a client endpoint made ready beforehand.
    """

    def __init__(self, application: IProtocolFactory, connection: CodecConnection, timeout: float):
        super().__init__(application)
        self._connection: CodecConnection | None = connection
        self._timeout = timeout

    def buildProtocol(self, addr: IAddress | None) -> CodecConnection | None:  # type: ignore[override]
        # Twisted's connector keeps its factory, in a cycle; not the connection with it.
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.setDeadline(self._timeout)
        return connection


class _Accepting(WrappingFactory):
    """
    Makes a codec connection for each connection accepted.
    """

    def __init__(self, application: IProtocolFactory, make: Callable[[], CodecConnection]):
        super().__init__(application)
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> CodecConnection:  # type: ignore[override]
        return self._make()


def logUnbuilt(reason: Failure) -> None:
    """
    Nobody waits for a connection that was accepted.  Strangers' failures are no
    news; but what the application's factory raised is, as below any other server.
    """
    if causeOfFailure(reason) is Cause.INTERNAL and not reason.check(PTError, NoProtocol):
        _log.failure("No application for a connection that was accepted", reason)


@implementer(IStreamClientEndpoint)
class CodecClientEndpoint:
    """
    See ``wrapClient``.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: IReactorTime,
        codecFactory: CodecFactory,
        methodName: str,
        metrics: Metrics,
        handshakeTimeout: float,
    ) -> None:
        self._endpoint = endpoint
        self._reactor = reactor
        self._codecFactory = codecFactory
        self._methodName = methodName
        self._metrics = metrics
        self._timeout = handshakeTimeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        try:
            codec = self._codecFactory()
        except Exception:
            return fail(Failure())
        attempt = Attempt()
        connection = CodecConnection(
            self._reactor,
            codec,
            self._methodName,
            self._metrics,
            protocolFactory.buildProtocol,
            attempt.ready,
            attempt.failed,
        )

        def unconnected(reason: Failure) -> Failure:
            if isinstance(codec, CodecBase):
                codec.unused()
            return reason

        below = self._endpoint.connect(_OneConnection(protocolFactory, connection, self._timeout))
        return attempt.on(below.addErrback(unconnected), connection)


@implementer(IServerTransportEndpoint)
class CodecServerEndpoint:
    """
    See ``wrapServer``.

    :cvar connection: what to make for each connection accepted.
    """

    connection: type[CodecConnection] = CodecConnection

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        reactor: IReactorTime,
        codecFactory: CodecFactory,
        methodName: str,
        clientArguments: Arguments,
        metrics: Metrics,
        handshakeTimeout: float,
        refusals: IRefusals | None,
    ) -> None:
        self.clientArguments = clientArguments
        self._refusals = refusals
        self._endpoint = endpoint
        self._reactor = reactor
        self._codecFactory = codecFactory
        self._methodName = methodName
        self._metrics = metrics
        self._timeout = handshakeTimeout

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        def make() -> CodecConnection:
            connection = self.connection(
                self._reactor,
                self._codecFactory(),
                self._methodName,
                self._metrics,
                protocolFactory.buildProtocol,
                ignored,
                logUnbuilt,
                self._refusals,
            )
            connection.setDeadline(self._timeout)
            return connection

        listening: Deferred[IListeningPort] = self._endpoint.listen(
            _Accepting(protocolFactory, make)
        )
        return listening


@implementer(IClientTransport)
class CodecClientTransport:
    """
    The client side of a one-to-one method: write ``name`` and ``clientCodec``.

    :cvar clientHandshakeTimeout: seconds from the TCP connection to Ready.
    """

    name: str
    clientHandshakeTimeout: float = limits.CLIENT_HANDSHAKE

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        """
        Check the arguments, all of them, and say how to make a codec.

        :returns: called once a connection, before it is dialled: the place to
            make keys.
        :raises ConfigurationError: naming the argument and the fix.
        """
        raise TypeError(f"{type(self).__name__} must define clientCodec")

    def clientCodecFor(
        self, context: Context, target: HostPort, arguments: Arguments
    ) -> CodecFactory:
        """
        The same, for one server: what a method overrides as well that remembers
        something of its servers.
        """
        return self.clientCodec(context, arguments)

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        if target is None:
            raise ConfigurationError(f"{self.name} needs the address of a server")
        return wrapClient(
            context.network.clientEndpoint(target.host, target.port),
            context.reactor,
            self.clientCodecFor(context, target, arguments),
            context.alias or self.name,
            context.metrics,
            self.clientHandshakeTimeout,
        )


@implementer(IServerTransport)
class CodecServerTransport:
    """
    The server side of a one-to-one method: write ``name`` and ``serverCodec``.

    :cvar serverHandshakeTimeout: seconds from accept to Ready; longer than any
        drain of the codec's own.
    :cvar serverSpeaksFirst: does the server send anything before it knows that
        its peer is a client of its own?  Such a server cannot have a decoy.
    :cvar admitsAnybody: is there no peer that the server turns away?  Then there
        is nothing for a decoy to do.
    """

    name: str
    serverHandshakeTimeout: float = limits.SERVER_HANDSHAKE
    serverSpeaksFirst: bool = False
    admitsAnybody: bool = False

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        Check the operator's options, all of them, and say how to make a codec.

        :returns: what makes a codec for each connection, and what a client
            needs to know (SMETHOD ARGS).
        :raises ConfigurationError: naming the option and the fix.
        """
        raise TypeError(f"{type(self).__name__} must define serverCodec")

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        return self.serving(context, bind, *self.serverCodec(context, arguments))

    def serving(
        self,
        context: Context,
        bind: HostPort,
        codecFactory: CodecFactory,
        clientArguments: Arguments,
    ) -> IServerTransportEndpoint:
        """
        The endpoint of a server whose codecs are made: for a method with a
        ``serverEndpoint`` of its own.
        """
        return wrapServer(
            context.network.serverEndpoint(bind.host, bind.port),
            context.reactor,
            codecFactory,
            context.alias or self.name,
            clientArguments,
            context.metrics,
            self.serverHandshakeTimeout,
            context.refusals,
        )
