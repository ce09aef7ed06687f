"""
The operator's option to stand behind a load balancer.

``proxy-protocol=1`` is an option of every server: each connection must begin with
a PROXY header, and its peer is who that names.  No method knows of it: it is taken
out of the options here, and seen to beneath the method.

A connection without a header, or from somebody who is not to send one, did not
come by the balancer.  Nobody who comes that way may be let in, since whoever can
send a header can say that he is anybody; and none is answered, for that would show
what listens here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.arguments import Arguments
from pyptwist.attempts import ignored
from pyptwist.codec import CodecBase
from pyptwist.connection import CodecConnection
from pyptwist.errors import AuthenticationFailed, ConfigurationError, HandshakeTimeout, PTError
from pyptwist.interfaces import Context
from pyptwist.producers import setReadSize
from pyptwist.proxyprotocol.header import announced, headerLength
from pyptwist.ranges import LOOPBACK, AddressRanges
from pyptwist.strangers.silence import drainSeconds
from pyptwist.wrapping import WrappingFactory, WrappingNetwork, WrappingServerEndpoint

_ACCEPT = "proxy-protocol"
_FROM = "proxy-protocol-from"


def accepting(context: Context, arguments: Arguments, name: str) -> tuple[Context, Arguments]:
    """
    :param arguments: the operator's options: the method's own, and
        ``proxy-protocol`` and ``proxy-protocol-from``.
    :param name: the method's, for the log.
    :returns: what the method is to get.
    :raises ConfigurationError: if the options are wrong.
    """
    rest = arguments.without(_ACCEPT, _FROM)
    if not arguments.flag(_ACCEPT):
        if _FROM in arguments:
            raise ConfigurationError(f"the option {_FROM!r} means nothing without {_ACCEPT!r}")
        return context, rest
    door = Door(context, AddressRanges(_FROM, arguments.get(_FROM, LOOPBACK) or ""), name)
    return replace(context, network=AnnouncedNetwork(context.network, door)), rest


class Door:
    """
    One server's.  It knows who may announce others.
    """

    _log = Logger()

    def __init__(self, context: Context, balancers: AddressRanges, name: str) -> None:
        """
        :param balancers: where they are.
        :param name: the method's.
        """
        self.reactor = context.reactor
        self._metrics = context.metrics
        self._balancers = balancers
        self._name = name
        self._drain = drainSeconds(context.entropy)
        self._hasWarned = False

    def admits(self, peer: Any) -> bool:
        """
        May this peer announce others?
        """
        return getattr(peer, "host", "") in self._balancers

    def refuse(self, transport: Any, error: PTError, begun: float) -> None:
        """
        A connection did not come as it should: it is read and forgotten, and ends
        when that of a stranger does.

        :param begun: when it was accepted.
        """
        if not self._hasWarned:
            # Once, or a scan would fill the log.
            self._hasWarned = True
            self._log.warn(
                "{name}: a connection did not come by the load balancer ({why}); such"
                " connections get no answer",
                name=self._name,
                why=error,
            )
        connection = CodecConnection(
            self.reactor,
            _Refused(self._drain, error, begun),
            self._name,
            self._metrics,
            lambda peer: None,
            ignored,
            ignored,
        )
        transport.protocol = connection
        connection.makeConnection(transport)


class _Refused(CodecBase):
    """
    Nothing that its peer says can help it.
    """

    def __init__(self, drain: float, error: PTError, begun: float) -> None:
        super().__init__()
        self._end = begun + drain
        self._error = error

    def begin(self) -> None:
        # Not from now on: all are to have one end, however soon they are found out.
        self.drainUntil(self._end, self._error)


@implementer(IProtocol)
class Arriving:
    """
    The protocol of a connection until its header is there.

    The method's takes its place on the transport then, which asks for its protocol
    anew at each event: payload does not pass through here.
    """

    def __init__(self, door: Door, factory: IProtocolFactory) -> None:
        """
        :param factory: builds the method's protocol.
        """
        self._door = door
        self._factory = factory
        self._said = bytearray()
        self._alarm = Alarm(door.reactor)
        self._begun = door.reactor.seconds()
        self._transport: Any = None

    def makeConnection(self, transport: ITransport) -> None:
        self._transport = transport
        self._readSize = getattr(transport, "bufferSize", limits.TCP_READ)
        setReadSize(transport, limits.HANDSHAKE_READ)
        if self._door.admits(transport.getPeer()):
            self._alarm.set(self._begun + limits.PROXY_PATIENCE, self._late)
        else:
            self._refuse(AuthenticationFailed("its sender is not one of those allowed"))

    def connectionMade(self) -> None:
        """
        There is nothing to say before the header.
        """

    def dataReceived(self, data: bytes) -> None:
        self._said += data
        try:
            length = headerLength(self._said)
            if length is None:
                return
            addresses = announced(bytes(self._said[:length]))
        except PTError as error:
            # Its traceback leads back to here: that is a cycle.
            self._refuse(error.with_traceback(None))
            return
        if addresses is not None:
            _rename(self._transport, *addresses)
        self._admit(bytes(self._said[length:]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._alarm.stop()
        self._transport = None

    def _late(self) -> None:
        self._refuse(HandshakeTimeout("the PROXY header did not come in time"))

    def _refuse(self, error: PTError) -> None:
        self._alarm.stop()
        transport, self._transport = self._transport, None
        self._door.refuse(transport, error, self._begun)

    def _admit(self, rest: bytes) -> None:
        self._alarm.stop()
        transport, self._transport = self._transport, None
        setReadSize(transport, self._readSize)
        inner = self._factory.buildProtocol(transport.getPeer())
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        inner.makeConnection(transport)
        # Another may have it by now, or none.
        protocol = getattr(transport, "protocol", None)
        if rest and protocol is not None:
            protocol.dataReceived(rest)


def _rename(transport: Any, peer: IAddress, host: IAddress) -> None:
    """
    Have a transport say what the header says.  It remains the transport itself:
    one that is wrapped is written to less promptly, and none of what tunes TCP
    knows it.
    """
    transport.getPeer = lambda: peer
    transport.getHost = lambda: host


class AnnouncedNetwork(WrappingNetwork):
    """
    A network whose listeners stand behind a balancer.
    """

    def __init__(self, network: Any, door: Door) -> None:
        super().__init__(network)
        self._door = door

    def serverEndpoint(self, host: str, port: int) -> IStreamServerEndpoint:
        arriving = partial(_Arrivals, door=self._door)
        return WrappingServerEndpoint(super().serverEndpoint(host, port), arriving)

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        raise ConfigurationError(f"the option {_ACCEPT!r} is for methods that use TCP")


class _Arrivals(WrappingFactory):
    def __init__(self, factory: IProtocolFactory, door: Door) -> None:
        super().__init__(factory)
        self._door = door

    def buildProtocol(self, addr: IAddress) -> Arriving:  # type: ignore[override]
        return Arriving(self._door, self._factory)
