"""
Somebody else's pluggable transport, as endpoints.

::

    application -- SOCKS --> child == any method ==> ...      ManagedClientEndpoint
    ... == any method ==> child -- ext-ORPort --> application  ManagedServerEndpoint
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.connection import CodecConnection
from pyptwist.endpoints import CodecServerEndpoint, wrapClient
from pyptwist.errors import Cause, ConfigurationError, ManagedProcessError, UpstreamProxyError
from pyptwist.extorport import createCookie
from pyptwist.interfaces import IServerTransportEndpoint
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.dialects import BY_WORD
from pyptwist.ipc.dialling import ExtendedORPort, PlainORPort, blaming, socksFactory
from pyptwist.ipc.dialogue import Dialogue
from pyptwist.ipc.parent import Listener, ManagedTransport
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork
from pyptwist.proxies.socks5 import Socks5Refused
from pyptwist.state import StateDirectory

_LOCAL = "127.0.0.1"


@implementer(IStreamClientEndpoint)
class ManagedClientEndpoint:
    """
    Reaches one server through a child's client.

    Protocols get an ``ITransportConnection``, whose ``networkConnection`` is the
    local one to the child.
    """

    def __init__(
        self,
        reactor: Any,
        transport: ManagedTransport,
        methodName: str,
        target: HostPort | None,
        arguments: Arguments,
        metrics: Metrics | None = None,
    ) -> None:
        """
        :param transport: the child; started by the first ``connect()``, unless
            it runs.
        :param methodName: one of its methods.
        :param target: the server; None if the arguments name it.
        :param arguments: for the method.
        :raises ConfigurationError: if the arguments cannot be sent.
        """
        if methodName not in transport.assignment.methods:
            raise ConfigurationError(f"the child was not asked for {methodName}")
        for word in transport.assignment.versions:
            socksFactory("socks5", BY_WORD[word], target, arguments, transport.blame)
        self._reactor = reactor
        self._transport = transport
        self._methodName = methodName
        self._target = target
        self._arguments = arguments
        self._metrics = metrics or Metrics()

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :returns: fires once the child has reached the server.  Fails with
            ``ManagedProcessError``, whose cause is the child's if it told one.
        """
        ready = self._transport.whenReady()
        connecting: Deferred[Any] = ready.addCallback(self._dial, protocolFactory)
        return connecting.addErrback(self._translated)

    def _dial(self, dialogue: Dialogue, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        method = dialogue.client(self._methodName)
        assert dialogue.dialect is not None
        factory = socksFactory(
            method.protocol,
            dialogue.dialect,
            self._target,
            self._arguments,
            self._transport.blame,
        )
        endpoint = wrapClient(
            DirectNetwork(self._reactor).clientEndpoint(method.address.host, method.address.port),
            self._reactor,
            factory,
            self._methodName,
            self._metrics,
            limits.CHILD_SOCKS,
        )
        return endpoint.connect(protocolFactory)

    def _translated(self, reason: Failure) -> Failure:
        """
        A child is no upstream proxy, though it is asked in the same way; and one
        that died is no network.
        """
        if isinstance(reason.value, UpstreamProxyError):
            return Failure(_refusal(reason.value))
        if reason.check(ConnectionRefusedError) and (error := self._transport.blame()):
            return Failure(error)
        return reason


@implementer(IServerTransportEndpoint)
class ManagedServerEndpoint:
    """
    Listens with a child's server, which is launched for it.

    The child takes its clients to a port of ours on this machine; by the
    ext-ORPort, with a cookie that only this user can read, so that ``getPeer``
    is the client's address and nobody else can connect.

    :ivar clientArguments: what clients need; known after ``listen()``.
    """

    def __init__(
        self,
        reactor: Any,
        assignment: Assignment,
        isExtended: bool = True,
        listener: Listener | None = None,
        metrics: Metrics | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """
        :param assignment: for one server method; where it forwards its clients
            is filled in here.
        :param isExtended: False for a child that does not know the ext-ORPort:
            ``getPeer`` is an address on this machine then, and any local user
            can connect.
        :param listener: see ``ManagedTransport``.
        :raises ConfigurationError: if the assignment is for something else.
        """
        if len(assignment.methods) != 1 or not assignment.isServer:
            raise ConfigurationError("a server endpoint is of one server method")
        self.clientArguments = Arguments()
        self._reactor = reactor
        self._assignment = assignment
        self._isExtended = isExtended
        self._listener = listener
        self._metrics = metrics or Metrics()
        self._entropy = entropy

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        :returns: the port; its address is the one that clients connect to.
            Fails with ``ManagedProcessError``.
        """
        return Deferred.fromCoroutine(self._listen(protocolFactory))

    async def _listen(self, protocolFactory: IProtocolFactory) -> IListeningPort:
        transport = ManagedTransport(self._reactor, self._assignment, self._listener)
        [name] = self._assignment.methods
        back: Any = await self._back(transport, name).listen(protocolFactory)
        transport.assignment = self._forwarding(name, HostPort(_LOCAL, back.getHost().port))
        port = ManagedPort(transport, back)
        try:
            method = (await transport.whenReady()).server(name)
        except Exception:
            await port.stopListening()
            raise
        self.clientArguments = method.arguments
        port.address = method.address
        return port

    def _back(self, transport: ManagedTransport, name: str) -> CodecServerEndpoint:
        """
        :returns: the endpoint that the child forwards to.
        """
        make: Any = PlainORPort
        if self._isExtended:
            state = StateDirectory(self._assignment.state)
            cookie = createCookie(state, self._entropy, _cookieName(name))
            make = partial(ExtendedORPort, cookie, self._entropy)
        return _Announced(
            DirectNetwork(self._reactor).serverEndpoint(_LOCAL, 0),
            self._reactor,
            blaming(make, transport.blame),
            name,
            Arguments(),
            self._metrics,
            limits.EXTENDED_ORPORT,
            None,
        )

    def _forwarding(self, name: str, back: HostPort) -> Assignment:
        if not self._isExtended:
            return replace(self._assignment, target=back)
        cookieFile = StateDirectory(self._assignment.state).path(_cookieName(name))
        return replace(self._assignment, extendedORPort=back, cookieFile=cookieFile)


@implementer(IListeningPort)
class ManagedPort:
    """
    What a server of a child's listens on.

    :ivar transport: the child.
    :ivar address: where clients connect.
    """

    def __init__(self, transport: ManagedTransport, back: IListeningPort) -> None:
        """
        :param back: the port that the child forwards to.
        """
        self.transport = transport
        self.address = HostPort("0.0.0.0", 0)  # noqa: S104 - nowhere yet
        self._back = back

    def startListening(self) -> None:
        """
        Nothing: it listens since it is there.
        """

    def stopListening(self) -> Deferred[None]:
        """
        End the child.

        :returns: fires when it is gone, and both ports are closed.
        """
        stopping = self.transport.stop()
        return stopping.addCallback(lambda _: maybeDeferred(self._back.stopListening))

    def getHost(self) -> IAddress:
        return _address(self.address)


class _AnnouncedConnection(CodecConnection):
    """
    A connection that says it comes from where the child says.
    """

    def rememberAddresses(self) -> None:
        super().rememberAddresses()
        announced: HostPort | None = getattr(self._codec, "userAddress", None)
        if announced is not None:
            self._peer = _address(announced)


class _Announced(CodecServerEndpoint):
    connection = _AnnouncedConnection


def _address(address: HostPort) -> IAddress:
    kind = IPv6Address if ":" in address.host else IPv4Address
    return kind("TCP", address.host, address.port)


def _cookieName(name: str) -> str:
    # Children that share a directory have different methods.
    return f"{name}_auth_cookie"


def _refusal(reason: UpstreamProxyError) -> ManagedProcessError:
    text = str(reason)
    for subject in ("the SOCKS5 proxy ", "the SOCKS4 proxy ", "the upstream proxy "):
        text = text.removeprefix(subject)
    error = ManagedProcessError(f"the child could not connect: it {text}")
    if isinstance(reason, Socks5Refused) and reason.cause is not Cause.UPSTREAM_PROXY:
        error.cause = reason.cause
    return error
