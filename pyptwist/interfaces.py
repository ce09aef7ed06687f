"""
The contracts, and what they are made of.

Four layers, each knowing only the one beneath it: modes and the IPC know
endpoints; a transport method turns arguments into an endpoint; an adapter
drives the method's codec; the network is the only door to the outside.

A *transport connection* is the virtual stream that an application sees.  A
*network connection* is what crosses the wire.  One to one is only the common
case.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments

if TYPE_CHECKING:
    from pyptwist.codec import Effect
    from pyptwist.errors import PTError
    from pyptwist.metrics import Metrics
    from pyptwist.state import StateDirectory


class INetwork(Interface):
    """
    The only door to the outside.

    An upstream proxy, an outbound bind address or a test's memory network is
    chosen by choosing an implementation.  One that cannot keep its promise
    fails: it never goes around.
    """

    def clientEndpoint(host: str, port: int) -> IStreamClientEndpoint:
        """
        How to reach a TCP peer.

        :param host: a name or an IP address; who resolves a name is the
            implementation's business.
        :param port: 1 to 65535.
        """

    def serverEndpoint(host: str, port: int) -> IStreamServerEndpoint:
        """
        Where to listen for TCP connections.

        :param host: a local IP address.
        :param port: 0 to 65535; 0 lets the kernel choose.
        :raises ConfigurationError: if this network cannot listen.
        """

    def bindDatagrams(protocol: Any, host: str, port: int) -> Any:
        """
        Bind a UDP socket.

        :param protocol: a ``twisted.internet.protocol.DatagramProtocol``.
        :param host: a local IP address.  Any address (``0.0.0.0`` or ``::``) with port
            0 is for sending: this network chooses.
        :returns: the ``twisted.internet.interfaces.IListeningPort``.
        :raises DatagramsForbidden: under an upstream proxy.
        """


@dataclass(frozen=True)
class Context:
    """
    What a transport method gets from its surroundings.

    :ivar reactor: the reactor, for its clock and timers.
    :ivar network: the only way to the outside.
    :ivar stateDirectory: where the method may keep files; None if nowhere.
    :ivar metrics: counters.
    :ivar entropy: gives that many unpredictable bytes.
    :ivar wallClock: gives the Unix time in seconds, for protocols that put the
        date into a handshake.
    :ivar alias: what connections are to call their method, if not by its own
        name: the name of the stack that it is the topmost layer of.
    :ivar refusals: what a server's connections tell about their peers; None if
        nobody wants to know.
    :ivar methods: where a method that is made of others finds them, a
        ``pyptwist.registry.Methods``; None for those installed.
    """

    reactor: Any
    network: Any
    stateDirectory: StateDirectory | None
    metrics: Metrics
    entropy: Callable[[int], bytes] = os.urandom
    wallClock: Callable[[], float] = time.time
    alias: str | None = None
    refusals: IRefusals | None = None
    methods: Any = None


class ITransportMethod(Interface):
    """
    One pluggable transport, such as obfs4.

    One that is carried by UDP has an attribute ``needsDatagrams``, which is True.
    """

    name: str = Attribute("PT name, matching ``[A-Za-z_][A-Za-z0-9_]*``.")


class IClientTransport(ITransportMethod):
    """
    A method that can reach a server.
    """

    def clientEndpoint(
        context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        How to reach one server.

        Everything is validated, and keys are made, before any packet is sent.
        ``connect()`` fires only once payload may flow, with a protocol whose
        transport provides ``ITransportConnection``.

        :param target: the server; None where the arguments name it (PT 3.0's
            serverAddress, meek's url).
        :param arguments: what the bridge line says behind the fingerprint.
        :raises ConfigurationError: if the arguments are wrong.
        """


class IServerTransportEndpoint(IStreamServerEndpoint):
    """
    A stream server endpoint that knows what its clients need.

    One whose clients do not connect to where it listens may have an attribute
    ``clientAddress`` as well, a ``HostPort`` that bridge lines are to name instead.
    """

    clientArguments: Arguments = Attribute(
        "What a client needs (SMETHOD ARGS); known before listen()."
    )


class IServerTransport(ITransportMethod):
    """
    A method that can be listened on.

    One whose servers are to have decoys (``pyptwist.strangers.decoy``) has the attributes
    ``serverSpeaksFirst``, which is False then, and ``admitsAnybody``, as
    ``CodecServerTransport`` has; and the protocol of each of its network
    connections is an ``IRefusable`` that tells ``Context.refusals``.
    """

    def serverEndpoint(
        context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        Where and how to listen.

        :param bind: a local IP address and a port, which may be 0.
        :param arguments: the operator's server transport options.
        :raises ConfigurationError: if the arguments are wrong.
        """


class ITransportConnection(ITransport, IConsumer, IPushProducer):
    """
    What application protocols get as ``.transport``.
    """

    methodName: str = Attribute("The name of the transport method.")

    networkConnection: ITransport | None = Attribute(
        "The one network connection beneath; None if there is not exactly one."
    )

    def abortConnection() -> None:
        """
        Close at once, losing what is not yet sent.
        """


class IRefusals(Interface):
    """
    Who is told what a server's connections find out about their peers, while
    something can be done about it.

    Each connection calls one of these, at most once; each layer of a stack does.
    The network connection it is about is its ``networkConnection``.
    """

    def refused(connection: IRefusable, error: PTError) -> None:
        """
        The peer is a stranger, and was sent nothing.  If nobody calls
        ``connection.detach()``, it stays as silent until its end.

        :param error: what was wrong.
        """

    def committed(connection: IRefusable) -> None:
        """
        The peer was answered, or let in: nothing can be undone.
        """


class IRefusable(ITransportConnection):
    """
    A transport connection that can be parted from its network connection.
    """

    def detach(reason: Failure) -> None:
        """
        Somebody else has the network connection from now on: end here and in
        all layers above, without a word to it.

        :param reason: what the application is told, if there is one, and what
            is counted.
        """


class ICodec(Interface):
    """
    A one-to-one transport method's state machine for one network connection.

    Effects are applied in order, and none follows
    ``Finished``.  ``now`` is in seconds on any clock
    that never goes back.
    """

    nextTimer: float | None = Attribute(
        "When timerFired() wants to be called, on the clock of now; None for never. "
        "May change in every call."
    )
    backlog: int = Attribute("Bytes taken by send() and not yet in a Transmit.")
    refusal: PTError | None = Attribute(
        "What was wrong, once a server's codec has found that its peer is a stranger, "
        "and keeps silent; else None.  ``CodecBase.drainUntil`` sets it."
    )

    def start(now: float) -> list[Effect]:
        """
        The network connection is there.  Called once, first.
        """

    def send(data: bytes, now: float) -> list[Effect]:
        """
        The application writes.  Only after Ready.

        :raises LocalProtocolError: before Ready.
        """

    def sendEnd(now: float) -> list[Effect]:
        """
        The application writes no more: flush, then Finished.
        """

    def receive(data: bytes, now: float) -> list[Effect]:
        """
        Bytes from the network.  Never raises on what the peer sent.
        """

    def receiveEnd(now: float) -> list[Effect]:
        """
        The peer sends no more, or the network connection is gone.
        """

    def refuse(error: PTError, now: float) -> list[Effect]:
        """
        A codec above has set its ``refusal``.  Nothing comes of that in a codec
        that lets in anybody, or that knows its peer; another one refuses him too.

        :param error: what was wrong.
        """

    def timerFired(now: float) -> list[Effect]:
        """
        ``nextTimer`` has come.  Harmless when called early.
        """
