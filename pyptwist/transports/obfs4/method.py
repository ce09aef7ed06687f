"""
obfs4 as a transport method: from arguments to codecs.
"""

from __future__ import annotations

from typing import Final

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.interfaces import Context
from pyptwist.ledger import Ledger
from pyptwist.transports.obfs4.codec import Obfs4ClientCodec, Obfs4ServerCodec, ServerShared
from pyptwist.transports.obfs4.handshake import ServerKeys
from pyptwist.transports.obfs4.identity import iatMode, loadIdentity, serverIdentity

#: Of the files of handshakes that were seen, without their number.
LEDGER_NAME: Final = "obfs4_handshakes"


class Obfs4(CodecClientTransport, CodecServerTransport):
    """
    The method ``obfs4``, both sides.

    The inherited time limits fit: the client's is the reference's own 60 s, and
    the server's is longer than any silence that its codec keeps (below 90 s).
    """

    name = "obfs4"

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        """
        :param arguments: ``cert``, or else ``node-id`` and ``public-key``; and
            ``iat-mode``, 0 to 2, which has no default.
        :returns: makes a codec, whose session key is made with it: before
            dialling, since Elligator's trials take a time that can be measured.
        :raises ConfigurationError: naming the argument that is missing or wrong.
        """
        server, mode = serverIdentity(arguments), iatMode(arguments)
        return lambda: Obfs4ClientCodec(server, mode, context.entropy, context.wallClock)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: ``node-id``, ``private-key`` and ``drbg-seed``, all or
            none; without them the state directory holds the keys.  ``iat-mode``
            stands for itself.
        :returns: what makes a codec, and ``cert`` and ``iat-mode`` for clients.
        :raises ConfigurationError: naming what is wrong, and the cure.
        """
        identity = loadIdentity(arguments, context.stateDirectory, context.entropy)
        # One replay filter for all connections of this listener.
        shared = _shared(context, identity.keys)

        def codec() -> Obfs4ServerCodec:
            return Obfs4ServerCodec(
                identity.keys, identity.iatMode, shared, context.entropy, context.wallClock
            )

        return codec, identity.clientArguments


def _shared(context: Context, keys: ServerKeys) -> ServerShared:
    if context.stateDirectory is None:
        return ServerShared(keys, context.entropy)
    ledger = Ledger(context.stateDirectory, LEDGER_NAME, limits.HANDSHAKE_LEDGER_PAGES)
    return ServerShared(keys, context.entropy, ledger.seenBefore)
