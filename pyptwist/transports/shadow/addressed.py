"""
Methods whose handshake says where the server is.

Both sides have to say the same.  Shapeshifter-dispatcher's files have it as the option
``serverAddress``, where clients connect to.  A server that is not told it says where it
listens, or ``0.0.0.0:0`` if that is everywhere, and tells clients so as
``handshakeAddress``: that is right behind any NAT, for clients that know this argument.
Everywhere has no port: tor has the kernel choose one at its first start, and names that
one from the second on, when bridge lines are out.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IStreamClientEndpoint

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IServerTransportEndpoint

#: Where clients connect to.
SERVER_ADDRESS: Final = "serverAddress"
#: What they say in the handshake, if that is another address.
HANDSHAKE_ADDRESS: Final = "handshakeAddress"

_EVERYWHERE: Final = HostPort("0.0.0.0", 0)  # noqa: S104


class AddressedTransport(CodecClientTransport, CodecServerTransport):
    """
    Both sides of such a method: write ``clientCodecAt`` and ``serverCodecAt``.
    """

    def clientCodecAt(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        """
        See ``CodecClientTransport.clientCodec``.

        :param address: the server's, for the handshake; None if nobody said it.
        """
        raise TypeError(f"{type(self).__name__} must define clientCodecAt")

    def serverCodecAt(
        self, context: Context, address: HostPort, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        See ``CodecServerTransport.serverCodec``.

        :param address: the server's, for the handshake.
        :returns: see there; ``needsAddress`` says whether clients need it, too.
        """
        raise TypeError(f"{type(self).__name__} must define serverCodecAt")

    def needsAddress(self, arguments: Arguments) -> bool:
        """
        :param arguments: a server's, which are sound.
        :returns: whether there is a handshake that says where the server is.
        """
        return True

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return self._clientCodec(context, None, arguments)

    def clientCodecFor(
        self, context: Context, target: HostPort, arguments: Arguments
    ) -> CodecFactory:
        return self._clientCodec(context, target, arguments)

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        :param target: where to connect to; None for ``serverAddress``.
        """
        return super().clientEndpoint(
            context, target or addressIn(arguments, SERVER_ADDRESS), arguments
        )

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return self._serverCodec(context, _EVERYWHERE, arguments)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        return self.serving(context, bind, *self._serverCodec(context, bind, arguments))

    def _clientCodec(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        given = addressIn(arguments, SERVER_ADDRESS)
        address = addressIn(arguments, HANDSHAKE_ADDRESS, 0) or given or target
        return self.clientCodecAt(context, address, arguments)

    def _serverCodec(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        given = addressIn(arguments, SERVER_ADDRESS)
        isEverywhere = bind.ip is not None and bind.ip.is_unspecified
        address = given or (_EVERYWHERE if isEverywhere else bind)
        codecFactory, needed = self.serverCodecAt(context, address, arguments)
        key = HANDSHAKE_ADDRESS if given is None else SERVER_ADDRESS
        if given is not None or self.needsAddress(arguments):
            needed = needed.updated(Arguments({key: str(address)}))
        return codecFactory, needed


def addressIn(arguments: Arguments, key: str, minimum: int = 1) -> HostPort | None:
    """
    :param minimum: the smallest port that there can be.
    :returns: what an option says; None without it.
    :raises ConfigurationError: if that is no address.
    """
    if key not in arguments:
        return None
    try:
        address = HostPort.parse(arguments.require(key))
        if address.port < minimum:
            raise ConfigurationError(f"a port must be between {minimum} and 65535")
    except ConfigurationError as error:
        raise ConfigurationError(f"the option {key!r}: {error}") from None
    return address


def checkTransport(arguments: Arguments, name: str) -> None:
    """
    Look at what shapeshifter-dispatcher's files say besides: ``transport``, which is
    the method's name in any case.  ``bindAddress`` means nothing here, and is empty in
    files of its generator's.

    :raises ConfigurationError: if it is another method's name.
    """
    if (arguments.get("transport") or name).lower() != name.lower():
        raise ConfigurationError(f"the option 'transport' must be {name}: is this another's file?")
