"""
Methods whose handshake says where the server is.

Both sides have to say the same: the address under which clients reach the server.
For a client that is the option ``serverAddress``, or else where it connects to; for a
server it is the option, or else where it listens, if that is one address.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed, ConfigurationError
from pyptwist.interfaces import Context, IServerTransportEndpoint
from pyptwist.transports.shadow.keys import serverId

SERVER_ADDRESS: Final = "serverAddress"


class Place:
    """
    Where a server is, as its handshakes say it.
    """

    def __init__(self, address: HostPort | None) -> None:
        """
        :param address: what is known; None if nothing.
        """
        self._address = address

    @property
    def isLate(self) -> bool:
        """
        Is all known but the port, which the kernel is going to choose?
        """
        return self._address is not None and self._address.port == 0

    def check(self) -> None:
        """
        :raises ConfigurationError: if it is not known, and never will be.
        """
        if self._address is None or (self._address.ip and self._address.ip.is_unspecified):
            raise ConfigurationError(
                "DarkStar's handshake says where the server is: give the option serverAddress, "
                "the IP address and port under which clients reach it"
            )
        serverId(self._address)

    def learn(self, address: HostPort) -> None:
        """
        :param address: where the server listens.
        """
        self._address = address

    @property
    def serverId(self) -> bytes:
        """
        See ``serverId``.

        :raises AuthenticationFailed: it is not known yet.
        """
        if self._address is None or self._address.port == 0:
            raise AuthenticationFailed
        return serverId(self._address)


class AddressedTransport(CodecClientTransport, CodecServerTransport):
    """
    Both sides of such a method: write ``clientCodecAt`` and ``serverCodecAt``.
    """

    def clientCodecAt(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        """
        See ``CodecClientTransport.clientCodec``.

        :param address: the server's; None if nobody said it.
        """
        raise TypeError(f"{type(self).__name__} must define clientCodecAt")

    def serverCodecAt(
        self, context: Context, place: Place, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        See ``CodecServerTransport.serverCodec``.
        """
        raise TypeError(f"{type(self).__name__} must define serverCodecAt")

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return self.clientCodecAt(context, givenAddress(arguments), arguments)

    def clientCodecFor(
        self, context: Context, target: HostPort, arguments: Arguments
    ) -> CodecFactory:
        return self.clientCodecAt(context, givenAddress(arguments) or target, arguments)

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        :param target: where to connect to; None for ``serverAddress``.
        """
        return super().clientEndpoint(context, target or givenAddress(arguments), arguments)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return self._served(context, Place(givenAddress(arguments)), arguments)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        place = Place(givenAddress(arguments) or bind)
        endpoint = self.serving(context, bind, *self._served(context, place, arguments))
        return _LearningEndpoint(endpoint, place) if place.isLate else endpoint

    def _served(
        self, context: Context, place: Place, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        codecFactory, needed = self.serverCodecAt(context, place, arguments)
        if (address := givenAddress(arguments)) is not None:
            needed = needed.updated(Arguments({SERVER_ADDRESS: str(address)}))
        return codecFactory, needed


@implementer(IServerTransportEndpoint)
class _LearningEndpoint:
    """
    Tells what port the kernel chose.
    """

    def __init__(self, endpoint: IServerTransportEndpoint, place: Place) -> None:
        self.clientArguments = endpoint.clientArguments
        self._endpoint = endpoint
        self._place = place

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(protocolFactory).addCallback(self._learn)

    def _learn(self, port: Any) -> IListeningPort:
        address = port.getHost()
        self._place.learn(HostPort(address.host, address.port))
        listening: IListeningPort = port
        return listening


def givenAddress(arguments: Arguments) -> HostPort | None:
    """
    :returns: the option ``serverAddress``; None without it.
    :raises ConfigurationError: if it is no address.
    """
    return addressIn(arguments, SERVER_ADDRESS)


def addressIn(arguments: Arguments, key: str) -> HostPort | None:
    """
    :returns: what an option says; None without it.
    :raises ConfigurationError: if that is no address.
    """
    if key not in arguments:
        return None
    try:
        address = HostPort.parse(arguments.require(key))
        if address.port == 0:
            raise ConfigurationError("a port must be between 1 and 65535")
    except ConfigurationError as error:
        raise ConfigurationError(f"the option {key!r}: {error}") from None
    return address


def checkTransport(arguments: Arguments, name: str) -> None:
    """
    Look at what shapeshifter-dispatcher's files say besides: ``transport``, which is
    the method's name in any case, and ``bindAddress``, which means nothing here.

    :raises ConfigurationError: if it is another method's name, or no address.
    """
    if arguments.get("transport", name).lower() != name.lower():  # type: ignore[union-attr]
        raise ConfigurationError(f"the option 'transport' must be {name}: is this another's file?")
    addressIn(arguments, "bindAddress")
